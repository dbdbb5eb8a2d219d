//! What a forwarder takes out of the buffer: samples of whole poll reports, gathered by series.
//!
//! Values only: knows neither the files that the samples come from nor the protocol that they leave by.

use std::ops::Range;
use std::sync::Arc;

use model::{Metric, Timestamp};

/// A series as the log knows it: its labels are the text that `model::Series` keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSeries {
    /// The metric.
    pub metric: Metric,
    /// Labels of the device, in exposition format without braces.
    pub device: Arc<str>,
    /// Labels of its own, in exposition format without braces.
    pub own: Box<str>,
    /// When the series was first seen in this log: the start time of a cumulative counter. 0 where the clock was
    /// not known then.
    pub since: Timestamp,
}

/// One value at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When it was measured: wall time, never in the future of the clock that was asked.
    pub at: Timestamp,
    /// In the unit that the catalogue declares.
    pub value: f64,
}

/// The samples of one series in a batch.
#[derive(Clone, Debug)]
pub struct Run {
    /// The series. The same series is the same `Arc` in later batches of one reader.
    pub series: Arc<StoredSeries>,
    /// Which of the batch's points are its, oldest first.
    pub points: Range<usize>,
    /// When a later report was seen to lack the series, if one did: where a stale marker belongs. Such a run may
    /// have no points, where an earlier batch brought the last of them.
    pub ended: Option<Timestamp>,
}

/// Samples of consecutive reports, to be sent and acknowledged together.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Sequence numbers of the log's entries that it covers, also those that brought no samples.
    pub entries: Range<u64>,
    /// One for each series.
    pub runs: Vec<Run>,
    /// The samples of all runs.
    pub points: Vec<Point>,
}

impl Batch {
    /// The samples of one run.
    pub fn points_of(&self, run: &Run) -> &[Point] {
        self.points.get(run.points.clone()).unwrap_or_default()
    }
}
