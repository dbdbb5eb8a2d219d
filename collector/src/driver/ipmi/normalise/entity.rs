//! Entities: the parts of a device that sensors belong to (table 43-13).

use std::collections::HashMap;

use crate::driver::identities::Place;
use crate::driver::ipmi::decode::sdr::{Entity, Locator};

/// Id, name, `hw.type`.
const ENTITIES: &[(u8, &str, &str)] = &[
    (0x03, "processor", "cpu"),
    (0x04, "disk", "physical_disk"),
    (0x05, "peripheral_bay", "enclosure"),
    (0x06, "system_management_module", "enclosure"),
    (0x07, "system_board", "enclosure"),
    (0x08, "memory_module", "memory"),
    (0x09, "processor_module", "cpu"),
    (POWER_SUPPLY, "power_supply", "power_supply"),
    (0x0b, "add_in_card", "enclosure"),
    (0x0c, "front_panel", "enclosure"),
    (0x0d, "back_panel", "enclosure"),
    (0x0e, "power_system_board", "enclosure"),
    (0x0f, "drive_backplane", "enclosure"),
    (0x10, "internal_expansion_board", "enclosure"),
    (0x11, "other_system_board", "enclosure"),
    (0x12, "processor_board", "enclosure"),
    (0x13, "power_unit", "power_supply"),
    (0x14, "power_module", "power_supply"),
    (0x15, "power_management_board", "enclosure"),
    (0x16, "chassis_back_panel_board", "enclosure"),
    (0x17, "chassis", "enclosure"),
    (0x18, "sub_chassis", "enclosure"),
    (0x19, "other_chassis_board", "enclosure"),
    (0x1a, "disk_bay", "physical_disk"),
    (0x1b, "peripheral_bay", "enclosure"),
    (0x1c, "device_bay", "enclosure"),
    (0x1d, "fan", "fan"),
    (0x1e, "cooling_unit", "fan"),
    (0x1f, "cable", "enclosure"),
    (0x20, "memory_device", "memory"),
    (0x21, "system_management_software", "enclosure"),
    (0x22, "bios", "enclosure"),
    (0x23, "operating_system", "enclosure"),
    (0x24, "system_bus", "enclosure"),
    (0x25, "group", "enclosure"),
    (0x26, "remote_management_device", "enclosure"),
    (0x27, "external_environment", "enclosure"),
    (0x28, "battery", "battery"),
    (0x29, "processing_blade", "enclosure"),
    (0x2a, "connectivity_switch", "enclosure"),
    (0x2b, "processor_memory_module", "enclosure"),
    (0x2c, "io_module", "enclosure"),
    (0x2d, "processor_io_module", "enclosure"),
    (0x2e, "management_controller_firmware", "enclosure"),
    (0x37, "inlet", "enclosure"),
    (0x40, "inlet", "enclosure"),
    (0x41, "cpu", "cpu"),
    (0x42, "baseboard", "enclosure"),
];

const POWER_SUPPLY: u8 = 0x0a;

fn known(entity: Entity) -> Option<&'static (u8, &'static str, &'static str)> {
    ENTITIES.iter().find(|(id, ..)| *id == entity.id)
}

/// `hw.type`.
pub(crate) fn hw_type(of: Entity) -> &'static str {
    known(of).map_or("enclosure", |(_, _, kind)| kind)
}

/// Whether the entity is a part with a state of its own, and not a board or room where many things are.
pub(crate) fn is_part(of: Entity) -> bool {
    hw_type(of) != "enclosure"
}

pub(crate) fn is_power_supply(of: Entity) -> bool {
    of.id == POWER_SUPPLY
}

/// `hw.sensor_location`: the words that Redfish's sensors get for the same places.
pub(crate) fn location(of: Entity) -> &'static str {
    match hw_type(of) {
        "enclosure" | "physical_disk" | "battery" => known(of).map_or("", |(_, name, _)| name),
        kind => kind,
    }
}

/// Entity ids that stand for the same places in sensor records and in DCMI.
pub(crate) fn dcmi_twins(id: u8) -> &'static [u8] {
    match id {
        0x40 => &[0x40, 0x37],
        0x41 => &[0x41, 0x03, 0x09],
        0x42 => &[0x42, 0x07],
        _ => &[],
    }
}

/// Identity of an entity: `hw.id` of a part, `hw.parent` of its sensors.
pub(crate) fn id(of: Entity) -> String {
    match known(of) {
        Some((_, name, _)) => format!("{name} {}", of.instance),
        None => format!("entity {}.{}", of.id, of.instance),
    }
}

/// What parts are called for people.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(HashMap<Entity, String>);

impl Names {
    /// From the locators of FRUs. The first one of a part names it.
    pub(crate) fn of(locators: &[Locator]) -> Self {
        let mut names = HashMap::new();
        for locator in locators.iter().filter(|locator| !locator.name.is_empty()) {
            names.entry(locator.entity).or_insert_with(|| locator.name.clone());
        }
        Self(names)
    }

    /// How a part is called.
    pub(crate) fn place(&self, of: Entity) -> Place {
        let id = id(of);
        let name = self.0.get(&of).cloned().unwrap_or_else(|| id.replace('_', " "));
        Place { id, name, ..Place::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_called_as_their_locator_says_or_by_table_43_13() {
        let [first, second] = [1, 2].map(|instance| Entity { id: 0x0a, instance });
        let locator = |name: &str| Locator { address: 0x20, entity: first, name: name.into() };
        let names = Names::of(&[locator(""), locator("PSU 1"), locator("Logical 1")]);
        let place = names.place(first);
        assert_eq!((place.id.as_str(), place.name.as_str()), ("power_supply 1", "PSU 1"));
        assert_eq!(names.place(second).name, "power supply 2");
        assert_eq!(id(Entity { id: 0xd0, instance: 3 }), "entity 208.3");
        assert_eq!(location(Entity { id: 0x37, instance: 1 }), "inlet");
        assert!(is_part(first) && !is_part(Entity { id: 7, instance: 1 }));
        let ids: std::collections::HashSet<u8> = ENTITIES.iter().map(|(id, ..)| *id).collect();
        assert_eq!(ids.len(), ENTITIES.len());
    }
}
