//! The web configuration file, in the format of Prometheus's exporter-toolkit: TLS, users, headers.
//!
//! The file and the certificates it names are looked at with each handshake and request and read again
//! when they have changed. A file that has become wrong changes nothing and says so in the log; a wrong
//! one at the start is an error. What of the format is not supported is refused, never ignored.

mod auth;
mod file;
mod rate;
mod tls;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use axum::http::{HeaderName, HeaderValue};

use crate::yaml::Problems;
use auth::{Authenticator, Users};
use rate::RateLimit;

/// A web configuration file that is read again whenever it changes.
pub struct WebConfig {
    path: PathBuf,
    loaded: Mutex<Loaded>,
    authenticator: Authenticator,
}

struct Loaded {
    current: Arc<Current>,
    /// The state of all files when they were last read, well or not.
    stamps: Stamps,
}

/// What the file says at one moment.
pub(super) struct Current {
    /// Handshakes' configuration; `None` for plain HTTP.
    pub(super) tls: Option<Arc<rustls::ServerConfig>>,
    /// Whether HTTP/2 is offered; only looked at when the server starts.
    pub(super) http2: bool,
    headers: Vec<(HeaderName, HeaderValue)>,
    users: Users,
    rate_limit: Option<RateLimit>,
    /// Every file that this was read from, the web configuration file first.
    files: Vec<PathBuf>,
}

impl WebConfig {
    /// Reads the file and everything it names.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Problems> {
        let path = path.into();
        let current = file::load(&path)?;
        let stamps = stamps(&current.files);
        let loaded = Mutex::new(Loaded { current: Arc::new(current), stamps });
        Ok(Self { path, loaded, authenticator: Authenticator::new() })
    }

    /// What the file says now.
    pub(super) async fn current(self: &Arc<Self>) -> Arc<Current> {
        let known = Arc::clone(&self.lock().current);
        let this = Arc::clone(self);
        match tokio::task::spawn_blocking(move || this.refreshed()).await {
            Ok(current) => current,
            Err(_) => known,
        }
    }

    fn refreshed(&self) -> Arc<Current> {
        let known = Arc::clone(&self.lock().current);
        let stamps = stamps(&known.files);
        if self.lock().stamps == stamps {
            return known;
        }
        let read = file::load(&self.path);
        let mut loaded = self.lock();
        match read {
            Ok(current) => {
                tracing::info!(file = %self.path.display(), "web configuration read again");
                loaded.stamps = self::stamps(&current.files);
                loaded.current = Arc::new(current);
            }
            Err(problems) => {
                tracing::warn!(file = %self.path.display(), %problems, "web configuration is wrong; the earlier one stays");
                loaded.stamps = stamps;
            }
        }
        Arc::clone(&loaded.current)
    }

    /// Whether these credentials (`user:password`) open the door; none are needed where no users are named.
    pub(super) async fn authenticates(&self, current: &Current, credentials: Option<&[u8]>) -> bool {
        current.users.is_empty() || self.authenticator.accepts(&current.users, credentials).await
    }

    fn lock(&self) -> MutexGuard<'_, Loaded> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Current {
    /// Headers that every answer carries.
    pub(super) fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }

    /// Takes one request from the rate limit.
    pub(super) fn rate_limit_allows(&self) -> bool {
        self.rate_limit.as_ref().is_none_or(RateLimit::allows)
    }
}

/// State of a file: a change of content changes one of these.
type Stamps = Vec<Option<(SystemTime, u64)>>;

fn stamps(files: &[PathBuf]) -> Stamps {
    files.iter().map(|path| stamp(path)).collect()
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
