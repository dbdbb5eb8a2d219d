//! Logs: to standard error, for people or as JSON.
//!
//! The journal gets no time, which it knows by itself, and before each line its priority (`sd-daemon(3)`), so that it
//! can be asked for warnings.

use std::fmt;
use std::io::{self, IsTerminal};
use std::os::unix::fs::MetadataExt;

use anyhow::anyhow;
use clap::{Args, ValueEnum};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{Format as Line, Full, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, format};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
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
            Format::Text if is_journal() => {
                registry.with(layer.with_ansi(false).event_format(Journal::new())).try_init()
            }
            Format::Text => registry.with(layer.with_ansi(io::stderr().is_terminal())).try_init(),
            // `target` is the device: the module of an event would stand under the same key.
            Format::Json => registry.with(layer.json().flatten_event(true).with_target(false)).try_init(),
        };
        started.map_err(|error| anyhow!("cannot log: {error}"))
    }
}

/// Whether standard error goes to systemd's journal, which says so by the device and inode of the stream
/// (`systemd.exec(5)`, "JOURNAL_STREAM").
fn is_journal() -> bool {
    let stream = std::env::var("JOURNAL_STREAM").ok();
    let stderr =
        std::fs::metadata("/proc/self/fd/2").map(|file| format!("{}:{}", file.dev(), file.ino())).ok();
    stream.is_some() && stream == stderr
}

/// A message for people on standard error: the journal is told that it is an error.
pub(super) fn failure(text: &str) -> String {
    if is_journal() { prioritised(text, Level::ERROR) } else { format!("{text}\n") }
}

/// Each line of a text, with the priority of its level before it.
fn prioritised(text: &str, level: Level) -> String {
    // As in syslog(3): error, warning, informational, debug.
    let priority = match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    };
    text.lines().map(|line| format!("<{priority}>{line}\n")).collect()
}

/// Lines for the journal.
struct Journal(Line<Full, ()>);

impl Journal {
    fn new() -> Self {
        Self(format().without_time().with_ansi(false))
    }
}

impl<S, N> FormatEvent<S, N> for Journal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut text = String::new();
        self.0.format_event(context, Writer::new(&mut text), event)?;
        writer.write_str(&prioritised(&text, *event.metadata().level()))
    }
}
