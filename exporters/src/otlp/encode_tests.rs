//! Requests are read back with `opentelemetry-proto`.

use super::*;
use model::metric;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Metric as Family, NumberDataPoint, number_data_point};

fn series(metric: Metric, device: &Arc<str>, own: &str) -> Arc<StoredSeries> {
    Arc::new(StoredSeries { metric, device: Arc::clone(device), own: own.into(), since: 1_000 })
}

/// Two devices, their runs mixed.
fn batch() -> Batch {
    let pdu: Arc<str> = r#"site="fra1",rack="r1",host_name="pdu-a",device_type="pdu""#.into();
    let server: Arc<str> = r#"site="fra1",host_name="bmc-7""#.into();
    let all = [
        series(metric::HW_HOST_ENERGY, &pdu, r#"hw_id="o1",hw_name="Outlet \"1\"""#),
        series(metric::HW_STATUS, &server, r#"hw_id="f1",hw_type="fan",hw_state="ok""#),
        series(metric::HW_TEMPERATURE, &pdu, r#"hw_id="t1",hw_sensor_location="inlet""#),
        series(metric::HW_STATUS, &server, r#"hw_id="f1",hw_type="fan",hw_state="failed""#),
    ];
    let points = [(1_000, 0.0), (2_000, 3.5), (1_000, 1.0), (1_000, -0.25), (1_001, STALE), (1_000, 0.0)];
    let ranges = [0..2, 2..3, 3..5, 5..6];
    let runs = all.into_iter().zip(ranges).map(|(series, points)| Run { series, points, ended: None });
    let points = points.map(|(at, value)| Point { at, value }).to_vec();
    Batch { entries: 0..1, runs: runs.collect(), points }
}

fn text(attributes: &[KeyValue]) -> String {
    let one = |it: &KeyValue| match it.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(value)) => format!("{}={value}", it.key),
        other => format!("{}: {other:?}", it.key),
    };
    attributes.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn request() -> ExportMetricsServiceRequest {
    // The name of the machine that this program runs on is no device's.
    let own = [("service.name", "lightsout"), ("host.name", "pole-7")];
    let mut encoder = Encoder::new(&own.map(|(key, value)| (key.into(), value.into())));
    encoder.encode(&batch());
    ExportMetricsServiceRequest::decode(&*encoder.encode(&batch())).unwrap()
}

fn family(name: &str) -> Family {
    let devices = request().resource_metrics;
    let mut all = devices.into_iter().flat_map(|it| it.scope_metrics).flat_map(|scope| scope.metrics);
    all.rfind(|metric| metric.name == name).unwrap()
}

fn values(points: &[NumberDataPoint]) -> Vec<(u64, u64, Option<f64>, u32)> {
    let value = |point: &NumberDataPoint| match point.value {
        Some(number_data_point::Value::AsDouble(value)) => Some(value),
        _ => None,
    };
    let all = points.iter();
    all.map(|it| (it.start_time_unix_nano, it.time_unix_nano, value(it), it.flags)).collect()
}

#[test]
fn one_resource_for_each_device() {
    let request = request();
    let mut resources: Vec<_> = request
        .resource_metrics
        .iter()
        .map(|it| (text(&it.resource.as_ref().unwrap().attributes), it.scope_metrics[0].metrics.len()))
        .collect();
    resources.sort();
    let expected = [
        ("service.name=lightsout site=fra1 host.name=bmc-7".to_owned(), 1),
        ("service.name=lightsout site=fra1 rack=r1 host.name=pdu-a device.type=pdu".to_owned(), 2),
    ];
    assert_eq!(resources, expected);
    let scope = request.resource_metrics[0].scope_metrics[0].scope.as_ref().unwrap();
    assert_eq!(scope.name, "lightsout");
}

#[test]
fn counters_are_monotonic_sums_with_a_start() {
    let family = family("hw.host.energy");
    assert_eq!((&*family.unit, &*family.description), ("J", "Whole-device energy"));
    let Some(Data::Sum(sum)) = family.data else { panic!("{family:?}") };
    assert!(sum.is_monotonic);
    assert_eq!(sum.aggregation_temporality, 2);
    assert_eq!(text(&sum.data_points[0].attributes), "hw.id=o1 hw.name=Outlet \"1\"");
    let second = 1_000_000_000;
    let expected = [(second, second, Some(0.0), 0), (second, 2 * second, Some(3.5), 0)];
    assert_eq!(values(&sum.data_points), expected);
}

#[test]
fn an_ended_gauge_has_a_point_without_a_value() {
    let family = family("hw.temperature");
    let Some(Data::Gauge(gauge)) = family.data else { panic!("{family:?}") };
    let second = 1_000_000_000;
    assert_eq!(values(&gauge.data_points), [(0, second, Some(-0.25), 0), (0, second + 1_000_000, None, 1)]);
    assert_eq!(text(&gauge.data_points[1].attributes), "hw.id=t1 hw.sensor_location=inlet");
}

#[test]
fn state_sets_are_sums_that_go_up_and_down() {
    let family = family("hw.status");
    let Some(Data::Sum(sum)) = family.data else { panic!("{family:?}") };
    assert!(!sum.is_monotonic);
    let states: Vec<_> = sum.data_points.iter().map(|point| text(&point.attributes)).collect();
    assert_eq!(states, ["hw.id=f1 hw.type=fan hw.state=ok", "hw.id=f1 hw.type=fan hw.state=failed"]);
    assert_eq!(values(&sum.data_points)[0].2, Some(1.0));
}
