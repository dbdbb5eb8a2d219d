//! IPMI 2.0 over RMCP+ (IPMI specification v2.0 rev. 1.1), natively.
//!
//! `wire` is the protocol without I/O; `transport` has the sockets, `link` one BMC; `decode` is the meaning
//! of records and readings, pure, and `normalise` what that is in the catalogue; `repository`, `inventory`,
//! `sensors`, `events` and `dcmi` read, and `driver` polls. Every session is authenticated and encrypted, or
//! there is none. What a BMC does not say is absent, never zero.

mod bytes;
mod dcmi;
mod decode;
pub mod driver;
mod error;
mod events;
mod inventory;
mod link;
mod normalise;
mod repository;
mod sensors;
mod transport;
pub mod untrusted;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use model::Timestamp;

use crate::driver::breaker::Breakers;

/// Gives 16 random bytes that nobody can guess; nothing where the system has none.
pub type Entropy = fn() -> Option<[u8; 16]>;

/// What the IPMI drivers of a process share.
pub struct Ipmi {
    transport: transport::Transport,
    breakers: Arc<Breakers>,
    clock: fn() -> Timestamp,
    entropy: Entropy,
}

impl Ipmi {
    /// Opens the sockets, in a runtime of tokio. `clock` is wall time.
    ///
    /// # Errors
    /// No IPv4 socket could be opened.
    pub fn bind(
        breakers: Arc<Breakers>,
        clock: fn() -> Timestamp,
        entropy: Entropy,
    ) -> std::io::Result<Self> {
        Ok(Self { transport: transport::Transport::bind()?, breakers, clock, entropy })
    }
}

/// Random bytes of the operating system.
pub fn system_entropy() -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok().map(|()| bytes)
}
