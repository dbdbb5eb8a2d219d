//! The program as a whole: the real binary, real sockets, mock devices and independent peers.
//!
//! Everything listens on 127.0.0.1, on ports of its own, and ends with its test. Waiting is for a
//! condition and bounded by [`support::PATIENCE`]; no test measures time.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

mod bad_input;
mod command_line;
mod demo;
mod firmware;
mod lists;
mod peers;
mod recordings;
mod refused;
mod reload;
mod scenarios;
mod service;
mod support;
