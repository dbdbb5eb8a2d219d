//! From sensors to the catalogue: which metric a reading is, what it is called, which limits it has. Pure.

use model::{Label, Labels, Metric, Rejection, ReportBuilder, metric};

use super::decode::analogue::{Conversion, Quantity, quantity};
use super::decode::sdr::{Entity, Sensor};

/// Sensor type Fan (table 42-3).
const FAN: u8 = 0x04;

/// A sensor with all that its readings are recorded by.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) sensor: Sensor,
    /// `hw.id`: its name, made unique where two have the same.
    id: String,
    parent: String,
    /// Limits in the sensor's own unit. `None` until they were asked for.
    pub(crate) limits: Option<Vec<(&'static str, f64)>>,
}

impl Known {
    /// For the sensors of one BMC, in its order.
    pub(crate) fn of(sensors: &[Sensor]) -> Vec<Self> {
        let mut known: Vec<Self> = Vec::with_capacity(sensors.len());
        let mut names = std::collections::HashSet::new();
        for sensor in sensors {
            let numbered = || format!("{} {:#04x}", sensor.name, sensor.number).trim().to_owned();
            let is_new = !sensor.name.is_empty() && names.insert(sensor.name.as_str());
            let id = if is_new { sensor.name.clone() } else { numbered() };
            known.push(Self { sensor: sensor.clone(), id, parent: parent(sensor.entity), limits: None });
        }
        known
    }

    /// What the sensor is called in faults.
    pub(crate) fn name(&self) -> &str {
        &self.id
    }

    /// Whether its readings are numbers that the catalogue has.
    pub(crate) fn is_measuring(&self) -> bool {
        self.sensor.conversion.is_some() && self.meaning().is_some()
    }

    /// Metric, with the line that leads to its unit.
    fn meaning(&self) -> Option<(Metric, f64, f64)> {
        let (quantity, factor, offset) = quantity(self.sensor.units)?;
        let metric = match quantity {
            Quantity::Temperature => metric::HW_TEMPERATURE,
            Quantity::Voltage => metric::HW_VOLTAGE,
            Quantity::Current => metric::OOB_CURRENT,
            Quantity::Power => metric::HW_POWER,
            Quantity::Energy => metric::HW_ENERGY,
            Quantity::Rotation => metric::HW_FAN_SPEED,
            Quantity::AirFlow => metric::OOB_FLOW,
            Quantity::Pressure => metric::OOB_PRESSURE,
            Quantity::Percent if self.sensor.kind == FAN => metric::HW_FAN_SPEED_RATIO,
            Quantity::Percent => return None,
        };
        Some((metric, factor, offset))
    }

    fn labels(&self) -> Labels<'_> {
        let entity = self.sensor.entity;
        Labels::component(&self.id, &self.sensor.name)
            .with(Label::HwParent, &self.parent)
            .with(Label::HwSensorLocation, location(entity))
            .with(Label::HwType, hw_type(entity))
            .with(Label::Medium, "air")
    }

    /// Records a reading and the limits.
    pub(crate) fn record(&self, report: &mut ReportBuilder, conversion: &Conversion, raw: u8) {
        let Some((metric, factor, offset)) = self.meaning() else { return };
        let Some(value) = conversion.apply(raw) else { return report.reject(Rejection::Na) };
        let labels = self.labels();
        report.record(metric, &labels, value * factor + offset);
        let Some((_, limit)) = LIMITS.iter().find(|(of, _)| *of == metric) else { return };
        for (kind, value) in self.limits.iter().flatten() {
            report.record(*limit, &labels.with(Label::HwLimitType, kind), value * factor + offset);
        }
    }
}

const LIMITS: &[(Metric, Metric)] = &[
    (metric::HW_TEMPERATURE, metric::HW_TEMPERATURE_LIMIT),
    (metric::HW_VOLTAGE, metric::HW_VOLTAGE_LIMIT),
    (metric::HW_FAN_SPEED, metric::HW_FAN_SPEED_LIMIT),
    (metric::OOB_CURRENT, metric::OOB_CURRENT_LIMIT),
];

/// Names of the catalogue's limits, and the bits and bytes of Get Sensor Thresholds that tell them, the best
/// first: non-recoverable stands in where there is no critical one.
const THRESHOLDS: &[(&str, [u8; 2])] = &[
    ("low.critical", [1, 2]),
    ("low.degraded", [0, 0]),
    ("high.degraded", [3, 3]),
    ("high.critical", [4, 5]),
];

/// The limits in a reply to Get Sensor Thresholds (section 35.9). One that is not readable is absent.
pub(crate) fn limits(reply: &[u8], conversion: &Conversion) -> Vec<(&'static str, f64)> {
    let Some((mask, values)) = reply.split_first() else { return Vec::new() };
    let raw = |bit: u8| values.get(usize::from(bit)).filter(|_| mask >> bit & 1 == 1);
    THRESHOLDS
        .iter()
        .filter_map(|(kind, bits)| {
            let raw = bits.iter().find_map(|bit| raw(*bit))?;
            Some((*kind, conversion.apply(*raw)?))
        })
        .collect()
}

/// The raw reading in a reply to Get Sensor Reading (section 35.14). None where the sensor is not scanned, or
/// has not been read since it was initialised.
pub(crate) fn raw_reading(reply: &[u8]) -> Option<u8> {
    let [raw, flags, ..] = reply else { return None };
    let (scanned, unavailable) = (flags & 0x40 != 0, flags & 0x20 != 0);
    (scanned && !unavailable).then_some(*raw)
}

/// Entities (table 43-13): id, name, `hw.type`.
const ENTITIES: &[(u8, &str, &str)] = &[
    (0x03, "processor", "cpu"),
    (0x04, "disk", "physical_disk"),
    (0x05, "peripheral_bay", "enclosure"),
    (0x06, "system_management_module", "enclosure"),
    (0x07, "system_board", "enclosure"),
    (0x08, "memory_module", "memory"),
    (0x09, "processor_module", "cpu"),
    (0x0a, "power_supply", "power_supply"),
    (0x0b, "add_in_card", "enclosure"),
    (0x0c, "front_panel", "enclosure"),
    (0x0d, "back_panel", "enclosure"),
    (0x0f, "drive_backplane", "enclosure"),
    (0x13, "power_unit", "power_supply"),
    (0x14, "power_module", "power_supply"),
    (0x17, "chassis", "enclosure"),
    (0x1a, "disk_bay", "physical_disk"),
    (0x1d, "fan", "fan"),
    (0x1e, "cooling_unit", "fan"),
    (0x20, "memory_device", "memory"),
    (0x28, "battery", "battery"),
    (0x37, "inlet", "enclosure"),
    (0x40, "inlet", "enclosure"),
    (0x41, "cpu", "cpu"),
    (0x42, "baseboard", "enclosure"),
];

fn entity(entity: Entity) -> Option<&'static (u8, &'static str, &'static str)> {
    ENTITIES.iter().find(|(id, ..)| *id == entity.id)
}

/// `hw.parent` of an entity's sensors.
fn parent(of: Entity) -> String {
    match entity(of) {
        Some((_, name, _)) => format!("{name} {}", of.instance),
        None => format!("entity {}.{}", of.id, of.instance),
    }
}

fn hw_type(of: Entity) -> &'static str {
    entity(of).map_or("enclosure", |(_, _, kind)| kind)
}

/// `hw.sensor_location`: the words that Redfish's sensors get for the same places.
fn location(of: Entity) -> &'static str {
    match of.id {
        0x37 | 0x40 => "inlet",
        _ => match hw_type(of) {
            "enclosure" | "physical_disk" | "battery" => entity(of).map_or("", |(_, name, _)| name),
            kind => kind,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::ipmi::decode::analogue::{Factors, Format};

    #[test]
    fn sensors_that_are_not_scanned_or_not_yet_read_have_no_reading() {
        assert_eq!(raw_reading(&[24, 0xc0, 0xc0]), Some(24));
        assert_eq!(raw_reading(&[24, 0x40]), Some(24));
        assert_eq!(raw_reading(&[0, 0x80, 0]), None, "scanning is disabled");
        assert_eq!(raw_reading(&[0, 0xe0, 0]), None, "unavailable");
        assert_eq!(raw_reading(&[0]), None);
    }

    #[test]
    fn only_readable_thresholds_are_limits() {
        let factors = Factors::decode([1, 0, 0, 0, 0, 0]);
        let conversion = Conversion { format: Format::Unsigned, linearisation: 0, factors };
        let all = [0x3f, 8, 4, 2, 208, 224, 240];
        let expected = [
            ("low.critical", 4.0),
            ("low.degraded", 8.0),
            ("high.degraded", 208.0),
            ("high.critical", 224.0),
        ];
        assert_eq!(limits(&all, &conversion), expected);
        assert_eq!(limits(&[0x20, 8, 4, 2, 208, 224, 240], &conversion), [("high.critical", 240.0)]);
        assert_eq!(limits(&[0x3f, 8], &conversion), [("low.degraded", 8.0)]);
        assert_eq!(limits(&[], &conversion), []);
    }
}
