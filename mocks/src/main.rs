//! `lightsout-mock`: mock devices for tests and for trying lightsout without hardware.

use clap::Parser;
use mocks::{facility, ipmi, link, redfish, snmp};

/// Mock devices that behave, or misbehave, like out-of-band hardware.
#[derive(Debug, Parser)]
#[command(version)]
enum Command {
    /// Serve recordings over SNMP.
    Snmp(snmp::cli::Arguments),
    /// Serve a tree of documents over Redfish.
    Redfish(Box<redfish::cli::Arguments>),
    /// Serve BMCs over IPMI 2.0.
    Ipmi(ipmi::cli::Arguments),
    /// Run a small facility and a pole, and play incidents on it.
    Facility(facility::cli::Arguments),
    /// Carry TCP connections over a link that misbehaves.
    Link(link::cli::Arguments),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match Command::parse() {
        Command::Snmp(arguments) => snmp::cli::run(arguments).await,
        Command::Redfish(arguments) => redfish::cli::run(*arguments).await,
        Command::Ipmi(arguments) => ipmi::cli::run(arguments).await,
        Command::Facility(arguments) => facility::cli::run(arguments).await,
        Command::Link(arguments) => link::cli::run(arguments).await,
    }
}
