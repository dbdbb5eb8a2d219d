//! From rows to a batch: takes as many consecutive rows as fit, dates them, and gathers their samples by series.
//!
//! Pure. Takes rows of one fate at a time: those to send, those that are lost, those that must wait.

use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashMap;
use model::Timestamp;

use crate::buffer::batch::{Batch, Point, Run, StoredSeries};
use crate::buffer::clock::{Boots, Date, Moment};
use crate::buffer::figures::Loss;
use crate::buffer::row::Row;

/// What is asked of a cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    /// Most samples; a single row may have more.
    pub(crate) samples: usize,
    pub(crate) now: &'a Moment,
    pub(crate) boots: &'a Boots,
    /// What was measured before is not sent any more.
    pub(crate) expired_before: Timestamp,
}

/// What becomes of the first rows.
#[derive(Debug)]
pub(crate) enum Cut {
    /// To be sent.
    Batch(Batch),
    /// As many entries are lost, with their samples.
    Lost { entries: u64, samples: u64, why: Loss },
    /// As many entries must wait until the wall clock shows this.
    Wait { entries: u64, until: Timestamp },
    /// All must wait until the clock is known, or there is none.
    Nothing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Send,
    Lose(Loss),
    Wait,
    Stop,
}

impl Terms<'_> {
    fn fate(&self, row: &Row) -> (Fate, Timestamp) {
        match self.boots.date(&row.stamp, self.now) {
            Date::At(at) if at < self.expired_before => (Fate::Lose(Loss::Expired), at),
            Date::At(at) => (Fate::Send, at),
            Date::Until(at) => (Fate::Wait, at),
            Date::Unknown => (Fate::Stop, 0),
            Date::Never => (Fate::Lose(Loss::Undated), 0),
        }
    }

    /// Cuts the first rows of `rows`, the first of which is entry `first`.
    pub(crate) fn cut<'r>(&self, first: u64, rows: impl Iterator<Item = &'r Arc<Row>>) -> Cut {
        let mut taken: Vec<(&Arc<Row>, Timestamp)> = Vec::new();
        let (mut fate, mut samples) = (Fate::Stop, 0_usize);
        for row in rows {
            let (next, at) = self.fate(row);
            if taken.is_empty() {
                fate = next;
            }
            let fits = next != Fate::Send || samples.saturating_add(row.values.len()) <= self.samples;
            if next != fate || (!fits && !taken.is_empty()) {
                break;
            }
            samples = samples.saturating_add(row.values.len());
            taken.push((row, at));
        }
        let (entries, count) = (length(taken.len()), length(samples));
        match fate {
            Fate::Send => Cut::Batch(gather(first..first.saturating_add(entries), &taken, samples)),
            Fate::Lose(why) => Cut::Lost { entries, samples: count, why },
            Fate::Wait => {
                Cut::Wait { entries, until: taken.iter().map(|row| row.1).min().unwrap_or_default() }
            }
            Fate::Stop => Cut::Nothing,
        }
    }
}

/// A count in the log's own width.
pub(crate) fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[derive(Default)]
struct Gathered {
    series: Option<Arc<StoredSeries>>,
    points: Vec<Point>,
    ended: Option<Timestamp>,
}

/// Samples by series, in the order in which the series appear.
fn gather(entries: Range<u64>, rows: &[(&Arc<Row>, Timestamp)], samples: usize) -> Batch {
    let mut found: Vec<Gathered> = Vec::new();
    let mut places: HashMap<*const StoredSeries, usize> = HashMap::new();
    let mut place = |found: &mut Vec<Gathered>, series: &Arc<StoredSeries>| {
        *places.entry(Arc::as_ptr(series)).or_insert_with(|| {
            found.push(Gathered { series: Some(Arc::clone(series)), ..Gathered::default() });
            found.len() - 1
        })
    };
    let mut shapes: HashMap<*const crate::buffer::row::Shape, Vec<usize>> = HashMap::new();
    for (row, at) in rows {
        for series in &row.ended {
            let at_place = place(&mut found, series);
            if let Some(run) = found.get_mut(at_place) {
                run.ended = Some(*at);
            }
        }
        let slots = shapes
            .entry(Arc::as_ptr(&row.shape))
            .or_insert_with(|| row.shape.series.iter().map(|series| place(&mut found, series)).collect());
        for (slot, &value) in slots.iter().zip(&row.values) {
            if let Some(run) = found.get_mut(*slot) {
                run.points.push(Point { at: *at, value });
                run.ended = None;
            }
        }
    }
    let mut batch =
        Batch { entries, runs: Vec::with_capacity(found.len()), points: Vec::with_capacity(samples) };
    for run in found {
        let Some(series) = run.series else { continue };
        let start = batch.points.len();
        batch.points.extend_from_slice(&in_order(run.points));
        batch.runs.push(Run { series, points: start..batch.points.len(), ended: run.ended });
    }
    batch
}

/// Points are in order but where a clock was set back between two reports.
fn in_order(mut points: Vec<Point>) -> Vec<Point> {
    if !points.is_sorted_by_key(|point| point.at) {
        points.sort_by_key(|point| point.at);
    }
    points
}
