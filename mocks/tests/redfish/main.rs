//! The Redfish mock as clients see it: redfish-rs, a plain HTTP client, and recordings of real devices.
#![cfg(test)]

mod captures;
mod faults;
mod independent;
mod protocol;
mod tls;
mod trees;

use mocks::redfish::{Account, Options, Server, Tree};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;

const SESSIONS: &str = "/redfish/v1/SessionService/Sessions";

/// The built-in server's tree behind an account, with options changed.
fn start(change: impl FnOnce(&mut Options)) -> Server {
    let account = Some(Account { user: "admin".into(), password: "right".into() });
    let mut options = Options { account, ..Options::default() };
    change(&mut options);
    Server::start(Arc::new(Tree::server().unwrap()), options).unwrap()
}

/// A small tree without live readings, open to everybody.
fn open() -> Server {
    let tree = Tree::from_documents([
        ("/redfish/v1", json!({"@odata.id": "/redfish/v1/", "Name": "Root"})),
        (
            "/redfish/v1/Chassis",
            json!({"Name": "Chassis", "Members": [{"@odata.id": "/redfish/v1/Chassis/1"}]}),
        ),
        (
            "/redfish/v1/Chassis/1",
            json!({"Name": "One", "Reading": 23.5, "Empty": null, "Deep": {"Name": "Two"}}),
        ),
    ]);
    Server::start(Arc::new(tree), Options::default()).unwrap()
}

/// A client without pool, proxy or redirects: what it sees is what was sent.
fn client() -> Client {
    install_provider();
    let policy = reqwest::redirect::Policy::none();
    Client::builder().no_proxy().no_gzip().pool_max_idle_per_host(0).redirect(policy).build().unwrap()
}

fn install_provider() {
    // a second call finds the provider of the first
    let _ = rustls::crypto::ring::default_provider().install_default();
}

async fn get(server: &Server, path: &str) -> Response {
    client().get(server.url() + path).basic_auth("admin", Some("right")).send().await.unwrap()
}

async fn get_json(server: &Server, path: &str) -> Value {
    let response = get(server, path).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    response.json().await.unwrap()
}

async fn login(server: &Server, place: &str, password: &str) -> Response {
    let body = json!({"UserName": "admin", "Password": password});
    client().post(server.url() + place).json(&body).send().await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}
