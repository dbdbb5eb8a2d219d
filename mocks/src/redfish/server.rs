//! The server: started, told what shall go wrong, asked what it saw, stopped.

use super::door::Door;
use super::faults::{Fault, Kind};
use super::live::Moment;
use super::options::Options;
use super::overrides::Override;
use super::route;
use super::tls::{self, Identity, TlsError};
use super::tree::Tree;
use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Paths that are counted one by one; a client that makes up more is counted under [`OTHER_PATHS`].
const MAX_COUNTED: usize = 20_000;

/// The name under which paths beyond the limit are counted.
pub const OTHER_PATHS: &str = "(other)";

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or not this machine's.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// No certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// What a server saw since its start.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// Requests by method and path (without query and trailing slash).
    pub requests: BTreeMap<(String, String), u64>,
    /// Most requests that were answered at the same time, up to their headers.
    pub most_in_flight: usize,
    /// Right passwords, by session or Basic.
    pub logins_ok: u64,
    /// Wrong passwords, and right ones while locked.
    pub logins_failed: u64,
    /// Sessions open now.
    pub sessions_open: usize,
    /// Whether the account is locked.
    pub locked: bool,
}

impl Stats {
    /// Requests of one method and path.
    pub fn count(&self, method: &str, path: &str) -> u64 {
        self.requests.get(&(method.to_owned(), path.to_owned())).copied().unwrap_or(0)
    }

    /// All requests.
    pub fn total(&self) -> u64 {
        self.requests.values().sum()
    }
}

/// What all requests share.
pub(super) struct Shared {
    pub(super) tree: Arc<Tree>,
    pub(super) options: Options,
    door: Mutex<Door>,
    faults: Mutex<Vec<Fault>>,
    overrides: Mutex<Arc<[Override]>>,
    counts: Mutex<Counts>,
    started: Instant,
    started_unix_s: u64,
}

#[derive(Default)]
struct Counts {
    requests: BTreeMap<(String, String), u64>,
    in_flight: usize,
    most_in_flight: usize,
}

impl Shared {
    pub(super) fn door(&self) -> MutexGuard<'_, Door> {
        lock(&self.door)
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Vec<Fault>> {
        lock(&self.faults)
    }

    /// What is otherwise now; a copy, so that nobody waits for whoever reads.
    pub(super) fn overrides(&self) -> Arc<[Override]> {
        lock(&self.overrides).clone()
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) fn moment(&self) -> Moment {
        Moment { seed: self.options.seed, started_unix_s: self.started_unix_s, elapsed: self.elapsed() }
    }

    /// Counts a request, in flight until the answer is dropped.
    pub(super) fn count(&self, method: &str, path: &str) -> InFlight<'_> {
        let mut counts = lock(&self.counts);
        let mut key = (method.to_owned(), path.to_owned());
        if counts.requests.len() >= MAX_COUNTED && !counts.requests.contains_key(&key) {
            key.1 = OTHER_PATHS.to_owned();
        }
        *counts.requests.entry(key).or_default() += 1;
        counts.in_flight += 1;
        counts.most_in_flight = counts.most_in_flight.max(counts.in_flight);
        InFlight(self)
    }
}

/// A request that is not answered yet.
pub(super) struct InFlight<'a>(&'a Shared);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        lock(&self.0.counts).in_flight -= 1;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running server. Dropping it stops it.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    identity: Option<Identity>,
    handle: Handle<SocketAddr>,
    task: JoinHandle<io::Result<()>>,
}

impl Server {
    /// Starts a server within the current Tokio runtime. It listens when this returns.
    pub fn start(tree: Arc<Tree>, options: Options) -> Result<Self, StartError> {
        let failed = |source| StartError::Listen { address: options.listen, source };
        let listener = TcpListener::bind(options.listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let identity = options.tls.map(|kind| tls::identity(kind, address.ip())).transpose()?;
        let handle = Handle::new();
        let plain = axum_server::from_tcp(listener).map_err(failed)?.handle(handle.clone());
        let shared = Arc::new(Shared {
            tree,
            door: Mutex::new(Door::new(&options)),
            options,
            faults: Mutex::default(),
            overrides: Mutex::default(),
            counts: Mutex::default(),
            started: Instant::now(),
            started_unix_s: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs()),
        });
        let service = Router::new().fallback(route::handle).with_state(shared.clone()).into_make_service();
        let task = match &identity {
            None => tokio::spawn(plain.serve(service)),
            Some(identity) => {
                let config = RustlsConfig::from_config(identity.config.clone());
                let acceptor = axum_server::tls_rustls::RustlsAcceptor::new(config);
                tokio::spawn(plain.acceptor(acceptor).serve(service))
            }
        };
        Ok(Self { shared, address, identity, handle, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:port` or `https://…`, without a path.
    pub fn url(&self) -> String {
        let scheme = if self.identity.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The certificate in PEM; none over plain HTTP.
    pub fn certificate_pem(&self) -> Option<&str> {
        Some(&self.identity.as_ref()?.pem)
    }

    /// SHA-256 of the certificate, `AA:BB:…` as OpenSSL prints it; none over plain HTTP.
    pub fn certificate_fingerprint(&self) -> Option<&str> {
        Some(&self.identity.as_ref()?.fingerprint)
    }

    /// Replaces all that goes wrong, from the next request on.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        *self.shared.faults() = faults;
    }

    /// Replaces what is shown instead of the documents; an empty list ends it.
    pub fn set_overrides(&self, overrides: Vec<Override>) {
        *lock(&self.shared.overrides) = overrides.into();
    }

    /// Restarts the BMC: sessions are forgotten, the account is unlocked, and
    /// [`Kind::UnauthorizedUntilReset`] is over.
    pub fn reset(&self) {
        self.shared.door().reset();
        self.shared.faults().retain(|fault| fault.fault != Kind::UnauthorizedUntilReset);
    }

    /// What it saw.
    pub fn stats(&self) -> Stats {
        let (requests, most_in_flight) = {
            let counts = lock(&self.shared.counts);
            (counts.requests.clone(), counts.most_in_flight)
        };
        let mut door = self.shared.door();
        Stats {
            requests,
            most_in_flight,
            logins_ok: door.accepted,
            logins_failed: door.refused,
            sessions_open: door.open_sessions(self.shared.elapsed()).len(),
            locked: door.locked(),
        }
    }

    /// Stops: every connection is cut, as when a BMC loses power. Errors are those of listening.
    pub async fn shutdown(mut self) -> io::Result<()> {
        self.handle.shutdown();
        (&mut self.task).await.unwrap_or_else(|ended| Err(io::Error::other(ended)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}
