//! One target over several polls: what is added to its readings.

use std::time::Duration;

use model::{Identity, PollError, Reason, ReportBuilder};

use super::*;
use crate::firmware::store::Store;
use crate::poll::task::tests::target;

const HOUR: i64 = 60 * 60 * 1_000;
const INFO: &str = "oob_firmware_info";
const COMPLIANCE: &str = "oob_firmware_compliance";
const CHANGES: &str = "oob_firmware_changes_total";

struct Bench {
    firmware: Arc<Firmware>,
    tracker: Tracker,
    builder: ReportBuilder,
}

impl Bench {
    fn new(firmware: Firmware, baseline: &str) -> Self {
        let firmware = Arc::new(firmware);
        let (target, builder) = (target("bmc-1"), ReportBuilder::new(Arc::clone(&target("bmc-1").device)));
        let bench = Self { tracker: firmware.track(&target), firmware, builder };
        bench.want(baseline);
        bench
    }

    fn want(&self, baseline: &str) {
        self.firmware.set_baseline(Arc::new(Baseline::parse("b.yml", baseline).unwrap()));
    }

    fn poll(&mut self, at: Timestamp, versions: &[(&str, &str)]) -> PollReport {
        self.builder.identify(&Identity { vendor: "Dell", model: "R750", ..Identity::default() });
        self.builder.record(metric::HW_HOST_POWER, &Labels::new(), 300.0);
        for (id, version) in versions {
            let labels = Labels::component(id, id).with(Label::Component, id).with(Label::Version, version);
            self.builder.record(metric::OOB_FIRMWARE_INFO, &labels, 1.0);
        }
        let mut report = self.builder.finish(at, Duration::ZERO, None);
        self.tracker.amend(&mut report, self.builder.device_labels());
        let sorted = report.samples.is_sorted_by_key(|sample| sample.series.metric);
        assert!(sorted, "samples are ordered by metric");
        report
    }

    /// The samples of a metric that are not zero: component, what else they say, value.
    fn told(&mut self, at: Timestamp, versions: &[(&str, &str)], name: &str) -> Vec<String> {
        lines(&self.poll(at, versions), name).into_iter().filter(|line| !line.ends_with(" 0")).collect()
    }
}

fn lines(report: &PollReport, name: &str) -> Vec<String> {
    let of = |sample: &&Sample| sample.series.metric.definition().prometheus == name;
    let line = |sample: &Sample| {
        let own = ["component", "version", "baseline_version", "state", "authorized"];
        let labels: Vec<_> = sample.series.labels().filter(|(name, _)| own.contains(name)).collect();
        let text: Vec<&str> = labels.iter().map(|(_, value)| &**value).collect();
        format!("{} {}", text.join(" "), sample.value)
    };
    report.samples.iter().filter(of).map(line).collect()
}

#[test]
fn compliance_is_told_of_what_the_baseline_covers() {
    let mut bench = Bench::new(
        Firmware::default(),
        "components: [{vendor: dell, component: BIOS, exact: 2.1}, {component: BMC, at_least: 7.0}]",
    );
    let report = bench.poll(0, &[("BIOS", "2.0"), ("BMC", "7.10"), ("NIC", "1")]);
    assert_eq!(lines(&report, INFO), ["BIOS 2.0 2.1 1", "BMC 7.10 >= 7.0 1", "NIC 1 1"]);
    let expected = [
        "BIOS compliant 0",
        "BIOS drifted 1",
        "BIOS unknown 0",
        "BMC compliant 1",
        "BMC drifted 0",
        "BMC unknown 0",
    ];
    assert_eq!(lines(&report, COMPLIANCE), expected);
    assert_eq!(bench.told(1, &[("BMC", "A12")], COMPLIANCE), ["BMC unknown 1"]);
    assert_eq!(bench.told(2, &[("BMC", "N/A")], COMPLIANCE), ["BMC unknown 1"]);
    bench.want("components: [{component: BMC, exact: 7.2}]");
    assert_eq!(bench.told(3, &[("BIOS", "2.0"), ("BMC", "7.10")], COMPLIANCE), ["BMC drifted 1"]);
    bench.want("components: []");
    let report = bench.poll(4, &[("BIOS", "2.0"), ("BMC", "7.10")]);
    assert_eq!(
        (lines(&report, COMPLIANCE).len(), lines(&report, INFO)),
        (0, vec!["BIOS 2.0 1".into(), "BMC 7.10 1".into()])
    );
}

#[test]
fn changes_are_counted_from_zero() {
    let mut bench = Bench::new(Firmware::default(), "components: []");
    let first = bench.poll(0, &[("BIOS", "1")]);
    assert_eq!(lines(&first, CHANGES), ["BIOS false 0"]);
    let mut polls = Vec::new();
    for (at, versions) in [
        (1, &[("BIOS", "1")][..]),
        (2, &[("BIOS", "2")]),
        (3, &[]),
        (4, &[("BIOS", "2")]),
        (5, &[("BIOS", "N/A")]),
        (6, &[("BIOS", "2")]),
        (7, &[("BIOS", "1")]),
    ] {
        polls.push(bench.told(at, versions, CHANGES).concat());
    }
    let [one, two] = ["BIOS false 1", "BIOS false 2"];
    assert_eq!(polls, ["", one, "", one, one, one, two]);
}

#[test]
fn a_change_across_a_restart_is_told_as_zero_first() {
    let store = Arc::new(Store::in_memory());
    let mut before = Bench::new(Firmware::new(Arc::clone(&store)), "components: []");
    before.poll(0, &[("BIOS", "1")]);
    let mut after = Bench::new(Firmware::new(Arc::clone(&store)), "components: []");
    assert_eq!(lines(&after.poll(1, &[("BIOS", "2")]), CHANGES), ["BIOS false 0"]);
    assert_eq!(lines(&after.poll(2, &[("BIOS", "2")]), CHANGES), ["BIOS false 1"]);
    assert_eq!(lines(&after.poll(3, &[("BIOS", "2")]), CHANGES), ["BIOS false 1"]);
    let change = store.targets()["bmc-1"].components[0].changed.clone().unwrap();
    assert_eq!((change.from.as_str(), change.at, change.authorized), ("1", 1, false));
}

/// The target reads its inventory once an hour.
#[test]
fn a_change_is_authorised_in_a_window_and_for_one_inventory_interval_after() {
    let window = "windows: [{start: 1970-01-02T00:00:00Z, end: 1970-01-02T02:00:00Z}]";
    for (at, authorized) in
        [(23 * HOUR, "false"), (24 * HOUR, "true"), (27 * HOUR - 1, "true"), (27 * HOUR, "false")]
    {
        for baseline in [window.to_owned(), format!("components: [{{component: BIOS, exact: 2, {window}}}]")]
        {
            let mut bench = Bench::new(Firmware::default(), &baseline);
            let born = bench.poll(0, &[("BIOS", "1")]);
            assert_eq!(lines(&born, CHANGES), ["BIOS false 0", "BIOS true 0"]);
            let told = bench.told(at, &[("BIOS", "2")], CHANGES);
            assert_eq!(told, [format!("BIOS {authorized} 1")], "hour {}", at / HOUR);
        }
    }
}

#[test]
fn a_poll_that_says_the_same_makes_no_new_series() {
    let mut bench = Bench::new(Firmware::default(), "components: [{component: BIOS, exact: 1}]");
    let (first, second) = (bench.poll(0, &[("BIOS", "1")]), bench.poll(1, &[("BIOS", "1")]));
    assert_eq!(first.samples, second.samples);
    let shared = first.samples.iter().zip(&second.samples).all(|(a, b)| Arc::ptr_eq(&a.series, &b.series));
    assert!(shared && first.samples.len() == 7, "{}", first.samples.len());
}

#[test]
fn a_failed_poll_says_nothing() {
    let mut bench = Bench::new(Firmware::default(), "components: [{component: BIOS, exact: 1}]");
    bench.poll(0, &[("BIOS", "1")]);
    let error = PollError::new(Reason::Timeout, "no answer");
    let mut report = bench.builder.finish(1, Duration::ZERO, Some(error));
    bench.tracker.amend(&mut report, bench.builder.device_labels());
    assert!(report.samples.is_empty());
}
