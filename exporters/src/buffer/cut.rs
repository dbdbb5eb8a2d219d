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
use crate::buffer::row::{Row, Shape};

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
            Fate::Send => Cut::Batch(gather(first..first.saturating_add(entries), &taken)),
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

struct Gathered {
    series: Arc<StoredSeries>,
    points: usize,
    ended: Option<Timestamp>,
}

/// Series in the order in which they appear, found by their address and by the shapes that hold them.
#[derive(Default)]
struct Places {
    found: Vec<Gathered>,
    series: HashMap<*const StoredSeries, usize>,
    shapes: HashMap<*const Shape, Vec<usize>>,
}

impl Places {
    fn of_series(&mut self, series: &Arc<StoredSeries>) -> usize {
        *self.series.entry(Arc::as_ptr(series)).or_insert_with(|| {
            self.found.push(Gathered { series: Arc::clone(series), points: 0, ended: None });
            self.found.len() - 1
        })
    }

    /// Counts the points of each series, and notes whether it ended.
    fn count(&mut self, row: &Row, at: Timestamp) {
        for series in &row.ended {
            let place = self.of_series(series);
            if let Some(run) = self.found.get_mut(place) {
                run.ended = Some(at);
            }
        }
        let shape = Arc::as_ptr(&row.shape);
        if !self.shapes.contains_key(&shape) {
            let places = row.shape.series.iter().map(|series| self.of_series(series)).collect();
            self.shapes.insert(shape, places);
        }
        let places = self.shapes.get(&shape).map(Vec::as_slice).unwrap_or_default();
        for &place in places.iter().take(row.values.len()) {
            if let Some(run) = self.found.get_mut(place) {
                run.points += 1;
                run.ended = None;
            }
        }
    }
}

/// Samples by series, in the order in which the series appear. Counts them first, so that each is moved once.
fn gather(entries: Range<u64>, rows: &[(&Arc<Row>, Timestamp)]) -> Batch {
    let mut places = Places::default();
    rows.iter().for_each(|(row, at)| places.count(row, *at));
    let Places { found, shapes, .. } = places;
    let mut ends = Vec::with_capacity(found.len());
    let mut batch = Batch { entries, runs: Vec::with_capacity(found.len()), points: Vec::new() };
    let mut start = 0;
    for run in found {
        let points = start..start + run.points;
        ends.push(start);
        start = points.end;
        batch.runs.push(Run { series: run.series, points, ended: run.ended });
    }
    batch.points = vec![Point { at: 0, value: 0.0 }; start];
    for (row, at) in rows {
        let places = shapes.get(&Arc::as_ptr(&row.shape)).map(Vec::as_slice).unwrap_or_default();
        for (&place, value) in places.iter().zip(row.values.iter()) {
            let Some(end) = ends.get_mut(place) else { continue };
            if let Some(point) = batch.points.get_mut(*end) {
                *point = Point { at: *at, value };
            }
            *end += 1;
        }
    }
    // Points are in order but where a clock was set back between two reports.
    for run in &batch.runs {
        let points = batch.points.get_mut(run.points.clone()).unwrap_or_default();
        if !points.is_sorted_by_key(|point| point.at) {
            points.sort_by_key(|point| point.at);
        }
    }
    batch
}
