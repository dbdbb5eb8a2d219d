//! Reads what a request names: scalars here, columns in `walk`.
//!
//! One bad object costs itself: a batch that fails is split until the culprit stands alone. What was
//! read before a failure is kept, and each part that is missing is a fault. A device that stopped
//! answering is not asked for the rest.

use std::collections::{BTreeMap, VecDeque};

use async_snmp::{ErrorStatus, Value as Raw};
use model::{Fault, Reason};
use tokio::time::Instant;

use super::error::WireError;
use super::habits::Habits;
use super::value::{Folded, fold};
use super::wire::{Answer, Ask, Bound, Wire};
use crate::profile::source::{Objects, Oid, Request};

/// Requests in a row without an answer, each with its retransmissions, before a device is left alone.
const SILENT_REQUESTS: u32 = 2;

/// Limits of what one fetch may bring.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Rows of one column.
    pub(super) rows: usize,
    /// Instances in all.
    pub(super) instances: usize,
    /// Octets of all values.
    pub(super) octets: usize,
}

/// What is read of an object.
#[derive(Clone, Copy)]
enum Read {
    /// The instance itself.
    Instance,
    /// The first instance below it.
    FirstBelow,
}

/// For a poll: a chassis switch has about 1,000 ports, and 40 columns each are generous.
pub(super) const POLL_LIMITS: Limits = Limits { rows: 10_000, instances: 100_000, octets: 16 << 20 };

/// One reading of one device.
pub(super) struct Fetch<'a, W> {
    wire: &'a mut W,
    pub(super) habits: &'a mut Habits,
    deadline: Instant,
    pub(super) limits: Limits,
    pub(super) rows: BTreeMap<Oid, Raw>,
    pub(super) faults: Vec<Fault>,
    octets: usize,
    silent: u32,
    /// Why nothing more is asked.
    pub(super) stopped: Option<WireError>,
    progress: Option<&'a mut (dyn FnMut(usize) + Send)>,
}

impl<'a, W: Wire> Fetch<'a, W> {
    /// Reads until `deadline` at the latest.
    pub(super) fn new(wire: &'a mut W, habits: &'a mut Habits, deadline: Instant, limits: Limits) -> Self {
        Self {
            wire,
            habits,
            deadline,
            limits,
            rows: BTreeMap::new(),
            faults: Vec::new(),
            octets: 0,
            silent: 0,
            stopped: None,
            progress: None,
        }
    }

    /// Tells `progress` how many instances there are, after each answer.
    pub(super) fn with_progress(mut self, progress: &'a mut (dyn FnMut(usize) + Send)) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Reads everything that `request` names, but for scalars that are there already.
    pub(super) async fn run(&mut self, request: &Request) {
        let missing = request.scalars.iter().filter(|oid| !self.rows.contains_key(*oid));
        let missing: Vec<Oid> = missing.cloned().collect();
        self.scalars(&missing).await;
        self.columns(&request.columns).await;
    }

    /// What was read, and what could not be.
    pub(super) fn finish(mut self) -> (Objects, Vec<Fault>) {
        let mut objects = Objects::default();
        for (oid, raw) in std::mem::take(&mut self.rows) {
            match fold(&raw) {
                Folded::Value(value) => objects.insert(oid, value),
                Folded::Absent => {}
                Folded::Unreadable => {
                    let detail = "the device sent something that is no value of SNMP";
                    self.fault(Reason::Parse, oid.to_string(), detail);
                }
            }
        }
        (objects, self.faults)
    }

    pub(super) fn fault(&mut self, reason: Reason, subject: String, detail: impl Into<String>) {
        self.faults.push(Fault { reason, subject: subject.into(), detail: detail.into() });
    }

    /// Asks once, within the deadline, and notes when it is time to stop.
    pub(super) async fn ask(&mut self, ask: Ask<'_>) -> Result<Answer, WireError> {
        let answer = tokio::time::timeout_at(self.deadline, self.wire.ask(ask)).await;
        let answer = answer.unwrap_or(Err(WireError::Deadline));
        match &answer {
            Ok(_) => self.silent = 0,
            Err(WireError::Timeout { .. }) => self.silent = self.silent.saturating_add(1),
            Err(_) => {}
        }
        if let Err(error) = &answer
            && (error.is_final() || self.silent >= SILENT_REQUESTS)
        {
            self.stopped = Some(error.clone());
        }
        answer
    }

    /// Keeps one value. Values over a limit end the fetch.
    pub(super) fn keep(&mut self, bound: Bound) {
        let size = match &bound.value {
            Raw::OctetString(bytes) | Raw::Opaque(bytes) | Raw::Nsap(bytes) => bytes.len(),
            _ => 0,
        };
        self.octets = self.octets.saturating_add(size);
        if self.rows.len() >= self.limits.instances || self.octets > self.limits.octets {
            self.stopped = Some(WireError::Full { instances: self.rows.len() });
        } else {
            self.rows.insert(bound.oid, bound.value);
        }
    }

    pub(super) fn show_progress(&mut self) {
        if let Some(progress) = &mut self.progress {
            progress(self.rows.len());
        }
    }

    /// Reads scalars: instances by name.
    pub(super) async fn scalars(&mut self, oids: &[Oid]) {
        self.batches(oids, Read::Instance).await;
    }

    /// Reads the first instance below each object, where there is one.
    pub(super) async fn firsts(&mut self, oids: &[Oid]) {
        self.batches(oids, Read::FirstBelow).await;
    }

    async fn batches(&mut self, oids: &[Oid], read: Read) {
        let mut work: VecDeque<Vec<Oid>> =
            oids.chunks(self.habits.batch.max(1)).map(<[Oid]>::to_vec).collect();
        // Whether a batch was too large, until a smaller one is answered.
        let mut too_large = false;
        while let Some(mut batch) = work.pop_front() {
            if batch.len() > self.habits.batch {
                work.push_front(batch.split_off(self.habits.batch));
            }
            if let Some(stop) = &self.stopped {
                let (reason, detail) = (stop.reason(), format!("not asked: {stop}"));
                self.fault(reason, name(&batch), detail);
                continue;
            }
            let ask = match read {
                Read::Instance => Ask::Get(&batch),
                Read::FirstBelow => Ask::Next(&batch),
            };
            match self.ask(ask).await {
                Ok(answer) => {
                    if std::mem::take(&mut too_large) || answer.covered < batch.len() {
                        self.habits.batch = answer.covered.clamp(1, self.habits.batch.max(1));
                    }
                    if let Some(rest) = batch.get(answer.covered..).filter(|rest| !rest.is_empty()) {
                        work.push_front(rest.to_vec());
                    }
                    self.take_batch(batch, answer, read);
                }
                Err(error) => {
                    too_large |= matches!(
                        error,
                        WireError::Timeout { .. }
                            | WireError::TooLarge
                            | WireError::Status { status: ErrorStatus::TooBig, .. }
                    );
                    self.split(batch, &error, &mut work);
                }
            }
        }
    }

    fn take_batch(&mut self, mut batch: Vec<Oid>, answer: Answer, read: Read) {
        batch.truncate(answer.covered);
        let mut matched = 0_usize;
        for bound in answer.bound {
            let wanted = match read {
                Read::Instance => batch.contains(&bound.oid),
                Read::FirstBelow => batch.iter().any(|oid| bound.oid.strip_prefix(oid).is_some()),
            };
            if wanted {
                matched = matched.saturating_add(1);
                self.keep(bound);
            }
        }
        if matched == 0 && matches!(read, Read::Instance) {
            let detail = "the device answered with other objects than it was asked for";
            self.fault(Reason::Protocol, name(&batch), detail);
        }
        self.show_progress();
    }

    /// A batch failed: goes on without the culprit if it is known, and with the halves otherwise.
    fn split(&mut self, mut batch: Vec<Oid>, error: &WireError, work: &mut VecDeque<Vec<Oid>>) {
        let absent = matches!(error, WireError::Status { status: ErrorStatus::NoSuchName, .. });
        let culprit = match error {
            WireError::Status { index, .. } => index.filter(|index| *index < batch.len()),
            _ => None,
        };
        if self.stopped.is_some() || (batch.len() == 1 && !absent) {
            self.fault(error.reason(), name(&batch), error.to_string());
        } else if let Some(culprit) = culprit {
            let culprit = batch.remove(culprit);
            if !absent {
                self.fault(error.reason(), culprit.to_string(), error.to_string());
            }
            if !batch.is_empty() {
                work.push_front(batch);
            }
        } else if batch.len() > 1 {
            let second = batch.split_off(batch.len().div_ceil(2));
            work.push_front(second);
            work.push_front(batch);
        }
    }
}

/// Names a batch in a fault.
fn name(batch: &[Oid]) -> String {
    match batch {
        [] => String::new(),
        [only] => only.to_string(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}
