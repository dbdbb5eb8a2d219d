//! What a forwarder says of itself: samples by outcome, the newest one that arrived, and how it is, in words.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::Timestamp;
use tokio::time::Instant;

use super::transport::Refusal;

/// Outcome of samples that the receiver has.
pub const ACKED: &str = "acked";

/// Outcome of samples that the receiver left out of a request that it took.
pub const PARTIAL: &str = "partial";

/// A destination's figures, shared. Asking for them never waits for a request.
#[derive(Clone, Debug)]
pub struct Status(Arc<Mutex<Inner>>);

/// The figures at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Samples by outcome: [`ACKED`], [`PARTIAL`] or a [`Refusal`]'s word. All outcomes are there, at 0 too.
    pub samples: BTreeMap<&'static str, u64>,
    /// Requests that were answered, whatever the answer.
    pub requests: u64,
    /// Bytes of requests, failed ones included: what the link carries.
    pub bytes: u64,
    /// When the newest sample was measured that the receiver has, or does not want by its filter.
    pub newest: Option<Timestamp>,
    /// How it is.
    pub condition: Condition,
    /// What went wrong last, in words; empty where nothing ever did.
    pub last_error: String,
}

/// How a forwarder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing has failed since the last success.
    Well,
    /// The receiver does not answer or is busy: after so many failures in a row, the next try is in so long.
    Retrying {
        /// Failures in a row.
        failures: u32,
        /// Time to the next try.
        next: Duration,
    },
    /// The receiver refuses the sender: someone has to change its login, its address or a permission.
    Barred {
        /// Time to the next try.
        next: Duration,
    },
}

#[derive(Debug)]
struct Inner {
    figures: Figures,
    failures: u32,
    barred: bool,
    next: Instant,
}

impl Default for Status {
    fn default() -> Self {
        let outcomes = Refusal::ALL.map(Refusal::as_str).into_iter().chain([ACKED, PARTIAL]);
        let figures = Figures {
            samples: outcomes.map(|outcome| (outcome, 0)).collect(),
            requests: 0,
            bytes: 0,
            newest: None,
            condition: Condition::Well,
            last_error: String::new(),
        };
        Self(Arc::new(Mutex::new(Inner { figures, failures: 0, barred: false, next: Instant::now() })))
    }
}

impl Status {
    /// The figures now.
    pub fn figures(&self) -> Figures {
        let inner = self.lock();
        let next = inner.next.saturating_duration_since(Instant::now());
        let condition = match (inner.failures, inner.barred) {
            (0, _) => Condition::Well,
            (_, true) => Condition::Barred { next },
            (failures, false) => Condition::Retrying { failures, next },
        };
        Figures { condition, ..inner.figures.clone() }
    }

    pub(super) fn count(&self, outcome: &'static str, samples: u64) {
        let mut inner = self.lock();
        let sum = inner.figures.samples.entry(outcome).or_default();
        *sum = sum.saturating_add(samples);
    }

    pub(super) fn arrived(&self, newest: Option<Timestamp>) {
        let mut inner = self.lock();
        inner.figures.newest = inner.figures.newest.max(newest);
    }

    pub(super) fn sent(&self, bytes: usize) {
        let mut inner = self.lock();
        inner.figures.bytes = inner.figures.bytes.saturating_add(bytes as u64);
    }

    /// The receiver answered and is there for more. Returns whether it was not before.
    pub(super) fn answered(&self) -> bool {
        let mut inner = self.lock();
        inner.figures.requests = inner.figures.requests.saturating_add(1);
        std::mem::take(&mut inner.failures) > 0
    }

    pub(super) fn note_error(&self, message: &str) {
        message.clone_into(&mut self.lock().figures.last_error);
    }

    /// Returns whether the failure before was that the sender is refused.
    pub(super) fn failed(&self, failures: u32, barred: bool, next: Instant, message: &str) -> bool {
        self.note_error(message);
        let mut inner = self.lock();
        (inner.failures, inner.next) = (failures, next);
        std::mem::replace(&mut inner.barred, barred)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Display for Figures {
    /// One line for people.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.condition {
            Condition::Well => write!(f, "forwarding"),
            Condition::Retrying { failures, next } => write!(
                f,
                "no success in {failures} tries, next try in {} s: {}",
                next.as_secs(),
                self.last_error
            ),
            Condition::Barred { next } => {
                write!(f, "refused as a sender, next try in {} s: {}", next.as_secs(), self.last_error)
            }
        }
    }
}
