//! The client against servers on this machine that misbehave as devices do.

mod limits;
mod listing;
mod sessions;
mod trust;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use model::{Device, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::documents::ROOT;
use super::*;
use crate::driver::breaker::Breakers;
use crate::target::{Address, Budget, Protocol};

const PASSWORD: &str = "correct horse";

/// A request as it came in.
#[derive(Clone, Debug)]
struct Seen {
    method: String,
    path: String,
    headers: HeaderMap,
    body: Value,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// A server that keeps what it was asked.
struct Server {
    address: SocketAddr,
    log: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Serves on a port of its own until the test ends.
    async fn start(answer: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> Self {
        let log = Arc::new(Mutex::new(Vec::new()));
        let router = router(Arc::clone(&log), answer);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, log }
    }

    /// The requests since the last call, as `METHOD path`.
    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().unwrap()).iter().map(Seen::line).collect()
    }

    fn count(&self, line: &str) -> usize {
        self.log.lock().unwrap().iter().filter(|seen| seen.line() == line).count()
    }

    fn target(&self) -> Target {
        target(self.address)
    }
}

fn router(log: Arc<Mutex<Vec<Seen>>>, answer: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> Router {
    let answer = Arc::new(answer);
    Router::new().fallback(move |request: Request<Body>| {
        let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
        async move {
            let (head, body) = request.into_parts();
            let body = to_bytes(body, 1 << 20).await.unwrap();
            let seen = Seen {
                method: head.method.to_string(),
                path: head.uri.to_string(),
                headers: head.headers,
                body: serde_json::from_slice(&body).unwrap_or_default(),
            };
            log.lock().unwrap().push(seen.clone());
            answer(&seen)
        }
    })
}

fn target(address: SocketAddr) -> Target {
    Target {
        device: Arc::new(Device {
            name: "bmc".into(),
            site: "fra1".into(),
            rack: String::new(),
            device_type: "server".into(),
            description: model::device::Description::default(),
        }),
        protocol: Protocol::Redfish,
        address: Address { host: address.ip().to_string(), port: address.port() },
        credentials: Some(Credentials::Password {
            user: "monitor".into(),
            password: SecretString::from(PASSWORD),
        }),
        interval: Duration::from_secs(60),
        deadline: Duration::from_secs(50),
        timeout: Duration::from_secs(20),
        inventory_interval: Duration::from_secs(3600),
        tls: Tls::Plain,
        budget: Budget { concurrency: 2, rate: 1e6 },
        max_repetitions: None,
        fallback: None,
    }
}

/// A client in its first poll.
async fn client(target: &Target) -> Client {
    client_with(target, &Breakers::in_memory([0; 16])).await
}

async fn client_with(target: &Target, breakers: &Arc<Breakers>) -> Client {
    let guard = breakers.guard("bmc", PASSWORD.as_bytes());
    let mut client = Client::new(target, guard, Quirks::builtin()).unwrap();
    begin(&mut client, 0).await;
    client
}

async fn begin(client: &mut Client, now: Timestamp) {
    client.begin(now, Instant::now() + Duration::from_secs(60)).await;
}

/// A small device: a root, a chassis collection with two members.
fn tree() -> BTreeMap<String, Value> {
    BTreeMap::from([
        (
            ROOT.to_owned(),
            json!({
                "@odata.id": "/redfish/v1/", "RedfishVersion": "1.15.0",
                "Chassis": {"@odata.id": "/redfish/v1/Chassis"},
                "Links": {"Sessions": {"@odata.id": "/redfish/v1/SessionService/Sessions"}},
            }),
        ),
        (
            "/redfish/v1/Chassis".to_owned(),
            json!({"@odata.id": "/redfish/v1/Chassis", "Members": [
                {"@odata.id": "/redfish/v1/Chassis/1"}, {"@odata.id": "/redfish/v1/Chassis/2"},
            ]}),
        ),
        ("/redfish/v1/Chassis/1".to_owned(), chassis("1")),
        ("/redfish/v1/Chassis/2".to_owned(), chassis("2")),
    ])
}

fn chassis(id: &str) -> Value {
    json!({"@odata.id": format!("/redfish/v1/Chassis/{id}"), "Id": id, "Name": "Chassis", "SerialNumber": "S"})
}

fn answer(status: u16, body: &Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
}

/// What a device without a login would answer.
fn open(tree: &BTreeMap<String, Value>, seen: &Seen) -> Response {
    match tree.get(&seen.path) {
        Some(document) => answer(200, document),
        None => answer(404, &json!({})),
    }
}

fn reason<T: std::fmt::Debug>(result: Result<T, SourceError>) -> (Reason, Option<u16>) {
    let error = result.unwrap_err();
    (error.reason, error.status)
}
