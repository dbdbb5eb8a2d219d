//! What leaves: the Prometheus scrape format here; the edge buffer and forwarders beside it.
//!
//! Works on reports of the `model` crate. Never talks to a device.

pub mod buffer;
pub mod latest;
pub mod prometheus;
