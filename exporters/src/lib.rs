//! What leaves: the Prometheus scrape format here; forwarders stand beside it.
//!
//! Works on reports of the `model` crate. Never talks to a device.

pub mod latest;
pub mod prometheus;
