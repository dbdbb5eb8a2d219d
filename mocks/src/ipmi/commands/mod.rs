//! Commands within a session: from a request's data to a completion code and an answer.
//!
//! Pure but for the few things that a BMC remembers (reservations, events). Completion codes are those of
//! IPMI 2.0 rev 1.1 table 5-2, network functions those of table 5-1.

mod app;
mod dcmi;
mod sensor;
mod storage;

use super::bmc::{Bmc, Event};
use super::device::Shared;
use super::faults::{Fault, FaultSet};
use super::live::Moment;
use super::packet::Request;

pub(crate) use app::{authentication_capabilities, cipher_suites, guid, session_info, set_privilege};

/// Completion codes, table 5-2.
pub(crate) mod code {
    pub(crate) const DONE: u8 = 0x00;
    pub(crate) const INVALID_COMMAND: u8 = 0xc1;
    pub(crate) const TIMEOUT: u8 = 0xc3;
    pub(crate) const RESERVATION_CANCELLED: u8 = 0xc5;
    pub(crate) const WRONG_LENGTH: u8 = 0xc7;
    pub(crate) const OUT_OF_RANGE: u8 = 0xc9;
    pub(crate) const CANNOT_RETURN_SO_MANY: u8 = 0xca;
    pub(crate) const NOT_PRESENT: u8 = 0xcb;
    pub(crate) const INVALID_FIELD: u8 = 0xcc;
    pub(crate) const INSUFFICIENT_PRIVILEGE: u8 = 0xd4;
    pub(crate) const NOT_IN_THIS_STATE: u8 = 0xd5;
}

/// Network functions of requests, table 5-1.
pub(crate) mod net_fn {
    pub(crate) const CHASSIS: u8 = 0x00;
    pub(crate) const SENSOR: u8 = 0x04;
    pub(crate) const APP: u8 = 0x06;
    pub(crate) const STORAGE: u8 = 0x0a;
    pub(crate) const GROUP: u8 = 0x2c;
}

/// What follows the completion code, or another code than "done".
pub(crate) type Outcome = Result<Vec<u8>, u8>;

/// The octets behind a response's command.
pub(crate) fn octets(outcome: Outcome) -> Vec<u8> {
    match outcome {
        Ok(data) => [&[code::DONE], &data[..]].concat(),
        Err(code) => vec![code],
    }
}

/// What a BMC remembers between requests.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) sdr_reservation: u16,
    pub(crate) sel_reservation: u16,
    /// Events since the BMC began.
    pub(crate) events: Vec<Event>,
}

/// What commands are answered from.
pub(crate) struct Context<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) memory: &'a mut Memory,
    pub(crate) faults: &'a FaultSet,
    pub(crate) moment: Moment,
}

impl Context<'_> {
    fn bmc(&self) -> &Bmc {
        &self.shared.bmc
    }

    /// The BMC's clock, in seconds since 1970.
    fn clock(&self) -> u32 {
        let elapsed = u32::try_from(self.moment.elapsed.as_secs()).unwrap_or(u32::MAX);
        self.shared.options.epoch.saturating_add(elapsed)
    }

    /// Answers a request.
    pub(crate) fn execute(&mut self, request: &Request<'_>) -> Outcome {
        let asked = Some((request.net_fn, request.command));
        let forced = self.faults.pick(asked, |fault| match fault {
            Fault::CompletionCode { code } => Some(*code),
            _ => None,
        });
        match (forced, request.net_fn) {
            (Some(code), _) => Err(code),
            (_, net_fn::CHASSIS) => app::chassis(request),
            (_, net_fn::SENSOR) => sensor::execute(self, request),
            (_, net_fn::APP) => app::execute(self, request),
            (_, net_fn::STORAGE) => storage::execute(self, request),
            (_, net_fn::GROUP) => dcmi::execute(self, request),
            _ => Err(code::INVALID_COMMAND),
        }
    }
}

/// The first octets of a request's data.
fn fields<const N: usize>(request: &Request<'_>) -> Result<[u8; N], u8> {
    request.data.first_chunk().copied().ok_or(code::WRONG_LENGTH)
}
