//! What one poll tells of the device as a whole: power, inlet temperature, heating margin.

use model::{Label, Labels, ReportBuilder, metric};

use super::entity;
use crate::driver::identities::Place;
use crate::driver::names::{self, Ambient};

/// Gathers over one poll.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    has_power: bool,
    has_energy: bool,
    ambient: Option<(Ambient, Place, f64)>,
    /// Temperatures that only their place calls an inlet's.
    contenders: usize,
    margin: Option<f64>,
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
    pub(crate) fn temperature(&mut self, place: &Place, entity: u8, value: f64, warning: Option<f64>) {
        let (low, high) = metric::HW_TEMPERATURE.definition().range;
        if !(low..=high).contains(&value) {
            return;
        }
        if let Some(limit) = warning {
            self.margin = Some(self.margin.map_or(limit - value, |margin| margin.min(limit - value)));
        }
        let location = if entity::dcmi_twins(0x40).contains(&entity) { "inlet" } else { "" };
        let Some(rank) = names::ambient(&place.name, location) else { return };
        self.contenders = self.contenders.saturating_add(usize::from(rank == Ambient::Context));
        if self.ambient.as_ref().is_none_or(|(best, ..)| *best < rank) {
            self.ambient = Some((rank, place.clone(), value));
        }
    }

    /// Records what is one for a whole device.
    pub(crate) fn finish(self, report: &mut ReportBuilder) {
        if let Some(margin) = self.margin {
            report.record(metric::HW_HOST_HEATING_MARGIN, &Labels::new(), margin);
        }
        // A BMC that calls several sensors an inlet's calls none one.
        let usable = |rank: Ambient| rank > Ambient::Context || self.contenders == 1;
        let Some((_, place, value)) = self.ambient.as_ref().filter(|(rank, ..)| usable(*rank)) else {
            return;
        };
        let labels = Labels::component(&place.id, &place.name).with(Label::HwParent, &place.parent);
        report.record(metric::HW_HOST_AMBIENT_TEMPERATURE, &labels, *value);
    }
}
