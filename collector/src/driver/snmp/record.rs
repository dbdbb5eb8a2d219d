//! Records a device: a bounded walk, scrubbed, as `.snmprec` text (the format of snmpsim:
//! `OID|tag|value`, tags are the BER types in decimal, `x` marks hexadecimal).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use async_snmp::Value as Raw;
use model::{Fault, PollError};
use secrecy::ExposeSecret;
use tokio::time::Instant;

use super::fetch::{Fetch, Limits};
use super::habits::Habits;
use super::identity::Identity;
use super::scrub::Scrubber;
use super::session::Session;
use super::transport::Snmp;
use super::wire::{Ask, Wire};
use crate::profile::source::Oid;
use crate::target::{Credentials, Target};

/// Below `mib-2`: system, interfaces, UPS, ifMIB, ENTITY-MIB, ENTITY-SENSOR-MIB. Not the tables of
/// addresses, routes and neighbours: they say much of a network and nothing of a device.
const MIB_2: [u32; 6] = [1, 2, 33, 31, 47, 99];

/// Where vendors' objects begin.
const ENTERPRISES: [u32; 6] = [1, 3, 6, 1, 4, 1];

/// For a recording: a large chassis has some 100,000 instances.
const RECORD_LIMITS: Limits = Limits { rows: 200_000, instances: 400_000, octets: 64 << 20 };

/// Longest time for a recording. Slow agents give a few dozen instances per second.
const RECORD_TIME: Duration = Duration::from_secs(30 * 60);

/// A recording of a device.
#[derive(Clone, Debug)]
pub struct Recording {
    /// In the `.snmprec` format, in order.
    pub text: String,
    /// How many instances it holds.
    pub instances: usize,
    /// How many of them were changed, so that they say nothing of the owner.
    pub scrubbed: usize,
    /// What could not be read.
    pub faults: Vec<Fault>,
}

/// Walks a device and writes down what it says, without what identifies its owner. Scrubbing knows
/// forms, not meanings: read a recording before it is given away.
///
/// `roots` empty means the standard objects of devices and the vendor's own. `progress` is told how
/// many instances there are by now.
///
/// # Errors
/// The device doesn't answer, or the credentials cannot be used.
pub async fn record(
    snmp: Arc<Snmp>,
    target: &Target,
    roots: &[Oid],
    progress: &mut (dyn FnMut(usize) + Send),
) -> Result<Recording, PollError> {
    let mut session =
        Session::new(snmp, target).map_err(|error| PollError::new(error.reason(), error.to_string()))?;
    let greeting = session.ask(Ask::Get(&Identity::objects())).await;
    let greeting = greeting.map_err(|error| PollError::new(error.reason(), error.to_string()))?;
    let identity = Identity::from_bound(&greeting.bound);
    let roots = if roots.is_empty() { default_roots(&identity) } else { disjoint(roots) };

    let mut habits = Habits::new(session.has_bulk(), target.max_repetitions);
    let deadline = Instant::now() + RECORD_TIME;
    let fetch = Fetch::new(&mut session, &mut habits, deadline, RECORD_LIMITS);
    let mut fetch = fetch.with_progress(progress);
    for root in &roots {
        // One after the other: it is not urgent.
        fetch.columns(std::slice::from_ref(root)).await;
    }
    let rows = std::mem::take(&mut fetch.rows);
    let faults = std::mem::take(&mut fetch.faults);
    Ok(write(rows, faults, target))
}

fn write(rows: BTreeMap<Oid, Raw>, faults: Vec<Fault>, target: &Target) -> Recording {
    let mut scrubber = Scrubber::new(&rows, secrets(target));
    let mut scrubbed = 0_usize;
    let mut clean = BTreeMap::new();
    for (oid, raw) in rows {
        let value = scrubber.value(&oid, &raw);
        let name = scrubber.oid(&oid);
        scrubbed = scrubbed.saturating_add(usize::from(value != raw || name != oid));
        clean.insert(name, value);
    }
    let mut text = String::new();
    for (oid, raw) in &clean {
        if let Some((tag, value)) = encode(raw) {
            // Writing to a String does not fail.
            let _ = writeln!(text, "{oid}|{tag}|{value}");
        }
    }
    Recording { text, instances: clean.len(), scrubbed, faults }
}

/// What must not be in a recording in any place.
fn secrets(target: &Target) -> Vec<String> {
    let mut secrets = vec![target.address.host.clone(), target.device.name.clone()];
    match &target.credentials {
        Some(Credentials::Community { community, .. }) => secrets.push(community.expose_secret().to_owned()),
        Some(Credentials::Usm(usm)) => {
            secrets.push(usm.user.clone());
            secrets.extend(usm.auth.iter().map(|(_, password)| password.expose_secret().to_owned()));
            secrets.extend(usm.privacy.iter().map(|(_, password)| password.expose_secret().to_owned()));
        }
        Some(Credentials::Password { .. } | Credentials::Ipmi(_)) | None => {}
    }
    secrets
}

fn default_roots(identity: &Identity) -> Vec<Oid> {
    let mut roots: Vec<_> = MIB_2.iter().map(|group| Oid::new(vec![1, 3, 6, 1, 2, 1, *group])).collect();
    let id = identity.object_id.as_ref().map(Oid::as_slice).unwrap_or_default();
    if let Some([enterprise, ..]) = id.strip_prefix(&ENTERPRISES) {
        let mut root = ENTERPRISES.to_vec();
        root.push(*enterprise);
        roots.push(Oid::new(root));
    }
    disjoint(&roots)
}

/// In order, without those below others.
fn disjoint(roots: &[Oid]) -> Vec<Oid> {
    let mut sorted = roots.to_vec();
    sorted.sort_unstable();
    let mut kept: Vec<Oid> = Vec::new();
    for root in sorted {
        if kept.last().is_none_or(|last| root.strip_prefix(last).is_none()) {
            kept.push(root);
        }
    }
    kept
}

/// Tag and value of one instance; nothing for what is no value.
fn encode(raw: &Raw) -> Option<(&'static str, String)> {
    Some(match raw {
        Raw::Integer(value) => ("2", value.to_string()),
        Raw::OctetString(bytes) | Raw::Nsap(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if is_plain(text) => ("4", text.to_owned()),
            _ => ("4x", hex(bytes)),
        },
        Raw::ObjectIdentifier(oid) => ("6", Oid::new(oid.arcs()).to_string()),
        Raw::IpAddress(bytes) => ("64", std::net::Ipv4Addr::from(*bytes).to_string()),
        Raw::Counter32(value) => ("65", value.to_string()),
        Raw::Gauge32(value) | Raw::UInteger32(value) => ("66", value.to_string()),
        Raw::TimeTicks(value) => ("67", value.to_string()),
        Raw::Opaque(bytes) => ("68x", hex(bytes)),
        Raw::Counter64(value) => ("70", value.to_string()),
        _ => return None,
    })
}

/// Whether a text may stand in a line as it is: reading trims nothing away from it.
fn is_plain(text: &str) -> bool {
    text.trim() == text && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_snmpsim_reads_them() {
        let bytes = |data: &[u8]| bytes::Bytes::copy_from_slice(data);
        let cases = [
            (Raw::Integer(-1), "2|-1"),
            (Raw::OctetString(bytes(b"Bank 1 | L1")), "4|Bank 1 | L1"),
            (Raw::OctetString(bytes(b"two\nlines")), "4x|74776f0a6c696e6573"),
            (Raw::OctetString(bytes(b"tail ")), "4x|7461696c20"),
            (Raw::IpAddress([192, 0, 2, 1]), "64|192.0.2.1"),
            (Raw::Counter64(u64::MAX), "70|18446744073709551615"),
        ];
        for (raw, line) in cases {
            let (tag, value) = encode(&raw).unwrap();
            assert_eq!(format!("{tag}|{value}"), line);
        }
        assert_eq!(encode(&Raw::EndOfMibView), None);
    }

    #[test]
    fn roots_below_others_are_left_out() {
        let oids = |texts: &[&str]| -> Vec<Oid> { texts.iter().map(|text| text.parse().unwrap()).collect() };
        let roots =
            disjoint(&oids(&["1.3.6.1.4.1.318.1", "1.3.6.1.2.1.1", "1.3.6.1.4.1.318", "1.3.6.1.2.1.1"]));
        assert_eq!(roots, oids(&["1.3.6.1.2.1.1", "1.3.6.1.4.1.318"]));
    }
}
