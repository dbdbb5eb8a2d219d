//! A machine whose firmware changes: what is counted, told and kept, in and out of a maintenance window.

use std::sync::Arc;

use mocks::redfish::{Account, Fault, Kind, Options, QuerySupport, Server, Tree};
use serde_json::{Value, json};

use super::support::{Folder, PASSWORD, Program, USER, redfish_target, run, wait_for};

const COMPLIANCE: &str = "oob_firmware_compliance";
const CHANGES: &str = "oob_firmware_changes_total";
const WANTED: &str = "components: [{vendor: Exemplar, component: BMC firmware, exact: 3.10.2}]\n";

/// The built-in server; its members are read one by one, so that one document can be changed.
fn bmc() -> Server {
    let account = Some(Account { user: USER.into(), password: PASSWORD.into() });
    let options = Options { account, query: QuerySupport::Ignored, ..Options::default() };
    Server::start(Arc::new(Tree::server().unwrap()), options).unwrap()
}

fn install(server: &Server, version: &str) {
    let change = Kind::Set { pointer: "/Version".into(), value: json!(version) };
    server.set_faults(vec![Fault::new(change).at("/redfish/v1/UpdateService/FirmwareInventory/BMC")]);
}

/// A folder whose targets read their inventory with every poll.
fn folder(server: &Server, baseline: &str) -> Folder {
    let folder = Folder::new(&format!("targets:\n{}", redfish_target("bmc", server.address())));
    let text = std::fs::read_to_string(folder.config()).unwrap();
    let often = text.replace("interval: 2s,", "interval: 2s, inventory_interval: 2s,");
    folder.write("firmware.yml", baseline);
    folder.write("lightsout.yml", &format!("firmware: {{baseline: firmware.yml}}\n{often}"));
    folder
}

/// Waits until the BMC's own image is counted and judged so.
async fn until(program: &Program, state: &str, changes: [Option<f64>; 2]) {
    let image =
        |label: &str, series: &str| series.contains(r#"component="BMC firmware""#) && series.contains(label);
    wait_for(&format!("{state}, {changes:?} changes"), async || {
        let judged = program.metric(COMPLIANCE).await;
        let counted = program.metric(CHANGES).await;
        let count = |authorized: &str| {
            let label = format!("authorized=\"{authorized}\"");
            counted.iter().find(|(series, _)| image(&label, series)).map(|(_, value)| *value)
        };
        let state = format!("state=\"{state}\"");
        let holds = judged.iter().any(|(series, value)| image(&state, series) && *value == 1.0);
        (holds && [count("false"), count("true")] == changes).then_some(())
    })
    .await;
}

/// The events of the log that tell of changes.
fn events(program: &Program) -> Vec<Value> {
    let log = program.process.stderr();
    let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.filter(|event| event["message"] == "firmware has changed").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_counted_told_and_seen_across_a_restart() {
    let server = bmc();
    let folder = folder(&server, WANTED);
    let program = Program::run(&folder).await;
    until(&program, "compliant", [Some(0.0), None]).await;
    install(&server, "3.11.0");
    until(&program, "drifted", [Some(1.0), None]).await;
    let info = program.metric("oob_firmware_info").await;
    let both = r#"version="3.11.0",baseline_version="3.10.2""#;
    assert!(info.iter().any(|(series, _)| series.contains(both)), "{info:?}");
    let told = events(&program);
    assert_eq!(told.len(), 1, "{told:?}");
    let expected = [("target", "bmc"), ("component", "BMC firmware"), ("old", "3.10.2"), ("new", "3.11.0")];
    for (field, value) in expected {
        assert_eq!(told[0][field], value, "{told:?}");
    }
    assert_eq!((&told[0]["authorized"], &told[0]["level"]), (&json!(false), &json!("WARN")));
    assert_eq!(program.terminate().await.code, Some(0));

    install(&server, "3.9.0");
    let program = Program::run(&folder).await;
    until(&program, "drifted", [Some(1.0), None]).await;
    let told = events(&program);
    assert_eq!((&told[0]["old"], &told[0]["new"]), (&json!("3.11.0"), &json!("3.9.0")));
    assert_eq!(program.terminate().await.code, Some(0));
    shows(&folder).await;
}

/// What the commands say of the fleet that was left behind.
async fn shows(folder: &Folder) {
    let config = folder.config();
    let report = run(["firmware", "report", "--config", &config]).await;
    let line = report.stdout.lines().find(|line| line.contains("BMC firmware")).unwrap().to_owned();
    for words in ["bmc ", " 3.9.0 ", " 3.10.2 ", " drifted ", " from 3.11.0, unauthorized"] {
        assert!(line.contains(words), "{words:?} is not in {line}");
    }
    let report = run(["firmware", "report", "--format", "json", "--config", &config]).await;
    let rows: Value = serde_json::from_str(&report.stdout).unwrap();
    let row = rows.as_array().unwrap().iter().find(|row| row["component"] == "BMC firmware").unwrap();
    assert_eq!((&row["state"], &row["vendor"]), (&json!("drifted"), &json!("Exemplar")));
    let output = folder.path("drafted.yml").display().to_string();
    let arguments = ["firmware", "baseline", "--from-fleet", "--config", &config, "--output", &output];
    assert_eq!(run(arguments).await.code, Some(0));
    assert_eq!(run(arguments).await.code, Some(1), "a file is not written over");
    folder.write("firmware.yml", &std::fs::read_to_string(&output).unwrap());
    let report = run(["firmware", "report", "--config", &config]).await;
    assert!(report.stdout.ends_with(" components, 0 drifted, 0 unknown\n"), "{}", report.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_a_window_is_authorised_and_a_bad_baseline_changes_nothing() {
    let server = bmc();
    let window = "windows: [{start: 2020-01-01T00:00:00Z, end: 2100-01-01T00:00:00Z}]\n";
    let folder = folder(&server, &format!("{window}{WANTED}"));
    let program = Program::run(&folder).await;
    until(&program, "compliant", [Some(0.0), Some(0.0)]).await;
    install(&server, "3.11.0");
    until(&program, "drifted", [Some(0.0), Some(1.0)]).await;
    assert_eq!(events(&program)[0]["authorized"], json!(true));

    folder.write("firmware.yml", &WANTED.replace("exact", "exactly"));
    wait_for("the bad baseline to be told", async || {
        let log = program.process.stderr();
        let told = log.lines().find(|line| line.contains("firmware baseline refused"))?.to_owned();
        assert!(told.contains("firmware.yml:1:58: components[0].exactly"), "{told}");
        Some(())
    })
    .await;
    until(&program, "drifted", [Some(0.0), Some(1.0)]).await;
    let check = run(["check", "--config", &folder.config()]).await;
    assert_eq!(check.code, Some(2), "{check:?}");
    assert!(check.stderr.contains("firmware.yml:1:58: components[0].exactly: unknown key"), "{check:?}");

    folder.write("firmware.yml", &WANTED.replace("3.10.2", "3.11.0"));
    until(&program, "compliant", [Some(0.0), Some(1.0)]).await;
    assert_eq!(program.terminate().await.code, Some(0));
}
