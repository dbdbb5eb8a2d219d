//! Incidents that a mock facility can play: data that says what becomes of which reading, and when.
//!
//! A scenario is a file of phases on its own clock: a quiet time, then what happens, then the recovery. What is
//! otherwise at a moment is a pure function of the scenario and that moment ([`Scenario::at`]); it says nothing of
//! sockets, and whoever plays it ([`play`]) decides how fast the clock runs. It never invents a device: it moves
//! what devices of the facility show, and silences them.
//!
//! ```json
//! {"about": "A fan fails", "phases": [
//!    {"at_s": 20, "says": "fan 3 of server-r1-02 stops", "effects": [
//!      {"redfish": {"of": ["server-r1-02"], "at": ["/redfish/v1/Chassis/1/Sensors/Fan3#/Reading"],
//!                   "change": {"to": 0}, "within_s": 5, "back_s": 10}}]}],
//!  "end": {"at_s": 920, "says": "the fan is replaced"}}
//! ```
//!
//! An effect holds from its phase to the end. `change` is `is` (another value, at once), `to`, `by` or `times` (the
//! living number moves there within `within_s`, and back within `back_s` after the end). The values of SNMP are
//! written as in a recording: `TYPE|VALUE`.

mod file;
mod picture;
mod player;

use std::time::Duration;

pub use file::{Effect, End, Phase, Place, Reading, Scenario, ScenarioError};
pub use picture::{Changes, Picture};
pub use player::{Speed, SpeedError, play};

/// The scenarios that come with the crate, by name.
const BUILT_IN: [(&str, &str); 8] = [
    ("branch-overload", include_str!("../../scenarios/branch-overload.json")),
    ("fan-fails", include_str!("../../scenarios/fan-fails.json")),
    ("feed-lost", include_str!("../../scenarios/feed-lost.json")),
    ("firmware-change", include_str!("../../scenarios/firmware-change.json")),
    ("inlet-heats", include_str!("../../scenarios/inlet-heats.json")),
    ("link-dies", include_str!("../../scenarios/link-dies.json")),
    ("on-battery", include_str!("../../scenarios/on-battery.json")),
    ("rack-dark", include_str!("../../scenarios/rack-dark.json")),
];

/// The names of the built-in scenarios.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.into_iter().map(|(name, _)| name)
}

impl Scenario {
    /// The built-in scenario of this name.
    ///
    /// # Errors
    /// There is none, or its file is broken.
    pub fn named(name: &str) -> Result<Self, ScenarioError> {
        let found = BUILT_IN.into_iter().find(|(each, _)| *each == name);
        let (_, text) = found.ok_or_else(|| ScenarioError::Unknown { name: name.to_owned() })?;
        Self::parse(name, text)
    }

    /// When the last trace of it is gone.
    pub fn length(&self) -> Duration {
        let back = self.effects().map(|(_, effect)| effect.back_s()).fold(0.0, f64::max);
        self.end.at() + Duration::from_secs_f64(back)
    }

    /// What is said when: the phases and the end, in order.
    pub fn timeline(&self) -> impl Iterator<Item = (Duration, &str)> {
        let phases = self.phases.iter().map(|phase| (phase.at(), phase.says.as_str()));
        phases.chain(std::iter::once((self.end.at(), self.end.says.as_str())))
    }

    /// Every effect and when it begins.
    fn effects(&self) -> impl Iterator<Item = (Duration, &Effect)> {
        self.phases.iter().flat_map(|phase| phase.effects.iter().map(|effect| (phase.at(), effect)))
    }
}

/// A list for people: names and what happens.
///
/// # Errors
/// A built-in file is broken.
pub fn list() -> Result<String, ScenarioError> {
    let line = |name| Ok(format!("{name:<16} {}\n", Scenario::named(name)?.about));
    names().map(line).collect()
}

/// How people are told that something happens at a time since the start.
pub fn line(at: Duration, says: &str) -> String {
    format!("T+{}s {says}\n", (at.as_secs_f64() * 10.0).round() / 10.0)
}
