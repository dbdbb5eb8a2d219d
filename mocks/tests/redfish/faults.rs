//! Each fault, seen from outside.

use super::{SESSIONS, client, get, get_json, header, login, open, start};
use mocks::redfish::{Fault, Kind, Server};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

const CHASSIS: &str = "/redfish/v1/Chassis";
const ONE: &str = "/redfish/v1/Chassis/1";

/// An open server with one fault.
fn with(kind: Kind) -> Server {
    let server = open();
    server.set_faults(vec![Fault::new(kind)]);
    server
}

/// What a fault makes of `Chassis/1`, as text.
async fn text(kind: Kind) -> String {
    get(&with(kind), ONE).await.text().await.unwrap()
}

/// What a fault makes of a document, as JSON.
async fn document(kind: Kind, path: &str) -> Value {
    get_json(&with(kind), path).await
}

/// What a fault makes of the answer, and the server that still sends it.
async fn answer(kind: Kind) -> (Server, Response) {
    let server = with(kind);
    let response = get(&server, ONE).await;
    (server, response)
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_late_and_right() {
    let before = Instant::now();
    assert_eq!(document(Kind::Latency { ms: 5_000 }, ONE).await["Name"], "One");
    assert!(before.elapsed() >= Duration::from_millis(5_000));
}

#[tokio::test]
async fn nothing_ever_comes_of_a_hang() {
    let server = with(Kind::Hang);
    let request = tokio::spawn(client().get(server.url() + ONE).send());
    while server.stats().count("GET", ONE) == 0 {
        tokio::task::yield_now().await;
    }
    server.shutdown().await.unwrap();
    assert!(request.await.unwrap().is_err(), "the connection ends without an answer");
}

#[tokio::test]
async fn a_status_comes_with_an_error_and_when_to_try_again() {
    let (_server, refused) = answer(Kind::Status { code: 429, retry_after: Some(7) }).await;
    assert_eq!((refused.status().as_u16(), header(&refused, "retry-after")), (429, "7"));
    assert!(refused.json::<Value>().await.unwrap()["error"]["message"].is_string());
    let (_server, booting) = answer(Kind::Booting { retry_after: 30 }).await;
    assert_eq!((booting.status().as_u16(), header(&booting, "retry-after")), (503, "30"));
}

#[tokio::test]
async fn nobody_is_let_in_until_a_reset() {
    let server = start(|_| {});
    server.set_faults(vec![Fault::new(Kind::UnauthorizedUntilReset)]);
    assert_eq!(get(&server, "/redfish/v1").await.status(), StatusCode::OK);
    assert_eq!(get(&server, CHASSIS).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(login(&server, SESSIONS, "right").await.status(), StatusCode::UNAUTHORIZED);
    server.reset();
    assert_eq!(get(&server, CHASSIS).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_full_table_stops_logins_only() {
    let server = start(|_| {});
    server.set_faults(vec![Fault::new(Kind::SessionTableFull)]);
    assert_eq!(login(&server, SESSIONS, "right").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(get(&server, CHASSIS).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_redirect_leads_to_another_origin() {
    let (_server, sent) = answer(Kind::Redirect { origin: "https://192.0.2.1".into() }).await;
    assert_eq!(
        (sent.status().as_u16(), header(&sent, "location")),
        (307, "https://192.0.2.1/redfish/v1/Chassis/1")
    );
}

#[tokio::test]
async fn another_body_stands_in_the_right_ones_place() {
    let (_server, html) = answer(Kind::Html).await;
    assert_eq!((html.status(), header(&html, "content-type")), (StatusCode::OK, "text/html"));
    assert!(html.text().await.unwrap().starts_with("<!DOCTYPE html>"));
    assert_eq!(text(Kind::EmptyBody).await, "");
    assert_eq!(text(Kind::EmptyObject).await, "{}");
    let bogus = start(|_| {});
    bogus.set_faults(vec![Fault::new(Kind::EmptyObject)]);
    let session = client().get(bogus.url() + CHASSIS).header("X-Auth-Token", "bogus").send().await.unwrap();
    assert_eq!((session.status(), session.text().await.unwrap().as_str()), (StatusCode::OK, "{}"));
}

#[tokio::test]
async fn a_huge_body_is_as_large_as_told() {
    let (_server, mut response) = answer(Kind::HugeBody { bytes: 100_000_000 }).await;
    let (mut size, mut first, mut last) = (0, None, None);
    while let Some(chunk) = response.chunk().await.unwrap() {
        size += chunk.len();
        first = first.or(chunk.first().copied());
        last = chunk.last().copied();
    }
    assert_eq!((size, first, last), (100_000_000, Some(b'{'), Some(b'}')));
    let small = text(Kind::HugeBody { bytes: 200_000 }).await;
    assert_eq!(serde_json::from_str::<Value>(&small).unwrap()["Name"].as_str().unwrap().len(), 200_000 - 11);
}

#[tokio::test]
async fn a_bomb_is_small_on_the_wire_and_large_behind_it() {
    let bomb = Kind::GzipBomb { bytes: 10_000_000 };
    let (server, raw) = answer(bomb).await;
    assert_eq!(header(&raw, "content-encoding"), "gzip");
    let packed = raw.bytes().await.unwrap().len();
    assert!(packed < 50_000, "{packed}");
    let decoding = reqwest::Client::builder().no_proxy().gzip(true).build().unwrap();
    let plain: Value = decoding.get(server.url() + ONE).send().await.unwrap().json().await.unwrap();
    assert_eq!(plain["Name"].as_str().unwrap().len(), 10_000_000 - 11);
}

#[tokio::test]
async fn an_endless_body_goes_on() {
    let (_server, mut response) = answer(Kind::Endless { every_ms: 1 }).await;
    for _ in 0..20 {
        assert!(response.chunk().await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_dripping_body_comes_in_pieces() {
    let (_server, mut response) = answer(Kind::Drip { chunk_bytes: 10, every_ms: 5 }).await;
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    while let Some(chunk) = response.chunk().await.unwrap() {
        pieces.push(chunk.to_vec());
    }
    assert!(pieces.len() > 1, "{pieces:?}");
    let whole: Value = serde_json::from_slice(&pieces.concat()).unwrap();
    assert_eq!(whole["Name"], "One");
}

#[tokio::test]
async fn a_connection_that_closes_midway_is_an_error() {
    let (_server, response) = answer(Kind::CloseMidBody).await;
    assert!(response.content_length().unwrap() > 10);
    assert!(response.bytes().await.is_err());
}

#[tokio::test]
async fn the_bytes_are_wrong_as_told() {
    let right: Vec<u8> = get(&open(), ONE).await.bytes().await.unwrap().to_vec();
    let half = text(Kind::BrokenJson).await;
    assert!(right.starts_with(half.as_bytes()) && half.len() == right.len() / 2);

    let with_cr = text(Kind::RawCr).await;
    assert!(serde_json::from_str::<Value>(&with_cr).is_err());
    assert_eq!(with_cr.replacen('\r', "", 1).as_bytes(), right);

    let (_server, response) = answer(Kind::InvalidUtf8).await;
    let bytes = response.bytes().await.unwrap();
    assert!(std::str::from_utf8(&bytes).is_err());
    assert_eq!(String::from_utf8_lossy(&bytes).replace('\u{fffd}', "").as_bytes(), right);

    let (_server, wrong) = answer(Kind::WrongContentType { content_type: "text/plain".into() }).await;
    assert_eq!(header(&wrong, "content-type"), "text/plain");
    assert_eq!(wrong.bytes().await.unwrap(), right);
}

#[tokio::test]
async fn gzip_garbage_cannot_be_decoded() {
    let server = with(Kind::GzipGarbage);
    let raw = get(&server, ONE).await;
    assert_eq!(header(&raw, "content-encoding"), "gzip");
    let decoding = reqwest::Client::builder().no_proxy().gzip(true).build().unwrap();
    assert!(decoding.get(server.url() + ONE).send().await.unwrap().bytes().await.is_err());
}

#[tokio::test]
async fn an_unsafe_expand_has_an_error_before_the_document() {
    let server = with(Kind::ExpandUnsafe);
    assert_eq!(get_json(&server, CHASSIS).await["Name"], "Chassis");
    let body = get(&server, &format!("{CHASSIS}?$expand=.")).await.text().await.unwrap();
    let values: Vec<Value> =
        serde_json::Deserializer::from_str(&body).into_iter().collect::<Result<_, _>>().unwrap();
    assert!(values[0]["error"].is_object());
    assert_eq!((values.len(), &values[1]["Name"]), (2, &json!("Chassis")));
}

#[tokio::test]
async fn the_content_is_wrong_as_told() {
    let dropped = document(Kind::DropProperty { name: "Name".into() }, ONE).await;
    assert_eq!(dropped, json!({"Reading": 23.5, "Empty": null, "Deep": {}}));
    let strings = document(Kind::StringsForNumbers, ONE).await;
    assert_eq!(strings["Reading"], "23.5");
    let arrays = document(Kind::EmptyArrayForNull, ONE).await;
    assert_eq!(arrays["Empty"], json!([]));
    let null = document(Kind::NullMembers, CHASSIS).await;
    assert_eq!(null, json!({"Name": "Chassis", "Members": null}));
    let circle = document(Kind::SelfNextLink, CHASSIS).await;
    assert_eq!(circle["Members@odata.nextLink"], CHASSIS);
    let set = Kind::Set { pointer: "/Reading".into(), value: json!("N/A") };
    assert_eq!(document(set, ONE).await["Reading"], "N/A");
}

#[tokio::test]
async fn faults_add_up_and_end() {
    let server = open();
    server.set_faults(vec![
        Fault::new(Kind::DropProperty { name: "Deep".into() }).at(ONE).times(1),
        Fault::new(Kind::StringsForNumbers),
    ]);
    assert_eq!(get_json(&server, ONE).await, json!({"Name": "One", "Reading": "23.5", "Empty": null}));
    assert_eq!(get_json(&server, ONE).await["Deep"], json!({"Name": "Two"}));
    server.set_faults(Vec::new());
    assert_eq!(get_json(&server, ONE).await["Reading"], 23.5);
}
