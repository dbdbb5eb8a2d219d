//! A poll report: one device at one time, with what was read and what could not be.
//!
//! Drivers fill a [`ReportBuilder`], which lives as long as its target: it keeps the device's series,
//! so that a poll in the steady state allocates for its values and not for its labels. It drops what
//! cannot be true and counts why; it never invents, rounds or repairs a value.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;

use crate::catalogue::{Kind, Metric};
use crate::device::{self, Device};
use crate::fault::{Fault, PollError, Reason, Rejection};
use crate::label::{Label, Labels};
pub use crate::registry::MAX_SERIES;
use crate::registry::{Place, Registry};
use crate::series::{Series, write_labels};
use crate::state::{Status, status_states};

/// Milliseconds since 1970-01-01 UTC.
pub type Timestamp = i64;

/// Most faults kept in one report; more say nothing new. The rest are only counted.
pub const MAX_FAULTS: usize = 64;

/// One value of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// What it is a value of.
    pub series: Arc<Series>,
    /// In the unit that the catalogue declares.
    pub value: f64,
}

/// What one poll of one device brought.
#[derive(Clone, Debug)]
pub struct PollReport {
    /// The device.
    pub device: Arc<Device>,
    /// When the poll began.
    pub at: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// Samples, ordered by metric.
    pub samples: Vec<Sample>,
    /// What could not be read.
    pub faults: Vec<Fault>,
    /// Faults by cause, those over [`MAX_FAULTS`] included.
    pub fault_counts: Vec<(Reason, u32)>,
    /// Readings dropped by cause.
    pub rejections: Vec<(Rejection, u32)>,
    /// Why the poll brought nothing at all, if so.
    pub error: Option<PollError>,
}

/// Polls after which a series that is no longer recorded is forgotten.
const KEPT_POLLS: u32 = 10;

/// Polls for which a component that vanished is remembered: a week at one a minute.
const KEPT_MISSING_POLLS: u32 = 10_080;

/// Most vanished components of one device. A whole chassis of drives is fewer.
const MAX_MISSING: usize = 1_000;

/// What a device says of itself. Empty fields say nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity<'a> {
    /// Manufacturer.
    pub vendor: &'a str,
    /// Model name.
    pub model: &'a str,
    /// Serial number.
    pub serial: &'a str,
    /// Inventory number that is stored in the device.
    pub asset_tag: &'a str,
    /// Protocol that told it.
    pub protocol: &'a str,
}

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
        let states = status_states(labels.get(Label::HwType).unwrap_or(""));
        let status = if states.contains(&status.as_str()) { status } else { Status::Degraded };
        self.record_state(crate::metric::HW_STATUS, labels, status.as_str());
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
        if self.known.len() == self.samples.len() {
            return;
        }
        let samples = &mut self.samples;
        let mut missing = 0;
        self.known.settle(|series, age| {
            if series.metric != crate::metric::OOB_COMPONENT_PRESENT {
                return age < KEPT_POLLS;
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
mod tests {
    use super::*;
    use crate::metric;

    fn builder() -> ReportBuilder {
        ReportBuilder::new(Arc::new(Device {
            name: "pdu-a".into(),
            site: "fra1".into(),
            rack: "r1".into(),
            device_type: "pdu".into(),
            description: device::Description::default(),
        }))
    }

    fn finish(builder: &mut ReportBuilder) -> PollReport {
        builder.finish(0, Duration::ZERO, None)
    }

    #[test]
    fn a_series_is_written_once_and_shared_by_later_polls() {
        let mut builder = builder();
        let labels = Labels::component("t1", "Inlet");
        builder.record(metric::HW_TEMPERATURE, &labels, 21.5);
        let first = finish(&mut builder);
        builder.record(metric::HW_TEMPERATURE, &labels, 22.0);
        let second = finish(&mut builder);
        assert!(Arc::ptr_eq(&first.samples[0].series, &second.samples[0].series));
        assert_eq!(second.samples[0].value, 22.0);
    }

    #[test]
    fn a_repeated_sample_is_the_same_series_and_gives_way_to_a_newer_one() {
        let mut builder = builder();
        let labels = Labels::component("t1", "Inlet");
        builder.record(metric::HW_TEMPERATURE, &labels, 21.5);
        let kept = builder.samples().to_vec();
        finish(&mut builder);
        builder.repeat(&kept[0]);
        assert_eq!(finish(&mut builder).samples, kept);
        builder.record(metric::HW_TEMPERATURE, &labels, 22.0);
        builder.repeat(&kept[0]);
        let report = finish(&mut builder);
        assert_eq!((report.samples.len(), report.samples[0].value), (1, 22.0));
        assert_eq!(report.rejections, [(Rejection::Duplicate, 1)]);
    }

    #[test]
    fn what_cannot_be_true_is_dropped_and_counted() {
        let mut builder = builder();
        let labels = Labels::component("t1", "Inlet");
        builder.record(metric::HW_TEMPERATURE, &labels, f64::NAN);
        builder.record(metric::HW_TEMPERATURE, &labels, -1000.0);
        builder.record(metric::HW_TEMPERATURE, &labels, 21.5);
        builder.record(metric::HW_TEMPERATURE, &labels, 99.0);
        let report = finish(&mut builder);
        assert_eq!(report.samples.len(), 1);
        assert_eq!(report.samples[0].value, 21.5);
        assert_eq!(report.rejections, [(Rejection::Na, 1), (Rejection::Range, 1), (Rejection::Duplicate, 1)]);
    }

    #[test]
    fn a_state_set_has_one_series_for_each_state() {
        let mut builder = builder();
        let labels = Labels::component("o1", "Outlet 1").with(Label::OobCircuitType, "outlet");
        builder.record_state(metric::OOB_CIRCUIT_STATE, &labels, "off");
        builder.record_state(metric::OOB_CIRCUIT_STATE, &Labels::component("o2", "Outlet 2"), "sideways");
        let report = finish(&mut builder);
        let values: Vec<_> = report.samples.iter().map(|sample| sample.value).collect();
        assert_eq!(values, [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(report.rejections, [(Rejection::Parse, 1)]);
    }

    #[test]
    fn samples_are_ordered_by_metric() {
        let mut builder = builder();
        builder.record(metric::HW_TEMPERATURE, &Labels::component("t1", "Inlet"), 20.0);
        builder.record(metric::HW_HOST_POWER, &Labels::new(), 100.0);
        builder.record(metric::HW_TEMPERATURE, &Labels::component("t2", "Outlet"), 30.0);
        let report = finish(&mut builder);
        assert!(report.samples.is_sorted_by_key(|sample| sample.series.metric));
    }

    #[test]
    fn the_device_tells_who_it_is_and_the_operator_has_the_last_word() {
        let description =
            device::Description { asset_tag: "A-17".into(), room: "R2".into(), ..Default::default() };
        let device = Device { description, ..(**builder().device()).clone() };
        let mut builder = ReportBuilder::new(Arc::new(device));
        builder.identify(&Identity { vendor: "APC", asset_tag: "unset", ..Identity::default() });
        builder.identify(&Identity { vendor: "Schneider", model: "AP8959", ..Identity::default() });
        let report = finish(&mut builder);
        assert_eq!(
            report.samples[0].series.own_text(),
            r#"vendor="APC",model="AP8959",asset_tag="A-17",room="R2""#
        );
        assert!(finish(&mut builder).samples.is_empty());
    }

    #[test]
    fn a_known_component_that_vanishes_is_reported_while_the_device_answers_in_full() {
        let present = |report: &PollReport| {
            let found = report.samples.iter().find(|s| s.series.metric == metric::OOB_COMPONENT_PRESENT);
            found.map(|sample| sample.value)
        };
        let mut builder = builder();
        let psu = Labels::component("psu2", "PSU 2").with(Label::HwType, "power_supply");
        builder.record_status(&psu, Status::Ok);
        assert_eq!(present(&finish(&mut builder)), Some(1.0));
        assert_eq!(present(&finish(&mut builder)), Some(0.0));
        builder.fault(Reason::Timeout, "Power", "no answer");
        assert_eq!(present(&finish(&mut builder)), None);
        let error = PollError::new(Reason::Timeout, "no answer");
        assert_eq!(present(&builder.finish(0, Duration::ZERO, Some(error))), None);
        assert_eq!(present(&finish(&mut builder)), Some(0.0));
        builder.record_status(&psu, Status::Ok);
        assert_eq!(present(&finish(&mut builder)), Some(1.0));
    }

    #[test]
    fn a_device_that_renames_its_sensors_does_not_grow() {
        let mut builder = builder();
        for poll in 0..100 {
            builder.record(metric::HW_TEMPERATURE, &Labels::component(&format!("t{poll}"), ""), 20.0);
            finish(&mut builder);
        }
        assert!(builder.known.len() <= 10, "{} series are kept", builder.known.len());
    }

    #[test]
    fn faults_are_bounded_and_all_counted() {
        let mut builder = builder();
        for _ in 0..1000 {
            builder.fault(Reason::Timeout, "ifTable", "no answer");
        }
        let report = finish(&mut builder);
        assert_eq!(report.faults.len(), MAX_FAULTS);
        assert_eq!(report.fault_counts, [(Reason::Timeout, 1000)]);
    }
}
