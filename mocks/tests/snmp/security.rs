//! v3: every protocol that net-snmp speaks, discovery, refusals, and a replaced device.

use mocks::snmp::{Agent, AgentOptions, User};

use crate::netsnmp::{Outcome, agent, run};

const NAME: &str = "1.3.6.1.2.1.1.5.0";
const RECORDING: &str = "1.3.6.1.2.1.1.5.0|4|pdu\n1.3.6.1.2.1.1.6.0|4|hall 3\n";
const VALUE: &str = ".1.3.6.1.2.1.1.5.0 = Hex-STRING: 70 64 75";

/// Our names and net-snmp's.
const AUTH: [(&str, &str); 6] = [
    ("md5", "MD5"),
    ("sha1", "SHA"),
    ("sha224", "SHA-224"),
    ("sha256", "SHA-256"),
    ("sha384", "SHA-384"),
    ("sha512", "SHA-512"),
];
const PRIV: [(&str, &str); 6] = [
    ("des", "DES"),
    ("aes128", "AES"),
    ("aes192", "AES-192"),
    ("aes256", "AES-256"),
    ("aes192c", "AES-192-C"),
    ("aes256c", "AES-256-C"),
];

fn secured(users: &[&str]) -> Agent {
    let users: Vec<User> = users.iter().map(|user| user.parse().unwrap()).collect();
    agent(RECORDING, AgentOptions { users: users.into(), ..AgentOptions::default() })
}

async fn get(agent: &Agent, arguments: &str) -> Outcome {
    run("snmpget", &format!("-v3 -t 2 -r 0 {arguments}"), agent.local_addr(), &[NAME]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_authentication_protocol() {
    for (ours, theirs) in AUTH {
        let agent = secured(&[&format!("ops:{ours}:authpass1")]);
        let arguments = format!("-u ops -l authNoPriv -a {theirs} -A authpass1");
        assert_eq!(get(&agent, &arguments).await.good(), [VALUE], "{ours}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_pair_of_protocols() {
    for (our_auth, their_auth) in AUTH {
        let users: Vec<String> =
            PRIV.iter().map(|(ours, _)| format!("{ours}:{our_auth}:authpass1:{ours}:privpass2")).collect();
        let agent = secured(&users.iter().map(String::as_str).collect::<Vec<_>>());
        for (our_priv, their_priv) in PRIV {
            let login = format!("-u {our_priv} -l authPriv -a {their_auth} -A authpass1");
            let outcome = get(&agent, &format!("{login} -x {their_priv} -X privpass2")).await;
            assert_eq!(outcome.good(), [VALUE], "{our_auth} with {our_priv}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn walks_at_each_level() {
    let agent = secured(&["guest", "reader:sha1:authpass1", "ops:sha256:authpass1:aes128:privpass2"]);
    let levels = [
        "-u guest -l noAuthNoPriv",
        "-u reader -l authNoPriv -a SHA -A authpass1",
        "-u ops -l authPriv -a SHA-256 -A authpass1 -x AES -X privpass2 -n some-context",
    ];
    for level in levels {
        for tool in ["snmpwalk", "snmpbulkwalk"] {
            let rows =
                run(tool, &format!("-v3 {level}"), agent.local_addr(), &["1.3.6.1.2.1.1"]).await.good();
            assert_eq!(
                rows[..2],
                [VALUE, ".1.3.6.1.2.1.1.6.0 = Hex-STRING: 68 61 6C 6C 20 33"],
                "{tool} {level}"
            );
        }
    }
    // One discovery for each run of a tool.
    assert_eq!(agent.stats().reports, 6);
}

/// Each refusal of RFC 3414 section 3.2, in the words of net-snmp.
#[tokio::test(flavor = "multi_thread")]
async fn refusals() {
    let agent = secured(&["reader:sha1:authpass1", "ops:sha256:authpass1:aes128:privpass2"]);
    let cases = [
        ("-u nobody -l noAuthNoPriv", "Unknown user name"),
        ("-u reader -l authNoPriv -a SHA -A wrongpass", "Authentication failure"),
        ("-u reader -l authNoPriv -a SHA-512 -A authpass1", "Authentication failure"),
        ("-u reader -l authPriv -a SHA -A authpass1 -x AES -X privpass2", "Unsupported security level"),
        ("-u ops -l authPriv -a SHA-256 -A authpass1 -x AES -X wrongpass", "Decryption error"),
        ("-u ops -l noAuthNoPriv", "authorizationError"),
        ("-u ops -l authNoPriv -a SHA-256 -A authpass1", "authorizationError"),
    ];
    for (arguments, expected) in cases {
        let said = get(&agent, arguments).await.bad();
        assert!(said.contains(expected), "{arguments}: {said}");
    }
}

/// A client that knows the engine but not its clock is told the clock by an authenticated report.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_clock_is_told() {
    let agent = secured(&["reader:sha1:authpass1"]);
    let engine: String = agent.engine_id().iter().map(|octet| format!("{octet:02x}")).collect();
    let login = format!("-e 0x{engine} -u reader -l authNoPriv -a SHA -A authpass1");
    assert_eq!(get(&agent, &login).await.good(), [VALUE]);
    assert_eq!(agent.stats().reports, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_device_has_another_engine() {
    let agent = secured(&["reader:sha1:authpass1"]);
    let login = "-u reader -l authNoPriv -a SHA -A authpass1";
    let before = agent.engine_id();
    let engine: String = before.iter().map(|octet| format!("{octet:02x}")).collect();
    assert_eq!(get(&agent, &format!("-e 0x{engine} {login}")).await.good(), [VALUE]);
    let reports = agent.stats().reports;
    agent.replace_engine();
    assert_ne!(agent.engine_id(), before);
    // net-snmp takes the report of another engine for no answer, from its own snmpd too.
    let said = get(&agent, &format!("-e 0x{engine} {login}")).await.bad();
    assert!(said.contains("Timeout") && agent.stats().reports == reports + 1, "{said}");
    assert_eq!(get(&agent, login).await.good(), [VALUE]);
}
