//! Arguments of `lightsout-mock snmp`.
//!
//! Prints one line for each agent, its address, and serves until interrupted.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;

use super::device::{AgentOptions, DEFAULT_MAX_RESPONSE};
use super::fleet::{Fleet, Layout};
use super::recording::Recording;
use super::user::User;
use crate::faults_file;
use crate::say::say;

/// Serve recordings over SNMP.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A recording to serve; several are served in turn by the agents of a fleet.
    #[arg(long = "recording", value_name = "FILE", required = true)]
    recordings: Vec<PathBuf>,
    /// The first agent's address.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:1161")]
    listen: SocketAddr,
    /// A community of v1 and v2c to take; any without this option.
    #[arg(long = "community", value_name = "NAME")]
    communities: Vec<String>,
    /// A user of v3: NAME, NAME:AUTH:PASSWORD or NAME:AUTH:PASSWORD:PRIV:PASSWORD with AUTH of md5, sha1,
    /// sha224, sha256, sha384, sha512 and PRIV of des, aes128, aes192, aes256, aes192c, aes256c.
    #[arg(long = "user", value_name = "USER")]
    users: Vec<User>,
    /// How many agents to run.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    fleet: usize,
    /// How the agents' addresses follow each other.
    #[arg(long, value_enum, default_value = "ports")]
    layout: Layout,
    /// A JSON list of faults, read again whenever it changes.
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// The largest response, in octets.
    #[arg(long, value_name = "OCTETS", default_value_t = DEFAULT_MAX_RESPONSE)]
    max_response: usize,
    /// The first agent's number, from which its engine id and its live values follow.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs until interrupted.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let recordings: Vec<_> =
        arguments.recordings.iter().map(|path| read_recording(path)).collect::<Result<_, _>>()?;
    let options = AgentOptions {
        communities: (!arguments.communities.is_empty()).then_some(arguments.communities),
        users: arguments.users.into(),
        max_response: arguments.max_response,
        seed: arguments.seed,
    };
    let fleet = Fleet::bind(arguments.listen, arguments.fleet, arguments.layout, &recordings, options)?;
    say(&fleet.agents().iter().map(|agent| format!("{}\n", agent.local_addr())).collect::<String>())?;
    tokio::select! {
        () = faults_file::follow(arguments.faults.as_deref(), |faults| fleet.set_faults(faults)) => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot wait for the interrupt"),
    }
}

fn read_recording(path: &Path) -> anyhow::Result<Arc<Recording>> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let recording = Recording::parse(&text).with_context(|| format!("cannot serve {}", path.display()))?;
    Ok(Arc::new(recording))
}
