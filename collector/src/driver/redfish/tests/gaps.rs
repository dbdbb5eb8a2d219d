//! What one poll does not get is missing from it: nothing else is told in its place, and nothing vanishes.

use std::time::Duration;

use model::{PollReport, Reason, ReportBuilder};
use serde_json::{Value, json};

use super::{HOUR, NOW, Watched, device, state};
use crate::driver::redfish::collect::collect;
use crate::driver::redfish::normalise::testing::{self, value};
use crate::driver::redfish::state::State;

pub(super) const MINUTE: i64 = 60_000;

/// Makes a path fail.
pub(super) type Failure = fn(&mut Watched, &str);

/// What a device that starts says of what it has at other times.
pub(super) fn not_there(source: &mut Watched, path: &str) {
    source.fail(path, 404, Reason::Missing);
}

/// One device over many polls.
pub(super) struct Polled {
    pub(super) source: Watched,
    state: State,
    report: ReportBuilder,
}

impl Polled {
    pub(super) fn new(documents: Value) -> Self {
        Self { source: Watched::new(device(documents)), state: state(), report: testing::report() }
    }

    pub(super) async fn poll(&mut self, at: i64) -> PollReport {
        collect(&mut self.source, &mut self.state, at, &mut self.report).await.expect("a root");
        self.report.finish(at, Duration::ZERO, None)
    }

    /// A poll in which these paths give no answer.
    async fn poll_without(&mut self, paths: &[&str], at: i64) -> PollReport {
        self.poll_failing(paths, Watched::silence, at).await
    }

    /// A poll in which these paths fail.
    pub(super) async fn poll_failing(&mut self, paths: &[&str], fail: Failure, at: i64) -> PollReport {
        paths.iter().for_each(|path| fail(&mut self.source, path));
        let report = self.poll(at).await;
        self.source.failing.clear();
        report
    }
}

/// `metric name hw_id hw_name` of all readings of parts, sorted, each once.
pub(super) fn identities(report: &PollReport) -> Vec<String> {
    let line = |sample: &model::Sample| {
        let name = sample.series.metric.definition().prometheus;
        format!("{name} {} {}", value(sample, "hw_id"), value(sample, "hw_name"))
    };
    let mut found: Vec<String> =
        report.samples.iter().filter(|sample| !value(sample, "hw_id").is_empty()).map(line).collect();
    found.sort();
    found.dedup();
    found
}

/// Parts that are reported as vanished.
pub(super) fn vanished(report: &PollReport) -> Vec<String> {
    let is_gone = |sample: &&model::Sample| {
        sample.series.metric == model::metric::OOB_COMPONENT_PRESENT && sample.value == 0.0
    };
    report.samples.iter().filter(is_gone).map(|sample| value(sample, "hw_id")).collect()
}

pub(super) fn link(path: &str) -> Value {
    json!({"@odata.id": format!("/redfish/v1/{path}")})
}

/// A server that has everything twice: in the newer resources, and in `Power` and `Thermal`.
pub(super) fn server() -> Value {
    let own = |path: &str| link(&format!("Chassis/1/{path}"));
    let ok = json!({"State": "Enabled", "Health": "OK"});
    let uri = |id: &str| format!("/redfish/v1/Chassis/1/Sensors/{id}");
    let sensor = |id: &str, name: &str, units: &str, reading: f64, context: &str| {
        json!({
        "Id": id, "Name": name, "Reading": reading, "ReadingUnits": units, "PhysicalContext": context})
    };
    let supply = |id: &str, name: &str| {
        json!({"Id": id, "Name": name, "Status": ok,
        "Metrics": own(&format!("PowerSubsystem/PowerSupplies/{id}/Metrics"))})
    };
    let input = |id: &str| json!({"InputVoltage": {"Reading": 230, "DataSourceUri": uri(id)}});
    json!({
        "Chassis/1": {"Id": "1", "Name": "Box", "Sensors": own("Sensors"), "Power": own("Power"), "Thermal": own("Thermal"),
            "PowerSubsystem": own("PowerSubsystem"), "ThermalSubsystem": own("ThermalSubsystem")},
        "Chassis/1/Sensors/V1": sensor("V1", "PSU 1 input voltage", "V", 230.0, "PowerSupply"),
        "Chassis/1/Sensors/V2": sensor("V2", "PSU 2 input voltage", "V", 231.0, "PowerSupply"),
        "Chassis/1/Sensors/Cpu": sensor("Cpu", "CPU temperature", "Cel", 50.0, "CPU"),
        "Chassis/1/Sensors/R1": sensor("R1", "Fan 1 speed", "RPM", 6000.0, "Fan"),
        "Chassis/1/Sensors/Load": sensor("Load", "Load", "%", 12.0, "CPU"),
        "Chassis/1/PowerSubsystem": {"PowerSupplies": own("PowerSubsystem/PowerSupplies")},
        "Chassis/1/PowerSubsystem/PowerSupplies/1": supply("1", "Power Supply 1"),
        "Chassis/1/PowerSubsystem/PowerSupplies/2": supply("2", "Power Supply 2"),
        "Chassis/1/PowerSubsystem/PowerSupplies/1/Metrics": input("V1"),
        "Chassis/1/PowerSubsystem/PowerSupplies/2/Metrics": input("V2"),
        "Chassis/1/ThermalSubsystem": {"Fans": own("ThermalSubsystem/Fans")},
        "Chassis/1/ThermalSubsystem/Fans/1": {"Id": "1", "Name": "Fan one", "Status": ok,
            "SpeedPercent": {"Reading": 40, "SpeedRPM": 6000, "DataSourceUri": uri("R1")}},
        "Chassis/1/Power": {
            "PowerControl": [{"Name": "Server", "MemberId": "0", "PowerConsumedWatts": 300}],
            "PowerSupplies": [
                {"Name": "PSU A", "MemberId": "0", "Status": ok, "LineInputVoltage": 229, "PowerOutputWatts": 150},
                {"Name": "PSU B", "MemberId": "1", "Status": ok, "LineInputVoltage": 229, "PowerOutputWatts": 150}]},
        "Chassis/1/Thermal": {
            "Temperatures": [{"Name": "CPU temperature", "MemberId": "0", "ReadingCelsius": 51}, {"Name": "VRM", "MemberId": "1", "ReadingCelsius": 60}],
            "Fans": [{"Name": "FAN_A", "MemberId": "0", "Status": ok, "Reading": 6100, "ReadingUnits": "RPM"}]},
    })
}

/// What of [`server`] can be missing from a poll.
pub(super) const PLACES: &[&str] = &[
    "Chassis/1/PowerSubsystem",
    "Chassis/1/PowerSubsystem/PowerSupplies",
    "Chassis/1/PowerSubsystem/PowerSupplies/1",
    "Chassis/1/PowerSubsystem/PowerSupplies/1/Metrics",
    "Chassis/1/ThermalSubsystem",
    "Chassis/1/ThermalSubsystem/Fans",
    "Chassis/1/ThermalSubsystem/Fans/1",
    "Chassis/1/Sensors",
    "Chassis/1/Sensors/V1",
    "Chassis/1/Sensors/R1",
    "Chassis/1/Sensors/Cpu",
    "Chassis/1",
    "Chassis",
];

/// Polls a device with one place missing at `gap`, and checks that this poll tells no other identities than a
/// full one, and that the polls after it tell the same as ever and call nothing vanished.
pub(super) async fn check(documents: &Value, places: &[&str], fail: Failure, gap: i64) {
    let full = identities(&Polled::new(documents.clone()).poll(NOW).await);
    for place in places {
        let mut polled = Polled::new(documents.clone());
        for at in [0, MINUTE] {
            if gap > at {
                assert_eq!(identities(&polled.poll(NOW + at).await), full, "{place}");
            }
        }
        let report = polled.poll_failing(&[place], fail, NOW + gap).await;
        let found = identities(&report);
        let other: Vec<&String> = found.iter().filter(|it| !full.contains(it)).collect();
        assert!(other.is_empty(), "{place} at {gap}: {other:?}");
        assert_eq!(vanished(&report), [""; 0], "{place}");
        for at in [gap + MINUTE, gap + 2 * MINUTE] {
            let report = polled.poll(NOW + at).await;
            assert_eq!(vanished(&report), [""; 0], "{place}, after {gap}");
            assert_eq!(identities(&report), full, "{place}, after {gap}");
        }
    }
}

#[tokio::test]
async fn older_documents_do_not_stand_in_for_what_was_read_before() {
    // Between surveys the subsystems are told from memory; at a survey all is read anew.
    check(&server(), PLACES, Watched::silence, 2 * MINUTE).await;
    check(&server(), PLACES, Watched::silence, HOUR).await;
}

#[tokio::test]
async fn older_documents_do_not_stand_in_for_parts_in_the_first_poll() {
    for place in &PLACES[..11] {
        let mut polled = Polled::new(server());
        let first = polled.poll_without(&[place], NOW).await;
        assert_eq!(vanished(&first), [""; 0]);
        for minute in 1..4 {
            let report = polled.poll(NOW + minute * MINUTE).await;
            assert_eq!(vanished(&report), [""; 0], "{place}, minute {minute}");
        }
    }
}

#[tokio::test]
async fn errors_of_the_device_are_no_absence() {
    for (status, reason) in [(500, Reason::Refused), (503, Reason::Busy), (200, Reason::Parse)] {
        let mut polled = Polled::new(server());
        polled.source.fail("Chassis/1/PowerSubsystem", status, reason);
        let found = identities(&polled.poll(NOW).await);
        assert!(!found.iter().any(|it| it.contains("Power/PowerSupplies")), "{status}: {found:?}");
        assert!(found.iter().any(|it| it == "hw_host_power_watts Chassis/1 Box"), "{status}: {found:?}");
    }
}

#[tokio::test]
async fn older_documents_are_told_where_the_newer_resource_does_not_exist() {
    for status in [403, 404, 405, 410, 501] {
        let mut polled = Polled::new(server());
        polled.source.fail("Chassis/1/PowerSubsystem", status, Reason::Missing);
        polled.source.fail("Chassis/1/ThermalSubsystem", status, Reason::Missing);
        for minute in 0..3 {
            let found = identities(&polled.poll(NOW + minute * MINUTE).await);
            let parts = ["Chassis/1/Power/PowerSupplies/1 PSU B", "Chassis/1/Thermal/Fans/0 FAN_A"];
            for part in parts {
                let part = format!("oob_component_present {part}");
                assert!(found.contains(&part), "{status}, minute {minute}: {found:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_resource_that_was_shown_once_stays() {
    let mut polled = Polled::new(server());
    polled.poll(NOW).await;
    polled.source.fail("Chassis/1/PowerSubsystem", 404, Reason::Missing);
    let found = identities(&polled.poll(NOW + HOUR).await);
    assert!(!found.iter().any(|it| it.contains("Power/PowerSupplies")), "{found:?}");
}

/// Two systems with parts that are read on the inventory interval.
pub(super) fn inventory() -> Value {
    let ok = json!({"State": "Enabled", "Health": "OK"});
    let system = |id: &str| {
        json!({"Id": id, "Name": id, "PowerState": "On", "Status": ok,
        "Processors": link(&format!("Systems/{id}/Processors")), "Storage": link(&format!("Systems/{id}/Storage"))})
    };
    let cpu = json!({"Id": "0", "Name": "CPU", "ProcessorType": "CPU", "Status": ok});
    let drive = json!({"Id": "0", "Name": "Disk", "Status": ok});
    let storage = |id: &str| json!({"Id": "S", "Name": "S", "Drives": [link(&format!("Drives/{id}"))]});
    json!({
        "Systems/A": system("A"), "Systems/B": system("B"),
        "Systems/A/Processors/0": cpu, "Systems/B/Processors/0": cpu,
        "Systems/A/Storage/S": storage("A"), "Systems/B/Storage/S": storage("B"),
        "Drives/A": drive, "Drives/B": drive,
        "Managers/M": {"Id": "M", "Name": "M", "FirmwareVersion": "1", "Status": ok},
        "Managers/N": {"Id": "N", "Name": "N", "FirmwareVersion": "1", "Status": ok},
    })
}

/// What of [`inventory`] can be missing from a poll.
const SLOW_PLACES: &[&str] = &[
    "Systems",
    "Systems/B",
    "Systems/B/Processors",
    "Systems/B/Processors/0",
    "Systems/A/Storage",
    "Systems/A/Storage/S",
    "Drives/B",
    "Managers",
    "Managers/N",
];

#[tokio::test]
async fn slow_parts_that_were_lost_once_do_not_vanish_until_they_are_read_again() {
    check(&inventory(), SLOW_PLACES, Watched::silence, HOUR).await;
    check(&inventory(), SLOW_PLACES, not_there, HOUR).await;
}

#[tokio::test]
async fn no_other_system_stands_in_for_the_main_one() {
    let mut documents = inventory();
    documents["Systems/B"]["PowerState"] = json!("Off");
    let mut polled = Polled::new(documents);
    polled.poll(NOW).await;
    let report = polled.poll_without(&["Systems/A"], NOW + MINUTE).await;
    let power = model::metric::OOB_DEVICE_POWER_STATE;
    assert!(!report.samples.iter().any(|sample| sample.series.metric == power), "{:?}", report.samples);
}
