//! DCMI: capabilities, power reading and temperatures.
//!
//! DCMI 1.5 rev 1.0 sections 6.1 (capabilities), 6.6.1 (power reading), 6.7.3 (temperature readings).

use super::super::bmc::Dcmi;
use super::super::faults::Fault;
use super::super::packet::Request;
use super::{Context, Outcome, code, fields, net_fn};

/// The group's number, the first octet of every request and answer.
const GROUP: u8 = 0xdc;

/// DCMI 1.5, and the revision of capability parameters.
const CONFORMANCE: [u8; 3] = [1, 5, 2];

/// The key by which the power drifts; sensors' keys are octets.
const POWER: u64 = 0x1_0000;

/// Milliseconds over which minimum, maximum and average are told.
const PERIOD: u32 = 60_000;

/// The most temperatures in one answer.
const MAX_TEMPERATURES: usize = 8;

pub(super) fn execute(context: &Context<'_>, request: &Request<'_>) -> Outcome {
    let [group] = fields(request)?;
    let asked = Some((net_fn::GROUP, request.command));
    let dcmi = context.bmc().dcmi.as_ref().filter(|_| !context.faults.strikes(asked, &Fault::NoDcmi));
    let Some(dcmi) = dcmi.filter(|_| group == GROUP) else { return Err(code::INVALID_COMMAND) };
    let answer = match request.command {
        0x01 => capabilities(request),
        0x02 => power(context, dcmi, request),
        0x10 => temperatures(dcmi, request),
        _ => Err(code::INVALID_COMMAND),
    };
    Ok([&[GROUP], &answer?[..]].concat())
}

fn capabilities(request: &Request<'_>) -> Outcome {
    let [_, parameter] = fields(request)?;
    let data: &[u8] = match parameter {
        // Identification, SEL logging, chassis power and temperature monitor; power management; LAN in band and out.
        1 => &[0, 1, 1, 7],
        // 512 events, no roll-over; no asset tag; temperatures each second.
        2 => &[0x00, 0x02, 0, 0, 1],
        // Power management by the BMC.
        3 => &[super::super::sdr::BMC_ADDRESS, 0],
        // LAN is channel 1, no serial channel.
        4 => &[1, 0xff, 0xff],
        _ => return Err(code::INVALID_FIELD),
    };
    Ok([&CONFORMANCE, data].concat())
}

fn power(context: &Context<'_>, dcmi: &Dcmi, request: &Request<'_>) -> Outcome {
    let [_, mode] = fields(request)?;
    if mode != 1 {
        return Err(code::INVALID_FIELD);
    }
    let watts = dcmi.watts + dcmi.drift * context.moment.drift(POWER);
    let numbers = [watts, dcmi.watts - dcmi.drift, dcmi.watts + dcmi.drift, dcmi.watts];
    let mut answer: Vec<u8> =
        numbers.into_iter().flat_map(|watts| (watts.round() as u16).to_le_bytes()).collect();
    answer.extend(context.clock().to_le_bytes());
    answer.extend(PERIOD.to_le_bytes());
    // Measured and active.
    answer.push(0x40);
    Ok(answer)
}

fn temperatures(dcmi: &Dcmi, request: &Request<'_>) -> Outcome {
    let [_, kind, entity, instance, start] = fields(request)?;
    if kind != 0x01 {
        return Err(code::INVALID_FIELD);
    }
    let (_, all) = dcmi.temperatures.iter().find(|(other, _)| *other == entity).ok_or(code::NOT_PRESENT)?;
    let from = usize::from(if instance == 0 { start.max(1) } else { instance }) - 1;
    let most = if instance == 0 { MAX_TEMPERATURES } else { 1 };
    let sets: Vec<_> = (1u8..).zip(all).skip(from).take(most).collect();
    let count = |length: usize| u8::try_from(length).unwrap_or(u8::MAX);
    let mut answer = vec![count(all.len()), count(sets.len())];
    for (number, degrees) in sets {
        let sign = if *degrees < 0 { 0x80 } else { 0 };
        answer.extend([sign | degrees.unsigned_abs() & 0x7f, number]);
    }
    Ok(answer)
}
