//! Sensors of a chassis (DSP0268, Sensor): each typed by its unit, unless a component claimed it.

use std::collections::HashMap;

use model::{Label, Labels, Metric, metric};
use serde_json::Value;

use super::ledger::{Ledger, Part, Side, name_key};
use super::quantity::{Quantity, of_sensor};
use super::{hw_type, limits, location};
use crate::driver::names::is_whole_device;
use crate::driver::redfish::value::{is_absent, links, name, path_of, text};

/// A usable sensor.
struct Reading<'a> {
    doc: &'a Value,
    part: Part,
    quantity: Quantity,
    side: Side,
    value: f64,
    factor: f64,
}

/// Power supplies by the paths of the sensors that they name as theirs.
pub(crate) type Owners = HashMap<String, Part>;

/// Records one sensor. `intake` is the path of the sensor that the device calls its intake.
pub(crate) fn record(
    ledger: &mut Ledger<'_>,
    doc: &Value,
    chassis: &Part,
    owners: &Owners,
    intake: Option<&str>,
) {
    let Some(reading) = read(ledger, doc, chassis) else { return };
    let path = path_of(doc).unwrap_or("");
    ledger.remember(&chassis.id, reading.quantity, reading.side, &reading.part.name);
    if ledger.is_claimed(path) {
        return;
    }
    ledger.show_sensor(path);
    let owner = owners.get(path).cloned().or_else(|| related_supply(doc, owners));
    if let Some(metric) = supply_metric(&reading, owner.is_some()) {
        let part = match owner {
            // A sensor keeps its own identity beside its owner's, since a supply has many rails.
            Some(owner) if metric == metric::HW_VOLTAGE || metric == metric::OOB_CURRENT => {
                Part { parent: owner.id, ..reading.part }
            }
            Some(owner) => owner,
            None => reading.part.clone(),
        };
        let labels = part.labels().with(Label::OobCircuitType, "psu_input");
        ledger.report.record(metric, &labels, reading.value);
        return limits::record(ledger.report, metric, &labels, doc, reading.factor);
    }
    if is_whole_device(&reading.part.name) {
        match reading.quantity {
            Quantity::Power => return ledger.host_power(chassis, reading.value),
            Quantity::Energy => return ledger.host_energy(chassis, reading.value),
            _ => {}
        }
    }
    let part =
        Part { parent: owner.map_or(reading.part.parent.clone(), |owner| owner.id), ..reading.part.clone() };
    plain(ledger, &reading, &part, intake.is_some_and(|intake| intake == path));
}

/// Whether a sensor measures something that the catalogue has. One without a reading may yet.
pub(crate) fn is_measuring(doc: &Value) -> bool {
    if is_absent(doc) || doc.get("Reading").is_none_or(Value::is_null) {
        return true;
    }
    match of_sensor(doc) {
        Ok(Some((Quantity::Percent, _))) => is_fan(doc),
        Ok(Some(_)) => true,
        Ok(None) | Err(_) => false,
    }
}

/// Makes sure of a number and its quantity. What is unusable is counted, what is absent is not.
fn read<'a>(ledger: &mut Ledger<'_>, doc: &'a Value, chassis: &Part) -> Option<Reading<'a>> {
    if is_absent(doc) || doc.get("Reading").is_none_or(Value::is_null) {
        return None;
    }
    let (quantity, factor) = match of_sensor(doc) {
        Ok(found) => found?,
        Err(rejection) => {
            ledger.reject(rejection);
            return None;
        }
    };
    let value = ledger.number(doc.get("Reading"))? * factor;
    let part = Part::of(doc, &chassis.id);
    let side = match text(doc, "ElectricalContext") {
        Some("Input") => Side::Input,
        Some("Output") => Side::Output,
        _ => name_key(&part.name).1,
    };
    Some(Reading { doc, part, quantity, side, value, factor })
}

/// The power supply that a sensor relates to.
fn related_supply(doc: &Value, owners: &Owners) -> Option<Part> {
    links(doc, "RelatedItem").find_map(|path| owners.get(path).cloned())
}

/// The metric of a sensor that measures a power supply, `None` if it measures something else.
fn supply_metric(reading: &Reading<'_>, owned: bool) -> Option<Metric> {
    let supply = owned || text(reading.doc, "PhysicalContext") == Some("PowerSupply");
    if !supply {
        return None;
    }
    match (reading.side, reading.quantity) {
        (Side::Input, Quantity::Voltage) => Some(metric::OOB_CIRCUIT_VOLTAGE),
        (Side::Input, Quantity::Current) => Some(metric::OOB_CIRCUIT_CURRENT),
        (Side::Input, Quantity::Power) => Some(metric::OOB_CIRCUIT_POWER),
        (Side::Input, Quantity::Frequency) => Some(metric::OOB_CIRCUIT_FREQUENCY),
        (Side::Output, Quantity::Voltage) => Some(metric::HW_VOLTAGE),
        (Side::Output, Quantity::Current) => Some(metric::OOB_CURRENT),
        (Side::Output, Quantity::Power) if owned => Some(metric::HW_POWER_SUPPLY_USAGE),
        _ => None,
    }
}

/// Records a sensor that is no power supply's.
fn plain(ledger: &mut Ledger<'_>, reading: &Reading<'_>, part: &Part, intake: bool) {
    let context = text(reading.doc, "PhysicalContext").unwrap_or("");
    let place = location(context);
    let labels: Labels<'_> =
        part.labels().with(Label::HwSensorLocation, &place).with(Label::HwType, hw_type(context));
    let metric = match reading.quantity {
        Quantity::Temperature => return ledger.temperature(part, &place, reading.value, reading.doc, intake),
        Quantity::Humidity => metric::OOB_HUMIDITY,
        Quantity::Voltage => metric::HW_VOLTAGE,
        Quantity::Current => metric::OOB_CURRENT,
        Quantity::Power => metric::HW_POWER,
        Quantity::Energy => metric::HW_ENERGY,
        Quantity::Rotation => metric::HW_FAN_SPEED,
        Quantity::Percent if is_fan(reading.doc) => metric::HW_FAN_SPEED_RATIO,
        Quantity::AirFlow | Quantity::LiquidFlow => metric::OOB_FLOW,
        Quantity::Pressure => metric::OOB_PRESSURE,
        // Clocks of processors and shares of anything but a fan's duty have no row in the catalogue.
        Quantity::Percent | Quantity::Frequency | Quantity::ApparentPower => return,
    };
    let medium = if reading.quantity == Quantity::AirFlow { "air" } else { "liquid" };
    ledger.report.record(metric, &labels.with(Label::Medium, medium), reading.value);
    limits::record(ledger.report, metric, &labels, reading.doc, reading.factor);
}

fn is_fan(doc: &Value) -> bool {
    let name = name(doc).to_lowercase();
    text(doc, "PhysicalContext") == Some("Fan") || name.contains("fan") || name.contains("pwm")
}
