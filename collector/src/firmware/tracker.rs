//! The firmware of one target: from the versions in its readings to compliance and changes.
//!
//! Stands between a poll and its outlet. A poll that tells the same series as the one before costs a comparison of
//! pointers; everything else is worked out when something has changed.

use std::collections::HashMap;
use std::sync::Arc;

use model::series::write_labels;
use model::{DeviceLabels, Label, Labels, Metric, PollReport, Sample, Series, Timestamp, metric};

use super::Firmware;
use super::baseline::{Baseline, Compliance, Entry, Subject};
use super::reading::{Reading, is_told, running};
use crate::target::Target;

/// The states of `oob.firmware.compliance`.
const STATES: [Compliance; 3] = [Compliance::Compliant, Compliance::Drifted, Compliance::Unknown];

/// From one entry of a seen target to the next where nothing else changes, in milliseconds: a day.
const SEEN_EVERY: i64 = 24 * 60 * 60 * 1_000;

/// Changes of one component since the program started, unauthorised ones first.
type Counts = [u64; 2];

/// Follows the firmware of one target.
pub struct Tracker {
    shared: Arc<Firmware>,
    target: Arc<Target>,
    /// What the last poll told that was looked at.
    infos: Vec<Arc<Series>>,
    identity: Option<Arc<Series>>,
    baseline: Arc<Baseline>,
    noted: Timestamp,
    counts: HashMap<(String, String), Counts>,
    /// What is told instead of `infos`.
    told: Vec<Arc<Series>>,
    /// What is told besides.
    added: Vec<Sample>,
    /// A counter was told as zero because nobody had seen it before.
    held_back: bool,
}

impl Tracker {
    /// For a target that was not polled yet.
    pub(super) fn new(shared: Arc<Firmware>, target: Arc<Target>) -> Self {
        Self {
            baseline: shared.baseline(),
            shared,
            target,
            infos: Vec::new(),
            identity: None,
            noted: Timestamp::MIN,
            counts: HashMap::new(),
            told: Vec::new(),
            added: Vec::new(),
            held_back: false,
        }
    }

    /// Adds compliance and changes to what a poll brought, and says the wanted version with the installed one.
    /// `labels` are those of the device.
    pub fn amend(&mut self, report: &mut PollReport, labels: &Arc<DeviceLabels>) {
        let infos = place(report, metric::OOB_FIRMWARE_INFO);
        if report.error.is_some() || infos.is_empty() {
            return;
        }
        let samples = report.samples.get(infos.clone()).unwrap_or_default();
        let identity = report.samples.get(place(report, metric::OOB_DEVICE_INFO)).and_then(<[Sample]>::first);
        let identity = identity.map(|sample| Arc::clone(&sample.series)).or_else(|| self.identity.clone());
        let baseline = self.shared.baseline();
        let same = self.infos.len() == samples.len()
            && self.infos.iter().zip(samples).all(|(known, sample)| Arc::ptr_eq(known, &sample.series))
            && Arc::ptr_eq(&baseline, &self.baseline)
            && same_series(identity.as_ref(), self.identity.as_ref());
        if !same || self.held_back || report.at.saturating_sub(self.noted) >= SEEN_EVERY {
            self.infos = samples.iter().map(|sample| Arc::clone(&sample.series)).collect();
            (self.identity, self.baseline) = (identity, baseline);
            self.assess(report.at, labels);
        }
        for (sample, told) in report.samples.iter_mut().skip(infos.start).zip(&self.told) {
            sample.series = Arc::clone(told);
        }
        report.samples.reserve_exact(self.added.len());
        // The rows of the catalogue follow each other, so the order by metric is kept.
        report.samples.splice(infos.end..infos.end, self.added.iter().cloned());
    }

    fn assess(&mut self, at: Timestamp, labels: &Arc<DeviceLabels>) {
        let [vendor, model] = identity(self.identity.as_deref());
        let readings = running(self.infos.iter());
        let baseline = Arc::clone(&self.baseline);
        let entry = |reading: &Reading| {
            let (component, id) = (reading.component.as_str(), reading.id.as_str());
            baseline.find(&Subject { vendor: &vendor, model: &model, component, id })
        };
        self.note([&vendor, &model], &readings, at, |entry| baseline.windows(entry), entry);
        let mut writer = Writer::new(labels, std::mem::take(&mut self.added));
        let mut told = HashMap::new();
        for reading in &readings {
            let Some(entry) = entry(reading) else { continue };
            told.insert((reading.id.as_str(), reading.component.as_str()), entry.wanted());
            let state = entry.judge(&reading.version);
            for each in STATES {
                let labels = part(reading).with(Label::State, each.as_str());
                writer.add(metric::OOB_FIRMWARE_COMPLIANCE, &labels, |_| f64::from(u8::from(each == state)));
            }
        }
        self.held_back = false;
        for reading in &readings {
            let key = (reading.id.clone(), reading.component.clone());
            let counts = self.counts.get(&key).copied().unwrap_or_default();
            let [unexpected, expected] = counts;
            let mut count = |authorized: &str, count: u64| {
                let labels = part(reading).with(Label::Authorized, authorized);
                // A counter is born at zero: Prometheus sees no increase in one that begins at 1.
                let held_back = &mut self.held_back;
                writer.add(metric::OOB_FIRMWARE_CHANGES, &labels, |known| {
                    *held_back |= !known && count > 0;
                    if known { count as f64 } else { 0.0 }
                });
            };
            count("false", unexpected);
            if expected > 0 || baseline.windows(entry(reading)).next().is_some() {
                count("true", expected);
            }
        }
        self.told = self.infos.iter().map(|series| writer.wanted(series, &told)).collect();
        self.added = writer.samples;
    }

    /// Remembers the versions, and counts and tells those that have changed.
    fn note<'a, W: Iterator<Item = &'a super::window::Window>>(
        &mut self,
        identity: [&str; 2],
        readings: &[Reading],
        at: Timestamp,
        windows: impl Fn(Option<&'a Entry>) -> W,
        entry: impl Fn(&Reading) -> Option<&'a Entry>,
    ) {
        // The device was asked at most this long ago what it runs; the change may have been made since then.
        let lag = i64::try_from(self.target.inventory_interval.as_millis()).unwrap_or(i64::MAX);
        let since = at.saturating_sub(lag);
        let authorized = |reading: &Reading| windows(entry(reading)).any(|window| window.was_open(since, at));
        let target = self.target.device.name.as_str();
        let told: Vec<Reading> = readings.iter().filter(|reading| is_told(reading)).cloned().collect();
        for (reading, change) in self.shared.store.note(target, identity, &told, at, authorized) {
            tracing::warn!(
                target,
                component = reading.component,
                hw_id = reading.id,
                old = change.from,
                new = reading.version,
                authorized = change.authorized,
                "firmware has changed"
            );
            let counts = self.counts.entry((reading.id, reading.component)).or_default();
            let [unexpected, expected] = counts;
            *(if change.authorized { expected } else { unexpected }) += 1;
        }
        self.noted = at;
    }
}

/// Where the samples of a metric stand in a report.
fn place(report: &PollReport, metric: Metric) -> std::ops::Range<usize> {
    let start = report.samples.partition_point(|sample| sample.series.metric < metric);
    let end = report.samples.partition_point(|sample| sample.series.metric <= metric);
    start..end
}

fn same_series(a: Option<&Arc<Series>>, b: Option<&Arc<Series>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (a, b) => a.is_none() && b.is_none(),
    }
}

/// Vendor and model.
fn identity(series: Option<&Series>) -> [String; 2] {
    let find = |wanted: &str| {
        let value = series.and_then(|series| series.labels().find(|(name, _)| *name == wanted));
        value.map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    [find("vendor"), find("model")]
}

fn part(reading: &Reading) -> Labels<'_> {
    Labels::component(&reading.id, &reading.name)
        .with(Label::HwParent, &reading.parent)
        .with(Label::Component, &reading.component)
}

/// Makes samples; series that were told before are used again.
struct Writer<'a> {
    labels: &'a Arc<DeviceLabels>,
    known: HashMap<(Metric, Box<str>), Arc<Series>>,
    samples: Vec<Sample>,
    scratch: String,
}

impl<'a> Writer<'a> {
    fn new(labels: &'a Arc<DeviceLabels>, before: Vec<Sample>) -> Self {
        let key = |series: &Series| (series.metric, series.own_text().into());
        let known = before.into_iter().map(|sample| (key(&sample.series), sample.series)).collect();
        Self { labels, known, samples: Vec::new(), scratch: String::new() }
    }

    /// Adds a sample; its value may depend on whether the series was told before.
    fn add(&mut self, metric: Metric, labels: &Labels<'_>, value: impl FnOnce(bool) -> f64) {
        write_labels(&mut self.scratch, metric, labels);
        let known = self.known.get(&(metric, self.scratch.as_str().into())).cloned();
        let value = value(known.is_some());
        let series =
            known.unwrap_or_else(|| Arc::new(Series::new(metric, Arc::clone(self.labels), &self.scratch)));
        self.samples.push(Sample { series, value });
    }

    /// The series of an installed version, with the wanted one where there is one.
    fn wanted(&mut self, info: &Arc<Series>, wanted: &HashMap<(&str, &str), &str>) -> Arc<Series> {
        let reading = Reading::of(info);
        let found = wanted.get(&(reading.id.as_str(), reading.component.as_str()));
        let Some(wanted) = found.filter(|_| reading.is_running()) else { return Arc::clone(info) };
        let labels =
            part(&reading).with(Label::Version, &reading.version).with(Label::BaselineVersion, wanted);
        write_labels(&mut self.scratch, metric::OOB_FIRMWARE_INFO, &labels);
        Arc::new(Series::new(metric::OOB_FIRMWARE_INFO, Arc::clone(self.labels), &self.scratch))
    }
}

#[cfg(test)]
#[path = "tracker_tests.rs"]
mod tests;
