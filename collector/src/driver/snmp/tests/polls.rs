//! Whole polls of net-snmp's `snmpd`, by the driver and the profiles that are part of the program.

use std::sync::Arc;
use std::time::Duration;

use model::{PollError, PollReport, Reason};

use super::snmpd::Snmpd;
use super::support::{Polled, community, target, user, v2c};
use crate::driver::snmp::{Snmp, SnmpDriver, record};
use crate::profile::{Profiles, recording};
use crate::target::AuthProtocol::Sha256;
use crate::target::PrivacyProtocol::Aes128;
use crate::target::{CommunityVersion, Credentials, Target};

fn patient(port: u16, credentials: Credentials) -> Target {
    target("127.0.0.1", port, credentials, Duration::from_secs(3))
}

fn quick(port: u16, credentials: Credentials) -> Target {
    target("127.0.0.1", port, credentials, Duration::from_millis(200))
}

fn sha256_aes(privacy: &str) -> Credentials {
    user("sha256aes", Some((Sha256, "auctoritas")), Some((Aes128, privacy)))
}

/// The value of the first series of a metric whose own labels contain a text.
fn value(report: &PollReport, metric: &str, label: &str) -> Option<f64> {
    let mut found = report.samples.iter().filter(|sample| sample.series.metric.definition().otel == metric);
    found.find(|sample| sample.series.own_text().contains(label)).map(|sample| sample.value)
}

fn error(report: &PollReport) -> &PollError {
    report.error.as_ref().expect("the poll should fail")
}

#[tokio::test]
async fn an_agent_is_read_by_every_version() {
    let snmpd = Snmpd::start(1).await;
    for credentials in [community(CommunityVersion::V1, "public"), v2c(), sha256_aes("privatus12")] {
        let mut polled = Polled::new(patient(snmpd.port, credentials.clone())).await;
        for _ in 0..2 {
            let report = polled.poll().await;
            assert_eq!(report.error, None);
            assert_eq!(report.faults, [], "{credentials:?}");
            assert!(!report.samples.is_empty());
            assert!(report.samples.iter().all(|sample| sample.value.is_finite()));
        }
        // An agent in its first second gives no uptime.
        let mut uptime = None;
        for _ in 0..40 {
            uptime = value(&polled.poll().await, "oob.device.uptime", "device");
            if uptime.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let uptime = uptime.expect("uptime after a second");
        assert!((1.0..600.0).contains(&uptime), "{uptime}");
    }
}

#[tokio::test]
async fn a_restarted_agent_is_found_to_be_young() {
    let mut snmpd = Snmpd::start(1).await;
    let mut polled = Polled::new(quick(snmpd.port, sha256_aes("privatus12"))).await;
    assert_eq!(polled.poll().await.error, None);
    snmpd.stop();
    let down = polled.poll().await;
    assert_eq!(error(&down).reason, Reason::Unreachable, "{:?}", down.error);
    assert!(down.samples.is_empty());
    snmpd.restart(1).await;
    let mut after = polled.poll().await;
    for _ in 0..20 {
        // The machine may be busy, and the timeout is short.
        if after.error.is_none() {
            break;
        }
        after = polled.poll().await;
    }
    assert_eq!(after.error, None);
    assert_eq!(after.faults, []);
    let uptime = |report| value(report, "oob.device.uptime", "device").unwrap_or(0.0);
    assert!(uptime(&after) < 60.0, "{}", uptime(&after));
}

#[tokio::test]
async fn what_is_wrong_is_said_in_words_and_without_secrets() {
    let mut snmpd = Snmpd::start(1).await;
    let wrong_auth = user("sha256aes", Some((Sha256, "wrong-secret")), Some((Aes128, "privatus12")));
    for (credentials, words) in [
        (community(CommunityVersion::V2c, "wrong-secret"), "check the community"),
        (sha256_aes("wrong-secret"), "check the privacy password"),
        (wrong_auth, "check the authentication password"),
        (user("nobody", None, None), "check the SNMPv3 user name"),
    ] {
        let mut polled = Polled::new(quick(snmpd.port, credentials)).await;
        let report = polled.poll().await;
        let error = error(&report);
        assert_eq!(error.reason, Reason::Auth, "{error}");
        assert!(error.detail.contains(words), "{error}");
        assert!(!error.detail.contains("wrong-secret") && !error.detail.contains("auctoritas"), "{error}");
    }
    snmpd.stop();
    let report = Polled::new(quick(snmpd.port, v2c())).await.poll().await;
    assert_eq!(error(&report).reason, Reason::Unreachable);
    let report = Polled::new(target("192.0.2.1", 161, v2c(), Duration::from_millis(50))).await.poll().await;
    assert!(matches!(error(&report).reason, Reason::Timeout | Reason::Unreachable), "{:?}", report.error);
}

#[tokio::test]
async fn credentials_that_cannot_be_used_are_refused_before_any_request() {
    let snmp = Arc::new(Snmp::bind(1).await.unwrap());
    let profiles = Arc::new(Profiles::builtin().unwrap());
    let target = Arc::new(patient(1, sha256_aes("short")));
    let error = SnmpDriver::new(snmp, target, profiles).err().unwrap();
    assert_eq!(error.reason, Reason::Config);
    assert!(error.detail.contains("privacy password has 5 octets"), "{error}");
}

#[tokio::test]
async fn a_recording_is_scrubbed_and_can_be_read_back() {
    let snmpd = Snmpd::start(1).await;
    let snmp = Arc::new(Snmp::bind(1).await.unwrap());
    let target = patient(snmpd.port, v2c());
    let mut shown = Vec::new();
    let recording = record(snmp, &target, &[], &mut |instances| shown.push(instances)).await.unwrap();
    let (objects, mistakes) = recording::parse(&recording.text);
    assert_eq!(mistakes, []);
    assert_eq!(objects.len(), recording.instances);
    assert!(recording.instances > 50 && recording.scrubbed >= 3, "{}", recording.text);
    assert!(shown.is_sorted() && shown.last().is_some_and(|last| *last <= recording.instances));
    for private in ["core-host-17", "Jane", "acme", "Acme", "public"] {
        assert!(!recording.text.contains(private), "{private} is in the recording:\n{}", recording.text);
    }
    // net-snmp's sysObjectID for Linux, as its MIB says.
    assert!(recording.text.contains("1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.8072.3.2.10\n"), "{}", recording.text);
}
