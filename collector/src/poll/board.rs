//! What is known of every target right now: the outlet that scrapes and the status page read.
//!
//! Keeps the newest outcome of each target and nothing older.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use exporters::latest::Latest;
use model::{PollError, PollReport, Reason, Timestamp};

use crate::clock::wall_clock;
use crate::poll::fleet::Outlet;
use crate::poll::task::Outcome;
use crate::status::{TargetState, TargetStatus};
use crate::target::Target;

/// The newest outcome of every target.
#[derive(Debug, Default)]
pub struct Board {
    /// Reports, for scrapes.
    pub latest: Arc<Latest>,
    statuses: Mutex<BTreeMap<String, TargetStatus>>,
}

impl Board {
    /// An empty board.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lists targets that have not been polled yet, so that nobody has to wait to see that they are known.
    pub fn expect<'a>(&self, targets: impl IntoIterator<Item = &'a Arc<Target>>) {
        let mut statuses = self.statuses();
        for target in targets {
            let fresh = never_polled(target);
            statuses
                .entry(target.device.name.clone())
                .and_modify(|status| {
                    status.device = Arc::clone(&fresh.device);
                    status.protocol = fresh.protocol;
                    status.address.clone_from(&fresh.address);
                    status.interval = fresh.interval;
                })
                .or_insert(fresh);
        }
    }

    /// Every target, by name.
    pub fn targets(&self) -> Vec<TargetStatus> {
        self.statuses().values().cloned().collect()
    }

    fn statuses(&self) -> MutexGuard<'_, BTreeMap<String, TargetStatus>> {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outlet for Board {
    fn publish(&self, target: &Target, outcome: &Outcome, next: Instant) {
        let report = &outcome.readings;
        let readings = report.error.is_none().then(|| Arc::clone(report));
        let name = target.device.name.as_str();
        self.latest.publish(name, target.interval, readings, Arc::clone(&outcome.status));
        let wait = next.saturating_duration_since(Instant::now());
        let mut statuses = self.statuses();
        let status = statuses.entry(name.to_owned()).or_insert_with(|| never_polled(target));
        status.state = state(report);
        status.last_error = last_error(report);
        status.last_poll = Some(report.at);
        status.last_success = outcome.last_success;
        status.next_poll = Some(wall_clock().saturating_add(milliseconds(wait)));
        status.duration = Some(report.duration);
        status.faults = usize::try_from(fault_count(report)).unwrap_or(usize::MAX);
        if report.error.is_none() {
            status.series = report.samples.len();
        }
    }

    fn remove(&self, name: &str) {
        self.latest.remove(name);
        self.statuses().remove(name);
    }
}

fn never_polled(target: &Target) -> TargetStatus {
    TargetStatus {
        device: Arc::clone(&target.device),
        protocol: target.protocol,
        address: target.address.to_string(),
        state: TargetState::NeverPolled,
        last_error: None,
        last_poll: None,
        last_success: None,
        next_poll: None,
        interval: target.interval,
        duration: None,
        series: 0,
        faults: 0,
    }
}

fn state(report: &PollReport) -> TargetState {
    match &report.error {
        Some(error) if error.reason == Reason::Auth => TargetState::LoginRefused,
        Some(_) => TargetState::Down,
        None if fault_count(report) > 0 => TargetState::Degraded,
        None => TargetState::Up,
    }
}

fn last_error(report: &PollReport) -> Option<PollError> {
    let fault = report.faults.first();
    let from_fault = || fault.map(|f| PollError::new(f.reason, format!("{}: {}", f.subject, f.detail)));
    report.error.clone().or_else(from_fault)
}

fn fault_count(report: &PollReport) -> u32 {
    report.fault_counts.iter().map(|&(_, count)| count).sum()
}

fn milliseconds(duration: Duration) -> Timestamp {
    Timestamp::try_from(duration.as_millis()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::task::tests::target;
    use model::{Labels, ReportBuilder, metric};

    fn outcome(target: &Target, error: Option<PollError>, fault: bool) -> Outcome {
        let mut builder = ReportBuilder::new(Arc::clone(&target.device));
        builder.record(metric::HW_HOST_POWER, &Labels::new(), 100.0);
        if fault {
            builder.fault(Reason::Parse, "outlet table", "no number");
        }
        let readings = Arc::new(builder.finish(1_000, Duration::from_secs(1), error));
        Outcome { status: Arc::clone(&readings), readings, last_success: Some(1_000) }
    }

    #[test]
    fn a_target_is_listed_before_its_first_poll_and_forgotten_when_removed() {
        let board = Board::new();
        board.expect([&target("a"), &target("b")]);
        let states: Vec<_> = board.targets().iter().map(|status| status.state).collect();
        assert_eq!(states, [TargetState::NeverPolled; 2]);
        board.remove("a");
        assert_eq!(board.targets().len(), 1);
    }

    #[test]
    fn a_reload_keeps_what_is_known_of_a_target() {
        let board = Board::new();
        let target = target("a");
        board.publish(&target, &outcome(&target, None, false), Instant::now());
        board.expect([&target]);
        assert_eq!(board.targets()[0].state, TargetState::Up);
        assert_eq!(board.targets()[0].series, 1);
    }

    #[test]
    fn faults_degrade_and_errors_say_why() {
        let board = Board::new();
        let target = target("a");
        board.publish(&target, &outcome(&target, None, true), Instant::now());
        let status = board.targets().remove(0);
        assert_eq!(status.state, TargetState::Degraded);
        assert_eq!(status.last_error.map(|e| e.detail).as_deref(), Some("outlet table: no number"));

        let refused = PollError::new(Reason::Auth, "the password was refused");
        board.publish(&target, &outcome(&target, Some(refused), false), Instant::now());
        let status = board.targets().remove(0);
        assert_eq!(status.state, TargetState::LoginRefused);
        assert_eq!(status.series, 1, "the series of the last success stay known");
    }
}
