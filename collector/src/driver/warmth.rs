//! What temperatures say of a device as a whole: that of its inlet, and how far the warmest is from its warning
//! limit. The same for Redfish and IPMI. Pure.

use model::{Labels, ReportBuilder, metric};

use super::names::Ambient;

/// Gathers over one poll; `P` is what a temperature belongs to.
#[derive(Debug, Default)]
pub(crate) struct Warmth<P> {
    inlet: Option<(Ambient, P, f64)>,
    /// Temperatures that only their place calls the inlet's.
    contenders: usize,
    margin: Option<f64>,
}

impl<P: Clone> Warmth<P> {
    /// Weighs a temperature in degrees Celsius: `rank` says how well it fits as the inlet's, `warning` is its upper
    /// warning limit. False, and it counts nothing, where it is not plausible.
    pub(crate) fn weigh(
        &mut self,
        part: &P,
        value: f64,
        rank: Option<Ambient>,
        warning: Option<f64>,
    ) -> bool {
        let (low, high) = metric::HW_TEMPERATURE.definition().range;
        if !(low..=high).contains(&value) {
            return false;
        }
        if let Some(limit) = warning {
            self.margin = Some(self.margin.map_or(limit - value, |margin| margin.min(limit - value)));
        }
        let Some(rank) = rank else { return true };
        self.contenders = self.contenders.saturating_add(usize::from(rank == Ambient::Context));
        if self.inlet.as_ref().is_none_or(|(best, ..)| *best < rank) {
            self.inlet = Some((rank, part.clone(), value));
        }
        true
    }

    /// Records what is one for a whole device.
    pub(crate) fn record(self, report: &mut ReportBuilder, labels: fn(&P) -> Labels<'_>) {
        if let Some(margin) = self.margin {
            report.record(metric::HW_HOST_HEATING_MARGIN, &Labels::new(), margin);
        }
        // A BMC that calls several sensors the inlet's calls none one.
        let usable = |rank: Ambient| rank > Ambient::Context || self.contenders == 1;
        if let Some((_, part, value)) = self.inlet.as_ref().filter(|(rank, ..)| usable(*rank)) {
            report.record(metric::HW_HOST_AMBIENT_TEMPERATURE, &labels(part), *value);
        }
    }
}
