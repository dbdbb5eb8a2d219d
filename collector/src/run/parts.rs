//! Parts of the program that are made once, when it starts.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, watch};

use super::forwarding;
use crate::clock::wall_clock;
use crate::config::Web;
use crate::driver::any::Common;
use crate::driver::breaker::Breakers;
use crate::driver::ipmi::{Ipmi, system_entropy};
use crate::driver::redfish::driver::Redfish;
use crate::driver::snmp::Snmp;
use crate::poll::board::Board;
use crate::profile::Profiles;
use crate::web::toolkit::WebConfig;
use crate::web::{self, ReloadRequest};

/// Where refused logins are remembered, below the folder for what outlives a restart.
const BREAKERS: &str = "breakers.json";

/// What drivers share: profiles from the program and from `profile_dirs`, sockets, and the breakers that
/// are kept below `state_dir`.
///
/// # Errors
/// A profile with a mistake, or no socket.
pub async fn common(profile_dirs: &[PathBuf], state_dir: Option<&Path>) -> anyhow::Result<Common> {
    let mut profiles = Profiles::builtin()?;
    for folder in profile_dirs {
        profiles.load_dir(folder)?;
    }
    let epoch = u64::try_from(wall_clock() / 1_000).unwrap_or(0);
    let snmp = Snmp::bind(epoch).await.context("cannot open a UDP socket for SNMP")?;
    let breakers = breakers(state_dir)?;
    let ipmi = Ipmi::bind(Arc::clone(&breakers), wall_clock, system_entropy)
        .context("cannot open a UDP socket for IPMI")?;
    let redfish = Redfish { breakers, clock: wall_clock };
    Ok(Common {
        snmp: Arc::new(snmp),
        profiles: Arc::new(profiles),
        redfish: Arc::new(redfish),
        ipmi: Arc::new(ipmi),
    })
}

fn breakers(state_dir: Option<&Path>) -> anyhow::Result<Arc<Breakers>> {
    let salt = std::array::from_fn(|_| fastrand::u8(..));
    let Some(folder) = state_dir else { return Ok(Breakers::in_memory(salt)) };
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let (breakers, error) = Breakers::open(&folder.join(BREAKERS), salt);
    if let Some(error) = error {
        tracing::warn!(%error, "refused logins of earlier runs are not known: each account has one attempt");
    }
    Ok(breakers)
}

/// What the web endpoints show.
pub(super) struct Shown {
    pub(super) board: Arc<Board>,
    pub(super) forwarding: Option<Arc<forwarding::Shared>>,
    pub(super) registry: Registry,
    /// What `/-/ready` answers.
    pub(super) ready: Arc<AtomicBool>,
}

/// Serves the web endpoints until `shutdown` says so. Gives back where.
///
/// # Errors
/// The address is taken, or the web configuration file has mistakes.
pub(super) fn serve(
    web: &Web,
    shown: Shown,
    reload: mpsc::Sender<ReloadRequest>,
    mut shutdown: watch::Receiver<bool>,
) -> anyhow::Result<SocketAddr> {
    let web_config = web.config_file.as_ref().map(WebConfig::open).transpose()?.map(Arc::new);
    let listener = std::net::TcpListener::bind(web.listen)
        .with_context(|| format!("cannot listen on {}: choose another address in web.listen", web.listen))?;
    let Shown { board, forwarding, registry, ready } = shown;
    let state = web::State {
        latest: Arc::clone(&board.latest),
        targets: Arc::new(move || board.targets()),
        buffer: Arc::new(move || forwarding.as_ref().map(|shared| shared.status())),
        registry: Arc::new(registry),
        reload,
        ready: Arc::new(move || ready.load(Ordering::Relaxed)),
        now: Arc::new(wall_clock),
    };
    let address = listener.local_addr()?;
    let router = web::router(state, web_config.clone());
    let end = async move {
        let _ = shutdown.wait_for(|&end| end).await;
    };
    tokio::spawn(async move {
        if let Err(error) = web::serve(listener, router, web_config, end).await {
            tracing::error!(%error, "the web endpoints have ended");
        }
    });
    tracing::info!(%address, "serving /metrics and the status page");
    Ok(address)
}
