//! Prometheus remote-write: requests of version 2.0, and of 1.0 for receivers that don't know it.
//!
//! Follows the Remote-Write specifications 1.0 and 2.0-rc.4. [`encode`] writes requests and does no I/O;
//! [`RemoteWrite`] brings them to a receiver and judges its answers.

pub mod encode;
mod transport;

pub use transport::{Options, RemoteWrite};
