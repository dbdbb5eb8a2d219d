//! The profile format: its documentation is tested, and each kind of mistake is named with its place.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may end here")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use collector::profile::{ProfileError, Profiles, recording};
use model::{Device, PollReport, ReportBuilder};

/// Evaluates one profile on a recording, beside the built-in ones.
fn evaluate(profile: &str, rows: &str) -> PollReport {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("own.yaml"), profile).unwrap();
    let mut profiles = Profiles::builtin().unwrap();
    profiles.load_dir(folder.path()).unwrap_or_else(|error| panic!("{error}"));
    let (objects, mistakes) = recording::parse(rows);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    let mut report = ReportBuilder::new(Arc::new(Device {
        name: "device".into(),
        site: String::new(),
        rack: String::new(),
        device_type: String::new(),
        description: Default::default(),
    }));
    profiles.select_for(&objects).evaluate(&objects, &mut report);
    report.finish(0, Duration::ZERO, None)
}

/// Samples as lines; of state sets the states that hold.
fn lines(report: &PollReport) -> Vec<String> {
    let holds = |sample: &&model::Sample| !sample.series.own_text().contains("state=") || sample.value == 1.0;
    let mut lines: Vec<_> = report
        .samples
        .iter()
        .filter(holds)
        .map(|sample| {
            let name = sample.series.metric.definition().otel;
            format!("{name} {} {}", sample.series.own_text().replace('"', ""), sample.value)
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn the_documented_example_reads_as_documented() {
    let readme =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/README.md")).unwrap();
    let example = readme.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let rows = "
1.3.6.1.2.1.1.1.0|4|Acme PDU MD:RX-24
1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.99999.1.7
1.3.6.1.4.1.99999.1.1.2.0|4|2.1
1.3.6.1.4.1.99999.1.1.3.0|2|1
1.3.6.1.4.1.99999.1.1.4.0|66|1
1.3.6.1.4.1.99999.1.1.5.0|66|4
1.3.6.1.4.1.99999.1.2.1.2.1|4|SN77
1.3.6.1.4.1.99999.1.3.1.3.1.1|4|Router
1.3.6.1.4.1.99999.1.3.1.4.1.1|2|1
1.3.6.1.4.1.99999.1.3.1.4.1.2|2|5
1.3.6.1.4.1.99999.1.3.1.4.1.3|2|0
1.3.6.1.4.1.99999.1.3.1.5.1.1|2|1234
1.3.6.1.4.1.99999.1.3.1.5.1.2|2|-1
1.3.6.1.4.1.99999.1.3.1.6.1.1|2|16000
1.3.6.1.4.1.99999.1.3.1.7.1.1|4x|10
1.3.6.1.4.1.99999.1.3.1.8.1.1|2|3
1.3.6.1.4.1.99999.1.4.1.2.5.6|2|770
";
    let report = evaluate(example, rows);
    let outlet1 = "hw_id=outlet1.1,hw_name=Router,hw_parent=pdu SN77,oob_circuit_type=outlet";
    let outlet2 = "hw_id=outlet1.2,hw_name=Outlet 2,hw_parent=pdu SN77,oob_circuit_type=outlet";
    // 2^32 + 4 Wh; 77.0 degrees Fahrenheit are 25 degrees Celsius; 0x10 is bit 3 counted from the highest.
    let expected = [
        "hw.temperature hw_id=temp5.6,hw_name=Probe 5.6 25".to_owned(),
        "oob.circuit.current ".to_owned() + outlet1 + " 1.234",
        "oob.circuit.current.limit ".to_owned() + outlet1 + ",hw_limit_type=high.critical 16",
        "oob.circuit.current.limit ".to_owned() + outlet1 + ",hw_limit_type=max 16",
        "oob.circuit.energy hw_id=inlet,hw_name=Inlet,oob_circuit_type=inlet 15461882280000".to_owned(),
        "oob.circuit.state ".to_owned() + outlet1 + ",state=on 1",
        "oob.circuit.state ".to_owned() + outlet2 + ",state=unknown 1",
        "oob.device.info vendor=Acme,model=RX-24,serial=SN77,protocol=snmp 1".to_owned(),
        "oob.firmware.info component=device,version=2.1 1".to_owned(),
    ];
    assert_eq!(lines(&report), expected);
    assert_eq!(report.rejections, [(model::Rejection::Na, 1)], "the current of -1 is no reading");
}

const HEAD: &str = "name: x\ndescription: x\nmatch: [{present: 1.3.6.1}]\n";

/// A profile with one table, `body` below it.
fn table(body: &str) -> String {
    format!("{HEAD}tables:\n  t:\n    entry: 1.3.6.1.9\n    index: [row]\n{body}")
}

fn mistakes(text: &str) -> String {
    match Profiles::from_texts([("x.yaml", text)]) {
        Err(ProfileError::Invalid { problems }) => problems.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("no mistake was found in\n{text}"),
    }
}

#[test]
fn each_mistake_is_named_with_its_place() {
    let columns = "    columns: {a: 1}\n    labels: {hw.id: \"{row}\"}\n";
    let reading = |reading: &str| table(&format!("{columns}    metrics:\n      - {reading}\n"));
    let cases = [
        (reading("{metric: hw.temp, value: a}"), 11, "no metric \"hw.temp\""),
        (reading("{metric: hw.temperature, value: b}"), 11, "no field \"b\" here; there are: a, row"),
        (
            reading("{metric: hw.temperature, value: a, unit: W}"),
            11,
            "write one of: celsius, fahrenheit, kelvin",
        ),
        (reading("{metric: hw.temperature, value: a, labels: {hw.idd: x}}"), 11, "no label \"hw.idd\""),
        (reading("{metric: hw.temperature, value: a, labels: {version: x}}"), 11, "takes no version"),
        (reading("{metric: hw.temperature, value: a, labels: {hw.name: \"{c}\"}}"), 11, "no field \"c\""),
        (reading("{metric: hw.temperature, value: a, labels: {hw.name: \"{a\"}}"), 11, "brace is not closed"),
        (reading("{metric: hw.temperature, value: a, limits: {max: a}, limit: 1}"), 11, "limit"),
        (reading("{metric: hw.temperature, value: a, limits: {top: a}}"), 11, "write one of low.critical"),
        (reading("{metric: oob.ups.load, value: a, limits: {max: a}}"), 11, "no limits for oob.ups.load"),
        (
            reading("{metric: hw.temperature, value: a, where: {a: {regex: '('}}}"),
            11,
            "not a regular expression",
        ),
        (reading("{metric: oob.circuit.state, value: a}"), 11, "is a state set: write states"),
        (reading("{metric: oob.circuit.state, value: a, states: {1: sideways}}"), 11, "write one of on, off"),
        (
            reading("{metric: oob.circuit.state, value: a, states: {1: on}, scale: 2}"),
            11,
            "a state has no scale",
        ),
        (reading("{metric: hw.temperature, value: a, states: {1: on}}"), 11, "is no state set"),
        (reading("{metric: hw.temperature}"), 11, "says no value"),
        (
            table("    columns: {a: 1}\n    metrics:\n      - {metric: hw.temperature, value: a}\n"),
            10,
            "need the label hw.id",
        ),
        (table(columns), 8, "nothing reads this"),
        (table("    columns: {a: 1}\n    unique_ids: true\n"), 9, "gives its rows no hw.id"),
        (table("    columns: {a: 1.x}\n"), 8, "no object identifier"),
        (table("    columns: {a: {from: b}, b: {from: a}}\n"), 8, "leads back to itself"),
        (table("    columns: {a: {oid: 1, from: row}}\n"), 8, "write either oid or from"),
        (table("    columns: {row: 1}\n"), 8, "part of the index already"),
        (
            table("    columns: {a: 1}\n    join: {j: {table: u, index: [row]}}\n"),
            9,
            "there is no table \"u\"",
        ),
        (format!("{HEAD}replaces: [nobody]\n"), 4, "there is no profile or table \"nobody\""),
        (format!("{HEAD}device: {{model: '{{m}}'}}\n"), 4, "no field \"m\""),
        ("name: x\ndescription: x\nmatch: []\n".to_owned(), 3, "matches no device"),
        ("name: x\ndescription: x\nmatch: [{}]\n".to_owned(), 3, "matches every device"),
        (
            format!("{HEAD}groups: {{g: {{metrics: [{{metric: oob.gateway.up, constant: 1}}]}}}}\n"),
            4,
            "invents a reading",
        ),
        (format!("{HEAD}tabels: {{}}\n"), 4, "tabels"),
    ];
    for (text, line, message) in cases {
        let found = mistakes(&text);
        let there = found
            .lines()
            .any(|found| found.starts_with(&format!("x.yaml:{line}:")) && found.contains(message));
        assert!(there, "no {message:?} on line {line}:\n{found}\nof\n{text}");
    }
}

#[test]
fn all_mistakes_come_at_once() {
    let text = table(
        "    columns: {a: 1, b: 2}\n    metrics:\n      - {metric: no, value: c}\n      - {metric: hw.power, value: a, unit: V}\n",
    );
    let found = mistakes(&text);
    assert!(found.lines().count() >= 4, "{found}");
}

#[test]
fn a_bad_folder_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bad.yaml"), "name: bad").unwrap();
    let mut profiles = Profiles::builtin().unwrap();
    let before: Vec<_> = profiles.names().map(|(name, _)| name.to_owned()).collect();
    let error = profiles.load_dir(folder.path()).unwrap_err().to_string();
    assert!(error.contains("bad.yaml:1:1"), "{error}");
    let after: Vec<_> = profiles.names().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(before, after);
}

#[test]
fn the_vendor_comes_before_the_standards_and_replaces_them() {
    let own = "name: own\ndescription: x\nmatch: [{sysObjectID: [1.3.6.1.4.1.99999]}]\nreplaces: [ups-mib/outputs]\n";
    let rows = "1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.99999.5\n1.3.6.1.2.1.33.1.2.1.0|2|2\n\
                1.3.6.1.2.1.33.1.4.4.1.2.1|2|230\n1.3.6.1.2.1.33.1.3.3.1.3.1|2|231\n";
    let found = lines(&evaluate(own, rows));
    assert!(found.iter().any(|line| line.contains("hw_id=input1")), "{found:?}");
    assert!(!found.iter().any(|line| line.contains("hw_id=output1")), "{found:?}");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("own.yaml"), own).unwrap();
    let mut profiles = Profiles::builtin().unwrap();
    profiles.load_dir(folder.path()).unwrap();
    let (objects, _) = recording::parse(rows);
    let selection = profiles.select_for(&objects);
    assert_eq!(selection.names().collect::<Vec<_>>(), ["own", "ups-mib"]);
    let asked = |oid: &str| selection.request().columns.contains(&oid.parse().unwrap());
    assert!(asked("1.3.6.1.2.1.33.1.3.3.1.3") && !asked("1.3.6.1.2.1.33.1.4.4.1.2"));
}

#[test]
fn the_first_profile_of_a_contributor_works() {
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../CONTRIBUTING.md")).unwrap();
    let block = |fence: &str| {
        let block = guide.split(fence).nth(1).unwrap().split("   ```").next().unwrap();
        block.lines().map(|line| line.strip_prefix("   ").unwrap_or(line)).collect::<Vec<_>>().join("\n")
    };
    let report = evaluate(&block("```yaml\n"), &format!("1.3{}", block("   ```\n   1.3")));
    let expected = [
        "oob.circuit.current hw_id=branch1,hw_name=Rack 7,oob_circuit_type=branch 4.2",
        "oob.circuit.current hw_id=branch2,hw_name=Branch 2,oob_circuit_type=branch 0",
        "oob.device.info vendor=Acme,protocol=snmp 1",
    ];
    assert_eq!(lines(&report), expected);
}

#[test]
fn readings_may_share_what_they_have_in_common() {
    let own = table(
        "    columns: {a: 1, b: 2}\n    labels: {hw.id: \"x{row}\"}\n    metrics:\n      \
         - &shared {metric: hw.voltage, value: a, unit: mV}\n      - {<<: *shared, metric: hw.power, value: b, unit: W}\n",
    );
    let found = lines(&evaluate(&own, "1.3.6.1.9.1.5|2|3300\n1.3.6.1.9.2.5|2|7\n"));
    assert_eq!(found, ["hw.power hw_id=x5 7", "hw.voltage hw_id=x5 3.3", "oob.device.info protocol=snmp 1"]);
}

#[test]
fn scales_come_from_columns_and_limits_from_flags() {
    let own = table(
        "    columns: {value: 1, scale: 2, divisor: 3, low: 4, on: 5}\n    labels: {hw.id: \"x{row}\"}\n    metrics:\n      \
         - {metric: hw.voltage, value: value, signed_scale: scale}\n      \
         - {metric: hw.fan.speed, value: value, divisor: divisor, offset: 1, limits: {low.critical: {value: low, where: {on: 1}}}}\n",
    );
    let rows = "1.3.6.1.9.1.1|2|500\n1.3.6.1.9.2.1|2|-100\n1.3.6.1.9.3.1|2|4\n1.3.6.1.9.4.1|2|8\n1.3.6.1.9.5.1|2|1\n\
                1.3.6.1.9.1.2|4|7\n1.3.6.1.9.2.2|2|10\n1.3.6.1.9.3.2|2|0\n1.3.6.1.9.4.2|2|8\n1.3.6.1.9.5.2|2|2\n";
    let report = evaluate(&own, rows);
    // A divisor of 0 gives no reading; a limit whose flag is off is none.
    let expected = [
        "hw.fan.speed hw_id=x1 126",
        "hw.fan.speed.limit hw_id=x1,hw_limit_type=low.critical 3",
        "hw.voltage hw_id=x1 5",
        "hw.voltage hw_id=x2 70",
        "oob.device.info protocol=snmp 1",
    ];
    assert_eq!(lines(&report), expected);
}
