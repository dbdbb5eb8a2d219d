//! What receivers and those between make of a connection: answers that break off or never end, redirects, proxies,
//! connections that were forgotten on the way.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use exporters::buffer::Order;
use exporters::forward::{Auth, Endpoint, Outcome, Secret, Transport};
use exporters::otlp::{self, Compression, Protocol};
use exporters::remote_write::encode::Version;
use exporters::remote_write::{self, RemoteWrite};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::daemon::Otlp;
use crate::scene::Scene;

/// What comes after the head of an answer.
#[derive(Clone, Copy)]
enum Then {
    /// The connection ends.
    End,
    /// More and more, as fast as it is taken.
    Flood,
    /// Nothing, for ever.
    Silence,
}

/// Heads of the requests that came, in lines.
type Heads = Arc<Mutex<Vec<Vec<String>>>>;

/// Answers every request with the same.
async fn server(listen: &str, head: &'static str, then: Then) -> (SocketAddr, Heads) {
    let listener = TcpListener::bind(listen).await.unwrap();
    let address = listener.local_addr().unwrap();
    let heads = Heads::default();
    let seen = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let request = read_request(&mut stream).await;
                seen.lock().unwrap().push(request);
                stream.write_all(head.as_bytes()).await.unwrap();
                match then {
                    Then::End => {}
                    Then::Flood => while stream.write_all(&[b'a'; 4_096]).await.is_ok() {},
                    Then::Silence => std::future::pending().await,
                }
            });
        }
    });
    (address, heads)
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> Vec<String> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let length =
        head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    stream.read_exact(&mut vec![0; length.unwrap_or(0)]).await.unwrap();
    head
}

fn endpoint(url: String) -> Endpoint {
    let auth = Auth::Bearer(Secret::Value("the token".into()));
    Endpoint { auth, ..Endpoint::new(url) }
}

/// Of a test that waits for the time to be over.
fn impatient(url: String) -> Endpoint {
    Endpoint { timeout: Duration::from_secs(2), ..endpoint(url) }
}

async fn remote_write(endpoint: Endpoint) -> Outcome {
    let mut transport =
        RemoteWrite::new(&remote_write::Options { endpoint, version: Version::V1, fall_back: false })
            .unwrap();
    transport.deliver(vec![0; 100].into(), 7).await
}

async fn otlp_http(endpoint: Endpoint) -> Outcome {
    otlp_over(Protocol::Http, endpoint).await
}

async fn otlp_over(protocol: Protocol, endpoint: Endpoint) -> Outcome {
    let (compression, resource) = (Compression::None, Vec::new());
    let mut transport =
        otlp::Otlp::new(&otlp::Options { endpoint, protocol, compression, resource }).unwrap();
    transport.deliver(vec![0; 100].into(), 7).await
}

/// The receiver has it, whatever becomes of the rest of its answer: sent again, it would get the same answer again.
#[tokio::test]
async fn an_answer_that_never_ends_or_breaks_off_is_one() {
    for (head, then) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc", Then::End),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc", Then::Silence),
        ("HTTP/1.1 200 OK\r\n\r\n", Then::Flood),
        ("HTTP/1.1 202 Accepted\r\nX-Odd: \u{e9}\r\nTransfer-Encoding: chunked\r\n\r\nzz", Then::End),
    ] {
        let (address, heads) = server("127.0.0.1:0", head, then).await;
        assert_eq!(remote_write(impatient(format!("http://{address}/"))).await, Outcome::Accepted, "{head}");
        assert_eq!(otlp_http(impatient(format!("http://{address}/"))).await, Outcome::Accepted, "{head}");
        assert_eq!(heads.lock().unwrap().len(), 2, "{head}");
    }
}

/// A gateway to the network that wants a login answers 200 to anything.
#[tokio::test]
async fn a_web_page_is_no_receipt() {
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<!DOCTYPE html>";
    let (address, _) = server("127.0.0.1:0", page, Then::End).await;
    for outcome in [
        remote_write(endpoint(format!("http://{address}/"))).await,
        otlp_http(endpoint(format!("http://{address}/"))).await,
    ] {
        let Outcome::Barred { message } = &outcome else { panic!("{outcome:?}") };
        assert!(message.starts_with("200: a web page"), "{message}");
    }
}

#[tokio::test]
async fn an_answer_that_never_begins_is_waited_for_no_longer_than_allowed() {
    let (address, _) = server("127.0.0.1:0", "", Then::Silence).await;
    for outcome in [
        remote_write(impatient(format!("http://{address}/"))).await,
        otlp_http(impatient(format!("http://{address}/"))).await,
        otlp_over(Protocol::Grpc, impatient(format!("http://{address}/"))).await,
    ] {
        assert!(matches!(outcome, Outcome::Unanswered { .. }), "{outcome:?}");
    }
}

/// Where nobody listens, nothing can have been stored.
#[tokio::test]
async fn a_request_that_never_went_out_is_not_taken_for_unanswered() {
    let nobody = mocks::ports::reserve().unwrap();
    for outcome in [
        remote_write(endpoint(format!("http://{nobody}/"))).await,
        otlp_over(Protocol::Grpc, endpoint(format!("http://{nobody}/"))).await,
    ] {
        assert!(matches!(outcome, Outcome::Retry { after: None, .. }), "{outcome:?}");
    }
}

/// A login is for the host that it was given for.
#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (other, visits) = server("127.0.0.1:0", "HTTP/1.1 204 No Content\r\n\r\n", Then::End).await;
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let head = format!("HTTP/1.1 {status}\r\nLocation: http://{other}/\r\nContent-Length: 0\r\n\r\n");
        let (address, _) = server("127.0.0.1:0", head.leak(), Then::End).await;
        for outcome in [
            remote_write(endpoint(format!("http://{address}/"))).await,
            otlp_http(endpoint(format!("http://{address}/"))).await,
        ] {
            assert!(matches!(outcome, Outcome::Barred { .. }), "{status}: {outcome:?}");
        }
    }
    assert_eq!(visits.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn an_address_of_ipv6_is_reached() {
    let (address, heads) = server("[::1]:0", "HTTP/1.1 204 No Content\r\n\r\n", Then::End).await;
    assert_eq!(remote_write(endpoint(format!("http://{address}/"))).await, Outcome::Accepted);
    let host = format!("host: {address}");
    assert!(heads.lock().unwrap()[0].iter().any(|line| line.to_lowercase() == host), "{heads:?}");
}

/// What the configuration says comes in place of what a variable says, not beside it.
#[tokio::test]
async fn a_header_comes_once() {
    let (address, heads) = server("127.0.0.1:0", "HTTP/1.1 204 No Content\r\n\r\n", Then::End).await;
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned().into());
    let headers =
        vec![header("authorization", "Basic old"), header("x-tenant", "a"), header("X-Tenant", "b")];
    let endpoint = Endpoint { headers, ..endpoint(format!("http://{address}/")) };
    assert_eq!(otlp_http(endpoint).await, Outcome::Accepted);
    let heads = heads.lock().unwrap();
    let own = |line: &&String| line.starts_with("authorization") || line.starts_with("x-tenant");
    let mut own: Vec<_> = heads[0].iter().filter(own).collect();
    own.sort();
    assert_eq!(own, ["authorization: Bearer the token", "x-tenant: b"]);
}

/// Plain HTTP goes to the proxy as a whole URL, with the proxy's own login beside the receiver's.
#[tokio::test]
async fn http_goes_through_a_proxy_that_is_named() {
    let (proxy, heads) = server("127.0.0.1:0", "HTTP/1.1 204 No Content\r\n\r\n", Then::End).await;
    let named = Some(format!("http://Aladdin:open%20sesame@{proxy}"));
    let endpoint = Endpoint { proxy: named, ..endpoint("http://receiver.invalid/api/v1/write".into()) };
    assert_eq!(remote_write(endpoint).await, Outcome::Accepted);
    let heads = heads.lock().unwrap();
    let has = |wanted: &str| heads[0].iter().any(|line| line.eq_ignore_ascii_case(wanted));
    assert_eq!(heads[0][0], "POST http://receiver.invalid/api/v1/write HTTP/1.1");
    // The example of RFC 7617, section 2.
    assert!(has("proxy-authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), "{heads:?}");
    assert!(has("authorization: Bearer the token"), "{heads:?}");
}

/// A frame of HTTP/2 on the first stream.
fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, u8::from(kind != SETTINGS)], payload].concat()
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Answers the first request of HTTP/2 (RFC 9113) with these frames.
async fn http2_server(answer: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len()]).await.unwrap();
        stream.write_all(&frame(SETTINGS, 0, &[])).await.unwrap();
        let mut head = [0; 9];
        while stream.read_exact(&mut head).await.is_ok() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            stream.read_exact(&mut vec![0; length]).await.unwrap();
            if head[3] == DATA && head[4] & END_STREAM != 0 {
                stream.write_all(&answer).await.unwrap();
            }
        }
    });
    address
}

/// `:status` by its number in the table of HPACK (RFC 7541), `grpc-status` in letters.
fn headers(flags: u8, status: u8, grpc: &str) -> Vec<u8> {
    let mut payload = vec![0x80 | status];
    if !grpc.is_empty() {
        payload.extend(b"\x00\x0bgrpc-status");
        payload.push(grpc.len() as u8);
        payload.extend(grpc.as_bytes());
    }
    frame(HEADERS, END_HEADERS | flags, &payload)
}

/// Where a proxy answers, or cuts an answer short, no receiver has said anything of any sample.
#[tokio::test]
async fn an_answer_without_a_status_of_grpc_refuses_nothing() {
    const OK: u8 = 8;
    const BAD_REQUEST: u8 = 12;
    const SERVER_ERROR: u8 = 14;
    let page = [headers(0, OK, ""), frame(DATA, END_STREAM, b"<!DOCTYPE html>")].concat();
    let half = [headers(0, OK, ""), frame(DATA, END_STREAM, b"\0\0\0\0\x09abc")].concat();
    for (answer, expected) in [
        (headers(END_STREAM, OK, ""), "unanswered"),
        (headers(END_STREAM, BAD_REQUEST, ""), "unanswered"),
        (headers(END_STREAM, SERVER_ERROR, ""), "unanswered"),
        (page, "unanswered"),
        (half, "unanswered"),
        (headers(END_STREAM, OK, "0"), "accepted"),
        (headers(END_STREAM, OK, "2"), "refused"),
        (headers(END_STREAM, OK, "13"), "refused"),
    ] {
        let outcome =
            otlp_over(Protocol::Grpc, endpoint(format!("http://{}", http2_server(answer.clone()).await)))
                .await;
        let found = match &outcome {
            Outcome::Unanswered { .. } => "unanswered",
            Outcome::Accepted => "accepted",
            Outcome::Refused { .. } => "refused",
            _ => "another",
        };
        assert_eq!(found, expected, "{outcome:?} {answer:?}");
    }
}

/// Carries connections, until it forgets those that there are: they stay open and carry nothing any more, as after a
/// modem or a gateway has lost what it knew of them.
async fn forgetful(to: SocketAddr) -> (SocketAddr, watch::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (forget, forgotten) = watch::channel(());
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut forgotten = forgotten.clone();
            forgotten.mark_unchanged();
            tokio::spawn(async move {
                let mut far = TcpStream::connect(to).await.unwrap();
                tokio::select! {
                    _ = copy_bidirectional(&mut near, &mut far) => {}
                    _ = forgotten.changed() => std::future::pending().await,
                }
            });
        }
    });
    (address, forget)
}

#[tokio::test]
async fn a_forgotten_connection_is_given_up_after_one_request() {
    for protocol in [Protocol::Http, Protocol::Grpc] {
        let receiver = Otlp::start();
        let to = if protocol == Protocol::Http { receiver.http } else { receiver.grpc };
        let (address, forget) = forgetful(to).await;
        let path = if protocol == Protocol::Http { "/v1/metrics" } else { "" };
        let endpoint = impatient(format!("http://{address}{path}"));
        let (compression, resource) = (Compression::Gzip, Vec::new());
        let options = otlp::Options { endpoint, protocol, compression, resource };
        let mut scene = Scene::new();
        let running = scene.forward("one", Order::InOrder, otlp::Otlp::new(&options).unwrap());
        scene.polls(2);
        running.acked(scene.measured.len()).await;
        forget.send(()).unwrap();
        scene.polls(2);
        running.acked(scene.measured.len()).await;
        assert_eq!(scene.pole.waiting(), 0, "{protocol:?}");
        running.end().await;
    }
}
