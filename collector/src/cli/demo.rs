//! `lightsout demo`: a mock facility and a pole inside the program, polled as real devices are.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;
use clap::Args;
use mocks::facility::{self, Access, Device, Facility};
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
}

/// Runs the demonstration to its end, and says what it came to.
pub(super) async fn demo(options: &Options) -> anyhow::Result<u8> {
    let facility = Facility::start()?;
    let folder = tempdir().context("cannot make a folder for the demonstration's configuration")?;
    let path = folder.join("lightsout.yml");
    write_config(&folder, facility.devices(), options)
        .with_context(|| format!("cannot write {}", path.display()))?;
    let config = Config::load(&path)?;
    let (end, shutdown) = watch::channel(false);
    let program = Program::start(path.clone(), config, shutdown.clone()).await?;
    print(&welcome(program.address(), options, facility.devices(), &path))?;

    let board = std::sync::Arc::clone(program.board());
    let time = options.time.map(|time| time.0);
    let ending = tokio::spawn(async move {
        match time {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
        let _ = end.send(true);
    });
    program.run(shutdown).await?;
    ending.abort();
    let _ = std::fs::remove_dir_all(&folder);
    let (text, polled) = summary(&board);
    print(&text)?;
    Ok(if polled { DONE } else { FAILED })
}

/// A folder that only this user can read.
fn tempdir() -> std::io::Result<std::path::PathBuf> {
    use std::os::unix::fs::DirBuilderExt as _;
    let folder = std::env::temp_dir().join(format!("lightsout-demo-{:016x}", fastrand::u64(..)));
    std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
    Ok(folder)
}

/// A configuration as an operator would write it.
fn write_config(folder: &Path, devices: &[Device], options: &Options) -> std::io::Result<()> {
    std::fs::write(folder.join("community"), facility::COMMUNITY)?;
    std::fs::write(folder.join("password"), facility::PASSWORD)?;
    let interval = options.interval.0.as_millis();
    let mut text = format!(
        "site: {{name: {}, kind: dc, region: demo}}\nweb: {{listen: \"{}\"}}\n\
         defaults: {{interval: {interval}ms, timeout: 1s, inventory_interval: 30s}}\n\
         credentials:\n  \
           snmp: {{type: snmp_v2c, community_file: community}}\n  \
           bmc: {{type: password, user: {}, password_file: password}}\n\
         targets:\n",
        facility::FACILITY,
        options.listen,
        facility::USER,
    );
    for Device { name, site, rack, kind, address, access } in devices {
        let _ = write!(text, "  - {{name: {name}, address: \"{address}\", site: {site}, device_type: {kind}");
        if !rack.is_empty() {
            let _ = write!(text, ", rack: {rack}");
        }
        let _ = match access {
            Access::Snmp => writeln!(text, ", protocol: snmp, credentials: snmp}}"),
            Access::Redfish { fingerprint } => writeln!(
                text,
                ", protocol: redfish, credentials: bmc, tls: {{pinned_sha256: \"{fingerprint}\"}}, \
                 budget: {{requests_in_flight: 4, requests_per_second: 200}}}}"
            ),
            Access::Ipmi => writeln!(
                text,
                ", protocol: ipmi, credentials: bmc, budget: {{requests_in_flight: 1, requests_per_second: 1000}}}}"
            ),
        };
    }
    std::fs::write(folder.join("lightsout.yml"), text)
}

fn welcome(address: SocketAddr, options: &Options, devices: &[Device], config: &Path) -> String {
    let base = format!("http://{address}");
    format!(
        "A mock facility of {} devices is polled every {:?}.\n\n  \
           status page   {base}/\n  \
           metrics       {base}/metrics\n  \
           targets       {base}/api/v1/targets\n  \
           configuration {}\n\n\
         switch-r2 is dead on purpose, and the BMC of storage-r2-01 keeps its last sensor record to itself.\n\
         End with Ctrl-C.\n",
        devices.len(),
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
