//! `lightsout`: out-of-band monitoring.

// A poll is a deep nest of futures: reports within sessions within requests within TLS.
#![recursion_limit = "256"]

use std::process::ExitCode;

use clap::Parser;
use collector::cli::Cli;

/// Steadier under many small allocations than glibc's. musl's own takes half as much memory on a pole, where it counts.
#[cfg(not(target_env = "musl"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A box on a pole has no room for pages of 2 MiB that are filled to a part. A kernel that refuses loses that only.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    run()
}

#[tokio::main]
async fn run() -> ExitCode {
    Cli::parse().execute().await
}
