//! The vocabulary of lightsout: metrics, labels, series, devices, faults and poll reports.
//!
//! Values only. This crate never does I/O, never reads a clock, never logs and never awaits;
//! time is passed in.

pub mod builder;
pub mod catalogue;
pub mod device;
pub mod fault;
pub mod glob;
pub mod label;
pub mod metric;
mod registry;
pub mod report;
pub mod series;
pub mod state;

pub use builder::ReportBuilder;
pub use catalogue::{Definition, Kind, Metric, Unit};
pub use device::{Device, Labels as DeviceLabels};
pub use fault::{Fault, PollError, Reason, Rejection};
pub use label::{Label, Labels};
pub use registry::Place;
pub use report::{Identity, PollReport, Sample, Timestamp};
pub use series::Series;
