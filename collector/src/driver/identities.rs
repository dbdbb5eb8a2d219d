//! How the components of a device were called when one protocol told them, so that they keep their `hw.id`
//! when another takes over. Names are compared by [`name_key`]; two components with one name are neither.

use std::collections::HashMap;

use model::{Label, Metric, Sample, Series, metric};

use super::names::{Side, name_key};

/// How a component is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// `hw.id`.
    pub(crate) id: String,
    /// `hw.name`.
    pub(crate) name: String,
    /// `hw.parent`.
    pub(crate) parent: String,
    /// `hw.sensor_location`.
    pub(crate) location: String,
}

impl Place {
    fn of(series: &Series) -> Option<Self> {
        let mut place = Self::default();
        for (name, value) in series.labels() {
            let slot = match Label::find(name) {
                Some(Label::HwId) => &mut place.id,
                Some(Label::HwName) => &mut place.name,
                Some(Label::HwParent) => &mut place.parent,
                Some(Label::HwSensorLocation) => &mut place.location,
                _ => continue,
            };
            *slot = value.into_owned();
        }
        (!place.id.is_empty()).then_some(place)
    }
}

/// Words that device makers write for one kind of part, and the one that stands for them here.
const PARTS: &[(&str, &str)] = &[
    ("ps", "supply"),
    ("psu", "supply"),
    ("pws", "supply"),
    ("powersupply", "supply"),
    ("proc", "cpu"),
    ("processor", "cpu"),
];

/// As [`name_key`]; numbered parts have one word for their kind.
fn key(name: &str) -> (String, Side) {
    let (key, side) = name_key(name);
    let word = key.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = key.strip_prefix(word).unwrap_or_default();
    match PARTS.iter().find(|(own, _)| *own == word && !number.is_empty()) {
        Some((_, shared)) => (format!("{shared}{number}"), side),
        None => (key, side),
    }
}

/// The components of a report.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identities {
    /// Nothing where two have one name.
    named: HashMap<(Metric, String, Side), Option<Place>>,
    /// Nothing where a metric has several components.
    only: HashMap<Metric, Option<Place>>,
}

impl Identities {
    /// Those of these samples.
    pub(crate) fn of(samples: &[Sample]) -> Self {
        let mut found = Self::default();
        for Sample { series, .. } in samples {
            let Some(place) = Place::of(series) else { continue };
            let (key, side) = key(&place.name);
            note(&mut found.named, (series.metric, key, side), &place);
            note(&mut found.only, series.metric, &place);
        }
        found
    }

    /// How the component of a series is called here: by its name, or for what there is one of in a device,
    /// by its metric.
    pub(crate) fn find(&self, metric: Metric, name: &str) -> Option<&Place> {
        let (key, side) = key(name);
        match metric {
            metric::HW_HOST_POWER | metric::HW_HOST_AMBIENT_TEMPERATURE => self.only.get(&metric)?.as_ref(),
            _ => self.named.get(&(metric, key, side))?.as_ref(),
        }
    }
}

/// A state set has several series of one component.
fn note<K: Eq + std::hash::Hash>(places: &mut HashMap<K, Option<Place>>, key: K, place: &Place) {
    let known = places.entry(key).or_insert_with(|| Some(place.clone()));
    if known.as_ref().is_some_and(|known| known.id != place.id) {
        *known = None;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::state::Status;
    use model::{Labels, ReportBuilder};

    use super::*;
    use crate::poll::task::tests::target;

    #[test]
    fn components_are_found_by_the_name_that_the_other_protocol_gave_them() {
        let mut report = ReportBuilder::new(Arc::clone(&target("bmc").device));
        let temperature = |id, name| Labels::component(id, name).with(Label::HwParent, "Chassis/1");
        report.record(metric::HW_TEMPERATURE, &temperature("Chassis/1/Sensors/1", "CPU1 Temp"), 40.0);
        report.record(metric::HW_TEMPERATURE, &temperature("Chassis/1/Sensors/2", "DIMM Temp"), 40.0);
        report.record(metric::HW_TEMPERATURE, &temperature("Chassis/1/Sensors/3", "DIMM Temp"), 40.0);
        report.record(metric::HW_HOST_POWER, &Labels::component("Chassis/1", "Server \"A\""), 300.0);
        let supply = Labels::component("Chassis/1/PowerSupplies/0", "PSU 1");
        report.record_status(&supply.with(Label::HwType, "power_supply"), Status::Ok);
        let known = Identities::of(report.samples());
        let cpu = known.find(metric::HW_TEMPERATURE, "CPU1 Temperature").unwrap();
        assert_eq!((cpu.id.as_str(), cpu.parent.as_str()), ("Chassis/1/Sensors/1", "Chassis/1"));
        assert_eq!(known.find(metric::HW_TEMPERATURE, "DIMM Temp"), None, "which of the two?");
        assert_eq!(known.find(metric::HW_VOLTAGE, "CPU1 Temp"), None);
        assert_eq!(known.find(metric::HW_HOST_POWER, "host").unwrap().name, "Server \"A\"");
        for name in ["PSU1", "PS 1", "Power Supply 1", "power_supply 1"] {
            assert_eq!(
                known.find(metric::HW_STATUS, name).unwrap().id,
                "Chassis/1/PowerSupplies/0",
                "{name}"
            );
        }
        assert_eq!(known.find(metric::HW_STATUS, "PS2"), None);
    }
}
