//! The older `Thermal` of a chassis (DSP0268, Thermal): temperatures, fans, redundancy.

use model::{Label, Rejection, metric};
use serde_json::Value;

use super::ledger::{Ledger, Part, id};
use super::location;
use super::member::Members;
use super::power::redundancy;
use super::quantity::{Quantity, of_unit};
use crate::driver::redfish::value::{health, is_absent, items, name, path_of, text};

/// The fans of the modern `ThermalSubsystem`.
pub(crate) struct Modern {
    /// How many were told.
    pub(crate) fans: usize,
    /// Whether none was lost.
    pub(crate) all: bool,
    /// Whether there are none, nor were ever.
    pub(crate) none: bool,
}

/// Records a `Thermal`.
pub(crate) fn record(ledger: &mut Ledger<'_>, doc: &Value, chassis: &Part, modern: &Modern) {
    let root =
        Part { id: path_of(doc).map_or_else(|| format!("{}/Thermal", chassis.id), id), ..chassis.clone() };
    temperatures(ledger, doc, chassis, &root);
    let present = items(doc, "Fans").filter(|fan| !is_absent(fan)).count();
    let others = modern.all && modern.fans > 0 && modern.fans != present;
    if modern.none || others {
        fans(ledger, doc, chassis, &root);
    }
    if modern.none {
        redundancy(ledger, doc, "Redundancy", chassis, &root, "fan");
    }
}

fn temperatures(ledger: &mut Ledger<'_>, doc: &Value, chassis: &Part, root: &Part) {
    let mut members = Members::default();
    for item in items(doc, "Temperatures") {
        let place = members.place("Temperatures", item);
        if is_absent(item) || ledger.knows(&chassis.id, Quantity::Temperature, name(item)) {
            continue;
        }
        let reading = item.get("ReadingCelsius").or_else(|| item.get("CurrentReading"));
        let Some(celsius) = ledger.number(reading) else { continue };
        let part = Part { parent: chassis.id.clone(), ..root.child(&place, name(item)) };
        let context = location(text(item, "PhysicalContext").unwrap_or(""));
        ledger.temperature(&part, &context, celsius, item, false);
    }
}

fn fans(ledger: &mut Ledger<'_>, doc: &Value, chassis: &Part, root: &Part) {
    let mut members = Members::default();
    for item in items(doc, "Fans") {
        let place = members.place("Fans", item);
        let known = [Quantity::Rotation, Quantity::Percent].iter();
        if known.copied().any(|quantity| ledger.knows(&chassis.id, quantity, name(item))) {
            continue;
        }
        let part = Part { parent: chassis.id.clone(), ..root.child(&place, name(item)) };
        let context = location(text(item, "PhysicalContext").unwrap_or(""));
        let labels = part.labels().with(Label::HwType, "fan").with(Label::HwSensorLocation, &context);
        if !ledger.status(item, &labels, health(item)) {
            continue;
        }
        let Some((quantity, reading)) = speed(ledger, item) else { continue };
        match quantity {
            Quantity::Rotation => ledger.record(metric::HW_FAN_SPEED, &labels, reading, Some(item)),
            _ => ledger.record(metric::HW_FAN_SPEED_RATIO, &labels, reading / 100.0, None),
        }
    }
}

/// A fan's speed, in the notations of Redfish 1.0 and later.
fn speed(ledger: &mut Ledger<'_>, item: &Value) -> Option<(Quantity, f64)> {
    if let Some(rpm) = item.get("ReadingRPM").filter(|rpm| !rpm.is_null()) {
        return ledger.number(Some(rpm)).map(|rpm| (Quantity::Rotation, rpm));
    }
    let reading =
        item.get("Reading").or_else(|| item.get("CurrentReading")).filter(|reading| !reading.is_null())?;
    let unit = text(item, "ReadingUnits").or_else(|| text(item, "Units")).and_then(of_unit);
    match unit {
        Some((quantity @ (Quantity::Rotation | Quantity::Percent), _)) => {
            ledger.number(Some(reading)).map(|reading| (quantity, reading))
        }
        _ => {
            ledger.reject(Rejection::Unit);
            None
        }
    }
}
