//! Arguments of `lightsout-mock link`.
//!
//! Prints its address and the schedule's first hour, then each phase as it begins, and serves until interrupted.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;

use super::{Link, Phase, Schedule, Slot};
use crate::say::say;

/// How much of the schedule is printed at the start.
const FORESEEN: Duration = Duration::from_secs(3_600);

/// Carry TCP connections over a link that misbehaves.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9091")]
    listen: SocketAddr,
    /// Where every connection is carried to.
    #[arg(long, value_name = "ADDRESS")]
    to: SocketAddr,
    /// Decides on every phase, its length, and which bits are flipped.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Faults of the schedule: drop, stall, cut, lose-answer, corrupt=BYTES, slow=BYTES_PER_SECOND, late=MS; all
    /// without this option.
    #[arg(long = "fault", value_name = "FAULT", value_delimiter = ',')]
    faults: Vec<Phase>,
    /// Mean length of good times, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    up: u64,
    /// Mean length of bad times, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    down: u64,
    /// No schedule: one phase for all time.
    #[arg(long, value_name = "PHASE", conflicts_with_all = ["faults", "up", "down"])]
    always: Option<Phase>,
}

/// Runs until interrupted.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let link = Link::bind(arguments.listen, arguments.to, arguments.seed)
        .with_context(|| format!("cannot listen on {}", arguments.listen))?;
    let seconds = Duration::from_secs;
    let faults = if arguments.faults.is_empty() { Phase::faults() } else { arguments.faults };
    let (up, down) = (seconds(arguments.up), seconds(arguments.down));
    let schedule = Schedule { seed: arguments.seed, faults, up, down };
    say(&format!("{}\n", link.local_addr()))?;
    if arguments.always.is_none() {
        let foreseen: String =
            schedule.slots().take_while(|slot| slot.at < FORESEEN).map(|slot| format!("{slot}\n")).collect();
        say(&format!("schedule of seed {}\n{foreseen}begins\n", schedule.seed))?;
    }
    let tell = |slot: Slot| {
        // A reader that has left does not end the link.
        let _ = say(&format!("{slot}\n"));
    };
    tokio::select! {
        () = live(&link, arguments.always, &schedule, tell) => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot wait for the interrupt"),
    }
}

/// Never returns.
async fn live(link: &Link, always: Option<Phase>, schedule: &Schedule, tell: impl FnMut(Slot)) {
    match always {
        Some(phase) => link.set(phase),
        None => link.follow(schedule, tell).await,
    }
    std::future::pending().await
}
