//! Parts that have a status rather than a reading (DSP0268: Processor, Memory, Drive, SoftwareInventory).

use model::state::Status;
use model::{Label, Labels, metric};
use serde_json::Value;

use super::ledger::{Ledger, Part};
use crate::driver::redfish::value::{flag, health, is_absent, name, text};

/// Records the status of a processor, memory module or storage controller. False if it is not there.
pub(crate) fn status(ledger: &mut Ledger<'_>, doc: &Value, parent: &str, kind: &str) -> bool {
    if is_absent(doc) {
        return false;
    }
    let part = Part::of(doc, parent);
    if let Some(status) = health(doc) {
        ledger.report.record_status(&part.labels().with(Label::HwType, kind), status);
    }
    true
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
    if is_absent(doc) {
        return;
    }
    let part = Part::of(doc, parent);
    let labels = part.labels().with(Label::HwType, "physical_disk");
    let failing = flag(doc, "FailurePredicted") == Some(true);
    let status = match health(doc) {
        Some(Status::Ok | Status::Degraded) | None if failing => Some(Status::PredictedFailure),
        other => other,
    };
    if let Some(status) = status {
        ledger.report.record_status(&labels, status);
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
    let part = Part::of(doc, "");
    version(ledger, &part, name(doc), doc, "Version");
}

/// Records the firmware of a part that says its version itself.
pub(crate) fn version(ledger: &mut Ledger<'_>, part: &Part, component: &str, doc: &Value, key: &str) {
    let Some(version) = text(doc, key) else { return };
    let labels: Labels<'_> = part.labels().with(Label::Component, component).with(Label::Version, version);
    ledger.report.record(metric::OOB_FIRMWARE_INFO, &labels, 1.0);
}
