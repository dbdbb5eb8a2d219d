//! Readings that live: each a pure function of seed, path, property and elapsed time.
//!
//! A rule says how one property moves around the value that the document gives it. Nothing is
//! remembered between two looks, so any moment can be asked for, in any order, and two servers with
//! the same seed agree. Numbers keep the precision they have in the document; a property that is not
//! a number (null, a string) stays as it is.

use super::overrides::Override;
use super::pattern::{matches, visit};
use serde::Deserialize;
use serde_json::{Number, Value};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// How many rules may stand behind each other (`follow` of a `follow` …). A longer chain is a circle.
const MAX_CHAIN: usize = 8;

/// How one property of some documents moves.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The documents' path; `*` stands for any run of characters.
    pub path: String,
    /// JSON pointer of the property; `*` as a segment stands for each element.
    pub property: String,
    /// The way it moves.
    pub motion: Motion,
}

/// A way to move. All times are in seconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Motion {
    /// Wanders around the document's value by at most `amplitude` (in the property's unit).
    Drift {
        /// Largest distance from the document's value.
        amplitude: f64,
        /// Length of the slowest wave.
        period_s: f64,
    },
    /// Moves by `gain` for each unit that others move together.
    Follow {
        /// `path#pointer` of properties that drift or follow.
        of: Vec<String>,
        /// Own units for each unit of the other.
        gain: f64,
    },
    /// Counts the sum of others over time: energy from power.
    Integrate {
        /// `path#pointer` of properties that drift or follow.
        of: Vec<String>,
        /// Own units for each unit of the other in one second, such as 2.7777e-7 for W to kWh.
        factor: f64,
    },
    /// Counts evenly.
    Count {
        /// Own units in each second.
        per_second: f64,
    },
    /// Shows the time of day, in RFC 3339 with `+00:00`.
    Clock {
        /// How far the device's clock is ahead.
        #[serde(default)]
        offset_s: i64,
    },
}

/// The moment that a document is shown at.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Tells one device from another with the same tree.
    pub seed: u64,
    /// Seconds since 1970 when the server started.
    pub started_unix_s: u64,
    /// Time since the server started.
    pub elapsed: Duration,
}

/// A rule whose source cannot be found.
#[derive(Debug, thiserror::Error)]
#[error("live rule for {path}#{property}: its sources {of:?} are no numbers that drift or follow")]
pub struct RuleError {
    path: String,
    property: String,
    of: Vec<String>,
}

/// Gives the document at a path, as the tree holds it.
pub(super) type Source<'a> = &'a dyn Fn(&str) -> Option<Value>;

/// How far a property is from its document's value, and the sum of that distance over time.
#[derive(Debug, Clone, Copy)]
struct Swing {
    distance: f64,
    integral: f64,
}

/// What readings depend on besides the moment.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    /// How they move.
    pub(super) rules: &'a [Rule],
    /// The documents as they were loaded.
    pub(super) source: Source<'a>,
    /// What is otherwise for a while.
    pub(super) overrides: &'a [Override],
}

/// Refuses rules whose sources do not exist or go in a circle.
pub(super) fn check(rules: &[Rule], source: Source<'_>) -> Result<(), RuleError> {
    let start = Moment { seed: 0, started_unix_s: 0, elapsed: Duration::ZERO };
    let scene = Scene { rules, source, overrides: &[] };
    for rule in rules {
        if let Motion::Follow { of, .. } | Motion::Integrate { of, .. } = &rule.motion
            && scene.others(of, &start, MAX_CHAIN).is_none()
        {
            let (path, property) = (rule.path.clone(), rule.property.clone());
            return Err(RuleError { path, property, of: of.clone() });
        }
    }
    Ok(())
}

impl Scene<'_> {
    /// Whether anything changes the document at `path`.
    pub(super) fn touches(&self, path: &str) -> bool {
        self.rules.iter().any(|rule| matches(&rule.path, path))
            || self.overrides.iter().any(|change| change.path == path)
    }

    /// Moves every property of `document` that a rule names, then overrides what is otherwise.
    pub(super) fn apply(&self, path: &str, document: &mut Value, at: &Moment) {
        for rule in self.rules.iter().filter(|rule| matches(&rule.path, path)) {
            visit(document, &rule.property, &mut |pointer, value| {
                if let Some(moved) = self.moved(rule, path, pointer, value, at) {
                    *value = moved;
                }
            });
        }
        for change in self.overrides.iter().filter(|change| change.path == path) {
            change.patch(document);
        }
    }

    fn moved(&self, rule: &Rule, path: &str, pointer: &str, value: &Value, at: &Moment) -> Option<Value> {
        let seconds = at.elapsed.as_secs_f64();
        let distance = match &rule.motion {
            Motion::Clock { offset_s } => {
                let now = at.started_unix_s.saturating_add(at.elapsed.as_secs());
                return Some(Value::String(rfc3339(now.saturating_add_signed(*offset_s))));
            }
            Motion::Count { per_second } => per_second * seconds,
            Motion::Integrate { of, factor } => {
                let (base, swing) = self.others(of, at, MAX_CHAIN)?;
                factor * (base * seconds + swing.integral)
            }
            _ => self.swing(rule, path, pointer, at, MAX_CHAIN)?.distance,
        };
        let base = value.as_number()?;
        like(base, base.as_f64()? + distance)
    }

    /// The swing of a property that drifts or follows. An override moves it and what follows it; its integral
    /// goes on as if there were none, because counters do not turn back when an incident ends.
    fn swing(&self, rule: &Rule, path: &str, pointer: &str, at: &Moment, chain: usize) -> Option<Swing> {
        let mut swing = match &rule.motion {
            Motion::Drift { amplitude, period_s } => {
                let wave = wave((at.seed, path, pointer), at.elapsed.as_secs_f64(), *period_s);
                Swing { distance: amplitude * wave.distance, integral: amplitude * wave.integral }
            }
            Motion::Follow { of, gain } => {
                let (_, swing) = self.others(of, at, chain.checked_sub(1)?)?;
                Swing { distance: gain * swing.distance, integral: gain * swing.integral }
            }
            _ => return None,
        };
        if let Some(shift) = self.overrides.iter().find_map(|change| change.shift_of(path, pointer)) {
            let base = self.recorded(path, pointer)?;
            swing.distance = shift.apply(base + swing.distance) - base;
        }
        Some(swing)
    }

    /// The sum of the properties named `path#pointer`: in the documents, and of their swings.
    fn others(&self, of: &[String], at: &Moment, chain: usize) -> Option<(f64, Swing)> {
        let mut sum = (0.0, Swing { distance: 0.0, integral: 0.0 });
        for name in of {
            let (path, pointer) = name.split_once('#')?;
            let fits = |rule: &&Rule| matches(&rule.path, path) && matches(&rule.property, pointer);
            let swing = self.swing(self.rules.iter().find(fits)?, path, pointer, at, chain)?;
            sum.0 += self.recorded(path, pointer)?;
            sum.1.distance += swing.distance;
            sum.1.integral += swing.integral;
        }
        Some(sum)
    }

    fn recorded(&self, path: &str, pointer: &str) -> Option<f64> {
        (self.source)(path)?.pointer(pointer)?.as_f64()
    }
}

/// A smooth wave between -1 and 1, and its integral since the start: three sines that do not meet.
fn wave(name: (u64, &str, &str), seconds: f64, period_s: f64) -> Swing {
    const PARTS: [(f64, f64); 3] = [(0.6, 1.0), (0.3, 2.7), (0.1, 6.1)];
    let period_s = period_s.max(1.0);
    let mut sum = Swing { distance: 0.0, integral: 0.0 };
    for (part, (weight, frequency)) in PARTS.into_iter().enumerate() {
        let mut hasher = DefaultHasher::new();
        (name, part).hash(&mut hasher);
        let phase = f64::from((hasher.finish() >> 40) as u32) / f64::from(1u32 << 24) * std::f64::consts::TAU;
        let omega = std::f64::consts::TAU * frequency / period_s;
        sum.distance += weight * (omega * seconds + phase).sin();
        sum.integral += weight / omega * (phase.cos() - (omega * seconds + phase).cos());
    }
    sum
}

/// `value` with as many decimals as `base` is written with.
fn like(base: &Number, value: f64) -> Option<Value> {
    let written = base.to_string();
    let Some((_, fraction)) = written.split_once('.') else {
        return Some(Value::Number(Number::from_i128(value.round() as i128)?));
    };
    let scale = 10f64.powi(i32::try_from(fraction.len()).ok()?);
    Number::from_f64((value * scale).round() / scale).map(Value::Number)
}

/// Seconds since 1970 as `YYYY-MM-DDThh:mm:ss+00:00`.
fn rfc3339(unix_s: u64) -> String {
    let (mut days, rest) = (unix_s / 86_400, unix_s % 86_400);
    let mut year = 1970u64;
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while days >= 365 + u64::from(leap(year)) && year < 9999 {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}+00:00", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shift::Shift;
    use serde_json::json;

    fn at(seed: u64, seconds: u64) -> Moment {
        Moment { seed, started_unix_s: 951_782_399, elapsed: Duration::from_secs(seconds) }
    }

    fn rules() -> Vec<Rule> {
        serde_json::from_value(json!([
            {"path": "/t", "property": "/Reading", "motion": {"drift": {"amplitude": 3, "period_s": 600}}},
            {"path": "/f", "property": "/Fans/*/Reading", "motion": {"follow": {"of": ["/t#/Reading"], "gain": 100}}},
            {"path": "/e", "property": "/kWh", "motion": {"integrate": {"of": ["/t#/Reading"], "factor": 0.5}}},
            {"path": "/c", "property": "/DateTime", "motion": {"clock": {}}},
            {"path": "/n", "property": "/Count", "motion": {"count": {"per_second": 2}}},
        ]))
        .unwrap()
    }

    fn document(path: &str) -> Option<Value> {
        Some(match path {
            "/t" => json!({"Reading": 40.0}),
            "/f" => json!({"Fans": [{"Reading": 9000}, {"Reading": null}]}),
            "/e" => json!({"kWh": 10.000}),
            "/c" => json!({"DateTime": ""}),
            "/n" => json!({"Count": 5}),
            _ => return None,
        })
    }

    fn shown(path: &str, at: &Moment) -> Value {
        shown_with(path, &[], at)
    }

    fn shown_with(path: &str, overrides: &[Override], at: &Moment) -> Value {
        let mut shown = document(path).unwrap();
        Scene { rules: &rules(), source: &document, overrides }.apply(path, &mut shown, at);
        shown
    }

    #[test]
    fn a_drift_stays_within_its_amplitude_and_moves() {
        let values: Vec<f64> =
            (0..600).map(|s| shown("/t", &at(1, s))["Reading"].as_f64().unwrap()).collect();
        let (low, high) = values.iter().fold((99.0f64, 0.0f64), |(low, high), v| (low.min(*v), high.max(*v)));
        assert!(low >= 37.0 && high <= 43.0, "{low} {high}");
        assert!(high - low > 2.0, "{low} {high}");
        assert!(values.windows(2).all(|pair| (pair[0] - pair[1]).abs() <= 0.2), "jumps");
        assert!(values.iter().all(|v| ((v * 10.0).round() - v * 10.0).abs() < 1e-9), "more than one decimal");
    }

    #[test]
    fn the_same_moment_shows_the_same_value_and_another_seed_another() {
        assert_eq!(shown("/t", &at(1, 77)), shown("/t", &at(1, 77)));
        assert_ne!(shown("/t", &at(1, 77)), shown("/t", &at(2, 77)));
    }

    #[test]
    fn a_fan_follows_by_its_gain_and_null_stays_null() {
        let temperature = shown("/t", &at(1, 77))["Reading"].as_f64().unwrap();
        let fans = shown("/f", &at(1, 77));
        let fan = fans["Fans"][0]["Reading"].as_i64().unwrap() as f64;
        assert!((fan - (9000.0 + 100.0 * (temperature - 40.0))).abs() <= 5.5, "{fan} at {temperature}");
        assert_eq!(fans["Fans"][1]["Reading"], Value::Null);
    }

    #[test]
    fn an_integral_is_the_sum_of_what_it_counts() {
        let mut sum = 0.0;
        for second in 0..1000 {
            let of = ["/t#/Reading".to_owned()];
            let (rules, overrides) = (rules(), &[]);
            let scene = Scene { rules: &rules, source: &document, overrides };
            let (_, swing) = scene.others(&of, &at(1, second), 1).unwrap();
            sum += 40.0 + swing.distance;
        }
        let counted = shown("/e", &at(1, 1000))["kWh"].as_f64().unwrap();
        assert!((counted - (10.0 + 0.5 * sum)).abs() < 2.0, "{counted} {sum}");
    }

    #[test]
    fn an_override_moves_what_follows_and_leaves_energy_alone() {
        let (plain, hot) = (at(1, 77), [Override::moved("/t", "/Reading", Shift::by(10.0))]);
        let read = |overrides: &[Override], path: &str, pointer: &str| {
            shown_with(path, overrides, &plain).pointer(pointer).unwrap().as_f64().unwrap()
        };
        let rise = |path, pointer| read(&hot, path, pointer) - read(&[], path, pointer);
        assert!((rise("/t", "/Reading") - 10.0).abs() < 1e-9);
        assert!((rise("/f", "/Fans/0/Reading") - 1000.0).abs() <= 1.0);
        assert_eq!(rise("/e", "/kWh"), 0.0);
        let still = [Override::moved("/f", "/Fans/0/Reading", Shift::to(0.0))];
        assert_eq!(shown_with("/f", &still, &plain)["Fans"][0]["Reading"], 0);
    }

    #[test]
    fn counters_count_and_clocks_tell_the_time() {
        assert_eq!(shown("/n", &at(1, 60)), json!({"Count": 125}));
        // `date -u -d @951782400`: Tue Feb 29 00:00:00 UTC 2000
        assert_eq!(shown("/c", &at(1, 1)), json!({"DateTime": "2000-02-29T00:00:00+00:00"}));
        // `date -u -d @4070908799`: Wed Dec 31 23:59:59 UTC 2098
        assert_eq!(rfc3339(4_070_908_799), "2098-12-31T23:59:59+00:00");
    }

    #[test]
    fn a_source_that_is_missing_or_goes_in_a_circle_is_refused() {
        assert!(check(&rules(), &document).is_ok());
        for of in ["/nowhere#/Reading", "/t#/Nothing", "/f#/Fans/0/Reading", "no pointer"] {
            let rule = json!([{"path": "/f", "property": "/Fans/*/Reading",
                               "motion": {"follow": {"of": [of], "gain": 1}}}]);
            let rules: Vec<Rule> = serde_json::from_value(rule).unwrap();
            let error = check(&rules, &document).unwrap_err().to_string();
            assert!(error.contains(of), "{error}");
        }
    }
}
