//! Computer systems and managers (DSP0268: ComputerSystem, Manager), and what describes a device.

use model::{Identity, Label, Labels, Timestamp, metric};
use serde_json::Value;

use super::component::version;
use super::ledger::{Ledger, Part};
use crate::driver::redfish::value::{health, text, time};

/// Words of an unset field: factory texts that name nothing.
const PLACEHOLDERS: &[&str] =
    &["Not Specified", "Unknown", "To be filled by O.E.M.", "Default string", "0123456789"];

/// Records status and BIOS version of a system, and its power state if it is the device's `main` one.
pub(crate) fn system(ledger: &mut Ledger<'_>, doc: &Value, main: bool) {
    let part = Part::of(doc, "");
    if !ledger.status(doc, &part.labels().with(Label::HwType, "enclosure"), health(doc)) {
        return;
    }
    version(ledger, &part, "bios", doc, "BiosVersion");
    if main {
        power_state(ledger, doc);
    }
}

/// Records the power state that a system or a chassis says.
pub(crate) fn power_state(ledger: &mut Ledger<'_>, doc: &Value) {
    let state = match text(doc, "PowerState") {
        Some("On" | "PoweringOff") => "on",
        Some("Off" | "PoweringOn") => "off",
        Some("Paused" | "Standby") => "standby",
        Some(_) => "unknown",
        None => return,
    };
    ledger.report.record_state(metric::OOB_DEVICE_POWER_STATE, &Labels::new(), state);
}

/// Records firmware, status, clock and uptime of a manager. `now` is the collector's time.
pub(crate) fn manager(ledger: &mut Ledger<'_>, doc: &Value, main: bool, now: Timestamp) {
    let part = Part::of(doc, "");
    if !ledger.status(doc, &part.labels().with(Label::HwType, "enclosure"), health(doc)) {
        return;
    }
    version(ledger, &part, "bmc", doc, "FirmwareVersion");
    let clock = text(doc, "DateTime").and_then(time).filter(|_| main);
    let Some(clock) = clock else { return };
    let seconds = |from: i64, to: i64| to.saturating_sub(from) as f64 / 1_000.0;
    ledger.report.record(metric::OOB_CLOCK_OFFSET, &Labels::new(), seconds(now, clock));
    let reset = text(doc, "LastResetTime").and_then(time);
    // A reset in 1970 or in the future was seen by a clock that was not set.
    if let Some(reset) = reset.filter(|reset| *reset > 0 && *reset <= clock) {
        let labels = Labels::new().with(Label::Component, "bmc");
        ledger.report.record(metric::OOB_DEVICE_UPTIME, &labels, seconds(reset, clock));
    }
}

/// The vendor that a service root names; where it does not, the one whose own part it has.
pub(crate) fn vendor(root: &Value) -> &str {
    let own = || root.get("Oem")?.as_object()?.keys().find(|key| !key.starts_with('@')).map(String::as_str);
    text(root, "Vendor").or_else(own).unwrap_or("")
}

/// Tells what describes the device: for each field the first of `docs` that says it, the last of which is the
/// service root.
pub(crate) fn describe(ledger: &mut Ledger<'_>, docs: &[&Value]) {
    let first = |keys: &[&str]| {
        let told = docs.iter().flat_map(|doc| keys.iter().filter_map(|key| text(doc, key)));
        told.into_iter().find(|text| !PLACEHOLDERS.contains(text)).unwrap_or("")
    };
    let named = first(&["Manufacturer", "Vendor"]);
    let told_vendor = if named.is_empty() { docs.last().map_or("", |root| vendor(root)) } else { named };
    ledger.report.identify(&Identity {
        vendor: told_vendor,
        model: first(&["Model", "Product"]),
        serial: first(&["SerialNumber"]),
        asset_tag: first(&["AssetTag"]),
        protocol: "redfish",
    });
}
