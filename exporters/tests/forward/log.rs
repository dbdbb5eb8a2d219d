//! A log in memory that keeps what a source promises, and samples to put into it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use exporters::buffer::Order;
use exporters::buffer::batch::{Batch, Point, Run, StoredSeries};
use exporters::forward::{Lane, Source};
use model::{Metric, Timestamp};
use tokio::sync::Notify;

/// One poll: samples of some series at one time.
struct Entry {
    at: Timestamp,
    samples: Vec<(Arc<StoredSeries>, f64)>,
    acknowledged: bool,
}

#[derive(Default)]
struct Inner {
    entries: Vec<Entry>,
    /// Entries from here on were never given out by the live lane.
    live: usize,
    held: Range<usize>,
    set_aside: u64,
}

/// The log of one destination.
#[derive(Clone)]
pub(crate) struct Log {
    order: Order,
    inner: Arc<Mutex<Inner>>,
    more: Arc<Notify>,
}

impl Log {
    pub(crate) fn new(order: Order) -> Self {
        Self { order, inner: Arc::default(), more: Arc::default() }
    }

    /// A poll at `at`: one sample for each series.
    pub(crate) fn poll(&self, at: Timestamp, series: &[Arc<StoredSeries>], value: f64) {
        let samples = series.iter().map(|series| (Arc::clone(series), value)).collect();
        self.inner.lock().unwrap().entries.push(Entry { at, samples, acknowledged: false });
        self.more.notify_one();
    }

    /// What there is already is backlog.
    pub(crate) fn restart(&self) {
        let mut inner = self.inner.lock().unwrap();
        inner.live = inner.entries.len();
        inner.held = 0..0;
    }

    pub(crate) fn unacknowledged(&self) -> usize {
        self.inner.lock().unwrap().entries.iter().filter(|entry| !entry.acknowledged).count()
    }

    pub(crate) fn set_aside_samples(&self) -> u64 {
        self.inner.lock().unwrap().set_aside
    }
}

impl Inner {
    fn end(&self) -> usize {
        self.entries.len()
    }

    fn fitting(&self, entries: impl Iterator<Item = usize>, samples: usize) -> usize {
        let mut sum = 0;
        let fits = |&at: &usize| {
            sum += self.entries[at].samples.len();
            sum <= samples
        };
        entries.take_while(fits).count().max(1)
    }

    fn live(&mut self, samples: usize) -> Option<Range<usize>> {
        let fits = self.fitting((self.live..self.end()).rev(), samples);
        let range = self.live.max(self.end().saturating_sub(fits))..self.end();
        (!range.is_empty()).then(|| {
            self.live = range.end;
            self.held = range.clone();
            range
        })
    }

    fn backlog(&self, from: u64, samples: usize, order: Order) -> Option<Range<usize>> {
        let held = self.held.clone().any(|at| !self.entries[at].acknowledged);
        let end = match order {
            Order::InOrder => self.end(),
            Order::LiveFirst if held => self.held.start,
            Order::LiveFirst => self.live,
        };
        let start = (from as usize..end).find(|&at| !self.entries[at].acknowledged)?;
        let gap = (start..end).find(|&at| self.entries[at].acknowledged).unwrap_or(end);
        Some(start..(start + self.fitting(start..gap, samples)).min(gap))
    }

    fn batch(&self, range: Range<usize>) -> Batch {
        let mut series: BTreeMap<usize, (Arc<StoredSeries>, Vec<Point>)> = BTreeMap::new();
        for entry in &self.entries[range.clone()] {
            for (each, value) in &entry.samples {
                let found = series.entry(Arc::as_ptr(each).addr());
                let found = found.or_insert_with(|| (Arc::clone(each), Vec::new()));
                found.1.push(Point { at: entry.at, value: *value });
            }
        }
        let entries = range.start as u64..range.end as u64;
        let mut batch = Batch { entries, ..Batch::default() };
        for (series, points) in series.into_values() {
            let start = batch.points.len();
            batch.points.extend(points);
            batch.runs.push(Run { series, points: start..batch.points.len(), ended: None });
        }
        batch
    }
}

impl Source for Log {
    fn order(&self) -> Order {
        self.order
    }

    async fn next(&mut self, lane: Lane, from: u64, samples: usize) -> Option<Batch> {
        let mut inner = self.inner.lock().unwrap();
        let range = match (lane, self.order) {
            (Lane::Live, Order::InOrder) => None,
            (Lane::Live, Order::LiveFirst) => inner.live(samples),
            (Lane::Backlog, order) => inner.backlog(from, samples, order),
        };
        range.map(|range| inner.batch(range))
    }

    async fn again(&mut self, lane: Lane, from: u64, samples: usize) -> Option<Batch> {
        let inner = self.inner.lock().unwrap();
        let expected = if self.order == Order::LiveFirst { Lane::Live } else { Lane::Backlog };
        let first = (from as usize..inner.end()).find(|&at| inner.entries[at].acknowledged);
        let start = first.filter(|_| lane == expected)?;
        let end = (start..inner.end()).find(|&at| !inner.entries[at].acknowledged).unwrap_or(inner.end());
        Some(inner.batch(start..(start + inner.fitting(start..end, samples)).min(end)))
    }

    /// It forgets nothing.
    fn hold(&mut self, _: u64) {}

    fn acknowledge(&mut self, entries: Range<u64>) {
        let mut inner = self.inner.lock().unwrap();
        for entry in &mut inner.entries[entries.start as usize..entries.end as usize] {
            assert!(!std::mem::replace(&mut entry.acknowledged, true), "acknowledged twice");
        }
    }

    fn set_aside(&mut self, samples: u64) {
        self.inner.lock().unwrap().set_aside += samples;
    }

    async fn wait(&mut self) {
        self.more.notified().await;
    }
}

/// `count` series of one device.
pub(crate) fn series(metric: Metric, device: &str, count: usize) -> Vec<Arc<StoredSeries>> {
    let labels: Arc<str> = format!(r#"site="fra1",host_name="{device}",device_type="pdu""#).into();
    let one = |index| {
        let own = format!(r#"hw_id="{index}",hw_name="Outlet {index}""#).into();
        Arc::new(StoredSeries { metric, device: Arc::clone(&labels), own, since: 1 })
    };
    (0..count).map(one).collect()
}
