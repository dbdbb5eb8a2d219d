//! How fast batches become requests, on one core. Two shapes: a backlog (the series of one site, many samples
//! of each) and live readings (many devices, one sample of each series).

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

mod fleet;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use exporters::buffer::batch::{Batch, Point, Run, StoredSeries};
use exporters::{otlp, remote_write};

/// The samples of `series` series, `samples` of each.
fn batch(series: usize, samples: usize) -> Batch {
    let mut batch = Batch::default();
    for (_, report) in fleet::build(series) {
        let device: Arc<str> = report.samples.first().unwrap().series.device_text().into();
        for sample in &report.samples {
            let (metric, own) = (sample.series.metric, sample.series.own_text().into());
            let series = StoredSeries { metric, device: Arc::clone(&device), own, since: report.at - 1 };
            let start = batch.points.len();
            let point = |at| Point { at: report.at + 30_000 * at, value: sample.value + at as f64 };
            batch.points.extend((0..samples as i64).map(point));
            batch.runs.push(Run { series: Arc::new(series), points: start..batch.points.len(), ended: None });
        }
    }
    batch
}

fn encode(c: &mut Criterion) {
    for (name, batch) in [("backlog", batch(500, 20)), ("live", batch(10_000, 1))] {
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Elements(batch.points.len() as u64));
        for version in [remote_write::encode::Version::V1, remote_write::encode::Version::V2] {
            let mut encoder = remote_write::encode::Encoder::new(version);
            let bytes = encoder.encode(&batch).len();
            let title = format!(
                "remote-write {version:?}, {:.1} B a sample",
                bytes as f64 / batch.points.len() as f64
            );
            group.bench_function(title, |b| b.iter(|| encoder.encode(black_box(&batch))));
        }
        let mut encoder = otlp::encode::Encoder::new(&[]);
        group.bench_function("OTLP", |b| b.iter(|| encoder.encode(black_box(&batch))));
        group.finish();
    }
}

criterion_group!(benches, encode);
criterion_main!(benches);
