//! What fuzz targets share: devices to report for, and the reports that must hold.

use std::sync::Arc;
use std::time::Duration;

use exporters::prometheus::{Exposition, Format};
use model::{Device, PollReport, ReportBuilder};

/// A builder for a device with plain labels.
pub fn report() -> ReportBuilder {
    ReportBuilder::new(Arc::new(Device {
        name: "device".into(),
        site: "site".into(),
        rack: String::new(),
        device_type: "pdu".into(),
        description: Default::default(),
    }))
}

/// Ends a report and checks what holds for each: plausible values, and one whole line in a scrape for each sample.
pub fn finish(report: &mut ReportBuilder) -> PollReport {
    let report = report.finish(0, Duration::ZERO, None);
    for sample in &report.samples {
        let (low, high) = sample.series.metric.definition().range;
        assert!((low..=high).contains(&sample.value), "{sample:?}");
    }
    let mut text = Vec::new();
    let mut exposition = Exposition::new(Format::Text, [&report]);
    while exposition.fill(&mut text) {}
    let text = std::str::from_utf8(&text).expect("a scrape is UTF-8");
    let lines = text.split('\n').filter(|line| !line.is_empty() && !line.starts_with('#'));
    assert_eq!(lines.count(), report.samples.len(), "{text}");
    report
}

/// Takes numbers off the input until it ends; then all are 0.
pub struct Dice<'a>(pub &'a [u8]);

impl Dice<'_> {
    /// The next octet.
    pub fn octet(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number below `bound`, or 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let number = usize::from(self.octet()) << 8 | usize::from(self.octet());
        number.checked_rem(bound).unwrap_or(0)
    }

    /// Whether nothing is left.
    pub fn is_spent(&self) -> bool {
        self.0.is_empty()
    }

    /// The next octets, at most so many.
    pub fn octets(&mut self, count: usize) -> &[u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}
