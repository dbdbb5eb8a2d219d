//! Whatever a device sends, nothing panics and no value is invented.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{Kind, Sample, metric};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::trees::captured;
use super::{device, poll};
use crate::driver::redfish::tree::Tree;

/// Factors of all unit conversions.
const FACTORS: &[f64] =
    &[1.0, 1e-2, 1e-3, 1e3, 3.6e3, 3.6e6, 1.0 / 60.0, 1e-3 / 60.0, 0.028_316_846_592 / 60.0];

/// Every number that the documents hold, also in texts.
fn numbers(value: &Value, found: &mut BTreeSet<u64>) {
    match value {
        Value::Number(number) => found.extend(number.as_f64().map(f64::to_bits)),
        Value::String(text) => found.extend(text.trim().parse::<f64>().ok().map(f64::to_bits)),
        Value::Array(list) => list.iter().for_each(|item| numbers(item, found)),
        Value::Object(fields) => fields.values().for_each(|item| numbers(item, found)),
        _ => {}
    }
}

/// Whether a sample is a reading of the device rather than a state, a count or a difference of readings.
fn is_reading(sample: &Sample) -> bool {
    const DERIVED: &[model::Metric] = &[
        metric::HW_HOST_HEATING_MARGIN,
        metric::OOB_CLOCK_OFFSET,
        metric::OOB_DEVICE_UPTIME,
        metric::OOB_EVENT_LOG_EVENTS,
        metric::OOB_COMPONENT_PRESENT,
        metric::OOB_CONTACT_OPEN,
        metric::OOB_TRANSFER_SWITCH_SOURCE,
    ];
    let kind = sample.series.metric.definition().kind;
    matches!(kind, Kind::Gauge | Kind::Counter | Kind::UpDown) && !DERIVED.contains(&sample.series.metric)
}

/// Fails unless each reading is a number of the documents, in some unit.
fn check(tree: &Tree, samples: &[Sample]) {
    let mut known = BTreeSet::new();
    tree.documents.values().for_each(|doc| numbers(doc, &mut known));
    let scaled: BTreeSet<u64> = known
        .iter()
        .flat_map(|bits| FACTORS.iter().map(|factor| (f64::from_bits(*bits) * factor).to_bits()))
        .chain(known.iter().map(|bits| (f64::from_bits(*bits) / 100.0).to_bits()))
        .collect();
    for sample in samples.iter().filter(|sample| is_reading(sample)) {
        assert!(sample.value.is_finite());
        assert!(
            scaled.contains(&sample.value.to_bits()),
            "{:?} = {} stands nowhere",
            sample.series,
            sample.value
        );
    }
}

fn run(tree: &Tree) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    if let Ok(report) = runtime.block_on(poll(tree.clone())) {
        check(tree, &report.samples);
    }
}

/// Keys that the normaliser looks for, so that arbitrary documents get past its doors.
const KEYS: &[&str] = &[
    "@odata.id",
    "Members",
    "Name",
    "Id",
    "MemberId",
    "Status",
    "State",
    "Health",
    "Reading",
    "ReadingUnits",
    "ReadingType",
    "ReadingCelsius",
    "ReadingVolts",
    "Thresholds",
    "UpperCritical",
    "UpperThresholdCritical",
    "PowerControl",
    "PowerSupplies",
    "Voltages",
    "Temperatures",
    "Fans",
    "Redundancy",
    "PowerConsumedWatts",
    "LineInputVoltage",
    "PowerWatts",
    "DataSourceUri",
    "Metrics",
    "InputVoltage",
    "SpeedPercent",
    "SpeedRPM",
    "RelatedItem",
    "PhysicalContext",
    "Drives",
    "Storage",
    "LogServices",
    "Entries",
    "Sensors",
    "Power",
    "Thermal",
    "PowerSubsystem",
    "ThermalSubsystem",
    "EnvironmentMetrics",
    "PowerLimit",
    "DateTime",
    "LastResetTime",
    "Version",
    "PolyPhaseVoltage",
    "Line1",
    "TransferConfiguration",
    "ActiveMainsId",
];

const WORDS: &[&str] = &[
    "",
    "OK",
    "Critical",
    "Absent",
    "Enabled",
    "Cel",
    "RPM",
    "%",
    "W",
    "V",
    "N/A",
    "12.5",
    "-1e400",
    "0000-00-00T00:00:00Z",
    "/redfish/v1/Chassis",
    "/redfish/v1/Chassis/1",
    "/redfish/v1/Chassis/1/Sensors",
    "/redfish/v1/Chassis/1/Power#/x",
    "Intake",
    "2024-01-01T00:00:00+99:99",
    "é\u{0}\u{202e}",
];

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        prop::sample::select(WORDS).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(KEYS), inner), 0..8).prop_map(|fields| {
                Value::Object(
                    fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>(),
                )
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_documents_neither_panic_nor_invent(docs in prop::collection::vec(json(), 12)) {
        let paths = ["Chassis/1", "Chassis/1/Power", "Chassis/1/Thermal", "Chassis/1/Sensors", "Chassis/1/PowerSubsystem",
            "Chassis/1/ThermalSubsystem", "Systems/1", "Managers/1", "PowerEquipment", "PowerEquipment/RackPDUs/1",
            "UpdateService", "Systems/1/Storage"];
        let mut all = Map::new();
        for (path, mut doc) in paths.into_iter().zip(docs) {
            // The usual links, so that the walk goes on whatever the rest of the document is.
            if let Some(fields) = doc.as_object_mut() {
                for key in ["Power", "Thermal", "Sensors", "PowerSubsystem", "ThermalSubsystem", "Storage", "RackPDUs"] {
                    fields.insert(key.into(), json!({"@odata.id": format!("/redfish/v1/{path}/{key}")}));
                }
            }
            all.insert(path.into(), doc);
        }
        run(&device(Value::Object(all)));
    }
}

/// xorshift64: as random as mutations need, and the same on each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Replaces one value in `odds` by something that does not belong there.
fn mutate(value: &mut Value, dice: &mut Dice, odds: u64) {
    if dice.below(odds) == 0 {
        *value = match dice.below(9) {
            0 => Value::Null,
            1 => json!([]),
            2 => json!({}),
            3 => json!("N/A"),
            4 => json!(true),
            5 => json!(-1e300),
            6 => json!([value.clone()]),
            7 => json!({"Reading": value.clone()}),
            _ => json!("/redfish/v1/Chassis"),
        };
        return;
    }
    match value {
        Value::Array(list) => list.iter_mut().for_each(|item| mutate(item, dice, odds)),
        Value::Object(fields) => fields.values_mut().for_each(|item| mutate(item, dice, odds)),
        _ => {}
    }
}

#[test]
#[allow(clippy::print_stdout, reason = "says which recording was damaged when one fails")]
fn damaged_recordings_neither_panic_nor_invent() {
    for (name, tree) in captured() {
        for (seed, odds) in [(1, 400), (2, 60), (3, 12)] {
            let mut dice = Dice(0x9E37_79B9_7F4A_7C15 ^ seed);
            let mut damaged = tree.clone();
            let mut paths: Vec<String> = tree.documents.keys().cloned().collect();
            paths.sort();
            for path in paths.iter().filter(|path| *path != "/redfish/v1") {
                let mut doc = (*tree.documents[path]).clone();
                mutate(&mut doc, &mut dice, odds);
                damaged.documents.insert(path.clone(), Arc::new(doc));
            }
            println!("{name}, seed {seed}");
            run(&damaged);
        }
    }
}
