//! FRU inventory, SDR repository and system event log.
//!
//! IPMI 2.0 rev 1.1 sections 34.1 and 34.2 (FRU), 33.9 to 33.12 and 33.17 (SDR repository), 31.2 to 31.5 and
//! 31.10 (SEL), 32.1 (SEL records).

use super::super::bmc::Event;
use super::super::faults::Fault;
use super::super::packet::Request;
use super::super::{fru, sdr};
use super::{Context, Outcome, code, fields};

/// The most octets of a FRU in one answer.
const MAX_FRU_READ: usize = 32;

/// The SEL holds so many records.
const SEL_CAPACITY: u16 = 512;

/// Octets of a SEL record.
const SEL_RECORD: u16 = 16;

/// "First" and "last" among record ids.
const FIRST: u16 = 0x0000;
const LAST: u16 = 0xffff;

/// SDR and SEL version 1.5 and later.
const VERSION: u8 = 0x51;

/// The repository and the log can be reserved and tell how they are allocated; nothing is ever cleared.
const SUPPORTED: u8 = 0x03;

/// Who makes events: the BMC.
const GENERATOR: [u8; 2] = [sdr::BMC_ADDRESS, 0];

pub(super) fn execute(context: &mut Context<'_>, request: &Request<'_>) -> Outcome {
    match request.command {
        0x10 => fru_area(context, request),
        0x11 => read_fru(context, request),
        0x20 => Ok(sdr_info(context)),
        0x22 => Ok(reserve(&mut context.memory.sdr_reservation)),
        0x23 => get_sdr(context, request),
        0x28 | 0x48 => Ok(context.clock().to_le_bytes().to_vec()),
        0x40 => Ok(sel_info(context)),
        0x41 => Ok(sel_allocation(context)),
        0x42 => Ok(reserve(&mut context.memory.sel_reservation)),
        0x43 => get_event(context, request),
        // The clock is in UTC.
        0x5c => Ok(vec![0, 0]),
        _ => Err(code::INVALID_COMMAND),
    }
}

fn fru(context: &Context<'_>, id: u8) -> Result<Vec<u8>, u8> {
    let fru = context.bmc().frus.iter().find(|fru| fru.id == id).ok_or(code::NOT_PRESENT)?;
    Ok(fru::octets(fru, context.moment.seed))
}

fn fru_area(context: &Context<'_>, request: &Request<'_>) -> Outcome {
    let [id] = fields(request)?;
    let [low, high] = u16::try_from(fru(context, id)?.len()).unwrap_or(u16::MAX).to_le_bytes();
    // Accessed by octets.
    Ok(vec![low, high, 0])
}

fn read_fru(context: &Context<'_>, request: &Request<'_>) -> Outcome {
    let [id, low, high, count] = fields(request)?;
    let octets = fru(context, id)?;
    let rest = octets.get(u16::from_le_bytes([low, high]).into()..).ok_or(code::OUT_OF_RANGE)?;
    let part: Vec<u8> = rest.iter().copied().take(usize::from(count).min(MAX_FRU_READ)).collect();
    Ok([&[u8::try_from(part.len()).unwrap_or(0)], &part[..]].concat())
}

fn reserve(reservation: &mut u16) -> Vec<u8> {
    *reservation = reservation.checked_add(1).unwrap_or(1);
    reservation.to_le_bytes().to_vec()
}

fn sdr_info(context: &Context<'_>) -> Vec<u8> {
    let records = u16::try_from(context.shared.records.len()).unwrap_or(u16::MAX);
    let off = context.faults.pick(Some((super::net_fn::STORAGE, 0x20)), |fault| match fault {
        Fault::WrongSdrCount { off } => Some(*off),
        _ => None,
    });
    let [low, high] = records.saturating_add_signed(off.unwrap_or(0)).to_le_bytes();
    let stamp = context.shared.options.epoch.to_le_bytes();
    // Free space is not told; the repository never changes after the BMC began.
    [&[VERSION, low, high, 0xff, 0xff][..], &stamp, &stamp, &[SUPPORTED & 0x02]].concat()
}

fn get_sdr(context: &Context<'_>, request: &Request<'_>) -> Outcome {
    let [r0, r1, i0, i1, offset, count] = fields(request)?;
    let (reservation, id) = (u16::from_le_bytes([r0, r1]), u16::from_le_bytes([i0, i1]));
    let reserved = reservation != 0 && reservation == context.memory.sdr_reservation;
    if !reserved && (offset != 0 || reservation != 0) {
        return Err(code::RESERVATION_CANCELLED);
    }
    let records = &context.shared.records;
    let last = u16::try_from(records.len()).unwrap_or(LAST);
    let id = match id {
        FIRST => 1,
        LAST => last,
        id => id,
    };
    let record = id.checked_sub(1).and_then(|at| records.get(usize::from(at))).ok_or(code::NOT_PRESENT)?;
    let asked = Some((super::net_fn::STORAGE, 0x23));
    if id == last && context.faults.strikes(asked, &Fault::LastSdrTimeout) {
        return Err(code::TIMEOUT);
    }
    let garbled = context.faults.strikes(asked, &Fault::GarbageNames).then(|| sdr::garbage(record));
    let rest = garbled.as_deref().unwrap_or(record).get(offset.into()..).ok_or(code::OUT_OF_RANGE)?;
    let wanted = if count == 0xff { rest.len() } else { rest.len().min(count.into()) };
    if wanted > context.shared.options.max_sdr_read.into() {
        return Err(code::CANNOT_RETURN_SO_MANY);
    }
    let next = if id == last { LAST } else { id + 1 };
    Ok(next.to_le_bytes().into_iter().chain(rest.iter().copied().take(wanted)).collect())
}

fn events<'a>(context: &'a Context<'_>) -> impl Iterator<Item = &'a Event> {
    context.bmc().events.iter().chain(&context.memory.events).take(SEL_CAPACITY.into())
}

fn count(context: &Context<'_>) -> u16 {
    u16::try_from(events(context).count()).unwrap_or(SEL_CAPACITY)
}

/// When an event was, by the BMC's clock.
fn stamp(context: &Context<'_>, event: &Event) -> [u8; 4] {
    let at = i64::from(context.shared.options.epoch).saturating_add(event.at);
    u32::try_from(at).unwrap_or(u32::MAX).to_le_bytes()
}

fn sel_info(context: &Context<'_>) -> Vec<u8> {
    let count = count(context);
    let free = SEL_CAPACITY.saturating_sub(count).saturating_mul(SEL_RECORD).to_le_bytes();
    let newest = events(context).last().map_or([0xff; 4], |event| stamp(context, event));
    [&[VERSION][..], &count.to_le_bytes(), &free, &newest, &[0xff; 4], &[SUPPORTED]].concat()
}

fn sel_allocation(context: &Context<'_>) -> Vec<u8> {
    let free = SEL_CAPACITY.saturating_sub(count(context)).to_le_bytes();
    let total = SEL_CAPACITY.to_le_bytes();
    [&total[..], &SEL_RECORD.to_le_bytes(), &free, &free, &[1]].concat()
}

fn get_event(context: &Context<'_>, request: &Request<'_>) -> Outcome {
    let [_, _, i0, i1, offset, length] = fields(request)?;
    let newest = count(context);
    let id = match u16::from_le_bytes([i0, i1]) {
        FIRST => 1,
        LAST => newest,
        id => id,
    };
    let at = id.checked_sub(1).ok_or(code::NOT_PRESENT)?;
    let event = events(context).nth(at.into()).ok_or(code::NOT_PRESENT)?;
    let direction = if event.deasserted { 0x80 } else { 0 };
    let mut record = [&id.to_le_bytes()[..], &[0x02], &stamp(context, event), &GENERATOR].concat();
    // Event message format of IPMI 1.5 and later.
    record.extend([0x04, event.kind, event.sensor, direction | event.event_type]);
    record.extend(event.data);
    let next = if id == newest { LAST } else { id + 1 };
    let rest = record.get(offset.into()..).ok_or(code::OUT_OF_RANGE)?;
    Ok(next.to_le_bytes().into_iter().chain(rest.iter().copied().take(length.into())).collect())
}
