//! Arguments of `lightsout-mock ipmi`.
//!
//! Prints one line for each BMC, its address, and serves until interrupted.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context;

use super::bmc::Bmc;
use super::fleet::Fleet;
use super::keys::Suite;
use super::options::{BmcOptions, User};
use crate::faults_file;
use crate::say::say;
use crate::snmp::Layout;

/// Serve BMCs over IPMI 2.0.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A BMC's file; without it, a server with some sixty sensors.
    #[arg(long, value_name = "FILE")]
    bmc: Option<PathBuf>,
    /// The first BMC's address.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:1623")]
    listen: SocketAddr,
    /// A user: NAME:PASSWORD or NAME:PASSWORD:PRIVILEGE with PRIVILEGE of user, operator, administrator; without
    /// this option, admin:admin:administrator and monitor:monitor:user.
    #[arg(long = "user", value_name = "USER")]
    users: Vec<User>,
    /// The group key K_g, up to 20 octets of text.
    #[arg(long, value_name = "KEY")]
    group_key: Option<String>,
    /// A cipher suite to offer, 3 or 17; both without this option.
    #[arg(long = "suite", value_name = "NUMBER", value_parser = parse_suite)]
    suites: Vec<Suite>,
    /// The most sessions of one BMC at a time.
    #[arg(long, value_name = "COUNT", default_value_t = 16)]
    max_sessions: usize,
    /// So many seconds without a command end a session.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    session_timeout: u64,
    /// So many wrong passwords lock a user; never without this option.
    #[arg(long, value_name = "COUNT")]
    lock_after: Option<u32>,
    /// How many BMCs to run.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    fleet: usize,
    /// How the BMCs' addresses follow each other.
    #[arg(long, value_enum, default_value = "ports")]
    layout: Layout,
    /// A JSON list of faults, read again whenever it changes.
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// The first BMC's number, from which its GUID, serials and live values follow.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn parse_suite(text: &str) -> anyhow::Result<Suite> {
    Ok(Suite::try_from(text.parse::<u8>()?)?)
}

/// Runs until interrupted.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let bmc = match &arguments.bmc {
        Some(path) => read_bmc(path)?,
        None => Bmc::server()?,
    };
    let fleet = Fleet::bind(arguments.listen, arguments.fleet, arguments.layout, bmc, options(&arguments)?)?;
    say(&fleet.agents().iter().map(|agent| format!("{}\n", agent.local_addr())).collect::<String>())?;
    tokio::select! {
        () = faults_file::follow(arguments.faults.as_deref(), |faults| fleet.set_faults(faults)) => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot wait for the interrupt"),
    }
}

fn options(arguments: &Arguments) -> anyhow::Result<BmcOptions> {
    let defaults = BmcOptions::default();
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let or = |suites: &[Suite], otherwise| if suites.is_empty() { otherwise } else { suites.to_vec() };
    Ok(BmcOptions {
        users: if arguments.users.is_empty() { defaults.users } else { arguments.users.clone() },
        group_key: arguments.group_key.as_ref().map(|key| key.clone().into_bytes()),
        suites: or(&arguments.suites, defaults.suites),
        max_sessions: arguments.max_sessions,
        session_timeout: Duration::from_secs(arguments.session_timeout),
        lock_after: arguments.lock_after,
        max_sdr_read: defaults.max_sdr_read,
        epoch: u32::try_from(since_1970)?,
        seed: arguments.seed,
    })
}

fn read_bmc(path: &Path) -> anyhow::Result<Bmc> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Bmc::parse(&text).with_context(|| format!("cannot serve {}", path.display()))
}
