//! `lightsout`: out-of-band monitoring.

// A poll is a deep nest of futures: reports within sessions within requests within TLS.
#![recursion_limit = "256"]

use std::process::ExitCode;

use clap::Parser;
use collector::cli::Cli;

/// Smaller and steadier under many small allocations than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    Cli::parse().execute().await
}
