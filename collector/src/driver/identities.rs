//! How the components of a device were called when another protocol told them, so that they keep their `hw.id`
//! when this one takes over. Names are compared by [`name_key`]; two components with one name are neither.

use std::collections::HashMap;

use model::{Label, Metric, Sample, Series};

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

/// The components of a report.
#[derive(Clone, Debug, Default)]
pub struct Identities {
    /// Nothing where two have one name.
    named: HashMap<(Metric, String, Side), Option<Place>>,
    /// Nothing where a metric has several components.
    only: HashMap<Metric, Option<Place>>,
}

impl Identities {
    /// Those of these samples.
    pub fn of(samples: &[Sample]) -> Self {
        let mut found = Self::default();
        for Sample { series, .. } in samples {
            let Some(place) = Place::of(series) else { continue };
            let (key, side) = name_key(&place.name);
            note(&mut found.named, (series.metric, key, side), &place);
            note(&mut found.only, series.metric, &place);
        }
        found
    }

    /// The component of this name that `metric` was told of.
    pub(crate) fn named(&self, metric: Metric, name: &str) -> Option<&Place> {
        let (key, side) = name_key(name);
        self.named.get(&(metric, key, side))?.as_ref()
    }

    /// The component that `metric` was told of, where there is one only.
    pub(crate) fn only(&self, metric: Metric) -> Option<&Place> {
        self.only.get(&metric)?.as_ref()
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
    use model::{Labels, ReportBuilder, metric};

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
        let cpu = known.named(metric::HW_TEMPERATURE, "CPU1 Temperature").unwrap();
        assert_eq!((cpu.id.as_str(), cpu.parent.as_str()), ("Chassis/1/Sensors/1", "Chassis/1"));
        assert_eq!(known.named(metric::HW_TEMPERATURE, "DIMM Temp"), None, "which of the two?");
        assert_eq!(known.named(metric::HW_VOLTAGE, "CPU1 Temp"), None);
        assert_eq!(known.only(metric::HW_HOST_POWER).unwrap().name, "Server \"A\"");
        assert_eq!(known.only(metric::HW_TEMPERATURE), None);
        assert_eq!(known.named(metric::HW_STATUS, "PSU1").unwrap().id, "Chassis/1/PowerSupplies/0");
    }
}
