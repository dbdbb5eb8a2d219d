//! What is remembered from poll to poll.

use std::time::Duration;

use model::{Reason, ReportBuilder};
use serde_json::json;

use super::{HOUR, NOW, Watched, device, state};
use crate::driver::redfish::collect::collect;
use crate::driver::redfish::normalise::testing::{self, lines};
use crate::driver::redfish::state::State;

async fn poll(source: &mut Watched, state: &mut State, report: &mut ReportBuilder, at: i64) -> Vec<String> {
    collect(source, state, at, report).await.expect("a root");
    let found = lines(report);
    report.finish(at, Duration::ZERO, None);
    found
}

fn count(lines: &[String], start: &str) -> usize {
    lines.iter().filter(|line| line.starts_with(start)).count()
}

fn firmware() -> Watched {
    Watched::new(device(json!({
        "Systems/1": {"Id": "1", "PowerState": "On"},
        "UpdateService": {"FirmwareInventory": {"@odata.id": "/redfish/v1/UpdateService/FirmwareInventory"}},
        "UpdateService/FirmwareInventory/BMC": {"Id": "BMC", "Name": "BMC", "Version": "1.2"},
    })))
}

#[tokio::test]
async fn slow_readings_are_read_on_their_interval_and_told_in_between() {
    let (mut source, mut state, mut report) = (firmware(), state(), testing::report());
    for (minute, asked) in [(0, 1), (1, 1), (59, 1), (60, 2), (61, 2)] {
        let found = poll(&mut source, &mut state, &mut report, NOW + minute * 60_000).await;
        assert_eq!(count(&found, "oob_firmware_info"), 1, "minute {minute}");
        assert_eq!(source.count("UpdateService/FirmwareInventory"), asked, "minute {minute}");
        assert_eq!(
            source.count("Systems/1"),
            1 + [0, 1, 59, 60, 61].iter().position(|it| *it == minute).unwrap()
        );
    }
}

#[tokio::test]
async fn slow_readings_that_fail_are_told_until_three_intervals_old() {
    let (mut source, mut state, mut report) = (firmware(), state(), testing::report());
    poll(&mut source, &mut state, &mut report, NOW).await;
    source.fail("UpdateService/FirmwareInventory", 500, Reason::Refused);
    for (hour, told) in [(1, 1), (2, 1), (3, 0), (4, 0)] {
        let found = poll(&mut source, &mut state, &mut report, NOW + hour * HOUR).await;
        assert_eq!(count(&found, "oob_firmware_info"), told, "hour {hour}");
    }
    source.failing.clear();
    let found = poll(&mut source, &mut state, &mut report, NOW + 5 * HOUR).await;
    assert_eq!(count(&found, "oob_firmware_info"), 1);
}

#[tokio::test]
async fn what_has_nothing_is_not_asked_for_before_the_next_survey() {
    let link = |path: &str| json!({"@odata.id": format!("/redfish/v1/Chassis/1/{path}")});
    let mut source = Watched::new(device(json!({
        "Chassis/1": {"Name": "Box", "Sensors": link("Sensors"), "Thermal": link("Thermal"), "Power": link("Power")},
        "Chassis/1/Sensors/T": {"Id": "T", "Name": "CPU Temp", "Reading": 40, "ReadingUnits": "Cel"},
        "Chassis/1/Thermal": {"Temperatures": [{"Name": "CPU", "MemberId": "0", "ReadingCelsius": 41}]},
    })));
    let (mut state, mut report) = (state(), testing::report());
    for minute in 0..60 {
        let found = poll(&mut source, &mut state, &mut report, NOW + minute * 60_000).await;
        assert_eq!(count(&found, "hw_temperature_celsius"), 1);
    }
    assert_eq!(
        (source.count("Chassis/1/Power"), source.count("Chassis/1/Thermal"), source.count("Chassis/1")),
        (1, 1, 1)
    );
    assert_eq!(source.count("Chassis/1/Sensors"), 60);
    poll(&mut source, &mut state, &mut report, NOW + HOUR).await;
    assert_eq!(
        (source.count("Chassis/1/Power"), source.count("Chassis/1/Thermal"), source.count("Chassis/1")),
        (2, 2, 2)
    );
}

#[tokio::test]
async fn sensors_that_measure_nothing_are_read_at_surveys_only() {
    let sensor = |name: &str, reading, units: &str| json!({"Id": name, "Name": name, "Reading": reading, "ReadingUnits": units});
    let mut source = Watched::new(device(json!({
        "Chassis/1": {"Name": "Box", "Sensors": {"@odata.id": "/redfish/v1/Chassis/1/Sensors"}},
        "Chassis/1/Sensors/T": sensor("T", Some(40), "Cel"),
        "Chassis/1/Sensors/Fan": sensor("Fan", Some(40), "%"),
        "Chassis/1/Sensors/Off": sensor("Off", None, ""),
        "Chassis/1/Sensors/State": sensor("State", Some(0), ""),
        "Chassis/1/Sensors/Load": sensor("Load", Some(12), "%"),
    })));
    let (mut state, mut report) = (state(), testing::report());
    for minute in [0, 1, 2, 60] {
        let found = poll(&mut source, &mut state, &mut report, NOW + minute * 60_000).await;
        assert_eq!((count(&found, "hw_temperature_celsius"), count(&found, "hw_fan_speed_ratio")), (1, 1));
    }
    let asked =
        ["T", "Fan", "Off", "State", "Load"].map(|it| source.count(&format!("Chassis/1/Sensors/{it}")));
    assert_eq!(asked, [4, 4, 4, 2, 2]);
    assert_eq!(source.count("Chassis/1/Sensors"), 2);
}

#[tokio::test]
async fn new_entries_of_a_log_are_counted_by_severity() {
    let entry = |id: &str, severity: &str| json!({"@odata.id": format!("/redfish/v1/Log/{id}"), "Id": id, "Severity": severity});
    let log = |entries| json!({"Members": entries});
    let mut source = Watched::new(device(json!({
        "Systems/1": {"Id": "1", "LogServices": {"@odata.id": "/redfish/v1/Systems/1/LogServices"}},
        "Systems/1/LogServices/SEL": {"Id": "SEL", "Entries": {"@odata.id": "/redfish/v1/Log"}},
        "Systems/1/LogServices/Dump": {"Id": "Dump", "Entries": {"@odata.id": "/redfish/v1/Dump"}},
        "Log": log(vec![entry("1", "Critical")]),
    })));
    let (mut state, mut report) = (state(), testing::report());
    let events = |found: Vec<String>| {
        found.into_iter().filter(|it| it.starts_with("oob_event_log")).collect::<Vec<_>>()
    };
    let expected = |ok, warning, critical| {
        [("critical", critical), ("ok", ok), ("warning", warning)]
            .map(|(severity, count)| format!("oob_event_log_events_total{{severity={severity}}} {count}"))
    };
    let first = poll(&mut source, &mut state, &mut report, NOW).await;
    assert_eq!(events(first), expected(0, 0, 0));
    let entries =
        vec![entry("1", "Critical"), entry("2", "Warning"), json!({"@odata.id": "/redfish/v1/Log/3"})];
    source.tree.documents.insert("/redfish/v1/Log".into(), log(entries).into());
    source.tree.documents.insert("/redfish/v1/Log/3".into(), entry("3", "OK").into());
    let second = poll(&mut source, &mut state, &mut report, NOW + HOUR).await;
    assert_eq!(events(second), expected(1, 1, 0));
    let third = poll(&mut source, &mut state, &mut report, NOW + 2 * HOUR).await;
    assert_eq!(events(third), expected(1, 1, 0));
    assert_eq!(source.count("Dump"), 0);
}

#[tokio::test]
async fn an_endless_log_is_read_up_to_a_limit() {
    let mut source = Watched::new(device(json!({
        "Systems/1": {"Id": "1", "LogServices": {"@odata.id": "/redfish/v1/Systems/1/LogServices"}},
        "Systems/1/LogServices/SEL": {"Id": "SEL", "Entries": {"@odata.id": "/redfish/v1/Log"}},
        "Log": {"Members": [], "Members@odata.nextLink": "/redfish/v1/Log"},
    })));
    poll(&mut source, &mut state(), &mut testing::report(), NOW).await;
    assert_eq!(source.count("Log"), crate::driver::redfish::logs::MAX_PAGES);
}

#[tokio::test]
async fn a_collection_that_repeats_a_member_without_end_is_cut() {
    let mut tree = device(json!({"Chassis/1": {"Name": "Box"}}));
    let members = vec![json!({"@odata.id": "/redfish/v1/Chassis/1"}); 5000];
    tree.documents.insert("/redfish/v1/Chassis".into(), json!({"Members": members}).into());
    let mut report = testing::report();
    collect(&mut tree, &mut state(), NOW, &mut report).await.expect("a root");
    assert_eq!(report.faults().iter().map(|fault| fault.reason).collect::<Vec<_>>(), [Reason::Limit]);
}
