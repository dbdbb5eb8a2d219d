//! One constant for each metric of the catalogue, checked against it when the program is compiled.

use crate::catalogue::Metric;

/// Declared site; exported centrally from inventory, one series per site expected to report.
pub const OOB_SITE_INFO: Metric = Metric::named("oob.site.info");
/// Descriptive attributes, the only join source for them.
pub const OOB_DEVICE_INFO: Metric = Metric::named("oob.device.info");
/// Last poll round got a valid answer by any protocol.
pub const OOB_DEVICE_UP: Metric = Metric::named("oob.device.up");
/// Same per protocol (redfish, ipmi, snmp, gnmi, icmp).
pub const OOB_DEVICE_PROTOCOL_UP: Metric = Metric::named("oob.device.protocol.up");
/// Effective polling interval.
pub const OOB_DEVICE_POLL_INTERVAL: Metric = Metric::named("oob.device.poll.interval");
/// Unix time of the newest accepted reading.
pub const OOB_DEVICE_LAST_SUCCESS_TIMESTAMP: Metric = Metric::named("oob.device.last_success.timestamp");
/// Uptime of bmc|host|device since restart.
pub const OOB_DEVICE_UPTIME: Metric = Metric::named("oob.device.uptime");
/// Stateset on|off|standby|unknown.
pub const OOB_DEVICE_POWER_STATE: Metric = Metric::named("oob.device.power_state");
/// notAfter of the device TLS certificate.
pub const OOB_DEVICE_CERTIFICATE_EXPIRY_TIMESTAMP: Metric =
    Metric::named("oob.device.certificate.expiry.timestamp");
/// New SEL or Redfish log entries seen.
pub const OOB_EVENT_LOG_EVENTS: Metric = Metric::named("oob.event_log.events");
/// Stateset; only the states semconv allows for the type.
pub const HW_STATUS: Metric = Metric::named("hw.status");
/// Component errors.
pub const HW_ERRORS: Metric = Metric::named("hw.errors");
/// Stays 0 when a known component vanishes from a device that answers.
pub const OOB_COMPONENT_PRESENT: Metric = Metric::named("oob.component.present");
/// Stateset full|degraded|lost as the device declares it.
pub const OOB_REDUNDANCY_STATE: Metric = Metric::named("oob.redundancy.state");
/// Device-declared throttling, reason thermal|power.
pub const OOB_THROTTLE_ACTIVE: Metric = Metric::named("oob.throttle.active");
/// Remaining SSD endurance.
pub const HW_PHYSICAL_DISK_ENDURANCE_UTILIZATION: Metric =
    Metric::named("hw.physical_disk.endurance_utilization");
/// Whole-device power; never also as hw.power.
pub const HW_HOST_POWER: Metric = Metric::named("hw.host.power");
/// Whole-device energy.
pub const HW_HOST_ENERGY: Metric = Metric::named("hw.host.energy");
/// Power cap or declared maximum.
pub const OOB_HOST_POWER_LIMIT: Metric = Metric::named("oob.host.power.limit");
/// Component power.
pub const HW_POWER: Metric = Metric::named("hw.power");
/// Component energy.
pub const HW_ENERGY: Metric = Metric::named("hw.energy");
/// PSU output.
pub const HW_POWER_SUPPLY_USAGE: Metric = Metric::named("hw.power_supply.usage");
/// PSU rating.
pub const HW_POWER_SUPPLY_LIMIT: Metric = Metric::named("hw.power_supply.limit");
/// Voltage sensors.
pub const HW_VOLTAGE: Metric = Metric::named("hw.voltage");
/// Device-declared limits.
pub const HW_VOLTAGE_LIMIT: Metric = Metric::named("hw.voltage.limit");
/// Current inside a device that is no power circuit: laser bias, supply rail, battery.
pub const OOB_CURRENT: Metric = Metric::named("oob.current");
/// Device-declared limits.
pub const OOB_CURRENT_LIMIT: Metric = Metric::named("oob.current.limit");
/// RMS current.
pub const OOB_CIRCUIT_CURRENT: Metric = Metric::named("oob.circuit.current");
/// max is the breaker or inlet rating; others device-declared.
pub const OOB_CIRCUIT_CURRENT_LIMIT: Metric = Metric::named("oob.circuit.current.limit");
/// RMS voltage.
pub const OOB_CIRCUIT_VOLTAGE: Metric = Metric::named("oob.circuit.voltage");
/// Device-declared limits.
pub const OOB_CIRCUIT_VOLTAGE_LIMIT: Metric = Metric::named("oob.circuit.voltage.limit");
/// Active power.
pub const OOB_CIRCUIT_POWER: Metric = Metric::named("oob.circuit.power");
/// Rating or contract.
pub const OOB_CIRCUIT_POWER_LIMIT: Metric = Metric::named("oob.circuit.power.limit");
/// Apparent power.
pub const OOB_CIRCUIT_APPARENT_POWER: Metric = Metric::named("oob.circuit.apparent_power");
/// Active energy.
pub const OOB_CIRCUIT_ENERGY: Metric = Metric::named("oob.circuit.energy");
/// Line frequency.
pub const OOB_CIRCUIT_FREQUENCY: Metric = Metric::named("oob.circuit.frequency");
/// Power factor.
pub const OOB_CIRCUIT_POWER_FACTOR: Metric = Metric::named("oob.circuit.power_factor");
/// Residual (leakage) current.
pub const OOB_CIRCUIT_RESIDUAL_CURRENT: Metric = Metric::named("oob.circuit.residual_current");
/// Device-declared limits.
pub const OOB_CIRCUIT_RESIDUAL_CURRENT_LIMIT: Metric = Metric::named("oob.circuit.residual_current.limit");
/// Stateset on|off|tripped|unknown (outlets, breakers).
pub const OOB_CIRCUIT_STATE: Metric = Metric::named("oob.circuit.state");
/// Stateset: selected source.
pub const OOB_TRANSFER_SWITCH_SOURCE: Metric = Metric::named("oob.transfer_switch.source");
/// Stateset online|eco|on_battery|bypass|off|fault.
pub const OOB_UPS_STATE: Metric = Metric::named("oob.ups.state");
/// Output load over rating.
pub const OOB_UPS_LOAD: Metric = Metric::named("oob.ups.load");
/// Charge.
pub const HW_BATTERY_CHARGE: Metric = Metric::named("hw.battery.charge");
/// Declared low limits.
pub const HW_BATTERY_CHARGE_LIMIT: Metric = Metric::named("hw.battery.charge.limit");
/// Runtime left at this load.
pub const HW_BATTERY_TIME_LEFT: Metric = Metric::named("hw.battery.time_left");
/// Temperature.
pub const HW_TEMPERATURE: Metric = Metric::named("hw.temperature");
/// Device-declared limits.
pub const HW_TEMPERATURE_LIMIT: Metric = Metric::named("hw.temperature.limit");
/// Inlet temperature, one per device.
pub const HW_HOST_AMBIENT_TEMPERATURE: Metric = Metric::named("hw.host.ambient_temperature");
/// Smallest distance to a declared warning limit.
pub const HW_HOST_HEATING_MARGIN: Metric = Metric::named("hw.host.heating_margin");
/// Fan speed.
pub const HW_FAN_SPEED: Metric = Metric::named("hw.fan.speed");
/// Declared limits.
pub const HW_FAN_SPEED_LIMIT: Metric = Metric::named("hw.fan.speed.limit");
/// Fan duty.
pub const HW_FAN_SPEED_RATIO: Metric = Metric::named("hw.fan.speed_ratio");
/// Relative humidity.
pub const OOB_HUMIDITY: Metric = Metric::named("oob.humidity");
/// Declared limits.
pub const OOB_HUMIDITY_LIMIT: Metric = Metric::named("oob.humidity.limit");
/// Air or coolant flow.
pub const OOB_FLOW: Metric = Metric::named("oob.flow");
/// Air differential or coolant loop pressure.
pub const OOB_PRESSURE: Metric = Metric::named("oob.pressure");
/// Door, cabinet or tamper contact open.
pub const OOB_CONTACT_OPEN: Metric = Metric::named("oob.contact.open");
/// Link up.
pub const HW_NETWORK_UP: Metric = Metric::named("hw.network.up");
/// Administratively enabled.
pub const OOB_NETWORK_ADMIN_UP: Metric = Metric::named("oob.network.admin.up");
/// Traffic.
pub const HW_NETWORK_IO: Metric = Metric::named("hw.network.io");
/// Packets.
pub const HW_NETWORK_PACKETS: Metric = Metric::named("hw.network.packets");
/// Link speed.
pub const HW_NETWORK_BANDWIDTH_LIMIT: Metric = Metric::named("hw.network.bandwidth.limit");
/// Discards.
pub const OOB_NETWORK_DROPS: Metric = Metric::named("oob.network.drops");
/// Carrier transitions (flaps).
pub const OOB_NETWORK_TRANSITIONS: Metric = Metric::named("oob.network.transitions");
/// Rx and Tx optical power.
pub const OOB_OPTICAL_POWER: Metric = Metric::named("oob.optical.power");
/// DOM limits.
pub const OOB_OPTICAL_POWER_LIMIT: Metric = Metric::named("oob.optical.power.limit");
/// Signal power.
pub const OOB_CELLULAR_RSRP: Metric = Metric::named("oob.cellular.rsrp");
/// Registered on network.
pub const OOB_CELLULAR_REGISTERED: Metric = Metric::named("oob.cellular.registered");
/// Distance from the declared position.
pub const OOB_GNSS_DISPLACEMENT: Metric = Metric::named("oob.gnss.displacement");
/// Installed version.
pub const OOB_FIRMWARE_INFO: Metric = Metric::named("oob.firmware.info");
/// Stateset compliant|drifted|unknown against the declared baseline.
pub const OOB_FIRMWARE_COMPLIANCE: Metric = Metric::named("oob.firmware.compliance");
/// Observed version changes.
pub const OOB_FIRMWARE_CHANGES: Metric = Metric::named("oob.firmware.changes");
/// Build and active configuration.
pub const OOB_COLLECTOR_INFO: Metric = Metric::named("oob.collector.info");
/// Written every 15 s, bypasses the backlog (newest first).
pub const OOB_COLLECTOR_HEARTBEAT_TIMESTAMP: Metric = Metric::named("oob.collector.heartbeat.timestamp");
/// Last reload accepted.
pub const OOB_COLLECTOR_CONFIG_LAST_RELOAD_SUCCESS: Metric =
    Metric::named("oob.collector.config.last_reload.success");
/// Clock known to be right; nothing is dated, and so forwarded, before it has been once since the boot.
pub const OOB_COLLECTOR_CLOCK_SYNCHRONIZED: Metric = Metric::named("oob.collector.clock.synchronized");
/// Active series.
pub const OOB_COLLECTOR_SERIES: Metric = Metric::named("oob.collector.series");
/// Series refused by the cardinality guard.
pub const OOB_COLLECTOR_SERIES_REJECTED: Metric = Metric::named("oob.collector.series.rejected");
/// Poll duration.
pub const OOB_POLL_DURATION: Metric = Metric::named("oob.poll.duration");
/// Failed polls by cause.
pub const OOB_POLL_ERRORS: Metric = Metric::named("oob.poll.errors");
/// Ticks skipped because the previous poll still ran.
pub const OOB_POLL_OVERRUNS: Metric = Metric::named("oob.poll.overruns");
/// Readings dropped as invalid (na, range, unit, parse).
pub const OOB_READINGS_REJECTED: Metric = Metric::named("oob.readings.rejected");
/// Device or collector clock minus reference.
pub const OOB_CLOCK_OFFSET: Metric = Metric::named("oob.clock.offset");
/// Collector reaches the site management gateway.
pub const OOB_GATEWAY_UP: Metric = Metric::named("oob.gateway.up");
/// Samples waiting.
pub const OOB_BUFFER_ENTRIES: Metric = Metric::named("oob.buffer.entries");
/// Bytes on disk.
pub const OOB_BUFFER_SIZE: Metric = Metric::named("oob.buffer.size");
/// Byte budget.
pub const OOB_BUFFER_LIMIT: Metric = Metric::named("oob.buffer.limit");
/// Age of the oldest waiting sample.
pub const OOB_BUFFER_OLDEST_AGE: Metric = Metric::named("oob.buffer.oldest.age");
/// Samples lost (full, expired, corrupt, rejected).
pub const OOB_BUFFER_DROPPED: Metric = Metric::named("oob.buffer.dropped");
/// Samples by outcome (acked or the error type).
pub const OOB_FORWARD_SAMPLES: Metric = Metric::named("oob.forward.samples");
/// Now minus timestamp of the newest acknowledged sample.
pub const OOB_FORWARD_LAG: Metric = Metric::named("oob.forward.lag");
