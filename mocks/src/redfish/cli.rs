//! Arguments of `lightsout-mock redfish`.

/// Serve a tree over Redfish.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Runs until interrupted.
pub async fn run(_arguments: Arguments) -> anyhow::Result<()> {
    Ok(())
}
