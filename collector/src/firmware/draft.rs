//! A baseline from what a fleet runs: what most devices of a model have is what is wanted. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::baseline::last_part;
use super::store::{Component, Targets};
use super::version::is_told;

/// How often each version of some components runs.
type Counts<'a> = BTreeMap<&'a str, usize>;

/// Which components: model and vendor unknown last, so that entries for any device come after all others.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Group<'a> {
    unknown: usize,
    vendor: &'a str,
    model: &'a str,
    component: &'a str,
}

/// The text of a baseline: for each vendor, model and component the version that runs most often, or all that run
/// equally often; the others in comments. What the devices of a fleet say is quoted.
pub fn draft(targets: &Targets) -> String {
    let several = of_several_versions(targets);
    let mut groups: BTreeMap<Group<'_>, Counts<'_>> = BTreeMap::new();
    for known in targets.values() {
        for component in known.components.iter().filter(|component| is_told(&component.version)) {
            let name = (known.vendor.as_str(), known.model.as_str(), component.component.as_str());
            let group = Group {
                unknown: usize::from(known.vendor.is_empty()) + usize::from(known.model.is_empty()),
                vendor: &known.vendor,
                model: &known.model,
                component: if several.contains(&name) { part(component) } else { &component.component },
            };
            *groups.entry(group).or_default().entry(component.version.as_str()).or_default() += 1;
        }
    }
    let mut text = format!(
        "# Firmware of {} devices. Each entry wants what runs most often; of the entries that fit, the first counts.\n\
         components:{}\n",
        targets.len(),
        if groups.is_empty() { " []" } else { "" },
    );
    for (group, counts) in &groups {
        text.push_str(&entry(group, counts));
    }
    text
}

/// Names that stand for several versions in one device: there only the identity tells components apart.
fn of_several_versions(targets: &Targets) -> BTreeSet<(&str, &str, &str)> {
    let mut several = BTreeSet::new();
    for known in targets.values() {
        let mut versions: BTreeMap<&str, &str> = BTreeMap::new();
        for component in known.components.iter().filter(|component| !part(component).is_empty()) {
            let first = versions.entry(&component.component).or_insert(&component.version);
            if *first != component.version {
                several.insert((known.vendor.as_str(), known.model.as_str(), component.component.as_str()));
            }
        }
    }
    several
}

fn part(component: &Component) -> &str {
    last_part(&component.id)
}

fn entry(group: &Group<'_>, counts: &Counts<'_>) -> String {
    let most = counts.values().copied().max().unwrap_or(0);
    let all: usize = counts.values().sum();
    let (wanted, others): (Vec<_>, Vec<_>) = counts.iter().partition(|(_, count)| **count == most);
    let mut comment = format!("{} of {all}", most * wanted.len());
    if !others.is_empty() {
        let others: Vec<String> =
            others.iter().map(|(version, count)| format!("{} ({count})", quoted(version))).collect();
        comment.push_str(&format!("; others: {}", others.join(", ")));
    }
    let mut keys = Vec::new();
    for (key, value) in [("vendor", group.vendor), ("model", group.model), ("component", group.component)] {
        if !value.is_empty() {
            keys.push(format!("{key}: {}", quoted(value)));
        }
    }
    let versions: Vec<String> = wanted.iter().map(|(version, _)| quoted(version)).collect();
    keys.push(match versions.as_slice() {
        [one] => format!("exact: {one}"),
        several => format!("one_of: [{}]", several.join(", ")),
    });
    format!("  # {comment}\n  - {{{}}}\n", keys.join(", "))
}

/// A JSON string is a YAML string on one line, whatever is in it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firmware::baseline::{Baseline, Compliance, Subject};
    use crate::firmware::store::Known;

    fn known(vendor: &str, model: &str, components: &[(&str, &str, &str)]) -> Known {
        let component = |&(id, component, version): &(&str, &str, &str)| Component {
            id: format!("UpdateService/FirmwareInventory/{id}"),
            component: component.into(),
            version: version.into(),
            changed: None,
        };
        let components = components.iter().map(component).collect();
        Known { vendor: vendor.into(), model: model.into(), seen: 0, components }
    }

    fn fleet() -> Targets {
        let gpus = [("GPU_0", "Software Inventory", "97.00.6C"), ("GPU_1", "Software Inventory", "97.00.72")];
        let devices = [
            known("Dell Inc.", "R750", &[("a", "BIOS", "1.8.2"), ("b", "NIC", "20.1")]),
            known("Dell Inc.", "R750", &[("a", "BIOS", "1.8.2"), ("b", "NIC", "20.2")]),
            known("Dell Inc.", "R750", &[("a", "BIOS", "1.2.4"), ("c", "PSU", "0.00")]),
            known("NVIDIA", "GB200", &gpus),
            known("", "", &[("d", "odd: \"name\" # {[\\", "- 1")]),
        ];
        devices.into_iter().enumerate().map(|(number, known)| (format!("d{number}"), known)).collect()
    }

    #[test]
    fn most_of_the_fleet_says_what_is_wanted() {
        let expected = r#"# Firmware of 5 devices. Each entry wants what runs most often; of the entries that fit, the first counts.
components:
  # 2 of 3; others: "1.2.4" (1)
  - {vendor: "Dell Inc.", model: "R750", component: "BIOS", exact: "1.8.2"}
  # 2 of 2
  - {vendor: "Dell Inc.", model: "R750", component: "NIC", one_of: ["20.1", "20.2"]}
  # 1 of 1
  - {vendor: "NVIDIA", model: "GB200", component: "GPU_0", exact: "97.00.6C"}
  # 1 of 1
  - {vendor: "NVIDIA", model: "GB200", component: "GPU_1", exact: "97.00.72"}
  # 1 of 1
  - {component: "odd: \"name\" # {[\\", exact: "- 1"}
"#;
        assert_eq!(draft(&fleet()), expected);
        assert!(Baseline::parse("empty", &draft(&Targets::new())).unwrap().is_empty());
    }

    #[test]
    fn a_fleet_stands_to_its_own_baseline_as_its_majority_does() {
        let fleet = fleet();
        let baseline =
            Baseline::parse("drafted", &draft(&fleet)).unwrap_or_else(|p| panic!("{}", p.render()));
        let mut drifted = Vec::new();
        for (name, known) in &fleet {
            for Component { id, component, version, .. } in &known.components {
                let subject = Subject { vendor: &known.vendor, model: &known.model, component, id };
                match baseline.find(&subject).map(|entry| entry.judge(version)) {
                    Some(Compliance::Compliant) => {}
                    other => drifted.push((name.as_str(), component.as_str(), other)),
                }
            }
        }
        let expected = [("d2", "BIOS", Some(Compliance::Drifted)), ("d2", "PSU", None)];
        assert_eq!(drifted, expected);
    }
}
