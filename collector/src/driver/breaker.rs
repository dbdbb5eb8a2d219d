//! Guards accounts: wrong passwords stop by themselves, long before a device locks the account.
//!
//! For each target at most [`QUICK_ATTEMPTS`] wrong attempts are made; after that one an hour. What is
//! known survives a restart in one small file of the process. New credentials get one attempt at
//! once. The file holds no password: a fingerprint of 16 bits tells changed credentials from old ones
//! and says nothing to somebody who guesses. A device whose own counter of wrong attempts never runs
//! down can still come to lock the account after some hours; no attempt at all would be the only cure.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Wrong attempts in a row before the breaker opens. Devices lock at 5, some at 4 (the smallest
/// that hardening guides ask for is 3, which the third attempt reaches and no sooner).
pub const QUICK_ATTEMPTS: u32 = 3;

/// From one careful attempt to the next while the breaker is open, in milliseconds: one hour.
pub const RETRY_INTERVAL: i64 = 60 * 60 * 1000;

/// Largest state file that is read. 100,000 targets take 8 MB.
const MAX_FILE: u64 = 32 * 1024 * 1024;

/// What is known of one target's account. Pure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Breaker {
    /// Tells these credentials from others.
    credentials: u16,
    /// Wrong attempts in a row.
    failures: u32,
    /// When the last of them was, in milliseconds since 1970.
    last_failure: Timestamp,
}

/// The breaker is open: no attempt before this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// Next attempt, in milliseconds since 1970.
    pub until: Timestamp,
    /// Wrong attempts so far.
    pub failures: u32,
}

impl Breaker {
    /// Whether an attempt may be made now.
    ///
    /// # Errors
    /// It may not, and until when.
    pub fn permit(&mut self, now: Timestamp) -> Result<(), Open> {
        // A clock that was set back must not close the account for years.
        self.last_failure = self.last_failure.min(now);
        let until = self.last_failure.saturating_add(RETRY_INTERVAL);
        if self.failures < QUICK_ATTEMPTS || now >= until {
            return Ok(());
        }
        Err(Open { until, failures: self.failures })
    }

    /// The device refused the credentials.
    pub fn failed(&mut self, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.last_failure = now;
    }

    /// For credentials that are not the ones of the earlier failures: one attempt at once.
    fn renewed(self, credentials: u16) -> Self {
        let failures = self.failures.min(QUICK_ATTEMPTS - 1);
        Self { credentials, failures, last_failure: self.last_failure }
    }
}

/// Why the state could not be kept.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the texts say it")]
pub enum BreakerError {
    #[error("{}: the state of authentication breakers cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: the state of authentication breakers is broken, each account starts with one attempt: {detail}", path.display())]
    Broken { path: PathBuf, detail: String },
    #[error("{}: the state of authentication breakers cannot be written, a restart will forget it: {source}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    salt: [u8; 16],
    targets: HashMap<String, Breaker>,
}

struct State {
    file: File,
    /// Failures that a target without an entry is taken to have.
    assumed: u32,
    version: u64,
}

/// The breakers of all targets of a process.
pub struct Breakers {
    path: Option<PathBuf>,
    state: Mutex<State>,
    /// The version of the state that is in the file.
    written: Mutex<u64>,
}

impl Breakers {
    /// Breakers that a restart forgets. `salt` is random.
    pub fn in_memory(salt: [u8; 16]) -> Arc<Self> {
        Arc::new(Self::new(None, File { salt, targets: HashMap::new() }, 0))
    }

    /// Breakers that are kept in a file. `salt` is random, used where there is no file yet.
    ///
    /// A broken file is reported beside breakers that give each account one attempt.
    pub fn open(path: &Path, salt: [u8; 16]) -> (Arc<Self>, Option<BreakerError>) {
        let (file, error) = match read(path) {
            Ok(Some(file)) => (file, None),
            Ok(None) => (File { salt, targets: HashMap::new() }, None),
            Err(error) => (File { salt, targets: HashMap::new() }, Some(error)),
        };
        let assumed = if error.is_some() { QUICK_ATTEMPTS - 1 } else { 0 };
        (Arc::new(Self::new(Some(path.to_owned()), file, assumed)), error)
    }

    fn new(path: Option<PathBuf>, file: File, assumed: u32) -> Self {
        let state = State { file, assumed, version: 0 };
        Self { path, state: Mutex::new(state), written: Mutex::new(0) }
    }

    /// The guard of one target's account. `credentials` are any bytes that change when they do.
    pub fn guard(self: &Arc<Self>, target: &str, credentials: &[u8]) -> Guard {
        let salt = lock(&self.state).file.salt;
        let hash = Sha256::new().chain_update(salt).chain_update(credentials).finalize();
        let credentials = hash.iter().take(2).fold(0, |print, &byte| print << 8 | u16::from(byte));
        Guard { breakers: Arc::clone(self), target: target.to_owned(), credentials }
    }

    fn save(&self) -> Result<(), BreakerError> {
        let Some(path) = &self.path else { return Ok(()) };
        let mut written = lock(&self.written);
        let (version, text) = {
            let state = lock(&self.state);
            if state.version == *written {
                return Ok(()); // another target's write has taken this change along
            }
            (state.version, serde_json::to_vec(&state.file))
        };
        let text = text.map_err(std::io::Error::from);
        text.and_then(|text| write_atomically(path, &text))
            .map_err(|source| BreakerError::Write { path: path.clone(), source })?;
        *written = version;
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(path: &Path) -> Result<Option<File>, BreakerError> {
    let failed = |source| BreakerError::Read { path: path.to_owned(), source };
    let broken = |detail: String| BreakerError::Broken { path: path.to_owned(), detail };
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if metadata.len() > MAX_FILE => return Err(broken("too large".into())),
        Ok(_) => {}
    }
    let text = std::fs::read(path).map_err(failed)?;
    serde_json::from_slice(&text).map(Some).map_err(|error| broken(error.to_string()))
}

/// Replaces a file at once: whoever reads it sees all of the old or all of the new.
pub(crate) fn write_atomically(path: &Path, text: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let new = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    file.write_all(text)?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

/// Guards one target's account. Ask before each attempt, tell after each answer.
pub struct Guard {
    breakers: Arc<Breakers>,
    target: String,
    credentials: u16,
}

impl Guard {
    /// Whether an attempt may be made now. An attempt that gets no answer needs no word.
    ///
    /// # Errors
    /// It may not, and until when.
    pub fn permit(&self, now: Timestamp) -> Result<(), Open> {
        let mut state = lock(&self.breakers.state);
        let assumed = state.assumed;
        match state.file.targets.get_mut(&self.target) {
            Some(breaker) if breaker.credentials == self.credentials => breaker.permit(now),
            Some(breaker) => breaker.renewed(self.credentials).permit(now),
            None => Breaker { failures: assumed, ..Breaker::default() }.permit(now),
        }
    }

    /// The device refused the credentials. Returns once that is on disk.
    pub async fn failed(&self, now: Timestamp) {
        {
            let mut state = lock(&self.breakers.state);
            let assumed = state.assumed;
            let fresh = Breaker { credentials: self.credentials, failures: assumed, last_failure: 0 };
            let breaker = state.file.targets.entry(self.target.clone()).or_insert(fresh);
            if breaker.credentials != self.credentials {
                *breaker = breaker.renewed(self.credentials);
            }
            breaker.failed(now);
            state.version = state.version.wrapping_add(1);
        }
        self.save().await;
    }

    /// The device accepted the credentials.
    pub async fn succeeded(&self) {
        {
            let mut state = lock(&self.breakers.state);
            let known = match (state.file.targets.get(&self.target), state.assumed) {
                (None, 0) => return,
                (Some(breaker), _) => breaker.failures == 0 && breaker.credentials == self.credentials,
                (None, _) => false,
            };
            if known {
                return;
            }
            if state.assumed == 0 {
                state.file.targets.remove(&self.target);
            } else {
                let breaker = Breaker { credentials: self.credentials, ..Breaker::default() };
                state.file.targets.insert(self.target.clone(), breaker);
            }
            state.version = state.version.wrapping_add(1);
        }
        self.save().await;
    }

    async fn save(&self) {
        let breakers = Arc::clone(&self.breakers);
        let saved = tokio::task::spawn_blocking(move || breakers.save()).await;
        if let Ok(Err(error)) = saved {
            tracing::warn!(%error, "authentication breaker");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = RETRY_INTERVAL;

    #[test]
    fn three_attempts_then_one_an_hour() {
        let mut breaker = Breaker::default();
        let mut attempts = Vec::new();
        for minute in 0..240 {
            let now = minute * 60_000;
            if breaker.permit(now).is_ok() {
                attempts.push(minute);
                breaker.failed(now);
            }
        }
        assert_eq!(attempts, [0, 1, 2, 62, 122, 182]);
    }

    #[test]
    fn a_clock_that_jumps_neither_opens_early_nor_closes_for_ever() {
        let mut breaker = Breaker { failures: 3, last_failure: 100 * HOUR, ..Breaker::default() };
        assert_eq!(breaker.permit(0), Err(Open { until: HOUR, failures: 3 }));
        assert_eq!(breaker.permit(HOUR), Ok(()));
        let mut breaker = Breaker { failures: u32::MAX, last_failure: i64::MAX, ..Breaker::default() };
        assert!(breaker.permit(i64::MAX - HOUR).is_err());
        breaker.failed(i64::MAX);
        assert!(breaker.permit(i64::MIN).is_err());
    }

    #[tokio::test]
    async fn new_credentials_get_one_attempt_at_once() {
        let breakers = Breakers::in_memory([1; 16]);
        let old = breakers.guard("a", b"old");
        for _ in 0..5 {
            old.failed(0).await;
        }
        assert!(old.permit(1).is_err());
        let new = breakers.guard("a", b"new");
        assert!(new.permit(1).is_ok());
        new.failed(1).await;
        assert!(new.permit(2).is_err());
        new.succeeded().await;
        assert!(new.permit(2).is_ok());
        assert!(breakers.guard("b", b"old").permit(1).is_ok());
    }

    #[tokio::test]
    async fn a_restart_remembers_and_the_file_tells_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("breakers.json");
        let (breakers, error) = Breakers::open(&path, [2; 16]);
        assert!(error.is_none() && !path.exists());
        let guard = breakers.guard("bmc-1", b"user\0password");
        for now in 0..3 {
            guard.failed(now).await;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("bmc-1") && !text.contains("password") && !text.contains("user"), "{text}");
        assert!(text.len() < 200, "{text}");
        let (again, error) = Breakers::open(&path, [3; 16]);
        assert!(error.is_none());
        let guard = again.guard("bmc-1", b"user\0password");
        assert_eq!(guard.permit(2).unwrap_err().failures, 3);
        guard.succeeded().await;
        let (third, _) = Breakers::open(&path, [4; 16]);
        assert!(third.guard("bmc-1", b"user\0password").permit(2).is_ok());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn the_file_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("breakers.json");
        Breakers::open(&path, [0; 16]).0.guard("a", b"b").failed(0).await;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn a_broken_file_is_reported_and_leaves_one_attempt() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("breakers.json");
        for broken in ["", "{", "[]", "{\"salt\":[1],\"targets\":{}}", "{\"salt\":0,\"targets\":0,\"x\":1}"] {
            std::fs::write(&path, broken).unwrap();
            let (breakers, error) = Breakers::open(&path, [5; 16]);
            assert!(error.unwrap().to_string().contains("breakers.json"));
            let guard = breakers.guard("a", b"b");
            assert!(guard.permit(0).is_ok());
            guard.failed(0).await;
            assert!(guard.permit(1).is_err());
            let right = breakers.guard("c", b"d");
            right.succeeded().await;
            right.failed(1).await;
            assert!(right.permit(2).is_ok(), "once it was right, it has three attempts again");
        }
    }
}
