//! An independent count of the readings in a recorded device, against what the driver reported.
//!
//! Scans every document of a [`Tree`] by the shape of its schema and knows nothing of the normaliser, of
//! its rules or helpers: a mistake in those shows as a difference here. For tests and the command line.

mod scan;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::PollReport;

use self::scan::{Item, Token, last, scan};
use super::tree::Tree;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Class {
    Temperature,
    Fan,
    Voltage,
    Current,
    Power,
    Energy,
    Supply,
    Firmware,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 8] = [
        Self::Temperature,
        Self::Fan,
        Self::Voltage,
        Self::Current,
        Self::Power,
        Self::Energy,
        Self::Supply,
        Self::Firmware,
    ];
}

/// The comparison of one class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Different readings in the documents: views of one sensor, and equal names in one chassis, are one.
    pub found: usize,
    /// Samples reported.
    pub reported: usize,
    /// Readings whose value was reported.
    pub same: usize,
    /// Readings that an older document repeats from another moment: within a tenth of a sample of the same
    /// chassis.
    pub drifted: Vec<String>,
    /// Readings that were not reported, as `path: name = value`.
    pub missing: Vec<String>,
    /// Samples that answer to no reading, or to one that another sample answers to.
    pub extra: Vec<String>,
}

/// Compares what a poll reported with what the documents hold.
pub fn compare(tree: &Tree, report: &PollReport) -> BTreeMap<Class, Row> {
    let mut items = Vec::new();
    let mut paths: Vec<&String> = tree.documents.keys().collect();
    paths.sort();
    for path in paths {
        if let Some(doc) = tree.documents.get(path) {
            scan(path, doc, &mut items);
        }
    }
    let reported = reported(report);
    Class::ALL.into_iter().map(|class| (class, row(class, &items, &reported))).collect()
}

fn row(class: Class, items: &[Item], reported: &[(Class, String, Token)]) -> Row {
    let groups = groups(items.iter().filter(|item| item.class == class));
    let mut open: Vec<&(Class, String, Token)> = reported.iter().filter(|sample| sample.0 == class).collect();
    let mut row = Row { found: groups.len(), reported: open.len(), ..Row::default() };
    let all = open.clone();
    for group in &groups {
        let answers =
            |sample: &&(Class, String, Token)| group.iter().any(|item| item.value.is_same(&sample.2));
        let told = |item: &&Item| format!("{}: {} = {:?}", item.place, item.name, item.value);
        if all.iter().any(answers) {
            row.same += 1;
        } else if group
            .iter()
            .all(|item| item.sensor.is_none() && all.iter().any(|it| item.is_near(&it.1, &it.2)))
        {
            row.drifted.extend(group.first().map(told));
        } else {
            row.missing.extend(group.first().map(told));
        }
        let named = |sample: &&(Class, String, Token)| {
            answers(sample) && group.iter().any(|it| it.is_named(&sample.1))
        };
        if let Some(index) = open.iter().position(named).or_else(|| open.iter().position(answers)) {
            open.remove(index);
        }
    }
    row.extra = open.iter().map(|(_, name, value)| format!("{name} = {value:?}")).collect();
    row
}

/// Puts together what is one sensor: by its path, and by chassis and name across documents of different
/// kinds. Within one kind, equal names are different readings.
fn groups<'a>(items: impl Iterator<Item = &'a Item>) -> Vec<Vec<&'a Item>> {
    let mut groups: Vec<Vec<&Item>> = Vec::new();
    let mut by_key: HashMap<String, usize> = HashMap::new();
    for item in items {
        let chassis = item.place.split('/').nth(4).unwrap_or("");
        let named = format!("{chassis}|{}", item.name.to_lowercase());
        let keys = [item.sensor.clone().unwrap_or_else(|| item.place.clone()), named];
        let fits = |index: &usize| {
            groups.get(*index).is_some_and(|group| group.iter().all(|it| it.kind() != item.kind()))
        };
        let [path, name] = [0, 1].map(|key| keys.get(key).and_then(|key| by_key.get(key).copied()));
        let known = path.or_else(|| name.filter(fits));
        let index = known.unwrap_or_else(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(index) {
            group.push(item);
        }
        for key in keys {
            by_key.entry(key).or_insert(index);
        }
    }
    groups
}

/// The samples of a report as tokens.
fn reported(report: &PollReport) -> Vec<(Class, String, Token)> {
    let mut found = Vec::new();
    let mut supplies = BTreeSet::new();
    for sample in &report.samples {
        let name = sample.series.metric.definition().prometheus;
        let label =
            |key: &str| sample.series.labels().find(|(name, _)| *name == key).map(|it| it.1.into_owned());
        let place = format!("{name}{{{}}}", sample.series.own_text());
        let (class, factor) = match name {
            "hw_temperature_celsius" => (Class::Temperature, 1.0),
            "hw_fan_speed_rpm" => (Class::Fan, 1.0),
            "hw_fan_speed_ratio" => (Class::Fan, 100.0),
            "hw_voltage_volts" | "oob_circuit_voltage_volts" => (Class::Voltage, 1.0),
            "oob_current_amperes" | "oob_circuit_current_amperes" => (Class::Current, 1.0),
            "hw_host_power_watts"
            | "hw_power_watts"
            | "hw_power_supply_usage_watts"
            | "oob_circuit_power_watts" => (Class::Power, 1.0),
            "hw_host_energy_joules_total" | "hw_energy_joules_total" | "oob_circuit_energy_joules_total" => {
                (Class::Energy, 1.0)
            }
            "oob_firmware_info"
                if !matches!(label("component").as_deref(), Some("bmc" | "bios" | "power_supply")) =>
            {
                found.push((Class::Firmware, place, Token::Text(label("version").unwrap_or_default())));
                continue;
            }
            _ => continue,
        };
        found.push((class, place, Token::Number(sample.value * factor)));
    }
    for sample in &report.samples {
        let is_supply = sample.series.own_text().contains("hw_type=\"power_supply\"")
            && sample.series.metric.definition().prometheus == "hw_status"
            || sample.series.metric.definition().prometheus == "hw_power_supply_limit_watts";
        let id = sample.series.labels().find(|(name, _)| *name == "hw_id").map(|it| it.1.into_owned());
        supplies.extend(id.filter(|_| is_supply));
    }
    found.extend(supplies.into_iter().map(|id| (Class::Supply, id.clone(), Token::Text(last(&id)))));
    found
}
