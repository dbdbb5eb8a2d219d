//! Wanted and last seen firmware while the program runs: the baseline is watched, what was seen is written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::clock::wall_clock;
use crate::config::discovery::files::{DEFAULT_REFRESH, SETTLE, watcher};
use crate::config::{WantedFirmware, read_text};
use crate::firmware::Firmware;
use crate::firmware::baseline::Baseline;
use crate::firmware::store::{self, Store};

/// What goes on beside the polls. Ends when dropped.
pub(super) struct Following {
    firmware: Arc<Firmware>,
    /// Writes what was seen.
    _keeper: JoinSet<()>,
    /// Watches the baseline that holds now.
    watcher: JoinSet<()>,
}

impl Following {
    /// Reads what was last seen from `state_dir`, and begins to keep it there.
    pub(super) fn start(state_dir: Option<&Path>) -> Self {
        let store = state_dir.map_or_else(Store::in_memory, |folder| {
            let (store, error) = Store::open(&folder.join(store::FILE), wall_clock());
            if let Some(error) = error {
                tracing::warn!(%error, "firmware of earlier runs is not known");
            }
            store
        });
        let store = Arc::new(store);
        let mut keeper = JoinSet::new();
        keeper.spawn(Arc::clone(&store).keep());
        Self { firmware: Arc::new(Firmware::new(store)), _keeper: keeper, watcher: JoinSet::new() }
    }

    /// What the targets share.
    pub(super) fn shared(&self) -> &Arc<Firmware> {
        &self.firmware
    }

    /// Makes another baseline hold, and watches its file from now on.
    pub(super) fn want(&mut self, wanted: Option<WantedFirmware>) {
        self.watcher = JoinSet::new();
        let Some(WantedFirmware { path, baseline }) = wanted else {
            return self.firmware.set_baseline(Arc::default());
        };
        self.firmware.set_baseline(baseline);
        self.watcher.spawn(watch(path, Arc::clone(&self.firmware)));
    }

    /// Writes what was seen, at the end of the program.
    pub(super) async fn save(&self) {
        let store = Arc::clone(self.firmware.store());
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || store.save()).await {
            tracing::warn!(%error, "firmware");
        }
    }
}

/// Takes the baseline anew when its file changes. A bad one changes nothing and is told once.
async fn watch(path: PathBuf, firmware: Arc<Firmware>) {
    let (notice, mut notices) = mpsc::channel(1);
    let _watcher = watcher("firmware.baseline", [&path], notice);
    let mut refused = String::new();
    loop {
        tokio::select! {
            () = tokio::time::sleep(DEFAULT_REFRESH) => {}
            Some(()) = notices.recv() => {
                tokio::time::sleep(SETTLE).await;
                while notices.try_recv().is_ok() {}
            }
        }
        let (file, known) = (path.clone(), firmware.baseline());
        let Ok(read) = tokio::task::spawn_blocking(move || reread(&file, &known)).await else { continue };
        match read {
            Ok(None) => {}
            Ok(Some(baseline)) => {
                tracing::info!(file = %path.display(), entries = baseline.len(), "firmware baseline loaded");
                firmware.set_baseline(Arc::new(baseline));
                refused.clear();
            }
            Err(problems) if problems == refused => {}
            Err(problems) => {
                tracing::error!(file = %path.display(), %problems, "firmware baseline refused: nothing has changed");
                refused = problems;
            }
        }
    }
}

/// The baseline that a file declares, unless it is the known one.
fn reread(path: &Path, known: &Baseline) -> Result<Option<Baseline>, String> {
    let name = path.display().to_string();
    let text = read_text(path).map_err(|(message, help)| format!("{name}: {message}; {help}"))?;
    if known.is_of(&text) {
        return Ok(None);
    }
    Baseline::parse(&name, &text).map(Some).map_err(|problems| problems.to_string())
}
