//! One document of a device by its path: asked for, bounded, decoded.
//!
//! Holds what is known during one poll, so that a device that went silent or is busy is not asked on
//! and on. Everything here may be called by several tasks at once.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::Reason;
use reqwest::StatusCode;
use reqwest::header::{ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, RETRY_AFTER};
use serde_json::Value;
use tokio::time::Instant;

use super::certificate::Certificate;
use super::etag::Cache;
use super::session::{Login, Poll};
use super::wire::{Answer, Request, Wire};
use super::words::{self, Trouble};
use super::{body, error, fault};
use crate::driver::redfish::quirks::Rules;
use crate::driver::redfish::source::SourceError;

/// The service root. DSP0266 section 6.2: with a slash at its end.
pub(super) const ROOT: &str = "/redfish/v1/";

/// Requests in a row without an answer, after which the device is left alone until the next poll.
pub(super) const MAX_SILENT: u32 = 3;

/// Most memory that the documents of one poll may take, as [`body`] estimates it. A GPU rack with
/// 6,000 resources comes to half of it.
pub(super) const MAX_POLL_MEMORY: usize = 256 * 1024 * 1024;

/// The documents of one device.
pub(super) struct Documents {
    wire: Arc<Wire>,
    login: Arc<Login>,
    /// Members that are read at once.
    pub(super) concurrency: usize,
    cache: Mutex<Cache>,
    rules: Mutex<Arc<Rules>>,
    poll: Mutex<Poll>,
    silent: AtomicU32,
    waited: AtomicBool,
    memory: AtomicUsize,
}

impl Documents {
    /// Nothing is known yet.
    pub(super) fn new(wire: Arc<Wire>, login: Arc<Login>, concurrency: usize) -> Self {
        Self {
            wire,
            login,
            concurrency: concurrency.max(1),
            cache: Mutex::default(),
            rules: Mutex::default(),
            poll: Mutex::new(Poll { now: 0, deadline: Instant::now() }),
            silent: AtomicU32::new(0),
            waited: AtomicBool::new(false),
            memory: AtomicUsize::new(0),
        }
    }

    /// A poll begins.
    pub(super) async fn begin(&self, poll: Poll) {
        *lock(&self.poll) = poll;
        self.silent.store(0, Ordering::Relaxed);
        self.waited.store(false, Ordering::Relaxed);
        self.memory.store(0, Ordering::Relaxed);
        self.login.begin().await;
    }

    /// What is done differently for this device. `sessions` is where it says that its sessions are.
    pub(super) async fn obey(&self, rules: Rules, sessions: Option<&str>) {
        self.login.arrange(sessions, rules.basic).await;
        *lock(&self.rules) = Arc::new(rules);
    }

    /// The rules for this device.
    pub(super) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&lock(&self.rules))
    }

    /// The certificate that the device showed.
    pub(super) fn certificate(&self) -> Option<Arc<Certificate>> {
        self.wire.peer.certificate()
    }

    /// Logs in. `path` is one that needs it.
    pub(super) async fn ensure_login(&self, path: &str) -> Result<(), SourceError> {
        let poll = *lock(&self.poll);
        self.login.ensure(path, poll).await.map_err(|trouble| error(path, trouble))
    }

    /// Ends the session on the device.
    pub(super) async fn close(&self) {
        self.login.close().await;
    }

    /// The service root. It is open to everybody (DSP0266 section 13.3.1), so that no login is needed
    /// to find out how to log in. Devices that hide it, or its links, are asked again with one.
    pub(super) async fn root(&self) -> Result<Arc<Value>, SourceError> {
        let poll = *lock(&self.poll);
        let patient = self.rules().is_slow(ROOT);
        let answer = self.wire.exchange(Request::get(ROOT), poll.deadline, patient).await;
        let answer = answer.map_err(|trouble| error(ROOT, trouble))?;
        let is_closed = matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        if !is_closed {
            let root = self.understand(ROOT, answer)?;
            if ["Chassis", "Systems", "Managers"].iter().any(|link| root.get(link).is_some()) {
                return Ok(root);
            }
        }
        self.get(ROOT).await
    }

    /// One document. A device that is busy is waited for once in a poll, if it says how long.
    pub(super) async fn get(&self, path: &str) -> Result<Arc<Value>, SourceError> {
        let path = path.split('#').next().unwrap_or_default();
        let rules = self.rules();
        if rules.is_forbidden(path) {
            return Err(fault(path, Reason::Missing, "left out: reading it harms devices of this kind"));
        }
        let poll = *lock(&self.poll);
        let patient = rules.is_slow(path);
        let mut answer = self.ask(path, poll, patient).await?;
        if let Some(wait) = self.worth_waiting(&answer, poll) {
            tracing::debug!(path, seconds = wait.as_secs(), "the device asks to be asked again later");
            tokio::time::sleep(wait).await;
            answer = self.ask(path, poll, patient).await?;
        }
        if answer.status == StatusCode::NOT_MODIFIED {
            let known = lock(&self.cache).unchanged(path);
            return known
                .ok_or_else(|| fault(path, Reason::Protocol, "unchanged (HTTP 304), but it was never read"));
        }
        self.understand(path, answer)
    }

    async fn ask(&self, path: &str, poll: Poll, patient: bool) -> Result<Answer, SourceError> {
        if self.silent.load(Ordering::Relaxed) >= MAX_SILENT {
            let detail = format!("not asked: the last {MAX_SILENT} requests got no answer");
            return Err(fault(path, Reason::Timeout, detail));
        }
        let mut headers = HeaderMap::new();
        if let Some(etag) = lock(&self.cache).etag(path).and_then(|etag| HeaderValue::from_str(etag).ok()) {
            headers.insert(IF_NONE_MATCH, etag);
        }
        match self.login.get(path, headers, poll, patient).await {
            Ok(answer) => {
                self.silent.store(0, Ordering::Relaxed);
                Ok(answer)
            }
            Err(trouble) => {
                if matches!(trouble.reason, Reason::Timeout | Reason::Unreachable | Reason::Dns) {
                    self.silence();
                }
                Err(error(path, trouble))
            }
        }
    }

    /// One more request without an answer.
    pub(super) fn silence(&self) {
        self.silent.fetch_add(1, Ordering::Relaxed);
    }

    /// How long to wait before the one further attempt of this poll, if there is time for it.
    fn worth_waiting(&self, answer: &Answer, poll: Poll) -> Option<Duration> {
        if !matches!(answer.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            return None;
        }
        // The other form, a date, needs a clock that the device shares: it is not waited for.
        let wait = Duration::from_secs(answer.header(RETRY_AFTER.as_str())?.trim().parse().ok()?);
        let in_time = Instant::now().checked_add(wait).is_some_and(|at| at < poll.deadline);
        (in_time && !self.waited.swap(true, Ordering::Relaxed)).then_some(wait)
    }

    fn understand(&self, path: &str, answer: Answer) -> Result<Arc<Value>, SourceError> {
        let decoded = body::decode(&answer.body);
        if !answer.status.is_success() {
            return Err(error(path, words::status(answer.status, decoded.ok().as_ref())));
        }
        let status = Some(answer.status.as_u16());
        let wrong = |reason, detail: String| error(path, Trouble { reason, status, detail });
        let document = decoded.map_err(|problem| wrong(reason(&problem), problem.to_string()))?;
        if document.as_object().is_none_or(serde_json::Map::is_empty) {
            return Err(wrong(
                Reason::Parse,
                "the answer is no resource: not an object, or an empty one".into(),
            ));
        }
        let memory = body::estimate(&answer.body);
        if self.memory.fetch_add(memory, Ordering::Relaxed).saturating_add(memory) > MAX_POLL_MEMORY {
            let detail = format!("the documents of this poll take more than {MAX_POLL_MEMORY} bytes");
            return Err(wrong(Reason::Limit, detail));
        }
        let document = Arc::new(document);
        lock(&self.cache).received(path, answer.header(ETAG.as_str()), answer.body.len(), &document);
        Ok(document)
    }
}

fn reason(problem: &body::BodyError) -> Reason {
    match problem {
        body::BodyError::Html => Reason::Protocol,
        body::BodyError::TooComplex => Reason::Limit,
        body::BodyError::Empty | body::BodyError::Json(_) => Reason::Parse,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
