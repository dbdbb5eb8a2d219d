//! The older `Power` of a chassis (DSP0268, Power): whole-device power, power supplies, voltages, redundancy.

use model::{Label, Metric, metric};
use serde_json::Value;

use super::environment::power_limit;
use super::hw_type;
use super::ledger::{Ledger, Part, Side, id, name_key};
use super::quantity::Quantity;
use super::supply::{self, Told, describe};
use super::{location, member::Members};
use crate::driver::redfish::value::{health, is_absent, items, link, links, name, number, path_of, text};

/// Whole-device watts where the standard place is empty: Redfish before 1.0, Fujitsu, Inspur.
const HOST_WATTS: &[&str] = &[
    "/PowerConsumedWatts",
    "/Oem/ts_fujitsu/ChassisPowerConsumption/CurrentPowerConsumptionW",
    "/Oem/Public/TotalPower",
];

/// Items of a power supply: places, the best first; and what they are.
const SUPPLY: &[(&[&str], Metric)] = &[
    (&["/LineInputVoltage", "/InputVoltage"], metric::OOB_CIRCUIT_VOLTAGE),
    (&["/InputCurrentAmps"], metric::OOB_CIRCUIT_CURRENT),
    (&["/PowerInputWatts", "/Oem/Huawei/PowerInputWatts"], metric::OOB_CIRCUIT_POWER),
    (
        &["/PowerOutputWatts", "/LastPowerOutputWatts", "/Oem/Huawei/PowerOutputWatts"],
        metric::HW_POWER_SUPPLY_USAGE,
    ),
];

/// The supplies of the modern `PowerSubsystem`.
pub(crate) struct Modern<'a> {
    /// Those that were told.
    pub(crate) told: &'a [Told],
    /// Whether none was lost.
    pub(crate) all: bool,
    /// Whether there are none, nor were ever.
    pub(crate) none: bool,
}

/// Records a `Power`.
pub(crate) fn record(ledger: &mut Ledger<'_>, doc: &Value, chassis: &Part, whole: bool, modern: &Modern<'_>) {
    let root =
        Part { id: path_of(doc).map_or_else(|| format!("{}/Power", chassis.id), id), ..chassis.clone() };
    controls(ledger, doc, chassis, &root, whole);
    supplies(ledger, doc, chassis, &root, modern);
    voltages(ledger, doc, chassis, &root);
    if modern.none {
        redundancy(ledger, doc, "Redundancy", chassis, &root, "power_supply");
    }
}

/// Whole-device power is that of the first control that is no component's.
fn controls(ledger: &mut Ledger<'_>, doc: &Value, chassis: &Part, root: &Part, whole: bool) {
    let mut members = Members::default();
    for item in items(doc, "PowerControl") {
        let place = members.place("PowerControl", item);
        if is_absent(item) {
            continue;
        }
        let kind = hw_type(text(item, "PhysicalContext").unwrap_or(""));
        let component = kind != "enclosure" || !whole;
        let watts = ledger.number(item.get("PowerConsumedWatts"));
        if let Some(watts) = watts.filter(|_| !component && !ledger.has_host_power(&chassis.id)) {
            ledger.host_power(chassis, watts);
        } else if let Some(watts) =
            watts.filter(|_| component && !ledger.knows(&chassis.id, Quantity::Power, name(item)))
        {
            let part = Part { parent: chassis.id.clone(), ..root.child(&place, name(item)) };
            ledger.record(metric::HW_POWER, &part.labels().with(Label::HwType, kind), watts, None);
        }
        if !component {
            power_limit(ledger, item.pointer("/PowerLimit/LimitInWatts"), item.get("PowerCapacityWatts"));
        }
    }
    let elsewhere = HOST_WATTS.iter().find_map(|place| doc.pointer(place));
    if let Some(watts) = ledger.number(elsewhere.filter(|_| whole && !ledger.has_host_power(&chassis.id))) {
        ledger.host_power(chassis, watts);
    }
}

fn supplies(ledger: &mut Ledger<'_>, doc: &Value, chassis: &Part, root: &Part, modern: &Modern<'_>) {
    let told = modern.told;
    let mut members = Members::default();
    let places = items(doc, "PowerSupplies").map(|item| (members.place("PowerSupplies", item), item));
    let (present, idle): (Vec<_>, Vec<_>) = places.partition(|(_, item)| is_live(item));
    let part = |place: &str, item| Part { parent: chassis.id.clone(), ..root.child(place, name(item)) };
    let same_count = modern.all && present.len() == told.len();
    for (index, (place, item)) in present.into_iter().enumerate() {
        match same_supply(item, told).or_else(|| told.get(index).filter(|_| same_count)) {
            Some(same) => measure(ledger, item, &same.part, &same.metrics),
            None if modern.none => {
                let part = part(&place, item);
                describe(ledger, item, &part);
                measure(ledger, item, &part, &[]);
            }
            None => {}
        }
    }
    for (place, item) in idle.into_iter().filter(|_| modern.none) {
        supply::idle(ledger, item, &part(&place, item));
    }
}

/// Whether a supply is there: not called absent, or absent and yet feeding.
fn is_live(item: &Value) -> bool {
    let feeds = |place: &&str| number(item.pointer(place)).ok().flatten().is_some_and(|value| value > 0.0);
    !is_absent(item) || SUPPLY.iter().flat_map(|(places, _)| places.iter()).any(feeds)
}

fn same_supply<'a>(item: &Value, told: &'a [Told]) -> Option<&'a Told> {
    let serial = text(item, "SerialNumber");
    let key = name_key(name(item));
    let by_serial = told.iter().find(|modern| serial.is_some() && modern.serial.as_deref() == serial);
    by_serial.or_else(|| told.iter().find(|modern| name_key(&modern.part.name) == key))
}

/// Records what `known` does not hold already.
fn measure(ledger: &mut Ledger<'_>, item: &Value, part: &Part, known: &[Metric]) {
    for (places, metric) in SUPPLY {
        let found = places.iter().find_map(|place| item.pointer(place).filter(|value| !value.is_null()));
        if let Some(value) = ledger.number(found).filter(|_| !known.contains(metric)) {
            ledger.record(*metric, &part.labels().with(Label::OobCircuitType, "psu_input"), value, None);
        }
    }
}

fn voltages(ledger: &mut Ledger<'_>, doc: &Value, chassis: &Part, root: &Part) {
    let mut members = Members::default();
    for item in items(doc, "Voltages") {
        let place = members.place("Voltages", item);
        if is_absent(item)
            || ledger.knows(&chassis.id, Quantity::Voltage, name(item))
            || is_line_voltage(item, doc)
        {
            continue;
        }
        let Some(volts) = ledger.number(item.get("ReadingVolts")) else { continue };
        let part = Part { parent: chassis.id.clone(), ..root.child(&place, name(item)) };
        let context = location(text(item, "PhysicalContext").unwrap_or(""));
        ledger.record(
            metric::HW_VOLTAGE,
            &part.labels().with(Label::HwSensorLocation, &context),
            volts,
            Some(item),
        );
    }
}

/// Whether an item is the input voltage that a power supply of the same document gives already: it is
/// related to one, names no output, and is within a tenth of its line voltage, which no rail is.
fn is_line_voltage(item: &Value, doc: &Value) -> bool {
    if text(item, "PhysicalContext") != Some("PowerSupply") || name_key(name(item)).1 == Side::Output {
        return false;
    }
    let Ok(Some(volts)) = number(item.get("ReadingVolts")) else { return false };
    let near = |supply: &Value| {
        let line = number(supply.get("LineInputVoltage")).ok().flatten();
        line.is_some_and(|line| line > 0.0 && (line - volts).abs() <= line / 10.0)
    };
    let related: Vec<&str> = links(item, "RelatedItem").collect();
    items(doc, "PowerSupplies")
        .any(|supply| path_of(supply).is_some_and(|path| related.contains(&path)) && near(supply))
}

/// Records the redundancy groups of a list.
pub(crate) fn redundancy(
    ledger: &mut Ledger<'_>,
    doc: &Value,
    key: &str,
    chassis: &Part,
    root: &Part,
    kind: &str,
) {
    let mut members = Members::default();
    for item in items(doc, key).filter(|item| link(item, "Status").is_none()) {
        let place = members.place(key, item);
        let state = match health(item).filter(|_| !is_absent(item)) {
            Some(model::state::Status::Ok) => "full",
            Some(model::state::Status::Failed) => "lost",
            Some(_) => "degraded",
            None => continue,
        };
        let part = Part { parent: chassis.id.clone(), ..root.child(&place, name(item)) };
        ledger.report.record_state(
            metric::OOB_REDUNDANCY_STATE,
            &part.labels().with(Label::HwType, kind),
            state,
        );
    }
}
