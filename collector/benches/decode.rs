//! Normalise: what one poll's answers cost until they are samples, in full and with a memory of the poll before.

use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use collector::profile::source::Objects;
use collector::profile::{Memory, Profiles, recording};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use model::{Device, ReportBuilder};

/// A switch with so many ports, as IF-MIB and ifXTable show it.
fn switch(ports: u32) -> Objects {
    let mut text = String::from("1.3.6.1.2.1.1.1.0|4|switch\n1.3.6.1.2.1.1.3.0|67|100\n");
    for port in 1..=ports {
        let columns = [1, 5, 10, 11, 13, 14, 16, 17, 19, 20];
        for column in columns {
            let _ = writeln!(text, "1.3.6.1.2.1.2.2.1.{column}.{port}|66|{port}");
        }
        let _ = writeln!(text, "1.3.6.1.2.1.2.2.1.2.{port}|4|Ethernet{port}");
        for (column, number) in [(3, 6), (7, 1), (8, 1)] {
            let _ = writeln!(text, "1.3.6.1.2.1.2.2.1.{column}.{port}|2|{number}");
        }
        let _ = writeln!(text, "1.3.6.1.2.1.31.1.1.1.1.{port}|4|eth{port}");
        let _ = writeln!(text, "1.3.6.1.2.1.31.1.1.1.18.{port}|4|server {port}");
        for column in [6, 7, 10, 11, 15] {
            let _ = writeln!(text, "1.3.6.1.2.1.31.1.1.1.{column}.{port}|70|{port}000");
        }
    }
    recording::parse(&text).0
}

/// A device with so many sensors, as ENTITY-SENSOR-MIB shows them.
fn sensors(count: u32) -> Objects {
    let mut text = String::from("1.3.6.1.2.1.1.1.0|4|device\n");
    for sensor in 1..=count {
        for (column, number) in [(1, 3 + sensor % 6), (2, 9), (3, 1), (4, 400 + sensor % 100), (5, 1)] {
            let _ = writeln!(text, "1.3.6.1.2.1.99.1.1.1.{column}.{sensor}|2|{number}");
        }
        let _ = writeln!(text, "1.3.6.1.2.1.47.1.1.1.1.2.{sensor}|4|Sensor of port {sensor}");
        let _ = writeln!(text, "1.3.6.1.2.1.47.1.1.1.1.4.{sensor}|2|1");
        let _ = writeln!(text, "1.3.6.1.2.1.47.1.1.1.1.7.{sensor}|4|sensor {sensor}");
    }
    recording::parse(&text).0
}

fn decode(criterion: &mut Criterion) {
    let Ok(profiles) = Profiles::builtin() else { return };
    let mut group = criterion.benchmark_group("decode");
    for (name, size, objects) in [
        ("ports", 48, switch(48)),
        ("ports", 512, switch(512)),
        ("sensors", 100, sensors(100)),
        ("sensors", 1000, sensors(1000)),
    ] {
        let selection = profiles.select_for(&objects);
        let mut report = ReportBuilder::new(Arc::new(Device {
            name: "device".into(),
            site: "site".into(),
            rack: "rack".into(),
            device_type: "switch".into(),
            description: Default::default(),
        }));
        selection.evaluate(&objects, &mut report);
        let samples = report.finish(0, Duration::ZERO, None).samples.len();
        group.throughput(Throughput::Elements(samples as u64));
        group.bench_with_input(
            BenchmarkId::new(format!("{name}, in full"), size),
            &objects,
            |bencher, objects| {
                bencher.iter(|| {
                    selection.evaluate(black_box(objects), &mut report);
                    black_box(report.finish(0, Duration::ZERO, None))
                });
            },
        );
        let mut memory = Memory::default();
        group.bench_with_input(BenchmarkId::new(name, size), &objects, |bencher, objects| {
            bencher.iter(|| {
                selection.evaluate_again(&mut memory, black_box(objects), &mut report);
                black_box(report.finish(0, Duration::ZERO, None))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
