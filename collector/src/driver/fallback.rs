//! One device over two protocols: the second stands in while the first gives no answer.
//!
//! Components keep the identity that the first protocol gave them, where their names allow. What the second
//! cannot tell as the first did is left out: counters, which would jump; firmware, whose versions are written
//! in another way and would seem to change; and the presence of components, which would seem to vanish. A login
//! that the one protocol refused is not tried over the other, so that two protocols do not lock an account that
//! one would not have locked.

use std::sync::Arc;
use std::time::Duration;

use model::{
    Device, Kind, Label, Labels, Metric, PollError, PollReport, Reason, ReportBuilder, Sample, metric,
};
use tokio::time::Instant;

use super::Driver;
use super::identities::Identities;
use crate::target::{Credentials, Protocol, Target};

/// A device that two drivers can poll.
pub struct Pair<P, F> {
    first: P,
    second: F,
    protocols: [Protocol; 2],
    device: Arc<Device>,
    /// Whether both log in as the same user.
    is_same_login: bool,
    /// From one try of the second protocol to the next while the first one answers, and from a refused login
    /// to the next.
    patience: Duration,
    /// What the first protocol told last.
    known: Vec<Sample>,
    identities: Option<Identities>,
    /// The report of the second protocol while it stands in.
    report: Option<ReportBuilder>,
    /// Whether the second protocol answered, and when that was.
    tried: Option<(bool, Instant)>,
    /// When the second protocol refused the login that is the first one's too.
    refused: Option<Instant>,
    has_answered: bool,
}

impl<P: Driver + Send, F: Driver + Send> Pair<P, F> {
    /// Two drivers of one target, the second for its fallback.
    pub fn new(target: &Target, fallback: &Target, first: P, second: F) -> Self {
        let user =
            |target: &Target| target.credentials.as_ref().and_then(Credentials::user).map(str::to_owned);
        Self {
            first,
            second,
            protocols: [target.protocol, fallback.protocol],
            device: Arc::clone(&target.device),
            is_same_login: user(target) == user(fallback),
            patience: target.inventory_interval,
            known: Vec::new(),
            identities: None,
            report: None,
            tried: None,
            refused: None,
            has_answered: false,
        }
    }

    /// Keeps what the components are called. A device rarely changes without another number of samples, and
    /// one that answers in part is not forgotten for that.
    fn learn(&mut self, report: &ReportBuilder) {
        let (told, known) = (report.len(), self.known.len());
        if told > known || (told < known && report.faults().is_empty()) {
            self.known = report.samples().to_vec();
            self.identities = None;
        }
    }

    /// The first protocol answers: the second is no longer needed.
    async fn resume(&mut self) {
        if self.report.take().is_some() {
            let [protocol, _] = self.protocols.map(Protocol::as_str);
            tracing::info!(target_name = self.device.name, protocol, "the first protocol answers again");
            self.second.close().await;
        }
    }

    /// Tries the second protocol now and then, so that its state is known before it is needed, and with it
    /// what takes long to read. Not in the first poll, which is waited for.
    async fn check(&mut self) {
        let is_due = self.tried.is_none_or(|(_, at)| at.elapsed() >= self.patience);
        if !std::mem::replace(&mut self.has_answered, true) || !is_due {
            return;
        }
        let mut report = ReportBuilder::new(Arc::clone(&self.device));
        let result = self.second.poll(&mut report).await;
        self.note(&result);
        self.second.close().await;
    }

    fn note(&mut self, result: &Result<(), PollError>) {
        self.tried = Some((result.is_ok(), Instant::now()));
        let is_refused = result.as_ref().is_err_and(|error| error.reason == Reason::Auth);
        self.refused = (is_refused && self.is_same_login).then(Instant::now);
    }

    /// Polls over the second protocol after `error` of the first.
    async fn stand_in(&mut self, error: PollError, report: &mut ReportBuilder) -> Result<(), PollError> {
        let [first, second] = self.protocols.map(Protocol::as_str);
        if let Some(reason) = self.is_kept_from(&error) {
            return Err(PollError::new(error.reason, format!("{error}; {second} is not tried: {reason}")));
        }
        let mut own = self.report.take().unwrap_or_else(|| {
            tracing::warn!(target_name = self.device.name, protocol = first, %error, "using the fallback");
            ReportBuilder::new(Arc::clone(&self.device))
        });
        let result = self.second.poll(&mut own).await;
        self.note(&result);
        let told = own.finish(0, Duration::ZERO, None);
        self.report = Some(own);
        match result {
            Ok(()) => {
                let known = self.identities.get_or_insert_with(|| Identities::of(&self.known));
                take_over(report, &told, known);
                report.fault(error.reason, first, format!("{error}; read over {second} instead"));
                Ok(())
            }
            Err(other) => {
                let detail = format!("{error}; and over {second}: {other}");
                Err(PollError::new(error.reason, detail))
            }
        }
    }

    /// Why the account must not be risked over the second protocol, if so.
    fn is_kept_from(&self, error: &PollError) -> Option<&'static str> {
        if self.is_same_login && error.reason == Reason::Auth {
            return Some("it has the same login");
        }
        let was_refused = self.refused.is_some_and(|at| at.elapsed() < self.patience);
        was_refused.then_some("it has refused the same login")
    }
}

/// Records what the second protocol told under the names that the first one gave.
fn take_over(report: &mut ReportBuilder, told: &PollReport, known: &Identities) {
    let own = Identities::of(&told.samples);
    for Sample { series, value } in told.samples.iter().filter(|sample| is_comparable(sample.series.metric)) {
        let values: Vec<_> = series
            .labels()
            .filter_map(|(name, value)| Label::find(name).map(|label| (label, value)))
            .collect();
        let mut labels = Labels::new();
        values.iter().for_each(|(label, value)| labels.set(*label, value));
        let place = labels.get(Label::HwName).and_then(|name| {
            // Two of one name cannot both be the one that is known.
            own.find(series.metric, name).and(known.find(series.metric, name))
        });
        if let Some(place) = place {
            labels.set(Label::HwId, &place.id);
            labels.set(Label::HwName, &place.name);
            labels.set(Label::HwParent, &place.parent);
            labels.set(Label::HwSensorLocation, &place.location);
        }
        report.record(series.metric, &labels, *value);
    }
    for fault in &told.faults {
        report.fault(fault.reason, fault.subject.clone(), fault.detail.clone());
    }
    for (rejection, count) in &told.rejections {
        (0..*count).for_each(|_| report.reject(*rejection));
    }
}

/// Whether a metric means the same by either protocol.
fn is_comparable(metric: Metric) -> bool {
    let is_counter = metric.definition().kind == Kind::Counter;
    !is_counter && ![metric::OOB_COMPONENT_PRESENT, metric::OOB_FIRMWARE_INFO].contains(&metric)
}

impl<P: Driver + Send, F: Driver + Send> Driver for Pair<P, F> {
    async fn poll(&mut self, report: &mut ReportBuilder) -> Result<(), PollError> {
        let [first, second] = self.protocols.map(Protocol::as_str);
        let result = self.first.poll(report).await;
        report.protocol(first, result.is_ok());
        let result = match result {
            Ok(()) => {
                self.learn(report);
                self.resume().await;
                self.check().await;
                Ok(())
            }
            Err(error) => self.stand_in(error, report).await,
        };
        if let Some((is_up, _)) = self.tried {
            report.protocol(second, is_up);
        }
        result
    }

    async fn close(&mut self) {
        self.first.close().await;
        self.second.close().await;
    }
}

#[cfg(test)]
mod tests;
