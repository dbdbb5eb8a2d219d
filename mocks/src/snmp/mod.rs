//! An SNMP agent that serves recordings.

pub mod cli;
