//! Drivers: one protocol each, from bytes on the wire to readings in the catalogue.
//!
//! A driver owns its sessions and what it has learned of its device. It never schedules itself,
//! never logs secrets and never records a value that the device did not send.

pub mod any;
pub mod breaker;
pub mod budget;
pub mod fallback;
pub(crate) mod identities;
pub mod ipmi;
pub(crate) mod limits;
pub(crate) mod names;
pub mod redfish;
pub mod snmp;
pub(crate) mod warmth;

use model::{PollError, ReportBuilder};

/// A device that can be polled.
pub trait Driver {
    /// Polls once. Whatever can be read is recorded; what cannot is noted as a fault beside it.
    ///
    /// # Errors
    /// The device gave no valid answer at all.
    fn poll(&mut self, report: &mut ReportBuilder) -> impl Future<Output = Result<(), PollError>> + Send;

    /// Ends sessions on the device. Called once, at shutdown or when the target is removed.
    fn close(&mut self) -> impl Future<Output = ()> + Send;
}
