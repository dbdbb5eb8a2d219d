//! Sensor commands.
//!
//! IPMI 2.0 rev 1.1 sections 35.5 (reading factors), 35.7 (hysteresis), 35.9 (thresholds), 35.11 (event enable),
//! 35.14 (reading), 35.16 (type).

use super::super::bmc::{Analog, Condition, Discrete, Reading, Sensor};
use super::super::faults::Fault;
use super::super::live::mix;
use super::super::packet::Request;
use super::{Context, Outcome, code, fields, net_fn};

const READING: u8 = 0x2d;

/// Flags of a reading: event messages enabled, scanning enabled, unavailable.
const EVENTS: u8 = 0x80;
const SCANNING: u8 = 0x40;
const UNAVAILABLE: u8 = 0x20;

pub(super) fn execute(context: &Context<'_>, request: &Request<'_>) -> Outcome {
    if !matches!(request.command, 0x23 | 0x25 | 0x27 | 0x29 | READING | 0x2f) {
        return Err(code::INVALID_COMMAND);
    }
    let [number] = fields(request)?;
    let sensor = context.bmc().sensor(number).ok_or(code::NOT_PRESENT)?;
    match (&sensor.reading, request.command) {
        (_, READING) => reading(context, sensor),
        (_, 0x29) => Ok(vec![EVENTS | SCANNING]),
        (Reading::Discrete(discrete), 0x2f) => Ok(vec![sensor.kind, discrete.event_type]),
        (Reading::Analog(_), 0x2f) => Ok(vec![sensor.kind, 0x01]),
        (Reading::Analog(analog), 0x23) => factors(analog, request),
        (Reading::Analog(analog), 0x25) => {
            let (positive, negative) = analog.hysteresis.ok_or(code::NOT_IN_THIS_STATE)?;
            Ok(vec![positive, negative])
        }
        (Reading::Analog(analog), 0x27) => {
            let (mask, thresholds) = analog.thresholds();
            Ok([&[mask], &thresholds[..]].concat())
        }
        _ => Err(code::NOT_IN_THIS_STATE),
    }
}

/// The factors of a reading; the next reading with others is 128 or none.
fn factors(analog: &Analog, request: &Request<'_>) -> Outcome {
    let [_, raw] = fields(request)?;
    let factors = analog.factors(raw);
    let [m, m_high] = (factors.m.cast_unsigned() & 0x3ff).to_le_bytes();
    let [b, b_high] = (factors.b.cast_unsigned() & 0x3ff).to_le_bytes();
    let nibble = |exponent: i8| exponent.cast_unsigned() & 0x0f;
    let exponents = nibble(analog.r_exponent) << 4 | nibble(analog.b_exponent);
    let next = if raw < 128 { 128 } else { 0 };
    Ok(vec![next, m, m_high << 6, b, b_high << 6, 0, exponents])
}

fn reading(context: &Context<'_>, sensor: &Sensor) -> Outcome {
    let flags = match sensor.condition {
        Condition::Normal => EVENTS | SCANNING,
        Condition::Unavailable => return Ok(vec![0, EVENTS | SCANNING | UNAVAILABLE, 0xc0]),
        Condition::ScanningDisabled => return Ok(vec![0, EVENTS, 0xc0]),
        Condition::NotPresent => return Err(code::NOT_PRESENT),
    };
    match &sensor.reading {
        Reading::Analog(analog) => {
            let value = analog.value_at(sensor, context.moment);
            // Bits 7 and 6 are reserved and read as 1.
            let status = 0xc0 | analog.comparison(value);
            let garbage = context.faults.strikes(Some((net_fn::SENSOR, READING)), &Fault::GarbageReadings);
            let [noise, ..] =
                mix(context.moment.elapsed.as_nanos() as u64 ^ u64::from(sensor.number)).to_be_bytes();
            Ok(vec![if garbage { noise } else { analog.raw(value) }, flags, status])
        }
        Reading::Discrete(discrete) => {
            let [low, high] = states(discrete).to_le_bytes();
            Ok(vec![0, flags, low, high | 0x80])
        }
        Reading::EventOnly { .. } => Err(code::NOT_PRESENT),
    }
}

fn states(discrete: &Discrete) -> u16 {
    discrete.states.iter().fold(0, |states, state| states | 1u16.checked_shl((*state).into()).unwrap_or(0))
}
