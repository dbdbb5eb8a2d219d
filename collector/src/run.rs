//! The running program: configuration, fleet, discovered targets, web endpoints, reload, shutdown.
//!
//! Owns every other part and joins them; knows no protocol and no format.

mod discover;
mod firmware;
mod forwarding;
mod own;
mod parts;
mod recorder;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::clock::wall_clock;
use crate::config::{self, Config, Site, Web};
use crate::driver::any::{AnyDriver, Common};
use crate::notify;
use crate::poll::board::Board;
use crate::poll::fleet::{Changes, Fleet, Outlet};
use crate::target::Target;
use crate::telemetry::Telemetry;
use crate::web::ReloadRequest;
use discover::Discovery;
use firmware::Following;
use forwarding::Forwarding;
use own::{Facts, OwnReport};
pub use parts::common;
use recorder::Recorder;

/// How often the program says that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The collector's own report, among those of targets. No target has an empty name.
const OWN_NAME: &str = "";

/// Reloads that wait at once: the next one does what all would do.
const WAITING_RELOADS: usize = 1;

/// A program that has read its configuration and polls.
pub struct Program {
    path: PathBuf,
    /// Where the web endpoints are.
    address: SocketAddr,
    /// What a reload cannot change.
    fixed: (Site, Web),
    own: Vec<Target>,
    discovery: Discovery,
    common: Common,
    board: Arc<Board>,
    fleet: Fleet,
    firmware: Following,
    forwarding: Option<Forwarding>,
    own_report: OwnReport,
    telemetry: Telemetry,
    hangup: Signal,
    reloads: mpsc::Receiver<ReloadRequest>,
}

impl Program {
    /// Starts polling what `config`, read from `path`, names, and serves its web endpoints until
    /// `shutdown` ends. When all of that is there, the service manager is told.
    ///
    /// # Errors
    /// No socket, no usable web configuration, or a profile with a mistake.
    pub async fn start(
        path: PathBuf,
        config: Config,
        shutdown: watch::Receiver<bool>,
    ) -> anyhow::Result<Self> {
        // From here on it means a reload: one that comes while the program starts does not end it.
        let hangup = signal(SignalKind::hangup()).context("cannot wait for SIGHUP")?;
        let common = common(&config.profile_dirs, config.state_dir.as_deref()).await?;
        let (telemetry, registry) = Telemetry::new(&config.site, &config.hash);
        let board = Arc::new(Board::new());
        let ready = Arc::new(AtomicBool::new(false));
        let (reload, reloads) = mpsc::channel(WAITING_RELOADS);
        let forwarding = match config.buffer.clone() {
            Some(settings) => Some(Forwarding::open(settings).await?),
            None => None,
        };
        let shown = parts::Shown {
            board: Arc::clone(&board),
            forwarding: forwarding.as_ref().map(|forwarding| Arc::clone(forwarding.shared())),
            registry,
            ready: Arc::clone(&ready),
        };
        let address = parts::serve(&config.web, shown, reload, shutdown)?;
        let firmware = Following::start(config.state_dir.as_deref());
        let fleet = Fleet::new(outlet(&board, forwarding.as_ref()), telemetry.clone())
            .following(Arc::clone(firmware.shared()));
        let mut program = Self {
            path,
            address,
            fixed: (config.site.clone(), config.web.clone()),
            own: Vec::new(),
            discovery: Discovery::default(),
            common,
            board,
            fleet,
            firmware,
            forwarding,
            own_report: OwnReport::new(&config.site),
            telemetry,
            hangup,
            reloads,
        };
        program.take(config).await?;
        ready.store(true, Ordering::Relaxed);
        if let Err(error) = notify::ready() {
            tracing::warn!(%error, "the service manager could not be told that the program is ready");
        }
        Ok(program)
    }

    /// Where the web endpoints are served: the port is never 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What is known of every target.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// Runs until `shutdown` says so, or a signal to end comes.
    ///
    /// # Errors
    /// Signals cannot be waited for.
    pub async fn run(mut self, mut shutdown: watch::Receiver<bool>) -> anyhow::Result<()> {
        let mut ending = Ending::new()?;
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        loop {
            tokio::select! {
                _ = heartbeat.tick() => self.beat(),
                _ = self.hangup.recv() => {
                    let _ = self.reload().await;
                }
                Some(request) = self.reloads.recv() => {
                    let outcome = self.reload().await;
                    let _ = request.send(outcome);
                }
                () = self.discovery.changed() => {
                    let changes = self.apply().await;
                    tell(changes, "target lists changed");
                }
                _ = shutdown.wait_for(|&end| end) => break,
                () = ending.come() => break,
            }
        }
        tracing::info!("ending: closing the sessions on all devices");
        self.fleet.shutdown().await;
        self.firmware.save().await;
        if let Some(forwarding) = self.forwarding {
            forwarding.close().await;
        }
        Ok(())
    }

    /// Says how the program is, to scrapes and to destinations.
    fn beat(&mut self) {
        let now = wall_clock();
        let shared = self.forwarding.as_ref().map(|forwarding| forwarding.shared());
        if let Some(shared) = shared {
            shared.measure();
        }
        let moment = shared.map(|shared| shared.clock.now());
        let buffer = shared.zip(moment).map(|(shared, moment)| shared.buffer.figures(&moment));
        let facts = Facts {
            telemetry: &self.telemetry,
            series: self.board.latest.series(now),
            synchronised: moment.map(|moment| moment.synchronised),
            buffer: buffer.as_ref(),
            destinations: &shared.map(|shared| shared.destinations()).unwrap_or_default(),
        };
        let report = Arc::new(self.own_report.make(&facts, now));
        if let Some(shared) = shared {
            shared.buffer.append(&report, &shared.clock.now());
        }
        self.board.latest.publish(OWN_NAME, HEARTBEAT, None, report);
    }

    /// Reads the configuration again. A bad one changes nothing and is told in words.
    async fn reload(&mut self) -> Result<(), String> {
        let path = self.path.clone();
        let loaded = tokio::task::spawn_blocking(move || Config::load(&path)).await;
        let outcome = match loaded {
            Ok(Ok(config)) => self.take(config).await.map_err(|error| format!("{error:#}")),
            Ok(Err(problems)) => Err(problems.to_string()),
            Err(error) => Err(error.to_string()),
        };
        self.telemetry.reloaded(outcome.is_ok());
        if let Err(problems) = &outcome {
            tracing::error!(file = %self.path.display(), %problems, "reload refused: nothing has changed");
        }
        outcome
    }

    /// Makes a checked configuration the present one.
    async fn take(&mut self, config: Config) -> anyhow::Result<()> {
        if self.fixed != (config.site.clone(), config.web.clone()) {
            tracing::warn!(
                "`site` and `web` have changed: they take effect when the program is started anew"
            );
        }
        let discovery = Discovery::start(config.target_files, config.target_http)?;
        discovery.settle().await;
        self.discovery = discovery;
        self.firmware.want(config.firmware);
        self.forward(config.buffer, config.destinations).await?;
        self.own = config.targets;
        self.telemetry.configured(&config.hash);
        let changes = self.apply().await;
        tell(changes, "configuration loaded");
        Ok(())
    }

    async fn forward(
        &mut self,
        buffer: Option<config::forwarding::Buffer>,
        destinations: Vec<config::forwarding::Destination>,
    ) -> anyhow::Result<()> {
        if self.forwarding.as_ref().map(Forwarding::settings) != buffer.as_ref() {
            tracing::warn!("`buffer` has changed: that takes effect when the program is started anew");
        }
        match &mut self.forwarding {
            Some(forwarding) => forwarding.take(destinations).await,
            None => Ok(()),
        }
    }

    async fn apply(&mut self) -> Changes {
        let targets = self.discovery.combine(&self.own);
        self.board.expect(&targets);
        let common = &self.common;
        self.fleet.apply(targets, |target| AnyDriver::new(common, target)).await
    }
}

fn outlet(board: &Arc<Board>, forwarding: Option<&Forwarding>) -> Arc<dyn Outlet> {
    let Some(forwarding) = forwarding else { return Arc::clone(board) as Arc<dyn Outlet> };
    let shared = forwarding.shared();
    let (board, buffer) = (Arc::clone(board), Arc::clone(&shared.buffer));
    Arc::new(Recorder { board, buffer, clock: shared.clock })
}

fn tell(changes: Changes, what: &'static str) {
    let Changes { added, removed, changed, unchanged } = changes;
    tracing::info!(added, removed, changed, unchanged, "{what}");
}

/// The signals that end the program.
struct Ending {
    interrupt: Signal,
    terminate: Signal,
}

impl Ending {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?,
            terminate: signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?,
        })
    }

    async fn come(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
