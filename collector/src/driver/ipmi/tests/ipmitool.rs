//! What `ipmitool` reads of the same BMC.

use std::process::Command;

/// A row of `ipmitool sensor`: name, reading, unit and six thresholds, where they are numbers.
#[derive(Debug, PartialEq)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) value: f64,
    pub(super) unit: String,
    /// Lower non-recoverable, critical, non-critical; upper non-critical, critical, non-recoverable.
    pub(super) thresholds: [Option<f64>; 6],
}

/// The rows of analogue sensors.
pub(super) fn sensors(port: u16) -> Vec<Row> {
    let rows: Vec<Row> = run(port, &["sensor"]).lines().filter_map(row).collect();
    assert!(!rows.is_empty(), "ipmitool shows no sensor");
    rows
}

/// The value after `key` and a colon.
pub(super) fn field(text: &str, key: &str) -> String {
    let value = text
        .lines()
        .find_map(|line| line.split_once(':').filter(|(name, _)| name.trim() == key))
        .unwrap_or_else(|| panic!("ipmitool shows no {key}: {text}"));
    value.1.trim().to_owned()
}

pub(super) fn run(port: u16, command: &[&str]) -> String {
    let output = Command::new("ipmitool")
        .args(["-I", "lanplus", "-C", "3", "-H", "127.0.0.1", "-p", &port.to_string()])
        .args(["-U", "ipmiusr", "-P", "test"])
        .args(command)
        .output()
        .unwrap_or_else(|error| panic!("this test needs ipmitool (Debian: apt install ipmitool): {error}"));
    String::from_utf8(output.stdout).unwrap()
}

fn row(line: &str) -> Option<Row> {
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    let [name, value, unit, _status, thresholds @ ..] = cells.as_slice() else { return None };
    let mut limits = [None; 6];
    limits.iter_mut().zip(thresholds).for_each(|(limit, cell)| *limit = cell.parse().ok());
    Some(Row { name: (*name).into(), value: value.parse().ok()?, unit: (*unit).into(), thresholds: limits })
}
