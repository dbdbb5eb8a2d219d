//! Against OpenIPMI's `ipmi_sim`, compared with what `ipmitool` reads of it.

use model::{Label, Metric, PollReport, Reason, metric};

use super::ipmitool::{self, Row};
use super::polls::{driver, first_poll, link, poll, state, value};
use super::simulator::Sim;
use crate::driver::Driver;
use crate::driver::ipmi::inventory;

/// Metric, metric of its limits, and `hw_id` of a row.
fn place(row: &Row) -> (Metric, Option<Metric>, &str) {
    match (row.name.as_str(), row.unit.as_str()) {
        (name, "degrees C" | "degrees F") => {
            (metric::HW_TEMPERATURE, Some(metric::HW_TEMPERATURE_LIMIT), name)
        }
        (name, "RPM") => (metric::HW_FAN_SPEED, Some(metric::HW_FAN_SPEED_LIMIT), name),
        (name, "Volts") => (metric::HW_VOLTAGE, Some(metric::HW_VOLTAGE_LIMIT), name),
        ("PS1 Power In", "Watts") => {
            (metric::OOB_CIRCUIT_POWER, Some(metric::OOB_CIRCUIT_POWER_LIMIT), "power_supply 1")
        }
        // The catalogue has no limits of a component's power.
        (name, "Watts") => (metric::HW_POWER, None, name),
        other => panic!("unknown unit {other:?}"),
    }
}

/// Compares what ipmitool prints, with three decimals, with what was recorded.
fn assert_same(found: Option<f64>, shown: Option<f64>, row: &Row, what: &str) {
    let shown = shown.map(|value| if row.unit == "degrees F" { (value - 32.0) / 1.8 } else { value });
    let same = match (found, shown) {
        (Some(found), Some(shown)) => (found - shown).abs() < 0.000_6,
        (found, shown) => found == shown,
    };
    assert!(same, "{what} {found:?}, ipmitool shows {shown:?}: {row:?}");
}

#[tokio::test]
async fn sensors_and_limits_are_those_that_ipmitool_shows() {
    compare_sensors(&Sim::start(), [10, 36]).await;
    if let Some(sim) = Sim::of_captures() {
        compare_sensors(&sim, [5, 14]).await;
    }
}

/// Compares each of so many sensors, and so many limits.
async fn compare_sensors(sim: &Sim, counts: [usize; 2]) {
    let (mut driver, mut report) = driver(&sim.target("test")).await;
    let report = first_poll(&mut driver, &mut report).await;
    driver.close().await;
    let mut compared = [0; 2];
    // SubTemp belongs to another controller, behind the BMC: not read, and no other sensor in its place.
    assert_eq!(value(&report, metric::HW_TEMPERATURE, &[(Label::HwName, "SubTemp")]), None);
    for row in ipmitool::sensors(sim.port).into_iter().filter(|row| row.name != "SubTemp") {
        let (metric, limit_metric, id) = place(&row);
        let found =
            |metric, more: &[(Label, &str)]| value(&report, metric, &[&[(Label::HwId, id)], more].concat());
        assert_same(found(metric, &[]), Some(row.value), &row, "reading");
        compared[0] += 1;
        let Some(limit_metric) = limit_metric else { continue };
        let [low_fatal, low_critical, low_warning, high_warning, high_critical, high_fatal] = row.thresholds;
        for (limit, shown) in [
            ("low.critical", low_critical.or(low_fatal)),
            ("low.degraded", low_warning),
            ("high.degraded", high_warning),
            ("high.critical", high_critical.or(high_fatal)),
        ] {
            assert_same(found(limit_metric, &[(Label::HwLimitType, limit)]), shown, &row, limit);
            compared[1] += usize::from(shown.is_some());
        }
    }
    assert_eq!(compared, counts);
}

#[tokio::test]
async fn states_are_those_that_ipmitool_shows_in_words() {
    let sim = Sim::start();
    let (mut driver, mut report) = driver(&sim.target("test")).await;
    let report = first_poll(&mut driver, &mut report).await;
    driver.close().await;
    let shown = ipmitool::run(sim.port, &["sdr", "elist", "compact"]);
    let words = |name: &str| {
        let line = shown.lines().find(|line| line.starts_with(name));
        line.unwrap_or_else(|| panic!("ipmitool shows no {name}: {shown}")).to_owned()
    };
    let status = |id| state(&report, metric::HW_STATUS, id);
    assert!(words("PS1 Status").contains("Presence detected, Failure detected"), "{shown}");
    assert_eq!(status("power_supply 1").as_deref(), Some("failed"));
    assert!(words("CPU1 Status").contains("Presence detected"), "{shown}");
    assert_eq!(status("processor 1").as_deref(), Some("ok"));
    assert!(words("PS Redundancy").contains("Redundancy Lost"), "{shown}");
    assert_eq!(state(&report, metric::OOB_REDUNDANCY_STATE, "PS Redundancy").as_deref(), Some("lost"));
    assert!(words("Intrusion").contains("General Chassis intrusion"), "{shown}");
    assert_eq!(value(&report, metric::OOB_CONTACT_OPEN, &[(Label::HwId, "Intrusion")]), Some(1.0));
    // Absent: no part, and no status of one.
    assert!(words("dimm1").contains("Absent"), "{shown}");
    assert_eq!(value(&report, metric::OOB_COMPONENT_PRESENT, &[(Label::HwId, "memory_module 1")]), None);
    // Two slots share a record, with entity instances of their own. ipmitool reads the first one only.
    assert!(words("Slot").contains("Drive Present, Drive Fault"), "{shown}");
    assert_eq!(status("disk 1").as_deref(), Some("failed"));
    assert_eq!(status("disk 2").as_deref(), Some("ok"));
    let power = ipmitool::field(&ipmitool::run(sim.port, &["chassis", "status"]), "System Power");
    assert_eq!(state(&report, metric::OOB_DEVICE_POWER_STATE, ""), Some(power));
}

/// But for the chassis' type, the board's date and the product's version, which no metric has.
#[tokio::test]
async fn every_field_of_the_inventory_is_that_which_ipmitool_shows() {
    for (sim, count) in [(Some(Sim::start()), 11), (Sim::of_captures(), 9)] {
        let Some(sim) = sim else { continue };
        // The BMC was just started: it answers in full once a poll has.
        let (mut driver, mut report) = driver(&sim.target("test")).await;
        first_poll(&mut driver, &mut report).await;
        driver.close().await;
        let mut link = link(&sim.target("test")).await;
        let fru = inventory::read(&mut link).await.unwrap().unwrap();
        link.close().await;
        let shown = ipmitool::run(sim.port, &["fru", "print", "0"]);
        let fields = [
            ("Chassis Part Number", &fru.chassis.part_number),
            ("Chassis Serial", &fru.chassis.serial),
            ("Board Mfg", &fru.board.manufacturer),
            ("Board Product", &fru.board.name),
            ("Board Serial", &fru.board.serial),
            ("Board Part Number", &fru.board.part_number),
            ("Product Manufacturer", &fru.product.manufacturer),
            ("Product Name", &fru.product.name),
            ("Product Part Number", &fru.product.part_number),
            ("Product Serial", &fru.product.serial),
            ("Product Asset Tag", &fru.asset_tag),
        ];
        let mut compared = 0;
        for (key, found) in fields {
            let is_shown = shown.lines().any(|line| line.trim().starts_with(key));
            let expected = if is_shown { ipmitool::field(&shown, key) } else { String::new() };
            assert_eq!(*found, expected, "{key}: {shown}");
            compared += usize::from(is_shown);
        }
        assert_eq!((compared, fru.broken), (count, vec![]), "{shown}");
    }
}

#[tokio::test]
async fn identity_and_firmware_are_those_that_ipmitool_shows() {
    let sim = Sim::start();
    let (mut driver, mut report) = driver(&sim.target("test")).await;
    let report = first_poll(&mut driver, &mut report).await;
    driver.close().await;
    let fru = ipmitool::run(sim.port, &["fru", "print", "0"]);
    let info = report.samples.iter().find(|sample| sample.series.metric == metric::OOB_DEVICE_INFO).unwrap();
    for (label, key) in [
        (Label::Vendor, "Product Manufacturer"),
        (Label::Model, "Product Name"),
        (Label::Serial, "Product Serial"),
        (Label::AssetTag, "Product Asset Tag"),
    ] {
        let expected = format!("{}=\"{}\"", label.prometheus(), ipmitool::field(&fru, key));
        assert!(info.series.own_text().contains(&expected), "{expected}: {info:?}");
    }
    let firmware = ipmitool::field(&ipmitool::run(sim.port, &["mc", "info"]), "Firmware Revision");
    assert_eq!(value(&report, metric::OOB_FIRMWARE_INFO, &[(Label::Version, &firmware)]), Some(1.0));
}

fn events(report: &PollReport) -> [f64; 3] {
    ["ok", "warning", "critical"]
        .map(|severity| value(report, metric::OOB_EVENT_LOG_EVENTS, &[(Label::Severity, severity)]).unwrap())
}

#[tokio::test]
async fn new_log_entries_are_counted_as_ipmitool_lists_them_and_a_cleared_log_begins_anew() {
    let sim = Sim::start();
    let folder = tempfile::tempdir().unwrap();
    let entries = folder.path().join("events");
    let add = |lines: &str| {
        std::fs::write(&entries, lines).unwrap();
        ipmitool::run(sim.port, &["sel", "add", entries.to_str().unwrap()]);
    };
    let listed = || ipmitool::field(&ipmitool::run(sim.port, &["sel", "info"]), "Entries");
    // Format, sensor type, sensor, event type, data: a temperature over its critical limit.
    add("0x04 0x01 0x30 0x01 0x59 0x2c 0x2a\n");
    let (mut driver, mut report) = driver(&sim.target("test")).await;
    let first = first_poll(&mut driver, &mut report).await;
    assert_eq!((listed().as_str(), events(&first)), ("1", [0.0, 0.0, 0.0]), "what was there is no news");
    // The end of that; a drive that will fail; a supply without input; a fan below its warning limit.
    add("0x04 0x01 0x30 0x81 0x59 0x2c 0x2a\n0x04 0x0d 0x31 0x6f 0xf2 0xff 0xff\n\
         0x04 0x08 0x32 0x6f 0x03 0xff 0xff\n0x04 0x04 0x33 0x01 0x50 0x05 0x06\n");
    let second = poll(&mut driver, &mut report).await.unwrap();
    assert_eq!((listed().as_str(), events(&second)), ("5", [1.0, 2.0, 1.0]));
    assert_eq!(events(&poll(&mut driver, &mut report).await.unwrap()), [1.0, 2.0, 1.0]);
    ipmitool::run(sim.port, &["sel", "clear"]);
    add("0x04 0x08 0x32 0x6f 0x01 0xff 0xff\n");
    let third = poll(&mut driver, &mut report).await.unwrap();
    assert_eq!((listed().as_str(), events(&third)), ("1", [1.0, 2.0, 2.0]));
    driver.close().await;
}

#[tokio::test]
async fn a_session_that_a_reset_has_ended_is_replaced_in_the_same_poll() {
    let mut sim = Sim::start();
    let (mut driver, mut report) = driver(&sim.target("test")).await;
    let before = first_poll(&mut driver, &mut report).await;
    sim.restart();
    let after = first_poll(&mut driver, &mut report).await;
    assert_eq!(after.samples.len(), before.samples.len());
    driver.close().await;
}

#[tokio::test]
async fn a_wrong_password_is_tried_three_times_and_no_more() {
    let sim = Sim::start();
    let (mut good, mut report) = driver(&sim.target("test")).await;
    first_poll(&mut good, &mut report).await;
    good.close().await;
    let (mut driver, mut report) = driver(&sim.target("wrong")).await;
    let mut details = Vec::new();
    for _ in 0..5 {
        let error = poll(&mut driver, &mut report).await.unwrap_err();
        assert_eq!(error.reason, Reason::Auth, "{error}");
        details.push(error.detail);
    }
    let tried = details.iter().filter(|detail| detail.contains("the password is wrong")).count();
    assert_eq!(tried, 3, "{details:?}");
    assert!(details[4].contains("3 logins were refused"), "{details:?}");
}
