//! `lightsout probe`: one poll of one target.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use exporters::prometheus::{Exposition, Format};

use super::adhoc::TargetOptions;
use super::output::{self, Colour};
use super::{DEVICE_DOWN, DONE, print};
use crate::clock::wall_clock;
use crate::config::Config;
use crate::driver::any::AnyDriver;
use crate::poll::task::Poller;
use crate::run;

/// What to poll, and how to show it.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    target: TargetOptions,
    /// Folder with device profiles of your own; may be repeated
    #[arg(long = "profile-dir", value_name = "FOLDER")]
    profile_dirs: Vec<PathBuf>,
    /// Form of the output
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A line for each reading
    Table,
    /// One JSON object
    Json,
    /// Prometheus text format
    Prometheus,
}

/// Polls once and prints what came.
pub(super) async fn probe(options: &Options) -> anyhow::Result<u8> {
    let target = options.target.resolve()?;
    let (mut profile_dirs, state_dir) = match &options.target.config {
        Some(path) => {
            let config = Config::load(path)?;
            (config.profile_dirs, config.state_dir)
        }
        None => Default::default(),
    };
    profile_dirs.extend_from_slice(&options.profile_dirs);
    let common = run::common(&profile_dirs, state_dir.as_deref()).await?;
    let mut poller = Poller::new(target.clone(), AnyDriver::new(&common, &target));
    let outcome = poller.poll(wall_clock()).await;
    poller.close().await;

    let report = &outcome.readings;
    print(&match options.output {
        Output::Table => output::table(report, colour()),
        Output::Json => format!("{:#}\n", output::json(report, target.protocol.as_str())),
        Output::Prometheus => {
            let reports = [report.clone(), outcome.status.clone()];
            String::from_utf8_lossy(&Exposition::new(Format::Text, reports.to_vec()).into_bytes())
                .into_owned()
        }
    })?;
    Ok(if report.error.is_none() { DONE } else { DEVICE_DOWN })
}

fn colour() -> Colour {
    let wanted = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if wanted { Colour::On } else { Colour::Off }
}
