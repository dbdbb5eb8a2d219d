//! What DSP0266 promises a client, and the habits that options switch on.

use super::{SESSIONS, client, get, get_json, header, login, open, start};
use mocks::redfish::{QuerySupport, SessionPlace};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn an_unchanged_document_is_not_sent_again() {
    let server = open();
    let url = server.url() + "/redfish/v1/Chassis/1";
    let first = client().get(&url).send().await.unwrap();
    assert_eq!(first.headers()["odata-version"], "4.0");
    let tag = first.headers()["etag"].clone();
    let second = client().get(&url).header("If-None-Match", &tag).send().await.unwrap();
    assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(second.text().await.unwrap(), "");
    let other = client().get(&url).header("If-None-Match", "\"other\"").send().await.unwrap();
    assert_eq!(other.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_not_there_or_not_allowed_has_a_redfish_error() {
    let server = open();
    let missing = get(&server, "/redfish/v1/Nothing").await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    let error: Value = missing.json().await.unwrap();
    let id = error["error"]["@Message.ExtendedInfo"][0]["MessageId"].as_str().unwrap();
    assert!(id.ends_with(".ResourceMissingAtURI"), "{id}");

    let url = server.url() + "/redfish/v1/Chassis/1";
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let refused = client().request(method, &url).json(&json!({})).send().await.unwrap();
        assert_eq!(
            (refused.status(), header(&refused, "allow")),
            (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD")
        );
    }
    let head = client().head(&url).send().await.unwrap();
    assert_eq!((head.status(), head.text().await.unwrap().len()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn only_the_roots_are_open_to_strangers() {
    let server = start(|_| {});
    for path in ["/redfish", "/redfish/v1", "/redfish/v1/", "/redfish/v1/odata"] {
        let status = client().get(server.url() + path).send().await.unwrap().status();
        assert_eq!(status, StatusCode::OK, "{path}");
    }
    for path in ["/redfish/v1/Chassis", SESSIONS, "/redfish/v1/Nothing"] {
        let refused = client().get(server.url() + path).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert!(header(&refused, "www-authenticate").starts_with("Basic "));
    }
    let silent = start(|options| options.challenge = false);
    let refused = client().get(silent.url() + "/redfish/v1/Chassis").send().await.unwrap();
    assert_eq!((refused.status(), header(&refused, "www-authenticate")), (StatusCode::UNAUTHORIZED, ""));
}

#[tokio::test]
async fn a_session_lives_from_login_to_logout() {
    let server = start(|options| options.basic = false);
    assert_eq!(get(&server, "/redfish/v1/Chassis").await.status(), StatusCode::UNAUTHORIZED);
    let created = login(&server, SESSIONS, "right").await;
    assert_eq!(created.status(), StatusCode::CREATED);
    let (token, place) =
        (header(&created, "x-auth-token").to_owned(), header(&created, "location").to_owned());
    assert_eq!(created.json::<Value>().await.unwrap()["@odata.id"], place);
    let with_token = |method, path: &str| {
        client().request(method, server.url() + path).header("X-Auth-Token", &token).send()
    };
    let list: Value = with_token(Method::GET, SESSIONS).await.unwrap().json().await.unwrap();
    assert_eq!(list["Members"], json!([{"@odata.id": place}]));
    assert_eq!(server.stats().sessions_open, 1);
    assert_eq!(with_token(Method::DELETE, &place).await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(with_token(Method::GET, SESSIONS).await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_login_that_is_no_login_is_refused_and_not_counted() {
    let server = start(|_| {});
    for body in ["", "not json", "[]", r#"{"UserName": "admin"}"#, r#"{"UserName": 1, "Password": 2}"#] {
        let refused = client().post(server.url() + SESSIONS).body(body).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{body}");
    }
    let huge = client().post(server.url() + SESSIONS).body("x".repeat(1 << 20)).send().await;
    assert!(huge.is_err() || huge.unwrap().status() == StatusCode::BAD_REQUEST);
    assert_eq!(server.stats().logins_failed, 0);
}

#[tokio::test]
async fn wrong_passwords_lock_the_account_until_a_reset() {
    let server = start(|options| options.lockout = Some(3));
    for _ in 0..3 {
        assert_eq!(login(&server, SESSIONS, "wrong").await.status(), StatusCode::UNAUTHORIZED);
    }
    assert!(server.stats().locked);
    assert_eq!(login(&server, SESSIONS, "right").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(get(&server, "/redfish/v1/Chassis").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!((server.stats().logins_ok, server.stats().logins_failed), (0, 5));
    server.reset();
    assert_eq!(login(&server, SESSIONS, "right").await.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn a_full_session_table_answers_as_told() {
    for status in [503, 400] {
        let server = start(|options| {
            options.session_limit = 1;
            options.session_full_status = status;
        });
        assert_eq!(login(&server, SESSIONS, "right").await.status(), StatusCode::CREATED);
        assert_eq!(login(&server, SESSIONS, "right").await.status().as_u16(), status);
    }
}

#[tokio::test]
async fn sessions_live_where_the_device_has_them() {
    let idrac8 = start(|options| options.session_place = SessionPlace::Alternative);
    assert_eq!(login(&idrac8, SESSIONS, "right").await.status(), StatusCode::METHOD_NOT_ALLOWED);
    let created = login(&idrac8, "/redfish/v1/Sessions", "right").await;
    assert_eq!(
        (created.status(), header(&created, "location")),
        (StatusCode::CREATED, "/redfish/v1/Sessions/1")
    );
    let root = get_json(&idrac8, "/redfish/v1").await;
    assert_eq!(root["Links"]["Sessions"]["@odata.id"], "/redfish/v1/Sessions");

    let none = start(|options| options.session_place = SessionPlace::None);
    assert_eq!(login(&none, SESSIONS, "right").await.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(get(&none, "/redfish/v1/Chassis").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn queries_work_are_ignored_or_refused() {
    let path = "/redfish/v1/Chassis/1/Sensors?$expand=.($levels=1)";
    let full = get_json(&start(|_| {}), path).await;
    assert!(full["Members"].as_array().unwrap().iter().all(|sensor| sensor["Reading"].is_number()));
    let ignored = get_json(&start(|options| options.query = QuerySupport::Ignored), path).await;
    assert_eq!(ignored["Members"][0].as_object().unwrap().len(), 1);
    let refused = get(&start(|options| options.query = QuerySupport::Rejected), path).await;
    assert_eq!(refused.status(), StatusCode::NOT_IMPLEMENTED);
    let malformed = get(&start(|_| {}), "/redfish/v1/Chassis?$expand=everything").await;
    assert_eq!(malformed.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn pages_lead_to_every_member_once() {
    let server = start(|options| options.page_size = Some(4));
    let (mut members, mut next) = (Vec::new(), Some("/redfish/v1/Chassis/1/Sensors".to_owned()));
    while let Some(path) = next {
        let page = get_json(&server, &path).await;
        let on_page = page["Members"].as_array().unwrap();
        assert!((1..=4).contains(&on_page.len()));
        members.extend(on_page.iter().map(|member| member["@odata.id"].as_str().unwrap().to_owned()));
        next = page.get("Members@odata.nextLink").map(|link| link.as_str().unwrap().to_owned());
    }
    assert_eq!(members.len(), 19);
    members.dedup();
    assert_eq!(members.len(), 19);
}

#[tokio::test]
async fn it_counts_what_it_was_asked() {
    let server = open();
    for path in ["/redfish/v1/Chassis", "/redfish/v1/Chassis/", "/redfish/v1"] {
        get(&server, path).await;
    }
    let stats = server.stats();
    assert_eq!((stats.count("GET", "/redfish/v1/Chassis"), stats.total(), stats.most_in_flight), (2, 3, 1));
    server.shutdown().await.unwrap();
}
