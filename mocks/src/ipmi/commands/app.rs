//! Device, session and chassis commands.
//!
//! IPMI 2.0 rev 1.1 sections 20.1 (Get Device ID), 20.4 (self test), 20.8 (device GUID), 22.13 (channel
//! authentication capabilities), 22.15 (cipher suites), 22.18 (privilege level), 22.20 (session info), 28.2 and
//! 28.11 (chassis status, restart cause), 28.14 (power-on hours).

use super::super::keys::Suite;
use super::super::options::{BmcOptions, Privilege};
use super::super::packet::Request;
use super::{Context, Outcome, code, fields};

/// The channel that the LAN is.
const LAN_CHANNEL: u8 = 1;

/// Octets of a GUID whose parts are said to be random, RFC 4122 version 4, as IPMI lays them out.
pub(crate) fn guid(seed: [u8; 16]) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = seed;
    [a, b, c, d, e, f, g, h & 0x3f | 0x80, i, j, k, l, m, n, o, p & 0x0f | 0x40]
}

/// Get Channel Authentication Capabilities: RMCP+ only, no anonymous user.
pub(crate) fn authentication_capabilities(options: &BmcOptions, request: &Request<'_>) -> Outcome {
    let [channel, _privilege] = fields(request)?;
    // Without the wish for IPMI 2.0 data, no authentication type is left to tell.
    let (types, extended) = if channel & 0x80 != 0 { (0x80, 0x02) } else { (0, 0) };
    let group_key = if options.group_key.is_some() { 0x20 } else { 0 };
    Ok(vec![LAN_CHANNEL, types, group_key | 0x04, extended, 0, 0, 0, 0])
}

/// Get Channel Cipher Suites: 16 octets of the list by their index.
pub(crate) fn cipher_suites(options: &BmcOptions, request: &Request<'_>) -> Outcome {
    let [_, kind, index] = fields(request)?;
    if kind & 0x3f != 0 {
        return Err(code::INVALID_FIELD);
    }
    let record = |suite: &Suite| {
        let [authentication, integrity, confidentiality] = suite.algorithms();
        [0xc0, suite.id(), authentication, 0x40 | integrity, 0x80 | confidentiality]
    };
    let list: Vec<u8> = options.suites.iter().flat_map(record).collect();
    let part = list.chunks(16).nth((index & 0x3f).into()).unwrap_or_default();
    Ok([&[LAN_CHANNEL], part].concat())
}

/// Set Session Privilege Level: what to set, if anything.
pub(crate) fn set_privilege(
    request: &Request<'_>,
    limit: Privilege,
    present: Privilege,
) -> Result<Privilege, u8> {
    match fields(request)? {
        [0] => Ok(present),
        [level] => match Privilege::from_number(level) {
            Some(level) if level <= limit => Ok(level),
            Some(_) => Err(0x81),
            None => Err(code::INVALID_FIELD),
        },
    }
}

/// Get Session Info, of the session that asks only.
pub(crate) fn session_info(
    options: &BmcOptions,
    request: &Request<'_>,
    active: usize,
    user: usize,
    privilege: Privilege,
) -> Outcome {
    let [index] = fields(request)?;
    let small = |number: usize| u8::try_from(number).unwrap_or(0x3f) & 0x3f;
    let table = [small(options.max_sessions), small(active)];
    match index {
        0 => Ok([&[1][..], &table, &[small(user + 1), privilege as u8, 0x10 | LAN_CHANNEL]].concat()),
        _ => Ok([&[0][..], &table].concat()),
    }
}

/// Commands of network function App.
pub(super) fn execute(context: &Context<'_>, request: &Request<'_>) -> Outcome {
    match request.command {
        0x01 => Ok(device_id(context)),
        // No test failed.
        0x04 => Ok(vec![0x55, 0x00]),
        0x08 | 0x37 => Ok(context.shared.guid_of(context.moment.seed).to_vec()),
        _ => Err(code::INVALID_COMMAND),
    }
}

fn device_id(context: &Context<'_>) -> Vec<u8> {
    let device = &context.bmc().device;
    let [a, b, c, _] = device.manufacturer.to_le_bytes();
    let [low, high] = device.product.to_le_bytes();
    let (major, minor) = device.firmware;
    let minor = ((minor / 10 % 10) << 4) | (minor % 10);
    // Provides device SDRs: no. IPMI 2.0. Chassis, FRU, SEL, SDR repository, sensors.
    vec![device.id, device.revision & 0x0f, major & 0x7f, minor, 0x02, 0x8f, a, b, c, low, high]
}

/// Commands of network function Chassis.
pub(super) fn chassis(request: &Request<'_>) -> Outcome {
    match request.command {
        // Power is on and comes back as it was; no event, no intrusion, no fault; no front panel.
        0x01 => Ok(vec![0x21, 0x00, 0x40, 0x00]),
        // Restarted by a chassis command, on channel 1.
        0x07 => Ok(vec![0x01, LAN_CHANNEL]),
        // 60 minutes a count, 4,321 counts.
        0x0f => Ok(vec![60, 0xe1, 0x10, 0, 0]),
        _ => Err(code::INVALID_COMMAND),
    }
}
