//! The command line.

pub mod adhoc;
pub mod output;
