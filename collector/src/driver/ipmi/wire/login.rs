//! Getting a session: Get Channel Authentication Capabilities, Open Session, RAKP 1 to 4
//! (sections 13.14 to 13.24, 22.13).
//!
//! The BMC has to prove that it knows the password before this console does (RAKP 2 before RAKP 3), so a
//! wrong password is noticed here. What is not for this step of this login is dropped.

use std::time::Duration;

use tokio::time::Instant;

use super::Next;
use super::crypto::{Keys, Suite, same};
use super::message::{Reply, Request};
use super::packet::{self, Packet};
use super::proposal::Proposal;
use super::rakp::{self, Account, Exchange};
use super::retry::{Retry, Turn};
use super::session::Session;
use super::status::LoginError;
use crate::driver::ipmi::bytes::Reader;

/// Part of the patience that a question gets which has an alternative: the greeting, which some BMCs ignore,
/// and a cipher suite, since some stay silent on one that they lack.
const SHORT_SHARE: u32 = 4;

/// Random numbers of one login. Never used twice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nonce {
    /// This console's id of the session.
    pub(crate) console: u32,
    /// R_m of RAKP 1.
    pub(crate) random: [u8; 16],
}

/// A login under way.
pub(crate) struct Login<'a> {
    account: &'a Account,
    nonce: Nonce,
    proposal: Proposal,
    step: Step,
    /// The tag of the last message of RMCP+.
    tag: u8,
    /// Type and payload of that message, the tag first.
    message: (u8, Vec<u8>),
    retry: Retry,
    patience: Duration,
}

enum Step {
    Capabilities,
    Open,
    Rakp2 { bmc: u32 },
    Rakp4 { bmc: u32, keys: Box<Keys>, expected: Vec<u8> },
}

/// How a received packet moved the login.
pub(crate) enum Progress {
    /// Not at all, or one step: ask what is next.
    On,
    /// It is done.
    Done(Box<Session>, Suite),
}

impl<'a> Login<'a> {
    /// Begins with `suite` if it is known that the device takes it.
    pub(crate) fn new(
        account: &'a Account,
        nonce: Nonce,
        suite: Option<Suite>,
        now: Instant,
        patience: Duration,
    ) -> Self {
        let mut login = Self {
            account,
            nonce,
            proposal: Proposal::new(suite),
            step: Step::Capabilities,
            tag: 0,
            message: (0, Vec::new()),
            retry: Retry::new(now, patience / SHORT_SHARE),
            patience,
        };
        if suite.is_some() {
            login.open(now);
        }
        login
    }

    /// What to do now.
    ///
    /// # Errors
    /// The device does not answer.
    pub(crate) fn next(&mut self, now: Instant) -> Result<Next, LoginError> {
        match self.retry.turn(now) {
            Turn::Send => return Ok(Next::Send(self.packet())),
            Turn::Wait(until) => return Ok(Next::Wait(until)),
            Turn::Over => {}
        }
        let goes_on = match self.step {
            Step::Capabilities => true,
            Step::Open => self.proposal.turn(),
            Step::Rakp2 { .. } | Step::Rakp4 { .. } => false,
        };
        if goes_on {
            self.open(now);
            return self.next(now);
        }
        Err(if self.proposal.is_heard() { LoginError::Stuck } else { LoginError::Silence })
    }

    /// Takes a packet.
    ///
    /// # Errors
    /// The device refuses, or the password is wrong.
    pub(crate) fn receive(&mut self, bytes: &[u8], now: Instant) -> Result<Progress, LoginError> {
        match (Packet::parse(bytes), &self.step) {
            (Some(Packet::Legacy(message)), Step::Capabilities) => self.greeted(message, now)?,
            (Some(Packet::Open(packet::OPEN_RESPONSE, payload)), Step::Open) => {
                if let Some(answer) = self.answer(payload) {
                    self.opened(answer, now)?;
                }
            }
            (Some(Packet::Open(packet::RAKP_2, payload)), Step::Rakp2 { bmc }) => {
                let bmc = *bmc;
                if let Some(answer) = self.answer(payload) {
                    self.proved(answer, bmc, now)?;
                }
            }
            (Some(Packet::Open(packet::RAKP_4, payload)), Step::Rakp4 { .. }) => {
                if let Some(answer) = self.answer(payload) {
                    return self.established(answer);
                }
            }
            _ => {}
        }
        Ok(Progress::On)
    }

    /// The packet to send. Every sending of RAKP 1 has a tag of its own: some BMCs draw a new random number for
    /// each, and only the answer to the last of them leads on.
    fn packet(&mut self) -> Vec<u8> {
        if matches!(self.step, Step::Capabilities) {
            return packet::legacy(&capabilities(self.account.level()).encode(0));
        }
        if matches!(self.step, Step::Rakp2 { .. }) {
            self.tag = self.tag.wrapping_add(1);
        }
        let (kind, payload) = &mut self.message;
        if let Some(tag) = payload.first_mut() {
            *tag = self.tag;
        }
        packet::open(*kind, payload)
    }

    /// Status and rest of a payload, if it answers the last one.
    fn answer<'b>(&self, payload: &'b [u8]) -> Option<(u8, Reader<'b>)> {
        let mut reader = Reader::new(payload);
        let [tag, status, ..] = reader.array::<4>()?;
        // An early refusal may end before the session's id.
        let console = reader.u32();
        let mine = console.map_or(status != 0, |console| console == self.nonce.console);
        (tag == self.tag && mine).then_some((status, reader))
    }

    fn go(&mut self, step: Step, kind: u8, payload: Vec<u8>, now: Instant) {
        self.tag = self.tag.wrapping_add(1);
        self.step = step;
        self.message = (kind, payload);
        self.retry = Retry::new(now, self.patience);
    }

    fn greeted(&mut self, message: &[u8], now: Instant) -> Result<(), LoginError> {
        let Some(reply) = Reply::decode(message) else { return Ok(()) };
        if !reply.sound || !reply.answers(&capabilities(self.account.level()), &[0]) {
            return Ok(());
        }
        // Byte 2, bit 7: there are extended capabilities; byte 4, bits 1 and 0: IPMI 2.0 and 1.5.
        let extended = reply.data.get(1).is_some_and(|byte| byte >> 7 == 1);
        let only_legacy = extended && reply.data.get(3).is_some_and(|byte| byte & 3 == 1);
        self.proposal.heard();
        if reply.code == 0 && only_legacy {
            return Err(LoginError::Legacy);
        }
        self.open(now);
        Ok(())
    }

    fn open(&mut self, now: Instant) {
        let payload = rakp::open_request(self.account.level(), self.nonce.console, self.proposal.suite());
        self.go(Step::Open, packet::OPEN_REQUEST, payload, now);
        self.proposal.propose();
        if self.proposal.has_alternative() {
            self.retry = Retry::new(now, self.patience / SHORT_SHARE);
        }
    }

    fn opened(&mut self, (status, mut reader): (u8, Reader<'_>), now: Instant) -> Result<(), LoginError> {
        if status != 0 {
            self.proposal.refuse(LoginError::of_status(status))?;
            self.open(now);
            return Ok(());
        }
        let bmc = reader.u32().ok_or(LoginError::Malformed)?;
        let told: [u8; 24] = reader.array().ok_or(LoginError::Malformed)?;
        let (payloads, _) = told.as_chunks::<8>();
        let told: Vec<u8> = payloads.iter().map(|[_, _, _, _, algorithm, ..]| algorithm & 0x3f).collect();
        if told != self.proposal.suite().algorithms() {
            // Never less than what was asked for.
            return Err(LoginError::Suites);
        }
        self.proposal.heard();
        let payload = rakp::challenge(self.account, bmc, &self.nonce.random);
        self.go(Step::Rakp2 { bmc }, packet::RAKP_1, payload, now);
        Ok(())
    }

    /// RAKP 2: the BMC proves that it knows the password.
    fn proved(
        &mut self,
        (status, mut reader): (u8, Reader<'_>),
        bmc: u32,
        now: Instant,
    ) -> Result<(), LoginError> {
        if status != 0 {
            return Err(LoginError::of_status(status));
        }
        let exchange = Exchange {
            suite: self.proposal.suite(),
            account: self.account,
            console: self.nonce.console,
            bmc,
            ours: self.nonce.random,
            theirs: reader.array().ok_or(LoginError::Malformed)?,
            guid: reader.array().ok_or(LoginError::Malformed)?,
        };
        let mut roles = exchange.roles().into_iter();
        let role = roles.find(|role| same(&exchange.rakp2(*role), reader.rest()));
        let role = role.ok_or(LoginError::Password)?;
        let sik = exchange.sik(role);
        let keys = Keys::derive(self.proposal.suite(), &sik).ok_or(LoginError::Malformed)?;
        let expected = exchange.rakp4(&sik);
        let payload = exchange.answer(role);
        self.go(Step::Rakp4 { bmc, keys: Box::new(keys), expected }, packet::RAKP_3, payload, now);
        Ok(())
    }

    /// RAKP 4: the BMC proves that it has come to the same keys, which only another K_g prevents.
    fn established(&mut self, (status, reader): (u8, Reader<'_>)) -> Result<Progress, LoginError> {
        if status != 0 {
            return Err(LoginError::of_status(status));
        }
        match std::mem::replace(&mut self.step, Step::Capabilities) {
            Step::Rakp4 { bmc, keys, expected } if same(&expected, reader.rest()) => {
                let session = Session::new(*keys, bmc, self.nonce.console);
                Ok(Progress::Done(Box::new(session), self.proposal.suite()))
            }
            _ => Err(LoginError::GroupKey),
        }
    }
}

/// Get Channel Authentication Capabilities: this channel, with RMCP+ data, for this privilege level.
fn capabilities(level: u8) -> Request {
    Request::new(0x06, 0x38, &[0x8e, level])
}
