//! Logs: to standard error, for people or as JSON.

use std::io::{self, IsTerminal};

use anyhow::anyhow;
use clap::{Args, ValueEnum};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// `async-snmp` logs each failed request as an error; the driver says what matters of it.
const QUIET: &str = "async_snmp=off";

/// What is logged, and how.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// What is logged: off, error, warn, info, debug, trace, or a filter such as info,collector::poll=debug.
    /// Default: info for run, warn for demo, otherwise off
    #[arg(long, global = true, env = "LIGHTSOUT_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// Form of the log
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    log_format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A line for people
    Text,
    /// A JSON object on each line
    Json,
}

impl Options {
    /// Starts to log; `usual` is the filter where nobody says.
    pub(super) fn start(&self, usual: &str) -> anyhow::Result<()> {
        let filter: Targets = format!("{QUIET},{}", self.log.as_deref().unwrap_or(usual)).parse()?;
        let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr);
        let registry = tracing_subscriber::registry().with(filter);
        let started = match self.log_format {
            Format::Text => registry.with(layer.with_ansi(io::stderr().is_terminal())).try_init(),
            // `target` is the device: the module of an event would stand under the same key.
            Format::Json => registry.with(layer.json().flatten_event(true).with_target(false)).try_init(),
        };
        started.map_err(|error| anyhow!("cannot log: {error}"))
    }
}
