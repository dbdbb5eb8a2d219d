//! Where a report keeps the series of one sensor or part: from the second poll on they need no labels.

use model::state::{Status, status_states};
use model::{Place, ReportBuilder};

/// The series of one subject, in the order in which they are recorded. Their number tells which they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known(Box<[Place]>);

impl Known {
    /// Records these values of the subject's series. Where it is not known where those are, `by_labels` records
    /// the same values.
    pub(crate) fn record(
        &mut self,
        report: &mut ReportBuilder,
        values: &[f64],
        by_labels: impl FnOnce(&mut ReportBuilder),
    ) {
        if self.0.len() == values.len() && self.0.iter().all(|place| report.holds(*place)) {
            for (place, value) in self.0.iter().zip(values) {
                report.record_at(*place, *value);
            }
            return;
        }
        let before = report.len();
        by_labels(report);
        let recorded = report.samples().get(before..).unwrap_or_default();
        // One that was dropped has no place.
        if recorded.iter().map(|sample| &sample.value).eq(values) {
            self.0 = recorded.iter().filter_map(|sample| report.place(&sample.series)).collect();
        }
    }

    /// Excuses the component among these series. Where it is not known where that is, `by_labels` does.
    pub(crate) fn excuse(&self, report: &mut ReportBuilder, by_labels: impl FnOnce(&mut ReportBuilder)) {
        if !self.0.iter().any(|place| report.excuse_at(*place)) {
            by_labels(report);
        }
    }
}

/// The values that [`ReportBuilder::record_status`] records.
pub(crate) fn status_values(hw_type: &str, status: Status) -> impl Iterator<Item = f64> {
    let told = status.told_of(hw_type).as_str();
    let states = status_states(hw_type).iter().map(move |state| f64::from(u8::from(*state == told)));
    std::iter::once(1.0).chain(states)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use model::{Labels, Rejection, metric};

    use super::*;
    use crate::poll::task::tests::target;

    /// One poll that records a temperature and, where there is one, its limit; how often labels were needed.
    fn poll(known: &mut Known, report: &mut ReportBuilder, values: &[f64]) -> (usize, model::PollReport) {
        let mut by_labels = 0;
        known.record(report, values, |report| {
            by_labels += 1;
            let labels = Labels::component("t1", "Inlet");
            for (metric, value) in [metric::HW_TEMPERATURE, metric::HW_TEMPERATURE_LIMIT].iter().zip(values) {
                report.record(*metric, &labels, *value);
            }
        });
        (by_labels, report.finish(0, Duration::ZERO, None))
    }

    fn told(report: &model::PollReport) -> Vec<(model::Metric, &str, f64)> {
        let samples = report.samples.iter();
        samples.map(|sample| (sample.series.metric, sample.series.own_text(), sample.value)).collect()
    }

    #[test]
    fn labels_are_needed_once_and_again_when_series_change_or_were_forgotten() {
        let mut report = ReportBuilder::new(Arc::clone(&target("bmc").device));
        let mut known = Known::default();
        let own = r#"hw_id="t1",hw_name="Inlet""#;
        let (temperature, limit) = (metric::HW_TEMPERATURE, metric::HW_TEMPERATURE_LIMIT);
        for (values, expected) in [
            (&[20.0, 80.0][..], 1),
            (&[21.0, 80.0], 0),
            // The limit is gone, and comes back.
            (&[22.0], 1),
            (&[23.0], 0),
            (&[24.0, 80.0], 1),
        ] {
            let (by_labels, report) = poll(&mut known, &mut report, values);
            assert_eq!(by_labels, expected, "{values:?}");
            let expected: Vec<_> = [temperature, limit]
                .into_iter()
                .zip(values)
                .map(|(metric, value)| (metric, own, *value))
                .collect();
            assert_eq!(told(&report), expected);
        }
        // What cannot be true is dropped with and without labels.
        let (by_labels, dropped) = poll(&mut known, &mut report, &[1e9, 80.0]);
        assert_eq!((by_labels, told(&dropped)), (0, vec![(limit, own, 80.0)]));
        assert_eq!(dropped.rejections, [(Rejection::Range, 1)]);
        for _ in 0..20 {
            report.finish(0, Duration::ZERO, None);
        }
        assert_eq!(poll(&mut known, &mut report, &[25.0, 80.0]).0, 1, "the series were forgotten");
    }

    #[test]
    fn a_part_that_was_told_is_excused_without_labels() {
        let mut report = ReportBuilder::new(Arc::clone(&target("bmc").device));
        let labels = Labels::component("f1", "Fan 1").with(model::Label::HwType, "fan");
        let mut known = Known::default();
        // How often labels were needed in one poll, and the presence that it tells.
        let sleep = |known: &Known, report: &mut ReportBuilder| {
            let mut by_labels = 0;
            known.excuse(report, |report| {
                by_labels += 1;
                report.excuse(&labels);
            });
            let told = report.finish(0, Duration::ZERO, None).samples;
            (by_labels, told.iter().map(|sample| sample.value).collect::<Vec<_>>())
        };
        assert_eq!(sleep(&known, &mut report), (1, vec![]), "it was never told");
        // The speed of a fan, then its status: the presence is not the first of its series.
        let values: Vec<f64> = std::iter::once(900.0).chain(status_values("fan", Status::Ok)).collect();
        known.record(&mut report, &values, |report| {
            report.record(metric::HW_FAN_SPEED, &labels, 900.0);
            report.record_status(&labels, Status::Ok);
        });
        report.finish(0, Duration::ZERO, None);
        // Longer than the series of its readings are remembered.
        for _ in 0..20 {
            assert_eq!(sleep(&known, &mut report), (0, vec![]));
        }
        assert_eq!(sleep(&Known::default(), &mut report), (1, vec![]), "where the place is not known");
        assert_eq!(report.finish(0, Duration::ZERO, None).samples.len(), 1, "neither told nor excused");
    }

    #[test]
    fn the_values_of_a_status_are_those_that_a_report_records() {
        for hw_type in ["fan", "memory", "physical_disk", ""] {
            for status in [Status::Ok, Status::Degraded, Status::PredictedFailure, Status::Failed] {
                let mut report = ReportBuilder::new(Arc::clone(&target("bmc").device));
                let labels = Labels::component("p1", "Part").with(model::Label::HwType, hw_type);
                report.record_status(&labels, status);
                let recorded = report.samples().iter().map(|sample| sample.value);
                assert!(recorded.eq(status_values(hw_type, status)), "{hw_type} {status:?}");
            }
        }
    }
}
