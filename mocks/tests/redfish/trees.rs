//! The built-in trees hold together: links lead somewhere, and readings agree with each other at any time.

use mocks::redfish::Tree;
use mocks::redfish::live::Moment;
use serde_json::Value;
use std::time::Duration;

/// A document some seconds after the start.
fn at(tree: &Tree, path: &str, seconds: u64) -> Value {
    let moment = Moment { seed: 7, started_unix_s: 0, elapsed: Duration::from_secs(seconds) };
    serde_json::from_slice(&tree.document_at(path, &moment).unwrap()).unwrap()
}

fn number(document: &Value, pointer: &str) -> f64 {
    document.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {pointer} in {document}"))
}

/// Every link in a document, as path and fragment.
fn links<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| links(item, found)),
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str() {
                    Some(link) if name == "@odata.id" || name == "DataSourceUri" => found.push(link),
                    _ => links(member, found),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn every_link_leads_to_a_document() {
    for tree in [Tree::server().unwrap(), Tree::pdu().unwrap()] {
        let mut count = 0;
        for path in tree.paths() {
            let document = at(&tree, path, 0);
            let mut found = Vec::new();
            links(&document, &mut found);
            for link in found {
                let (target, pointer) = link.split_once('#').unwrap_or((link, ""));
                let served_by_the_sessions = target == "/redfish/v1/SessionService/Sessions";
                let exists =
                    tree.document(target).is_some() && at(&tree, target, 0).pointer(pointer).is_some();
                assert!(exists || served_by_the_sessions, "{path} links to {link}");
                count += 1;
            }
        }
        assert!(count > 50, "{count}");
    }
}

#[test]
fn old_and_new_resources_show_the_same_reading() {
    let tree = Tree::server().unwrap();
    for seconds in [0, 61, 3600, 100_000] {
        let chassis = |path: &str| at(&tree, &format!("/redfish/v1/Chassis/1/{path}"), seconds);
        let watts = number(&chassis("Sensors/TotalPower"), "/Reading");
        assert_eq!(number(&chassis("Power"), "/PowerControl/0/PowerConsumedWatts"), watts);
        assert_eq!(number(&chassis("EnvironmentMetrics"), "/PowerWatts/Reading"), watts);
        let inlet = number(&chassis("Sensors/Inlet"), "/Reading");
        assert_eq!(number(&chassis("Thermal"), "/Temperatures/0/ReadingCelsius"), inlet);
        assert_eq!(
            number(&chassis("ThermalSubsystem/ThermalMetrics"), "/TemperatureSummaryCelsius/Intake/Reading"),
            inlet
        );
        let inputs: f64 =
            (1..=2).map(|psu| number(&chassis(&format!("Sensors/PSU{psu}Power")), "/Reading")).sum();
        assert!((inputs - watts).abs() <= 2.0, "{inputs} W in, {watts} W shown");
    }
}

#[test]
fn a_branch_carries_what_its_outlets_draw() {
    let tree = Tree::pdu().unwrap();
    let pdu =
        |path: &str, seconds| at(&tree, &format!("/redfish/v1/PowerEquipment/RackPDUs/1/{path}"), seconds);
    for seconds in [0, 61, 3600, 100_000] {
        let mut total = 0.0;
        for branch in ["A", "B", "C"] {
            let circuit = pdu(&format!("Branches/{branch}"), seconds);
            let outlets = (1..=4).map(|n| pdu(&format!("Outlets/{branch}{n}"), seconds));
            let drawn: f64 = outlets.map(|outlet| number(&outlet, "/CurrentAmps/Reading")).sum();
            let carried = number(&circuit, "/CurrentAmps/Reading");
            // four outlets, each rounded to hundredths
            assert!((drawn - carried).abs() <= 0.03, "{branch}: {drawn} A drawn, {carried} A carried");
            total += number(&circuit, "/PowerWatts/Reading");
        }
        let mains = number(&pdu("Mains/AC1", seconds), "/PowerWatts/Reading");
        assert!((mains - total).abs() <= 0.005 * total, "{mains} W in, {total} W out");
    }
    let energy = |seconds| number(&pdu("Metrics", seconds), "/EnergykWh/Reading");
    // about 3.4 kW for an hour, and never less
    assert!((3.0..3.8).contains(&(energy(3600) - energy(0))), "{}", energy(3600) - energy(0));
    let falls = (0..500).map(|n| energy(60 * n)).collect::<Vec<_>>().windows(2).any(|pair| pair[1] < pair[0]);
    assert!(!falls);
}

#[test]
fn a_changed_copy_leaves_the_original_as_it_was() {
    let tree = Tree::server().unwrap();
    let mut copy = tree.clone();
    let path = "/redfish/v1/Systems/1";
    assert!(copy.set(path, "/SerialNumber", "OTHER".into()));
    assert!(!copy.set(path, "/NoSuchProperty", "OTHER".into()));
    assert!(!copy.set("/redfish/v1/Nothing", "/SerialNumber", "OTHER".into()));
    assert_eq!(at(&copy, path, 0)["SerialNumber"], "OTHER");
    assert_eq!(at(&tree, path, 0)["SerialNumber"], "EX21040001");
}
