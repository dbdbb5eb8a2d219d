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
    /// Requests with more samples do not get through in time.
    pub(crate) carries: Option<usize>,
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
        if self.carries.is_some_and(|most| batch.points.len() > most) {
            self.failed += 1;
            return Outcome::Unanswered { message: "operation timed out".into() };
        }
        if self.most_samples.is_some_and(|most| batch.points.len() > most) {
            return Outcome::Refused { refusal: Refusal::TooLarge, message: "413".into() };
        }
        if let Err(refusal) = self.store(batch) {
            return Outcome::Refused { refusal, message: format!("400: {}", refusal.as_str()) };
        }
        if self.lose_answers > 0 {
            self.lose_answers -= 1;
            return Outcome::Unanswered { message: "connection reset".into() };
        }
        Outcome::Accepted
    }

    /// All or nothing.
    fn store(&mut self, batch: &Batch) -> Result<(), Refusal> {
        let mut taken = Vec::new();
        for run in &batch.runs {
            let name = format!(
                "{}{{{},{}}}",
                run.series.metric.definition().prometheus,
                run.series.own,
                run.series.device
            );
            let all = (name.clone(), i64::MIN)..=(name.clone(), i64::MAX);
            let newest = self.stored.range(all).next_back().map(|(key, _)| key.1);
            assert!(batch.points_of(run).is_sorted_by_key(|point| point.at), "a series goes back: {name}");
            for point in batch.points_of(run) {
                let key = (name.clone(), point.at);
                if point.at < self.oldest {
                    return Err(Refusal::TooOld);
                }
                if self.poison.contains(&key) {
                    return Err(Refusal::Invalid);
                }
                if self.in_order && newest > Some(point.at) {
                    return Err(Refusal::OutOfOrder);
                }
                taken.push((key, point.value));
            }
        }
        for (key, value) in taken {
            self.stored.entry(key).or_insert((value, 0)).1 += 1;
        }
        Ok(())
    }
}
