//! Event logs: counts the entries that are new since the last look, by severity.
//!
//! What a log held when it was first seen is no news. A log is read from its start, page by page, up to
//! a limit; entries behind that limit are not seen.

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
    seen: HashMap<String, HashSet<String>>,
    counts: [u64; SEVERITIES.len()],
}

impl Logs {
    /// Takes what a log holds now and gives back those of `entries` that are new; none at the first look.
    pub(crate) fn look<'a>(&mut self, log: &str, entries: &[&'a Value]) -> Vec<&'a Value> {
        let keys: HashSet<String> = entries.iter().take(MAX_ENTRIES).map(|entry| key(entry)).collect();
        let known = self.seen.get(log);
        if known.is_none() && self.seen.len() >= MAX_LOGS {
            return Vec::new();
        }
        let is_new = |entry: &&&Value| known.is_some_and(|known| !known.contains(&key(entry)));
        let fresh = entries.iter().take(MAX_ENTRIES).filter(is_new).copied().collect();
        self.seen.insert(log.to_owned(), keys);
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
        assert!(logs.look("sel", &[&old]).is_empty());
        assert_eq!(logs.look("sel", &[&old, &new]), [&new]);
        assert!(logs.look("sel", &[&old, &new]).is_empty());
        // Cleared, and numbered from the start.
        assert_eq!(logs.look("sel", &[&again]), [&again]);
        assert!(logs.count(&new) && logs.count(&again) && !logs.count(&json!({"Severity": "Purple"})));
        assert_eq!(logs.counts, [1, 1, 0]);
    }

    #[test]
    fn the_number_of_logs_is_bounded() {
        let mut logs = Logs::default();
        for log in 0..100 {
            logs.look(&log.to_string(), &[]);
        }
        assert_eq!(logs.seen.len(), MAX_LOGS);
    }
}
