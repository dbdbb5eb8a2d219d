//! One entry of the log in memory: the values of one report, and the shape that reports share.
//!
//! Everything works on rows: the log is written from them and read back to them, sealed segments too.

use std::sync::Arc;

use crate::buffer::batch::StoredSeries;
use crate::buffer::clock::Stamp;
use crate::buffer::values::Values;

/// Which series a report holds, in its order. Reports of one device share it while nothing comes or goes.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) series: Box<[Arc<StoredSeries>]>,
}

/// One report.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) stamp: Stamp,
    pub(crate) shape: Arc<Shape>,
    /// One for each series of the shape.
    pub(crate) values: Values,
    /// Series that the report before had and this one lacks. Seldom any.
    pub(crate) ended: Box<[Arc<StoredSeries>]>,
}

impl Row {
    /// Samples that it brings.
    pub(crate) fn samples(&self) -> u64 {
        u64::try_from(self.values.len()).unwrap_or(u64::MAX)
    }
}
