//! Which firmware a device runs, from the readings of its drivers. Pure.
//!
//! Devices also list images that they keep and do not run. These are reported as they are, and are no matter of
//! baselines and changes: an update moves them around.

use std::sync::Arc;

use model::Series;

use super::baseline::last_part;
use super::version;

/// Beginnings of the last part of an `hw.id` of images that are kept. Dell: what was replaced, and what ran when an
/// update waits for a restart (each component has one `Installed-`). Supermicro: its spare images.
const KEPT_PREFIXES: [&str; 7] =
    ["Previous-", "Available-", "Rollback-", "Current-", "Backup_", "Golden_", "Staging_"];
/// Its ends. Lenovo.
const KEPT_SUFFIXES: [&str; 2] = ["-Backup", "-Pending"];
/// Names. HPE.
const KEPT_NAMES: [&str; 1] = ["Redundant System ROM"];

/// One component and its version, as an `oob.firmware.info` says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reading {
    pub(super) id: String,
    pub(super) component: String,
    pub(super) version: String,
    pub(super) name: String,
    pub(super) parent: String,
}

impl Reading {
    pub(super) fn of(series: &Series) -> Self {
        let mut reading = Self::default();
        for (label, value) in series.labels() {
            let place = match label {
                "hw_id" => &mut reading.id,
                "hw_name" => &mut reading.name,
                "hw_parent" => &mut reading.parent,
                "component" => &mut reading.component,
                "version" => &mut reading.version,
                _ => continue,
            };
            *place = value.into_owned();
        }
        reading
    }

    /// Whether the device runs it, rather than keeping it.
    pub(super) fn is_running(&self) -> bool {
        let part = last_part(&self.id);
        !KEPT_PREFIXES.iter().any(|prefix| part.starts_with(prefix))
            && !KEPT_SUFFIXES.iter().any(|suffix| part.ends_with(suffix))
            && !KEPT_NAMES.contains(&self.component.as_str())
    }

    fn key(&self) -> (&str, &str) {
        (&self.id, &self.component)
    }
}

/// The running components of a device, by identity. One that says several versions at once says none.
pub(super) fn running<'a>(infos: impl Iterator<Item = &'a Arc<Series>>) -> Vec<Reading> {
    let mut all: Vec<Reading> = infos.map(|series| Reading::of(series)).filter(Reading::is_running).collect();
    all.sort_unstable();
    all.dedup();
    let mut readings: Vec<Reading> = Vec::with_capacity(all.len());
    for reading in all {
        match readings.last_mut() {
            Some(last) if last.key() == reading.key() => last.version.clear(),
            _ => readings.push(reading),
        }
    }
    readings
}

/// Whether the version of a reading is one.
pub(super) fn is_told(reading: &Reading) -> bool {
    version::is_told(&reading.version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{DeviceLabels, Label, Labels, metric, series::write_labels};

    fn info(id: &str, component: &str, version: &str) -> Arc<Series> {
        let labels = Labels::component(id, component).with(Label::Component, component);
        let mut text = String::new();
        write_labels(&mut text, metric::OOB_FIRMWARE_INFO, &labels.with(Label::Version, version));
        Arc::new(Series::new(metric::OOB_FIRMWARE_INFO, Arc::new(DeviceLabels::new("s", "", "h", "")), &text))
    }

    #[test]
    fn images_that_are_kept_do_not_run() {
        // Names and identities as devices of these vendors give them.
        for (id, component, runs) in [
            ("UpdateService/FirmwareInventory/Installed-159__BIOS.Setup.1-1", "BIOS", true),
            ("UpdateService/FirmwareInventory/Current-159__BIOS.Setup.1-1", "BIOS", false),
            ("UpdateService/FirmwareInventory/Previous-159__BIOS.Setup.1-1", "BIOS", false),
            ("UpdateService/FirmwareInventory/BMC-Primary", "Firmware:BMC", true),
            ("UpdateService/FirmwareInventory/BMC-Backup", "Firmware:BMC", false),
            ("UpdateService/FirmwareInventory/UEFI-Pending", "Firmware:UEFI", false),
            ("UpdateService/FirmwareInventory/Golden_BIOS", "BIOS Golden", false),
            ("UpdateService/FirmwareInventory/8", "Redundant System ROM", false),
            ("UpdateService/FirmwareInventory/2", "System ROM", true),
            ("bmc", "bmc", true),
        ] {
            assert_eq!(Reading::of(&info(id, component, "1")).is_running(), runs, "{id}");
        }
    }

    #[test]
    fn two_versions_of_one_component_are_none() {
        let infos =
            [info("a", "A", "1.0"), info("b", "B", "2.0"), info("a", "A", "1.1"), info("c", "B", "2.0")];
        let found = running(infos.iter());
        let texts: Vec<_> = found.iter().map(|reading| (&*reading.id, &*reading.version)).collect();
        assert_eq!(texts, [("a", ""), ("b", "2.0"), ("c", "2.0")]);
        assert!(!is_told(&found[0]) && is_told(&found[1]));
    }
}
