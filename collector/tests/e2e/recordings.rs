//! `lightsout record`: what it writes is read again as the device was.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use mocks::redfish::{self, Tree};
use mocks::snmp::{Agent, AgentOptions, Recording};
use serde_json::Value;

use super::support::{COMMUNITY, Process, root, run};

/// An agent that serves the text of a recording, with nothing in it that moves.
fn agent(text: &str) -> Agent {
    let still: String =
        text.lines().filter(|line| !line.starts_with("#live")).flat_map(|line| [line, "\n"]).collect();
    let recording = Arc::new(Recording::parse(still.as_bytes()).unwrap());
    let options = AgentOptions { communities: Some(vec![COMMUNITY.into()]), ..AgentOptions::default() };
    Agent::bind(SocketAddr::from(([127, 0, 0, 1], 0)), recording, options).unwrap()
}

async fn record(url: &str, output: &Path) {
    let ended = run(["record", url, "--community", COMMUNITY, "--output", output.to_str().unwrap()]).await;
    ended.assert_clean();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

/// What `probe` says of each reading: metric, identity and value, without what scrubbing replaces.
async fn probe(url: &str) -> BTreeSet<String> {
    let ended = run(["probe", url, "--community", COMMUNITY, "--output", "json"]).await;
    ended.assert_clean();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let outcome: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(outcome["up"], true);
    let samples = outcome["samples"].as_array().unwrap().iter();
    let samples = samples.filter(|sample| sample["metric"] != "oob.clock.offset");
    samples
        .map(|sample| format!("{} {} {}", sample["metric"], sample["labels"]["hw_id"], sample["value"]))
        .collect()
}

#[tokio::test]
async fn a_recorded_snmp_device_is_probed_as_the_device_was() {
    for name in ["rack-pdu", "ups", "switch", "pole-sensor"] {
        let text = std::fs::read_to_string(root().join(format!("mocks/recordings/{name}.snmprec"))).unwrap();
        let device = agent(&text);
        let url = format!("snmp://{}", device.local_addr());
        let folder = tempfile::tempdir().unwrap();
        let recorded = folder.path().join("device.snmprec");
        record(&url, &recorded).await;
        let copy = agent(&std::fs::read_to_string(&recorded).unwrap());
        let (original, again) = (probe(&url).await, probe(&format!("snmp://{}", copy.local_addr())).await);
        assert!(original.len() > 1, "{name}: {original:?}");
        assert_eq!(original, again, "{name}");
        assert_walked_alike(&recorded, copy.local_addr()).await;
    }
}

/// net-snmp walks as many instances as were recorded.
async fn assert_walked_alike(recording: &Path, address: SocketAddr) {
    let text = std::fs::read_to_string(recording).unwrap();
    let recorded = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
    let mut walk = Command::new("snmpbulkwalk");
    walk.args(["-v2c", "-c", COMMUNITY, "-One", &address.to_string(), ".1"]).env("MIBS", "");
    let ended = Process::start(&mut walk, "snmpbulkwalk (Debian: apt install snmp)").end().await;
    let walked =
        ended.stdout.lines().filter(|line| line.starts_with(".1.") && !line.contains("No more variables"));
    assert_eq!(walked.count(), recorded, "{}", recording.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_redfish_device_is_probed_as_the_device_was() {
    let serve = |tree| redfish::Server::start(Arc::new(tree), redfish::Options::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let first = folder.path().join("first");
    record(&serve(Tree::server().unwrap()).url(), &first).await;
    // The first recording stands still; it is the device here.
    let device = serve(Tree::load(&first).unwrap());
    let second = folder.path().join("second");
    record(&device.url(), &second).await;
    let copy = serve(Tree::load(&second).unwrap());
    let (original, again) = (probe(&device.url()).await, probe(&copy.url()).await);
    assert!(original.len() > 100, "{original:?}");
    assert_eq!(original, again);
}
