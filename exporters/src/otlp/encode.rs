//! Batches to `ExportMetricsServiceRequest`: one `ResourceMetrics` for each device.
//!
//! Names, units and attributes are OpenTelemetry's own. Sums are cumulative; counters have the time since
//! when their series is known as their start. A value of [`STALE`] becomes a data
//! point without a recorded value. Does no I/O.

use std::sync::Arc;

use model::{Kind, Label, Metric, Timestamp};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use crate::buffer::batch::{Batch, Point, Run, StoredSeries};
use crate::forward::STALE;
use crate::forward::series::SeriesMap;
use crate::protobuf::{boolean, bytes, double, fixed64, message, unsigned};

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: u64 = 2;

/// `DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK`.
const NO_RECORDED_VALUE: u64 = 1;

/// Writes requests for one receiver.
pub struct Encoder {
    resource: Vec<KeyValue>,
    scope: Vec<u8>,
    /// The attributes of each series as fields of its data points.
    attributes: SeriesMap<Box<[u8]>>,
}

impl Encoder {
    /// An encoder that knows no series yet. `resource`: attributes of every resource beside the device's, which
    /// count where both have one.
    pub fn new(resource: &[(String, String)]) -> Self {
        let scope = InstrumentationScope {
            name: "lightsout".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            ..InstrumentationScope::default()
        };
        Self {
            resource: resource.iter().map(|(key, value)| key_value(key, value)).collect(),
            scope: scope.encode_to_vec(),
            attributes: SeriesMap::default(),
        }
    }

    /// One request with all samples of `batch`.
    pub fn encode(&mut self, batch: &Batch) -> Vec<u8> {
        let mut runs: Vec<&Run> = batch.runs.iter().filter(|run| !batch.points_of(run).is_empty()).collect();
        runs.sort_by_key(|run| (Arc::as_ptr(&run.series.device).addr(), run.series.metric));
        let mut out = Vec::new();
        for device in runs.chunk_by(|left, right| left.series.device == right.series.device) {
            message(&mut out, 1, |out| self.write_device(out, batch, device));
        }
        out
    }

    fn write_device(&mut self, out: &mut Vec<u8>, batch: &Batch, runs: &[&Run]) {
        let device = runs.first().map_or("", |run| &run.series.device);
        bytes(out, 1, &self.resource_of(device));
        message(out, 2, |out| {
            bytes(out, 1, &self.scope);
            for family in runs.chunk_by(|left, right| left.series.metric == right.series.metric) {
                let Some(metric) = family.first().map(|run| run.series.metric) else { continue };
                message(out, 2, |out| self.write_metric(out, batch, metric, family));
            }
        });
    }

    fn write_metric(&mut self, out: &mut Vec<u8>, batch: &Batch, metric: Metric, runs: &[&Run]) {
        let definition = metric.definition();
        bytes(out, 1, definition.otel.as_bytes());
        bytes(out, 2, definition.help.as_bytes());
        bytes(out, 3, definition.unit.ucum().as_bytes());
        let monotonic = definition.kind == Kind::Counter;
        if definition.kind == Kind::Gauge {
            message(out, 5, |out| self.write_points(out, batch, false, runs));
        } else {
            message(out, 7, |out| {
                self.write_points(out, batch, monotonic, runs);
                unsigned(out, 2, CUMULATIVE);
                boolean(out, 3, monotonic);
            });
        }
    }

    fn write_points(&mut self, out: &mut Vec<u8>, batch: &Batch, monotonic: bool, runs: &[&Run]) {
        for run in runs {
            let attributes = self.attributes.get(&run.series, encode_attributes);
            let start = monotonic.then_some(run.series.since);
            for point in batch.points_of(run) {
                message(out, 1, |out| {
                    out.extend_from_slice(attributes);
                    write_point(out, point, start);
                });
            }
        }
    }

    fn resource_of(&self, device: &str) -> Vec<u8> {
        let device: Vec<_> = model::series::read_labels(device).map(attribute).collect();
        // A key comes once: of a device, the environment of this program knows nothing.
        let own = self.resource.iter().filter(|it| device.iter().all(|known| known.key != it.key));
        let attributes = own.chain(&device).cloned().collect();
        Resource { attributes, ..Resource::default() }.encode_to_vec()
    }
}

/// The fields of a `NumberDataPoint` beside its attributes. The first point of a counter starts at its own time: from
/// what value it had counted before, and since when, nobody knows (data model, "Resets and Gaps").
fn write_point(out: &mut Vec<u8>, point: &Point, start: Option<Timestamp>) {
    if let Some(start) = start.filter(|&start| start > 0 && start <= point.at) {
        fixed64(out, 2, nanoseconds(start));
    }
    fixed64(out, 3, nanoseconds(point.at));
    if point.value.to_bits() == STALE.to_bits() {
        unsigned(out, 8, NO_RECORDED_VALUE);
    } else {
        double(out, 4, point.value);
    }
}

/// Since 1970; times before cannot be said.
fn nanoseconds(at: Timestamp) -> u64 {
    u64::try_from(at).unwrap_or(0).saturating_mul(1_000_000)
}

/// The fields `attributes` of a `NumberDataPoint`.
fn encode_attributes(series: &StoredSeries) -> Box<[u8]> {
    let mut out = Vec::new();
    for label in model::series::read_labels(&series.own) {
        bytes(&mut out, 7, &attribute(label).encode_to_vec());
    }
    out.into()
}

/// A label under its OpenTelemetry key.
fn attribute((name, value): (&str, std::borrow::Cow<'_, str>)) -> KeyValue {
    key_value(Label::find(name).map_or(name, |label| label.otel()), &value)
}

fn key_value(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.into())) });
    KeyValue { key: key.into(), value, ..KeyValue::default() }
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
