//! The SNMP agent, asked by net-snmp's command-line tools (Debian package `snmp`) and by plain datagrams.

// Clippy knows test functions, not the functions that they share.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod captures;
mod faults;
mod netsnmp;
mod overrides;
mod program;
mod protocol;
mod recordings;

mod security;
