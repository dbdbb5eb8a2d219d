//! Forwarders against receivers: one in memory that follows a script, then real ones: Debian's Prometheus and
//! VictoriaMetrics, and one of OTLP on Python's packages.
//!
//! `PYTHON` names an interpreter that has the packages of `tests/requirements.txt`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

mod answers;
mod buffered;
mod daemon;
mod databases;
mod filters;
mod held_back;
mod log;
mod order;
mod otlp;
mod outage;
mod pole;
mod receiver;
mod refusals;
mod retries;
mod scene;
mod trust;
#[allow(dead_code, reason = "benchmarks use more of it")]
#[path = "../../benches/workload/mod.rs"]
mod workload;
