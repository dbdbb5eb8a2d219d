//! All readings of one chassis, in the order that [`super::ledger`] explains.

use std::sync::Arc;

use model::{Label, metric};
use serde_json::Value;

use super::ledger::{Ledger, Part, id};
use super::sensor;
use super::shown::Kind;
use super::supply::{self, Measured};
use super::{environment, fan, hw_type, power, thermal};
use crate::driver::redfish::value::{health, is_absent, is_asleep, link, path_of, text};

/// The documents of one chassis, as far as the device has them.
#[derive(Default)]
pub(crate) struct Documents {
    pub(crate) chassis: Arc<Value>,
    pub(crate) sensors: Vec<Arc<Value>>,
    /// Whether those are all: none was lost.
    pub(crate) all_sensors: bool,
    pub(crate) power: Option<Arc<Value>>,
    pub(crate) thermal: Option<Arc<Value>>,
    pub(crate) power_subsystem: Option<Arc<Value>>,
    pub(crate) supplies: Vec<Measured>,
    /// Whether those are all.
    pub(crate) all_supplies: bool,
    /// Whether those are all, each with its metrics.
    pub(crate) all_power: bool,
    pub(crate) batteries: Vec<Measured>,
    pub(crate) thermal_subsystem: Option<Arc<Value>>,
    pub(crate) fans: Vec<Arc<Value>>,
    /// Whether those are all.
    pub(crate) all_fans: bool,
    pub(crate) environment: Option<Arc<Value>>,
    pub(crate) thermal_metrics: Option<Arc<Value>>,
    pub(crate) leak_detectors: Vec<Arc<Value>>,
    /// Path of the sensor that the device calls its intake, from an earlier poll.
    pub(crate) intake: Option<String>,
}

/// What the older documents added to the modern ones.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Added {
    pub(crate) power: bool,
    pub(crate) thermal: bool,
}

/// Records everything of one chassis.
pub(crate) fn record(ledger: &mut Ledger<'_>, docs: &Documents, whole: bool) -> Added {
    let part = Part::of(&docs.chassis, "");
    for doc in &docs.sensors {
        ledger.index(doc);
    }
    status(ledger, &docs.chassis);
    ledger.begin_sensors(&part.id, docs.all_sensors, !docs.sensors.is_empty());
    let mut owners = ledger.owners(&part.id);
    let told: Vec<supply::Told> = docs
        .supplies
        .iter()
        .filter_map(|supply| supply::record(ledger, supply, &part, &mut owners))
        .collect();
    ledger.remember_owners(&part.id, &owners);
    for battery in &docs.batteries {
        supply::battery(ledger, battery, &part);
    }
    let sensors: Vec<&Value> = docs.sensors.iter().map(|doc| &**doc).collect();
    let fans = docs.fans.iter().filter(|doc| fan::record(ledger, doc, &part, &sensors)).count();
    groups(ledger, docs, &part);
    if let Some(doc) = &docs.environment {
        environment::power(ledger, doc, &part, whole);
    }
    for detector in &docs.leak_detectors {
        leak(ledger, detector, &part);
    }
    let intake = docs.thermal_metrics.as_deref().and_then(environment::intake).or(docs.intake.as_deref());
    let before = ledger.temperatures();
    for doc in sensors {
        sensor::record(ledger, doc, &part, &owners, intake);
    }
    let added = older(ledger, docs, &part, whole, &told, fans);
    if ledger.temperatures() == before && !ledger.is_unsure() {
        for doc in docs.thermal_metrics.iter().chain(&docs.environment) {
            environment::views(ledger, doc, &part);
        }
    }
    added
}

/// `Power` and `Thermal`. Each kind of part is told from there only where the newer resources, read in
/// full, have none of it and never had.
fn older(
    ledger: &mut Ledger<'_>,
    docs: &Documents,
    part: &Part,
    whole: bool,
    told: &[supply::Told],
    fans: usize,
) -> Added {
    let supplies = power::Modern {
        told,
        all: docs.all_supplies,
        none: told.is_empty() && docs.all_power && !ledger.has_shown(&part.id, Kind::Supplies),
    };
    let fans = thermal::Modern {
        fans,
        all: docs.all_fans,
        none: fans == 0 && docs.all_fans && !ledger.has_shown(&part.id, Kind::Fans),
    };
    // What an older document told until now, as while the device started, has another name from now on.
    let array = |key: &str, array: &str| {
        let doc = link(&docs.chassis, key).map_or_else(|| format!("{}/{key}", part.id), id);
        format!("{doc}/{array}")
    };
    if !told.is_empty() && ledger.show(&part.id, Kind::Supplies) {
        ledger.report.rename_below(array("Power", "PowerSupplies"));
    }
    if fans.fans > 0 && ledger.show(&part.id, Kind::Fans) {
        ledger.report.rename_below(array("Thermal", "Fans"));
    }
    let mut added = Added::default();
    let mut before = ledger.report.len();
    if let Some(doc) = &docs.power {
        power::record(ledger, doc, part, whole, &supplies);
        added.power = ledger.report.len() > before;
    }
    before = ledger.report.len();
    if let Some(doc) = &docs.thermal {
        thermal::record(ledger, doc, part, &fans);
        added.thermal = ledger.report.len() > before;
    }
    added
}

fn groups(ledger: &mut Ledger<'_>, docs: &Documents, part: &Part) {
    let subsystems = [
        (&docs.power_subsystem, "PowerSupplyRedundancy", "power_supply"),
        (&docs.thermal_subsystem, "FanRedundancy", "fan"),
    ];
    for (doc, key, kind) in subsystems {
        if let Some(doc) = doc {
            let root = Part::of(doc, &part.id);
            power::redundancy(ledger, doc, key, part, &root, kind);
        }
    }
}

/// Records the status of a chassis or unit. Of one that is off nothing else is read.
pub(crate) fn status(ledger: &mut Ledger<'_>, doc: &Value) {
    let part = Part::of(doc, "");
    ledger.status(doc, &part.labels().with(Label::HwType, hw_type("")), health(doc));
    if is_asleep(doc) {
        ledger.sleep(&part);
    }
}

/// Records one leak detector: open is a leak.
fn leak(ledger: &mut Ledger<'_>, doc: &Value, chassis: &Part) {
    if is_absent(doc) {
        return;
    }
    let part = Part::of(doc, &chassis.id);
    let open = match text(doc, "DetectorState") {
        Some("OK") => 0.0,
        Some("Warning" | "Critical") => 1.0,
        _ => return,
    };
    ledger.record(metric::OOB_CONTACT_OPEN, &part.labels().with(Label::Kind, "leak"), open, None);
}

/// Whether a chassis stands for the device rather than for a part of it, by its `ChassisType`; one that
/// says no type is taken for the device unless it is contained in another.
pub(crate) fn is_whole(doc: &Value) -> bool {
    const PARTS: &[&str] = &[
        "Card",
        "Cartridge",
        "Component",
        "Expansion",
        "HeatExchanger",
        "ImmersionTank",
        "IPBasedDrive",
        "Module",
        "StorageEnclosure",
        "Zone",
    ];
    match text(doc, "ChassisType") {
        Some(kind) => !PARTS.contains(&kind),
        None => doc.pointer("/Links/ContainedBy").and_then(path_of).is_none(),
    }
}
