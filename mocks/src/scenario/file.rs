//! The form of a scenario's file. Names and members that are not known are refused.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use crate::shift::Shift;
use crate::snmp::{Oid, Value};

/// An incident, from its quiet beginning to its recovery.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What happens, in one sentence.
    pub about: String,
    /// What happens one after the other.
    pub phases: Vec<Phase>,
    /// When it is over.
    pub end: End,
}

/// Something that begins.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    #[serde(deserialize_with = "seconds")]
    at_s: f64,
    /// What happens, in words.
    pub says: String,
    /// What is otherwise from then on.
    pub effects: Vec<Effect>,
}

/// The end of all effects.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    #[serde(deserialize_with = "seconds")]
    at_s: f64,
    /// What ends it, in words.
    pub says: String,
}

/// One thing that is otherwise.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Effect {
    /// Devices do not answer.
    Silence(Place),
    /// The uplink of the pole carries nothing.
    CutUplink,
    /// Objects of SNMP devices.
    Snmp(Reading<Oid, Typed>),
    /// Properties of Redfish devices.
    Redfish(Reading<Property, serde_json::Value>),
}

/// Some devices.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Place {
    /// All of a site.
    Site(String),
    /// All of a rack.
    Rack(String),
    /// One.
    Device(String),
}

/// What becomes of some readings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading<A, V> {
    /// Names of the devices.
    pub of: Vec<String>,
    /// The readings of each.
    pub at: Vec<A>,
    pub(super) change: Change<V>,
    #[serde(default, deserialize_with = "seconds")]
    pub(super) within_s: f64,
    #[serde(default, deserialize_with = "seconds")]
    pub(super) back_s: f64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Change<V> {
    Is(V),
    To(f64),
    By(f64),
    Times(f64),
}

/// A value as a recording writes it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Typed(pub Value);

/// A property of a document, `PATH#POINTER`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Property {
    /// Path of the document.
    pub path: String,
    /// JSON pointer in it.
    pub pointer: String,
}

/// Why there is no scenario.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// No such name.
    #[error("there is no scenario '{name}': {} exist", super::names().collect::<Vec<_>>().join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The file is none of a scenario.
    #[error("the scenario {name} cannot be read")]
    Parse {
        /// Its name.
        name: String,
        /// Where, and what was expected.
        source: serde_json::Error,
    },
    /// A phase begins before the one in front of it, or at or after the end.
    #[error("the phases of the scenario {name} are not in order, or one begins at its end")]
    Order {
        /// Its name.
        name: String,
    },
}

impl Scenario {
    /// Reads a scenario; `name` is for errors.
    ///
    /// # Errors
    /// The text is no scenario, or its phases are not in order.
    pub fn parse(name: &str, text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = serde_json::from_str(text)
            .map_err(|source| ScenarioError::Parse { name: name.to_owned(), source })?;
        let ends = scenario.phases.iter().skip(1).map(|phase| phase.at_s).chain([scenario.end.at_s]);
        if scenario.phases.iter().zip(ends).any(|(phase, end)| phase.at_s >= end) {
            return Err(ScenarioError::Order { name: name.to_owned() });
        }
        Ok(scenario)
    }
}

impl Phase {
    /// When it begins.
    pub fn at(&self) -> Duration {
        Duration::from_secs_f64(self.at_s)
    }
}

impl End {
    /// When it is.
    pub fn at(&self) -> Duration {
        Duration::from_secs_f64(self.at_s)
    }
}

impl Effect {
    /// How long its traces stay after the end, in seconds.
    pub(super) fn back_s(&self) -> f64 {
        match self {
            Self::Snmp(reading) => reading.back_s,
            Self::Redfish(reading) => reading.back_s,
            Self::Silence(_) | Self::CutUplink => 0.0,
        }
    }
}

impl<V> Change<V> {
    /// Where a number goes; a value that is set goes nowhere.
    pub(super) fn shift(&self) -> Option<Shift> {
        match self {
            Self::Is(_) => None,
            Self::To(number) => Some(Shift::to(*number)),
            Self::By(plus) => Some(Shift::by(*plus)),
            Self::Times(times) => Some(Shift::times(*times)),
        }
    }
}

impl TryFrom<String> for Typed {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (tag, value) = text.split_once('|').ok_or("expected TYPE|VALUE")?;
        Value::recorded(tag, value.as_bytes()).map(Self).map_err(|problem| problem.to_string())
    }
}

impl TryFrom<String> for Property {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let (path, pointer) = text.split_once('#').ok_or("expected PATH#POINTER")?;
        Ok(Self { path: path.to_owned(), pointer: pointer.to_owned() })
    }
}

/// Seconds on a scenario's clock: a day at most, so that no sum of them overflows.
fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let seconds = f64::deserialize(from)?;
    match (0.0..=86_400.0).contains(&seconds) {
        true => Ok(seconds),
        false => Err(de::Error::custom("expected 0 to 86400 seconds")),
    }
}
