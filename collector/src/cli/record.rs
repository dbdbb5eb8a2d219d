//! `lightsout record`: a device as a fixture, without what identifies its owner.

use std::io::{self, IsTerminal, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use super::adhoc::TargetOptions;
use super::{DEVICE_DOWN, DONE, print};
use crate::driver::any::Common;
use crate::driver::redfish;
use crate::driver::redfish::driver::RedfishDriver;
use crate::driver::snmp;
use crate::profile::source::Oid;
use crate::run;
use crate::target::{Protocol, Target};

/// Longest recording over Redfish: a BMC with 2,000 documents takes its time.
const REDFISH_TIME: Duration = Duration::from_secs(30 * 60);

/// What to record, and where to.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    target: TargetOptions,
    /// File (SNMP) or folder (Redfish) to write; it must not exist yet
    #[arg(long, short, value_name = "PATH")]
    output: PathBuf,
    /// Where an SNMP walk begins; may be repeated. Default: the standard objects and the vendor's own
    #[arg(long = "root", value_name = "OID")]
    roots: Vec<Oid>,
}

/// Records a device.
pub(super) async fn record(options: &Options) -> anyhow::Result<u8> {
    let target = options.target.resolve()?;
    anyhow::ensure!(!options.output.exists(), "{} is there already", options.output.display());
    let common = run::common(&[], None).await?;
    let (recorded, faults) = match target.protocol {
        Protocol::Snmp => record_snmp(&common, &target, options).await?,
        Protocol::Ipmi => anyhow::bail!("only SNMP and Redfish devices can be recorded"),
        Protocol::Redfish => record_redfish(&common, target, options).await?,
    };
    let mut text = format!("{}: {recorded}\n", options.output.display());
    for fault in &faults {
        text.push_str(&format!("left out: {fault}\n"));
    }
    text.push_str("Read it before you give it away: scrubbing knows forms, not meanings.\n");
    print(&text)?;
    Ok(if recorded.is_empty() { DEVICE_DOWN } else { DONE })
}

async fn record_snmp(
    common: &Common,
    target: &Target,
    options: &Options,
) -> anyhow::Result<(String, Vec<String>)> {
    let mut told = Progress::default();
    let mut progress = |instances: usize| told.tell(&format!("{instances} instances"));
    let recording = snmp::record(Arc::clone(&common.snmp), target, &options.roots, &mut progress).await?;
    told.end();
    std::fs::write(&options.output, &recording.text)
        .with_context(|| format!("cannot write {}", options.output.display()))?;
    let faults =
        recording.faults.iter().map(|fault| format!("{}: {}", fault.subject, fault.detail)).collect();
    Ok((format!("{} instances, {} of them scrubbed", recording.instances, recording.scrubbed), faults))
}

async fn record_redfish(
    common: &Common,
    target: Arc<Target>,
    options: &Options,
) -> anyhow::Result<(String, Vec<String>)> {
    let driver = RedfishDriver::new(&common.redfish, target)?;
    let mut client = driver.into_client(REDFISH_TIME).await?;
    let mut told = Progress::default();
    let recorded = redfish::record::record(&mut client, |read, waiting| {
        told.tell(&format!("{read} documents read, {waiting} to read"));
    })
    .await;
    client.close().await;
    told.end();
    let mut recording = recorded?;
    recording.scrub();
    let written = recording
        .write(&options.output)
        .with_context(|| format!("cannot write below {}", options.output.display()))?;
    let cut = if recording.is_cut { ", cut at a limit" } else { "" };
    Ok((format!("{written} documents{cut}"), recording.faults.iter().map(ToString::to_string).collect()))
}

/// A line that is written over and over, on a terminal only.
#[derive(Default)]
struct Progress {
    told: bool,
}

impl Progress {
    fn tell(&mut self, text: &str) {
        if io::stderr().is_terminal() {
            self.told = true;
            let _ = write!(io::stderr(), "\r\x1b[K{text}");
        }
    }

    fn end(&self) {
        if self.told {
            let _ = writeln!(io::stderr());
        }
    }
}
