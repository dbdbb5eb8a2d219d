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
    /// first that fits counts. A sample is sent once its stretch is over, or when the program ends; what could not be
    /// sent by then is taken up again out of the log at the next start. Counters are always reduced to their last
    /// value, and states are where their mean is asked for.
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
        let summary = match series.metric.definition().kind {
            Kind::Counter => Summary::Last,
            // Half a state is none.
            Kind::StateSet(_) | Kind::Status | Kind::Info if *summary == Summary::Mean => Summary::Last,
            _ => *summary,
        };
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

/// How much later than others the samples of a slow device come, at most, in milliseconds: a poll takes two minutes.
const LATE: i64 = 150_000;

/// The filter of one destination, and what it remembers of the series in one lane.
pub(super) struct Sieve {
    filter: Arc<Filter>,
    series: SeriesMap<Memory>,
    /// The newest sample seen, let through or not.
    newest: Timestamp,
    /// What was held back before the last batch of the series that it changed.
    before: Vec<(Arc<StoredSeries>, Option<Stretch>)>,
}

/// What is remembered of a series.
enum Memory {
    Keep,
    Drop,
    Thin { interval: i64, summary: Summary, open: Option<Stretch> },
    OnChange { heartbeat: i64, sent: Option<Point> },
}

/// The samples of one interval, reduced as far as they came.
#[derive(Clone, Copy)]
struct Stretch {
    /// None of its samples is in an entry before.
    entry: u64,
    index: i64,
    point: Point,
    sum: f64,
    count: u32,
}

impl Sieve {
    pub(super) fn new(filter: Arc<Filter>) -> Self {
        Self { filter, series: SeriesMap::default(), newest: Timestamp::MIN, before: Vec::new() }
    }

    /// What is to be sent of a batch, with a stale marker where a series has ended.
    pub(super) fn apply(&mut self, batch: &Batch) -> Batch {
        let mut out = Batch { entries: batch.entries.clone(), ..Batch::default() };
        out.runs.reserve_exact(batch.runs.len());
        out.points.reserve_exact(batch.points.len());
        if self.series.is_full() {
            self.flush(&mut out);
        }
        self.before.clear();
        let mut points = Vec::new();
        for run in &batch.runs {
            points.clear();
            let memory = self.series.get(&run.series, |series| self.filter.treat(series));
            if let Memory::Thin { open, .. } = memory {
                self.before.push((Arc::clone(&run.series), *open));
            }
            let entry = batch.entries.start;
            batch.points_of(run).iter().for_each(|point| memory.take(*point, entry, &mut points));
            if let Some(at) = run.ended {
                memory.end(at, &mut points);
                self.series.remove(&run.series);
            }
            push(&mut out, run, &points);
        }
        self.newest = batch.points.iter().map(|point| point.at).fold(self.newest, Timestamp::max);
        self.close_old(&mut out);
        // It stays for as long as the link is down.
        out.runs.shrink_to_fit();
        out.points.shrink_to_fit();
        out
    }

    /// Gives out what is held back of series that brought nothing more: of a device that died, it is what led there.
    fn close_old(&mut self, out: &mut Batch) {
        if self.filter.thin.is_empty() {
            return;
        }
        for (series, memory) in self.series.iter() {
            let Memory::Thin { interval, open, .. } = memory else { continue };
            let is_over = |stretch: &mut Stretch| stretch.end(*interval).saturating_add(LATE) <= self.newest;
            if let Some(stretch) = open.take_if(is_over) {
                self.before.push((Arc::clone(series), Some(stretch)));
                push(out, &Run { series: Arc::clone(series), points: 0..0, ended: None }, &[stretch.point]);
            }
        }
    }

    /// The first entry that has a part in what is held back.
    pub(super) fn oldest(&mut self) -> u64 {
        if self.filter.thin.is_empty() {
            return u64::MAX;
        }
        let entry = |memory: &Memory| match memory {
            Memory::Thin { open, .. } => open.map(|stretch| stretch.entry),
            _ => None,
        };
        self.series.iter().filter_map(|(_, memory)| entry(memory)).min().unwrap_or(u64::MAX)
    }

    /// Hands what is held back to another sieve of the same filter, which goes on with it; appends what has a later
    /// stretch there, or what was there and has one here.
    pub(super) fn hand_over(&mut self, to: &mut Self, out: &mut Batch) {
        if self.filter.thin.is_empty() {
            return;
        }
        if to.series.is_full() {
            to.flush(out);
        }
        for (series, memory) in self.series.iter() {
            let Memory::Thin { interval, summary, open } = memory else { continue };
            let Some(ours) = open.take() else { continue };
            let theirs = to.series.get(series, |series| self.filter.treat(series));
            let Memory::Thin { open: theirs, .. } = theirs else { continue };
            let (next, over) = match *theirs {
                None if ours.end(*interval) <= to.newest => (None, Some(ours)),
                None => (Some(ours), None),
                Some(theirs) if theirs.index == ours.index => (Some(theirs.join(ours, *summary)), None),
                Some(theirs) if theirs.index < ours.index => (Some(ours), Some(theirs)),
                Some(theirs) => (Some(theirs), Some(ours)),
            };
            *theirs = next;
            if let Some(over) = over {
                push(out, &Run { series: Arc::clone(series), points: 0..0, ended: None }, &[over.point]);
            }
        }
    }

    /// What was given out last goes another way: what was held back before it is held back again.
    pub(super) fn take_back(&mut self) {
        for (series, before) in self.before.drain(..).rev() {
            let memory = self.series.get(&series, |series| self.filter.treat(series));
            if let Memory::Thin { open, .. } = memory {
                *open = before;
            }
        }
    }

    /// Something goes another way, and may come late: values are sent again although they are the same.
    pub(super) fn say_again(&mut self) {
        for (_, memory) in self.series.iter() {
            if let Memory::OnChange { sent, .. } = memory {
                *sent = None;
            }
        }
    }

    /// Appends what was held back, as if all intervals were over; goes on where there is nothing of the kind.
    pub(super) fn close(&mut self, out: &mut Batch) {
        if !self.filter.thin.is_empty() {
            self.flush(out);
        }
    }

    /// Appends what was held back, as if all intervals were over, and forgets everything.
    pub(super) fn flush(&mut self, out: &mut Batch) {
        for (series, mut memory) in self.series.drain() {
            let mut points = Vec::new();
            memory.close(&mut points);
            push(out, &Run { series, points: 0..0, ended: None }, &points);
        }
    }
}

impl Memory {
    /// A point of an entry, or of a later one.
    fn take(&mut self, point: Point, entry: u64, out: &mut Vec<Point>) {
        match self {
            Self::Keep => out.push(point),
            Self::Drop => {}
            Self::Thin { interval, summary, open } => {
                let index = point.at.div_euclid(*interval);
                let next = Stretch { entry, index, point, sum: point.value, count: 1 };
                match open {
                    Some(stretch) if stretch.index == index => *stretch = stretch.join(next, *summary),
                    _ => out.extend(open.replace(next).map(|stretch| stretch.point)),
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
    /// Its first millisecond that is not in it.
    fn end(&self, interval: i64) -> Timestamp {
        self.index.saturating_add(1).saturating_mul(interval)
    }

    /// Both parts of one stretch.
    fn join(self, other: Self, summary: Summary) -> Self {
        let (first, last) = if self.point.at <= other.point.at { (self, other) } else { (other, self) };
        let (sum, count) = (first.sum + last.sum, first.count.saturating_add(last.count));
        let point = match summary {
            Summary::Min if last.point.value >= first.point.value => first.point,
            Summary::Max if last.point.value <= first.point.value => first.point,
            Summary::Mean => Point { at: last.point.at, value: sum / f64::from(count) },
            Summary::Last | Summary::Min | Summary::Max => last.point,
        };
        Self { entry: first.entry.min(last.entry), index: first.index, point, sum, count }
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).max(1)
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
