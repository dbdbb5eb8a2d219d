//! Device profiles: data that says what a device's SNMP objects mean.
//!
//! Pure: loads, validates, matches and evaluates. Never talks to a device: `driver::snmp` fetches
//! what a [`request`](source::Request) names and hands in the [`source::Objects`].
//!
//! A profile is written in the format of [`format`], compiled once into a program, selected for a
//! device by what that says of itself, and evaluated at every poll. Several profiles make up one
//! device: those of standards, and that of its vendor, which may replace parts of the former.

mod compile;
pub mod conformance;
mod evaluate;
mod field;
pub mod format;
mod load;
mod memory;
mod program;
pub mod recording;
mod rows;
mod select;
pub mod source;
mod units;

pub use evaluate::{Description, Reading, Trace, Traced};
pub use format::schema;
pub use load::{ProfileError, Profiles};
pub use memory::Memory;
pub use select::Selection;
