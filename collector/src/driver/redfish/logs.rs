//! Event logs: counts the entries that are new since the last look, by severity.
//!
//! What a log held when it was first seen is no news. A log is read from its start, page by page, up to
//! a limit; entries behind that limit are not seen. Nor is it news what comes back: the entries of a page that was
//! lost, and those of a log that a starting device shows empty.

use std::collections::{HashMap, HashSet};

use model::{Label, Labels, ReportBuilder, metric};
use serde_json::Value;

use super::normalise::log::{SEVERITIES, severity};
use super::value::text;

/// Pages read of one log.
pub(crate) const MAX_PAGES: usize = 4;
/// Entries remembered of one log.
const MAX_ENTRIES: usize = 4096;
/// Entries fetched one by one in one look, where a log lists links only.
pub(crate) const MAX_FETCHED: usize = 32;
/// Logs of one device.
pub(crate) const MAX_LOGS: usize = 8;

/// What is known of the logs of one device.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    seen: HashMap<String, Seen>,
    counts: [u64; SEVERITIES.len()],
}

/// What one log held.
#[derive(Debug, Default)]
struct Seen {
    keys: HashSet<String>,
    /// Whether it was empty at the last look, which the next has to confirm.
    is_doubtful: bool,
}

impl Logs {
    /// Takes what a log holds now, all of it or not, and gives back those of `entries` that are new; none at the
    /// first look.
    pub(crate) fn look<'a>(&mut self, log: &str, entries: &[&'a Value], all: bool) -> Vec<&'a Value> {
        if !self.seen.contains_key(log) && self.seen.len() >= MAX_LOGS {
            return Vec::new();
        }
        let mut keys: HashSet<String> = entries.iter().take(MAX_ENTRIES).map(|entry| key(entry)).collect();
        let known = self.seen.get(log);
        let is_new = |entry: &&&Value| known.is_some_and(|known| !known.keys.contains(&key(entry)));
        let fresh = entries.iter().take(MAX_ENTRIES).filter(is_new).copied().collect();
        let is_doubtful = keys.is_empty() && known.is_some_and(|known| !known.is_doubtful);
        if !all || is_doubtful {
            keys.extend(known.iter().flat_map(|known| &known.keys).take(MAX_ENTRIES).cloned());
        }
        self.seen.insert(log.to_owned(), Seen { keys, is_doubtful });
        fresh
    }

    /// Counts one new entry. False if its severity is not understood.
    pub(crate) fn count(&mut self, entry: &Value) -> bool {
        let slot = severity(entry).and_then(|index| self.counts.get_mut(index));
        if let Some(count) = slot {
            *count = count.saturating_add(1);
            return true;
        }
        false
    }

    /// Records the counts, once any log was seen.
    pub(crate) fn record(&self, report: &mut ReportBuilder) {
        for (severity, count) in SEVERITIES.iter().zip(self.counts).filter(|_| !self.seen.is_empty()) {
            let labels = Labels::new().with(Label::Severity, severity);
            report.record(metric::OOB_EVENT_LOG_EVENTS, &labels, count as f64);
        }
    }
}

/// Identity of an entry. A cleared log counts from the start again, so its time is part of it.
fn key(entry: &Value) -> String {
    let part = |key| text(entry, key).unwrap_or("");
    format!("{} {} {}", part("@odata.id"), part("Id"), part("Created"))
}

/// Whether an entry is only a link to itself.
pub(crate) fn is_link(entry: &Value) -> bool {
    entry.as_object().is_some_and(|fields| fields.keys().all(|key| key.starts_with("@odata.")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_entries_after_the_first_look_are_news() {
        let mut logs = Logs::default();
        let old = json!({"Id": "1", "Created": "2024-01-01T00:00:00Z", "Severity": "Critical"});
        let new = json!({"Id": "2", "Created": "2024-01-02T00:00:00Z", "Severity": "Warning"});
        let again = json!({"Id": "1", "Created": "2024-01-03T00:00:00Z", "Severity": "OK"});
        assert!(logs.look("sel", &[&old], true).is_empty());
        assert_eq!(logs.look("sel", &[&old, &new], true), [&new]);
        assert!(logs.look("sel", &[&old, &new], true).is_empty());
        // Cleared, and numbered from the start.
        assert_eq!(logs.look("sel", &[&again], true), [&again]);
        assert!(logs.count(&new) && logs.count(&again) && !logs.count(&json!({"Severity": "Purple"})));
        assert_eq!(logs.counts, [1, 1, 0]);
    }

    #[test]
    fn the_number_of_logs_is_bounded() {
        let mut logs = Logs::default();
        for log in 0..100 {
            logs.look(&log.to_string(), &[], true);
        }
        assert_eq!(logs.seen.len(), MAX_LOGS);
    }

    #[test]
    fn what_was_lost_or_not_shown_for_a_while_is_no_news() {
        let [first, second, third] = ["1", "2", "3"].map(|id| json!({"Id": id, "Severity": "Critical"}));
        let mut logs = Logs::default();
        logs.look("sel", &[&first, &second], true);
        assert_eq!(logs.look("sel", &[&third], false), [&third], "the last page was lost");
        assert!(logs.look("sel", &[&first, &second, &third], true).is_empty());
        assert!(logs.look("sel", &[], true).is_empty(), "the device starts");
        assert!(logs.look("sel", &[&first, &second, &third], true).is_empty());
        logs.look("sel", &[], true);
        logs.look("sel", &[], true);
        assert_eq!(logs.look("sel", &[&first], true), [&first], "the log was cleared");
    }

    #[test]
    fn the_entries_of_a_log_are_bounded() {
        let mut logs = Logs::default();
        for round in 0..5 {
            let entries: Vec<Value> =
                (0..MAX_ENTRIES).map(|id| json!({"Id": format!("{round} {id}")})).collect();
            logs.look("sel", &entries.iter().collect::<Vec<_>>(), false);
        }
        assert!(logs.seen["sel"].keys.len() <= 2 * MAX_ENTRIES);
    }
}
