//! The life of one target: wait for its tick, poll within its deadline, publish, again.

use std::sync::Arc;

use model::{PollError, PollReport, Reason, ReportBuilder, Timestamp};
use tokio::time::Instant;

use crate::driver::Driver;
use crate::firmware::Firmware;
use crate::firmware::tracker::Tracker;
use crate::poll::health::Health;
use crate::target::Target;

/// What one poll brought.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The device's readings; its `error` says whether the poll failed.
    pub readings: Arc<PollReport>,
    /// The target's health from now on.
    pub status: Arc<PollReport>,
    /// When the last successful poll began.
    pub last_success: Option<Timestamp>,
}

/// A target with its driver and what it has learned.
pub struct Poller<D> {
    target: Arc<Target>,
    driver: D,
    report: ReportBuilder,
    health: Health,
    firmware: Option<Tracker>,
    up: Option<bool>,
}

impl<D: Driver> Poller<D> {
    /// A target that was not polled yet.
    pub fn new(target: Arc<Target>, driver: D) -> Self {
        Self {
            report: ReportBuilder::new(Arc::clone(&target.device)),
            health: Health::new(&target),
            firmware: None,
            up: None,
            driver,
            target,
        }
    }

    /// Says of each poll how the firmware stands to what is wanted, and whether it has changed.
    pub fn following(mut self, firmware: &Arc<Firmware>) -> Self {
        self.firmware = Some(firmware.track(&self.target));
        self
    }

    /// The target.
    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// Polls once, within the target's deadline. `at` is the wall time.
    ///
    /// What was read before the deadline counts; the rest is a fault.
    pub async fn poll(&mut self, at: Timestamp) -> Outcome {
        let begun = Instant::now();
        let polled = tokio::time::timeout(self.target.deadline, self.driver.poll(&mut self.report)).await;
        let error = match polled {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error),
            Err(_) => self.deadline_passed(),
        };
        let mut readings = self.report.finish(at, begun.elapsed(), error);
        if let Some(firmware) = &mut self.firmware {
            firmware.amend(&mut readings, self.report.device_labels());
        }
        let status = self.health.note(&readings);
        self.tell(&readings);
        Outcome {
            readings: Arc::new(readings),
            status: Arc::new(status),
            last_success: self.health.last_success(),
        }
    }

    /// Ends the device's sessions.
    pub async fn close(&mut self) {
        self.driver.close().await;
    }

    fn deadline_passed(&mut self) -> Option<PollError> {
        let detail = format!(
            "the poll did not end within its deadline of {:?}: what was read until then is kept; \
             raise `deadline` if the device is only slow",
            self.target.deadline
        );
        if self.report.is_empty() {
            return Some(PollError::new(Reason::Timeout, detail));
        }
        self.report.fault(Reason::Timeout, "poll", detail);
        None
    }

    /// Logs each poll for those who debug, and each change of state for those who operate.
    fn tell(&mut self, report: &PollReport) {
        let target = self.target.device.name.as_str();
        let protocol = self.target.protocol.as_str();
        let up = report.error.is_none();
        tracing::debug!(
            target,
            protocol,
            up,
            samples = report.samples.len(),
            faults = report.faults.len(),
            duration = ?report.duration,
            "polled"
        );
        if self.up.replace(up) == Some(up) {
            return;
        }
        match &report.error {
            Some(error) => {
                tracing::warn!(target, protocol, reason = error.reason.as_str(), %error, "target is down");
            }
            None => tracing::info!(target, protocol, samples = report.samples.len(), "target is up"),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::target::{Address, Budget, Protocol, Tls};
    use model::{Device, Labels, metric};
    use std::time::Duration;

    pub(crate) fn target(name: &str) -> Arc<Target> {
        Arc::new(Target {
            device: Arc::new(Device {
                name: name.into(),
                site: "fra1".into(),
                rack: "r1".into(),
                device_type: "server".into(),
                description: model::device::Description::default(),
            }),
            protocol: Protocol::Snmp,
            address: Address { host: "127.0.0.1".into(), port: 161 },
            credentials: None,
            interval: Duration::from_secs(60),
            deadline: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            inventory_interval: Duration::from_secs(3600),
            tls: Tls::Verify,
            budget: Budget { concurrency: 1, rate: 10.0 },
            max_repetitions: None,
            fallback: None,
        })
    }

    /// Reads one temperature, then hangs as often as told.
    struct Stuck {
        reads_first: bool,
    }

    impl Driver for Stuck {
        async fn poll(&mut self, report: &mut ReportBuilder) -> Result<(), PollError> {
            if self.reads_first {
                report.record(metric::HW_TEMPERATURE, &Labels::component("t1", "Inlet"), 20.0);
            }
            std::future::pending().await
        }

        async fn close(&mut self) {}
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_keeps_what_was_read() {
        let mut poller = Poller::new(target("bmc-1"), Stuck { reads_first: true });
        let outcome = poller.poll(1_000).await;
        assert_eq!(outcome.readings.samples.len(), 1);
        assert_eq!(outcome.readings.error, None);
        assert_eq!(outcome.readings.fault_counts, [(Reason::Timeout, 1)]);
        assert_eq!(outcome.readings.duration, Duration::from_secs(30));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_device_is_down_after_its_deadline() {
        let mut poller = Poller::new(target("bmc-1"), Stuck { reads_first: false });
        let outcome = poller.poll(1_000).await;
        let error = outcome.readings.error.as_ref().map(|error| error.reason);
        assert_eq!(error, Some(Reason::Timeout));
        assert_eq!(outcome.last_success, None);
    }
}
