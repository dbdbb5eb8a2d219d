//! What one poll tells of the device as a whole: power, inlet temperature, heating margin.

use model::{Label, Labels, ReportBuilder};

use super::entity;
use crate::driver::identities::Place;
use crate::driver::names::{self, Ambient};
use crate::driver::warmth::Warmth;

/// How well a temperature of this name and entity fits as the inlet's.
pub(crate) fn ambient(name: &str, entity: u8) -> Option<Ambient> {
    let location = if entity::dcmi_twins(0x40).contains(&entity) { "inlet" } else { "" };
    names::ambient(name, location)
}

/// Gathers over one poll.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    has_power: bool,
    has_energy: bool,
    warmth: Warmth<Place>,
}

impl Summary {
    /// Whether this is the poll's first power of the whole device.
    pub(crate) fn is_first_power(&mut self) -> bool {
        !std::mem::replace(&mut self.has_power, true)
    }

    pub(crate) fn is_first_energy(&mut self) -> bool {
        !std::mem::replace(&mut self.has_energy, true)
    }

    /// Weighs a temperature as that of the inlet, and its distance to the warning limit.
    pub(crate) fn temperature(
        &mut self,
        place: impl FnOnce() -> Place,
        ambient: Option<Ambient>,
        value: f64,
        warning: Option<f64>,
    ) {
        // Only one that may be the inlet's has to have a name.
        let place = if ambient.is_some() { place() } else { Place::default() };
        self.warmth.weigh(&place, value, ambient, warning);
    }

    /// Records what is one for a whole device.
    pub(crate) fn finish(self, report: &mut ReportBuilder) {
        self.warmth.record(report, labels);
    }
}

fn labels(place: &Place) -> Labels<'_> {
    Labels::component(&place.id, &place.name).with(Label::HwParent, &place.parent)
}
