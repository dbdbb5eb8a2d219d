//! A receiver in memory, strict as Prometheus: a request is stored as a whole or not at all.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use exporters::buffer::batch::Batch;
use exporters::forward::{Outcome, Refusal, Transport};
use model::Timestamp;
use tokio::time::Instant;

/// No test needs as many requests.
const MAX_REQUESTS: usize = 20_000;

/// A sample: identity of the series, time.
pub(crate) type Key = (String, Timestamp);

#[derive(Default)]
pub(crate) struct State {
    /// What is answered to the next requests, whatever they carry. `Accepted` means: as usual.
    pub(crate) script: VecDeque<Outcome>,
    /// Requests are stored, and the answer is lost on its way, as often.
    pub(crate) lose_answers: u32,
    /// Refused for good.
    pub(crate) poison: Vec<Key>,
    /// Whether the samples of a series must come in the order of their times.
    pub(crate) in_order: bool,
    /// What is older is refused.
    pub(crate) oldest: Timestamp,
    /// Requests with more samples are too large.
    pub(crate) most_samples: Option<usize>,
    /// How long a request takes.
    pub(crate) takes: Duration,
    /// Stored: value, and how often it came.
    pub(crate) stored: BTreeMap<Key, (f64, u32)>,
    /// Each request: when it ended, since the first one began, its samples, its oldest and its newest time.
    pub(crate) requests: Vec<(Duration, usize, Timestamp, Timestamp)>,
    pub(crate) failed: u32,
    /// When the first request began.
    pub(crate) begun: Option<Instant>,
}

/// Its end of the link. A sample takes 10 bytes.
#[derive(Clone, Default)]
pub(crate) struct Receiver(pub(crate) Arc<Mutex<State>>);

impl Receiver {
    pub(crate) fn new(state: State) -> Self {
        Self(Arc::new(Mutex::new(state)))
    }

    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        look(&mut self.0.lock().unwrap())
    }
}

/// The transport of a receiver: the "request" is what was encoded last.
pub(crate) struct Link {
    receiver: Receiver,
    encoded: Batch,
}

impl Link {
    pub(crate) fn new(receiver: &Receiver) -> Self {
        Self { receiver: receiver.clone(), encoded: Batch::default() }
    }
}

impl Transport for Link {
    fn encode(&mut self, batch: &Batch) -> Bytes {
        self.encoded = batch.clone();
        vec![0; batch.points.len() * 10].into()
    }

    async fn deliver(&mut self, request: Bytes, samples: u64) -> Outcome {
        assert_eq!((request.len() / 10) as u64, samples);
        let takes = self.receiver.with(|state| {
            state.begun.get_or_insert_with(Instant::now);
            state.takes
        });
        tokio::time::sleep(takes).await;
        self.receiver.with(|state| state.receive(&self.encoded))
    }
}

impl State {
    fn receive(&mut self, batch: &Batch) -> Outcome {
        assert!(self.requests.len() < MAX_REQUESTS, "it sends for ever");
        let times = || batch.points.iter().map(|point| point.at);
        let elapsed = self.begun.map_or(Duration::ZERO, |begun| begun.elapsed());
        self.requests.push((elapsed, batch.points.len(), times().min().unwrap(), times().max().unwrap()));
        match self.script.pop_front() {
            None | Some(Outcome::Accepted) => {}
            Some(outcome) => {
                self.failed += 1;
                return outcome;
            }
        }
        if self.most_samples.is_some_and(|most| batch.points.len() > most) {
            return Outcome::Refused { refusal: Refusal::TooLarge, message: "413".into() };
        }
        if let Err(refusal) = self.store(batch) {
            return Outcome::Refused { refusal, message: format!("400: {}", refusal.as_str()) };
        }
        if self.lose_answers > 0 {
            self.lose_answers -= 1;
            return Outcome::Retry { after: None, message: "connection reset".into() };
        }
        Outcome::Accepted
    }

    /// All or nothing.
    fn store(&mut self, batch: &Batch) -> Result<(), Refusal> {
        let mut stored = self.stored.clone();
        for run in &batch.runs {
            let name = format!(
                "{}{{{},{}}}",
                run.series.metric.definition().prometheus,
                run.series.own,
                run.series.device
            );
            for point in batch.points_of(run) {
                let key = (name.clone(), point.at);
                if point.at < self.oldest {
                    return Err(Refusal::TooOld);
                }
                if self.poison.contains(&key) {
                    return Err(Refusal::Invalid);
                }
                let newest = stored.range((name.clone(), i64::MIN)..=(name.clone(), i64::MAX)).next_back();
                if self.in_order && newest.is_some_and(|(newest, _)| newest.1 > point.at) {
                    return Err(Refusal::OutOfOrder);
                }
                stored.entry(key).or_insert((point.value, 0)).1 += 1;
            }
        }
        self.stored = stored;
        Ok(())
    }
}
