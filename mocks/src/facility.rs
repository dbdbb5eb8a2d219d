//! A small facility and one edge pole, made of mock devices: two racks with PDUs, servers and a switch, two
//! storage nodes with nothing but IPMI, a UPS, a pole with a sensor and a UPS, and one device that has died.
//!
//! Listens on free ports of 127.0.0.1 only. Must be started within a tokio runtime.

mod config;
mod uplink;

pub mod cli;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::ipmi::{self, Bmc, BmcOptions, Privilege, User};
use crate::link::{Link, Phase};
use crate::redfish::{self, Account, Certificate, Tree};
use crate::scenario::{Changes, Picture};
use crate::snmp::{Agent, AgentOptions, Fault, Recording};
pub use config::write_config;
pub use uplink::Uplink;

/// Community of the SNMP devices: a demonstration has no secrets.
pub const COMMUNITY: &str = "demo";

/// User of the Redfish and IPMI devices.
pub const USER: &str = "demo";

/// Password of the Redfish and IPMI devices: a demonstration has no secrets.
pub const PASSWORD: &str = "demo-password";

/// Site of the racks.
pub const FACILITY: &str = "demo-dc";

/// Site of the pole.
pub const POLE: &str = "demo-pole-7";

/// How a device is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// SNMPv2c with [`COMMUNITY`].
    Snmp,
    /// Redfish over TLS with [`USER`] and [`PASSWORD`], and a certificate of this SHA-256 fingerprint.
    Redfish {
        /// `AA:BB:…`, as OpenSSL prints it.
        fingerprint: String,
    },
    /// IPMI 2.0 with [`USER`] and [`PASSWORD`].
    Ipmi,
}

/// A running device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Name, unique in the facility.
    pub name: &'static str,
    /// Site.
    pub site: &'static str,
    /// Rack, or empty.
    pub rack: &'static str,
    /// `pdu`, `ups`, `switch`, `server` or `sensor`.
    pub kind: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
    /// How it is reached.
    pub access: Access,
}

/// The running facility. It stops when dropped.
pub struct Facility {
    devices: Vec<Device>,
    /// In the order of `devices`.
    running: Vec<Running>,
    uplink: Mutex<Option<Arc<Link>>>,
    /// Whether nothing happens to the devices by itself.
    calm: bool,
}

/// A device that runs, and whether it was silenced by a picture.
struct Running {
    server: Server,
    silent: AtomicBool,
}

enum Server {
    Snmp(Agent),
    Redfish(redfish::Server),
    Ipmi(ipmi::Agent),
}

/// Why the facility cannot start.
#[derive(Debug, thiserror::Error)]
pub enum FacilityError {
    /// A built-in recording is no recording.
    #[error("the recording of {name} cannot be read")]
    Recording {
        /// Device.
        name: &'static str,
        /// Why.
        source: crate::snmp::RecordingError,
    },
    /// No socket to be had.
    #[error("no address for {name} on 127.0.0.1")]
    Bind {
        /// Device.
        name: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A built-in tree is no tree.
    #[error("the documents of {name} cannot be read")]
    Tree {
        /// Device.
        name: &'static str,
        /// Why.
        source: redfish::TreeError,
    },
    /// A server does not start.
    #[error("{name} does not start")]
    Start {
        /// Device.
        name: &'static str,
        /// Why.
        source: redfish::StartError,
    },
    /// The built-in BMC is none.
    #[error("the BMC of {name} cannot be read")]
    Bmc {
        /// Device.
        name: &'static str,
        /// Why.
        source: ipmi::BmcError,
    },
    /// The BMCs' user cannot be one.
    #[error("the user of the BMCs cannot be one")]
    User(#[from] ipmi::UserError),
}

/// Name, site, rack and kind.
type Place = (&'static str, &'static str, &'static str, &'static str);

const RACK_PDU: &[u8] = include_bytes!("../recordings/rack-pdu.snmprec");
const UPS: &[u8] = include_bytes!("../recordings/ups.snmprec");
const SWITCH: &[u8] = include_bytes!("../recordings/switch.snmprec");
const POLE_SENSOR: &[u8] = include_bytes!("../recordings/pole-sensor.snmprec");

const SNMP_DEVICES: [(Place, &[u8]); 7] = [
    (("pdu-r1-a", FACILITY, "r1", "pdu"), RACK_PDU),
    (("pdu-r1-b", FACILITY, "r1", "pdu"), RACK_PDU),
    (("switch-r1", FACILITY, "r1", "switch"), SWITCH),
    (("pdu-r2-a", FACILITY, "r2", "pdu"), RACK_PDU),
    (("ups-1", FACILITY, "", "ups"), UPS),
    (("sensor-pole-7", POLE, "", "sensor"), POLE_SENSOR),
    (("ups-pole-7", POLE, "", "ups"), UPS),
];

const SERVERS: [Place; 4] = [
    ("server-r1-01", FACILITY, "r1", "server"),
    ("server-r1-02", FACILITY, "r1", "server"),
    ("server-r2-01", FACILITY, "r2", "server"),
    ("server-pole-7", POLE, "", "server"),
];

const REDFISH_PDU: Place = ("pdu-r2-b", FACILITY, "r2", "pdu");

const BMCS: [Place; 2] = [("storage-r1-01", FACILITY, "r1", "server"), LATE_RECORD];

/// Its BMC never gives its last sensor record.
const LATE_RECORD: Place = ("storage-r2-01", FACILITY, "r2", "server");

const DEAD: Place = ("switch-r2", FACILITY, "r2", "switch");

impl Facility {
    /// Starts every device.
    ///
    /// # Errors
    /// A built-in file is broken, or no socket is to be had.
    pub fn start() -> Result<Self, FacilityError> {
        let mut facility = Self::start_with(false)?;
        if let Some(Running { server: Server::Ipmi(bmc), .. }) = facility.running.last() {
            bmc.set_faults(vec![ipmi::Fault::LastSdrTimeout.into()]);
        }
        facility.start_agent(DEAD, SWITCH, 99)?;
        facility.running.last().inspect(|dead| dead.set_silent(true));
        Ok(facility)
    }

    /// Starts every device but the dead one, with nothing wrong, and nothing happens to them by itself: for
    /// scenarios, which are to show one incident and no other.
    ///
    /// # Errors
    /// As [`Facility::start`].
    pub fn start_calm() -> Result<Self, FacilityError> {
        Self::start_with(true)
    }

    fn start_with(calm: bool) -> Result<Self, FacilityError> {
        let mut facility = Self { devices: Vec::new(), running: Vec::new(), uplink: Mutex::default(), calm };
        for (seed, (place, recording)) in (1..).zip(SNMP_DEVICES) {
            facility.start_agent(place, recording, seed)?;
        }
        let tree = |source| FacilityError::Tree { name: "a server", source };
        let server = Arc::new(Tree::server().map_err(tree)?);
        for (seed, place) in (1..).zip(SERVERS) {
            facility.start_server(place, Arc::clone(&server), seed)?;
        }
        let pdu = Arc::new(Tree::pdu().map_err(tree)?);
        facility.start_server(REDFISH_PDU, pdu, 50)?;
        for (seed, place) in (1..).zip(BMCS) {
            facility.start_bmc(place, seed)?;
        }
        Ok(facility)
    }

    /// The devices.
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// Makes a link the uplink of the pole: a picture that cuts the uplink drops what it carries.
    pub fn set_uplink(&self, link: Arc<Link>) {
        *self.uplink.lock().unwrap_or_else(PoisonError::into_inner) = Some(link);
    }

    /// Makes every device show what is otherwise, and nothing else. Faults set by hand stay with devices that the
    /// picture neither silences nor has silenced.
    pub fn show(&self, picture: &Picture) {
        for (device, running) in self.devices.iter().zip(&self.running) {
            running.set_silent_as_told(picture.silences(device));
            running.show(picture.devices.get(device.name).cloned().unwrap_or_default());
        }
        if let Some(link) = &*self.uplink.lock().unwrap_or_else(PoisonError::into_inner) {
            match (picture.uplink_cut, link.phase()) {
                (true, Phase::Up) => link.set(Phase::Drop),
                (false, Phase::Drop) => link.set(Phase::Up),
                _ => {}
            }
        }
    }

    fn start_agent(&mut self, place: Place, recording: &[u8], seed: u64) -> Result<(), FacilityError> {
        let (name, ..) = place;
        let recording =
            Recording::parse(recording).map_err(|source| FacilityError::Recording { name, source })?;
        let recording = if self.calm { recording.calm() } else { recording };
        let communities = Some(vec![COMMUNITY.to_owned()]);
        let options = AgentOptions { communities, seed, ..AgentOptions::default() };
        let agent = Agent::bind(SocketAddr::from(([127, 0, 0, 1], 0)), Arc::new(recording), options)
            .map_err(|source| FacilityError::Bind { name, source })?;
        self.devices.push(device(place, agent.local_addr(), Access::Snmp));
        self.running.push(Running::new(Server::Snmp(agent)));
        Ok(())
    }

    fn start_server(&mut self, place: Place, tree: Arc<Tree>, seed: u64) -> Result<(), FacilityError> {
        let (name, ..) = place;
        let options = redfish::Options {
            account: Some(Account { user: USER.into(), password: PASSWORD.into() }),
            tls: Some(Certificate::Valid),
            lockout: Some(5),
            seed,
            ..redfish::Options::default()
        };
        let server =
            redfish::Server::start(tree, options).map_err(|source| FacilityError::Start { name, source })?;
        let fingerprint = server.certificate_fingerprint().unwrap_or_default().to_owned();
        self.devices.push(device(place, server.address(), Access::Redfish { fingerprint }));
        self.running.push(Running::new(Server::Redfish(server)));
        Ok(())
    }

    fn start_bmc(&mut self, place: Place, seed: u64) -> Result<(), FacilityError> {
        let (name, ..) = place;
        let bmc = Bmc::server().map_err(|source| FacilityError::Bmc { name, source })?;
        let bmc = if self.calm { bmc.calm() } else { bmc };
        let users = vec![User::new(USER, PASSWORD, Privilege::User)?];
        let options = BmcOptions { users, lock_after: Some(5), seed, ..BmcOptions::default() };
        let agent = ipmi::Agent::bind(SocketAddr::from(([127, 0, 0, 1], 0)), bmc, options)
            .map_err(|source| FacilityError::Bind { name, source })?;
        self.devices.push(device(place, agent.local_addr(), Access::Ipmi));
        self.running.push(Running::new(Server::Ipmi(agent)));
        Ok(())
    }
}

impl Running {
    fn new(server: Server) -> Self {
        Self { server, silent: AtomicBool::new(false) }
    }

    /// Silences the device, or has it answer again, where that is a change.
    fn set_silent_as_told(&self, silent: bool) {
        if self.silent.swap(silent, Ordering::Relaxed) != silent {
            self.set_silent(silent);
        }
    }

    fn set_silent(&self, silent: bool) {
        match &self.server {
            Server::Snmp(agent) => {
                agent.set_faults(silent.then(|| Fault::Silent.into()).into_iter().collect())
            }
            Server::Ipmi(bmc) => {
                bmc.set_faults(silent.then(|| ipmi::Fault::Silent.into()).into_iter().collect())
            }
            Server::Redfish(server) => {
                let hang = || redfish::Fault::new(redfish::Kind::Hang);
                server.set_faults(silent.then(hang).into_iter().collect());
            }
        }
    }

    fn show(&self, changes: Changes) {
        match &self.server {
            Server::Snmp(agent) => agent.set_overrides(changes.snmp),
            Server::Redfish(server) => server.set_overrides(changes.redfish),
            // No scenario moves what a BMC says over IPMI; it can be silenced.
            Server::Ipmi(_) => {}
        }
    }
}

fn device((name, site, rack, kind): Place, address: SocketAddr, access: Access) -> Device {
    Device { name, site, rack, kind, address, access }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_device_listens_under_a_name_of_its_own() {
        let facility = Facility::start().unwrap();
        let names: std::collections::BTreeSet<_> = facility.devices().iter().map(|d| d.name).collect();
        assert_eq!(names.len(), 15);
        let addresses: std::collections::BTreeSet<_> = facility.devices().iter().map(|d| d.address).collect();
        assert!(addresses.iter().all(|address| address.ip().is_loopback() && address.port() != 0));
    }
}
