//! The recordings that come with the crate.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mocks::snmp::{Agent, AgentOptions, Moment, Recording, Value};

use crate::netsnmp::run;

/// File, sysObjectID, and an object that must be in it.
const RECORDINGS: [(&str, &str, &str); 4] = [
    ("rack-pdu.snmprec", "1.3.6.1.4.1.318.1.3.4.6", "1.3.6.1.4.1.318.1.1.26.10.2.2.1.8.2"),
    ("ups.snmprec", "1.3.6.1.2.1.33", "1.3.6.1.2.1.33.1.4.4.1.5.3"),
    ("switch.snmprec", "1.3.6.1.4.1.32473.3.1", "1.3.6.1.2.1.99.1.1.1.4.503"),
    ("pole-sensor.snmprec", "1.3.6.1.4.1.21239.42.1.53", "1.3.6.1.4.1.21239.5.2.13.1.9.1"),
];

fn load(name: &str) -> Recording {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings").join(name);
    let text = std::fs::read(path).unwrap();
    Recording::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_walked_to_its_end() {
    for (name, object_id, object) in RECORDINGS {
        let recording = Arc::new(load(name));
        let rows = recording.rows().len();
        let agent = Agent::bind("127.0.0.1:0".parse().unwrap(), recording, AgentOptions::default()).unwrap();
        let names = ["1.3.6.1.2.1.1.2.0", object];
        let values = run("snmpget", "-v2c -c any", agent.local_addr(), &names).await.good();
        assert_eq!(values[0], format!(".1.3.6.1.2.1.1.2.0 = OID: .{object_id}"));
        assert!(values[1].contains("INTEGER: "), "{name}: {}", values[1]);
        let walked = run("snmpbulkwalk", "-v2c -c any", agent.local_addr(), &[".1"]).await.good();
        assert_eq!(walked.len(), rows + 1, "{name}: all rows and the end");
    }
}

/// The UPS loses its input for one minute in twenty, and all it says of that agrees.
#[test]
fn the_ups_runs_on_its_battery_now_and_then() {
    let recording = load("ups.snmprec");
    let read = |name: &str, seconds: u64| -> i64 {
        let row = recording.get(&name.parse().unwrap()).unwrap();
        let moment = Moment { seed: 1, elapsed: Duration::from_secs(seconds) };
        match recording.rule(row).unwrap().apply(&row.oid, &row.value, moment).into_owned() {
            Value::Integer(number) => number,
            Value::Gauge32(number) => number.into(),
            other => panic!("{name} is {other:?}"),
        }
    };
    let on_battery = |second: &u64| read("1.3.6.1.2.1.33.1.4.1.0", *second) == 5;
    let seconds: Vec<u64> = (0..1_200).filter(on_battery).collect();
    assert_eq!(seconds.len(), 60);
    for second in 0..1_200 {
        let lost = seconds.contains(&second);
        assert_eq!(read("1.3.6.1.2.1.33.1.3.3.1.3.2", second) == 0, lost, "input voltage at {second}");
        assert_eq!(read("1.3.6.1.2.1.33.1.6.1.0", second), i64::from(lost), "alarms at {second}");
        assert_eq!(read("1.3.6.1.2.1.33.1.2.2.0", second) > 0, lost, "seconds on battery at {second}");
    }
}
