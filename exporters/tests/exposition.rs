//! What is written reads back: with a reader of its own, for made-up reports of all kinds.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod fixture;
mod parse;

use std::sync::Arc;
use std::time::Duration;

use exporters::prometheus::{CHUNK_BYTES, Exposition, Format, OwnMetrics};
use model::{DeviceLabels, Kind, Label, Labels, Metric, PollReport, Sample, Series, metric};
use proptest::prelude::*;

const FORMATS: [Format; 2] = [Format::Text, Format::OpenMetrics];

fn read(format: Format, bytes: Vec<u8>) -> Vec<parse::Family> {
    let text = String::from_utf8(bytes).unwrap();
    parse::parse(&text, format == Format::OpenMetrics).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn bare(samples: Vec<Sample>) -> PollReport {
    PollReport { samples, ..fixture::builder("bare").finish(0, Duration::ZERO, None) }
}

fn sample(metric: Metric, value: f64) -> Sample {
    let device = Arc::new(DeviceLabels::new("", "", "", ""));
    Sample { series: Arc::new(Series::new(metric, device, "")), value }
}

#[test]
fn text_is_exactly_this() {
    let mut builder = fixture::builder("pdu-a");
    let outlet = Labels::component("o1", "Outlet 1").with(Label::OobCircuitType, "outlet");
    builder.record(metric::OOB_CIRCUIT_ENERGY, &outlet, 7200.0);
    builder.record(metric::OOB_DEVICE_UP, &Labels::new(), 1.0);
    let report = builder.finish(1_700_000_000_042, Duration::ZERO, None);
    let text = |format| String::from_utf8(Exposition::new(format, [&report]).into_bytes()).unwrap();
    let device = r#"site="fra1",rack="r1",host_name="pdu-a",device_type="pdu""#;
    let outlet = r#"hw_id="o1",hw_name="Outlet 1",oob_circuit_type="outlet""#;
    assert_eq!(
        text(Format::Text),
        format!(
            "# HELP oob_device_up Last poll round got a valid answer by any protocol\n\
             # TYPE oob_device_up gauge\n\
             oob_device_up{{{device}}} 1\n\
             # HELP oob_circuit_energy_joules_total Active energy\n\
             # TYPE oob_circuit_energy_joules_total counter\n\
             oob_circuit_energy_joules_total{{{outlet},{device}}} 7200\n"
        )
    );
    assert_eq!(
        text(Format::OpenMetrics),
        format!(
            "# HELP oob_device_up Last poll round got a valid answer by any protocol\n\
             # TYPE oob_device_up gauge\n\
             oob_device_up{{{device}}} 1\n\
             # HELP oob_circuit_energy_joules Active energy\n\
             # TYPE oob_circuit_energy_joules counter\n\
             # UNIT oob_circuit_energy_joules joules\n\
             oob_circuit_energy_joules_total{{{outlet},{device}}} 7200\n\
             # EOF\n"
        )
    );
}

#[test]
fn nothing_to_say_is_a_valid_exposition() {
    let none: [&PollReport; 0] = [];
    assert_eq!(Exposition::new(Format::Text, none).into_bytes(), b"");
    assert_eq!(Exposition::new(Format::OpenMetrics, none).into_bytes(), b"# EOF\n");
    assert_eq!(Exposition::new(Format::OpenMetrics, [&bare(Vec::new())]).into_bytes(), b"# EOF\n");
}

#[test]
fn a_series_without_labels_has_no_braces() {
    let report = bare(vec![sample(metric::OOB_GATEWAY_UP, 1.0)]);
    let text = String::from_utf8(Exposition::new(Format::Text, [&report]).into_bytes()).unwrap();
    assert!(text.ends_with("\noob_gateway_up 1\n"), "{text}");
}

#[test]
fn what_openmetrics_forbids_is_left_out_and_the_rest_stays() {
    let report = bare(vec![
        sample(metric::OOB_DEVICE_INFO, 5.0),
        sample(metric::OOB_EVENT_LOG_EVENTS, f64::NAN),
        sample(metric::HW_ERRORS, -1.0),
        sample(metric::HW_TEMPERATURE, f64::NEG_INFINITY),
        sample(metric::OOB_POLL_DURATION, 1.0),
    ]);
    for format in FORMATS {
        let samples: Vec<_> = read(format, Exposition::new(format, [&report]).into_bytes())
            .into_iter()
            .flat_map(|family| family.samples)
            .map(|sample| (sample.name, sample.value))
            .collect();
        let expected = [("oob_device_info", 1.0), ("hw_temperature_celsius", f64::NEG_INFINITY)];
        assert_eq!(samples, expected.map(|(name, value)| (name.to_owned(), value)));
    }
}

#[test]
fn a_report_out_of_order_cannot_write_a_family_twice() {
    let report = bare(vec![
        sample(metric::HW_TEMPERATURE, 20.0),
        sample(metric::OOB_DEVICE_UP, 1.0),
        sample(metric::OOB_FLOW, 1.0),
    ]);
    let families = read(Format::Text, Exposition::new(Format::Text, [&report]).into_bytes());
    assert_eq!(families.len(), 1);
}

#[test]
fn timestamps_are_those_of_the_report() {
    let report = fixture::report("pdu-a");
    for (format, expected) in [(Format::Text, "1700000000042"), (Format::OpenMetrics, "1700000000.042")] {
        for family in read(format, Exposition::new(format, [&report]).with_timestamps().into_bytes()) {
            for sample in family.samples {
                assert_eq!(sample.timestamp.as_deref(), Some(expected), "{}", sample.name);
            }
        }
    }
}

#[test]
fn chunks_are_small_and_make_up_the_whole() {
    let mut builder = fixture::builder("switch");
    for port in 0..3_000 {
        let id = format!("port{port}");
        builder.record(metric::HW_NETWORK_UP, &Labels::component(&id, &id), 1.0);
        builder.record(metric::HW_NETWORK_IO, &Labels::component(&id, &id), f64::from(port));
    }
    let report = builder.finish(0, Duration::ZERO, None);
    let reports = [&report];
    let mut exposition = Exposition::new(Format::OpenMetrics, reports);
    let (mut whole, mut chunks, mut more) = (Vec::new(), 0, true);
    while more {
        let mut chunk = Vec::new();
        more = exposition.fill(&mut chunk);
        assert!(chunk.len() < CHUNK_BYTES + 4096, "{} bytes at once", chunk.len());
        whole.extend(chunk);
        chunks += 1;
    }
    assert!(chunks > 5, "{chunks}");
    let families = read(Format::OpenMetrics, whole.clone());
    assert_eq!(families.iter().map(|family| family.samples.len()).collect::<Vec<_>>(), [3_000, 3_000]);
    assert_eq!(whole, Exposition::new(Format::OpenMetrics, reports).into_bytes());
}

const OWN: &str = "\
# HELP oob_readings_rejected Readings dropped.\n\
# TYPE oob_readings_rejected counter\n\
oob_readings_rejected_total{reason=\"na\"} 4\n\
# HELP oob_poll_duration_seconds Poll duration.\n\
# TYPE oob_poll_duration_seconds histogram\n\
# UNIT oob_poll_duration_seconds seconds\n\
oob_poll_duration_seconds_sum 1.5\n\
oob_poll_duration_seconds_count 2\n\
oob_poll_duration_seconds_bucket{le=\"+Inf\"} 2\n\
# HELP process_restarts Restarts.\n\
# TYPE process_restarts counter\n\
process_restarts_total 1\n\
# HELP build Build.\n\
# TYPE build info\n\
build_info{version=\"1 # EOF\"} 1\n\
# EOF\n";

#[test]
fn the_programs_own_metrics_join_their_families() {
    let mut builder = fixture::builder("pdu-a");
    builder.record(metric::OOB_READINGS_REJECTED, &Labels::new().with(Label::Reason, "range"), 2.0);
    let report = builder.finish(0, Duration::ZERO, None);
    for format in FORMATS {
        let exposition = Exposition::new(format, [&report]).with_own(OwnMetrics::parse(OWN));
        let families = read(format, exposition.into_bytes());
        let found: Vec<_> = families
            .iter()
            .map(|family| (family.name.as_str(), family.meta["TYPE"].as_str(), family.samples.len()))
            .collect();
        let expected = match format {
            Format::Text => [
                ("oob_poll_duration_seconds", "histogram", 3),
                ("oob_readings_rejected_total", "counter", 2),
                ("build_info", "gauge", 1),
                ("process_restarts_total", "counter", 1),
            ],
            Format::OpenMetrics => [
                ("oob_poll_duration_seconds", "histogram", 3),
                ("oob_readings_rejected", "counter", 2),
                ("build", "info", 1),
                ("process_restarts", "counter", 1),
            ],
        };
        assert_eq!(found, expected);
        assert_eq!(families[2].samples[0].labels, [("version".to_owned(), "1 # EOF".to_owned())]);
    }
}

/// A report, and what it must come back as: metric, labels and value of each sample.
type Made = (PollReport, Vec<(Metric, String, f64)>);

/// Reports of up to 20 samples each, with any text in a label and any finite value.
fn reports() -> impl Strategy<Value = Vec<Made>> {
    let value = any::<f64>().prop_filter("finite", |value| value.is_finite());
    let one = (0..Metric::COUNT, "\\PC{0,8}|[\\\\\"\n,={} #a]{0,8}", value);
    let samples = prop::collection::vec(one, 0..20);
    prop::collection::vec(samples, 0..6).prop_map(|reports| {
        let indexed = reports.into_iter().enumerate();
        indexed.map(|(number, samples)| report(&format!("device {number}"), samples)).collect()
    })
}

/// The report, and what it must come back as: what the builder took, by metric, text and value.
fn report(name: &str, samples: Vec<(usize, String, f64)>) -> Made {
    let mut builder = fixture::builder(name);
    for (index, text, value) in samples {
        let metric = Metric::all().nth(index).unwrap();
        let definition = metric.definition();
        let mut labels = Labels::new();
        for &label in definition.attributes.iter().take(1) {
            labels.set(label, &text);
        }
        let value = if matches!(definition.kind, Kind::Info) {
            1.0
        } else {
            value.clamp(definition.range.0, definition.range.1)
        };
        builder.record(metric, &labels, value);
    }
    let report = builder.finish(0, Duration::ZERO, None);
    let expected = report
        .samples
        .iter()
        .filter(|sample| sample.series.metric.definition().kind != Kind::Histogram)
        .map(|sample| {
            let labels: Vec<_> =
                sample.series.labels().map(|(name, value)| format!("{name}={value:?}")).collect();
            (sample.series.metric, labels.join(","), sample.value)
        })
        .collect();
    (report, expected)
}

proptest! {
    #[test]
    fn every_sample_comes_back_once_in_its_family(made in reports(), openmetrics: bool) {
        let format = if openmetrics { Format::OpenMetrics } else { Format::Text };
        let bytes = Exposition::new(format, made.iter().map(|(report, _)| report)).into_bytes();
        let found: Vec<_> = read(format, bytes)
            .into_iter()
            .flat_map(|family| family.samples)
            .map(|sample| {
                let labels: Vec<_> =
                    sample.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
                (Metric::find(&sample.name).unwrap(), labels.join(","), sample.value)
            })
            .collect();
        let mut expected: Vec<_> = made.into_iter().flat_map(|(_, expected)| expected).collect();
        expected.sort_by_key(|(metric, _, _)| *metric);
        prop_assert_eq!(found, expected);
    }
}
