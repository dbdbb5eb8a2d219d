//! Sensors that measure: which metric a reading is, and what it is called.

use std::collections::HashSet;

use model::{Label, Labels, Metric, Rejection, ReportBuilder, metric};

use super::Subject;
use super::entity;
use super::limits::{self, Kind};
use super::summary::{self, Summary};
use crate::driver::identities::Place;
use crate::driver::ipmi::decode::analogue::{Conversion, Quantity, quantity};
use crate::driver::ipmi::decode::sdr::{Entity, Sensor, Units};
use crate::driver::names::{Ambient, Side, is_whole_device, name_key};

/// Sensor types (table 42-3).
const FAN: u8 = 0x04;
const BATTERY: u8 = 0x29;

/// What the readings of a sensor are recorded by.
#[derive(Clone, Debug)]
pub(crate) struct Measure {
    metric: Metric,
    units: Units,
    pub(crate) subject: Subject,
    entity: Entity,
    /// How well it fits as the inlet's temperature.
    ambient: Option<Ambient>,
    /// Limits in the metric's unit. `None` until they were asked for.
    pub(crate) limits: Option<Box<[(Kind, f64)]>>,
}

/// Readings of power supplies that are told already.
pub(crate) type Taken = HashSet<(Metric, Entity)>;

impl Measure {
    /// Of a sensor. `None` if its readings are no numbers that the catalogue has.
    pub(crate) fn of(sensor: &Sensor, taken: &mut Taken) -> Option<Self> {
        sensor.conversion?;
        let (quantity, ..) = quantity(sensor.units)?;
        let (metric, is_supply) = meaning(sensor, quantity)?;
        let entity = sensor.entity;
        let subject = match metric {
            metric::HW_HOST_POWER | metric::HW_HOST_ENERGY => Subject::Host,
            // A second input of one supply is told as itself.
            _ if is_supply && taken.insert((metric, entity)) => Subject::Entity,
            _ => Subject::Sensor,
        };
        let is_temperature = metric == metric::HW_TEMPERATURE;
        let ambient = if is_temperature { summary::ambient(&sensor.name, entity.id) } else { None };
        Some(Self { metric, units: sensor.units, subject, entity, ambient, limits: None })
    }

    /// Whether limits of its readings are told.
    pub(crate) fn has_limits(&self) -> bool {
        limits::metric(self.metric).is_some()
    }

    /// A reading or a limit in the metric's unit.
    pub(crate) fn convert(&self, raw: u8, conversion: &Conversion) -> Option<f64> {
        let (_, factor, offset) = quantity(self.units)?;
        Some(conversion.apply(raw)? * factor + offset)
    }

    /// Labels of its subject.
    pub(crate) fn labels<'a>(&self, place: &'a Place) -> Labels<'a> {
        let hw_type = if self.is_fan() { "fan" } else { entity::hw_type(self.entity) };
        Labels::component(&place.id, &place.name)
            .with(Label::HwParent, &place.parent)
            .with(Label::HwSensorLocation, &place.location)
            .with(Label::HwType, hw_type)
            .with(Label::OobCircuitType, "psu_input")
            .with(Label::Medium, "air")
    }

    /// The value of a reading, if there is one to be recorded.
    pub(crate) fn value(
        &self,
        report: &mut ReportBuilder,
        summary: &mut Summary,
        conversion: &Conversion,
        raw: u8,
    ) -> Option<f64> {
        let Some(value) = self.convert(raw, conversion) else {
            report.reject(Rejection::Na);
            return None;
        };
        let is_first = match self.metric {
            metric::HW_HOST_POWER => summary.is_first_power(),
            metric::HW_HOST_ENERGY => summary.is_first_energy(),
            _ => true,
        };
        is_first.then_some(value)
    }

    /// The limits that are known, where the catalogue has a metric for them.
    pub(crate) fn told_limits(&self) -> &[(Kind, f64)] {
        self.limits.as_deref().filter(|_| self.has_limits()).unwrap_or_default()
    }

    /// Records a value and its limits.
    pub(crate) fn record(&self, report: &mut ReportBuilder, place: &Place, value: f64) {
        let labels = self.labels(place);
        report.record(self.metric, &labels, value);
        let Some(limit) = limits::metric(self.metric) else { return };
        for (kind, value) in self.told_limits() {
            report.record(limit, &labels.with(Label::HwLimitType, kind.as_str()), *value);
        }
    }

    /// Weighs a temperature for what is told of the whole device.
    pub(crate) fn weigh(&self, summary: &mut Summary, value: f64, place: impl FnOnce() -> Place) {
        if self.metric == metric::HW_TEMPERATURE {
            let warning = self.told_limits().iter().find(|(kind, _)| *kind == Kind::HighDegraded);
            summary.temperature(place, self.ambient, value, warning.map(|(_, value)| *value));
        }
    }

    /// Whether it is the speed of a fan, whose status its thresholds tell.
    pub(crate) fn is_fan(&self) -> bool {
        matches!(self.metric, metric::HW_FAN_SPEED | metric::HW_FAN_SPEED_RATIO)
    }

    /// Whether it is a temperature of this entity.
    pub(crate) fn is_temperature_of(&self, entities: &[u8]) -> bool {
        self.metric == metric::HW_TEMPERATURE && entities.contains(&self.entity.id)
    }
}

/// How the whole device is called.
pub(crate) fn host() -> Place {
    Place { id: "host".into(), name: "host".into(), ..Place::default() }
}

/// The metric of a sensor, and whether it is told as its power supply's.
fn meaning(sensor: &Sensor, quantity: Quantity) -> Option<(Metric, bool)> {
    if entity::is_power_supply(sensor.entity)
        && let Some(found) = supply_metric(quantity, name_key(&sensor.name).1)
    {
        return Some(found);
    }
    let is_whole = !entity::is_part(sensor.entity) && is_whole_device(&sensor.name);
    let metric = match quantity {
        Quantity::Temperature => metric::HW_TEMPERATURE,
        Quantity::Voltage => metric::HW_VOLTAGE,
        Quantity::Current => metric::OOB_CURRENT,
        Quantity::Power if is_whole => metric::HW_HOST_POWER,
        Quantity::Energy if is_whole => metric::HW_HOST_ENERGY,
        Quantity::Power => metric::HW_POWER,
        Quantity::Energy => metric::HW_ENERGY,
        Quantity::Rotation => metric::HW_FAN_SPEED,
        Quantity::AirFlow => metric::OOB_FLOW,
        Quantity::Pressure => metric::OOB_PRESSURE,
        Quantity::Percent if sensor.kind == FAN => metric::HW_FAN_SPEED_RATIO,
        Quantity::Percent if sensor.kind == BATTERY => metric::HW_BATTERY_CHARGE,
        Quantity::Percent if sensor.name.to_lowercase().contains("humid") => metric::OOB_HUMIDITY,
        Quantity::Percent | Quantity::Frequency | Quantity::ApparentPower => return None,
    };
    Some((metric, false))
}

/// As Redfish tells the input and the output of a supply. Rails keep their own names: a supply has many.
fn supply_metric(quantity: Quantity, side: Side) -> Option<(Metric, bool)> {
    Some(match (side, quantity) {
        (Side::Input, Quantity::Voltage) => (metric::OOB_CIRCUIT_VOLTAGE, true),
        (Side::Input, Quantity::Current) => (metric::OOB_CIRCUIT_CURRENT, true),
        (Side::Input, Quantity::Power) => (metric::OOB_CIRCUIT_POWER, true),
        (Side::Input, Quantity::ApparentPower) => (metric::OOB_CIRCUIT_APPARENT_POWER, true),
        (Side::Input, Quantity::Frequency) => (metric::OOB_CIRCUIT_FREQUENCY, true),
        (Side::Output, Quantity::Power) => (metric::HW_POWER_SUPPLY_USAGE, true),
        _ => return None,
    })
}
