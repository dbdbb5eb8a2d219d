//! IPMI 2.0 over RMCP+ without I/O (IPMI v2.0 rev. 1.1, section 13): bytes and time in, bytes out.
//!
//! Only cipher suites 17 and 3: both authenticate every packet and encrypt it with AES-CBC-128. There is
//! no way to less. Nothing in a packet of a session is believed before its integrity was checked.

pub(crate) mod crypto;
pub(crate) mod login;
pub(crate) mod message;
pub(crate) mod packet;
pub(crate) mod proposal;
pub(crate) mod rakp;
pub(crate) mod retry;
pub(crate) mod session;
pub(crate) mod status;

#[cfg(test)]
mod tests;

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Send this.
    Send(Vec<u8>),
    /// Nothing before this time, unless something comes.
    Wait(tokio::time::Instant),
    /// The time is over.
    Silence,
}
