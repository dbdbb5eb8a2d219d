//! `EnvironmentMetrics` and `ThermalMetrics` (DSP0268): power and energy of a chassis, and excerpts that
//! repeat what its sensors say.

use model::{Label, metric};
use serde_json::Value;

use super::excerpt;
use super::hw_type;
use super::ledger::{Ledger, Part};
use crate::driver::redfish::value::{items, text};

/// Records power, energy and power limit. A chassis that is a component of the device has component power.
pub(crate) fn power(ledger: &mut Ledger<'_>, doc: &Value, chassis: &Part, whole: bool) {
    let labels = chassis.labels().with(Label::HwType, chassis_type(&chassis.name));
    if let Some(power) = excerpt::read(ledger, doc.get("PowerWatts")) {
        claim(ledger, &power);
        if whole {
            ledger.host_power(chassis, power.value);
        } else {
            ledger.record(metric::HW_POWER, &labels, power.value, None);
        }
    }
    let joules = excerpt::read(ledger, doc.get("EnergyJoules"));
    let kilowatt_hours = excerpt::read(ledger, doc.get("EnergykWh"));
    let energy = joules.as_ref().map(|it| it.value).or(kilowatt_hours.as_ref().map(|it| it.value * 3.6e6));
    for excerpt in joules.iter().chain(&kilowatt_hours) {
        claim(ledger, excerpt);
    }
    match energy {
        Some(energy) if whole => ledger.host_energy(chassis, energy),
        Some(energy) => ledger.record(metric::HW_ENERGY, &labels, energy, None),
        None => {}
    }
    if let Some(limit) = doc.get("PowerLimitWatts").filter(|_| whole) {
        power_limit(ledger, limit.get("SetPoint"), limit.get("AllowableMax"));
    }
}

/// Records the cap that the device keeps to (`high.critical`) and the most that it can take (`max`).
pub(crate) fn power_limit(ledger: &mut Ledger<'_>, cap: Option<&Value>, most: Option<&Value>) {
    for (kind, value) in [("high.critical", cap), ("max", most)] {
        let watts = ledger.number(value).filter(|watts| *watts > 0.0);
        if let Some(watts) = watts.filter(|_| ledger.first_power_limit(kind)) {
            let labels = model::Labels::new().with(Label::HwLimitType, kind);
            ledger.record(metric::OOB_HOST_POWER_LIMIT, &labels, watts, None);
        }
    }
}

fn claim(ledger: &mut Ledger<'_>, excerpt: &excerpt::Excerpt) {
    if let Some(path) = &excerpt.path {
        ledger.claim(path);
    }
}

/// `hw.type` of a chassis that is a component, by its name.
fn chassis_type(name: &str) -> &'static str {
    let name = name.to_uppercase();
    if name.contains("GPU") {
        hw_type("GPU")
    } else if name.contains("CPU") {
        hw_type("CPU")
    } else {
        hw_type("")
    }
}

/// Records the temperatures of excerpts that repeat sensors, where the chassis told none.
pub(crate) fn views(ledger: &mut Ledger<'_>, doc: &Value, chassis: &Part) {
    let summary = doc.get("TemperatureSummaryCelsius").and_then(Value::as_object);
    let summary = summary.into_iter().flatten().map(|(place, item)| (place.as_str(), item));
    let single = doc.get("TemperatureCelsius").map(|item| ("", item));
    let readings = items(doc, "TemperatureReadingsCelsius").map(|item| ("", item));
    for (index, (place, item)) in readings.chain(single).chain(summary).enumerate() {
        if excerpt::source(item).is_some_and(|path| ledger.is_told(path)) {
            continue;
        }
        let Some(excerpt) = excerpt::read(ledger, Some(item)) else { continue };
        if let Some(path) = &excerpt.path {
            ledger.view(path);
        }
        let name = text(item, "DeviceName").unwrap_or(place);
        let part = match &excerpt.path {
            Some(path) => {
                Part { id: super::ledger::id(path), name: name.to_owned(), parent: chassis.id.clone() }
            }
            None => chassis.child(&format!("ThermalMetrics/{index}"), name),
        };
        let context = super::location(text(item, "PhysicalContext").unwrap_or(place));
        ledger.temperature(&part, &context, excerpt.value, item, place == "Intake");
    }
}

/// Whether there is more than a repetition of sensors.
pub(crate) fn has_power(doc: &Value) -> bool {
    ["PowerWatts", "EnergykWh", "EnergyJoules", "PowerLimitWatts"].iter().any(|key| {
        let reading = doc.get(key);
        reading.is_some_and(|it| {
            ["Reading", "SetPoint"].iter().any(|key| it.get(key).is_some_and(|it| !it.is_null()))
        })
    })
}

/// Path of the sensor that the device calls its intake.
pub(crate) fn intake(thermal_metrics: &Value) -> Option<&str> {
    let summary = thermal_metrics.get("TemperatureSummaryCelsius")?;
    ["Intake", "Ambient"].iter().find_map(|place| excerpt::source(summary.get(place)?))
}
