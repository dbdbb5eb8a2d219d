//! Renders a scrape of 100,000 and of 1,000,000 series: this crate's writer, and the same series through a
//! `prometheus-client` collector, in the same run.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

mod fleet;

use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use exporters::prometheus::{CHUNK_BYTES, Exposition, Format};
use model::{Kind, Metric, PollReport};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// The reports as a `prometheus-client` collector, with its labels ready as names and values.
#[derive(Debug)]
struct Reports(Vec<(Metric, Vec<Row>)>);

type Row = (Vec<(String, String)>, f64);

impl Reports {
    fn new(reports: &[Arc<PollReport>]) -> Self {
        let rows = |metric: Metric| -> Vec<Row> {
            let samples = reports.iter().flat_map(|report| &report.samples);
            samples
                .filter(|sample| sample.series.metric == metric)
                .map(|sample| {
                    let labels = sample.series.labels();
                    (labels.map(|(name, value)| (name.into(), value.into())).collect(), sample.value)
                })
                .collect()
        };
        Self(
            Metric::all().map(|metric| (metric, rows(metric))).filter(|(_, rows)| !rows.is_empty()).collect(),
        )
    }
}

impl Collector for Reports {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        for (metric, rows) in &self.0 {
            let definition = metric.definition();
            let name = definition.prometheus;
            let counter = definition.kind == Kind::Counter;
            let kind = if counter {
                ConstCounter::new(0u64).metric_type()
            } else {
                ConstGauge::new(0.0).metric_type()
            };
            let name = name.strip_suffix("_total").unwrap_or(name);
            let mut family = encoder.encode_descriptor(name, definition.help, None, kind)?;
            for (labels, value) in rows {
                let one = family.encode_family(labels)?;
                if counter {
                    ConstCounter::new(*value).encode(one)?;
                } else {
                    ConstGauge::new(*value).encode(one)?;
                }
            }
        }
        Ok(())
    }
}

fn render(criterion: &mut Criterion) {
    for series in [100_000, 1_000_000] {
        let reports: Vec<_> = fleet::build(series).into_iter().map(|(_, report)| Arc::new(report)).collect();
        let mut group = criterion.benchmark_group("render");
        group.sample_size(10).throughput(Throughput::Elements(series as u64));
        for format in [Format::Text, Format::OpenMetrics] {
            let name = BenchmarkId::new(format!("lightsout {format:?}"), series);
            let mut chunk = Vec::with_capacity(CHUNK_BYTES * 2);
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    let mut exposition = Exposition::new(format, reports.iter().cloned());
                    let mut bytes = 0;
                    loop {
                        chunk.clear();
                        let more = exposition.fill(&mut chunk);
                        bytes += chunk.len();
                        if !more {
                            break bytes;
                        }
                    }
                });
            });
        }
        let name = BenchmarkId::new("lightsout Text, whole", series);
        let mut whole = Vec::new();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                whole.clear();
                let mut exposition = Exposition::new(Format::Text, reports.iter().cloned());
                while exposition.fill(&mut whole) {}
                whole.len()
            });
        });
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Reports::new(&reports)));
        let mut text = String::new();
        group.bench_function(BenchmarkId::new("prometheus-client", series), |bencher| {
            bencher.iter(|| {
                text.clear();
                prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
                text.len()
            });
        });
        group.finish();
    }
}

/// Many small reports: the price of looking for each family in each report.
fn many_reports(criterion: &mut Criterion) {
    let one = fleet::build(fleet::SERIES).remove(0).1;
    let small = PollReport { samples: one.samples.iter().take(1).cloned().collect(), ..one };
    let small = Arc::new(small);
    let mut group = criterion.benchmark_group("one series a report");
    group.sample_size(10);
    for reports in [1_000, 10_000, 100_000] {
        group.throughput(Throughput::Elements(reports as u64));
        group.bench_function(BenchmarkId::from_parameter(reports), |bencher| {
            let mut out = Vec::new();
            bencher.iter(|| {
                out.clear();
                let reports = std::iter::repeat_n(Arc::clone(&small), reports);
                let mut exposition = Exposition::new(Format::Text, reports);
                while exposition.fill(&mut out) {}
                out.len()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, render, many_reports);
criterion_main!(benches);
