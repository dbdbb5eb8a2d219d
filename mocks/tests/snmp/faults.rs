//! Each fault as a client meets it.

use std::net::SocketAddr;
use std::time::Duration;

use mocks::snmp::{Agent, AgentOptions, Endless, ErrorStatus, Fault, FaultRule, Oid};
use tokio::net::UdpSocket;

use crate::netsnmp::{Outcome, agent, run};

const FAST: &str = "-v2c -c any -t 0.3 -r 0";

/// Two columns of four rows, and a text.
fn table() -> Agent {
    let cells = (1..=2).flat_map(|column| (1..=4).map(move |row| (column, row)));
    let table: String =
        cells.map(|(column, row)| format!("1.3.6.1.4.1.9.1.{column}.{row}|2|{row}\n")).collect();
    agent(&(table + "1.3.6.1.4.1.9.2.0|4|text\n"), AgentOptions::default())
}

fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

async fn get(agent: &Agent, name: &str) -> Outcome {
    run("snmpget", FAST, agent.local_addr(), &[name]).await
}

async fn walk(agent: &Agent) -> Outcome {
    run("snmpwalk", FAST, agent.local_addr(), &["1.3.6.1.4.1.9"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_for_so_many_requests() {
    let agent = table();
    agent.set_faults(vec![Fault::Silent.times(1)]);
    assert!(get(&agent, "1.3.6.1.4.1.9.1.1.1").await.bad().contains("Timeout"));
    assert_eq!(get(&agent, "1.3.6.1.4.1.9.1.1.1").await.good().len(), 1);
    assert_eq!(agent.stats().unanswered, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_under_a_prefix() {
    let agent = table();
    agent.set_faults(vec![Fault::Silent.under(oid("1.3.6.1.4.1.9.1.2"))]);
    assert_eq!(get(&agent, "1.3.6.1.4.1.9.1.1.1").await.good().len(), 1);
    assert!(get(&agent, "1.3.6.1.4.1.9.1.2.1").await.bad().contains("Timeout"));
    agent.set_faults(Vec::new());
    assert_eq!(get(&agent, "1.3.6.1.4.1.9.1.2.1").await.good().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_second_request_is_dropped() {
    let agent = table();
    agent.set_faults(vec![Fault::Drop { every: 2 }.into()]);
    let mut answered = Vec::new();
    for _ in 0..4 {
        answered.push(get(&agent, "1.3.6.1.4.1.9.1.1.1").await.success);
    }
    assert_eq!(answered, [true, false, true, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_walks() {
    let agent = table();
    for endless in [Endless::Repeat, Endless::Loop] {
        agent.set_faults(vec![Fault::EndlessWalk(endless).into()]);
        assert!(walk(&agent).await.bad().contains("OID not increasing"), "{endless:?}");
        let bulk = run("snmpbulkwalk", FAST, agent.local_addr(), &["1.3.6.1.4.1.9"]).await;
        assert!(bulk.bad().contains("OID not increasing"), "{endless:?}");
    }
    agent.set_faults(vec![Fault::EndlessWalk(Endless::Grow).under(oid("1.3.6.1.4.1.9.1.1"))]);
    let names = ["1.3.6.1.4.1.9.1.1"];
    let rows = run("snmpbulkget", "-v2c -c any -Cr40", agent.local_addr(), &names).await.good();
    let expected: Vec<String> = (1..=40).map(|row| format!(".1.3.6.1.4.1.9.1.1.{row}")).collect();
    let names: Vec<&str> = rows.iter().filter_map(|row| row.split(' ').next()).collect();
    assert_eq!(names, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn error_statuses() {
    let agent = table();
    for (status, name) in [(ErrorStatus::GenErr, "genError"), (ErrorStatus::TooBig, "tooBig")] {
        agent.set_faults(vec![Fault::ErrorStatus(status).into()]);
        let said = get(&agent, "1.3.6.1.4.1.9.1.1.1").await.bad();
        assert!(said.contains(name), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_getbulk() {
    let agent = table();
    agent.set_faults(vec![Fault::NoGetbulk.into()]);
    let bulk = run("snmpbulkwalk", FAST, agent.local_addr(), &["1.3.6.1.4.1.9"]).await.bad();
    assert!(bulk.contains("Timeout"), "{bulk}");
    assert_eq!(walk(&agent).await.good().iter().filter(|row| row.starts_with(".1.3.6.1.4.1.9")).count(), 10);
}

/// Beyond two repetitions each step leaves one row out: 1, 2, then 4, then the second column's 2.
#[tokio::test(flavor = "multi_thread")]
async fn getbulk_that_skips_rows() {
    let agent = table();
    agent.set_faults(vec![Fault::BulkSkips { above: 2 }.into()]);
    let names = async |repetitions: &str| -> Vec<String> {
        let options = format!("{FAST} {repetitions}");
        let rows = run("snmpbulkget", &options, agent.local_addr(), &["1.3.6.1.4.1.9.1"]).await.good();
        rows.iter()
            .map(|row| row.split(' ').next().unwrap().trim_start_matches(".1.3.6.1.4.1.9.1.").to_owned())
            .collect()
    };
    assert_eq!(names("-Cr2").await, ["1.1", "1.2"]);
    assert_eq!(names("-Cr4").await, ["1.1", "1.2", "1.4", "2.2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn spoilt_texts() {
    let agent = table();
    agent.set_faults(vec![Fault::InvalidUtf8.into()]);
    let rows = get(&agent, "1.3.6.1.4.1.9.2.0").await.good();
    assert_eq!(rows, [".1.3.6.1.4.1.9.2.0 = Hex-STRING: C0 AF FF 80 74 65 78 74"]);
    agent.set_faults(vec![Fault::HugeStrings { bytes: 1_000 }.into()]);
    let rows = get(&agent, "1.3.6.1.4.1.9.2.0").await.good();
    assert_eq!(rows[0].split(' ').skip(3).collect::<Vec<_>>(), ["74", "65", "78", "74"].repeat(250));
    agent.set_faults(vec![Fault::HugeStrings { bytes: 100_000 }.into()]);
    assert!(get(&agent, "1.3.6.1.4.1.9.2.0").await.bad().contains("tooBig"));
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_objects() {
    let agent = table();
    agent.set_faults(vec![Fault::NoSuchInstance.under(oid("1.3.6.1.4.1.9.1"))]);
    let rows = get(&agent, "1.3.6.1.4.1.9.1.1.1").await.good();
    assert_eq!(rows, [".1.3.6.1.4.1.9.1.1.1 = No Such Instance currently exists at this OID"]);
    assert!(walk(&agent).await.good()[0].starts_with(".1.3.6.1.4.1.9.2.0 = "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_engine() {
    let agent = agent("1.3.6.1.2.1.1.5.0|4|pdu\n", AgentOptions::default());
    let before = agent.engine_id();
    agent.set_faults(vec![Fault::ReplacedEngine.into()]);
    let after = agent.engine_id();
    assert_ne!(after, before);
    agent.set_faults(vec![Fault::ReplacedEngine.into(), Fault::Silent.into()]);
    assert_eq!(agent.engine_id(), after, "the device was replaced once");
}

/// A GET of 1.3.6.1.2.1.1.5.0 with version 2c and community "any".
fn request(id: u8) -> Vec<u8> {
    let mut message =
        vec![0x30, 0x23, 2, 1, 1, 4, 3, b'a', b'n', b'y', 0xa0, 0x19, 2, 1, id, 2, 1, 0, 2, 1, 0];
    message.extend([0x30, 0x0e, 0x30, 0x0c, 6, 8, 0x2b, 6, 1, 2, 1, 1, 5, 0, 5, 0]);
    message
}

/// Sends requests at once and returns the answers in their order.
async fn exchange(faults: Vec<FaultRule>, ids: &[u8], answers: usize) -> Vec<Vec<u8>> {
    let agent = agent("1.3.6.1.2.1.1.5.0|4|pdu\n", AgentOptions::default());
    agent.set_faults(faults);
    let local: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let socket = UdpSocket::bind(local).await.unwrap();
    for id in ids {
        socket.send_to(&request(*id), agent.local_addr()).await.unwrap();
    }
    let mut received = Vec::new();
    for _ in 0..answers {
        let mut buffer = [0; 2_000];
        let wait = tokio::time::timeout(Duration::from_secs(10), socket.recv(&mut buffer));
        let length = wait.await.expect("no answer in ten seconds").unwrap();
        received.push(buffer[..length].to_vec());
    }
    received
}

fn id_of(message: &[u8]) -> i32 {
    snmp2::Pdu::from_bytes(message).unwrap().req_id
}

#[tokio::test]
async fn damaged_answers() {
    let whole = exchange(Vec::new(), &[7], 1).await.remove(0);
    assert_eq!(id_of(&whole), 7);
    let half = exchange(vec![Fault::Truncated.into()], &[7], 1).await.remove(0);
    assert_eq!(half, whole[..whole.len() / 2]);
    let garbage = exchange(vec![Fault::Garbage.into()], &[7], 1).await.remove(0);
    assert!(snmp2::Pdu::from_bytes(&garbage).is_err());
    let other = exchange(vec![Fault::WrongRequestId.into()], &[7], 1).await.remove(0);
    assert_ne!(id_of(&other), 7);
}

/// A late answer is overtaken by the next one, a delayed answer is not.
#[tokio::test]
async fn late_and_delayed_answers() {
    let order = async |fault: Fault| -> Vec<i32> {
        exchange(vec![fault.times(1)], &[1, 2], 2).await.iter().map(|message| id_of(message)).collect()
    };
    assert_eq!(order(Fault::LateReply { ms: 500 }).await, [2, 1]);
    assert_eq!(order(Fault::Delay { ms: 100 }).await, [1, 2]);
}
