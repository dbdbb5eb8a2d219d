//! From Redfish documents to readings: pure, one small file for each family of resources.
//!
//! Nothing here asks the device for anything; see [`super::collect`] for the order in which documents
//! come. See [`ledger`] for how one sensor that stands in several documents is told once.

pub(crate) mod chassis;
pub(crate) mod circuit;
pub(crate) mod component;
pub(crate) mod environment;
pub(crate) mod excerpt;
pub(crate) mod fan;
pub(crate) mod ledger;
pub(crate) mod limits;
pub(crate) mod log;
pub(crate) mod member;
pub(crate) mod power;
pub(crate) mod quantity;
pub(crate) mod sensor;
pub(crate) mod shown;
pub(crate) mod supply;
pub(crate) mod system;
pub(crate) mod thermal;

/// `hw.sensor_location` of a `PhysicalContext`.
pub(crate) fn location(context: &str) -> String {
    match context {
        "Intake" | "Room" => "inlet".to_owned(),
        "Exhaust" => "outlet".to_owned(),
        other => snake_case(other),
    }
}

fn snake_case(words: &str) -> String {
    let mut text = String::new();
    let mut after_lower = false;
    for c in words.chars().filter(|c| c.is_alphanumeric()) {
        if c.is_uppercase() && after_lower {
            text.push('_');
        }
        after_lower = !c.is_uppercase();
        text.extend(c.to_lowercase());
    }
    text
}

/// `hw.type` of a `PhysicalContext`: the words of the conventions.
pub(crate) fn hw_type(context: &str) -> &'static str {
    match context {
        "CPU" | "CPUSubsystem" => "cpu",
        "GPU" | "GPUSubsystem" | "Accelerator" => "gpu",
        "Memory" | "MemorySubsystem" => "memory",
        "PowerSupply" | "PowerSupplyBay" => "power_supply",
        "Fan" => "fan",
        "StorageDevice" | "StorageBay" => "physical_disk",
        "NetworkingDevice" | "NetworkBay" => "network",
        "Battery" => "battery",
        "VoltageRegulator" => "voltage",
        _ => "enclosure",
    }
}

#[cfg(test)]
pub(crate) mod testing;
