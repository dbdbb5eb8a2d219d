//! Targets and sessions for tests on sockets.

use std::sync::Arc;
use std::time::Duration;

use model::{Device, PollReport, ReportBuilder, device::Description};
use tokio::time::Instant;

use crate::driver::Driver;
use crate::driver::snmp::SnmpDriver;
use crate::driver::snmp::error::WireError;
use crate::driver::snmp::fetch::{Fetch, POLL_LIMITS};
use crate::driver::snmp::habits::Habits;
use crate::driver::snmp::session::Session;
use crate::driver::snmp::transport::Snmp;
use crate::driver::snmp::wire::{Ask, Wire};
use crate::profile::Profiles;
use crate::profile::source::{Objects, Oid, Request};
use crate::target::{
    Address, AuthProtocol, Budget, CommunityVersion, Credentials, PrivacyProtocol, Protocol, Target, Tls, Usm,
};

pub(super) const SYS_DESCR: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 1, 0];

pub(super) fn community(version: CommunityVersion, name: &str) -> Credentials {
    Credentials::Community { version, community: name.into() }
}

pub(super) fn v2c() -> Credentials {
    community(CommunityVersion::V2c, "public")
}

pub(super) fn user(
    name: &str,
    auth: Option<(AuthProtocol, &str)>,
    privacy: Option<(PrivacyProtocol, &str)>,
) -> Credentials {
    Credentials::Usm(Usm {
        user: name.into(),
        context: String::new(),
        auth: auth.map(|(protocol, password)| (protocol, password.into())),
        privacy: privacy.map(|(protocol, password)| (protocol, password.into())),
    })
}

pub(super) fn target(host: &str, port: u16, credentials: Credentials, timeout: Duration) -> Target {
    let device = Device {
        name: "device-under-test".into(),
        site: "s1".into(),
        rack: String::new(),
        device_type: "pdu".into(),
        description: Description::default(),
    };
    Target {
        device: Arc::new(device),
        protocol: Protocol::Snmp,
        address: Address { host: host.into(), port },
        credentials: Some(credentials),
        interval: Duration::from_secs(60),
        deadline: Duration::from_secs(20),
        timeout,
        inventory_interval: Duration::from_secs(3600),
        tls: Tls::Verify,
        budget: Budget { concurrency: 1, rate: 1000.0 },
        max_repetitions: None,
        fallback: None,
    }
}

/// A session with an agent on this machine. Agents here answer in milliseconds; the timeout is for a
/// machine that is busy.
pub(super) async fn session(port: u16, credentials: Credentials) -> Session {
    session_with(target("127.0.0.1", port, credentials, Duration::from_secs(3))).await
}

pub(super) async fn session_with(target: Target) -> Session {
    let snmp = Arc::new(Snmp::bind(1_795_000_000).await.unwrap());
    Session::new(snmp, &target).unwrap()
}

/// One poll's worth: sysDescr.
pub(super) async fn descr(session: &mut Session) -> Result<String, WireError> {
    session.begin();
    let answer = session.ask(Ask::Get(&[Oid::new(SYS_DESCR.to_vec())])).await?;
    let value = answer.bound.into_iter().next().map(|bound| bound.value);
    Ok(value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default())
}

/// Everything below some columns, and the faults in words.
pub(super) async fn columns(session: &mut Session, columns: Vec<Oid>) -> (Objects, Vec<String>) {
    let mut habits = Habits::new(session.has_bulk(), None);
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut fetch = Fetch::new(session, &mut habits, deadline, POLL_LIMITS);
    fetch.run(&Request { scalars: Vec::new(), columns }).await;
    let (objects, faults) = fetch.finish();
    let faults = faults.into_iter().map(|fault| format!("{} {}", fault.subject, fault.detail));
    (objects, faults.collect())
}

/// A device as the scheduler holds it.
pub(super) struct Polled {
    driver: SnmpDriver,
    report: ReportBuilder,
}

impl Polled {
    pub(super) async fn new(target: Target) -> Self {
        let snmp = Arc::new(Snmp::bind(1_795_000_000).await.unwrap());
        let report = ReportBuilder::new(Arc::clone(&target.device));
        let profiles = Arc::new(Profiles::builtin().unwrap());
        let driver = SnmpDriver::new(snmp, Arc::new(target), profiles).unwrap();
        Self { driver, report }
    }

    pub(super) async fn poll(&mut self) -> PollReport {
        let error = self.driver.poll(&mut self.report).await.err();
        self.report.finish(0, Duration::ZERO, error)
    }
}
