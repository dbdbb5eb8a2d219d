//! `lightsout demo`: a mock facility and a pole inside the program, polled as real devices are.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use mocks::facility::{self, Facility, Uplink};
use mocks::scenario::{self, Scenario, Speed};
use tokio::sync::watch;

use super::{DONE, FAILED, print};
use crate::config::Config;
use crate::poll::board::Board;
use crate::run::Program;
use crate::status::{TargetState, TargetStatus};
use crate::yaml::Duration as Written;

/// Where the demonstration is served, and for how long.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// End by itself after this time, for example 60s
    #[arg(long = "for", value_name = "DURATION")]
    time: Option<Written>,
    /// Address and port of the web endpoints
    #[arg(long, default_value = "127.0.0.1:9808")]
    listen: SocketAddr,
    /// Time from one poll to the next
    #[arg(long, default_value = "5s", value_name = "DURATION")]
    interval: Written,
    /// Play an incident, for example fan-fails; `list` shows all
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// How many times faster than life the incident goes
    #[arg(long, default_value = "1", value_name = "FACTOR", requires = "scenario")]
    speed: Speed,
}

/// Runs the demonstration to its end, and says what it came to.
pub(super) async fn demo(options: &Options) -> anyhow::Result<u8> {
    if options.scenario.as_deref() == Some("list") {
        return print(&scenario::list()?);
    }
    let incident = options.scenario.as_deref().map(Scenario::named).transpose()?;
    let facility = if incident.is_some() { Facility::start_calm()? } else { Facility::start()? };
    let folder = tempdir().context("cannot make a folder for the demonstration's configuration")?;
    let uplink = Uplink::start().context("cannot start the uplink of the pole")?;
    facility.set_uplink(std::sync::Arc::clone(uplink.link()));
    let behind = Some(uplink.link().local_addr());
    let path =
        facility::write_config(&folder, facility.devices(), options.listen, options.interval.0, behind)
            .with_context(|| format!("cannot write into {}", folder.display()))?;
    let config = Config::load(&path)?;
    let (end, shutdown) = watch::channel(false);
    let program = Program::start(path.clone(), config, shutdown.clone()).await?;
    print(&welcome(program.address(), options, &facility, &path, incident.as_ref()))?;

    let board = std::sync::Arc::clone(program.board());
    let time = options.time.map(|time| time.0);
    let ending = tokio::spawn(async move {
        match time {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
        let _ = end.send(true);
    });
    tokio::select! {
        ended = program.run(shutdown) => ended?,
        () = happen(&facility, &uplink, incident.as_ref(), options.speed) => {}
    }
    ending.abort();
    let _ = std::fs::remove_dir_all(&folder);
    let (text, polled) = summary(&board);
    print(&text)?;
    Ok(if polled { DONE } else { FAILED })
}

/// Plays the incident, or takes the pole's uplink down and up, and prints what happens; never returns.
async fn happen(facility: &Facility, uplink: &Uplink, incident: Option<&Scenario>, speed: Speed) {
    let began = tokio::time::Instant::now();
    let tell = |at: Duration, says: &str| {
        // A reader that has left does not end the demonstration.
        let _ = print(&scenario::line(at, says));
    };
    match incident {
        Some(incident) => scenario::play(facility, incident, speed, tell).await,
        None => match uplink.come_and_go(|says| tell(began.elapsed(), says)).await {},
    }
    std::future::pending().await
}

/// A folder that only this user can read.
fn tempdir() -> std::io::Result<std::path::PathBuf> {
    use std::os::unix::fs::DirBuilderExt as _;
    let folder = std::env::temp_dir().join(format!("lightsout-demo-{:016x}", fastrand::u64(..)));
    std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
    Ok(folder)
}

fn welcome(
    address: SocketAddr,
    options: &Options,
    facility: &Facility,
    config: &Path,
    incident: Option<&Scenario>,
) -> String {
    let base = format!("http://{address}");
    let note = match incident {
        Some(incident) => incident.about.as_str(),
        None => {
            "switch-r2 is dead on purpose, and the BMC of storage-r2-01 keeps its last sensor record to itself."
        }
    };
    format!(
        "A mock facility of {} devices is polled every {:?}; what the pole brings goes over an uplink.\n\n  \
           status page   {base}/\n  \
           metrics       {base}/metrics\n  \
           targets       {base}/api/v1/targets\n  \
           configuration {}\n\n\
         {note}\nEnd with Ctrl-C.\n",
        facility.devices().len(),
        options.interval.0,
        config.display(),
    )
}

/// What it came to, and whether every device was polled.
fn summary(board: &Board) -> (String, bool) {
    let targets = board.targets();
    let count = |state: TargetState| targets.iter().filter(|target| target.state == state).count();
    let samples: usize = targets.iter().map(|target| target.series).sum();
    let faults: usize = targets.iter().map(|target| target.faults).sum();
    let mut text = format!(
        "devices: {} ({} up, {} degraded, {} down)\nsamples: {samples} in the last poll of each\nfaults: {faults}\n",
        targets.len(),
        count(TargetState::Up),
        count(TargetState::Degraded),
        count(TargetState::Down) + count(TargetState::LoginRefused),
    );
    for TargetStatus { device, last_error, .. } in targets.iter().filter(|target| target.last_error.is_some())
    {
        if let Some(error) = last_error {
            let _ = writeln!(text, "  {}: {}: {error}", device.name, error.reason.as_str());
        }
    }
    (text, count(TargetState::NeverPolled) == 0)
}
