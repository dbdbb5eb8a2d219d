//! What a destination gets of what was measured: rules for series, fewer samples, changes only.
//!
//! Pure: time is that of the samples. What it remembers is bounded by the number of series. `/metrics` never
//! passes through here.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use model::glob::fits;
use model::{Kind, Timestamp};

use super::STALE;
use super::series::SeriesMap;
use super::split::push;
use crate::buffer::batch::{Batch, Point, Run, StoredSeries};

/// Which series a destination gets, and how often. Without any of it: all, as they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Only these, where there are any.
    pub keep: Vec<Selector>,
    /// Not these, whatever `keep` says.
    pub drop: Vec<Selector>,
    /// Of these one sample for each stretch of so long, which begin at whole multiples of it since 1970; the
    /// first that fits counts. A sample is sent once its stretch is over; a program that is killed loses those
    /// of the stretches that had begun. Counters are always reduced to their last value.
    pub thin: Vec<(Selector, Duration, Summary)>,
    /// Of these a sample where the value is another than that sent last, and one after so long at the latest; the
    /// first that fits counts, before those in `thin`.
    pub on_change: Vec<(Selector, Duration)>,
}

/// Which series; `*` stands for any text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// Prometheus or OpenTelemetry name of the metric.
    pub metric: String,
    /// Labels by their Prometheus names, with their values; all must fit. A label that a series lacks is empty.
    pub labels: Vec<(String, String)>,
}

/// One sample out of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Summary {
    /// The newest.
    Last,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// Their mean, at the time of the newest.
    Mean,
}

impl Filter {
    /// What becomes of the samples of a series.
    fn treat(&self, series: &StoredSeries) -> Memory {
        let fits = |selector: &Selector| selector.fits(series);
        let kept = self.keep.is_empty() || self.keep.iter().any(fits);
        if !kept || self.drop.iter().any(fits) {
            return Memory::Drop;
        }
        if let Some((_, heartbeat)) = self.on_change.iter().find(|(selector, _)| fits(selector)) {
            return Memory::OnChange { heartbeat: milliseconds(*heartbeat), sent: None };
        }
        let Some((_, interval, summary)) = self.thin.iter().find(|(selector, ..)| fits(selector)) else {
            return Memory::Keep;
        };
        let counter = series.metric.definition().kind == Kind::Counter;
        let summary = if counter { Summary::Last } else { *summary };
        Memory::Thin { interval: milliseconds(*interval), summary, open: None }
    }
}

impl Selector {
    fn fits(&self, series: &StoredSeries) -> bool {
        let definition = series.metric.definition();
        [definition.prometheus, definition.otel].iter().any(|name| fits(&self.metric, name))
            && self.labels.iter().all(|(label, pattern)| fits(pattern, &value_of(series, label)))
    }
}

fn value_of<'a>(series: &'a StoredSeries, label: &str) -> Cow<'a, str> {
    let own = model::series::read_labels(&series.own);
    let mut all = own.chain(model::series::read_labels(&series.device));
    all.find(|(name, _)| *name == label).map(|(_, value)| value).unwrap_or_default()
}

/// The filter of one destination, and what it remembers of the series in one lane.
pub(super) struct Sieve {
    filter: Arc<Filter>,
    series: SeriesMap<Memory>,
}

/// What is remembered of a series.
enum Memory {
    Keep,
    Drop,
    Thin { interval: i64, summary: Summary, open: Option<Stretch> },
    OnChange { heartbeat: i64, sent: Option<Point> },
}

/// The samples of one interval, reduced as far as they came.
struct Stretch {
    index: i64,
    point: Point,
    sum: f64,
    count: u32,
}

impl Sieve {
    pub(super) fn new(filter: Arc<Filter>) -> Self {
        Self { filter, series: SeriesMap::default() }
    }

    /// What is to be sent of a batch, with a stale marker where a series has ended.
    pub(super) fn apply(&mut self, batch: &Batch) -> Batch {
        let mut out = Batch { entries: batch.entries.clone(), ..Batch::default() };
        out.runs.reserve_exact(batch.runs.len());
        out.points.reserve_exact(batch.points.len());
        if self.series.is_full() {
            self.flush(&mut out);
        }
        let mut points = Vec::new();
        for run in &batch.runs {
            points.clear();
            let memory = self.series.get(&run.series, |series| self.filter.treat(series));
            batch.points_of(run).iter().for_each(|point| memory.take(*point, &mut points));
            if let Some(at) = run.ended {
                memory.end(at, &mut points);
                self.series.remove(&run.series);
            }
            push(&mut out, run, &points);
        }
        // It stays for as long as the link is down.
        out.runs.shrink_to_fit();
        out.points.shrink_to_fit();
        out
    }

    /// What was given out last goes another way, and may come late: values are sent again although they are the same.
    pub(super) fn say_again(&mut self) {
        for memory in self.series.values() {
            if let Memory::OnChange { sent, .. } = memory {
                *sent = None;
            }
        }
    }

    /// Appends what was held back, as if all intervals were over.
    pub(super) fn flush(&mut self, out: &mut Batch) {
        for (series, mut memory) in self.series.drain() {
            let mut points = Vec::new();
            memory.close(&mut points);
            push(out, &Run { series, points: 0..0, ended: None }, &points);
        }
    }
}

impl Memory {
    fn take(&mut self, point: Point, out: &mut Vec<Point>) {
        match self {
            Self::Keep => out.push(point),
            Self::Drop => {}
            Self::Thin { interval, summary, open } => {
                let index = point.at.div_euclid(*interval);
                match open {
                    Some(stretch) if stretch.index == index => stretch.add(point, *summary),
                    _ => {
                        let next = Stretch { index, point, sum: point.value, count: 1 };
                        out.extend(open.replace(next).map(|stretch| stretch.point));
                    }
                }
            }
            Self::OnChange { heartbeat, sent } => {
                let same = sent.is_some_and(|last| {
                    last.value.to_bits() == point.value.to_bits()
                        && point.at.saturating_sub(last.at) < *heartbeat
                });
                if !same {
                    *sent = Some(point);
                    out.push(point);
                }
            }
        }
    }

    fn close(&mut self, out: &mut Vec<Point>) {
        if let Self::Thin { open, .. } = self {
            out.extend(open.take().map(|stretch| stretch.point));
        }
    }

    /// The series has ended: a marker after its last sample, unless nobody was told of it at all.
    fn end(&mut self, at: Timestamp, out: &mut Vec<Point>) {
        self.close(out);
        if !matches!(self, Self::Drop) {
            let last = out.last().map_or(i64::MIN, |point| point.at);
            out.push(Point { at: at.max(last.saturating_add(1)), value: STALE });
        }
    }
}

impl Stretch {
    fn add(&mut self, next: Point, summary: Summary) {
        self.sum += next.value;
        self.count = self.count.saturating_add(1);
        match summary {
            Summary::Min if next.value >= self.point.value => {}
            Summary::Max if next.value <= self.point.value => {}
            Summary::Mean => self.point = Point { at: next.at, value: self.sum / f64::from(self.count) },
            Summary::Last | Summary::Min | Summary::Max => self.point = next,
        }
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).max(1)
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
