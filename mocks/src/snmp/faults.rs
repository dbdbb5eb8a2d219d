//! What an agent does wrong, switched while it runs.
//!
//! A faults file is a JSON list; `under` limits a fault to requests for, or values of, objects under a
//! prefix, and `times` to so many requests:
//!
//! ```json
//! [
//!   {"fault": "silent", "times": 3},
//!   {"fault": {"delay": {"ms": 500}}, "under": "1.3.6.1.4.1.318"},
//!   {"fault": {"endless-walk": "repeat"}},
//!   {"fault": {"error-status": "gen-err"}}
//! ]
//! ```
//!
//! Nothing here reads a clock or draws lots: the same requests meet the same faults.

use std::cell::Cell;

use serde::{Deserialize, Serialize};

use super::oid::Oid;

/// One way to misbehave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// No answer.
    Silent,
    /// Each answer takes so long, and the requests behind it wait in line.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// Every n-th request gets no answer.
    Drop {
        /// The n.
        every: u32,
    },
    /// Octets that are no message.
    Garbage,
    /// The first half of the answer.
    Truncated,
    /// A walk that does not come to its end.
    EndlessWalk(Endless),
    /// An answer to another request.
    WrongRequestId,
    /// The answer comes so late, while requests behind it are answered at once.
    LateReply {
        /// Milliseconds.
        ms: u64,
    },
    /// An error instead of values.
    ErrorStatus(ErrorStatus),
    /// No answer to GETBULK.
    NoGetbulk,
    /// GETBULK leaves out every other row beyond so many repetitions.
    BulkSkips {
        /// Repetitions that are still right.
        above: usize,
    },
    /// Texts are repeated up to so many octets.
    HugeStrings {
        /// Octets of each text.
        bytes: usize,
    },
    /// Texts begin with octets that are no UTF-8.
    InvalidUtf8,
    /// The objects are missing, from GET and from walks.
    NoSuchInstance,
    /// The device was replaced: another engine id, once, when this is switched on.
    ReplacedEngine,
}

/// How a walk fails to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Endless {
    /// The object after a row is the row itself.
    Repeat,
    /// After the last row comes the first.
    Loop,
    /// After the last row come invented ones, in rising order.
    Grow,
}

/// Errors of RFC 3416 section 3 that agents are seen to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum ErrorStatus {
    TooBig = 1,
    NoSuchName = 2,
    BadValue = 3,
    ReadOnly = 4,
    GenErr = 5,
    NoAccess = 6,
    ResourceUnavailable = 13,
    AuthorizationError = 16,
    NotWritable = 17,
}

/// A fault and its limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// What goes wrong.
    pub fault: Fault,
    /// Only for objects under this prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<Oid>,
    /// Only for so many requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

impl From<Fault> for FaultRule {
    fn from(fault: Fault) -> Self {
        Self { fault, under: None, times: None }
    }
}

impl Fault {
    /// This fault for objects under `prefix` only.
    pub fn under(self, prefix: Oid) -> FaultRule {
        FaultRule { fault: self, under: Some(prefix), times: None }
    }

    /// This fault for the next `times` requests only.
    pub fn times(self, times: u32) -> FaultRule {
        FaultRule { fault: self, under: None, times: Some(times) }
    }
}

/// The faults of one agent, and what is left of each.
#[derive(Debug, Default)]
pub(crate) struct FaultSet(Vec<Armed>);

#[derive(Debug)]
struct Armed {
    rule: FaultRule,
    /// Whether it did something to the request at hand.
    struck: Cell<bool>,
    /// Requests that it looked at.
    seen: Cell<u32>,
}

impl FaultSet {
    pub(crate) fn new(rules: Vec<FaultRule>) -> Self {
        let armed = |rule| Armed { rule, struck: Cell::new(false), seen: Cell::new(0) };
        Self(rules.into_iter().map(armed).collect())
    }

    pub(crate) fn contains(&self, fault: &Fault) -> bool {
        self.0.iter().any(|armed| armed.rule.fault == *fault)
    }

    /// What the first fault says that `pick` takes, of those for a request with these names.
    pub(crate) fn on_request<T>(&self, names: &[Oid], pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        self.first(|under| names.iter().any(|name| name.is_under(under)), pick)
    }

    /// What the first fault says that `pick` takes, of those for this object.
    pub(crate) fn on_object<T>(&self, name: &Oid, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        self.first(|under| name.is_under(under), pick)
    }

    /// The prefix of the first fault equal to `fault` for this object: the empty one is `None`.
    pub(crate) fn prefix(&self, name: &Oid, fault: &Fault) -> Option<&Oid> {
        let armed = self.0.iter().find(|armed| {
            armed.rule.fault == *fault && armed.rule.under.as_ref().is_none_or(|under| name.is_under(under))
        });
        armed?.rule.under.as_ref()
    }

    /// Whether the request is one of those that [`Fault::Drop`] takes.
    pub(crate) fn drops(&self, names: &[Oid]) -> bool {
        let mut dropped = false;
        for armed in &self.0 {
            let Fault::Drop { every } = armed.rule.fault else { continue };
            if armed.applies(|under| names.iter().any(|name| name.is_under(under))) {
                armed.seen.set(armed.seen.get().wrapping_add(1));
                let struck = every != 0 && armed.seen.get().is_multiple_of(every);
                armed.struck.set(struck);
                dropped |= struck;
            }
        }
        dropped
    }

    /// Counts down the faults that did something to the request just handled, and forgets those used up.
    pub(crate) fn settle(&mut self) {
        for armed in &mut self.0 {
            if let (true, Some(times)) = (armed.struck.replace(false), &mut armed.rule.times) {
                *times = times.saturating_sub(1);
            }
        }
        self.0.retain(|armed| armed.rule.times != Some(0));
    }

    fn first<T>(&self, covers: impl Fn(&Oid) -> bool, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(|armed| {
            let picked = armed.applies(&covers).then(|| pick(&armed.rule.fault)).flatten()?;
            armed.struck.set(true);
            Some(picked)
        })
    }
}

impl Armed {
    fn applies(&self, covers: impl Fn(&Oid) -> bool) -> bool {
        self.rule.under.as_ref().is_none_or(covers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file form is what people write: it is pinned here.
    #[test]
    fn file_form() {
        let text = r#"[
            {"fault": "silent", "times": 3},
            {"fault": {"delay": {"ms": 500}}, "under": "1.3.6.1.4.1.318"},
            {"fault": {"endless-walk": "repeat"}},
            {"fault": {"error-status": "gen-err"}},
            {"fault": {"bulk-skips": {"above": 55}}},
            {"fault": "invalid-utf8"},
            {"fault": "no-getbulk"}
        ]"#;
        let rules: Vec<FaultRule> = serde_json::from_str(text).unwrap();
        let expected = [
            Fault::Silent.times(3),
            Fault::Delay { ms: 500 }.under("1.3.6.1.4.1.318".parse().unwrap()),
            Fault::EndlessWalk(Endless::Repeat).into(),
            Fault::ErrorStatus(ErrorStatus::GenErr).into(),
            Fault::BulkSkips { above: 55 }.into(),
            Fault::InvalidUtf8.into(),
            Fault::NoGetbulk.into(),
        ];
        assert_eq!(rules, expected);
        assert!(serde_json::from_str::<FaultRule>(r#"{"fault": "silent", "time": 3}"#).is_err());
    }

    #[test]
    fn used_up_faults_are_forgotten() {
        let mut faults = FaultSet::new(vec![Fault::Silent.times(2)]);
        let silent = |fault: &Fault| (*fault == Fault::Silent).then_some(());
        for expected in [Some(()), Some(()), None] {
            assert_eq!(faults.on_request(&[], silent), expected);
            faults.settle();
        }
    }

    #[test]
    fn every_third_request_is_dropped() {
        let mut faults = FaultSet::new(vec![Fault::Drop { every: 3 }.into()]);
        let mut dropped = Vec::new();
        for _ in 0..6 {
            dropped.push(faults.drops(&[]));
            faults.settle();
        }
        assert_eq!(dropped, [false, false, true, false, false, true]);
    }
}
