//! Arguments of `lightsout-mock facility`.
//!
//! Runs the devices, writes the configuration for them, plays an incident if told to, and serves until interrupted.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use super::{Facility, write_config};
use crate::say::say;
use crate::scenario::{self, Scenario, Speed};

/// Run a small facility and a pole, and write the configuration of lightsout for it.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// An existing folder for lightsout.yml and the secrets that it names.
    #[arg(long, value_name = "FOLDER", required_unless_present = "list")]
    config: Option<PathBuf>,
    /// Where lightsout is to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9808")]
    listen: SocketAddr,
    /// Seconds from one poll to the next.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    /// An incident to play.
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// How many times faster than life the incident goes.
    #[arg(long, value_name = "FACTOR", default_value = "1", requires = "scenario")]
    speed: Speed,
    /// Begin the incident when a line comes on standard input.
    #[arg(long, requires = "scenario")]
    on_enter: bool,
    /// Show the incidents and end.
    #[arg(long)]
    list: bool,
}

/// Runs until interrupted.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    if arguments.list {
        return Ok(say(&scenario::list()?)?);
    }
    let incident = arguments.scenario.as_deref().map(Scenario::named).transpose()?;
    let facility = if incident.is_some() { Facility::start_calm()? } else { Facility::start()? };
    let folder = arguments.config.unwrap_or_default();
    let interval = Duration::from_secs(arguments.interval);
    let path = write_config(&folder, facility.devices(), arguments.listen, interval, None)
        .with_context(|| format!("cannot write into {}", folder.display()))?;
    say(&format!("{}\n", path.display()))?;
    let happening = async {
        if let Some(incident) = &incident {
            let tell = |at: Duration, says: &str| {
                // A reader that has left does not end the facility.
                let _ = say(&scenario::line(at, says));
            };
            if arguments.on_enter {
                entered().await;
            }
            scenario::play(&facility, incident, arguments.speed, tell).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = happening => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot wait for the interrupt"),
    }
}

/// Waits for a line on standard input; without end if that ends before.
async fn entered() {
    let (told, entered) = tokio::sync::oneshot::channel();
    // A thread of its own: one of the runtime's would keep the program from its end while it reads.
    std::thread::spawn(move || {
        if std::io::stdin().read_line(&mut String::new()).is_ok_and(|octets| octets > 0) {
            let _ = told.send(());
        }
    });
    if entered.await.is_err() {
        std::future::pending::<()>().await;
    }
}
