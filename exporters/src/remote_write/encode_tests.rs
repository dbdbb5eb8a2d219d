//! Requests are read back with messages that are declared here, after the published `.proto` files.

use super::*;
use crate::buffer::batch::Run;
use crate::forward::STALE;
use model::metric;
use prost::Message;

#[derive(Clone, PartialEq, Message)]
struct Pair {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
    #[prost(int64, tag = "3")]
    start_timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct SeriesV1 {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Pair>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
struct MetadataV1 {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(string, tag = "2")]
    family: String,
    #[prost(string, tag = "4")]
    help: String,
    #[prost(string, tag = "5")]
    unit: String,
}

#[derive(Clone, PartialEq, Message)]
struct RequestV1 {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<SeriesV1>,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<MetadataV1>,
}

#[derive(Clone, PartialEq, Message)]
struct MetadataV2 {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(uint32, tag = "3")]
    help: u32,
    #[prost(uint32, tag = "4")]
    unit: u32,
}

#[derive(Clone, PartialEq, Message)]
struct SeriesV2 {
    #[prost(uint32, repeated, tag = "1")]
    labels: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, optional, tag = "5")]
    metadata: Option<MetadataV2>,
}

#[derive(Clone, PartialEq, Message)]
struct RequestV2 {
    #[prost(string, repeated, tag = "4")]
    symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    timeseries: Vec<SeriesV2>,
}

const LABELS: [(&str, &str); 7] = [
    ("__name__", "hw_host_energy_joules_total"),
    ("device_type", "pdu"),
    ("host_name", "pdu-a"),
    ("hw_id", "o1"),
    ("hw_name", "Outlet \"1\", left"),
    ("rack", "r1"),
    ("site", "fra1"),
];

fn batch() -> Batch {
    let device: Arc<str> = r#"site="fra1",rack="r1",host_name="pdu-a",device_type="pdu""#.into();
    let series = |metric, own: &str| {
        Arc::new(StoredSeries { metric, device: Arc::clone(&device), own: own.into(), since: 1_000 })
    };
    let counter = series(metric::HW_HOST_ENERGY, r#"hw_id="o1",hw_name="Outlet \"1\", left""#);
    let gauge = series(metric::OOB_DEVICE_UP, "");
    Batch {
        entries: 0..3,
        runs: vec![
            Run { series: counter, points: 0..3, ended: None },
            Run { series: gauge, points: 3..4, ended: None },
        ],
        points: vec![
            Point { at: 1_000, value: 0.0 },
            Point { at: 2_000, value: 12.5 },
            Point { at: 2_001, value: STALE },
            Point { at: -5, value: 1.0 },
        ],
    }
}

fn decoded<M: Message + Default>(body: &[u8]) -> M {
    let message = snap::raw::Decoder::new().decompress_vec(body).unwrap();
    M::decode(&*message).unwrap()
}

fn values(samples: &[Sample]) -> Vec<(i64, u64, i64)> {
    samples.iter().map(|sample| (sample.timestamp, sample.value.to_bits(), sample.start_timestamp)).collect()
}

/// `StaleNaN` of Prometheus' package `value`.
const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

#[test]
fn version_1_has_sorted_labels_and_every_sample() {
    let mut encoder = Encoder::new(Version::V1);
    for round in 0..2 {
        let request: RequestV1 = decoded(&encoder.encode(&batch()));
        let series = &request.timeseries[0];
        let labels: Vec<_> = series.labels.iter().map(|pair| (&*pair.name, &*pair.value)).collect();
        assert_eq!(labels, LABELS);
        let expected = [(1_000, 0, 0), (2_000, 12.5_f64.to_bits(), 0), (2_001, STALE_BITS, 0)];
        assert_eq!(values(&series.samples), expected);
        assert_eq!(values(&request.timeseries[1].samples), [(-5, 1.0_f64.to_bits(), 0)]);
        let metadata: Vec<_> = request.metadata.iter().map(|it| (it.kind, &*it.family, &*it.unit)).collect();
        let described = [(1, "hw_host_energy_joules_total", "joules"), (2, "oob_device_up", "")];
        assert_eq!(metadata, described[..if round == 0 { 2 } else { 0 }]);
    }
}

#[test]
fn version_2_has_symbols_metadata_and_start_times_of_counters() {
    let mut encoder = Encoder::new(Version::V2);
    for _ in 0..2 {
        let request: RequestV2 = decoded(&encoder.encode(&batch()));
        let symbol = |place: u32| &*request.symbols[place as usize];
        assert_eq!(symbol(0), "");
        let distinct: std::collections::BTreeSet<_> = request.symbols.iter().collect();
        assert_eq!(distinct.len(), request.symbols.len(), "{:?}", request.symbols);
        let [counter, gauge] = &request.timeseries[..] else { panic!("{request:?}") };
        let labels: Vec<_> =
            counter.labels.chunks(2).map(|pair| (symbol(pair[0]), symbol(pair[1]))).collect();
        assert_eq!(labels, LABELS);
        let expected = [(1_000, 0, 0), (2_000, 12.5_f64.to_bits(), 1_000), (2_001, STALE_BITS, 1_000)];
        assert_eq!(values(&counter.samples), expected);
        assert_eq!(values(&gauge.samples), [(-5, 1.0_f64.to_bits(), 0)]);
        let metadata = counter.metadata.as_ref().unwrap();
        assert_eq!((metadata.kind, symbol(metadata.help)), (1, "Whole-device energy"));
        assert_eq!(symbol(metadata.unit), "joules");
        assert_eq!(gauge.metadata.as_ref().unwrap().unit, 0);
    }
}

#[test]
fn a_request_has_the_symbols_of_its_own_series_only() {
    let mut encoder = Encoder::new(Version::V2);
    let all: RequestV2 = decoded(&encoder.encode(&batch()));
    let mut small = batch();
    small.runs.remove(0);
    let request: RequestV2 = decoded(&encoder.encode(&small));
    assert!(all.symbols.iter().any(|text| text == "o1"));
    assert!(!request.symbols.iter().any(|text| text == "o1"), "{:?}", request.symbols);
    assert_eq!(request.timeseries.len(), 1);
}

/// A receiver that only knows version 1.0 must find an empty request, not a wrong one.
#[test]
fn version_2_read_as_version_1_is_empty() {
    let request: RequestV1 = decoded(&Encoder::new(Version::V2).encode(&batch()));
    assert_eq!(request, RequestV1::default());
}
