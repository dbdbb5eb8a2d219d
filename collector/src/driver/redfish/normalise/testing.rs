//! Helpers of the tests: an empty report, and samples as text.

use std::sync::Arc;

use model::{Device, ReportBuilder, Sample};

/// A report of a device that is called `bmc`.
pub(crate) fn report() -> ReportBuilder {
    ReportBuilder::new(Arc::new(Device {
        name: "bmc".into(),
        site: "fra1".into(),
        rack: String::new(),
        device_type: "server".into(),
        description: model::device::Description::default(),
    }))
}

/// The value of one label of a sample; empty if it has none.
pub(crate) fn value(sample: &Sample, label: &str) -> String {
    sample
        .series
        .labels()
        .find(|(name, _)| *name == label)
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// Samples as `name{own labels} value`, sorted; state sets only where they are 1.
pub(crate) fn lines(report: &ReportBuilder) -> Vec<String> {
    let state_set = |sample: &Sample| {
        !matches!(
            sample.series.metric.definition().kind,
            model::Kind::Gauge | model::Kind::Counter | model::Kind::UpDown
        )
    };
    let mut lines: Vec<String> = report
        .samples()
        .iter()
        .filter(|sample| sample.value != 0.0 || !state_set(sample))
        .map(|sample| {
            let name = sample.series.metric.definition().prometheus;
            format!("{name}{{{}}} {}", sample.series.own_text().replace('"', ""), sample.value)
        })
        .collect();
    lines.sort();
    lines
}

/// What the report tells of the device itself, once the poll has ended.
pub(crate) fn device_info(report: &mut ReportBuilder) -> Option<String> {
    let report = report.finish(0, std::time::Duration::ZERO, None);
    let info = report.samples.into_iter().find(|s| s.series.metric == model::metric::OOB_DEVICE_INFO)?;
    Some(info.series.own_text().to_owned())
}
