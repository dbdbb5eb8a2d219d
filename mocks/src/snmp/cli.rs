//! Arguments of `lightsout-mock snmp`.

/// Serve recordings over SNMP.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Runs until interrupted.
pub async fn run(_arguments: Arguments) -> anyhow::Result<()> {
    Ok(())
}
