//! Who may speak to whom: certificates of both sides, tokens that are renewed, a proxy between.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use exporters::buffer::Order;
use exporters::forward::{ACKED, Auth, Condition, Endpoint, Secret, Tls};
use exporters::otlp::{self, Compression, Protocol};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::daemon::{Otlp, until};
use crate::scene::Scene;

const BOTH: [Protocol; 2] = [Protocol::Http, Protocol::Grpc];

/// A folder with an authority, and certificates of a server and a client that it signed.
fn certificates() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    let named = |name: &str| {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let mut authority = named("authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    write("ca.pem", authority.pem());
    for name in ["server", "client"] {
        let key = KeyPair::generate().unwrap();
        write(&format!("{name}.pem"), named(name).signed_by(&key, &authority).unwrap().pem());
        write(&format!("{name}.key"), key.serialize_pem());
    }
    folder
}

fn endpoint(receiver: &Otlp, protocol: Protocol, folder: &Path) -> Endpoint {
    let mut endpoint = Endpoint::new(match protocol {
        Protocol::Http => format!("https://{}/v1/metrics", receiver.http),
        Protocol::Grpc => format!("https://{}", receiver.grpc),
    });
    endpoint.tls = Tls {
        ca_file: Some(folder.join("ca.pem")),
        client: Some((folder.join("client.pem"), folder.join("client.key"))),
    };
    endpoint
}

fn transport(endpoint: Endpoint, protocol: Protocol) -> otlp::Otlp {
    let compression = Compression::Gzip;
    otlp::Otlp::new(&otlp::Options { endpoint, protocol, compression, resource: Vec::new() }).unwrap()
}

#[tokio::test]
async fn both_sides_are_who_they_say_they_are() {
    let folder = certificates();
    let receiver = Otlp::start_tls(folder.path());
    for (protocol, points) in BOTH.into_iter().zip([40, 80]) {
        let mut scene = Scene::new();
        let endpoint = endpoint(&receiver, protocol, folder.path());
        let running = scene.forward("one", Order::InOrder, transport(endpoint, protocol));
        scene.polls(10);
        running.acked(scene.measured.len()).await;
        assert_eq!(receiver.points().await.len(), points, "{protocol:?}");
        running.end().await;
    }
}

/// One side is a stranger to the other: nothing is sent, nothing is given up.
#[tokio::test]
async fn strangers_get_nothing() {
    let folder = certificates();
    let receiver = Otlp::start_tls(folder.path());
    let foreign = certificates();
    let without_own = Tls { ca_file: Some(folder.path().join("ca.pem")), client: None };
    let without_ca = Tls {
        ca_file: None,
        client: Some(["client.pem", "client.key"].map(|name| folder.path().join(name)).into()),
    };
    let other_ca = Tls { ca_file: Some(foreign.path().join("ca.pem")), ..without_ca.clone() };
    for protocol in BOTH {
        for tls in [without_own.clone(), without_ca.clone(), other_ca.clone()] {
            let mut scene = Scene::new();
            let endpoint = Endpoint { tls: tls.clone(), ..endpoint(&receiver, protocol, folder.path()) };
            let running = scene.forward("one", Order::InOrder, transport(endpoint, protocol));
            scene.polls(1);
            running.failing().await;
            // What a receiver that turns us away says is up to it.
            let words = running.figures().last_error;
            assert!(
                tls.client.is_none() || words.contains("invalid peer certificate"),
                "{protocol:?} {words}"
            );
            assert_eq!((running.figures().samples[ACKED], scene.pole.waiting()), (0, 4), "{protocol:?}");
            running.end().await;
        }
    }
    assert_eq!(receiver.points().await.len(), 0);
}

/// A token that the receiver does not know keeps everything back; once its file has another, everything goes on.
#[tokio::test]
async fn a_renewed_token_counts_at_once() {
    for protocol in BOTH {
        let folder = certificates();
        let receiver = Otlp::start_tls(folder.path());
        receiver.behave(json!({"authorization": "Bearer new"})).await;
        let token = folder.path().join("token");
        std::fs::write(&token, "old\n").unwrap();
        let mut scene = Scene::new();
        let auth = Auth::Bearer(Secret::File(token.clone()));
        let endpoint = Endpoint { auth, ..endpoint(&receiver, protocol, folder.path()) };
        let running = scene.forward("one", Order::InOrder, transport(endpoint, protocol));
        scene.polls(10);
        let barred = || matches!(running.figures().condition, Condition::Barred { .. });
        until("the old token is refused", async || barred()).await;
        assert_eq!((receiver.points().await.len(), scene.pole.waiting()), (0, 40));
        std::fs::write(&token, "new\n").unwrap();
        running.acked(scene.measured.len()).await;
        assert_eq!((running.figures().condition, scene.pole.waiting()), (Condition::Well, 0));
        running.end().await;
    }
}

/// Certificates live for hours in some places, and are renewed below a program that runs for years: first one file,
/// then the other.
#[tokio::test]
async fn a_renewed_certificate_counts_at_once() {
    for protocol in BOTH {
        let (folder, other) = (certificates(), certificates());
        let receiver = Otlp::start_tls(folder.path());
        let files = ["client.pem", "client.key"];
        let renewed = files.map(|name| std::fs::read(folder.path().join(name)).unwrap());
        for name in files {
            std::fs::copy(other.path().join(name), folder.path().join(name)).unwrap();
        }
        let mut scene = Scene::new();
        let endpoint = endpoint(&receiver, protocol, folder.path());
        let running = scene.forward("one", Order::InOrder, transport(endpoint, protocol));
        scene.polls(10);
        running.failing().await;
        assert_eq!((receiver.points().await.len(), scene.pole.waiting()), (0, 40));
        for (name, content) in files.iter().zip(renewed) {
            let failures = running.failures();
            std::fs::write(folder.path().join(name), content).unwrap();
            if *name == "client.pem" {
                until("it was tried without the key", async || running.failures() > failures).await;
            }
        }
        running.acked(scene.measured.len()).await;
        assert_eq!((running.figures().condition, scene.pole.waiting()), (Condition::Well, 0));
        running.end().await;
    }
}

/// A proxy that counts how often it was asked to connect to `to`, and connects.
async fn proxy(to: SocketAddr) -> (SocketAddr, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let counter = Arc::clone(&counter);
            tokio::spawn(async move {
                let mut near = BufReader::new(near);
                let (mut request, mut line) = (String::new(), String::new());
                near.read_line(&mut request).await.unwrap();
                while near.read_line(&mut line).await.unwrap() > 2 {
                    line.clear();
                }
                assert_eq!(request, format!("CONNECT {to} HTTP/1.1\r\n"));
                counter.fetch_add(1, Ordering::Relaxed);
                let mut far = TcpStream::connect(to).await.unwrap();
                near.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await.unwrap();
                let _ = copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    (address, asked)
}

#[tokio::test]
async fn https_goes_through_a_proxy_that_is_named() {
    let folder = certificates();
    let receiver = Otlp::start_tls(folder.path());
    let (proxy, asked) = proxy(receiver.http).await;
    let mut scene = Scene::new();
    let named = Some(format!("http://{proxy}"));
    let endpoint = Endpoint { proxy: named, ..endpoint(&receiver, Protocol::Http, folder.path()) };
    let running = scene.forward("one", Order::InOrder, transport(endpoint, Protocol::Http));
    scene.polls(10);
    running.acked(scene.measured.len()).await;
    assert!(asked.load(Ordering::Relaxed) > 0, "the proxy was asked");
    assert_eq!(receiver.points().await.len(), 40);
    running.end().await;
}
