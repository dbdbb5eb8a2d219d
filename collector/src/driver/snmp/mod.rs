//! SNMP: v1, v2c and v3 over UDP, on one socket per address family for all targets.
//!
//! The wire, from the outside in: [`SnmpDriver`] polls a device, `fetch` reads what a
//! [`Request`](crate::profile::source::Request) names, `session` asks one device, [`Snmp`] owns the
//! sockets. Meaning is given by device profiles, never here. [`record()`] writes a scrubbed recording.
//!
//! Nothing outside of this module names the SNMP library. Nothing here sets an object on a device.

mod credentials;
mod diagnose;
mod driver;
mod error;
mod fetch;
mod habits;
mod identity;
mod record;
mod scrub;
mod session;
mod tap;
#[cfg(test)]
mod tests;
mod transport;
pub mod value;
mod walk;
mod wire;

pub use credentials::check;
pub use driver::SnmpDriver;
pub use record::{Recording, record};
pub use transport::{Snmp, Stats};
