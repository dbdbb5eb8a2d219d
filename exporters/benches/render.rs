//! Renders a scrape of 100,000 and of 1,000,000 series: this crate's writer, and the same series through a
//! `prometheus-client` collector, in the same run.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

mod fleet;

use std::collections::BTreeSet;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use exporters::prometheus::{CHUNK_BYTES, Exposition, Format};
use model::{Kind, Label, Metric, PollReport};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// The reports as a `prometheus-client` collector would hold them: by device, ordered by metric, each series
/// once behind a pointer, its labels ready as names and values.
#[derive(Debug)]
struct Reports {
    reports: Vec<Report>,
    /// Those that occur.
    metrics: BTreeSet<Metric>,
}

type Report = Vec<(Arc<Labelled>, f64)>;

#[derive(Debug)]
struct Labelled {
    metric: Metric,
    labels: Vec<(&'static str, String)>,
}

impl Reports {
    fn new(reports: &[Arc<PollReport>]) -> Self {
        let samples = reports.iter().flat_map(|report| &report.samples);
        let metrics = samples.map(|sample| sample.series.metric).collect();
        Self { reports: reports.iter().map(|report| Self::report(report)).collect(), metrics }
    }

    /// Allocates in the order in which the poll met the series, and sorts after that, as the builder does.
    fn report(report: &PollReport) -> Report {
        let mut samples: Vec<_> = report.samples.iter().collect();
        samples.sort_by_key(|sample| Arc::as_ptr(&sample.series));
        let mut samples: Report = samples
            .into_iter()
            .map(|sample| {
                let name = |name| Label::find(name).unwrap().prometheus();
                let labels = sample.series.labels().map(|(label, value)| (name(label), value.into()));
                let series = Labelled { metric: sample.series.metric, labels: labels.collect() };
                (Arc::new(series), sample.value)
            })
            .collect();
        samples.sort_by_key(|(series, _)| series.metric);
        samples
    }
}

impl Collector for Reports {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut next = vec![0; self.reports.len()];
        for &metric in &self.metrics {
            let definition = metric.definition();
            let counter = definition.kind == Kind::Counter;
            let kind = if counter {
                ConstCounter::new(0u64).metric_type()
            } else {
                ConstGauge::new(0.0).metric_type()
            };
            let name = definition.prometheus.strip_suffix("_total").unwrap_or(definition.prometheus);
            let mut family = encoder.encode_descriptor(name, definition.help, None, kind)?;
            for (report, next) in self.reports.iter().zip(&mut next) {
                for (series, value) in report.iter().skip(*next) {
                    if series.metric != metric {
                        break;
                    }
                    *next += 1;
                    let one = family.encode_family(&series.labels)?;
                    if counter {
                        ConstCounter::new(*value).encode(one)?;
                    } else {
                        ConstGauge::new(*value).encode(one)?;
                    }
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
