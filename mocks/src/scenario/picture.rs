//! What is otherwise at one moment of a scenario: pure, from data and a time.

use std::collections::BTreeMap;
use std::time::Duration;

use super::file::{Change, Effect, Place, Reading, Scenario};
use crate::facility::Device;
use crate::shift::Shift;
use crate::{redfish, snmp};

/// What is otherwise in a facility.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Picture {
    /// What devices show otherwise, by their names.
    pub devices: BTreeMap<String, Changes>,
    /// Devices that do not answer.
    pub silent: Vec<Place>,
    /// Whether the pole's uplink carries nothing.
    pub uplink_cut: bool,
}

/// What one device shows otherwise.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// Over SNMP.
    pub snmp: Vec<(snmp::Oid, snmp::Override)>,
    /// Over Redfish.
    pub redfish: Vec<redfish::Override>,
}

impl Picture {
    /// Whether a device does not answer.
    pub fn silences(&self, device: &Device) -> bool {
        self.silent.iter().any(|place| place.holds(device))
    }

    fn of(&mut self, device: &str) -> &mut Changes {
        self.devices.entry(device.to_owned()).or_default()
    }
}

impl Place {
    /// Whether a device belongs to it.
    pub fn holds(&self, device: &Device) -> bool {
        match self {
            Self::Site(site) => device.site == site,
            Self::Rack(rack) => device.rack == rack,
            Self::Device(name) => device.name == name,
        }
    }
}

impl Scenario {
    /// What is otherwise when the scenario's clock shows `now`.
    pub fn at(&self, now: Duration) -> Picture {
        let mut picture = Picture::default();
        for (start, effect) in self.effects().filter(|(start, _)| *start <= now) {
            let time = Time { start, end: self.end.at(), now };
            match effect {
                Effect::Silence(place) if time.lasts() => picture.silent.push(place.clone()),
                Effect::CutUplink => picture.uplink_cut |= time.lasts(),
                Effect::Silence(_) => {}
                Effect::Snmp(reading) => {
                    let Some(change) = time.of(reading) else { continue };
                    let change = match change {
                        Becomes::Is(value) => snmp::Override::Is(value.0.clone()),
                        Becomes::Moved(shift) => snmp::Override::Moved(shift),
                    };
                    for device in &reading.of {
                        let each = reading.at.iter().map(|object| (object.clone(), change.clone()));
                        picture.of(device).snmp.extend(each);
                    }
                }
                Effect::Redfish(reading) => {
                    let Some(change) = time.of(reading) else { continue };
                    let change = match change {
                        Becomes::Is(value) => redfish::Change::Is(value.clone()),
                        Becomes::Moved(shift) => redfish::Change::Moved(shift),
                    };
                    for device in &reading.of {
                        picture.of(device).redfish.extend(reading.at.iter().map(|at| redfish::Override {
                            path: at.path.clone(),
                            pointer: at.pointer.clone(),
                            change: change.clone(),
                        }));
                    }
                }
            }
        }
        picture
    }
}

/// What a reading becomes at one moment.
enum Becomes<'a, V> {
    Is(&'a V),
    Moved(Shift),
}

/// A moment of an effect that began at `start`.
#[derive(Clone, Copy)]
struct Time {
    start: Duration,
    end: Duration,
    now: Duration,
}

impl Time {
    fn lasts(self) -> bool {
        self.start <= self.now && self.now < self.end
    }

    /// Values that are set end with the incident; numbers go back as slowly as they are told to.
    fn of<A, V>(self, reading: &Reading<A, V>) -> Option<Becomes<'_, V>> {
        match &reading.change {
            Change::Is(value) => self.lasts().then_some(Becomes::Is(value)),
            moved => {
                let part = self.part(reading.within_s, reading.back_s);
                Some(Becomes::Moved(moved.shift()?.in_part(part))).filter(|_| part > 0.0)
            }
        }
    }

    /// How much of an effect there is, from 0 to 1.
    fn part(self, within_s: f64, back_s: f64) -> f64 {
        let risen = (self.now.min(self.end).saturating_sub(self.start)).as_secs_f64();
        let risen = if within_s > 0.0 { (risen / within_s).min(1.0) } else { 1.0 };
        let since = self.now.saturating_sub(self.end).as_secs_f64();
        let left = match self.lasts() {
            true => 1.0,
            false if back_s > 0.0 => (1.0 - since / back_s).max(0.0),
            false => 0.0,
        };
        risen * left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario() -> Scenario {
        let text = r#"{"about": "a", "phases": [
            {"at_s": 20, "says": "b", "effects": [
                {"silence": {"rack": "r1"}}, "cut-uplink",
                {"snmp": {"of": ["ups"], "at": ["1.3.1"], "change": {"to": 0}, "within_s": 10, "back_s": 40}},
                {"snmp": {"of": ["ups"], "at": ["1.3.2"], "change": {"is": "2|5"}}}]},
            {"at_s": 30, "says": "c", "effects": [
                {"redfish": {"of": ["s1", "s2"], "at": ["/p#/q"], "change": {"by": 8}}}]}],
            "end": {"at_s": 100, "says": "d"}}"#;
        Scenario::parse("test", text).unwrap()
    }

    /// How far the object 1.3.1 of the UPS has gone, and what else there is.
    fn seen(seconds: u64) -> (f64, bool, usize, bool) {
        let picture = scenario().at(Duration::from_secs(seconds));
        let ups = picture.devices.get("ups").cloned().unwrap_or_default();
        let gone = ups.snmp.iter().find_map(|(_, change)| match change {
            snmp::Override::Moved(shift) => Some(1.0 - shift.times),
            snmp::Override::Is(_) => None,
        });
        let set = ups.snmp.iter().any(|(_, change)| *change == snmp::Override::Is(snmp::Value::Integer(5)));
        let cut = picture.uplink_cut && picture.silent == [Place::Rack("r1".into())];
        (gone.unwrap_or(0.0), set, picture.devices.len(), cut)
    }

    #[test]
    fn numbers_go_and_come_back_and_values_are_set_for_the_time_between() {
        assert_eq!(scenario().at(Duration::from_secs(19)), Picture::default());
        assert_eq!(seen(25), (0.5, true, 1, true));
        assert_eq!(seen(30), (1.0, true, 3, true));
        assert_eq!(seen(99), (1.0, true, 3, true));
        assert_eq!(seen(100), (1.0, false, 1, false));
        assert_eq!(seen(110), (0.75, false, 1, false));
        assert_eq!(scenario().length(), Duration::from_secs(140));
        assert_eq!(scenario().at(scenario().length()), Picture::default());
    }

    #[test]
    fn phases_out_of_order_and_unknown_members_are_refused() {
        let text = |at: &str, effect: &str| {
            format!(
                r#"{{"about": "", "phases": [{{"at_s": {at}, "says": "", "effects": [{effect}]}}],
                     "end": {{"at_s": 9, "says": ""}}}}"#
            )
        };
        let error = |at, effect| Scenario::parse("x", &text(at, effect)).unwrap_err();
        assert!(Scenario::parse("x", &text("8", r#""cut-uplink""#)).is_ok());
        assert!(error("9", "").to_string().contains("not in order"));
        for (at, effect) in [
            ("-1", ""),
            ("1e9", ""),
            ("1", r#"{"silence": {"row": "1"}}"#),
            ("1", r#"{"snmp": {"of": [], "at": ["1.3"], "change": {"is": "5"}}}"#),
            ("1", r#"{"redfish": {"of": [], "at": ["/p"], "change": {"to": 1}}}"#),
        ] {
            assert!(matches!(error(at, effect), super::super::ScenarioError::Parse { .. }), "{at} {effect}");
        }
    }
}
