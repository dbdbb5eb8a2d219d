//! What a BMC does wrong, switched while it runs.
//!
//! A faults file is a JSON list; `command` limits a fault to requests within a session with that network
//! function and command, and `times` to so many requests:
//!
//! ```json
//! [
//!   {"fault": "silent", "times": 3},
//!   {"fault": {"late-reply": {"ms": 500}}, "command": [4, 45]},
//!   {"fault": {"refuse-suite": {"suite": 3, "status": 1}}},
//!   {"fault": {"completion-code": {"code": 192}}, "command": [10, 35], "times": 2}
//! ]
//! ```
//!
//! Nothing here reads a clock or draws lots: the same requests meet the same faults.

use std::cell::Cell;

use serde::{Deserialize, Serialize};

use super::keys::Suite;

/// One way to misbehave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// No answer, and nothing comes of the request.
    Silent,
    /// Every n-th request is as if it never came.
    Drop {
        /// The n.
        every: u32,
    },
    /// Each answer takes so long, and the requests behind it wait in line.
    Slow {
        /// Milliseconds.
        ms: u64,
    },
    /// The answer comes so late, while requests behind it are answered at once.
    LateReply {
        /// Milliseconds.
        ms: u64,
    },
    /// The session's previous answer is sent again before the answer.
    ReplayedReply,
    /// Octets that are no packet.
    Garbage,
    /// The first half of the datagram.
    Truncated,
    /// The first half of the message in a packet that is right otherwise.
    TruncatedPayload,
    /// The second checksum of the message is wrong in a packet that is right otherwise.
    WrongChecksum,
    /// The packet's authentication code is wrong.
    BadIntegrity,
    /// The answer carries the number of another request.
    WrongRequestNumber,
    /// The packet carries a session sequence number that was used before.
    UsedSequenceNumber,
    /// Pings are answered, and nothing else.
    OnlyPings,
    /// No session is left for a newcomer.
    SessionTableFull,
    /// All sessions are forgotten, once, when this is switched on.
    Reset,
    /// The request is lost, and all sessions are.
    Reboot,
    /// An Open Session Request for a cipher suite is not answered.
    IgnoreSuite {
        /// The suite's number.
        suite: Suite,
    },
    /// Requests in sessions of a lower privilege level end in completion code D4h.
    NeedsPrivilege {
        /// The level's number: 3 is Operator, 4 is Administrator.
        level: u8,
    },
    /// A cipher suite is refused.
    RefuseSuite {
        /// The suite's number.
        suite: Suite,
        /// The RMCP+ status, table 13-15: "no cipher suite match" unless said otherwise.
        #[serde(default = "no_suite_match")]
        status: u8,
    },
    /// Digests of RAKP are made with the privilege of the Open Session Request instead of RAKP message 1.
    WrongPrivilege,
    /// A completion code instead of an answer.
    CompletionCode {
        /// The code, table 5-2.
        code: u8,
    },
    /// Reading the last SDR ends in completion code C3h (timeout).
    LastSdrTimeout,
    /// The SDR repository says that it has so many more records than it has.
    WrongSdrCount {
        /// Records too many, or too few when negative.
        off: i16,
    },
    /// Names in SDRs are octets of no encoding.
    GarbageNames,
    /// Sensors that have a reading say any.
    GarbageReadings,
    /// No DCMI.
    NoDcmi,
}

/// RMCP+ status 11h.
fn no_suite_match() -> u8 {
    0x11
}

/// A fault and its limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// What goes wrong.
    pub fault: Fault,
    /// Only for requests within a session with this network function and command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<(u8, u8)>,
    /// Only for so many requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

impl From<Fault> for FaultRule {
    fn from(fault: Fault) -> Self {
        Self { fault, command: None, times: None }
    }
}

impl Fault {
    /// This fault for the next `times` requests only.
    pub fn times(self, times: u32) -> FaultRule {
        FaultRule { times: Some(times), ..self.into() }
    }

    /// This fault for one command only.
    pub fn on(self, net_fn: u8, command: u8) -> FaultRule {
        FaultRule { command: Some((net_fn, command)), ..self.into() }
    }
}

/// The faults of one BMC, and what is left of each.
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

    /// Whether there is such a fault, whatever its limits.
    pub(crate) fn contains(&self, fault: &Fault) -> bool {
        self.0.iter().any(|armed| armed.rule.fault == *fault)
    }

    /// What the first fault says that `pick` takes, of those for this command.
    pub(crate) fn pick<T>(&self, command: Option<(u8, u8)>, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(|armed| {
            let limit = armed.rule.command;
            let picked = (limit.is_none() || limit == command).then(|| pick(&armed.rule.fault)).flatten()?;
            armed.struck.set(true);
            Some(picked)
        })
    }

    /// Whether `fault` strikes this command.
    pub(crate) fn strikes(&self, command: Option<(u8, u8)>, fault: &Fault) -> bool {
        self.pick(command, |other| (other == fault).then_some(())).is_some()
    }

    /// Whether the request is lost, by the faults that are limited to just `command`.
    pub(crate) fn loses(&self, command: Option<(u8, u8)>, is_ping: bool) -> bool {
        let mut lost = false;
        for armed in self.0.iter().filter(|armed| armed.rule.command == command) {
            let strikes = match armed.rule.fault {
                Fault::Silent => true,
                Fault::OnlyPings => !is_ping,
                Fault::Drop { every } => {
                    armed.seen.set(armed.seen.get().wrapping_add(1));
                    every != 0 && armed.seen.get().is_multiple_of(every)
                }
                _ => continue,
            };
            armed.struck.set(strikes);
            lost |= strikes;
        }
        lost
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
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file form is what people write: it is pinned here.
    #[test]
    fn file_form() {
        let text = r#"[
            {"fault": "silent", "times": 3},
            {"fault": {"late-reply": {"ms": 500}}, "command": [4, 45]},
            {"fault": {"refuse-suite": {"suite": 3}}},
            {"fault": {"refuse-suite": {"suite": 17, "status": 1}}},
            {"fault": {"wrong-sdr-count": {"off": -2}}},
            {"fault": "last-sdr-timeout"}
        ]"#;
        let rules: Vec<FaultRule> = serde_json::from_str(text).unwrap();
        let expected = [
            Fault::Silent.times(3),
            Fault::LateReply { ms: 500 }.on(0x04, 0x2d),
            Fault::RefuseSuite { suite: Suite::Sha1, status: 0x11 }.into(),
            Fault::RefuseSuite { suite: Suite::Sha256, status: 1 }.into(),
            Fault::WrongSdrCount { off: -2 }.into(),
            Fault::LastSdrTimeout.into(),
        ];
        assert_eq!(rules, expected);
        assert!(serde_json::from_str::<FaultRule>(r#"{"fault": "silent", "time": 3}"#).is_err());
        assert!(serde_json::from_str::<FaultRule>(r#"{"fault": {"refuse-suite": {"suite": 0}}}"#).is_err());
    }

    #[test]
    fn limits() {
        let mut faults = FaultSet::new(vec![Fault::Drop { every: 3 }.into()]);
        let dropped: Vec<_> = (0..6).map(|_| faults.loses(None, false)).collect();
        assert_eq!(dropped, [false, false, true, false, false, true]);
        faults = FaultSet::new(vec![FaultRule { times: Some(1), ..Fault::WrongChecksum.on(4, 45) }]);
        for expected in [true, false] {
            assert!(!faults.strikes(Some((4, 39)), &Fault::WrongChecksum));
            assert_eq!(faults.strikes(Some((4, 45)), &Fault::WrongChecksum), expected);
            faults.settle();
        }
    }
}
