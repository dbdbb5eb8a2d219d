//! The builder of reports, which lives as long as its target.
//!
//! It keeps the device's series, so that a poll in the steady state allocates for its values and not for
//! its labels. It drops what cannot be true and counts why; it never invents, rounds or repairs a value.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;

use crate::catalogue::{Kind, Metric};
use crate::device::{self, Device};
use crate::fault::{Fault, PollError, Reason, Rejection};
use crate::label::{Label, Labels};
use crate::registry::{Place, Registry};
use crate::report::{Identity, MAX_FAULTS, PollReport, Sample, Timestamp};
use crate::series::{Series, read_labels, write_labels};
use crate::state::{Status, status_states};

/// Polls after which a series that is no longer recorded is forgotten.
const KEPT_POLLS: u32 = 10;

/// Polls for which a component that vanished is remembered: a week at one a minute.
const KEPT_MISSING_POLLS: u32 = 10_080;

/// Most vanished components of one device. A whole chassis of drives is fewer.
const MAX_MISSING: usize = 1_000;

/// Collects one report after another for one device.
pub struct ReportBuilder {
    device: Arc<Device>,
    known: Registry,
    scratch: String,
    samples: Vec<Sample>,
    /// How many samples the last report had.
    expected: usize,
    faults: Vec<Fault>,
    fault_counts: HashMap<Reason, u32>,
    rejections: HashMap<Rejection, u32>,
    identity: BTreeMap<Label, String>,
    protocols: Vec<(&'static str, bool)>,
    /// Components that have not vanished although this report does not tell them.
    excused: Vec<Place>,
    /// Below these `hw.id`s components are forgotten at the end of this report.
    renamed: Vec<String>,
}

impl ReportBuilder {
    /// A builder for one device, empty.
    pub fn new(device: Arc<Device>) -> Self {
        Self {
            known: Registry::new(device.labels()),
            device,
            scratch: String::new(),
            samples: Vec::new(),
            expected: 0,
            faults: Vec::new(),
            fault_counts: HashMap::new(),
            rejections: HashMap::new(),
            identity: BTreeMap::new(),
            protocols: Vec::new(),
            excused: Vec::new(),
            renamed: Vec::new(),
        }
    }

    /// The device.
    pub fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// How many samples this report holds by now.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether this report holds no sample yet.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Records one value, in the catalogue's unit. `labels` may hold more attributes than the metric takes.
    ///
    /// A value that is not finite or outside of the metric's plausible range is dropped and counted.
    pub fn record(&mut self, metric: Metric, labels: &Labels<'_>, value: f64) {
        if let Err(rejection) = check(metric, value) {
            return self.reject(rejection);
        }
        write_labels(&mut self.scratch, metric, labels);
        let series = self.known.find(metric, &self.scratch);
        self.push(series, value);
    }

    /// Records a value of a series of which the [place](Self::place) is known: as [`ReportBuilder::record`],
    /// without its labels. False, and nothing is recorded or counted, where the series was forgotten since.
    pub fn record_at(&mut self, place: Place, value: f64) -> bool {
        let Some(metric) = self.known.metric(place) else { return false };
        match check(metric, value) {
            Ok(()) => {
                let series = self.known.at(place);
                self.push(series, value);
            }
            Err(rejection) => self.reject(rejection),
        }
        true
    }

    /// Whether the series at a place was not forgotten since.
    pub fn holds(&self, place: Place) -> bool {
        self.known.metric(place).is_some()
    }

    /// Readings dropped by now.
    pub fn rejected(&self) -> u32 {
        self.rejections.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The place of a series of this builder, until it is forgotten.
    pub fn place(&self, series: &Series) -> Option<Place> {
        self.known.place(series)
    }

    /// What all series of this builder share, and no other builder's: tells whose a place is.
    pub fn device_labels(&self) -> &Arc<device::Labels> {
        self.known.labels()
    }

    fn push(&mut self, series: Result<Arc<Series>, Rejection>, value: f64) {
        match series {
            Ok(series) => {
                if self.samples.is_empty() {
                    self.samples.reserve_exact(self.expected);
                }
                self.samples.push(Sample { series, value });
            }
            Err(rejection) => self.reject(rejection),
        }
    }

    /// Records a state set: 1 for `state`, 0 for the others that the catalogue lists.
    ///
    /// A state that the catalogue doesn't list is dropped and counted.
    pub fn record_state(&mut self, metric: Metric, labels: &Labels<'_>, state: &str) {
        let (states, label) = match metric.definition().kind {
            Kind::StateSet(states) => (states, Label::State),
            Kind::Status => (status_states(labels.get(Label::HwType).unwrap_or("")), Label::HwState),
            _ => return self.reject(Rejection::Parse),
        };
        if !states.contains(&state) {
            return self.reject(Rejection::Parse);
        }
        for &each in states {
            self.record(metric, &labels.with(label, each), f64::from(u8::from(each == state)));
        }
    }

    /// Records the status of a component, and that it is there; `labels` should name its `hw.type`.
    ///
    /// A component that is no longer recorded while the device answers in full is reported as vanished
    /// (`oob.component.present` 0) by [`ReportBuilder::finish`].
    pub fn record_status(&mut self, labels: &Labels<'_>, status: Status) {
        self.record(crate::metric::OOB_COMPONENT_PRESENT, labels, 1.0);
        let status = status.told_of(labels.get(Label::HwType).unwrap_or(""));
        self.record_state(crate::metric::HW_STATUS, labels, status.as_str());
    }

    /// Notes that nothing can be said of a component in this poll, as of one that is switched off: where it is not
    /// recorded either, it has not vanished. `labels` are those of [`ReportBuilder::record_status`].
    pub fn excuse(&mut self, labels: &Labels<'_>) {
        let present = crate::metric::OOB_COMPONENT_PRESENT;
        write_labels(&mut self.scratch, present, labels);
        self.excused.extend(self.known.place_of(present, &self.scratch));
    }

    /// As [`ReportBuilder::excuse`], by the [place](Self::place) of `oob.component.present`, without labels. False, and
    /// nothing is excused, where another series has that place, or none.
    pub fn excuse_at(&mut self, place: Place) -> bool {
        let is_present = self.known.metric(place) == Some(crate::metric::OOB_COMPONENT_PRESENT);
        self.excused.extend(is_present.then_some(place));
        is_present
    }

    /// As [`ReportBuilder::excuse`], by a series of this builder: that of `oob.component.present`.
    pub fn excuse_series(&mut self, series: &Series) {
        self.excused.extend(self.known.place(series));
    }

    /// As [`ReportBuilder::excuse`], for all components of earlier reports of which `is_excused` says so by their `hw.id`
    /// and `hw.parent`.
    pub fn excuse_where(&mut self, is_excused: impl Fn(&str, &str) -> bool) {
        for series in self.known.series().filter(|it| it.metric == crate::metric::OOB_COMPONENT_PRESENT) {
            let label = |name| series.labels().find(|(label, _)| *label == name).map(|(_, value)| value);
            let [id, parent] = [Label::HwId, Label::HwParent].map(|name| label(name.prometheus()));
            if is_excused(&id.unwrap_or_default(), &parent.unwrap_or_default()) {
                self.excused.extend(self.known.place(series));
            }
        }
    }

    /// Notes that the components whose `hw.id` begins with `id` and a `/` are told under other names from now on: those
    /// that are not recorded are forgotten, and have not vanished.
    pub fn rename_below(&mut self, id: String) {
        self.renamed.push(id + "/");
    }

    /// Notes what the device says of itself, for `oob.device.info`. Where several sources tell, the first
    /// one's word counts, field by field.
    pub fn identify(&mut self, identity: &Identity<'_>) {
        for (label, value) in [
            (Label::Vendor, identity.vendor),
            (Label::Model, identity.model),
            (Label::Serial, identity.serial),
            (Label::AssetTag, identity.asset_tag),
            (Label::Protocol, identity.protocol),
        ] {
            let told = self.identity.entry(label).or_default();
            if told.is_empty() {
                told.push_str(value.trim());
            }
        }
    }

    /// The samples recorded by now, in the order in which they were recorded.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// Where parts are known, of this report and of earlier ones, as far as they are remembered: each component by
    /// its `hw.id`, and of each reading the `hw.parent` and what its `hw.id` lies in, where `/` divides its steps.
    pub fn places(&self) -> BTreeSet<String> {
        let mut places = BTreeSet::new();
        for series in self.known.series() {
            for (name, value) in read_labels(series.own_text()) {
                if name == Label::HwParent.prometheus() {
                    places.insert(value.into_owned());
                } else if name == Label::HwId.prometheus() {
                    places.extend(value.rsplit_once('/').map(|(place, _)| place.to_owned()));
                    if series.metric == crate::metric::OOB_COMPONENT_PRESENT {
                        places.insert(value.into_owned());
                    }
                }
            }
        }
        places
    }

    /// Records a sample of an earlier report again: for what is read less often than it is reported.
    ///
    /// A series that this report already holds is dropped and counted.
    pub fn repeat(&mut self, sample: &Sample) {
        self.scratch.clear();
        self.scratch.push_str(sample.series.own_text());
        let series = self.known.find(sample.series.metric, &self.scratch);
        self.push(series, sample.value);
    }

    /// Counts one reading that was there and could not be used.
    pub fn reject(&mut self, rejection: Rejection) {
        let count = self.rejections.entry(rejection).or_default();
        *count = count.saturating_add(1);
    }

    /// Notes something that could not be read; everything else still counts.
    pub fn fault(
        &mut self,
        reason: Reason,
        subject: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
    ) {
        let count = self.fault_counts.entry(reason).or_default();
        *count = count.saturating_add(1);
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(Fault { reason, subject: subject.into(), detail: detail.into() });
        }
    }

    /// Notes whether a device that has several protocols answers over this one.
    pub fn protocol(&mut self, protocol: &'static str, is_up: bool) {
        self.protocols.push((protocol, is_up));
    }

    /// The faults noted by now.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Ends the poll: hands out its report and makes ready for the next.
    ///
    /// Series that have not been recorded for a while are forgotten here.
    pub fn finish(&mut self, at: Timestamp, duration: Duration, error: Option<PollError>) -> PollReport {
        self.record_identity();
        self.settle_missing_series(error.is_none() && self.fault_counts.is_empty());
        self.known.pack(&mut self.samples);
        self.known.advance();
        let mut samples = std::mem::take(&mut self.samples);
        self.expected = samples.len();
        samples.shrink_to_fit();
        samples.sort_by_key(|sample| sample.series.metric);
        let mut fault_counts: Vec<_> = self.fault_counts.drain().collect();
        fault_counts.sort_unstable();
        let mut rejections: Vec<_> = self.rejections.drain().collect();
        rejections.sort_unstable();
        PollReport {
            device: Arc::clone(&self.device),
            at,
            duration,
            samples,
            faults: std::mem::take(&mut self.faults),
            fault_counts,
            rejections,
            error,
            protocols: std::mem::take(&mut self.protocols),
        }
    }

    /// What the operator declares of the device stands before what the device says.
    fn record_identity(&mut self) {
        if self.identity.values().all(String::is_empty) {
            return;
        }
        let mut identity = std::mem::take(&mut self.identity);
        let device = Arc::clone(&self.device);
        let mut labels = Labels::new();
        for (&label, value) in &identity {
            labels.set(label, value);
        }
        let declared = &device.description;
        for (label, value) in [
            (Label::AssetTag, &declared.asset_tag),
            (Label::Room, &declared.room),
            (Label::RackUnit, &declared.rack_unit),
            (Label::PowerFeed, &declared.power_feed),
        ] {
            if !value.is_empty() {
                labels.set(label, value);
            }
        }
        self.record(crate::metric::OOB_DEVICE_INFO, &labels, 1.0);
        identity.values_mut().for_each(String::clear);
        self.identity = identity;
    }

    /// Forgets series that are long gone, so that a device which renames its sensors doesn't grow, and
    /// reports known components that are missing from an answer without faults.
    fn settle_missing_series(&mut self, answered_in_full: bool) {
        for place in self.excused.drain(..) {
            // One that was recorded all the same is known to be there already.
            let _ = self.known.at(place);
        }
        let renamed = std::mem::take(&mut self.renamed);
        if self.known.len() == self.samples.len() {
            return;
        }
        let is_renamed = |series: &Series| {
            let mut ids =
                read_labels(series.own_text()).filter(|(name, _)| *name == Label::HwId.prometheus());
            !renamed.is_empty() && ids.any(|(_, id)| renamed.iter().any(|begin| id.starts_with(begin)))
        };
        let samples = &mut self.samples;
        let mut missing = 0;
        self.known.settle(|series, age| {
            if series.metric != crate::metric::OOB_COMPONENT_PRESENT {
                return age < KEPT_POLLS;
            }
            if is_renamed(series) {
                return false;
            }
            missing += 1;
            if answered_in_full && missing <= MAX_MISSING {
                samples.push(Sample { series: Arc::clone(series), value: 0.0 });
            }
            age < KEPT_MISSING_POLLS && missing <= MAX_MISSING
        });
    }
}

/// Whether a value can be true.
fn check(metric: Metric, value: f64) -> Result<(), Rejection> {
    let (low, high) = metric.definition().range;
    if !value.is_finite() {
        return Err(Rejection::Na);
    }
    if !(low..=high).contains(&value) {
        return Err(Rejection::Range);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
