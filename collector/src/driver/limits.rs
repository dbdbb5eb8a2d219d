//! Which readings have limits in the catalogue: one table for Redfish and IPMI. Pure.

use model::{Metric, metric};

/// Metrics, and those of their limits.
const METRICS: &[(Metric, Metric)] = &[
    (metric::HW_TEMPERATURE, metric::HW_TEMPERATURE_LIMIT),
    (metric::HW_VOLTAGE, metric::HW_VOLTAGE_LIMIT),
    (metric::HW_FAN_SPEED, metric::HW_FAN_SPEED_LIMIT),
    (metric::OOB_HUMIDITY, metric::OOB_HUMIDITY_LIMIT),
    (metric::OOB_CURRENT, metric::OOB_CURRENT_LIMIT),
    (metric::OOB_CIRCUIT_CURRENT, metric::OOB_CIRCUIT_CURRENT_LIMIT),
    (metric::OOB_CIRCUIT_VOLTAGE, metric::OOB_CIRCUIT_VOLTAGE_LIMIT),
    (metric::OOB_CIRCUIT_POWER, metric::OOB_CIRCUIT_POWER_LIMIT),
];

/// The metric of a reading's limits.
pub(crate) fn metric(of: Metric) -> Option<Metric> {
    METRICS.iter().find(|(metric, _)| *metric == of).map(|(_, limit)| *limit)
}
