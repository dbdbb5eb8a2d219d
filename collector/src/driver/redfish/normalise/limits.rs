//! Limits that a device declares, in both notations: `Thresholds` of a Sensor, and the
//! `UpperThreshold…`/`LowerThreshold…` members of the older Power and Thermal (DSP0268).
//!
//! A fatal threshold is used where no critical one is declared: the catalogue knows one critical level.
//! An upper threshold of zero is how some BMCs say that there is none.

use model::{Label, Labels, Metric, ReportBuilder};
use serde_json::Value;

use crate::driver::limits;
use crate::driver::redfish::value::number;

/// `hw.limit_type`, and where it stands, the best place first.
const PLACES: &[(&str, &[&str])] = &[
    (
        "low.critical",
        &[
            "/Thresholds/LowerCritical/Reading",
            "/LowerThresholdCritical",
            "/Thresholds/LowerFatal/Reading",
            "/LowerThresholdFatal",
        ],
    ),
    ("low.degraded", &["/Thresholds/LowerCaution/Reading", "/LowerThresholdNonCritical"]),
    ("high.degraded", WARNING),
    (
        "high.critical",
        &[
            "/Thresholds/UpperCritical/Reading",
            "/UpperThresholdCritical",
            "/Thresholds/UpperFatal/Reading",
            "/UpperThresholdFatal",
        ],
    ),
];

const WARNING: &[&str] = &["/Thresholds/UpperCaution/Reading", "/UpperThresholdNonCritical"];

/// Records the limits of one reading. `factor` brings them to the catalogue's unit.
pub(crate) fn record(report: &mut ReportBuilder, of: Metric, labels: &Labels<'_>, doc: &Value, factor: f64) {
    let Some(limit) = limits::metric(of) else { return };
    for (kind, places) in PLACES {
        let (value, rejection) = find(doc, places);
        if let Some(rejection) = rejection {
            report.reject(rejection);
        }
        if let Some(value) = value.filter(|value| *value != 0.0 || kind.starts_with("low")) {
            report.record(limit, &labels.with(Label::HwLimitType, kind), value * factor);
        }
    }
}

/// The upper warning limit.
pub(crate) fn warning(doc: &Value) -> Option<f64> {
    find(doc, WARNING).0.filter(|value| *value != 0.0)
}

fn find(doc: &Value, places: &[&str]) -> (Option<f64>, Option<model::Rejection>) {
    let mut rejected = None;
    for place in places {
        match number(doc.pointer(place)) {
            Ok(Some(value)) => return (Some(value), None),
            Ok(None) => {}
            Err(rejection) => rejected = Some(rejection),
        }
    }
    (None, rejected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::redfish::normalise::testing::{report, value};
    use model::metric;
    use serde_json::json;

    fn limits(doc: Value) -> Vec<(String, f64)> {
        let mut report = report();
        record(&mut report, metric::HW_TEMPERATURE, &Labels::component("t", "t"), &doc, 1.0);
        let kind = |sample: &model::Sample| value(sample, "hw_limit_type");
        report.samples().iter().map(|sample| (kind(sample), sample.value)).collect()
    }

    #[test]
    fn both_notations_are_read() {
        let old = json!({"LowerThresholdCritical": -7, "LowerThresholdNonCritical": "3", "UpperThresholdNonCritical": 38,
            "UpperThresholdCritical": 42, "UpperThresholdFatal": 50});
        let new = json!({"Thresholds": {"LowerCritical": {"Reading": -7}, "LowerCaution": {"Reading": 3},
            "UpperCaution": {"Reading": 38}, "UpperCritical": {"Reading": 42}, "UpperFatal": {"Reading": 50}}});
        let expected =
            [("low.critical", -7.0), ("low.degraded", 3.0), ("high.degraded", 38.0), ("high.critical", 42.0)]
                .map(|(kind, value)| (kind.to_owned(), value));
        assert_eq!(limits(old), expected);
        assert_eq!(limits(new), expected);
    }

    #[test]
    fn fatal_stands_in_for_critical_and_zero_for_none() {
        assert_eq!(limits(json!({"UpperThresholdFatal": 50})), [("high.critical".to_owned(), 50.0)]);
        assert_eq!(limits(json!({"UpperThresholdCritical": 0, "UpperThresholdNonCritical": 0})), []);
        assert_eq!(limits(json!({"UpperThresholdCritical": "N/A", "Thresholds": []})), []);
    }
}
