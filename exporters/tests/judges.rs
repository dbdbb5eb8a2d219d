//! Independent judges of both formats: `promtool check metrics` (Prometheus) and the parsers of Python's
//! `prometheus_client`. `PROMTOOL` and `PYTHON` name the programs where they are not on the path.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod fixture;

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use exporters::prometheus::{Exposition, Format, OwnMetrics};
use model::{Labels, Metric};

/// Prints each sample as name, labels and value, sorted; fails where the parser does.
const READ: &str = r#"
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text
parse = openmetrics if sys.argv[1] == "OpenMetrics" else text
for family in parse(sys.stdin.buffer.read().decode()):
    for s in family.samples:
        print(family.type, s.name, s.labels.get("hw_name", ""), s.labels.get("host_name", ""), repr(float(s.value)), sep="|")
"#;

fn run(program: &str, arguments: &[&str], input: &[u8]) -> (bool, String) {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("this test needs {program}: {error}"));
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

fn rendered(format: Format) -> Vec<u8> {
    let reports = [fixture::report("pdu-a"), fixture::report("pdu-b")];
    let own = "# HELP oob_poll_errors Failed polls.\n# TYPE oob_poll_errors counter\n\
        oob_poll_errors_total{protocol=\"snmp\"} 3\n# EOF\n";
    Exposition::new(format, &reports).with_own(OwnMetrics::parse(own)).into_bytes()
}

/// One series of every metric that a device can have.
fn whole_catalogue(format: Format) -> Vec<u8> {
    let mut builder = fixture::builder("pdu-a");
    for metric in Metric::all() {
        builder.record(metric, &Labels::new(), 1.0);
    }
    let report = builder.finish(0, Duration::ZERO, None);
    Exposition::new(format, [&report]).into_bytes()
}

#[test]
fn promtool_has_nothing_to_say() {
    let promtool = std::env::var("PROMTOOL").unwrap_or_else(|_| "promtool".into());
    for text in [rendered(Format::Text), whole_catalogue(Format::Text)] {
        let (passed, said) = run(&promtool, &["check", "metrics"], &text);
        assert!(passed && said.is_empty(), "{said}");
    }
}

#[test]
fn python_reads_every_family_of_the_catalogue() {
    for format in [Format::Text, Format::OpenMetrics] {
        let (passed, said) = run(&python(), &["-c", READ, &format!("{format:?}")], &whole_catalogue(format));
        assert!(passed, "python3 with the package prometheus_client: {said}");
        assert_eq!(said.lines().count(), Metric::COUNT - 1, "all but the histogram: {said}");
    }
}

fn python() -> String {
    std::env::var("PYTHON").unwrap_or_else(|_| "python3".into())
}

#[test]
fn python_reads_both_formats_alike() {
    for format in [Format::Text, Format::OpenMetrics] {
        let (passed, said) = run(&python(), &["-c", READ, &format!("{format:?}")], &rendered(format));
        assert!(passed, "python3 with the package prometheus_client: {said}");
        let info = if format == Format::OpenMetrics { "info" } else { "gauge" };
        let lines: Vec<_> = said.lines().collect();
        assert_eq!(lines.len(), fixture::report("pdu-a").samples.len() * 2 + 1, "{said}");
        for expected in [
            &*format!("{info}|oob_device_info||pdu-a|1.0"),
            "gauge|oob_device_up||pdu-b|1.0",
            "gauge|hw_status|Lüfter 1|pdu-a|1.0",
            "counter|oob_circuit_energy_joules_total|Outlet \"1\" \\ left|pdu-a|3600000000000000.0",
            "gauge|oob_flow_m3_per_second|Loop|pdu-b|1e-09",
            "counter|oob_poll_errors_total|||3.0",
        ] {
            assert!(lines.contains(&expected), "{expected} is not in\n{said}");
        }
    }
}
