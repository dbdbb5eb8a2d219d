//! Sensor data records: their octets, and the repository they stand in.
//!
//! IPMI 2.0 rev 1.1 sections 43.1 (full), 43.2 (compact), 43.3 (event-only), 43.8 (FRU locator), 43.9
//! (management controller locator), 43.12 (OEM), 43.15 (type/length octet).

use super::bmc::{Analog, Bmc, Discrete, Format, Fru, Linearization, Reading, Sensor};

/// The BMC's address on the IPMB.
pub(crate) const BMC_ADDRESS: u8 = 0x20;

/// SDR version 1.5 and later.
const VERSION: u8 = 0x51;

/// The entity of the management controller itself: system management module.
const MANAGEMENT_ENTITY: [u8; 2] = [6, 1];

/// What an id string of [`garbage`] is made of: neither ASCII nor UTF-8.
const NOISE: [u8; 6] = [0xff, 0x00, 0xc3, 0x28, 0x1b, 0x80];

/// The longest id string.
const MAX_NAME: usize = 16;

/// Octets of a record before its id string, by record type.
fn name_at(kind: u8) -> Option<usize> {
    Some(match kind {
        0x01 => 48,
        0x02 => 32,
        0x03 => 17,
        0x11 | 0x12 => 16,
        _ => return None,
    })
}

/// All records, in their order; ids count from 1.
pub(crate) fn repository(bmc: &Bmc) -> Vec<Vec<u8>> {
    let mut records = vec![(0x12, controller(&bmc.device.name))];
    records.extend(bmc.sensors.iter().map(sensor));
    records.extend(bmc.frus.iter().map(|fru| (0x11, locator(fru))));
    let maker = bmc.device.manufacturer.to_le_bytes();
    records.extend((0..bmc.oem_records).map(|number| {
        let [a, b, c, _] = maker;
        (0xc0, vec![a, b, c, number, 0xde, 0xad])
    }));
    (1u16..)
        .zip(records)
        .map(|(id, (kind, body))| {
            let [low, high] = id.to_le_bytes();
            let length = u8::try_from(body.len()).unwrap_or(u8::MAX);
            [&[low, high, VERSION, kind, length], &body[..]].concat()
        })
        .collect()
}

/// The record with an id string of noise, if it has one.
pub(crate) fn garbage(record: &[u8]) -> Vec<u8> {
    let mut record = record.to_vec();
    if let Some(at) = record.get(3).and_then(|kind| name_at(*kind)) {
        record.iter_mut().skip(at).zip(NOISE.into_iter().cycle()).for_each(|(octet, noise)| *octet = noise);
    }
    record
}

fn push_name(record: &mut Vec<u8>, name: &str) {
    let name = name.as_bytes().get(..MAX_NAME).unwrap_or(name.as_bytes());
    record.push(0xc0 | u8::try_from(name.len()).unwrap_or(0));
    record.extend_from_slice(name);
}

fn sensor(sensor: &Sensor) -> (u8, Vec<u8>) {
    match &sensor.reading {
        Reading::Analog(analog) => (0x01, full(sensor, analog)),
        Reading::Discrete(discrete) if discrete.full => (0x01, full_discrete(sensor, discrete)),
        Reading::Discrete(discrete) => (0x02, compact(sensor, discrete)),
        Reading::EventOnly { event_type } => (0x03, event_only(sensor, *event_type)),
    }
}

/// Owner, number and entity of a sensor.
fn key(sensor: &Sensor) -> Vec<u8> {
    vec![BMC_ADDRESS, 0, sensor.number, sensor.entity.0, sensor.entity.1]
}

/// From the capabilities to the event type of a discrete sensor, then its masks and units.
fn discrete_middle(record: &mut Vec<u8>, sensor: &Sensor, discrete: &Discrete) {
    // Scanning and events are initialised and enabled; rearms by itself; no thresholds, no hysteresis.
    record.extend([0x67, 0x40, sensor.kind, discrete.event_type]);
    (0..3).for_each(|_| record.extend(discrete.mask.to_le_bytes()));
    // No analogue reading.
    record.extend([0xc0, 0, 0]);
}

fn compact(sensor: &Sensor, discrete: &Discrete) -> Vec<u8> {
    let mut record = key(sensor);
    discrete_middle(&mut record, sensor, discrete);
    // Not shared: one record for one sensor.
    record.extend([1, 0]);
    record.extend([0; 6]);
    push_name(&mut record, &sensor.name);
    record
}

fn full_discrete(sensor: &Sensor, discrete: &Discrete) -> Vec<u8> {
    let mut record = key(sensor);
    discrete_middle(&mut record, sensor, discrete);
    record.extend([0; 24]);
    push_name(&mut record, &sensor.name);
    record
}

fn event_only(sensor: &Sensor, event_type: u8) -> Vec<u8> {
    let mut record = key(sensor);
    record.extend([sensor.kind, event_type, 1, 0, 0, 0]);
    push_name(&mut record, &sensor.name);
    record
}

/// The factors' octets in a record, bytes 25 to 30.
fn factors(analog: &Analog) -> [u8; 6] {
    let split = |number: i16| {
        let [low, high] = (number.cast_unsigned() & 0x3ff).to_le_bytes();
        (low, high << 6)
    };
    let ((m, m_high), (b, b_high)) = (split(analog.m), split(analog.b));
    let nibble = |exponent: i8| exponent.cast_unsigned() & 0x0f;
    [m, m_high, b, b_high, 0, nibble(analog.r_exponent) << 4 | nibble(analog.b_exponent)]
}

fn full(sensor: &Sensor, analog: &Analog) -> Vec<u8> {
    let mut record = key(sensor);
    let (mask, [lnc, lc, lnr, unc, uc, unr]) = analog.thresholds();
    let hysteresis = if analog.hysteresis.is_some() { 0x10 } else { 0 };
    let readable = if mask == 0 { 0 } else { 0x04 };
    record.extend([0x7f, 0x40 | hysteresis | readable, sensor.kind, 0x01]);
    // Which comparisons a reading tells, above the events; there are no events.
    record.extend([0, (mask & 7) << 4, 0, (mask >> 3) << 4, mask, 0]);
    record.extend([(analog.format as u8) << 6 | u8::from(analog.percentage), analog.unit, 0]);
    record.push(analog.linearization as u8);
    record.extend(if analog.linearization == Linearization::NonLinear { [0; 6] } else { factors(analog) });
    // No nominal reading, normal minimum or maximum are told.
    record.extend([0, 0, 0, 0]);
    record.extend(if analog.format == Format::Unsigned { [0xff, 0] } else { [0x7f, 0x80] });
    record.extend([unr, uc, unc, lnr, lc, lnc]);
    let (positive, negative) = analog.hysteresis.unwrap_or_default();
    record.extend([positive, negative, 0, 0, 0]);
    push_name(&mut record, &sensor.name);
    record
}

fn locator(fru: &Fru) -> Vec<u8> {
    let mut record = vec![BMC_ADDRESS, fru.id, 0x80, 0, 0, 0x10, 0, fru.entity.0, fru.entity.1, 0];
    push_name(&mut record, &fru.name);
    record
}

fn controller(name: &str) -> Vec<u8> {
    // Capabilities: chassis, FRU, SEL, SDR repository and sensors.
    let [entity, instance] = MANAGEMENT_ENTITY;
    let mut record = vec![BMC_ADDRESS, 0, 0, 0x8f, 0, 0, 0, entity, instance, 0];
    push_name(&mut record, name);
    record
}
