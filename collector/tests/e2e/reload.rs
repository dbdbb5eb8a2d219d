//! Reloads, by signal and by request, and the end of the program: what stays, what goes, what is told.

use std::net::SocketAddr;
use std::sync::Arc;

use mocks::redfish::{Account, Options, Server, Tree};
use mocks::snmp::{Agent, AgentOptions, Recording};

use super::support::{
    COMMUNITY, Folder, PASSWORD, Program, USER, http, redfish_target, snmp_target, wait_for,
};

const RELOADED: &str = "oob_collector_config_last_reload_success";

fn bmc() -> Server {
    let account = Some(Account { user: USER.into(), password: PASSWORD.into() });
    Server::start(Arc::new(Tree::server().unwrap()), Options { account, ..Options::default() }).unwrap()
}

fn ups() -> Agent {
    let text = std::fs::read(super::support::root().join("mocks/recordings/ups.snmprec")).unwrap();
    let options = AgentOptions { communities: Some(vec![COMMUNITY.into()]), ..AgentOptions::default() };
    let recording = Arc::new(Recording::parse(&text).unwrap());
    Agent::bind(SocketAddr::from(([127, 0, 0, 1], 0)), recording, options).unwrap()
}

async fn until_reloaded(program: &Program, expected: f64) {
    wait_for(&format!("{RELOADED} {expected}"), async || {
        let found = program.metric(RELOADED).await;
        (found.len() == 1 && found[0].1 == expected).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_touches_what_has_changed_and_nothing_else() {
    let (kept, leaving, ups) = (bmc(), bmc(), ups());
    let first = format!(
        "targets:\n{}{}",
        redfish_target("kept", kept.address()),
        redfish_target("leaving", leaving.address())
    );
    let second = format!(
        "targets:\n{}{}",
        redfish_target("kept", kept.address()),
        snmp_target("ups", ups.local_addr())
    );
    let folder = Folder::new(&first);
    let program = Program::run(&folder).await;
    until_reloaded(&program, 1.0).await;
    for name in ["kept", "leaving"] {
        program.until(name, "up").await;
    }

    folder.configure(&second);
    program.process.signal("HUP");
    program.until("ups", "up").await;
    assert!(program.target("leaving").await.is_null());
    wait_for("the session of a removed target to end", async || {
        (leaving.stats().sessions_open == 0).then_some(())
    })
    .await;

    folder.configure(&second.replace("protocol: snmp", "protocol: telnet"));
    let answer = http(program.address, "POST", "/-/reload", &[]).await;
    assert_eq!(answer.status, 500, "{answer:?}");
    for words in ["the configuration is unchanged", "lightsout.yml:", "telnet"] {
        assert!(answer.body.contains(words), "{words:?} is not in {answer:?}");
    }
    until_reloaded(&program, 0.0).await;
    assert!(program.process.stderr().contains("reload refused"), "the log says so");
    let before = program.target("ups").await["last_success_timestamp_seconds"].as_f64();
    let later = |target: &serde_json::Value| target["last_success_timestamp_seconds"].as_f64() > before;
    program.until_that("ups", "polled after a bad reload", later).await;

    folder.configure("targets: [");
    program.process.signal("HUP");
    wait_for("the second refusal", async || {
        (program.process.stderr().matches("reload refused").count() == 2).then_some(())
    })
    .await;
    until_reloaded(&program, 0.0).await;

    folder.configure(&second);
    let answer = http(program.address, "POST", "/-/reload", &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    until_reloaded(&program, 1.0).await;
    program.until("kept", "up").await;

    let stats = kept.stats();
    assert_eq!((stats.logins_ok, stats.sessions_open), (1, 1), "one session lived through five reloads");
    assert_eq!(http(program.address, "GET", "/-/reload", &[]).await.status, 405);
    assert_eq!(program.terminate().await.code, Some(0));
    assert_eq!(kept.stats().sessions_open, 0, "the end of the program deletes its session");
    assert_eq!(kept.stats().logins_ok, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_deletes_sessions_too() {
    let server = bmc();
    let folder = Folder::new(&format!("targets:\n{}", redfish_target("bmc", server.address())));
    let program = Program::run(&folder).await;
    program.until("bmc", "up").await;
    assert_eq!(server.stats().sessions_open, 1);
    program.process.signal("INT");
    let ended = program.process.end().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(server.stats().sessions_open, 0);
}
