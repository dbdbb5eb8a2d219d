//! The command line: what each command takes, and what its exit code says.

mod adhoc;
mod buffer;
mod check;
#[cfg(feature = "demo")]
mod demo;
mod firmware;
mod logging;
mod output;
mod probe;
mod record;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use tokio::sync::watch;

use crate::config::{self, Config};
use crate::run::Program;

/// It did what it was asked.
pub const DONE: u8 = 0;
/// It could not: no socket, no file, a bug.
pub const FAILED: u8 = 1;
/// The command line or the configuration has mistakes. `clap` uses the same number.
pub const MISTAKE: u8 = 2;
/// The device did not answer, or refused.
pub const DEVICE_DOWN: u8 = 3;

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 mistakes in the command line or configuration, \
                          3 the device did not answer or refused";

/// Out-of-band monitoring: polls BMCs, PDUs, UPSes and switches, and serves one catalogue of metrics to
/// Prometheus
#[derive(Debug, Parser)]
#[command(name = "lightsout", version, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    logging: logging::Options,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Poll the targets of a configuration and serve /metrics and the status page
    Run(ConfigFile),
    /// Check a configuration and the profiles that it names; change nothing, ask no device
    Check(ConfigFile),
    /// Poll one target once and show what it says
    Probe(probe::Options),
    /// Record a device as a fixture, without what identifies its owner
    Record(record::Options),
    /// Show the firmware of a fleet, or write down what is wanted
    #[command(subcommand)]
    Firmware(firmware::Command),
    /// Show, check or export what waits on disk for destinations
    #[command(subcommand)]
    Buffer(buffer::Command),
    /// Print the JSON Schema of a file that people write, for editors
    Schema(SchemaOf),
    /// Print completions for a shell
    Completions {
        /// Shell
        shell: clap_complete::Shell,
    },
    /// Start a mock facility inside the program, poll it and show where to look
    #[cfg(feature = "demo")]
    Demo(demo::Options),
}

#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// Configuration file
    #[arg(long, short, value_name = "FILE", env = "LIGHTSOUT_CONFIG", default_value = "lightsout.yml")]
    config: PathBuf,
}

#[derive(Debug, clap::Args)]
struct SchemaOf {
    /// Which file
    #[arg(value_enum, default_value_t = Written::Config)]
    of: Written,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Written {
    /// The configuration
    Config,
    /// A device profile
    Profile,
    /// A baseline of wanted firmware
    Baseline,
}

impl Cli {
    /// Runs the command to its end. Mistakes are printed.
    pub async fn execute(self) -> ExitCode {
        let outcome = match self.logging.start(self.command.usual_log()) {
            Ok(()) => self.command.execute().await,
            Err(error) => Err(error),
        };
        outcome.map_or_else(explain, ExitCode::from)
    }
}

impl Command {
    /// What is logged where nobody says: commands that end by themselves print what they found.
    fn usual_log(&self) -> &'static str {
        match self {
            Self::Run(_) => "info",
            #[cfg(feature = "demo")]
            Self::Demo(_) => "warn",
            _ => "off",
        }
    }

    async fn execute(self) -> anyhow::Result<u8> {
        match self {
            Self::Run(file) => run(file.config).await,
            Self::Check(file) => check::check(&file.config),
            Self::Probe(options) => probe::probe(&options).await,
            Self::Record(options) => record::record(&options).await,
            Self::Firmware(command) => firmware::firmware(&command),
            Self::Buffer(command) => buffer::buffer(&command),
            Self::Schema(schema) => print(&format!("{:#}\n", schema.of.schema())),
            Self::Completions { shell } => {
                let mut text = Vec::new();
                clap_complete::generate(shell, &mut Cli::command(), "lightsout", &mut text);
                print(&String::from_utf8_lossy(&text))
            }
            #[cfg(feature = "demo")]
            Self::Demo(options) => demo::demo(&options).await,
        }
    }
}

impl Written {
    fn schema(self) -> serde_json::Value {
        match self {
            Self::Config => config::schema(),
            Self::Profile => crate::profile::schema(),
            Self::Baseline => crate::firmware::baseline::schema(),
        }
    }
}

async fn run(path: PathBuf) -> anyhow::Result<u8> {
    let config = Config::load(&path)?;
    let (_end, shutdown) = watch::channel(false);
    let program = Program::start(path, config, shutdown.clone()).await?;
    program.run(shutdown).await?;
    Ok(DONE)
}

/// Writes to standard output. A reader that has left, such as `head`, is no failure.
fn print(text: &str) -> anyhow::Result<u8> {
    use io::Write as _;
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(DONE),
    }
}

/// Prints what went wrong, with all mistakes of a file, each with its line.
#[allow(clippy::print_stderr, reason = "this is where errors meet people")]
fn explain(error: anyhow::Error) -> ExitCode {
    if let Some(problems) = check::problems(&error) {
        eprint!("{}", logging::failure(&problems.render()));
        return ExitCode::from(MISTAKE);
    }
    eprint!("{}", logging::failure(&format!("error: {error:#}")));
    ExitCode::from(FAILED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
