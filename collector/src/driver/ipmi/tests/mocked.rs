//! Whole polls of this project's mock BMC, which shares no code with the driver, with the faults of the field:
//! what is wrong does not cost what is right.

use std::sync::Arc;
use std::time::Duration;

use mocks::ipmi::{Agent, Bmc, BmcOptions, Event, Fault, FaultRule, Privilege, User};
use model::{Label, Metric, PollReport, Reason, metric};
use serde_json::Value;

use super::polls::{driver, poll, state, value};
use crate::config::{ad_hoc, parse_address};
use crate::driver::Driver;
use crate::target::{Credentials, Protocol, Target};

/// What the mock's server has.
const SERVER: &str = include_str!("../../../../../mocks/bmcs/server.json");

fn agent(max_sdr_read: u8) -> (Agent, Arc<Target>) {
    let users = vec![User::new("monitor", "secret", Privilege::User).unwrap()];
    let options = BmcOptions { users, max_sdr_read, ..BmcOptions::default() };
    let agent = Agent::bind("127.0.0.1:0".parse().unwrap(), Bmc::server().unwrap(), options).unwrap();
    let address = parse_address(&agent.local_addr().to_string(), 623).unwrap();
    let credentials = Credentials::Password { user: "monitor".into(), password: "secret".into() };
    let target = ad_hoc("bmc-1", Protocol::Ipmi, address, Some(credentials));
    let (interval, timeout) = (Duration::from_secs(30), Duration::from_secs(2));
    let budget = crate::target::Budget { rate: 1e6, ..target.budget };
    (agent, Arc::new(Target { interval, timeout, budget, ..target }))
}

/// A poll of a BMC with these faults from the start.
async fn with(faults: Vec<FaultRule>) -> PollReport {
    let (agent, target) = agent(u8::MAX);
    agent.set_faults(faults);
    let (mut driver, mut report) = driver(&target).await;
    let report = poll(&mut driver, &mut report).await.unwrap();
    driver.close().await;
    report
}

fn id(report: &PollReport, metric: Metric, name: &str) -> Option<f64> {
    value(report, metric, &[(Label::HwId, name)])
}

/// Names of all series, without values, which drift.
fn names(report: &PollReport) -> Vec<String> {
    let name = |sample: &model::Sample| {
        format!("{} {}", sample.series.metric.definition().prometheus, sample.series.own_text())
    };
    let mut names: Vec<String> = report.samples.iter().map(name).collect();
    names.sort();
    names
}

#[tokio::test]
async fn every_analogue_sensor_of_the_server_has_its_value_or_is_absent() {
    let report = with(vec![]).await;
    assert_eq!(report.faults, []);
    let server: Value = serde_json::from_str(SERVER).unwrap();
    let mut compared = [0; 2];
    for sensor in server["sensors"].as_array().unwrap() {
        let (name, analogue) = (sensor["name"].as_str().unwrap(), &sensor["reading"]["analog"]);
        let metric = match (analogue["unit"].as_u64(), name) {
            (Some(1), _) => metric::HW_TEMPERATURE,
            (Some(4), _) => metric::HW_VOLTAGE,
            (Some(5), _) => metric::OOB_CURRENT,
            (Some(18), _) => metric::HW_FAN_SPEED,
            (Some(6), "PS1 Input Power" | "PS2 Input Power") => metric::OOB_CIRCUIT_POWER,
            (Some(6), _) => metric::HW_POWER,
            _ => continue,
        };
        let name = match name {
            "PS1 Input Power" => "power_supply 1",
            "PS2 Input Power" => "power_supply 2",
            name => name,
        };
        let found = id(&report, metric, name);
        if sensor.get("condition").is_some() {
            assert_eq!(found, None, "{name} cannot be read: absent, not zero");
            compared[1] += 1;
            continue;
        }
        let (expected, drift) =
            (analogue["value"].as_f64().unwrap(), analogue["drift"].as_f64().unwrap_or(0.0));
        // Half a step of the raw number beside the drift; the steps of fans are 60 rpm.
        let slack = drift
            + 0.51 * if metric == metric::HW_FAN_SPEED { 60.0 } else { 4.0_f64.min(expected.abs() / 40.0) };
        assert!((found.unwrap() - expected).abs() <= slack, "{name}: {found:?}, it has {expected}");
        compared[0] += 1;
    }
    assert_eq!(compared, [47, 3]);
    // Square, square root and logarithm tell the mock's numbers without drift.
    assert_eq!(id(&report, metric::HW_POWER, "Lin Square"), Some(400.0));
    assert_eq!(id(&report, metric::HW_POWER, "Lin Sqrt"), Some(12.0));
    assert_eq!(id(&report, metric::HW_POWER, "Lin Exp10"), Some(1000.0));
    assert_eq!(id(&report, metric::HW_POWER, "Airflow"), Some(148.0), "non-linear: by its reading factors");
}

#[tokio::test]
async fn states_of_parts_are_those_of_the_server() {
    let report = with(vec![]).await;
    let status = |name| state(&report, metric::HW_STATUS, name);
    assert_eq!(status("power_supply 1").as_deref(), Some("ok"));
    assert_eq!(status("power_supply 2").as_deref(), Some("failed"), "input lost");
    assert_eq!(status("processor 1").as_deref(), Some("ok"));
    assert_eq!(status("disk 3").as_deref(), Some("failed"));
    assert_eq!(status("memory_device 33").as_deref(), Some("ok"));
    assert_eq!(status("Watchdog").as_deref(), Some("ok"));
    assert_eq!(status("Fan 1A").as_deref(), Some("ok"));
    assert_eq!(status("chassis").as_deref(), Some("ok"));
    assert_eq!(status("Cable"), None, "unavailable");
    assert_eq!(state(&report, metric::OOB_REDUNDANCY_STATE, "PS Redundancy").as_deref(), Some("lost"));
    assert_eq!(state(&report, metric::OOB_REDUNDANCY_STATE, "Fan Redundancy").as_deref(), Some("full"));
    assert_eq!(id(&report, metric::OOB_CONTACT_OPEN, "Intrusion"), Some(0.0));
    assert_eq!(state(&report, metric::OOB_DEVICE_POWER_STATE, "").as_deref(), Some("on"));
    // Named as its locator, not as its sensor.
    let supply = [(Label::HwId, "power_supply 1"), (Label::HwName, "PSU 1")];
    assert!(value(&report, metric::OOB_CIRCUIT_POWER, &supply).is_some());
    let host = id(&report, metric::HW_HOST_POWER, "host").unwrap();
    assert!((host - 372.0).abs() <= 25.5, "{host}");
    let ambient = id(&report, metric::HW_HOST_AMBIENT_TEMPERATURE, "Inlet Temp").unwrap();
    assert!((ambient - 23.0).abs() <= 2.0, "{ambient}");
    // DIMM A1 to B4 are far from their limits; CPUs at 53 of 90, M.2 not there: PCH at 47 of 85, inlet at 23 of 42.
    let margin = value(&report, metric::HW_HOST_HEATING_MARGIN, &[]).unwrap();
    assert!((margin - 19.0).abs() <= 2.0, "{margin}");
}

#[tokio::test]
async fn quirk_c3_on_the_last_sdr_and_wrong_sdr_counts_cost_nothing() {
    let whole = names(&with(vec![]).await);
    for faults in [
        vec![Fault::LastSdrTimeout.into()],
        vec![Fault::WrongSdrCount { off: 7 }.into()],
        vec![Fault::WrongSdrCount { off: -60 }.into()],
    ] {
        let name = format!("{faults:?}");
        let report = with(faults).await;
        assert_eq!((names(&report), report.faults), (whole.clone(), vec![]), "{name}");
    }
    // With both, whether more than the last one is missing is not known: that is told.
    let report = with(vec![Fault::LastSdrTimeout.into(), Fault::WrongSdrCount { off: 1 }.into()]).await;
    assert_eq!(names(&report), whole);
    assert_eq!(report.fault_counts, [(Reason::Busy, 1)]);
}

#[tokio::test]
async fn quirk_no_dcmi_costs_the_host_power_only() {
    let (whole, report) = (names(&with(vec![]).await), with(vec![Fault::NoDcmi.into()]).await);
    let without: Vec<String> = whole.into_iter().filter(|name| !name.starts_with("hw_host_power")).collect();
    // Processors and the inlet have sensors of their own, so that DCMI's temperatures are not told anyway.
    assert_eq!((names(&report), report.faults), (without, vec![]));
}

#[tokio::test]
async fn quirk_garbage_values_stay_plausible_and_pass_with_the_fault() {
    let (agent, target) = agent(u8::MAX);
    agent.set_faults(vec![Fault::GarbageReadings.into()]);
    let (mut driver, mut report) = driver(&target).await;
    let garbage = poll(&mut driver, &mut report).await.unwrap();
    for sample in &garbage.samples {
        let (low, high) = sample.series.metric.definition().range;
        assert!((low..=high).contains(&sample.value), "{sample:?}");
    }
    assert_eq!(state(&garbage, metric::HW_STATUS, "disk 3").as_deref(), Some("failed"));
    agent.set_faults(vec![]);
    let after = poll(&mut driver, &mut report).await.unwrap();
    assert_eq!(id(&after, metric::HW_VOLTAGE, "M12V"), Some(-12.0));
    driver.close().await;
}

#[tokio::test]
async fn garbage_names_are_tamed_and_stay_apart() {
    let (whole, report) = (with(vec![]).await, with(vec![Fault::GarbageNames.into()]).await);
    assert_eq!(report.faults, []);
    let temperatures = |report: &PollReport| {
        let own = |sample: &&model::Sample| sample.series.metric == metric::HW_TEMPERATURE;
        report.samples.iter().filter(own).count()
    };
    assert_eq!(temperatures(&report), temperatures(&whole));
    assert!(names(&report).iter().all(|name| !name.chars().any(char::is_control)));
}

#[tokio::test]
async fn records_are_read_in_parts_under_a_new_reservation_and_once() {
    let whole = names(&with(vec![]).await);
    let (agent, target) = agent(9);
    let cancelled = FaultRule { times: Some(3), ..Fault::CompletionCode { code: 0xc5 }.on(0x0a, 0x23) };
    agent.set_faults(vec![cancelled]);
    let (mut driver, mut report) = driver(&target).await;
    let first = poll(&mut driver, &mut report).await.unwrap();
    assert_eq!((names(&first), first.faults), (whole.clone(), vec![]));
    let reads = agent.stats().sdr_reads;
    let second = poll(&mut driver, &mut report).await.unwrap();
    assert_eq!((names(&second), agent.stats().sdr_reads), (whole, reads));
    driver.close().await;
}

#[tokio::test]
async fn one_refused_command_costs_its_own_readings() {
    let whole = names(&with(vec![]).await).len();
    for (netfn, command, code, reason) in [
        (0x00, 0x01, 0xd4, Reason::Refused),
        (0x0a, 0x20, 0xc0, Reason::Busy),
        (0x0a, 0x40, 0xff, Reason::Refused),
    ] {
        let report = with(vec![Fault::CompletionCode { code }.on(netfn, command)]).await;
        assert_eq!(report.fault_counts, [(reason, 1)], "{netfn:#x} {command:#x}");
        let count = report.samples.len();
        assert!((5..whole).contains(&count), "{netfn:#x} {command:#x}: {count} of {whole}");
    }
    // No such command, no inventory, no such sensor state: that is how these BMCs are, and no fault.
    for (netfn, command, code) in
        [(0x0a, 0x40, 0xc1), (0x0a, 0x10, 0xcb), (0x04, 0x2d, 0xcd), (0x04, 0x27, 0xcd)]
    {
        let report = with(vec![Fault::CompletionCode { code }.on(netfn, command)]).await;
        let count = report.samples.len();
        assert_eq!(report.faults, [], "{netfn:#x} {command:#x}");
        assert!((5..=whole).contains(&count), "{netfn:#x} {command:#x}: {count} of {whole}");
    }
}

#[tokio::test]
async fn new_events_are_counted_by_severity() {
    let (agent, target) = agent(u8::MAX);
    let (mut driver, mut report) = driver(&target).await;
    let count = |report: &PollReport, severity| {
        value(report, metric::OOB_EVENT_LOG_EVENTS, &[(Label::Severity, severity)]).unwrap()
    };
    let first = poll(&mut driver, &mut report).await.unwrap();
    assert_eq!(count(&first, "critical"), 0.0, "four entries were there before");
    let event =
        Event { at: 1, sensor: 60, kind: 13, event_type: 0x6f, deasserted: false, data: [1, 255, 255] };
    agent.log(event.clone());
    agent.log(Event { data: [2, 255, 255], at: 2, ..event.clone() });
    agent.log(Event { deasserted: true, at: 3, ..event.clone() });
    agent.log(Event { kind: 0xc5, at: 4, ..event });
    let second = poll(&mut driver, &mut report).await.unwrap();
    let counts = ["ok", "warning", "critical"].map(|severity| count(&second, severity));
    assert_eq!((counts, second.rejections), ([1.0, 1.0, 1.0], vec![(model::Rejection::Parse, 1)]));
    driver.close().await;
}
