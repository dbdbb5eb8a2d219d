//! What leaves: the Prometheus scrape format here; the edge buffer and forwarders beside it.
//!
//! Works on reports of the `model` crate. Never talks to a device.

pub mod buffer;
pub mod forward;
pub mod latest;
pub mod otlp;
pub mod prometheus;
mod protobuf;
pub mod remote_write;
