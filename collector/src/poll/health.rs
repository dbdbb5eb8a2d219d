//! What is known of a target's health, as samples: up, age, errors by cause, dropped readings.
//!
//! Pure: notes one poll after another and gives the status report that goes with each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::{Label, Labels, PollReport, Reason, Rejection, ReportBuilder, Timestamp, metric};

use crate::target::Target;

/// Counters and states of one target since the program knows it.
pub struct Health {
    report: ReportBuilder,
    protocol: &'static str,
    interval: Duration,
    last_success: Option<Timestamp>,
    errors: BTreeMap<Reason, u64>,
    rejected: BTreeMap<Rejection, u64>,
}

impl Health {
    /// Of a target that was not polled yet.
    pub fn new(target: &Target) -> Self {
        Self {
            report: ReportBuilder::new(Arc::clone(&target.device)),
            protocol: target.protocol.as_str(),
            interval: target.interval,
            last_success: None,
            errors: BTreeMap::new(),
            rejected: BTreeMap::new(),
        }
    }

    /// When the last successful poll began.
    pub fn last_success(&self) -> Option<Timestamp> {
        self.last_success
    }

    /// Notes a poll and gives the status that holds from now on.
    pub fn note(&mut self, poll: &PollReport) -> PollReport {
        if poll.error.is_none() {
            self.last_success = Some(poll.at);
        }
        for reason in causes(poll) {
            *self.errors.entry(reason).or_default() += 1;
        }
        for &(rejection, count) in &poll.rejections {
            *self.rejected.entry(rejection).or_default() += u64::from(count);
        }
        self.record(poll);
        self.report.finish(poll.at, poll.duration, poll.error.clone())
    }

    fn record(&mut self, poll: &PollReport) {
        let up = poll.error.is_none();
        let protocol = Labels::new().with(Label::Protocol, self.protocol);
        let report = &mut self.report;
        report.record(metric::OOB_DEVICE_UP, &Labels::new(), f64::from(u8::from(up)));
        let only = [(self.protocol, up)];
        let protocols = if poll.protocols.is_empty() { &only[..] } else { &poll.protocols };
        for (name, up) in protocols {
            let labels = Labels::new().with(Label::Protocol, name);
            report.record(metric::OOB_DEVICE_PROTOCOL_UP, &labels, f64::from(u8::from(*up)));
        }
        report.record(metric::OOB_DEVICE_POLL_INTERVAL, &Labels::new(), self.interval.as_secs_f64());
        if let Some(at) = self.last_success {
            report.record(metric::OOB_DEVICE_LAST_SUCCESS_TIMESTAMP, &Labels::new(), at as f64 / 1e3);
        }
        for (reason, &count) in &self.errors {
            let labels = protocol.with(Label::ErrorType, reason.as_str());
            report.record(metric::OOB_POLL_ERRORS, &labels, count as f64);
        }
        for (rejection, &count) in &self.rejected {
            let labels = Labels::new().with(Label::Reason, rejection.as_str());
            report.record(metric::OOB_READINGS_REJECTED, &labels, count as f64);
        }
    }
}

/// Each cause once for a poll, whether it cost the whole poll or a part.
fn causes(poll: &PollReport) -> Vec<Reason> {
    let mut causes: Vec<Reason> = poll.fault_counts.iter().map(|&(reason, _)| reason).collect();
    causes.extend(poll.error.as_ref().map(|error| error.reason));
    causes.sort_unstable();
    causes.dedup();
    causes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::task::tests::target;
    use model::PollError;

    fn value(report: &PollReport, name: &str, own: &str) -> Option<f64> {
        let same = |sample: &&model::Sample| {
            sample.series.metric.definition().prometheus == name && sample.series.own_text() == own
        };
        report.samples.iter().find(same).map(|sample| sample.value)
    }

    #[test]
    fn a_failed_poll_keeps_the_age_and_counts_its_cause() {
        let target = target("bmc-1");
        let mut health = Health::new(&target);
        let mut builder = ReportBuilder::new(Arc::clone(&target.device));

        let status = health.note(&builder.finish(5_000, Duration::ZERO, None));
        assert_eq!(value(&status, "oob_device_up", ""), Some(1.0));

        builder.fault(Reason::Timeout, "ifTable", "no answer");
        let error = PollError::new(Reason::Timeout, "no answer");
        let status = health.note(&builder.finish(65_000, Duration::ZERO, Some(error)));
        assert_eq!(value(&status, "oob_device_up", ""), Some(0.0));
        assert_eq!(value(&status, "oob_device_last_success_timestamp_seconds", ""), Some(5.0));
        let labels = r#"protocol="snmp",error_type="timeout""#;
        assert_eq!(value(&status, "oob_poll_errors_total", labels), Some(1.0));
    }

    #[test]
    fn each_protocol_of_a_device_is_told_of() {
        let target = target("bmc-1");
        let mut health = Health::new(&target);
        let mut builder = ReportBuilder::new(Arc::clone(&target.device));
        let up = |status: &PollReport, name| {
            value(status, "oob_device_protocol_up", &format!(r#"protocol="{name}""#))
        };
        let status = health.note(&builder.finish(1, Duration::ZERO, None));
        assert_eq!(["snmp", "ipmi"].map(|name| up(&status, name)), [Some(1.0), None]);
        builder.protocol("snmp", false);
        builder.protocol("ipmi", true);
        let status = health.note(&builder.finish(2, Duration::ZERO, None));
        assert_eq!(["snmp", "ipmi"].map(|name| up(&status, name)), [Some(0.0), Some(1.0)]);
        assert_eq!(value(&status, "oob_device_up", ""), Some(1.0));
    }

    #[test]
    fn dropped_readings_add_up() {
        let target = target("bmc-1");
        let mut health = Health::new(&target);
        let mut builder = ReportBuilder::new(Arc::clone(&target.device));
        for poll in 1..=3 {
            builder.reject(Rejection::Na);
            let status = health.note(&builder.finish(poll, Duration::ZERO, None));
            assert_eq!(value(&status, "oob_readings_rejected_total", r#"reason="na""#), Some(poll as f64));
        }
    }
}
