//! One poll's outcome for people (a table), programs (JSON) and Prometheus (its text format).

use std::fmt::Write as _;

use model::{Kind, PollReport, Sample};
use serde_json::{Map, Value, json};

/// Where colours are wanted: on a terminal only, and not where `NO_COLOR` is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    /// Escape sequences are written.
    On,
    /// Plain text.
    Off,
}

impl Colour {
    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::On => format!("\x1b[{code}m{text}\x1b[0m"),
            Self::Off => text.to_owned(),
        }
    }
}

/// A line for each reading: metric, component, value, unit. Of a state set only the present state is shown.
pub(super) fn table(report: &PollReport, colour: Colour) -> String {
    let mut text = headline(report, colour);
    let rows: Vec<[String; 4]> = report.samples.iter().filter_map(row).collect();
    let mut widths = [0; 4];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for [metric, component, value, unit] in &rows {
        let [metric_width, component_width, value_width, _] = widths;
        let line =
            format!("{metric:metric_width$}  {component:component_width$}  {value:>value_width$} {unit}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    for fault in &report.faults {
        let reason = colour.paint("33", fault.reason.as_str());
        let _ = writeln!(text, "fault: {reason}: {}: {}", fault.subject, fault.detail);
    }
    for (rejection, count) in &report.rejections {
        let _ = writeln!(text, "dropped: {}: {count} readings", rejection.as_str());
    }
    text
}

fn headline(report: &PollReport, colour: Colour) -> String {
    let name = &report.device.name;
    let seconds = report.duration.as_secs_f64();
    match &report.error {
        None => format!(
            "{name}: {}, {} samples, {} faults, {seconds:.3} s\n",
            colour.paint("32", "up"),
            report.samples.len(),
            report.faults.len(),
        ),
        Some(error) => format!(
            "{name}: {}, {}: {error} ({seconds:.3} s)\n",
            colour.paint("31", "down"),
            error.reason.as_str()
        ),
    }
}

fn row(sample: &Sample) -> Option<[String; 4]> {
    let definition = sample.series.metric.definition();
    let is_state = matches!(definition.kind, Kind::StateSet(_) | Kind::Status);
    if is_state && sample.value == 0.0 {
        return None;
    }
    let mut component = String::new();
    let mut state = String::new();
    let mut others = String::new();
    for (name, value) in sample.series.labels() {
        match name {
            "hw_name" => component = value.into_owned(),
            "hw_id" if component.is_empty() => component = value.into_owned(),
            "hw_state" | "state" if is_state => state = value.into_owned(),
            "hw_id" | "hw_parent" | "hw_type" | "site" | "rack" | "host_name" | "device_type" => {}
            _ => {
                let separator = if others.is_empty() { "" } else { " " };
                let _ = write!(others, "{separator}{value}");
            }
        }
    }
    if !others.is_empty() {
        let separator = if component.is_empty() { "" } else { " " };
        let _ = write!(component, "{separator}[{others}]");
    }
    let (value, unit) = if is_state {
        (state, String::new())
    } else {
        (sample.value.to_string(), definition.unit.ucum().trim_matches(['{', '}']).to_owned())
    };
    Some([definition.otel.to_owned(), component, value, if unit == "1" { String::new() } else { unit }])
}

/// The whole outcome as one JSON object.
pub(super) fn json(report: &PollReport, protocol: &str) -> Value {
    let samples: Vec<Value> = report.samples.iter().map(sample_json).collect();
    let faults: Vec<Value> = report
        .faults
        .iter()
        .map(|fault| json!({"reason": fault.reason.as_str(), "subject": fault.subject, "detail": fault.detail}))
        .collect();
    let dropped: Map<String, Value> =
        report.rejections.iter().map(|(why, count)| (why.as_str().to_owned(), json!(count))).collect();
    json!({
        "target": report.device.name,
        "protocol": protocol,
        "up": report.error.is_none(),
        "error": report.error.as_ref().map(|e| json!({"reason": e.reason.as_str(), "detail": e.detail})),
        "duration_seconds": report.duration.as_secs_f64(),
        "samples": samples,
        "faults": faults,
        "dropped": dropped,
    })
}

fn sample_json(sample: &Sample) -> Value {
    let definition = sample.series.metric.definition();
    let labels: Map<String, Value> =
        sample.series.labels().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    json!({
        "metric": definition.otel,
        "prometheus": definition.prometheus,
        "unit": definition.unit.ucum(),
        "labels": labels,
        "value": sample.value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::task::tests::target;
    use model::{Label, Labels, PollError, Reason, ReportBuilder, metric, state::Status};
    use std::sync::Arc;
    use std::time::Duration;

    fn builder() -> ReportBuilder {
        ReportBuilder::new(Arc::clone(&target("pdu-a").device))
    }

    #[test]
    fn a_table_shows_components_values_and_the_present_state() {
        let mut builder = builder();
        builder.record(metric::HW_TEMPERATURE, &Labels::component("t1", "Inlet"), 21.5);
        let outlet = Labels::component("o1", "Outlet 1").with(Label::OobCircuitType, "outlet");
        builder.record(metric::OOB_CIRCUIT_CURRENT, &outlet, 3.0);
        builder.record_status(&Labels::component("f1", "Fan 1").with(Label::HwType, "fan"), Status::Failed);
        builder.fault(Reason::Timeout, "ifTable", "no answer");
        let report = builder.finish(0, Duration::from_millis(125), None);
        let expected = "\
pdu-a: up, 6 samples, 1 faults, 0.125 s
hw.status              Fan 1              failed
oob.component.present  Fan 1                   1
oob.circuit.current    Outlet 1 [outlet]       3 A
hw.temperature         Inlet                21.5 Cel
fault: timeout: ifTable: no answer
";
        assert_eq!(table(&report, Colour::Off), expected);
    }

    #[test]
    fn a_device_that_is_down_says_why() {
        let mut builder = builder();
        let error = PollError::new(Reason::Auth, "wrong password");
        let report = builder.finish(0, Duration::from_secs(2), Some(error));
        assert_eq!(table(&report, Colour::Off), "pdu-a: down, auth: wrong password (2.000 s)\n");
        let value = json(&report, "redfish");
        assert_eq!(value["up"], false);
        assert_eq!(value["error"]["reason"], "auth");
    }

    #[test]
    fn json_carries_names_units_and_labels() {
        let mut builder = builder();
        builder.record(metric::HW_TEMPERATURE, &Labels::component("t1", "Inlet"), 21.5);
        let value = json(&builder.finish(0, Duration::ZERO, None), "snmp");
        let expected = serde_json::json!({
            "metric": "hw.temperature", "prometheus": "hw_temperature_celsius", "unit": "Cel", "value": 21.5,
            "labels": {"hw_id": "t1", "hw_name": "Inlet", "site": "fra1", "rack": "r1",
                       "host_name": "pdu-a", "device_type": "server"},
        });
        assert_eq!(value["samples"][0], expected);
    }
}
