//! The versions that were last seen, kept on disk, so that a change is also seen across a restart.
//!
//! One small file for the process, written some seconds after a change and at the end. A target that was not seen for
//! [`KEPT`] is forgotten when the file is read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::reading::Reading;
use crate::driver::breaker::write_atomically;

/// Name of the file, below the folder for what outlives a restart.
pub const FILE: &str = "firmware.json";

/// Largest file that is read: 10,000 targets of 80 components take 120 MB.
const MAX_FILE: u64 = 256 * 1024 * 1024;
/// Most components of one target that are remembered. A large chassis has some 300.
const MAX_COMPONENTS: usize = 1_000;
/// Time after which a target that is not seen any more is forgotten, in milliseconds: 90 days.
const KEPT: i64 = 90 * 24 * 60 * 60 * 1_000;
/// Rest after a change: a fleet that starts is written a few times and not for every target.
const SETTLE: Duration = Duration::from_secs(10);

/// The last change of a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Version before.
    pub from: String,
    /// When it was seen, in milliseconds since 1970.
    pub at: Timestamp,
    /// Whether a window was open.
    pub authorized: bool,
}

/// What is known of one component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// `hw.id`; may be empty.
    #[serde(default)]
    pub id: String,
    /// Its name.
    pub component: String,
    /// Version.
    pub version: String,
    /// Last change, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Change>,
}

impl Component {
    fn key(&self) -> (&str, &str) {
        (&self.id, &self.component)
    }
}

/// What is known of one target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Manufacturer; may be empty.
    #[serde(default)]
    pub vendor: String,
    /// Model; may be empty.
    #[serde(default)]
    pub model: String,
    /// When firmware was last read of it, to the day, in milliseconds since 1970.
    pub seen: Timestamp,
    /// Its components, by identity.
    pub components: Vec<Component>,
}

/// All targets by name.
pub type Targets = BTreeMap<String, Known>;

#[derive(Default, Serialize, Deserialize)]
struct File {
    targets: Targets,
}

/// Why the file could not be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the texts say it")]
pub enum StoreError {
    #[error("{}: the firmware that was last seen cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: the firmware that was last seen is broken, changes since then are not noticed: {detail}", path.display())]
    Broken { path: PathBuf, detail: String },
    #[error("{}: the firmware that was last seen cannot be written, a restart will forget it: {source}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
}

#[derive(Default)]
struct State {
    file: File,
    version: u64,
}

/// The versions of all targets of a process.
#[derive(Default)]
pub struct Store {
    path: Option<PathBuf>,
    state: Mutex<State>,
    /// The version of the state that is in the file.
    written: Mutex<u64>,
    news: Notify,
}

impl Store {
    /// One that a restart forgets.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// One that is kept in a file. A broken file is reported beside an empty store.
    pub fn open(path: &Path, now: Timestamp) -> (Self, Option<StoreError>) {
        let (mut targets, error) = match read(path) {
            Ok(targets) => (targets, None),
            Err(error) => (Targets::new(), Some(error)),
        };
        targets.retain(|_, known| now.saturating_sub(known.seen) < KEPT);
        for known in targets.values_mut() {
            known.components.sort_by(|a, b| a.key().cmp(&b.key()));
        }
        let state = Mutex::new(State { file: File { targets }, version: 0 });
        (Self { path: Some(path.to_owned()), state, ..Self::default() }, error)
    }

    /// What is known of all targets.
    pub fn targets(&self) -> Targets {
        lock(&self.state).file.targets.clone()
    }

    /// Notes what a target runs at a time, and gives back the components that have changed, with their versions
    /// before. `authorized` says of each whether it was expected to.
    pub(super) fn note(
        &self,
        target: &str,
        [vendor, model]: [&str; 2],
        readings: &[Reading],
        at: Timestamp,
        mut authorized: impl FnMut(&Reading) -> bool,
    ) -> Vec<(Reading, Change)> {
        let mut state = lock(&self.state);
        let known = state.file.targets.entry(target.to_owned()).or_default();
        let before = (known.vendor.as_str(), known.model.as_str()) == (vendor, model) && known.seen == at;
        let mut changes = Vec::new();
        let mut news = !before;
        (known.vendor, known.model, known.seen) = (vendor.to_owned(), model.to_owned(), at);
        for reading in readings {
            let key = (reading.id.as_str(), reading.component.as_str());
            match known.components.binary_search_by(|component| component.key().cmp(&key)) {
                Ok(place) => {
                    let Some(component) = known.components.get_mut(place) else { continue };
                    if component.version == reading.version {
                        continue;
                    }
                    let authorized = authorized(reading);
                    let from = std::mem::replace(&mut component.version, reading.version.clone());
                    let change = Change { from, at, authorized };
                    component.changed = Some(change.clone());
                    changes.push((reading.clone(), change));
                }
                Err(_) if known.components.len() >= MAX_COMPONENTS => continue,
                Err(place) => known.components.insert(
                    place,
                    Component {
                        id: reading.id.clone(),
                        component: reading.component.clone(),
                        version: reading.version.clone(),
                        changed: None,
                    },
                ),
            }
            news = true;
        }
        if news {
            state.version = state.version.wrapping_add(1);
            self.news.notify_one();
        }
        changes
    }

    /// Writes changes as they come, each after a rest, until dropped.
    pub async fn keep(self: std::sync::Arc<Self>) {
        loop {
            self.news.notified().await;
            tokio::time::sleep(SETTLE).await;
            let store = std::sync::Arc::clone(&self);
            if let Ok(Err(error)) = tokio::task::spawn_blocking(move || store.save()).await {
                tracing::warn!(%error, "firmware");
            }
        }
    }

    /// Writes the file if something has changed since it was written. Blocks on the file system.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self) -> Result<(), StoreError> {
        let Some(path) = &self.path else { return Ok(()) };
        let mut written = lock(&self.written);
        let (version, text) = {
            let state = lock(&self.state);
            if state.version == *written {
                return Ok(());
            }
            (state.version, serde_json::to_vec(&state.file))
        };
        text.map_err(std::io::Error::from)
            .and_then(|text| write_atomically(path, &text))
            .map_err(|source| StoreError::Write { path: path.clone(), source })?;
        *written = version;
        Ok(())
    }
}

/// What a file says, as it stands there; nothing where there is none yet. Blocks on the file system.
///
/// # Errors
/// It cannot be read, or is broken.
pub fn read(path: &Path) -> Result<Targets, StoreError> {
    let failed = |source| StoreError::Read { path: path.to_owned(), source };
    let broken = |detail: String| StoreError::Broken { path: path.to_owned(), detail };
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Targets::new()),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if metadata.len() > MAX_FILE => return Err(broken("too large".into())),
        Ok(_) => {}
    }
    let text = std::fs::read(path).map_err(failed)?;
    let file: File = serde_json::from_slice(&text).map_err(|error| broken(error.to_string()))?;
    Ok(file.targets)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 60 * 60 * 1_000;

    fn reading(id: &str, version: &str) -> Reading {
        Reading { id: id.into(), component: "BIOS".into(), version: version.into(), ..Reading::default() }
    }

    fn note(store: &Store, readings: &[Reading], at: Timestamp) -> Vec<(String, String)> {
        let changes = store.note("a", ["Dell", "R750"], readings, at, |_| false);
        changes.into_iter().map(|(reading, change)| (change.from, reading.version)).collect()
    }

    #[test]
    fn the_first_sight_is_no_change_and_each_other_version_is_one() {
        let store = Store::in_memory();
        let mut changes = Vec::new();
        for (at, version) in ["1", "1", "2", "1", "1"].into_iter().enumerate() {
            changes.extend(note(&store, &[reading("x", version)], at as i64));
        }
        assert_eq!(changes, [("1".into(), "2".into()), ("2".into(), "1".into())]);
        assert!(note(&store, &[], 5).is_empty() && note(&store, &[reading("x", "1")], 6).is_empty());
    }

    #[test]
    fn a_restart_remembers_what_was_seen_lately() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let (store, error) = Store::open(&path, 0);
        assert!(error.is_none());
        note(&store, &[reading("y", "1"), reading("x", "1")], DAY);
        store.save().unwrap();
        let written = std::fs::read(&path).unwrap();
        store.save().unwrap();
        let (again, error) = Store::open(&path, 90 * DAY);
        assert!(error.is_none());
        assert_eq!(
            note(&again, &[reading("x", "2"), reading("y", "1")], 90 * DAY),
            [("1".into(), "2".into())]
        );
        assert_eq!(std::fs::read(&path).unwrap(), written, "nothing is written before it is asked for");
        let (later, _) = Store::open(&path, 91 * DAY);
        assert!(later.targets().is_empty());
    }

    #[test]
    fn a_broken_file_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        for text in ["", "[]", "{\"targets\": 1}", "{\"targets\": {\"a\": {\"components\": [{}]}}}"] {
            std::fs::write(&path, text).unwrap();
            let (store, error) = Store::open(&path, 0);
            assert!(error.unwrap().to_string().contains("firmware.json"), "{text}");
            assert!(store.targets().is_empty());
        }
    }

    #[test]
    fn a_device_that_invents_components_does_not_grow() {
        let store = Store::in_memory();
        for poll in 0..3 {
            let readings: Vec<_> = (0..800).map(|each| reading(&format!("{poll}-{each}"), "1")).collect();
            note(&store, &readings, poll);
        }
        assert_eq!(store.targets()["a"].components.len(), MAX_COMPONENTS);
    }
}
