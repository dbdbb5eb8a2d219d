//! Conformance: recordings of real devices, read by the profiles and compared with an independent reading.
//!
//! The other opinion lists sensors by the OID that holds the value, with a class and a scaled value.
//! Pure: whoever calls it reads the files.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Device, Metric, ReportBuilder, Unit};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::yaml::{Document, Problems};

use super::evaluate::{Reading, Traced};
use super::load::Profiles;
use super::source::{Objects, Oid};

/// A device as the other opinion sees it.
#[derive(Clone, Debug, Deserialize)]
pub struct Expected {
    /// Sensors.
    pub sensors: Vec<Sensor>,
}

/// A sensor as the other opinion sees it.
#[derive(Clone, Debug, Deserialize)]
pub struct Sensor {
    /// Class: `temperature`, `current`, …
    #[serde(rename = "sensor_class")]
    pub class: String,
    /// OID of the instance that holds the value.
    #[serde(rename = "sensor_oid")]
    pub oid: String,
    /// Description.
    #[serde(rename = "sensor_descr", default)]
    pub descr: String,
    /// Scaled value in the class's unit.
    #[serde(rename = "sensor_current", default)]
    pub value: Option<f64>,
}

/// A difference whose reason is known.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// Name of the recording.
    pub recording: String,
    /// The sensor's OID, or the beginning of several.
    pub oid: String,
    /// Only sensors for which the other opinion says this value.
    #[serde(default)]
    pub value: Option<f64>,
    /// Why the other opinion is not followed.
    pub reason: String,
}

/// Reads the list of known differences.
///
/// # Errors
/// All mistakes in it.
pub fn notes(file: &str, text: &str) -> Result<Vec<Note>, Problems> {
    Document::parse(file, text)?.decode()
}

/// How one sensor compares.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Reported with the same value and unit.
    Same,
    /// Reported with another value or unit.
    Different(String),
    /// Not reported.
    Missing,
    /// Not the same, for a known reason.
    Explained(String),
}

/// One recording compared.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Names of the profiles that were chosen.
    pub profiles: Vec<String>,
    /// Each expected sensor and its verdict.
    pub sensors: Vec<(Sensor, Verdict)>,
    /// Samples that the other opinion lacks.
    pub extra: usize,
    /// Samples in all.
    pub samples: usize,
    /// Readings dropped, by cause.
    pub rejections: Vec<(&'static str, u32)>,
}

/// A sample and its origin, owned.
struct Read {
    metric: Metric,
    number: Option<f64>,
    limit: bool,
}

/// Units that a class may have in the catalogue, and the factor from the class's unit.
fn units(class: &str) -> &'static [(Unit, f64)] {
    match class {
        "temperature" => &[(Unit::Celsius, 1.0)],
        "humidity" | "load" | "charge" | "percent" => &[(Unit::One, 0.01)],
        "voltage" => &[(Unit::Volts, 1.0)],
        "current" => &[(Unit::Amperes, 1.0)],
        // The other opinion has one class for active and apparent power.
        "power" => &[(Unit::Watts, 1.0), (Unit::VoltAmperes, 1.0)],
        "frequency" => &[(Unit::Hertz, 1.0)],
        "fanspeed" => &[(Unit::Rpm, 1.0), (Unit::One, 0.01)],
        "runtime" => &[(Unit::Seconds, 60.0)],
        "power_consumed" => &[(Unit::Joules, 3.6e6)],
        "power_factor" => &[(Unit::One, 1.0)],
        "dbm" | "signal" => &[(Unit::DecibelMilliwatts, 1.0)],
        _ => &[],
    }
}

/// The other opinion rounds to two or three decimal places.
const ABSOLUTE_TOLERANCE: f64 = 0.006;
const RELATIVE_TOLERANCE: f64 = 0.001;

/// Reads a recording and compares.
pub fn compare(
    profiles: &Profiles,
    name: &str,
    objects: &Objects,
    expected: &Expected,
    notes: &[Note],
) -> Comparison {
    let selection = profiles.select_for(objects);
    let mut report = ReportBuilder::new(Arc::new(Device {
        name: name.to_owned(),
        site: String::new(),
        rack: String::new(),
        device_type: String::new(),
        description: Default::default(),
    }));
    let mut reads: BTreeMap<Oid, Vec<Read>> = BTreeMap::new();
    let mut trace = |traced: &Traced<'_>| {
        let number = match traced.reading {
            Reading::Number(number) => Some(number),
            Reading::State(_) => None,
        };
        // A rating is a reading of its own where its name is no companion of another metric.
        let base = traced.metric.definition().otel.strip_suffix(".limit").and_then(Metric::find);
        let read = Read { metric: traced.metric, number, limit: traced.limit.is_some() && base.is_some() };
        if let Some(source) = &traced.source {
            reads.entry(source.clone()).or_default().push(read);
        }
    };
    selection.evaluate_traced(objects, &mut report, Some(&mut trace));
    let report = report.finish(0, std::time::Duration::ZERO, None);
    let sensors: Vec<_> = expected
        .sensors
        .iter()
        .map(|sensor| {
            let known = notes.iter().find(|note| note.recording == name && note.covers(sensor));
            let verdict = match (judge(sensor, &reads), known) {
                (Verdict::Same, _) => Verdict::Same,
                (_, Some(note)) => Verdict::Explained(note.reason.clone()),
                (verdict, None) => verdict,
            };
            (sensor.clone(), verdict)
        })
        .collect();
    for sensor in &expected.sensors {
        if let Ok(oid) = sensor.oid.parse::<Oid>() {
            reads.remove(&oid);
        }
    }
    let extra = reads.values().flatten().filter(|read| !read.limit).count();
    Comparison {
        profiles: selection.names().map(str::to_owned).collect(),
        sensors,
        extra,
        samples: report.samples.len(),
        rejections: report.rejections.iter().map(|(cause, count)| (cause.as_str(), *count)).collect(),
    }
}

impl Note {
    fn covers(&self, sensor: &Sensor) -> bool {
        let below = match (self.oid.parse::<Oid>(), sensor.oid.parse::<Oid>()) {
            (Ok(note), Ok(oid)) => oid.strip_prefix(&note).is_some(),
            _ => false,
        };
        below && (self.value.is_none() || self.value == sensor.value)
    }
}

fn judge(sensor: &Sensor, reads: &BTreeMap<Oid, Vec<Read>>) -> Verdict {
    let oid = sensor.oid.parse::<Oid>().ok();
    let found: Vec<_> =
        oid.and_then(|oid| reads.get(&oid)).into_iter().flatten().filter(|read| !read.limit).collect();
    if found.is_empty() {
        return Verdict::Missing;
    }
    let units = units(&sensor.class);
    let Some(value) = sensor.value.filter(|_| !units.is_empty()) else { return Verdict::Same };
    let same = |read: &&Read| {
        let unit = read.metric.definition().unit;
        if unit == Unit::DecibelMilliwatts && sensor.class == "power" {
            return read.number.is_some_and(|number| close(number, decibels(value), 1.0));
        }
        let factor = units.iter().find(|(known, _)| *known == unit).map(|(_, factor)| factor);
        factor.zip(read.number).is_some_and(|(factor, number)| close(number, value * factor, *factor))
    };
    if found.iter().any(same) {
        return Verdict::Same;
    }
    let texts: Vec<_> = found
        .iter()
        .map(|read| {
            let definition = read.metric.definition();
            format!("{} {:?}", definition.prometheus, read.number)
        })
        .collect();
    Verdict::Different(texts.join(", "))
}

/// Watts as decibels relative to one milliwatt.
fn decibels(watts: f64) -> f64 {
    10.0 * (watts * 1000.0).log10()
}

fn close(ours: f64, theirs: f64, factor: f64) -> bool {
    (ours - theirs).abs() <= ABSOLUTE_TOLERANCE * factor + RELATIVE_TOLERANCE * theirs.abs()
}
