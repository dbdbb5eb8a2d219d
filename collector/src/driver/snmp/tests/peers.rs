//! Against net-snmp's `snmpd`: versions, security levels, mistakes, restarts and replacements.

use std::time::Duration;

use model::Reason;

use super::agent::oid;
use super::snmpd::{DESCR, Snmpd};
use super::support::{columns, community, descr, session, session_with, target, user, v2c};
use crate::driver::snmp::diagnose::Finding;
use crate::driver::snmp::error::{UsmReport, WireError};
use crate::target::AuthProtocol::{self, Md5, Sha1, Sha224, Sha256, Sha384, Sha512};
use crate::target::PrivacyProtocol::{Aes128, Des};
use crate::target::{CommunityVersion, Credentials};

const AUTH: &str = "auctoritas";
const PRIVACY: &str = "privatus12";

fn sha256_aes() -> Credentials {
    user("sha256aes", Some((Sha256, AUTH)), Some((Aes128, PRIVACY)))
}

fn report(error: &WireError) -> Option<UsmReport> {
    match error {
        WireError::Report { report, .. } => Some(*report),
        _ => None,
    }
}

#[tokio::test]
async fn every_version_and_security_level_is_spoken() {
    let snmpd = Snmpd::start(1).await;
    let private = |name, auth: AuthProtocol| user(name, Some((auth, AUTH)), Some((Aes128, PRIVACY)));
    for credentials in [
        community(CommunityVersion::V1, "public"),
        v2c(),
        user("plain", None, None),
        user("authonly", Some((Sha256, AUTH)), None),
        user("md5des", Some((Md5, AUTH)), Some((Des, PRIVACY))),
        private("shaaes", Sha1),
        private("sha224aes", Sha224),
        private("sha256aes", Sha256),
        private("sha384aes", Sha384),
        private("sha512aes", Sha512),
    ] {
        let mut session = session(snmpd.port, credentials.clone()).await;
        for _ in 0..2 {
            assert_eq!(descr(&mut session).await.as_deref(), Ok(DESCR), "{credentials:?}");
        }
    }
}

#[tokio::test]
async fn a_table_is_the_same_by_every_version() {
    let snmpd = Snmpd::start(1).await;
    // The object-resource table of the agent itself: sysOREntry.
    let entry = [oid("1.3.6.1.2.1.1.9.1.2"), oid("1.3.6.1.2.1.1.9.1.3"), oid("1.3.6.1.2.1.1.9.1.4")];
    let mut sizes = Vec::new();
    for credentials in [community(CommunityVersion::V1, "public"), v2c(), sha256_aes()] {
        let mut session = session(snmpd.port, credentials).await;
        let (objects, faults) = columns(&mut session, entry.to_vec()).await;
        assert!(faults.is_empty(), "{faults:?}");
        let rows: Vec<_> = entry.iter().map(|column| objects.column(column).count()).collect();
        assert!(rows[0] > 3 && rows.iter().all(|count| *count == rows[0]), "{rows:?}");
        sizes.push(objects.len());
    }
    assert!(sizes.iter().all(|size| *size == sizes[0]), "{sizes:?}");
}

#[tokio::test]
async fn mistakes_in_credentials_are_told_apart_and_asked_once() {
    let snmpd = Snmpd::start(1).await;
    for (credentials, expected) in [
        (user("nobody", Some((Sha256, AUTH)), None), UsmReport::UnknownUser),
        (user("authonly", Some((Sha256, "wrong-password")), None), UsmReport::WrongDigest),
        (user("authonly", Some((Sha1, AUTH)), None), UsmReport::WrongDigest),
        (user("authonly", Some((Sha256, AUTH)), Some((Aes128, PRIVACY))), UsmReport::SecurityLevel),
    ] {
        let mut session = session(snmpd.port, credentials.clone()).await;
        let error = descr(&mut session).await.unwrap_err();
        assert_eq!(report(&error), Some(expected), "{credentials:?}: {error}");
        assert_eq!(error.reason(), Reason::Auth);
        let text = error.to_string();
        assert!(!text.contains(AUTH) && !text.contains("wrong-password"), "{text}");
    }
}

#[tokio::test]
async fn a_wrong_privacy_password_is_silence_from_a_living_agent() {
    let snmpd = Snmpd::start(1).await;
    let wrong = user("sha256aes", Some((Sha256, AUTH)), Some((Aes128, "wrong-password")));
    let mut session = session_with(target("127.0.0.1", snmpd.port, wrong, Duration::from_millis(300))).await;
    let error = descr(&mut session).await.unwrap_err();
    assert!(matches!(error, WireError::Timeout { .. }), "{error}");
    assert_eq!(session.diagnose().await, Finding::Agent);
}

#[tokio::test]
async fn a_view_that_lacks_an_object_is_absence() {
    let snmpd = Snmpd::start(1).await;
    let mut session = session(snmpd.port, user("authonly", Some((Sha256, AUTH)), None)).await;
    assert_eq!(descr(&mut session).await.as_deref(), Ok(DESCR));
    let (objects, faults) = columns(&mut session, vec![oid("1.3.6.1.2.1.2.2.1.2")]).await;
    assert!(objects.is_empty() && faults.is_empty(), "{faults:?}");
}

#[tokio::test]
async fn a_wrong_community_is_told_from_a_dead_device() {
    let mut snmpd = Snmpd::start(1).await;
    let wrong = community(CommunityVersion::V2c, "wrong");
    let quick = |port| target("127.0.0.1", port, wrong.clone(), Duration::from_millis(200));
    let mut session = session_with(quick(snmpd.port)).await;
    let error = descr(&mut session).await.unwrap_err();
    assert!(matches!(error, WireError::Timeout { .. }), "{error}");
    assert_eq!(session.diagnose().await, Finding::Agent);
    snmpd.stop();
    assert_eq!(session.diagnose().await, Finding::Refused);
}

#[tokio::test]
async fn a_restarted_agent_is_read_in_the_same_poll() {
    let mut snmpd = Snmpd::start(1).await;
    let mut session = session(snmpd.port, sha256_aes()).await;
    assert_eq!(descr(&mut session).await.as_deref(), Ok(DESCR));
    for _ in 0..2 {
        snmpd.restart(1).await;
        assert_eq!(descr(&mut session).await.as_deref(), Ok(DESCR));
    }
}

#[tokio::test]
async fn an_agent_that_forgot_its_boots_is_read_in_the_same_poll() {
    let mut snmpd = Snmpd::start(1).await;
    snmpd.stop();
    snmpd.remember_boots(1, 40);
    snmpd.restart(1).await;
    let mut session = session(snmpd.port, sha256_aes()).await;
    assert_eq!(descr(&mut session).await.as_deref(), Ok(DESCR));
    snmpd.stop();
    snmpd.forget();
    snmpd.restart(1).await;
    assert_eq!(descr(&mut session).await.as_deref(), Ok(DESCR));
    assert_eq!(session.generation(), 1);
}

#[tokio::test]
async fn a_replaced_device_is_read_in_the_same_poll() {
    let mut snmpd = Snmpd::start(1).await;
    let mut session = session(snmpd.port, sha256_aes()).await;
    assert_eq!(descr(&mut session).await.as_deref(), Ok(DESCR));
    snmpd.stop();
    snmpd.forget();
    snmpd.restart(2).await;
    assert_eq!(descr(&mut session).await.as_deref(), Ok(DESCR));
    assert_eq!(session.generation(), 1);
    assert_eq!(descr(&mut session).await.as_deref(), Ok(DESCR));
    assert_eq!(session.generation(), 1, "once is enough");
}

#[tokio::test]
async fn an_agent_that_was_down_is_read_when_it_is_back() {
    let mut snmpd = Snmpd::start(1).await;
    let target = target("127.0.0.1", snmpd.port, sha256_aes(), Duration::from_millis(100));
    let mut session = session_with(target).await;
    snmpd.stop();
    let error = descr(&mut session).await.unwrap_err();
    assert_eq!(error.reason(), Reason::Timeout);
    snmpd.restart(1).await;
    let mut last = descr(&mut session).await;
    for _ in 0..20 {
        // The machine may be busy, and the timeout is short.
        if last.is_ok() {
            break;
        }
        last = descr(&mut session).await;
    }
    assert_eq!(last.as_deref(), Ok(DESCR));
}

#[tokio::test]
async fn a_name_that_does_not_resolve_says_so() {
    let mut session = session_with(target("no-such-host.invalid", 161, v2c(), Duration::from_secs(1))).await;
    let error = descr(&mut session).await.unwrap_err();
    assert_eq!(error.reason(), Reason::Dns);
    assert!(error.to_string().contains("no-such-host.invalid"), "{error}");
}
