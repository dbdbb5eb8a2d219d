//! The latest reports of every target: what a scrape and the status page serve.
//!
//! Readings are those of the last poll that brought some, and disappear once they are older than three of
//! their target's intervals; the target's state (up, errors, last success) is always that of its newest poll.
//! Holds reports by reference count: a snapshot copies pointers and holds the lock for no longer than that.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use model::{PollReport, Timestamp};

/// Intervals after which a reading is no longer served.
const FRESH_INTERVALS: u32 = 3;

/// What is known of one target.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Time from one poll of the target to the next.
    pub interval: Duration,
    /// The last successful poll's report.
    pub readings: Option<Arc<PollReport>>,
    /// State samples of the newest poll, successful or not.
    pub status: Arc<PollReport>,
}

impl Entry {
    /// The readings, if they are fresh at `now`.
    pub fn fresh_readings(&self, now: Timestamp) -> Option<&Arc<PollReport>> {
        self.readings.as_ref().filter(|readings| self.is_fresh(readings, now))
    }

    /// A reading from the future is as wrong as an old one: the clock was set back, and nobody knows its age.
    fn is_fresh(&self, readings: &PollReport, now: Timestamp) -> bool {
        let oldest = self.interval.saturating_mul(FRESH_INTERVALS).as_millis();
        u128::from(now.abs_diff(readings.at)) <= oldest
    }

    fn reports(&self, now: Timestamp) -> impl Iterator<Item = Arc<PollReport>> {
        self.fresh_readings(now).into_iter().chain([&self.status]).cloned()
    }
}

/// The latest reports, by target name. Shared by all pollers and all scrapes.
#[derive(Debug, Default)]
pub struct Latest {
    entries: RwLock<BTreeMap<Arc<str>, Entry>>,
}

impl Latest {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in what a poll of a target brought.
    ///
    /// `readings` is `None` where the poll failed: the earlier ones stay until they are too old. `status`
    /// carries the state samples, and the time, duration and error of the poll. The two must not hold the
    /// same series.
    pub fn publish(
        &self,
        name: &str,
        interval: Duration,
        readings: Option<Arc<PollReport>>,
        status: Arc<PollReport>,
    ) {
        let new = Entry { interval, readings, status };
        let mut entries = self.write();
        let replaced = match entries.get_mut(name) {
            Some(entry) => {
                let kept = new.readings.or_else(|| entry.fresh_readings(new.status.at).cloned());
                std::mem::replace(entry, Entry { readings: kept, ..new })
            }
            None => {
                entries.insert(name.into(), new);
                return;
            }
        };
        drop(entries);
        drop(replaced);
    }

    /// Forgets a target, when it leaves the configuration.
    pub fn remove(&self, name: &str) {
        let removed = self.write().remove(name);
        drop(removed);
    }

    /// What is known of one target.
    pub fn get(&self, name: &str) -> Option<Entry> {
        self.read().get(name).cloned()
    }

    /// The reports to serve at `now`, in the order of the targets' names.
    pub fn snapshot(&self, now: Timestamp) -> Vec<Arc<PollReport>> {
        let entries = self.read();
        let mut reports = Vec::with_capacity(entries.len() * 2);
        reports.extend(entries.values().flat_map(|entry| entry.reports(now)));
        reports
    }

    /// How many series are served at `now`.
    pub fn series(&self, now: Timestamp) -> usize {
        let entries = self.read();
        entries.values().flat_map(|entry| entry.reports(now)).map(|report| report.samples.len()).sum()
    }

    // A writer that panicked left whole entries behind: each is put in place at once.
    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<Arc<str>, Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<Arc<str>, Entry>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Device, Labels, ReportBuilder, metric};

    const MINUTE: Duration = Duration::from_secs(60);

    fn report(name: &str, at: Timestamp, metric: model::Metric, value: f64) -> Arc<PollReport> {
        let mut builder = ReportBuilder::new(Arc::new(Device {
            name: name.into(),
            site: "fra1".into(),
            rack: String::new(),
            device_type: "pdu".into(),
            description: model::device::Description::default(),
        }));
        builder.record(metric, &Labels::new(), value);
        Arc::new(builder.finish(at, Duration::ZERO, None))
    }

    fn readings(at: Timestamp) -> Arc<PollReport> {
        report("pdu-a", at, metric::HW_HOST_POWER, 100.0)
    }

    fn status(at: Timestamp, up: f64) -> Arc<PollReport> {
        report("pdu-a", at, metric::OOB_DEVICE_UP, up)
    }

    fn served(latest: &Latest, now: Timestamp) -> Vec<(Timestamp, f64)> {
        latest.snapshot(now).iter().map(|report| (report.at, report.samples[0].value)).collect()
    }

    #[test]
    fn readings_outlive_a_failed_poll_for_three_intervals_and_the_status_is_always_the_newest() {
        let latest = Latest::new();
        latest.publish("pdu-a", MINUTE, Some(readings(0)), status(0, 1.0));
        assert_eq!(served(&latest, 1_000), [(0, 100.0), (0, 1.0)]);
        latest.publish("pdu-a", MINUTE, None, status(60_000, 0.0));
        assert_eq!(served(&latest, 60_000), [(0, 100.0), (60_000, 0.0)]);
        assert_eq!(served(&latest, 180_000), [(0, 100.0), (60_000, 0.0)]);
        assert_eq!(served(&latest, 180_001), [(60_000, 0.0)]);
        latest.publish("pdu-a", MINUTE, Some(readings(200_000)), status(200_000, 1.0));
        assert_eq!(served(&latest, 200_000), [(200_000, 100.0), (200_000, 1.0)]);
    }

    #[test]
    fn old_readings_are_given_back_by_the_next_failed_poll() {
        let latest = Latest::new();
        let old = readings(0);
        latest.publish("pdu-a", MINUTE, Some(Arc::clone(&old)), status(0, 1.0));
        latest.publish("pdu-a", MINUTE, None, status(240_000, 0.0));
        assert_eq!(Arc::strong_count(&old), 1);
    }

    #[test]
    fn readings_from_the_future_are_not_served_as_fresh() {
        let latest = Latest::new();
        latest.publish("pdu-a", MINUTE, Some(readings(10_000_000)), status(10_000_000, 1.0));
        assert_eq!(served(&latest, 0), [(10_000_000, 1.0)]);
        assert_eq!(served(&latest, i64::MIN), [(10_000_000, 1.0)]);
    }

    #[test]
    fn targets_come_in_the_order_of_their_names_and_leave_whole() {
        let latest = Latest::new();
        for name in ["b", "c", "a"] {
            latest.publish(name, MINUTE, None, report(name, 0, metric::OOB_DEVICE_UP, 1.0));
        }
        latest.remove("c");
        let names: Vec<_> = latest.snapshot(0).iter().map(|report| report.device.name.clone()).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(latest.get("c").is_none());
        assert_eq!(latest.series(0), 2);
    }
}
