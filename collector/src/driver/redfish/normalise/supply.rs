//! Power supplies and batteries of `PowerSubsystem` (DSP0268: PowerSupply, PowerSupplyMetrics, Battery,
//! BatteryMetrics).
//!
//! The input of a supply is a circuit of type `psu_input`. A supply that is called absent and yet feeds
//! something is live: some firmware says so of working supplies. One that is absent and says zero is not there.

use std::sync::Arc;

use model::{Label, Metric, metric};
use serde_json::Value;

use super::excerpt;
use super::ledger::{Ledger, Part};
use super::sensor::Owners;
use crate::driver::redfish::value::{health, is_absent, items, links, path_of, text};

/// A resource and its `Metrics`.
#[derive(Clone)]
pub(crate) struct Measured {
    pub(crate) doc: Arc<Value>,
    pub(crate) metrics: Option<Arc<Value>>,
}

/// A supply that was recorded.
pub(crate) struct Told {
    pub(crate) part: Part,
    pub(crate) serial: Option<String>,
    pub(crate) metrics: Vec<Metric>,
}

/// Excerpts of PowerSupplyMetrics, with the factor to the catalogue's unit.
const READINGS: &[(&str, Metric, f64)] = &[
    ("InputVoltage", metric::OOB_CIRCUIT_VOLTAGE, 1.0),
    ("InputCurrentAmps", metric::OOB_CIRCUIT_CURRENT, 1.0),
    ("InputPowerWatts", metric::OOB_CIRCUIT_POWER, 1.0),
    ("FrequencyHz", metric::OOB_CIRCUIT_FREQUENCY, 1.0),
    ("EnergykWh", metric::OOB_CIRCUIT_ENERGY, 3.6e6),
    ("OutputPowerWatts", metric::HW_POWER_SUPPLY_USAGE, 1.0),
];

/// Lists of excerpts that stay sensors of their own, under the supply.
const PARTS: &[(&str, Metric, f64)] = &[
    ("RailVoltage", metric::HW_VOLTAGE, 1.0),
    ("RailCurrentAmps", metric::OOB_CURRENT, 1.0),
    ("TemperatureCelsius", metric::HW_TEMPERATURE, 1.0),
    ("FanSpeedPercent", metric::HW_FAN_SPEED_RATIO, 1e-2),
    ("FanSpeedsPercent", metric::HW_FAN_SPEED_RATIO, 1e-2),
];

/// Records one power supply; `None` if it is not there.
pub(crate) fn record(
    ledger: &mut Ledger<'_>,
    supply: &Measured,
    chassis: &Part,
    owners: &mut Owners,
) -> Option<Told> {
    let doc = &*supply.doc;
    let part = Part::of(doc, &chassis.id);
    if is_absent(doc) && !feeds(supply.metrics.as_deref()) {
        idle(ledger, doc, &part);
        return None;
    }
    if let Some(path) = path_of(doc) {
        owners.insert(path.to_owned(), part.clone());
    }
    for path in links(doc, "Sensors") {
        owners.insert(path.to_owned(), part.clone());
    }
    let mut told = Told { part, serial: text(doc, "SerialNumber").map(str::to_owned), metrics: Vec::new() };
    describe(ledger, doc, &told.part);
    if let Some(metrics) = &supply.metrics {
        measure(ledger, metrics, &mut told);
        parts(ledger, metrics, &told.part, owners);
    }
    Some(told)
}

/// Whether metrics show input or output.
fn feeds(metrics: Option<&Value>) -> bool {
    let reading = |key: &str| metrics?.pointer(&format!("/{key}/Reading"))?.as_f64();
    ["InputVoltage", "InputPowerWatts", "OutputPowerWatts"]
        .iter()
        .any(|key| reading(key).is_some_and(|it| it > 0.0))
}

/// What a supply says that is not there, or off: one that has lost its input may be called so.
pub(crate) fn idle(ledger: &mut Ledger<'_>, doc: &Value, part: &Part) {
    ledger.status(doc, &part.labels().with(Label::HwType, "power_supply"), health(doc));
}

/// Status, rating.
pub(crate) fn describe(ledger: &mut Ledger<'_>, doc: &Value, part: &Part) {
    let labels = part.labels().with(Label::HwType, "power_supply");
    match health(doc) {
        Some(status) => ledger.report.record_status(&labels, status),
        None => ledger.report.excuse(&labels),
    }
    let capacity = doc.get("PowerCapacityWatts").or_else(|| doc.get("CapacityWatts"));
    if let Some(watts) = ledger.number(capacity).filter(|watts| *watts > 0.0) {
        ledger.record(metric::HW_POWER_SUPPLY_LIMIT, &labels.with(Label::HwLimitType, "max"), watts, None);
    }
}

fn measure(ledger: &mut Ledger<'_>, metrics: &Value, told: &mut Told) {
    for (key, metric, factor) in READINGS {
        let Some(excerpt) = excerpt::read(ledger, metrics.get(key)) else { continue };
        if let Some(path) = &excerpt.path {
            ledger.claim(path);
        }
        let labels = told.part.labels().with(Label::OobCircuitType, "psu_input");
        ledger.record(*metric, &labels, excerpt.value * factor, excerpt.sensor.as_deref());
        told.metrics.push(*metric);
    }
}

/// Rails, temperatures and fans: sensors of their own where those were read, else told from here.
fn parts(ledger: &mut Ledger<'_>, metrics: &Value, part: &Part, owners: &mut Owners) {
    for (key, metric, factor) in PARTS {
        for (index, item) in items(metrics, key).enumerate() {
            let Some(excerpt) = excerpt::read(ledger, Some(item)) else { continue };
            match excerpt.path.filter(|_| excerpt.sensor.is_some()) {
                Some(path) => {
                    owners.insert(path, part.clone());
                }
                None => {
                    let name = format!("{} {key} {index}", part.name);
                    let child = part.child(&format!("{key}/{index}"), &name);
                    ledger.record(*metric, &child.labels(), excerpt.value * factor, None);
                }
            }
        }
    }
}

/// Records one battery.
pub(crate) fn battery(ledger: &mut Ledger<'_>, battery: &Measured, chassis: &Part) {
    let part = Part::of(&battery.doc, &chassis.id);
    let labels = part.labels().with(Label::HwType, "battery");
    if !ledger.status(&battery.doc, &labels, health(&battery.doc)) {
        return;
    }
    let charge = battery.metrics.as_deref().and_then(|metrics| metrics.get("ChargePercent"));
    if let Some(charge) = excerpt::read(ledger, charge) {
        ledger.record(metric::HW_BATTERY_CHARGE, &labels, charge.value / 100.0, None);
        if let Some(path) = charge.path {
            ledger.claim(&path);
        }
    }
}
