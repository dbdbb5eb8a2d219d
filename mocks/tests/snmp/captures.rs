//! Recordings of real devices, when their folder is there: `LIGHTSOUT_CAPTURES`, or `shared/captures` beside
//! the repository.

use std::path::PathBuf;
use std::sync::Arc;

use mocks::snmp::{Agent, AgentOptions, Recording};

use crate::netsnmp::run;

/// The recordings, or `None` and a remark.
fn captures() -> Option<Vec<PathBuf>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/captures");
    let folder = std::env::var_os("LIGHTSOUT_CAPTURES").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let Ok(entries) = folder.join("snmp").read_dir() else {
        println!("left out: no recordings of real devices in {}", folder.display());
        return None;
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "snmprec"));
    paths.sort();
    assert!(!paths.is_empty(), "{} holds no recordings", folder.display());
    Some(paths)
}

/// A line as net-snmp prints it, read from the file without the agent's parser.
fn printed(line: &str) -> (Vec<u32>, String) {
    let mut fields = line.trim_end_matches('\r').splitn(3, '|');
    let (oid, tag, value) = (fields.next().unwrap(), fields.next().unwrap(), fields.next().unwrap());
    let arcs: Vec<u32> = oid.trim_start_matches('.').split('.').map(|arc| arc.parse().unwrap()).collect();
    let pairs = |digits: &str| {
        digits
            .as_bytes()
            .chunks(2)
            .map(|pair| String::from_utf8_lossy(pair).to_uppercase())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let hex: String = match tag {
        "4x" => pairs(value),
        _ => value.bytes().map(|octet| format!("{octet:02X}")).collect::<Vec<_>>().join(" "),
    };
    let shown = match tag {
        "2" => format!("INTEGER: {value}"),
        "4" | "4x" if hex.is_empty() => "\"\"".to_owned(),
        "4" | "4x" => format!("Hex-STRING: {hex}"),
        "6" => format!("OID: .{}", value.trim_start_matches('.')),
        "64" => format!("IpAddress: {value}"),
        "65" => format!("Counter32: {value}"),
        "66" => format!("Gauge32: {value}"),
        "67" => value.to_owned(),
        "70" => format!("Counter64: {value}"),
        other => panic!("type {other} of {line}"),
    };
    (arcs, format!(".{} = {shown}", oid.trim_start_matches('.')))
}

#[test]
fn every_recording_loads() {
    let Some(paths) = captures() else { return };
    for path in paths {
        let text = std::fs::read(&path).unwrap();
        let rows = text.split(|octet| *octet == b'\n').filter(|line| !line.is_empty()).count();
        let recording = Recording::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(recording.rows().len(), rows, "{}", path.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_yields_the_file() {
    let Some(paths) = captures() else { return };
    let wanted = ["raritan-pdu_px3.snmprec", "arista_eos.snmprec", "apc_ap8959eu3.snmprec"];
    let mut walked = 0;
    for path in paths.iter().filter(|path| wanted.iter().any(|name| path.ends_with(name))) {
        let text = std::fs::read(path).unwrap();
        let mut expected: Vec<_> = String::from_utf8(text.clone()).unwrap().lines().map(printed).collect();
        expected.sort();
        let recording = Arc::new(Recording::parse(&text).unwrap());
        let agent = Agent::bind("127.0.0.1:0".parse().unwrap(), recording, AgentOptions::default()).unwrap();
        let mut rows = run("snmpbulkwalk", "-v2c -c any -Cr50", agent.local_addr(), &[".1"]).await.good();
        assert!(rows.pop().unwrap().contains("No more variables left"));
        let expected: Vec<String> = expected.into_iter().map(|(_, row)| row).collect();
        for (row, expected) in rows.iter().zip(&expected) {
            assert_eq!(row, expected, "{}", path.display());
        }
        assert_eq!(rows.len(), expected.len(), "{}", path.display());
        walked += 1;
    }
    assert!(walked >= 2, "only {walked} of {wanted:?} are there");
}
