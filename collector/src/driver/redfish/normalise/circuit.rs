//! Power equipment (DSP0268: PowerDistribution, PowerDistributionMetrics, Circuit, Outlet, OutletGroup):
//! mains, branches, outlets, and the sums over a whole unit.

use model::{Label, Metric, metric};
use serde_json::Value;

use super::excerpt::{self, Excerpt};
use super::ledger::{Ledger, Part};
use crate::driver::redfish::value::{is_absent, link, text};

/// Collections of a unit, with `oob.circuit.type`. A group's readings are sums over outlets that are
/// also told one by one, so it is an `output` and no `outlet`.
pub(crate) const COLLECTIONS: &[(&str, &str)] = &[
    ("Mains", "inlet"),
    ("Branches", "branch"),
    ("Subfeeds", "branch"),
    ("Feeders", "output"),
    ("Outlets", "outlet"),
    ("OutletGroups", "output"),
];

/// Readings of a circuit: property, its poly-phase variant, metric, factor.
const READINGS: &[(&str, &str, Metric, f64)] = &[
    ("Voltage", "PolyPhaseVoltage", metric::OOB_CIRCUIT_VOLTAGE, 1.0),
    ("CurrentAmps", "PolyPhaseCurrentAmps", metric::OOB_CIRCUIT_CURRENT, 1.0),
    ("PowerWatts", "PolyPhasePowerWatts", metric::OOB_CIRCUIT_POWER, 1.0),
    ("EnergykWh", "PolyPhaseEnergykWh", metric::OOB_CIRCUIT_ENERGY, 3.6e6),
    ("FrequencyHz", "", metric::OOB_CIRCUIT_FREQUENCY, 1.0),
    ("ResidualCurrentAmps", "PolyPhaseResidualCurrentAmps", metric::OOB_CIRCUIT_RESIDUAL_CURRENT, 1.0),
];

/// Members of a poly-phase property, with `oob.circuit.phase`.
const PHASES: &[(&str, &str)] = &[
    ("Line1", "L1"),
    ("Line2", "L2"),
    ("Line3", "L3"),
    ("Neutral", "N"),
    ("Line1ToNeutral", "L1"),
    ("Line2ToNeutral", "L2"),
    ("Line3ToNeutral", "L3"),
    ("Line1ToLine2", "L1-L2"),
    ("Line2ToLine3", "L2-L3"),
    ("Line3ToLine1", "L3-L1"),
];

/// Records one circuit, outlet or group of a unit.
pub(crate) fn record(ledger: &mut Ledger<'_>, doc: &Value, unit: &Part, kind: &str) {
    if is_absent(doc) {
        return;
    }
    let part = Part::of(doc, &unit.id);
    let labels = part.labels().with(Label::OobCircuitType, kind);
    if let Some(state) = state(doc) {
        ledger.report.record_state(metric::OOB_CIRCUIT_STATE, &labels, state);
    }
    if let Some(amperes) = ledger.number(doc.get("RatedCurrentAmps")).filter(|amperes| *amperes > 0.0) {
        let labels = labels.with(Label::HwLimitType, "max");
        ledger.record(metric::OOB_CIRCUIT_CURRENT_LIMIT, &labels, amperes, None);
    }
    readings(ledger, doc, &part, kind);
}

/// State of an outlet or breaker, where the device says one.
fn state(doc: &Value) -> Option<&'static str> {
    if matches!(text(doc, "BreakerState"), Some("Tripped")) {
        return Some("tripped");
    }
    match text(doc, "PowerState").or_else(|| text(doc, "BreakerState"))? {
        "On" | "PoweringOn" | "Normal" => Some("on"),
        "Off" | "PoweringOff" => Some("off"),
        _ => Some("unknown"),
    }
}

fn readings(ledger: &mut Ledger<'_>, doc: &Value, part: &Part, kind: &str) {
    for (single, poly, metric, factor) in READINGS {
        // A circuit of one phase names the same sensor as its total and as its phase: told once.
        let mut told: Vec<String> = Vec::new();
        let phases = doc.get(poly).filter(|_| !poly.is_empty());
        let phases = PHASES.iter().filter_map(|(key, phase)| Some((*phase, phases?.get(key)?)));
        let all = doc.get(single).map(|item| ("", item)).into_iter().chain(phases);
        for (phase, item) in all {
            let Some(excerpt) = excerpt::read(ledger, Some(item)) else { continue };
            if let Some(path) = &excerpt.path {
                if told.contains(path) {
                    continue;
                }
                ledger.claim(path);
                told.push(path.clone());
            }
            one(ledger, item, &excerpt, part, kind, phase, (*metric, *factor));
        }
    }
}

fn one(
    ledger: &mut Ledger<'_>,
    item: &Value,
    excerpt: &Excerpt,
    part: &Part,
    kind: &str,
    phase: &str,
    (metric, factor): (Metric, f64),
) {
    let labels = part.labels().with(Label::OobCircuitType, kind).with(Label::OobCircuitPhase, phase);
    ledger.record(metric, &labels, excerpt.value * factor, excerpt.sensor.as_deref());
    for (key, metric) in [
        ("ApparentVA", metric::OOB_CIRCUIT_APPARENT_POWER),
        ("PowerFactor", metric::OOB_CIRCUIT_POWER_FACTOR),
    ] {
        if let Some(value) = ledger.number(item.get(key)) {
            ledger.record(metric, &labels, value, None);
        }
    }
}

/// Records a unit: its sums, and which mains a transfer switch takes.
pub(crate) fn unit(ledger: &mut Ledger<'_>, doc: &Value, metrics: Option<&Value>, mains: &[&Value]) -> Part {
    let part = Part::of(doc, "");
    if let Some(metrics) = metrics {
        readings(ledger, metrics, &part, "unit");
    }
    let active = doc.pointer("/TransferConfiguration").and_then(|transfer| text(transfer, "ActiveMainsId"));
    if let Some(active) = active {
        for source in mains.iter().filter_map(|main| text(main, "Id")) {
            let labels = part.labels().with(Label::Source, source);
            let value = f64::from(u8::from(source == active));
            ledger.record(metric::OOB_TRANSFER_SWITCH_SOURCE, &labels, value, None);
        }
    }
    part
}

/// Links of the collections that a unit has.
pub(crate) fn collections(doc: &Value) -> impl Iterator<Item = (&str, &'static str)> {
    COLLECTIONS.iter().filter_map(|(key, kind)| Some((link(doc, key)?, *kind)))
}
