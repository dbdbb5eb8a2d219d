//! Target lists from files and over HTTP: changes are noticed, mistakes change nothing.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use mocks::snmp::{Agent, AgentOptions, Recording};
use serde_json::{Value, json};

use super::support::{COMMUNITY, Folder, Program, wait_for};

fn ups() -> Agent {
    let text = std::fs::read(super::support::root().join("mocks/recordings/ups.snmprec")).unwrap();
    let options = AgentOptions { communities: Some(vec![COMMUNITY.into()]), ..AgentOptions::default() };
    let recording = Arc::new(Recording::parse(&text).unwrap());
    Agent::bind(SocketAddr::from(([127, 0, 0, 1], 0)), recording, options).unwrap()
}

fn group(agent: &Agent, name: &str) -> Value {
    json!({
        "targets": [agent.local_addr().to_string()],
        "labels": {"__lightsout_name": name, "rack": "r9"},
    })
}

async fn until_gone(program: &Program, name: &str) {
    wait_for(&format!("{name} to go"), async || program.target(name).await.is_null().then_some(())).await;
}

#[tokio::test]
async fn files_are_read_again_when_they_change() {
    let (first, second) = (ups(), ups());
    let folder = Folder::new(
        "target_files: [{files: [\"lists/*.json\"], defaults: {protocol: snmp, credentials: snmp}}]\n",
    );
    std::fs::create_dir(folder.path("lists")).unwrap();
    folder.write("lists/a.json", &json!([group(&first, "ups-1")]).to_string());
    let program = Program::run(&folder).await;
    let target = program.until("ups-1", "up").await;
    assert_eq!(target["rack"], "r9");

    folder.write("lists/b.json", &json!([group(&second, "ups-2")]).to_string());
    program.until("ups-2", "up").await;
    folder.write("lists/b.json", "[{");
    wait_for("a word about the broken list", async || {
        program.process.stderr().contains("a target list cannot be read").then_some(())
    })
    .await;
    program.until("ups-2", "up").await;
    std::fs::remove_file(folder.path("lists/b.json")).unwrap();
    until_gone(&program, "ups-2").await;
    program.until("ups-1", "up").await;
    assert_eq!(program.terminate().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_over_http_is_asked_again_and_again() {
    let (first, second) = (ups(), ups());
    let list = Arc::new(Mutex::new(Some(json!([group(&first, "ups-1")]))));
    let served = Arc::clone(&list);
    let answer = move |headers: HeaderMap| async move {
        if headers.get("authorization").is_none_or(|value| value != "Token s3cr3t-token") {
            return (StatusCode::FORBIDDEN, String::new());
        }
        match &*served.lock().unwrap() {
            Some(list) => (StatusCode::OK, list.to_string()),
            None => (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/targets", listener.local_addr().unwrap());
    let server = axum::serve(listener, axum::Router::new().route("/targets", get(answer)));
    let server = tokio::spawn(server.into_future());

    let folder = Folder::new("");
    folder.write("token", "s3cr3t-token\n");
    folder.configure(&format!(
        "target_http:\n  - url: {url}\n    token_type: Token\n    token_file: token\n    \
         refresh_interval: 5s\n    defaults: {{protocol: snmp, credentials: snmp}}\n"
    ));
    let program = Program::run(&folder).await;
    program.until("ups-1", "up").await;
    *list.lock().unwrap() = None;
    wait_for("a word about the server", async || {
        program.process.stderr().contains("the server answered 500").then_some(())
    })
    .await;
    program.until("ups-1", "up").await;
    *list.lock().unwrap() = Some(json!([group(&second, "ups-2")]));
    program.until("ups-2", "up").await;
    until_gone(&program, "ups-1").await;
    assert_eq!(program.terminate().await.code, Some(0));
    server.abort();
}
