//! From poll reports to rows: finds each report's shape again, and sees which series ended.
//!
//! Pure. In the steady state a report has the series of the one before in the same order: then only pointers are
//! compared and only values are copied.

use std::sync::Arc;

use hashbrown::HashMap;
use model::{Kind, PollReport, Series, metric};

use crate::buffer::batch::StoredSeries;
use crate::buffer::clock::{Boots, Date, Moment, Stamp};
use crate::buffer::names::Names;
use crate::buffer::row::{Row, Shape};
use crate::buffer::values::Values;

/// Shapes remembered for each device: one whose series come and go finds its few shapes again.
const SHAPES: usize = 4;

/// The reports before, by device.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    streams: HashMap<Key, Stream>,
}

/// Reports of one device that hold the same kind of series: its readings, or what the collector knows of its
/// health, which comes as a report of its own.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    device: String,
    health: bool,
}

#[derive(Debug, Default)]
struct Stream {
    /// Newest first.
    recent: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    /// As the reports hold them. Held, so that no other series can take their addresses.
    sources: Vec<Arc<Series>>,
    shape: Arc<Shape>,
    /// The values that are states, by their places, as they were last.
    states: Vec<(usize, f64)>,
    /// The decimal places that each value had last.
    decimals: Vec<u8>,
}

impl Known {
    fn new(sources: Vec<Arc<Series>>, shape: Arc<Shape>) -> Self {
        let is_state =
            |series: &Series| matches!(series.metric.definition().kind, Kind::StateSet(_) | Kind::Status);
        let places = sources.iter().enumerate().filter(|each| is_state(each.1));
        let states = places.map(|each| (each.0, f64::NAN)).collect();
        let decimals = vec![0; sources.len()];
        Self { sources, shape, states, decimals }
    }

    /// The values of a report.
    fn values(&mut self, report: &PollReport) -> Values {
        let values = report.samples.iter().map(|sample| sample.value);
        let values: Values = values.zip(self.decimals.iter().copied().map(usize::from)).collect();
        self.decimals.iter_mut().zip(values.places()).for_each(|(last, places)| *last = places as u8);
        values
    }

    /// Notes the states of a report. Whether one changed.
    fn note(&mut self, report: &PollReport) -> bool {
        let mut changed = false;
        for (place, state) in &mut self.states {
            let value = report.samples.get(*place).map_or(f64::NAN, |sample| sample.value);
            changed |= value != *state && !state.is_nan();
            *state = value;
        }
        changed
    }

    /// Takes over what the states were in the report before, which had other series.
    fn go_on_from(&mut self, before: &Self) {
        let state = |&(place, value): &(usize, f64)| Some((Arc::as_ptr(before.sources.get(place)?), value));
        let last: HashMap<*const Series, f64> = before.states.iter().filter_map(state).collect();
        for (place, state) in &mut self.states {
            let known = self.sources.get(*place).and_then(|source| last.get(&Arc::as_ptr(source)));
            *state = known.copied().unwrap_or(*state);
        }
    }

    fn fits(&self, report: &PollReport) -> bool {
        self.sources.len() == report.samples.len()
            && self
                .sources
                .iter()
                .zip(&report.samples)
                .all(|(known, sample)| Arc::ptr_eq(known, &sample.series))
    }
}

impl Intake {
    /// The row of a report, and whether a state changed in it; none where it says nothing.
    pub(crate) fn row(
        &mut self,
        report: &PollReport,
        now: &Moment,
        boots: &Boots,
        names: &Names,
    ) -> Option<(Row, bool)> {
        let failed = report.error.is_some();
        let key = Key { device: report.device.name.clone(), health: is_health(report) };
        if report.samples.is_empty() && (failed || !self.streams.contains_key(&key)) {
            return None;
        }
        let stamp = Stamp::of(report.at, report.duration, now);
        let stream = self.streams.entry(key).or_default();
        let before = stream.recent.first().map(|known| Arc::clone(&known.shape));
        let known = stream.known(report, &stamp, now, boots, names)?;
        let shape = Arc::clone(&known.shape);
        let ended = match before {
            Some(before) if !failed && !Arc::ptr_eq(&before, &shape) => ended(&before, &shape),
            _ => Box::default(),
        };
        let (values, urgent) = (known.values(report), known.note(report) || !ended.is_empty());
        Some((Row { stamp, shape, values, ended }, urgent))
    }

    /// The rows that say that a device's series ended, when it is removed.
    pub(crate) fn end(&mut self, device: &str, now: &Moment) -> Vec<Row> {
        let stamp = Stamp::of(now.wall, std::time::Duration::ZERO, now);
        [false, true]
            .into_iter()
            .filter_map(|health| self.streams.remove(&Key { device: device.to_owned(), health }))
            .filter_map(|stream| stream.recent.into_iter().next())
            .map(|last| Row {
                stamp,
                shape: Arc::new(Shape { series: Box::default() }),
                values: Values::default(),
                ended: last.shape.series.clone(),
            })
            .collect()
    }
}

impl Stream {
    /// What is known of reports like this one, which becomes the newest.
    fn known(
        &mut self,
        report: &PollReport,
        stamp: &Stamp,
        now: &Moment,
        boots: &Boots,
        names: &Names,
    ) -> Option<&mut Known> {
        let found = self.recent.iter().position(|known| known.fits(report));
        if let Some(recent) = found.and_then(|at| self.recent.get_mut(..=at)) {
            recent.rotate_right(1);
        } else {
            let since = match boots.date(stamp, now) {
                Date::At(at) => at,
                _ => 0,
            };
            let sources: Vec<_> = report.samples.iter().map(|sample| Arc::clone(&sample.series)).collect();
            let series = sources
                .iter()
                .map(|source| names.series(source.metric, source.device_text(), source.own_text(), since))
                .collect();
            self.recent.truncate(SHAPES - 1);
            self.recent.insert(0, Known::new(sources, Arc::new(Shape { series })));
        }
        if let ([first, before, ..], true) = (self.recent.as_mut_slice(), found != Some(0)) {
            first.go_on_from(before);
        }
        self.recent.first_mut()
    }
}

/// The collector's own report of a device holds whether it is up; no device says that of itself.
fn is_health(report: &PollReport) -> bool {
    report
        .samples
        .iter()
        .take_while(|sample| sample.series.metric <= metric::OOB_DEVICE_UP)
        .any(|sample| sample.series.metric == metric::OOB_DEVICE_UP)
}

fn ended(before: &Shape, after: &Shape) -> Box<[Arc<StoredSeries>]> {
    let present: hashbrown::HashSet<_> = after.series.iter().map(Arc::as_ptr).collect();
    before.series.iter().filter(|series| !present.contains(&Arc::as_ptr(series))).cloned().collect()
}
