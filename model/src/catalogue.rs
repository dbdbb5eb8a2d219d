//! The one closed catalogue of metrics: OpenTelemetry name, Prometheus name, kind, unit, plausible
//! range, attributes and help.
//!
//! Names follow the OpenTelemetry hardware semantic conventions where those have one and start with
//! `oob` where they don't. Units are SI base units, ratios from 0 to 1 and seconds; drivers convert
//! before they record. Nothing is exported that has no row here.

use crate::label::Label;

type L = Label;

/// What a metric's numbers mean over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A reading that goes up and down.
    Gauge,
    /// A sum that goes up and down (an OpenTelemetry `UpDownCounter`).
    UpDown,
    /// A monotonic sum since the component's start.
    Counter,
    /// Always 1: the attributes are the content.
    Info,
    /// One series for each of these states: 1 for the present one, 0 for the others.
    StateSet(&'static [&'static str]),
    /// A state set whose states depend on `hw.type`: see [`crate::state::status_states`].
    Status,
    /// A distribution, kept by the program of itself only.
    Histogram,
}

/// Unit of a metric, in the spellings of UCUM (OpenTelemetry) and of OpenMetrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Ratio from 0 to 1, or a plain number.
    One,
    /// Seconds.
    Seconds,
    /// Watts.
    Watts,
    /// Joules.
    Joules,
    /// Volts.
    Volts,
    /// Amperes.
    Amperes,
    /// Volt-amperes.
    VoltAmperes,
    /// Hertz.
    Hertz,
    /// Degrees Celsius.
    Celsius,
    /// Revolutions in a minute.
    Rpm,
    /// Cubic metres in a second.
    CubicMetersPerSecond,
    /// Pascals.
    Pascals,
    /// Bytes.
    Bytes,
    /// Bytes in a second.
    BytesPerSecond,
    /// Decibels relative to one milliwatt.
    DecibelMilliwatts,
    /// Metres.
    Meters,
    /// Count of events.
    Events,
    /// Count of errors.
    Errors,
    /// Count of packets.
    Packets,
    /// Count of transitions.
    Transitions,
    /// Count of changes.
    Changes,
    /// Count of series.
    Series,
    /// Count of polls.
    Polls,
    /// Count of readings.
    Readings,
    /// Count of samples.
    Samples,
}

impl Unit {
    /// UCUM code, as OpenTelemetry writes it.
    pub const fn ucum(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Seconds => "s",
            Self::Watts => "W",
            Self::Joules => "J",
            Self::Volts => "V",
            Self::Amperes => "A",
            Self::VoltAmperes => "VA",
            Self::Hertz => "Hz",
            Self::Celsius => "Cel",
            Self::Rpm => "rpm",
            Self::CubicMetersPerSecond => "m3/s",
            Self::Pascals => "Pa",
            Self::Bytes => "By",
            Self::BytesPerSecond => "By/s",
            Self::DecibelMilliwatts => "dBm",
            Self::Meters => "m",
            Self::Events => "{event}",
            Self::Errors => "{error}",
            Self::Packets => "{packet}",
            Self::Transitions => "{transition}",
            Self::Changes => "{change}",
            Self::Series => "{series}",
            Self::Polls => "{poll}",
            Self::Readings => "{reading}",
            Self::Samples => "{sample}",
        }
    }

    /// Unit suffix of the Prometheus name; empty for counts and plain numbers.
    pub const fn prometheus(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Watts => "watts",
            Self::Joules => "joules",
            Self::Volts => "volts",
            Self::Amperes => "amperes",
            Self::VoltAmperes => "VA",
            Self::Hertz => "hertz",
            Self::Celsius => "celsius",
            Self::Rpm => "rpm",
            Self::CubicMetersPerSecond => "m3_per_second",
            Self::Pascals => "Pa",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "bytes_per_second",
            Self::DecibelMilliwatts => "dbm",
            Self::Meters => "meters",
            _ => "",
        }
    }
}

/// Lowest and highest value that can be true; anything outside is a device's error code or a lie.
pub type Range = (f64, f64);

/// One row of the catalogue.
#[derive(Debug)]
pub struct Definition {
    /// OpenTelemetry name, for example `hw.temperature`.
    pub otel: &'static str,
    /// Prometheus name, for example `hw_temperature_celsius`.
    pub prometheus: &'static str,
    /// Kind.
    pub kind: Kind,
    /// Unit.
    pub unit: Unit,
    /// Plausible range, both ends included.
    pub range: Range,
    /// Attributes beside those that every device series has.
    pub attributes: &'static [Label],
    /// One sentence for people.
    pub help: &'static str,
}

const fn row(
    otel: &'static str,
    prometheus: &'static str,
    kind: Kind,
    unit: Unit,
    range: Range,
    attributes: &'static [Label],
    help: &'static str,
) -> Definition {
    Definition { otel, prometheus, kind, unit, range, attributes, help }
}

const ANY: Range = (f64::MIN, f64::MAX);
const POSITIVE: Range = (0.0, f64::MAX);
/// Below zero kelvin or hotter than any part that still reports is an error code.
const TEMPERATURE: Range = (-150.0, 500.0);
/// The fastest server fans turn at about 40,000 rpm.
const FAN: Range = (0.0, 200_000.0);
const FRACTION: Range = (0.0, 1.0);
/// A UPS reports overload as more than 1.
const LOAD: Range = (0.0, 10.0);
const POWER_FACTOR: Range = (-1.0, 1.0);
/// Mains, with headroom for variable-frequency drives.
const FREQUENCY: Range = (0.0, 1_000.0);
const VOLTAGE: Range = (-100_000.0, 100_000.0);
const CURRENT: Range = (-100_000.0, 100_000.0);
/// Up to 100 MW; negative where a circuit feeds back.
const POWER: Range = (-100e6, 100e6);
/// Optical and radio power.
const DBM: Range = (-200.0, 100.0);

const NONE: &[L] = &[];
const PROTOCOL: &[L] = &[L::Protocol];
const COMPONENT: &[L] = &[L::HwId, L::HwName, L::HwParent];
const TYPED: &[L] = &[L::HwId, L::HwName, L::HwParent, L::HwType];
const DIRECTED: &[L] = &[L::HwId, L::HwName, L::HwParent, L::NetworkIoDirection];
const SENSOR: &[L] = &[L::HwId, L::HwName, L::HwParent, L::HwSensorLocation];
const SENSOR_LIMIT: &[L] = &[L::HwId, L::HwName, L::HwParent, L::HwSensorLocation, L::HwLimitType];
const CIRCUIT: &[L] = &[L::HwId, L::HwName, L::HwParent, L::OobCircuitType, L::OobCircuitPhase];
const CIRCUIT_LIMIT: &[L] =
    &[L::HwId, L::HwName, L::HwParent, L::OobCircuitType, L::OobCircuitPhase, L::HwLimitType];

/// Every metric there is.
#[rustfmt::skip]
pub static CATALOGUE: &[Definition] = &ROWS;

#[rustfmt::skip]
const ROWS: [Definition; COUNT] = [
    row("oob.site.info", "oob_site_info", Kind::Info, Unit::One, POSITIVE, &[L::SiteKind, L::Region], "Declared site; exported centrally from inventory, one series per site expected to report"),
    row("oob.device.info", "oob_device_info", Kind::Info, Unit::One, POSITIVE, &[L::Vendor, L::Model, L::Serial, L::AssetTag, L::Room, L::RackUnit, L::PowerFeed, L::Protocol], "Descriptive attributes, the only join source for them"),
    row("oob.device.up", "oob_device_up", Kind::UpDown, Unit::One, POSITIVE, NONE, "Last poll round got a valid answer by any protocol"),
    row("oob.device.protocol.up", "oob_device_protocol_up", Kind::UpDown, Unit::One, POSITIVE, PROTOCOL, "Same per protocol (redfish, ipmi, snmp, gnmi, icmp)"),
    row("oob.device.poll.interval", "oob_device_poll_interval_seconds", Kind::Gauge, Unit::Seconds, POSITIVE, NONE, "Effective polling interval"),
    row("oob.device.last_success.timestamp", "oob_device_last_success_timestamp_seconds", Kind::Gauge, Unit::Seconds, POSITIVE, NONE, "Unix time of the newest accepted reading"),
    row("oob.device.uptime", "oob_device_uptime_seconds", Kind::Gauge, Unit::Seconds, POSITIVE, &[L::Component], "Uptime of bmc|host|device since restart"),
    row("oob.device.power_state", "oob_device_power_state", Kind::StateSet(&["on", "off", "standby", "unknown"]), Unit::One, POSITIVE, &[L::State], "Stateset on|off|standby|unknown"),
    row("oob.device.certificate.expiry.timestamp", "oob_device_certificate_expiry_timestamp_seconds", Kind::Gauge, Unit::Seconds, POSITIVE, NONE, "notAfter of the device TLS certificate"),
    row("oob.event_log.events", "oob_event_log_events_total", Kind::Counter, Unit::Events, POSITIVE, &[L::Severity], "New SEL or Redfish log entries seen"),
    row("hw.status", "hw_status", Kind::Status, Unit::One, POSITIVE, &[L::HwId, L::HwName, L::HwParent, L::HwType, L::HwState], "Stateset; only the states semconv allows for the type"),
    row("hw.errors", "hw_errors_total", Kind::Counter, Unit::Errors, POSITIVE, &[L::HwId, L::HwName, L::HwParent, L::HwType, L::ErrorType, L::NetworkIoDirection], "Component errors"),
    row("oob.component.present", "oob_component_present", Kind::UpDown, Unit::One, POSITIVE, TYPED, "Stays 0 when a known component vanishes from a device that answers"),
    row("oob.redundancy.state", "oob_redundancy_state", Kind::StateSet(&["full", "degraded", "lost"]), Unit::One, POSITIVE, &[L::HwId, L::HwName, L::HwParent, L::HwType, L::State], "Stateset full|degraded|lost as the device declares it"),
    row("oob.throttle.active", "oob_throttle_active", Kind::UpDown, Unit::One, POSITIVE, &[L::HwId, L::HwName, L::HwParent, L::HwType, L::Reason], "Device-declared throttling, reason thermal|power"),
    row("hw.physical_disk.endurance_utilization", "hw_physical_disk_endurance_utilization_ratio", Kind::Gauge, Unit::One, FRACTION, &[L::HwId, L::HwName, L::HwParent, L::HwPhysicalDiskState], "Remaining SSD endurance"),
    row("hw.host.power", "hw_host_power_watts", Kind::Gauge, Unit::Watts, POWER, COMPONENT, "Whole-device power; never also as hw.power"),
    row("hw.host.energy", "hw_host_energy_joules_total", Kind::Counter, Unit::Joules, POSITIVE, COMPONENT, "Whole-device energy"),
    row("oob.host.power.limit", "oob_host_power_limit_watts", Kind::Gauge, Unit::Watts, POWER, &[L::HwLimitType], "Power cap or declared maximum"),
    row("hw.power", "hw_power_watts", Kind::Gauge, Unit::Watts, POWER, TYPED, "Component power"),
    row("hw.energy", "hw_energy_joules_total", Kind::Counter, Unit::Joules, POSITIVE, TYPED, "Component energy"),
    row("hw.power_supply.usage", "hw_power_supply_usage_watts", Kind::UpDown, Unit::Watts, POWER, COMPONENT, "PSU output"),
    row("hw.power_supply.limit", "hw_power_supply_limit_watts", Kind::UpDown, Unit::Watts, POWER, &[L::HwId, L::HwName, L::HwParent, L::HwLimitType], "PSU rating"),
    row("hw.voltage", "hw_voltage_volts", Kind::Gauge, Unit::Volts, VOLTAGE, SENSOR, "Voltage sensors"),
    row("hw.voltage.limit", "hw_voltage_limit_volts", Kind::Gauge, Unit::Volts, VOLTAGE, SENSOR_LIMIT, "Device-declared limits"),
    row("oob.current", "oob_current_amperes", Kind::Gauge, Unit::Amperes, CURRENT, SENSOR, "Current inside a device that is no power circuit: laser bias, supply rail, battery"),
    row("oob.current.limit", "oob_current_limit_amperes", Kind::Gauge, Unit::Amperes, CURRENT, SENSOR_LIMIT, "Device-declared limits"),
    row("oob.circuit.current", "oob_circuit_current_amperes", Kind::Gauge, Unit::Amperes, CURRENT, CIRCUIT, "RMS current"),
    row("oob.circuit.current.limit", "oob_circuit_current_limit_amperes", Kind::Gauge, Unit::Amperes, CURRENT, CIRCUIT_LIMIT, "max is the breaker or inlet rating; others device-declared"),
    row("oob.circuit.voltage", "oob_circuit_voltage_volts", Kind::Gauge, Unit::Volts, VOLTAGE, CIRCUIT, "RMS voltage"),
    row("oob.circuit.voltage.limit", "oob_circuit_voltage_limit_volts", Kind::Gauge, Unit::Volts, VOLTAGE, CIRCUIT_LIMIT, "Device-declared limits"),
    row("oob.circuit.power", "oob_circuit_power_watts", Kind::Gauge, Unit::Watts, POWER, CIRCUIT, "Active power"),
    row("oob.circuit.power.limit", "oob_circuit_power_limit_watts", Kind::Gauge, Unit::Watts, POWER, CIRCUIT_LIMIT, "Rating or contract"),
    row("oob.circuit.apparent_power", "oob_circuit_apparent_power_VA", Kind::Gauge, Unit::VoltAmperes, POWER, CIRCUIT, "Apparent power"),
    row("oob.circuit.energy", "oob_circuit_energy_joules_total", Kind::Counter, Unit::Joules, POSITIVE, CIRCUIT, "Active energy"),
    row("oob.circuit.frequency", "oob_circuit_frequency_hertz", Kind::Gauge, Unit::Hertz, FREQUENCY, CIRCUIT, "Line frequency"),
    row("oob.circuit.power_factor", "oob_circuit_power_factor_ratio", Kind::Gauge, Unit::One, POWER_FACTOR, CIRCUIT, "Power factor"),
    row("oob.circuit.residual_current", "oob_circuit_residual_current_amperes", Kind::Gauge, Unit::Amperes, CURRENT, CIRCUIT, "Residual (leakage) current"),
    row("oob.circuit.residual_current.limit", "oob_circuit_residual_current_limit_amperes", Kind::Gauge, Unit::Amperes, CURRENT, CIRCUIT_LIMIT, "Device-declared limits"),
    row("oob.circuit.state", "oob_circuit_state", Kind::StateSet(&["on", "off", "tripped", "unknown"]), Unit::One, POSITIVE, &[L::HwId, L::HwName, L::HwParent, L::OobCircuitType, L::OobCircuitPhase, L::State], "Stateset on|off|tripped|unknown (outlets, breakers)"),
    row("oob.transfer_switch.source", "oob_transfer_switch_source", Kind::UpDown, Unit::One, POSITIVE, &[L::HwId, L::HwName, L::HwParent, L::Source], "Stateset: selected source"),
    row("oob.ups.state", "oob_ups_state", Kind::StateSet(&["online", "eco", "on_battery", "bypass", "off", "fault"]), Unit::One, POSITIVE, &[L::HwId, L::HwName, L::HwParent, L::State], "Stateset online|eco|on_battery|bypass|off|fault"),
    row("oob.ups.load", "oob_ups_load_ratio", Kind::Gauge, Unit::One, LOAD, COMPONENT, "Output load over rating"),
    row("hw.battery.charge", "hw_battery_charge_ratio", Kind::Gauge, Unit::One, FRACTION, COMPONENT, "Charge"),
    row("hw.battery.charge.limit", "hw_battery_charge_limit_ratio", Kind::Gauge, Unit::One, FRACTION, &[L::HwId, L::HwName, L::HwParent, L::HwLimitType], "Declared low limits"),
    row("hw.battery.time_left", "hw_battery_time_left_seconds", Kind::Gauge, Unit::Seconds, POSITIVE, &[L::HwId, L::HwName, L::HwParent, L::HwState], "Runtime left at this load"),
    row("hw.temperature", "hw_temperature_celsius", Kind::Gauge, Unit::Celsius, TEMPERATURE, SENSOR, "Temperature"),
    row("hw.temperature.limit", "hw_temperature_limit_celsius", Kind::Gauge, Unit::Celsius, TEMPERATURE, SENSOR_LIMIT, "Device-declared limits"),
    row("hw.host.ambient_temperature", "hw_host_ambient_temperature_celsius", Kind::Gauge, Unit::Celsius, TEMPERATURE, COMPONENT, "Inlet temperature, one per device"),
    row("hw.host.heating_margin", "hw_host_heating_margin_celsius", Kind::Gauge, Unit::Celsius, ANY, COMPONENT, "Smallest distance to a declared warning limit"),
    row("hw.fan.speed", "hw_fan_speed_rpm", Kind::Gauge, Unit::Rpm, FAN, SENSOR, "Fan speed"),
    row("hw.fan.speed.limit", "hw_fan_speed_limit_rpm", Kind::Gauge, Unit::Rpm, FAN, SENSOR_LIMIT, "Declared limits"),
    row("hw.fan.speed_ratio", "hw_fan_speed_ratio", Kind::Gauge, Unit::One, FRACTION, SENSOR, "Fan duty"),
    row("oob.humidity", "oob_humidity_ratio", Kind::Gauge, Unit::One, FRACTION, SENSOR, "Relative humidity"),
    row("oob.humidity.limit", "oob_humidity_limit_ratio", Kind::Gauge, Unit::One, FRACTION, SENSOR_LIMIT, "Declared limits"),
    row("oob.flow", "oob_flow_m3_per_second", Kind::Gauge, Unit::CubicMetersPerSecond, POSITIVE, &[L::HwId, L::HwName, L::HwParent, L::Medium, L::HwSensorLocation], "Air or coolant flow"),
    row("oob.pressure", "oob_pressure_Pa", Kind::Gauge, Unit::Pascals, ANY, &[L::HwId, L::HwName, L::HwParent, L::Medium, L::HwSensorLocation], "Air differential or coolant loop pressure"),
    row("oob.contact.open", "oob_contact_open", Kind::UpDown, Unit::One, POSITIVE, &[L::HwId, L::HwName, L::HwParent, L::Kind], "Door, cabinet or tamper contact open"),
    row("hw.network.up", "hw_network_up", Kind::UpDown, Unit::One, POSITIVE, COMPONENT, "Link up"),
    row("oob.network.admin.up", "oob_network_admin_up", Kind::UpDown, Unit::One, POSITIVE, COMPONENT, "Administratively enabled"),
    row("hw.network.io", "hw_network_io_bytes_total", Kind::Counter, Unit::Bytes, POSITIVE, DIRECTED, "Traffic"),
    row("hw.network.packets", "hw_network_packets_total", Kind::Counter, Unit::Packets, POSITIVE, DIRECTED, "Packets"),
    row("hw.network.bandwidth.limit", "hw_network_bandwidth_limit_bytes_per_second", Kind::UpDown, Unit::BytesPerSecond, POSITIVE, COMPONENT, "Link speed"),
    row("oob.network.drops", "oob_network_drops_total", Kind::Counter, Unit::Packets, POSITIVE, DIRECTED, "Discards"),
    row("oob.network.transitions", "oob_network_transitions_total", Kind::Counter, Unit::Transitions, POSITIVE, COMPONENT, "Carrier transitions (flaps)"),
    row("oob.optical.power", "oob_optical_power_dbm", Kind::Gauge, Unit::DecibelMilliwatts, DBM, &[L::HwId, L::HwName, L::HwParent, L::Lane, L::NetworkIoDirection], "Rx and Tx optical power"),
    row("oob.optical.power.limit", "oob_optical_power_limit_dbm", Kind::Gauge, Unit::DecibelMilliwatts, DBM, &[L::HwId, L::HwName, L::HwParent, L::NetworkIoDirection, L::HwLimitType], "DOM limits"),
    row("oob.cellular.rsrp", "oob_cellular_rsrp_dbm", Kind::Gauge, Unit::DecibelMilliwatts, DBM, COMPONENT, "Signal power"),
    row("oob.cellular.registered", "oob_cellular_registered", Kind::UpDown, Unit::One, POSITIVE, &[L::HwId, L::HwName, L::HwParent, L::Rat], "Registered on network"),
    row("oob.gnss.displacement", "oob_gnss_displacement_meters", Kind::Gauge, Unit::Meters, POSITIVE, COMPONENT, "Distance from the declared position"),
    row("oob.firmware.info", "oob_firmware_info", Kind::Info, Unit::One, POSITIVE, &[L::HwId, L::HwName, L::HwParent, L::Component, L::Version, L::BaselineVersion], "Installed version"),
    row("oob.firmware.compliance", "oob_firmware_compliance", Kind::StateSet(&["compliant", "drifted", "unknown"]), Unit::One, POSITIVE, &[L::HwId, L::HwName, L::HwParent, L::Component, L::State], "Stateset compliant|drifted|unknown against the declared baseline"),
    row("oob.firmware.changes", "oob_firmware_changes_total", Kind::Counter, Unit::Changes, POSITIVE, &[L::HwId, L::HwName, L::HwParent, L::Component, L::Authorized], "Observed version changes"),
    row("oob.collector.info", "oob_collector_info", Kind::Info, Unit::One, POSITIVE, &[L::Version, L::Revision, L::ConfigHash], "Build and active configuration"),
    row("oob.collector.heartbeat.timestamp", "oob_collector_heartbeat_timestamp_seconds", Kind::Gauge, Unit::Seconds, POSITIVE, NONE, "Written every 15 s, bypasses the backlog (newest first)"),
    row("oob.collector.config.last_reload.success", "oob_collector_config_last_reload_success", Kind::UpDown, Unit::One, POSITIVE, NONE, "Last reload accepted"),
    row("oob.collector.clock.synchronized", "oob_collector_clock_synchronized", Kind::UpDown, Unit::One, POSITIVE, NONE, "Clock known to be right; nothing is dated, and so forwarded, before it has been once since the boot"),
    row("oob.collector.series", "oob_collector_series", Kind::UpDown, Unit::Series, POSITIVE, NONE, "Active series"),
    row("oob.collector.series.rejected", "oob_collector_series_rejected_total", Kind::Counter, Unit::Series, POSITIVE, &[L::Reason], "Series refused by the cardinality guard"),
    row("oob.poll.duration", "oob_poll_duration_seconds", Kind::Histogram, Unit::Seconds, POSITIVE, &[L::Protocol, L::DeviceType], "Poll duration"),
    row("oob.poll.errors", "oob_poll_errors_total", Kind::Counter, Unit::Errors, POSITIVE, &[L::Protocol, L::ErrorType], "Failed polls by cause"),
    row("oob.poll.overruns", "oob_poll_overruns_total", Kind::Counter, Unit::Polls, POSITIVE, PROTOCOL, "Ticks skipped because the previous poll still ran"),
    row("oob.readings.rejected", "oob_readings_rejected_total", Kind::Counter, Unit::Readings, POSITIVE, &[L::Reason], "Readings dropped as invalid (na, range, unit, parse)"),
    row("oob.clock.offset", "oob_clock_offset_seconds", Kind::Gauge, Unit::Seconds, ANY, NONE, "Device or collector clock minus reference"),
    row("oob.gateway.up", "oob_gateway_up", Kind::UpDown, Unit::One, POSITIVE, NONE, "Collector reaches the site management gateway"),
    row("oob.buffer.entries", "oob_buffer_entries", Kind::UpDown, Unit::Samples, POSITIVE, NONE, "Samples waiting"),
    row("oob.buffer.size", "oob_buffer_size_bytes", Kind::UpDown, Unit::Bytes, POSITIVE, NONE, "Bytes on disk"),
    row("oob.buffer.limit", "oob_buffer_limit_bytes", Kind::UpDown, Unit::Bytes, POSITIVE, NONE, "Byte budget"),
    row("oob.buffer.oldest.age", "oob_buffer_oldest_age_seconds", Kind::Gauge, Unit::Seconds, POSITIVE, NONE, "Age of the oldest waiting sample"),
    row("oob.buffer.dropped", "oob_buffer_dropped_total", Kind::Counter, Unit::Samples, POSITIVE, &[L::Reason], "Samples lost (full, expired, corrupt, rejected)"),
    row("oob.forward.samples", "oob_forward_samples_total", Kind::Counter, Unit::Samples, POSITIVE, &[L::Destination, L::Outcome], "Samples by outcome (acked or the error type)"),
    row("oob.forward.lag", "oob_forward_lag_seconds", Kind::Gauge, Unit::Seconds, POSITIVE, &[L::Destination], "Now minus timestamp of the newest acknowledged sample"),
];

const COUNT: usize = 92;

/// A metric of the catalogue: an index into [`CATALOGUE`], so that it is cheap to copy and to sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Metric(u8);

impl Metric {
    /// How many metrics there are.
    pub const COUNT: usize = COUNT;

    /// The metric with this OpenTelemetry name. For constants: an unknown name does not compile.
    #[allow(clippy::panic, clippy::indexing_slicing, reason = "runs at compile time only")]
    pub(crate) const fn named(otel: &str) -> Self {
        let mut index = 0;
        while index < COUNT {
            if same(ROWS[index].otel, otel) {
                return Self(index as u8);
            }
            index += 1;
        }
        panic!("no such metric in the catalogue")
    }

    /// The metric with this OpenTelemetry or Prometheus name.
    pub fn find(name: &str) -> Option<Self> {
        Self::all().find(|metric| {
            let definition = metric.definition();
            definition.otel == name || definition.prometheus == name
        })
    }

    /// Every metric, in the order of the catalogue.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..COUNT as u8).map(Self)
    }

    /// The row of the catalogue.
    #[allow(clippy::indexing_slicing, reason = "a metric is only made from an index below COUNT")]
    pub fn definition(self) -> &'static Definition {
        &CATALOGUE[self.index()]
    }

    /// Position in the catalogue.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

#[allow(clippy::indexing_slicing, reason = "runs at compile time only")]
const fn same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_names_end_in_the_unit_and_counters_in_total() {
        for definition in CATALOGUE {
            let name = definition.prometheus;
            let stem = name.strip_suffix("_total").unwrap_or(name);
            assert_eq!(stem.len() != name.len(), definition.kind == Kind::Counter, "{name}");
            assert!(stem.ends_with(definition.unit.prometheus()), "{name}: {:?}", definition.unit);
        }
    }

    #[test]
    fn names_are_unique() {
        for metric in Metric::all() {
            let definition = metric.definition();
            assert_eq!(Metric::find(definition.otel), Some(metric));
            assert_eq!(Metric::find(definition.prometheus), Some(metric));
        }
        assert_eq!(Metric::find("hw.nonsense"), None);
    }
}
