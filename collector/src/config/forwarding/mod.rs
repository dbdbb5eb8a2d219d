//! The buffer and the destinations: as written, and as the forwarders take them.

pub(super) mod file;
pub(super) mod resolve;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use exporters::buffer::Order;
use exporters::forward::Filter;
use exporters::{otlp, remote_write};
use model::Timestamp;

/// The buffer on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// Folder of its own.
    pub dir: PathBuf,
    /// Most bytes on disk.
    pub limit_bytes: u64,
    /// Age at which samples are given up.
    pub max_age: Option<Duration>,
    /// Longest time for which a power cut may take samples back; zero writes through with each report.
    pub sync: Duration,
    /// A wall clock that shows this time or a later one is believed.
    pub clock_floor: Option<Timestamp>,
}

/// A receiver of all readings.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Name, unique.
    pub name: String,
    /// What it speaks, and where it is.
    pub protocol: Protocol,
    /// What goes first after an outage.
    pub order: Order,
    /// Share of the link for what waited.
    pub backfill_share: f64,
    /// Most bytes in a second.
    pub bytes_per_second: Option<u64>,
    /// Most bytes of one request, as it goes over the link.
    pub batch_bytes: u64,
    /// Which series are sent.
    pub filter: Filter,
    /// Whether series are marked as ended when the program ends.
    pub end_series_at_shutdown: bool,
    /// How it was written: two that are the same here are the same destination.
    pub(crate) written: String,
}

/// What a destination speaks.
#[derive(Clone, Debug)]
pub enum Protocol {
    /// Prometheus remote-write.
    RemoteWrite(remote_write::Options),
    /// OTLP metrics.
    Otlp(otlp::Options),
}
