//! Whole polls: a mock Redfish server and a mock BMC as one device, with the names that each of them has.

use mocks::ipmi::{Agent, Bmc, BmcOptions, Privilege, User};
use mocks::redfish::{Account, Fault, Kind, Options, Server, Tree};

use super::*;
use crate::config::ad_hoc;
use crate::driver::any::{AnyDriver, Common};
use crate::driver::breaker::Breakers;
use crate::driver::ipmi::{Ipmi, system_entropy};
use crate::driver::redfish::driver::Redfish;
use crate::driver::snmp::Snmp;
use crate::profile::Profiles;
use crate::target::{Address, Budget, Tls};

const NOW: i64 = 1_700_000_000_000;

async fn common() -> Common {
    let breakers = Breakers::in_memory([0; 16]);
    Common {
        snmp: Arc::new(Snmp::bind(1).await.unwrap()),
        profiles: Arc::new(Profiles::builtin().unwrap()),
        redfish: Arc::new(Redfish { breakers: Arc::clone(&breakers), clock: || NOW }),
        ipmi: Arc::new(Ipmi::bind(breakers, || NOW, system_entropy).unwrap()),
    }
}

/// Both servers, and the target of each protocol.
fn device(password: &str) -> (Server, Agent, [Target; 2]) {
    let account = Some(Account { user: "monitor".into(), password: "secret".into() });
    let options = Options { account, lockout: Some(5), ..Options::default() };
    let server = Server::start(Arc::new(Tree::server().unwrap()), options).unwrap();
    let users = vec![User::new("monitor", "secret", Privilege::User).unwrap()];
    let options = BmcOptions { users, lock_after: Some(5), ..BmcOptions::default() };
    let agent = Agent::bind("127.0.0.1:0".parse().unwrap(), Bmc::server().unwrap(), options).unwrap();
    let credentials = Some(Credentials::Password { user: "monitor".into(), password: password.into() });
    let targets =
        [(Protocol::Redfish, server.address(), "redfish"), (Protocol::Ipmi, agent.local_addr(), "ipmi")];
    let targets = targets.map(|(protocol, at, name)| {
        let address = Address { host: at.ip().to_string(), port: at.port() };
        let target = ad_hoc(name, protocol, address, credentials.clone());
        let (tls, budget) = (Tls::Plain, Budget { rate: 1e6, ..target.budget });
        Target { timeout: Duration::from_secs(1), deadline: Duration::from_secs(30), tls, budget, ..target }
    });
    (server, agent, targets)
}

/// The device with the other protocol to fall back on.
async fn driver(first: Target, second: Target) -> (AnyDriver, ReportBuilder) {
    let target = Arc::new(Target { fallback: Some(Arc::new(second)), ..first });
    (AnyDriver::new(&common().await, &target), ReportBuilder::new(Arc::clone(&target.device)))
}

async fn poll(driver: &mut AnyDriver, report: &mut ReportBuilder) -> PollReport {
    let error = driver.poll(report).await.err();
    report.finish(NOW, Duration::ZERO, error)
}

fn unavailable() -> Vec<Fault> {
    vec![Fault::new(Kind::Status { code: 503, retry_after: None })]
}

fn series(report: &PollReport, metric: Metric) -> Vec<String> {
    let of = |sample: &&Sample| sample.series.metric == metric;
    report.samples.iter().filter(of).map(|sample| sample.series.own_text().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_part_has_one_series_by_either_protocol_where_the_names_allow() {
    let (server, agent, [redfish, ipmi]) = device("secret");
    let (mut driver, mut report) = driver(redfish, ipmi).await;
    let before = poll(&mut driver, &mut report).await;
    assert_eq!(before.error, None);
    server.set_faults(unavailable());
    let during = poll(&mut driver, &mut report).await;
    assert_eq!(during.error, None);
    assert_eq!(during.protocols, [("redfish", false), ("ipmi", true)]);

    for (metric, names) in [
        (metric::HW_TEMPERATURE, &["CPU 1", "CPU 2", "Exhaust", "Inlet"][..]),
        (metric::HW_STATUS, &["Power Supply 1", "Power Supply 2", "CPU 1", "CPU 2"]),
        (metric::HW_HOST_POWER, &[""]),
        (metric::HW_HOST_AMBIENT_TEMPERATURE, &[""]),
    ] {
        let (known, told) = (series(&before, metric), series(&during, metric));
        for name in names {
            let own: Vec<&String> = known.iter().filter(|series| series.contains(name)).collect();
            assert!(!own.is_empty(), "{name}");
            assert!(own.iter().all(|series| told.contains(series)), "{name}: {own:#?}\n{told:#?}");
        }
    }
    assert!(series(&during, metric::HW_TEMPERATURE).len() > 10, "what only IPMI has is told too");
    server.set_faults(vec![]);
    let after = poll(&mut driver, &mut report).await;
    assert_eq!((after.error, after.protocols), (None, vec![("redfish", true), ("ipmi", true)]));
    driver.close().await;
    assert_eq!((server.stats().sessions_open, agent.stats().active), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn redfish_stands_in_for_a_bmc_that_is_silent_over_ipmi() {
    let (_server, agent, [redfish, ipmi]) = device("secret");
    let (mut driver, mut report) = driver(ipmi, redfish).await;
    let before = poll(&mut driver, &mut report).await;
    assert_eq!(before.error, None);
    agent.set_faults(vec![mocks::ipmi::Fault::Silent.into()]);
    let during = poll(&mut driver, &mut report).await;
    assert_eq!((&during.error, &during.protocols), (&None, &vec![("ipmi", false), ("redfish", true)]));
    let [known, told] = [&before, &during].map(|report| series(report, metric::HW_TEMPERATURE));
    let inlet = known.iter().find(|series| series.contains("hw_name=\"Inlet Temp\"")).unwrap();
    assert!(told.contains(inlet), "{told:#?}");
    driver.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_locks_the_account_over_neither_protocol() {
    for (silent, attempts) in [(0, (0, 3)), (3, (1, 3))] {
        let (server, agent, [redfish, ipmi]) = device("wrong");
        let (mut driver, mut report) = driver(redfish, ipmi).await;
        for turn in 0..8 {
            server.set_faults(if turn < silent { unavailable() } else { vec![] });
            assert!(poll(&mut driver, &mut report).await.error.is_some());
        }
        // One account: at most four attempts in all, of which the fifth would lock it.
        assert_eq!((agent.stats().wrong_passwords, server.stats().logins_failed), attempts);
    }
}
