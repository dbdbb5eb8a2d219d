//! Values that live: rules by which a recorded value varies with time.
//!
//! A value is a pure function of the recorded one, the agent's seed, the object's name and the time since
//! the agent began, so that two runs with the same seed say the same. Nothing here reads a clock.
//!
//! ```text
//! #live OID drift 5%             wanders within 5 % around the recorded number, a new aim every minute
//! #live OID drift 3 every 30s    wanders within 3 units, a new aim every 30 s
//! #live OID count 125000/s       counts on from the recorded number
//! #live OID count 125000/s 40%   each row at its own rate, up to 40 % off
//! #live OID uptime               counts hundredths of a second since the agent began
//! #live OID pulse 2 every 600s for 30s   says 2 for 30 s out of each 600 s
//! #live OID suffix               a text followed by "-" and the agent's number, for names and serials
//! ```

use std::borrow::Cow;
use std::time::Duration;

use super::oid::Oid;
use super::value::Value;

/// How often a drifting value gets a new aim unless its rule says so, in seconds.
const DRIFT_PERIOD: f64 = 60.0;

/// How a value varies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Wanders around the recorded number.
    Drift {
        /// How far, as a ratio or in units.
        reach: Reach,
        /// Seconds from one aim to the next.
        period: f64,
    },
    /// Counts on from the recorded number.
    Count {
        /// Counts in a second.
        rate: f64,
        /// How far a row's own rate is off, as a ratio.
        spread: f64,
    },
    /// Hundredths of a second since the agent began, on top of the recorded number.
    Uptime,
    /// Another number for a part of each period.
    Pulse {
        /// The number then.
        number: i64,
        /// The period in seconds.
        every: f64,
        /// The part of it in seconds.
        length: f64,
    },
    /// A text, then "-" and the agent's number.
    Suffix,
}

/// How far a drifting value goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reach {
    /// A ratio of the recorded number.
    Ratio(f64),
    /// Units of the recorded number.
    Units(f64),
}

/// A rule that is not understood.
#[derive(Debug, thiserror::Error)]
#[error(
    "'{0}' is no rule: expected drift, count, uptime, pulse or suffix with its numbers, as in 'drift 5%'"
)]
pub struct LiveError(String);

/// Who serves a value and since when: what varies a rule besides the value.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The agent's number.
    pub seed: u64,
    /// Time since the agent began.
    pub elapsed: Duration,
}

impl Rule {
    /// Parses the words behind the prefix of a `#live` line.
    pub fn parse(words: &[&str]) -> Result<Self, LiveError> {
        Self::from_words(words).ok_or_else(|| LiveError(words.join(" ")))
    }

    fn from_words(words: &[&str]) -> Option<Self> {
        Some(match words {
            ["drift", reach] => Self::Drift { reach: Reach::parse(reach)?, period: DRIFT_PERIOD },
            ["drift", reach, "every", period] => {
                Self::Drift { reach: Reach::parse(reach)?, period: seconds(period)? }
            }
            ["count", rate] => Self::Count { rate: number(rate, "/s")?, spread: 0.0 },
            ["count", rate, spread] => {
                Self::Count { rate: number(rate, "/s")?, spread: number(spread, "%")?.min(100.0) / 100.0 }
            }
            ["uptime"] => Self::Uptime,
            ["pulse", number, "every", every, "for", length] => {
                Self::Pulse { number: number.parse().ok()?, every: seconds(every)?, length: seconds(length)? }
            }
            ["suffix"] => Self::Suffix,
            _ => return None,
        })
    }

    /// Whether the rule makes sense for a value of this type.
    pub fn can_vary(&self, value: &Value) -> bool {
        match self {
            Self::Drift { .. } | Self::Pulse { .. } => matches!(value, Value::Integer(_) | Value::Gauge32(_)),
            Self::Count { .. } => {
                matches!(value, Value::Integer(_) | Value::Counter32(_) | Value::Counter64(_))
            }
            Self::Uptime => matches!(value, Value::TimeTicks(_)),
            Self::Suffix => matches!(value, Value::OctetString(_)),
        }
    }

    /// The value at a moment.
    pub fn apply<'v>(&self, oid: &Oid, value: &'v Value, moment: Moment) -> Cow<'v, Value> {
        let elapsed = moment.elapsed.as_secs_f64();
        let key = hash(moment.seed, oid);
        Cow::Owned(match (self, value) {
            (Self::Drift { reach, period }, Value::Integer(base)) => {
                Value::Integer(drift(*base as f64, *reach, elapsed / period, key) as i64)
            }
            (Self::Drift { reach, period }, Value::Gauge32(base)) => {
                Value::Gauge32(drift((*base).into(), *reach, elapsed / period, key) as u32)
            }
            (Self::Count { rate, spread }, counter) => {
                counted(counter, (rate * (1.0 + spread * lattice(key, 0)) * elapsed) as u64)
            }
            (Self::Uptime, Value::TimeTicks(base)) => {
                Value::TimeTicks(base.wrapping_add((moment.elapsed.as_millis() / 10) as u32))
            }
            (Self::Pulse { number, every, length }, _) if pulsing(*every, *length, elapsed, moment.seed) => {
                match value {
                    Value::Gauge32(_) => Value::Gauge32(u32::try_from(*number).unwrap_or(0)),
                    _ => Value::Integer(*number),
                }
            }
            (Self::Suffix, Value::OctetString(text)) => {
                let suffix = format!("-{}", moment.seed);
                Value::OctetString([text, suffix.as_bytes()].concat().into())
            }
            _ => return Cow::Borrowed(value),
        })
    }
}

impl Reach {
    fn parse(word: &str) -> Option<Self> {
        match number(word, "%") {
            Some(percent) => Some(Self::Ratio(percent / 100.0)),
            None => number(word, "").map(Self::Units),
        }
    }
}

/// A finite number that is not negative, before `unit`.
fn number(word: &str, unit: &str) -> Option<f64> {
    word.strip_suffix(unit)?.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)
}

fn seconds(word: &str) -> Option<f64> {
    number(word, "s").filter(|seconds| *seconds > 0.0)
}

/// A smooth way through random aims: at whole `time` it stands at an aim, between two it eases over.
fn drift(base: f64, reach: Reach, time: f64, key: u64) -> f64 {
    let reach = match reach {
        Reach::Ratio(ratio) => base * ratio,
        Reach::Units(units) => units,
    };
    let (cell, part) = (time.floor() as u64, time.fract());
    let ease = part * part * (3.0 - 2.0 * part);
    let (from, to) = (lattice(key, cell), lattice(key, cell.wrapping_add(1)));
    (base + reach * (from + (to - from) * ease)).round()
}

fn counted(counter: &Value, more: u64) -> Value {
    match counter {
        Value::Counter32(base) => Value::Counter32(base.wrapping_add(more as u32)),
        Value::Counter64(base) => Value::Counter64(base.wrapping_add(more)),
        Value::Integer(base) => Value::Integer(base.saturating_add_unsigned(more)),
        other => other.clone(),
    }
}

/// Pulses of one agent and period come together, so that several objects can tell of one event; each agent
/// begins at its own time within the period.
fn pulsing(every: f64, length: f64, elapsed: f64, seed: u64) -> bool {
    let offset = every * (lattice(seed, every.to_bits()) + 1.0) / 2.0;
    (elapsed + offset) % every < length
}

/// A number from -1 to 1 for each key and cell.
fn lattice(key: u64, cell: u64) -> f64 {
    let bits = mix(key ^ mix(cell)) >> 11;
    bits as f64 / (1u64 << 52) as f64 - 1.0
}

fn hash(seed: u64, oid: &Oid) -> u64 {
    oid.arcs().iter().fold(mix(seed), |key, arc| mix(key ^ u64::from(*arc)))
}

/// The finaliser of SplitMix64.
pub(crate) fn mix(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(rule: &str, value: Value, seconds: u64) -> Value {
        let rule = Rule::parse(&rule.split(' ').collect::<Vec<_>>()).unwrap();
        let oid = "1.3.6.1.4.1.318.1.7".parse().unwrap();
        rule.apply(&oid, &value, Moment { seed: 3, elapsed: Duration::from_secs(seconds) }).into_owned()
    }

    #[test]
    fn counters_count_at_their_rate_and_wrap() {
        assert_eq!(at("count 125000/s", Value::Counter64(7), 10), Value::Counter64(1_250_007));
        assert_eq!(at("count 1/s", Value::Counter32(u32::MAX), 2), Value::Counter32(1));
        assert_eq!(at("uptime", Value::TimeTicks(50), 3), Value::TimeTicks(350));
        let Value::Counter64(count) = at("count 100/s 40%", Value::Counter64(0), 100) else { panic!() };
        assert!((6_000..=14_000).contains(&count) && count != 10_000);
    }

    #[test]
    fn a_drift_stays_within_its_reach_and_moves() {
        let mut seen = std::collections::BTreeSet::new();
        for second in 0..2_000 {
            let Value::Gauge32(number) = at("drift 5%", Value::Gauge32(1_000), second) else { panic!() };
            assert!((950..=1_050).contains(&number));
            seen.insert(number);
        }
        assert!(seen.len() > 50);
        assert_eq!(at("drift 5%", Value::Gauge32(1_000), 77), at("drift 5%", Value::Gauge32(1_000), 77));
        for second in 0..200 {
            let Value::Integer(number) = at("drift 2 every 9s", Value::Integer(-10), second) else {
                panic!()
            };
            assert!((-12..=-8).contains(&number));
        }
    }

    #[test]
    fn a_pulse_takes_its_part_of_each_period() {
        let open = |second| at("pulse 2 every 600s for 30s", Value::Integer(1), second) == Value::Integer(2);
        assert_eq!((0..600).filter(|second| open(*second)).count(), 30);
        assert_eq!((600..1_200).filter(|second| open(*second)).count(), 30);
    }

    #[test]
    fn suffix_tells_agents_apart() {
        let named = at("suffix", Value::OctetString(b"pdu".as_slice().into()), 0);
        assert_eq!(named, Value::OctetString(b"pdu-3".as_slice().into()));
    }

    #[test]
    fn refuses_what_is_no_rule() {
        for words in ["drift", "drift -5%", "drift 5% every 0s", "count 5", "count inf/s", "wobble 3", ""] {
            assert!(Rule::parse(&words.split(' ').collect::<Vec<_>>()).is_err(), "{words}");
        }
    }
}
