//! A poll report: one device at one time, with what was read and what could not be.
//!
//! Values only: a [`ReportBuilder`](crate::ReportBuilder) makes them.

use std::sync::Arc;
use std::time::Duration;

use crate::device::Device;
use crate::fault::{Fault, PollError, Reason, Rejection};
pub use crate::registry::MAX_SERIES;
use crate::series::Series;

/// Milliseconds since 1970-01-01 UTC.
pub type Timestamp = i64;

/// Most faults kept in one report; more say nothing new. The rest are only counted.
pub const MAX_FAULTS: usize = 64;

/// One value of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// What it is a value of.
    pub series: Arc<Series>,
    /// In the unit that the catalogue declares.
    pub value: f64,
}

/// What one poll of one device brought.
#[derive(Clone, Debug)]
pub struct PollReport {
    /// The device.
    pub device: Arc<Device>,
    /// When the poll began.
    pub at: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// Samples, ordered by metric.
    pub samples: Vec<Sample>,
    /// What could not be read.
    pub faults: Vec<Fault>,
    /// Faults by cause, those over [`MAX_FAULTS`] included.
    pub fault_counts: Vec<(Reason, u32)>,
    /// Readings dropped by cause.
    pub rejections: Vec<(Rejection, u32)>,
    /// Why the poll brought nothing at all, if so.
    pub error: Option<PollError>,
    /// Protocols that were tried and whether each answers, where a device has several.
    pub protocols: Vec<(&'static str, bool)>,
}

/// What a device says of itself. Empty fields say nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity<'a> {
    /// Manufacturer.
    pub vendor: &'a str,
    /// Model name.
    pub model: &'a str,
    /// Serial number.
    pub serial: &'a str,
    /// Inventory number that is stored in the device.
    pub asset_tag: &'a str,
    /// Protocol that told it.
    pub protocol: &'a str,
}
