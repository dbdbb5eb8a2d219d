//! A device that starts, or is off, has what it had: nothing vanishes for that. What was pulled has vanished.

use std::sync::Arc;

use model::Reason;
use serde_json::{Value, json};

use super::gaps::{
    Failure, MINUTE, PLACES, Polled, check, identities, inventory, link, not_there, server, vanished,
};
use super::{HOUR, NOW, device};

/// Places of [`server`] that hold parts: what is linked there and is not found is not gone.
const HOLDERS: &[&str] = &[
    "Chassis/1/PowerSubsystem",
    "Chassis/1/PowerSubsystem/PowerSupplies",
    "Chassis/1/PowerSubsystem/PowerSupplies/1",
    "Chassis/1/ThermalSubsystem",
    "Chassis/1/ThermalSubsystem/Fans",
    "Chassis/1/ThermalSubsystem/Fans/1",
    "Chassis/1/Sensors",
    "Chassis/1",
    "Chassis",
];

/// The power supplies of [`server`].
const SUPPLIES: [&str; 2] =
    ["Chassis/1/PowerSubsystem/PowerSupplies/1", "Chassis/1/PowerSubsystem/PowerSupplies/2"];

#[tokio::test]
async fn what_a_starting_device_does_not_find_has_not_vanished() {
    check(&server(), HOLDERS, not_there, 2 * MINUTE).await;
    check(&server(), HOLDERS, not_there, HOUR).await;
    let mut older = server();
    older["Chassis/1"] = json!({"Id": "1", "Name": "Box", "Power": link("Chassis/1/Power"), "Thermal": link("Chassis/1/Thermal")});
    check(&older, &["Chassis/1/Power", "Chassis/1/Thermal", "Chassis/1", "Chassis"], not_there, HOUR).await;
}

#[tokio::test]
async fn all_is_read_again_once_a_device_has_started() {
    // The first begins and ends between two surveys.
    for begin in [2, 55] {
        let mut polled = Polled::new(server());
        let full = identities(&polled.poll(NOW).await);
        for minute in begin..begin + 10 {
            let report = polled.poll_failing(PLACES, not_there, NOW + minute * MINUTE).await;
            assert_eq!(vanished(&report), [""; 0], "minute {minute}");
        }
        let back = polled.poll(NOW + (begin + 10) * MINUTE).await;
        assert_eq!(vanished(&back), [""; 0]);
        assert_eq!(identities(&polled.poll(NOW + (begin + 11) * MINUTE).await), full);
    }
}

#[tokio::test]
async fn what_is_not_found_for_three_intervals_is_gone() {
    let mut polled = Polled::new(server());
    polled.poll(NOW).await;
    let mut told = Vec::new();
    for hour in 1..6 {
        for minute in [0, 1] {
            let at = NOW + hour * HOUR + minute * MINUTE;
            let report =
                polled.poll_failing(&["Chassis/1/PowerSubsystem/PowerSupplies"], not_there, at).await;
            told.push(vanished(&report).len());
        }
    }
    // In the poll of a survey the place is asked for again, which is a fault.
    assert_eq!(told, [0, 0, 0, 0, 0, 0, 0, 2, 0, 2]);
}

#[tokio::test]
async fn a_supply_that_was_pulled_has_vanished() {
    let mut pulled = server();
    pulled["Chassis/1/PowerSubsystem/PowerSupplies/2"]["Status"] = json!({"State": "Absent"});
    let gone = ["Chassis/1/PowerSubsystem/PowerSupplies/2/Metrics", "Chassis/1/Sensors/V2"];
    let mut polled = Polled::new(server());
    polled.poll(NOW).await;
    polled.source.tree = device(pulled);
    polled.poll_failing(&gone, not_there, NOW + MINUTE).await;
    for minute in 2..4 {
        let report = polled.poll_failing(&gone, not_there, NOW + minute * MINUTE).await;
        assert_eq!(vanished(&report), ["Chassis/1/PowerSubsystem/PowerSupplies/2"], "minute {minute}");
    }
}

#[tokio::test]
async fn collections_that_are_never_empty_and_are_have_not_lost_their_parts() {
    let places = [
        (server(), "Chassis"),
        (inventory(), "Systems"),
        (inventory(), "Managers"),
        (inventory(), "Systems/B/Processors"),
    ];
    for (documents, place) in places {
        let mut polled = Polled::new(documents);
        let full = identities(&polled.poll(NOW).await);
        let path = format!("/redfish/v1/{place}");
        let empty = json!({"@odata.id": path, "Members": []});
        let listed = polled.source.tree.documents.insert(path.clone(), empty.into()).expect("a collection");
        for minute in [0, 1] {
            assert_eq!(vanished(&polled.poll(NOW + HOUR + minute * MINUTE).await), [""; 0], "{place}");
        }
        polled.source.tree.documents.insert(path, listed);
        assert_eq!(vanished(&polled.poll(NOW + HOUR + 2 * MINUTE).await), [""; 0], "{place}");
        assert_eq!(identities(&polled.poll(NOW + HOUR + 3 * MINUTE).await), full, "{place}");
    }
}

#[tokio::test]
async fn the_only_drive_that_is_listed_no_more_has_vanished() {
    let mut polled = Polled::new(inventory());
    polled.poll(NOW).await;
    let mut pulled = inventory();
    pulled["Systems/A/Storage/S"]["Drives"] = json!([]);
    polled.source.tree = device(pulled);
    assert_eq!(vanished(&polled.poll(NOW + HOUR).await), ["Drives/A"]);
}

#[tokio::test]
async fn parts_that_are_off_are_not_told_and_have_not_vanished() {
    let places = [
        "Chassis/1/PowerSubsystem/PowerSupplies/1",
        "Chassis/1/ThermalSubsystem/Fans/1",
        "Systems/A",
        "Systems/A/Processors/0",
        "Drives/A",
    ];
    let of = |status: Value| {
        let mut documents = server();
        // Nothing that shows that the supply feeds something.
        documents["Chassis/1/PowerSubsystem/PowerSupplies/1/Metrics"] = json!({});
        documents.as_object_mut().unwrap().extend(inventory().as_object().unwrap().clone());
        places.iter().for_each(|place| documents[place]["Status"] = status.clone());
        device(documents)
    };
    let ok = json!({"State": "Enabled", "Health": "OK"});
    let mut polled = Polled::new(json!({}));
    for (hour, (status, told, gone)) in [
        (&ok, true, false),
        // As processors of a server that is off.
        (&json!({"State": "Enabled", "Health": null}), false, false),
        (&json!({"State": "StandbyOffline"}), false, false),
        (&json!({"State": "Disabled", "Health": "OK"}), false, false),
        (&json!({"State": "UnavailableOffline", "Health": null}), false, false),
        // A supply that has lost its input, a drive that has failed.
        (&json!({"State": "UnavailableOffline", "Health": "Critical"}), true, false),
        (&json!({"State": "Absent", "Health": "OK"}), false, true),
        (&ok, true, false),
    ]
    .into_iter()
    .enumerate()
    {
        polled.source.tree = of(status.clone());
        let report = polled.poll(NOW + hour as i64 * HOUR).await;
        let statuses =
            identities(&report).into_iter().filter(|it| it.starts_with("hw_status ")).collect::<Vec<_>>();
        for place in places {
            let is_told = statuses.iter().any(|it| it.starts_with(&format!("hw_status {place} ")));
            assert_eq!(
                (is_told, vanished(&report).contains(&place.to_owned())),
                (told, gone),
                "{place}: {status}"
            );
        }
    }
}

#[tokio::test]
async fn parts_of_a_chassis_that_is_off_have_not_vanished() {
    const PARTS: &[&str] = &["Chassis/1", SUPPLIES[0], SUPPLIES[1], "Chassis/1/ThermalSubsystem/Fans/1"];
    let of = |state: &str, documents: fn() -> Value| {
        let mut documents = documents();
        documents["Chassis/1"]["Status"] = json!({"State": state, "Health": "OK"});
        device(documents)
    };
    let without_fans = || {
        let mut documents = server();
        documents.as_object_mut().unwrap().remove("Chassis/1/ThermalSubsystem/Fans/1");
        documents["Chassis/1/ThermalSubsystem/Fans"] = json!({"Members": []});
        documents["Chassis/1/Thermal"]["Fans"] = json!([]);
        documents
    };
    for off in ["Disabled", "UnavailableOffline", "StandbyOffline", "Starting"] {
        let mut polled = Polled::new(json!({}));
        polled.source.tree = of("Enabled", server);
        let full = identities(&polled.poll(NOW).await);
        assert!(PARTS.iter().all(|part| full.iter().any(|it| it.starts_with(&format!("hw_status {part} ")))));
        for (hour, documents) in [(1, server as fn() -> Value), (2, without_fans)] {
            polled.source.tree = of(off, documents);
            for minute in [0, 1] {
                let report = polled.poll(NOW + hour * HOUR + minute * MINUTE).await;
                assert_eq!(vanished(&report), [""; 0], "{off}, hour {hour}, minute {minute}");
            }
        }
        polled.source.tree = of("Enabled", without_fans);
        let report = polled.poll(NOW + 3 * HOUR).await;
        assert_eq!(vanished(&report), ["Chassis/1/ThermalSubsystem/Fans/1"], "{off}, then on");
        polled.source.tree = of("Absent", server);
        assert_eq!(vanished(&polled.poll(NOW + 4 * HOUR).await).len(), PARTS.len(), "pulled");
    }
}

#[tokio::test]
async fn a_supply_that_is_pulled_from_a_chassis_in_standby_has_vanished() {
    let mut documents = server();
    documents["Chassis/1"]["Status"] = json!({"State": "StandbyOffline"});
    let mut polled = Polled::new(documents.clone());
    polled.poll(NOW).await;
    documents[SUPPLIES[1]] = json!({"Id": "2", "Name": "Power Supply 2", "Status": {"State": "Absent"}});
    polled.source.tree = device(documents);
    for minute in 1..3 {
        assert_eq!(vanished(&polled.poll(NOW + minute * MINUTE).await), [SUPPLIES[1]]);
    }
}

#[tokio::test]
async fn parts_of_power_equipment_that_is_off_have_not_vanished() {
    let ok = json!({"State": "Enabled", "Health": "OK"});
    let switch = "PowerEquipment/TransferSwitches/1";
    let documents = json!({
        "PowerEquipment": {"TransferSwitches": link("PowerEquipment/TransferSwitches")},
        switch: {"Id": "1", "Name": "ATS", "Status": ok, "PowerSupplies": link(&format!("{switch}/PowerSupplies"))},
        format!("{switch}/PowerSupplies/1"): {"Id": "1", "Name": "PSU", "Status": ok},
    });
    let mut polled = Polled::new(documents.clone());
    let full = identities(&polled.poll(NOW).await);
    for part in [switch, "PowerEquipment/TransferSwitches/1/PowerSupplies/1"] {
        assert!(full.iter().any(|it| it.starts_with(&format!("hw_status {part} "))), "{full:?}");
    }
    let mut off = documents;
    off[switch]["Status"]["State"] = json!("Disabled");
    polled.source.tree = device(off);
    assert_eq!(vanished(&polled.poll(NOW + MINUTE).await), [""; 0]);
}

/// What a service root links to.
const TOPS: &[&str] = &["Chassis", "Systems", "Managers", "PowerEquipment"];

/// Parts below each of [`TOPS`].
fn rack() -> Value {
    let mut documents = server();
    documents.as_object_mut().unwrap().extend(inventory().as_object().unwrap().clone());
    documents["PowerEquipment"] = json!({"RackPDUs": link("PowerEquipment/RackPDUs")});
    documents["PowerEquipment/RackPDUs/1"] =
        json!({"Id": "1", "Name": "PDU", "Status": {"State": "Enabled", "Health": "OK"}});
    documents
}

/// The same device, whose service root lacks one link.
fn without_link(polled: &mut Polled, top: &str) {
    let root = polled.source.tree.documents.get_mut("/redfish/v1").expect("a root");
    Arc::make_mut(root).as_object_mut().unwrap().remove(top).expect("a link");
}

#[tokio::test]
async fn what_the_root_of_a_starting_device_does_not_link_to_has_not_vanished() {
    for top in TOPS {
        for fail in [not_there as Failure, |_, _| {}] {
            let mut polled = Polled::new(rack());
            let full = identities(&polled.poll(NOW).await);
            without_link(&mut polled, top);
            for minute in [1, 60, 61] {
                let report = polled.poll_failing(&[top], fail, NOW + minute * MINUTE).await;
                assert_eq!(vanished(&report), [""; 0], "{top}, minute {minute}");
                let found = identities(&report);
                assert!(found.iter().all(|it| full.contains(it)), "{top}, minute {minute}: {found:?}");
            }
            polled.source.tree = device(rack());
            for minute in [62, 63] {
                let report = polled.poll(NOW + minute * MINUTE).await;
                assert_eq!(vanished(&report), [""; 0], "{top}, started");
                assert!(minute == 62 || identities(&report) == full, "{top}, started");
            }
        }
    }
}

#[tokio::test]
async fn what_the_root_does_not_link_to_for_three_intervals_is_gone() {
    let mut polled = Polled::new(rack());
    polled.poll(NOW).await;
    without_link(&mut polled, "Managers");
    let mut told = Vec::new();
    for hour in 1..7 {
        for minute in [0, 1] {
            let at = NOW + hour * HOUR + minute * MINUTE;
            told.push(vanished(&polled.poll_failing(&["Managers"], not_there, at).await).len());
        }
    }
    // It is asked for until it is believed to be gone, and then no more.
    assert_eq!(told, [0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2]);
    assert_eq!(polled.source.count("Managers"), 5);
}

#[tokio::test]
async fn parts_that_got_better_names_once_the_device_had_started_have_not_vanished() {
    let mut polled = Polled::new(server());
    let subsystems = ["Chassis/1/PowerSubsystem", "Chassis/1/ThermalSubsystem"];
    let first = identities(&polled.poll_failing(&subsystems, not_there, NOW).await);
    for part in ["Chassis/1/Power/PowerSupplies/0 PSU A", "Chassis/1/Thermal/Fans/0 FAN_A"] {
        assert!(first.contains(&format!("oob_component_present {part}")), "{first:?}");
    }
    let full = identities(&Polled::new(server()).poll(NOW).await);
    for minute in [0, 1] {
        let report = polled.poll(NOW + HOUR + minute * MINUTE).await;
        assert_eq!(vanished(&report), [""; 0], "minute {minute}");
        assert_eq!(identities(&report), full, "minute {minute}");
    }
}

#[tokio::test]
async fn parts_that_cannot_be_read_for_long_are_not_told_and_have_not_vanished() {
    let refused: super::gaps::Failure = |source, path| source.fail(path, 500, Reason::Refused);
    let mut polled = Polled::new(inventory());
    let full = identities(&polled.poll(NOW).await);
    let drive = |found: &[String]| found.iter().any(|it| it == "oob_component_present Drives/A Disk");
    for hour in 1..7 {
        for minute in [0, 1] {
            let at = NOW + hour * HOUR + minute * MINUTE;
            let report = polled.poll_failing(&["Systems/A/Storage"], refused, at).await;
            assert_eq!(
                (vanished(&report), drive(&identities(&report))),
                (Vec::new(), hour < 3),
                "hour {hour}"
            );
        }
    }
    assert_eq!(identities(&polled.poll(NOW + 7 * HOUR).await), full);
    let mut pulled = inventory();
    pulled["Systems/A/Storage/S"]["Drives"] = json!([]);
    polled.source.tree = device(pulled);
    assert_eq!(vanished(&polled.poll(NOW + 8 * HOUR).await), ["Drives/A"]);
}
