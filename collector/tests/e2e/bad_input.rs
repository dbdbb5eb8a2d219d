//! Devices that are dead, refuse or send nonsense: the words, the exit codes, and the others' readings.

use std::net::SocketAddr;
use std::sync::Arc;

use mocks::redfish::{self, Certificate, Kind, Tree};
use mocks::snmp::{Agent, AgentOptions, Endless, Fault, Recording};
use serde_json::Value;

use super::support::{COMMUNITY, Ended, Folder, PASSWORD, Program, USER, redfish_target, run, snmp_target};

/// Most memory that the program may ever hold in these tests. 100 MB of a body would burst it.
const MEMORY_BYTES: u64 = 120 << 20;

const BODY_BYTES: u64 = 100 << 20;

fn agent(faults: Vec<Fault>) -> Agent {
    let text = std::fs::read(super::support::root().join("mocks/recordings/rack-pdu.snmprec")).unwrap();
    let options = AgentOptions { communities: Some(vec![COMMUNITY.into()]), ..AgentOptions::default() };
    let recording = Arc::new(Recording::parse(&text).unwrap());
    let agent = Agent::bind(SocketAddr::from(([127, 0, 0, 1], 0)), recording, options).unwrap();
    agent.set_faults(faults.into_iter().map(Into::into).collect());
    agent
}

fn bmc(tls: Option<Certificate>, faults: Vec<redfish::Fault>) -> redfish::Server {
    let account = Some(redfish::Account { user: USER.into(), password: PASSWORD.into() });
    let options = redfish::Options { account, tls, lockout: Some(5), ..redfish::Options::default() };
    let server = redfish::Server::start(Arc::new(Tree::server().unwrap()), options).unwrap();
    server.set_faults(faults);
    server
}

/// Seconds for a device that answers, and then ends early: a busy machine needs many.
const DEADLINE: &str = "30";

async fn probe_snmp(address: SocketAddr, community: &str) -> Ended {
    run(["probe", &format!("snmp://{address}"), "--community", community, "--deadline", DEADLINE]).await
}

async fn probe_redfish(url: &str, more: &[&str]) -> Ended {
    let folder = Folder::new("");
    let password = folder.path("password").display().to_string();
    let mut arguments =
        vec!["probe", url, "--user", USER, "--password-file", &password, "--deadline", DEADLINE];
    arguments.extend(more);
    run(arguments).await
}

/// The device is down: exit code 3, the target's name and the cause in words.
fn assert_down(ended: &Ended, reason: &str, words: &str) {
    ended.assert_clean();
    assert_eq!(ended.code, Some(3), "{ended:?}");
    let line = ended.stdout.lines().next().unwrap_or_default();
    assert!(line.starts_with(&format!("127.0.0.1: down, {reason}: ")), "{ended:?}");
    assert!(line.contains(words), "{words:?} is not in {line:?}");
}

/// The device is up, and something of it could not be read.
fn assert_fault(ended: &Ended, reason: &str, words: &str) {
    ended.assert_clean();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.starts_with("127.0.0.1: up, "), "{ended:?}");
    let fault = |line: &str| line.starts_with(&format!("fault: {reason}: ")) && line.contains(words);
    assert!(ended.stdout.lines().any(fault), "no fault {reason} with {words:?} in {}", ended.stdout);
}

#[tokio::test]
async fn dead_addresses_are_told_apart_from_wrong_communities() {
    let udp = mocks::ports::reserve().unwrap();
    assert_down(&probe_snmp(udp, COMMUNITY).await, "unreachable", &udp.to_string());
    let tcp = mocks::ports::reserve().unwrap();
    assert_down(&probe_redfish(&format!("http://{tcp}"), &[]).await, "unreachable", "refused");
    let well = agent(Vec::new());
    assert_down(&probe_snmp(well.local_addr(), "s3cr3t-wrong").await, "auth", "community");
    let ended = run(["probe", "snmp://no-such-host.invalid", "--community", COMMUNITY]).await;
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stdout.starts_with("no-such-host.invalid: down, dns: "), "{ended:?}");
}

#[tokio::test]
async fn agents_that_send_nonsense_are_down() {
    for (fault, reason, words) in [
        (Fault::Garbage, "protocol", ""),
        (Fault::Truncated, "protocol", ""),
        (Fault::Silent, "timeout", "no answer"),
    ] {
        let agent = agent(vec![fault]);
        assert_down(&probe_snmp(agent.local_addr(), COMMUNITY).await, reason, words);
    }
}

#[tokio::test]
async fn endless_walks_and_odd_texts_cost_no_more_than_themselves() {
    for endless in [Endless::Repeat, Endless::Loop, Endless::Grow] {
        let agent = agent(vec![Fault::EndlessWalk(endless)]);
        let ended = probe_snmp(agent.local_addr(), COMMUNITY).await;
        ended.assert_clean();
        assert!(ended.stdout.contains("hw.temperature"), "{endless:?}: {ended:?}");
    }
    for fault in [Fault::InvalidUtf8, Fault::HugeStrings { bytes: 60_000 }] {
        let agent = agent(vec![fault]);
        let ended = probe_snmp(agent.local_addr(), COMMUNITY).await;
        ended.assert_clean();
        assert!(ended.stdout.contains("oob.circuit.current"), "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bmcs_that_send_nonsense_at_the_door_are_down() {
    for (kind, reason) in [
        (Kind::Html, "protocol"),
        (Kind::HugeBody { bytes: BODY_BYTES }, "limit"),
        (Kind::GzipBomb { bytes: BODY_BYTES }, "limit"),
        (Kind::BrokenJson, "parse"),
        (Kind::EmptyBody, "parse"),
        (Kind::Hang, "timeout"),
        (Kind::Booting { retry_after: 600 }, "busy"),
    ] {
        let server = bmc(None, vec![redfish::Fault::new(kind)]);
        assert_down(&probe_redfish(&server.url(), &[]).await, reason, "");
        assert_eq!(server.stats().sessions_open, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_are_nonsense_cost_themselves_only() {
    for (kind, reason) in [
        (Kind::Html, "protocol"),
        (Kind::HugeBody { bytes: BODY_BYTES }, "limit"),
        (Kind::GzipBomb { bytes: BODY_BYTES }, "limit"),
        (Kind::BrokenJson, "parse"),
        (Kind::CloseMidBody, "protocol"),
        (Kind::Status { code: 500, retry_after: None }, "refused"),
    ] {
        let server = bmc(None, vec![redfish::Fault::new(kind).at("/redfish/v1/Systems/*/Processors*")]);
        let ended = probe_redfish(&server.url(), &[]).await;
        assert_fault(&ended, reason, "/Processors");
        assert!(ended.stdout.contains("hw.temperature"), "{ended:?}");
        assert_eq!(server.stats().sessions_open, 0, "the session is closed all the same");
    }
    let server = bmc(None, vec![redfish::Fault::new(Kind::InvalidUtf8)]);
    let ended = probe_redfish(&server.url(), &[]).await;
    ended.assert_clean();
    assert!(ended.stdout.starts_with("127.0.0.1: up, "), "one text is no reason: {ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_judged_before_a_password_is_sent() {
    for certificate in [Certificate::Valid, Certificate::Expired, Certificate::WrongHost] {
        let server = bmc(Some(certificate), Vec::new());
        assert_down(&probe_redfish(&server.url(), &[]).await, "tls", "certificate");
        assert_eq!(server.stats().total(), 0);
        let pin = server.certificate_fingerprint().unwrap().to_owned();
        for trust in [vec!["--insecure"], vec!["--pin", &pin]] {
            let ended = probe_redfish(&server.url(), &trust).await;
            assert_eq!(ended.code, Some(0), "{ended:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_of_broken_devices_takes_nothing_from_the_others() {
    let huge = redfish::Fault::new(Kind::HugeBody { bytes: BODY_BYTES });
    let (pdu, server) = (agent(Vec::new()), bmc(None, Vec::new()));
    let agents = [
        ("garbage", Fault::Garbage, "protocol"),
        ("truncated", Fault::Truncated, "protocol"),
        ("silent", Fault::Silent, "timeout"),
    ]
    .map(|(name, fault, reason)| (name, agent(vec![fault]), reason));
    let bmcs = [
        ("html", redfish::Fault::new(Kind::Html), "protocol"),
        ("huge", huge, "limit"),
        ("hang", redfish::Fault::new(Kind::Hang), "timeout"),
    ]
    .map(|(name, fault, reason)| (name, bmc(None, vec![fault]), reason));
    let mut targets = String::from("targets:\n");
    targets.push_str(&snmp_target("pdu", pdu.local_addr()));
    targets.push_str(&redfish_target("server", server.address()));
    agents.iter().for_each(|(name, agent, _)| targets.push_str(&snmp_target(name, agent.local_addr())));
    bmcs.iter().for_each(|(name, bmc, _)| targets.push_str(&redfish_target(name, bmc.address())));
    let folder = Folder::new(&targets);

    let program = Program::run(&folder).await;
    let broken = agents.iter().map(|it| (it.0, it.2)).chain(bmcs.iter().map(|it| (it.0, it.2)));
    let broken: Vec<_> = broken.collect();
    for (name, reason) in &broken {
        // Where the machine is busy, a poll may run out of time before that.
        let fits = |target: &Value| target["state"] == "down" && target["last_error"]["reason"] == *reason;
        let target = program.until_that(name, reason, fits).await;
        assert!(!target["last_error"]["detail"].as_str().unwrap().is_empty());
    }
    let well = async |name: &str| {
        let fits = |target: &Value| target["state"] == "up" && target["series"].as_u64() > Some(20);
        program.until_that(name, "well", fits).await["last_success_timestamp_seconds"].as_f64().unwrap()
    };
    for name in ["pdu", "server"] {
        let before = well(name).await;
        let later = |target: &Value| target["last_success_timestamp_seconds"].as_f64() > Some(before);
        program.until_that(name, "polled again", later).await;
    }
    let up = program.metric("oob_device_up").await;
    assert_eq!(up.len(), 8, "{up:?}");
    for (labels, value) in up {
        let is_broken = broken.iter().any(|(name, _)| labels.contains(&format!("host_name=\"{name}\"")));
        assert_eq!(value, if is_broken { 0.0 } else { 1.0 }, "{labels}");
    }
    let page = program.get("/").await.body;
    assert!(broken.iter().all(|(name, _)| page.contains(name)), "{page}");
    let peak = program.process.peak_resident_bytes();
    assert!(peak < MEMORY_BYTES, "{peak} bytes resident");
    assert_eq!(program.terminate().await.code, Some(0));
}
