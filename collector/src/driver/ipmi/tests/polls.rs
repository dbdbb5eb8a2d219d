//! Polls of one BMC, and what is found in them.

use std::sync::Arc;
use std::time::Duration;

use model::{Device, Label, Metric, PollError, PollReport, ReportBuilder};

use crate::driver::Driver;
use crate::driver::breaker::Breakers;
use crate::driver::ipmi::driver::IpmiDriver;
use crate::driver::ipmi::link::Link;
use crate::driver::ipmi::{Ipmi, system_entropy};
use crate::target::Target;
use tokio::time::Instant;

/// Wall time of every poll.
const NOW: i64 = 1_700_000_000_000;

async fn common() -> Arc<Ipmi> {
    let breakers = Breakers::in_memory([0; 16]);
    Arc::new(Ipmi::bind(breakers, || NOW, system_entropy).unwrap())
}

pub(super) async fn driver(target: &Arc<Target>) -> (IpmiDriver, ReportBuilder) {
    let device: Arc<Device> = Arc::clone(&target.device);
    (IpmiDriver::new(common().await, Arc::clone(target)).unwrap(), ReportBuilder::new(device))
}

/// To ask without a poll.
pub(super) async fn link(target: &Arc<Target>) -> Link {
    let mut link = Link::new(common().await, Arc::clone(target)).unwrap();
    link.begin(NOW, Instant::now() + target.deadline);
    link
}

pub(super) async fn poll(
    driver: &mut IpmiDriver,
    report: &mut ReportBuilder,
) -> Result<PollReport, PollError> {
    driver.poll(report).await?;
    Ok(report.finish(NOW, Duration::ZERO, None))
}

/// Polls until the BMC, which was just started, answers in full.
pub(super) async fn first_poll(driver: &mut IpmiDriver, report: &mut ReportBuilder) -> PollReport {
    let mut last = None;
    for _ in 0..10 {
        match poll(driver, report).await {
            Ok(report) if report.faults.is_empty() => return report,
            other => last = Some(other),
        }
    }
    panic!("the BMC was started and does not answer in full: {last:?}")
}

/// The value of the series of this metric whose labels hold all of these.
pub(super) fn value(report: &PollReport, metric: Metric, labels: &[(Label, &str)]) -> Option<f64> {
    let own = |(label, value): &(Label, &str)| format!("{}=\"{value}\"", label.prometheus());
    let labels: Vec<String> = labels.iter().map(own).collect();
    let mut found = report.samples.iter().filter(|sample| {
        let text = sample.series.own_text();
        sample.series.metric == metric && labels.iter().all(|label| text.contains(label))
    });
    found.next().map(|sample| sample.value)
}

/// The state of a state set.
pub(super) fn state(report: &PollReport, metric: Metric, id: &str) -> Option<String> {
    let id = format!("hw_id=\"{id}\"");
    let own = |sample: &&model::Sample| {
        sample.series.metric == metric
            && sample.value == 1.0
            && (id.len() == 8 || sample.series.own_text().contains(&id))
    };
    let sample = report.samples.iter().find(own)?;
    let labels = sample.series.own_text();
    let (_, state) = labels.rsplit_once("state=\"")?;
    Some(state.trim_end_matches('"').to_owned())
}
