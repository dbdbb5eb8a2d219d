//! From what is said of a target to a target: defaults filled in, parts checked against each other.
//!
//! The same rules hold for targets of the configuration and for discovered ones.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::Device;
use model::device::Description;
use sha2::{Digest, Sha256};

use super::address::parse_address;
use super::credentials;
use super::file::{self, Settings};
use super::flaw::Flaw;
use crate::target::{Address, Budget, Credentials, Protocol, Target, Tls};
use crate::yaml;

/// Interval of a target that says none.
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);
/// Time for one request where a target says none.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for one reading of slow resources to the next where a target says none.
pub const DEFAULT_INVENTORY_INTERVAL: Duration = Duration::from_secs(3600);
/// Longest deadline of a target that says none: slow BMCs have taken 90 s for one poll.
pub const MAX_DEFAULT_DEADLINE: Duration = Duration::from_secs(120);
/// Bounds of an interval: shorter ones flood a BMC, longer ones are no monitoring.
const INTERVALS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(86_400)];
/// Shortest timeout: less than a round trip through a cellular link is a mistake.
const MIN_TIMEOUT: Duration = Duration::from_millis(100);
/// Largest file of certificate authorities, in bytes: the public roots take 250 KB.
const MAX_CA_BYTES: u64 = 4 << 20;

/// How much a device is asked at once where a target does not say.
pub const fn default_budget(protocol: Protocol) -> Budget {
    match protocol {
        // Agents on PDUs answer one request after the other; a second one hides the round trip.
        Protocol::Snmp => Budget { concurrency: 2, rate: 50.0 },
        // BMCs take up to half a second for a resource and drop sessions under load.
        Protocol::Redfish => Budget { concurrency: 2, rate: 10.0 },
        // One command after the other: many BMCs mix up replies otherwise. Each is small.
        Protocol::Ipmi => Budget { concurrency: 1, rate: 50.0 },
    }
}

/// A target with nothing but defaults, as for a single poll from the command line.
pub fn ad_hoc(name: &str, protocol: Protocol, address: Address, credentials: Option<Credentials>) -> Target {
    let device = Device {
        name: name.to_owned(),
        site: String::new(),
        rack: String::new(),
        device_type: String::new(),
        description: Description::default(),
    };
    Target {
        device: Arc::new(device),
        protocol,
        address,
        credentials,
        interval: DEFAULT_INTERVAL,
        deadline: DEFAULT_INTERVAL.min(MAX_DEFAULT_DEADLINE),
        timeout: DEFAULT_TIMEOUT,
        inventory_interval: DEFAULT_INVENTORY_INTERVAL,
        tls: Tls::default(),
        budget: default_budget(protocol),
        max_repetitions: None,
        fallback: None,
    }
}

/// What all targets of a configuration are made by.
#[derive(Debug)]
pub(super) struct Rules {
    /// Folder at which relative paths start.
    pub(super) folder: PathBuf,
    pub(super) site: String,
    pub(super) defaults: Settings,
    /// By name; nothing where a login has mistakes of its own.
    pub(super) credentials: BTreeMap<String, Option<Credentials>>,
}

impl Rules {
    /// A target from what is said of it alone.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn target(&self, name: &str, address: &str, said: Settings) -> Result<Target, Vec<Flaw>> {
        let said = said.or(&self.defaults);
        let mut flaws = Vec::new();
        let mut keep = |flaw| flaws.push(flaw);
        let protocol = said.protocol.map(Protocol::from).ok_or_else(|| {
            keep(Flaw::new("protocol", "the protocol is missing", "add protocol: snmp, redfish or ipmi"));
        });
        // What does not depend on the protocol is checked without it too.
        let port = protocol.map_or(1, Protocol::default_port);
        let address = parse_address(address, port).map_err(|error| {
            let help =
                "write a host name or IP address, for example 10.0.0.7, pdu-a1:1161 or [2001:db8::7]:161";
            keep(Flaw::new("address", error.to_string(), help));
        });
        let credentials = protocol
            .and_then(|protocol| self.credentials(protocol, said.credentials.as_deref()).map_err(&mut keep));
        let tls = protocol.and_then(|protocol| self.tls(protocol, said.tls.as_ref()).map_err(&mut keep));
        let times = times(&said, &mut flaws);
        let fallback = protocol.ok().and_then(|first| self.fallback(first, &said, &mut flaws));
        match (protocol, address, credentials, tls) {
            (Ok(protocol), Ok(address), Ok(credentials), Ok(tls)) if flaws.is_empty() => {
                let target = Target {
                    device: Arc::new(self.device(name, &said)),
                    protocol,
                    address,
                    credentials,
                    interval: times.interval,
                    deadline: times.deadline,
                    timeout: times.timeout,
                    inventory_interval: times.inventory,
                    tls,
                    budget: budget(protocol, said.budget.unwrap_or_default()),
                    max_repetitions: said.max_repetitions,
                    fallback: None,
                };
                let fallback = fallback.map(|way| Arc::new(way.target(&target, &said)));
                Ok(Target { fallback, ..target })
            }
            _ => Err(flaws),
        }
    }

    fn device(&self, name: &str, said: &Settings) -> Device {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        Device {
            name: name.to_owned(),
            site: said.site.clone().unwrap_or_else(|| self.site.clone()),
            rack: text(&said.rack),
            device_type: text(&said.device_type),
            description: Description {
                asset_tag: text(&said.asset_tag),
                room: text(&said.room),
                rack_unit: text(&said.rack_unit),
                power_feed: text(&said.power_feed),
            },
        }
    }

    pub(super) fn credentials(
        &self,
        protocol: Protocol,
        name: Option<&str>,
    ) -> Result<Option<Credentials>, Flaw> {
        let Some(name) = name else {
            return match protocol {
                Protocol::Snmp => {
                    let help = "add credentials: the name of a login below the key credentials";
                    Err(Flaw::new("credentials", "SNMP needs credentials", help))
                }
                Protocol::Ipmi => {
                    let help = "add credentials: the name of a login of type password";
                    Err(Flaw::new("credentials", "IPMI needs credentials", help))
                }
                Protocol::Redfish => Ok(None),
            };
        };
        let Some(known) = self.credentials.get(name) else {
            let names: Vec<&str> = self.credentials.keys().map(String::as_str).collect();
            let help = match (yaml::nearest(name, names.iter().copied()), names.as_slice()) {
                (Some(nearest), _) => format!("did you mean {nearest:?}?"),
                (None, []) => "add a login of this name below the key credentials".to_owned(),
                (None, names) => format!("the known ones are {}", names.join(", ")),
            };
            return Err(Flaw::new("credentials", format!("there are no credentials named {name:?}"), help));
        };
        match known {
            Some(credentials) => {
                let (fits, kind) = credentials::kind(credentials);
                if fits.contains(&protocol) {
                    return Ok(Some(credentials.clone()));
                }
                let message = format!("{name:?} is of type {kind}, which is not for {}", protocol.as_str());
                let help = match protocol {
                    Protocol::Snmp => "name a login of type snmp_v1, snmp_v2c or snmp_v3",
                    Protocol::Redfish | Protocol::Ipmi => "name a login of type password",
                };
                Err(Flaw::new("credentials", message, help))
            }
            // The mistakes of the login are reported already, and keep the whole file from being taken.
            None => Ok(None),
        }
    }

    pub(super) fn tls(&self, protocol: Protocol, said: Option<&file::Tls>) -> Result<Tls, Flaw> {
        match (protocol, said) {
            (Protocol::Redfish, Some(said)) => resolve_tls(said, &self.folder),
            (Protocol::Snmp | Protocol::Ipmi, _) | (_, None) => Ok(Tls::default()),
        }
    }
}

struct Times {
    interval: Duration,
    timeout: Duration,
    deadline: Duration,
    inventory: Duration,
}

fn times(said: &Settings, flaws: &mut Vec<Flaw>) -> Times {
    let shown = |duration: Duration| yaml::Duration(duration).to_string();
    let interval = said.interval.map_or(DEFAULT_INTERVAL, |written| written.0);
    let [shortest, longest] = INTERVALS;
    if interval < shortest || interval > longest {
        let message = format!("{} is no interval to poll at", shown(interval));
        flaws.push(Flaw::new("interval", message, "write a duration from 1s to 1d"));
    }
    let deadline = said.deadline.map_or(interval.min(MAX_DEFAULT_DEADLINE), |written| written.0);
    if deadline > interval {
        let message =
            format!("the deadline {} is longer than the interval {}", shown(deadline), shown(interval));
        flaws.push(Flaw::new("deadline", message, "write a shorter deadline or a longer interval"));
    }
    let timeout = said.timeout.map_or(DEFAULT_TIMEOUT.min(deadline), |written| written.0);
    if timeout < MIN_TIMEOUT {
        let message = format!("the timeout {} is shorter than {}", shown(timeout), shown(MIN_TIMEOUT));
        flaws.push(Flaw::new("timeout", message, "write a longer one, for example 5s"));
    } else if timeout > deadline {
        let message =
            format!("the timeout {} is longer than the deadline {}", shown(timeout), shown(deadline));
        flaws.push(Flaw::new("timeout", message, "write a shorter timeout: it is that of one request"));
    }
    let inventory =
        said.inventory_interval.map_or(DEFAULT_INVENTORY_INTERVAL.max(interval), |written| written.0);
    if inventory < interval {
        let message = format!(
            "the inventory interval {} is shorter than the interval {}",
            shown(inventory),
            shown(interval)
        );
        flaws.push(Flaw::new("inventory_interval", message, "write a longer one, for example 1h"));
    }
    Times { interval, timeout, deadline, inventory }
}

pub(super) fn budget(protocol: Protocol, said: file::Budget) -> Budget {
    let default = default_budget(protocol);
    Budget {
        concurrency: said.requests_in_flight.unwrap_or(default.concurrency),
        rate: said.requests_per_second.unwrap_or(default.rate),
    }
}

/// Reads how a certificate is judged; a file of authorities has to be readable.
pub(super) fn resolve_tls(said: &file::Tls, folder: &Path) -> Result<Tls, Flaw> {
    match said {
        file::Tls::Verify => Ok(Tls::Verify),
        file::Tls::Insecure => Ok(Tls::Insecure),
        file::Tls::Plain => Ok(Tls::Plain),
        file::Tls::PinnedSha256(text) => fingerprint(text).map(Tls::Pinned).ok_or_else(|| {
            let help = "write 64 hexadecimal digits, as openssl x509 -noout -fingerprint -sha256 prints them";
            Flaw::new("tls.pinned_sha256", "expected the SHA-256 fingerprint of a certificate", help)
        }),
        file::Tls::CaFile(path) => {
            let path = folder.join(path);
            let shown = path.display();
            let read = || {
                let mut text = Vec::new();
                File::open(&path)?.take(MAX_CA_BYTES).read_to_end(&mut text)?;
                Ok(text)
            };
            let text = read().map_err(|error: std::io::Error| {
                let help = "name a PEM file that the user that runs this program can read";
                Flaw::new("tls.ca_file", format!("cannot read {shown}: {error}"), help)
            })?;
            if !String::from_utf8_lossy(&text).contains("-----BEGIN CERTIFICATE-----") {
                let help = "name a PEM file: it has lines with BEGIN CERTIFICATE";
                return Err(Flaw::new("tls.ca_file", format!("{shown} holds no certificate"), help));
            }
            Ok(Tls::CaFile { path, sha256: Some(Sha256::digest(&text).into()) })
        }
    }
}

fn fingerprint(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u32> =
        text.chars().filter(|c| *c != ':').map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let mut bytes = [0_u8; 32];
    if digits.len() != bytes.len().checked_mul(2)? {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = u8::try_from((high << 4) | low).ok()?;
    }
    Some(bytes)
}

impl From<file::Protocol> for Protocol {
    fn from(protocol: file::Protocol) -> Self {
        match protocol {
            file::Protocol::Snmp => Self::Snmp,
            file::Protocol::Redfish => Self::Redfish,
            file::Protocol::Ipmi => Self::Ipmi,
        }
    }
}
