//! OTLP over HTTP and gRPC to a receiver that is built on others' libraries.

use std::net::SocketAddr;
use std::time::Duration;

use exporters::buffer::Order;
use exporters::forward::{ACKED, Endpoint, PARTIAL};
use exporters::otlp::{self, Compression, Protocol};
use mocks::link::Link;
use model::Timestamp;
use serde_json::{Value, json};

use crate::daemon::Otlp;
use crate::scene::{MINUTE, Scene};

fn transport(protocol: Protocol, address: SocketAddr) -> otlp::Otlp {
    let path = if protocol == Protocol::Http { "/v1/metrics" } else { "" };
    let mut endpoint = Endpoint::new(format!("http://{address}{path}"));
    endpoint.timeout = Duration::from_secs(20);
    let resource = vec![("service.name".to_owned(), "lightsout".to_owned())];
    otlp::Otlp::new(&otlp::Options { endpoint, protocol, compression: Compression::Gzip, resource }).unwrap()
}

fn address(receiver: &Otlp, protocol: Protocol) -> SocketAddr {
    if protocol == Protocol::Http { receiver.http } else { receiver.grpc }
}

/// Outlet, time and value of a point of power.
fn sample(point: &Value) -> ((String, Timestamp), f64) {
    assert_eq!(
        (&point["metric"], &point["unit"], &point["kind"]),
        (&json!("hw.power"), &json!("W"), &json!("gauge"))
    );
    assert_eq!(
        (&point["resource"]["host.name"], &point["resource"]["service.name"]),
        (&json!("pdu-a"), &json!("lightsout"))
    );
    let outlet = point["attributes"]["hw.id"].as_str().unwrap().to_owned();
    ((outlet, point["ms"].as_i64().unwrap()), point["value"].as_f64().unwrap())
}

async fn after_an_outage(protocol: Protocol, order: Order) {
    let receiver = Otlp::start();
    let to = address(&receiver, protocol);
    let link = Link::bind(SocketAddr::from(([127, 0, 0, 1], 0)), to, 1).unwrap();
    let mut scene = Scene::new();
    let running = scene.forward("one", order, transport(protocol, link.local_addr()));
    scene.outage(&link, &running).await;
    running.acked(scene.measured.len()).await;
    let points = receiver.points().await;
    let mut found: Vec<_> = points.iter().map(sample).collect();
    let outage = found.split_off(5 * 4);
    let minutes: Vec<_> =
        outage.iter().map(|((_, at), _)| (scene.newest - at + MINUTE / 2) / MINUTE).collect();
    let first_after = minutes.first().copied().unwrap();
    assert_eq!(first_after, if order == Order::LiveFirst { 2 } else { 34 }, "minutes before the newest");
    found.extend(outage);
    found.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(found, scene.measured.clone().into_iter().collect::<Vec<_>>(), "{order:?}");
    assert_eq!(scene.pole.waiting(), 0);
    running.end().await;
}

#[tokio::test]
async fn everything_arrives_over_http() {
    after_an_outage(Protocol::Http, Order::InOrder).await;
    after_an_outage(Protocol::Http, Order::LiveFirst).await;
}

#[tokio::test]
async fn everything_arrives_over_grpc() {
    after_an_outage(Protocol::Grpc, Order::InOrder).await;
    after_an_outage(Protocol::Grpc, Order::LiveFirst).await;
}

#[tokio::test]
async fn a_busy_receiver_is_asked_again_and_a_partial_success_is_not_sent_again() {
    for protocol in [Protocol::Http, Protocol::Grpc] {
        let receiver = Otlp::start();
        receiver.behave(json!({"busy": 4, "reject": 2_000.0})).await;
        let mut scene = Scene::new();
        let running = scene.forward("one", Order::InOrder, transport(protocol, address(&receiver, protocol)));
        scene.polls(10);
        running.accounted(scene.measured.len()).await;
        let figures = running.figures();
        assert_eq!((figures.samples[ACKED], figures.samples[PARTIAL]), (39, 1), "{protocol:?}");
        assert!(figures.last_error.contains("not that value"), "{figures:?}");
        let points = receiver.points().await;
        assert_eq!((points.len(), &points[0]["request"]), (39, &json!(1)), "{protocol:?}");
        assert_eq!(scene.pole.waiting(), 0);
        running.end().await;
    }
}
