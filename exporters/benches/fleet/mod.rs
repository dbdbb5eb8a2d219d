//! A fleet of made-up devices for benchmarks: 250 series each, as of a PDU with 30 outlets.

use std::sync::Arc;
use std::time::Duration;

use model::{Device, Label, Labels, PollReport, ReportBuilder, metric};

const OUTLETS: usize = 62;
/// Series of one device.
pub(crate) const SERIES: usize = OUTLETS * 4 + 2;

/// Builders and first reports of as many devices as make up `series`.
pub(crate) fn build(series: usize) -> Vec<(ReportBuilder, PollReport)> {
    (0..series / SERIES).map(device).collect()
}

fn device(number: usize) -> (ReportBuilder, PollReport) {
    let mut builder = ReportBuilder::new(Arc::new(Device {
        name: format!("pdu-{number:05}.oob.fra1.example.net"),
        site: "fra1".into(),
        rack: format!("r{:03}", number / 2),
        device_type: "pdu".into(),
        description: model::device::Description::default(),
    }));
    let mut seed = number as f64;
    let mut next = |scale: f64| {
        seed = (seed * 16_807.0 + 11.0) % 2_147_483_647.0;
        (seed / 2_147_483_647.0 * scale * 100.0).round() / 100.0
    };
    for outlet in 0..OUTLETS {
        let (id, name) = (format!("outlet.{outlet}"), format!("Outlet {outlet}"));
        let labels = Labels::component(&id, &name).with(Label::OobCircuitType, "outlet");
        builder.record(metric::OOB_CIRCUIT_CURRENT, &labels, next(16.0));
        builder.record(metric::OOB_CIRCUIT_POWER, &labels, next(3_680.0).round());
        builder.record(metric::OOB_CIRCUIT_VOLTAGE, &labels, 220.0 + next(20.0));
        builder.record(metric::OOB_CIRCUIT_ENERGY, &labels, next(1e9).round());
    }
    builder.record(metric::OOB_DEVICE_UP, &Labels::new(), 1.0);
    builder.record(metric::OOB_DEVICE_UPTIME, &Labels::new().with(Label::Component, "device"), next(1e6));
    let report = builder.finish(1_700_000_000_000, Duration::from_millis(300), None);
    (builder, report)
}
