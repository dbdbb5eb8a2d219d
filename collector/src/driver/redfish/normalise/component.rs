//! Parts that have a status rather than a reading (DSP0268: Processor, Memory, Drive, SoftwareInventory).

use model::state::Status;
use model::{Label, Labels, metric};
use serde_json::Value;

use super::ledger::{Ledger, Part};
use crate::driver::redfish::value::{flag, health, name, text};

/// Records the status of a processor, memory module or storage controller. False if it is not there.
pub(crate) fn status(ledger: &mut Ledger<'_>, doc: &Value, parent: &str, kind: &str) -> bool {
    let part = Part::of(doc, parent);
    ledger.status(doc, &part.labels().with(Label::HwType, kind), health(doc))
}

/// `hw.type` of a processor.
pub(crate) fn processor_type(doc: &Value) -> &'static str {
    match text(doc, "ProcessorType") {
        Some("GPU" | "Accelerator") => "gpu",
        _ => "cpu",
    }
}

/// Records a drive: its status, and what is left of its endurance.
pub(crate) fn drive(ledger: &mut Ledger<'_>, doc: &Value, parent: &str) {
    let part = Part::of(doc, parent);
    let labels = part.labels().with(Label::HwType, "physical_disk");
    let failing = flag(doc, "FailurePredicted") == Some(true);
    let status = match health(doc) {
        Some(Status::Ok | Status::Degraded) | None if failing => Some(Status::PredictedFailure),
        other => other,
    };
    if !ledger.status(doc, &labels, status) {
        return;
    }
    // Spinning disks have no endurance; some firmware says zero for them.
    let left = doc.get("PredictedMediaLifeLeftPercent").filter(|_| text(doc, "MediaType") != Some("HDD"));
    if let Some(percent) = ledger.number(left) {
        let labels = labels.with(Label::HwPhysicalDiskState, "remaining");
        ledger.record(metric::HW_PHYSICAL_DISK_ENDURANCE_UTILIZATION, &labels, percent / 100.0, None);
    }
}

/// Records one item of the firmware inventory.
pub(crate) fn firmware(ledger: &mut Ledger<'_>, doc: &Value) {
    let mut part = Part::of(doc, "");
    if let Some(id) = text(doc, "Version").and_then(|version| without_version(&part.id, version)) {
        part.id = id;
    }
    version(ledger, &part, name(doc), doc, "Version");
}

/// The identity of an item of Dell's inventory without the version that it holds: it would be another component after
/// each update. `Installed-25227-6.00.30.00__iDRAC.Embedded.1-1`, on older ones `Installed-25227-2.85.85.85`.
fn without_version(id: &str, version: &str) -> Option<String> {
    let (_, last) = id.rsplit_once('/')?;
    let is_dells = ["Installed-", "Current-", "Previous-", "Available-", "Rollback-"]
        .iter()
        .any(|kind| last.starts_with(kind));
    let (before, after) =
        id.split_once(&format!("-{version}")).filter(|_| is_dells && !version.is_empty())?;
    (after.is_empty() || after.starts_with("__")).then(|| format!("{before}{after}"))
}

/// Records the firmware of a part that says its version itself.
pub(crate) fn version(ledger: &mut Ledger<'_>, part: &Part, component: &str, doc: &Value, key: &str) {
    let Some(version) = text(doc, key) else { return };
    let labels: Labels<'_> = part.labels().with(Label::Component, component).with(Label::Version, version);
    ledger.report.record(metric::OOB_FIRMWARE_INFO, &labels, 1.0);
}

#[cfg(test)]
mod tests {
    use super::without_version;

    #[test]
    fn an_update_does_not_rename_a_component() {
        let id = |last: &str| format!("UpdateService/FirmwareInventory/{last}");
        for (last, version, expected) in [
            (
                "Installed-25227-6.00.30.00__iDRAC.Embedded.1-1",
                "6.00.30.00",
                Some("Installed-25227__iDRAC.Embedded.1-1"),
            ),
            ("Installed-25227-2.85.85.85", "2.85.85.85", Some("Installed-25227")),
            ("Installed-0-1__Disk.Bay.0-1", "1", Some("Installed-0__Disk.Bay.0-1")),
            ("Installed-159-1.8.2__BIOS.Setup.1-1", "1.8", None),
            ("FW_CPLD-1", "1", None),
            ("BMC", "1.2", None),
        ] {
            assert_eq!(without_version(&id(last), version), expected.map(id), "{last}");
        }
    }
}
