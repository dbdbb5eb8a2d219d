//! Sessions, Basic authentication, the breaker, and where credentials never go.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::*;

const SESSIONS: &str = "/redfish/v1/SessionService/Sessions";

/// How a device lets people in.
#[derive(Default)]
struct Door {
    /// Where it has its sessions; empty: nowhere.
    sessions: &'static str,
    tokens: Mutex<Vec<String>>,
    made: AtomicU32,
    wrong: AtomicU32,
    refuses_basic: bool,
}

impl Door {
    fn at(sessions: &'static str) -> Arc<Self> {
        Arc::new(Self { sessions, ..Self::default() })
    }

    /// Answers what concerns the login; `None`: let in.
    fn check(&self, seen: &Seen) -> Option<Response> {
        let mut tokens = self.tokens.lock().unwrap();
        if seen.method == "POST" && seen.path == self.sessions {
            if seen.body["Password"] != PASSWORD {
                self.wrong.fetch_add(1, Ordering::Relaxed);
                return Some(answer(401, &json!({})));
            }
            let number = self.made.fetch_add(1, Ordering::Relaxed);
            tokens.push(format!("token-{number}"));
            let location = format!("https://bmc.example{}/{number}", self.sessions);
            let headers = [("X-Auth-Token", format!("token-{number}")), ("Location", location)];
            return Some((StatusCode::CREATED, headers, "{}").into_response());
        }
        if seen.method == "POST" {
            return Some(answer(405, &json!({})));
        }
        if seen.path == ROOT {
            return None;
        }
        if let Some(token) = seen.header("x-auth-token") {
            return (!tokens.iter().any(|known| known == token)).then(|| answer(401, &json!({})));
        }
        match seen.header("authorization") {
            Some("Basic bW9uaXRvcjpjb3JyZWN0IGhvcnNl") if !self.refuses_basic => None,
            Some(_) => {
                self.wrong.fetch_add(1, Ordering::Relaxed);
                Some(answer(401, &json!({})))
            }
            None => Some(answer(401, &json!({}))),
        }
    }
}

async fn guarded(door: &Arc<Door>) -> Server {
    let door = Arc::clone(door);
    Server::start(move |seen| door.check(seen).unwrap_or_else(|| open(&tree(), seen))).await
}

#[tokio::test]
async fn a_session_is_made_once_reused_and_deleted_at_the_end() {
    let door = Door::at(SESSIONS);
    let server = guarded(&door).await;
    let mut client = client(&server.target()).await;
    for poll in 0..3 {
        begin(&mut client, poll).await;
        assert_eq!(client.get("/redfish/v1/Chassis/1").await.unwrap()["Id"], "1");
        assert_eq!(client.members("/redfish/v1/Chassis").await.unwrap().len(), 2);
    }
    assert_eq!(server.count(&format!("POST {SESSIONS}")), 1);
    client.close().await;
    assert_eq!(server.count(&format!("DELETE {SESSIONS}/0")), 1);
    client.close().await;
    assert_eq!(server.count(&format!("DELETE {SESSIONS}/0")), 1);
    let seen = server.log.lock().unwrap();
    assert!(seen.iter().filter(|seen| seen.path == ROOT).all(|seen| seen.header("x-auth-token").is_none()));
    assert!(seen.iter().all(|seen| seen.header("odata-version") == Some("4.0")));
}

#[tokio::test]
async fn a_session_that_ran_out_is_renewed_once_in_a_poll() {
    let door = Door::at(SESSIONS);
    let server = guarded(&door).await;
    let mut client = client(&server.target()).await;
    client.get("/redfish/v1/Chassis/1").await.unwrap();
    door.tokens.lock().unwrap().clear();
    assert!(client.members("/redfish/v1/Chassis").await.unwrap().iter().all(Result::is_ok));
    assert_eq!(server.count(&format!("POST {SESSIONS}")), 2);
    door.tokens.lock().unwrap().clear();
    assert_eq!(reason(client.get("/redfish/v1/Chassis/1").await), (Reason::Auth, Some(401)));
    assert_eq!(server.count(&format!("POST {SESSIONS}")), 2);
}

#[tokio::test]
async fn an_empty_object_for_a_dead_session_is_taken_as_one() {
    let dead = Arc::new(AtomicBool::new(false));
    let (door, is_dead) = (Door::at(SESSIONS), Arc::clone(&dead));
    let server = Server::start(move |seen| match door.check(seen) {
        Some(refusal) => refusal,
        None if seen.header("x-auth-token") == Some("token-0") && is_dead.load(Ordering::Relaxed) => {
            answer(200, &json!({}))
        }
        None => open(&tree(), seen),
    })
    .await;
    let mut client = client(&server.target()).await;
    client.get("/redfish/v1/Chassis").await.unwrap();
    dead.store(true, Ordering::Relaxed);
    assert_eq!(client.get("/redfish/v1/Chassis/1").await.unwrap()["Id"], "1");
}

#[tokio::test]
async fn a_path_that_is_always_forbidden_does_not_wear_out_sessions() {
    let door = Door::at(SESSIONS);
    let server = Server::start(move |seen| match door.check(seen) {
        None if seen.path == "/redfish/v1/Chassis/2" => answer(401, &json!({})),
        refusal => refusal.unwrap_or_else(|| open(&tree(), seen)),
    })
    .await;
    let mut client = client(&server.target()).await;
    for poll in 0..5 {
        begin(&mut client, poll).await;
        assert_eq!(reason(client.get("/redfish/v1/Chassis/2").await), (Reason::Auth, Some(401)));
        client.get("/redfish/v1/Chassis/1").await.unwrap();
    }
    assert_eq!(server.count(&format!("POST {SESSIONS}")), 2);
    assert_eq!(server.count(&format!("DELETE {SESSIONS}/0")), 1);
}

#[tokio::test]
async fn sessions_at_the_early_place_are_found() {
    let server = guarded(&Door::at("/redfish/v1/Sessions")).await;
    let mut client = client(&server.target()).await;
    client.get("/redfish/v1/Chassis/1").await.unwrap();
    assert_eq!(server.count("POST /redfish/v1/Sessions"), 1);
    client.close().await;
    assert_eq!(server.count("DELETE /redfish/v1/Sessions/0"), 1);
}

#[tokio::test]
async fn basic_is_used_where_there_are_no_sessions() {
    let server = guarded(&Door::at("")).await;
    let mut client = client(&server.target()).await;
    for poll in 0..2 {
        begin(&mut client, poll).await;
        assert!(client.members("/redfish/v1/Chassis").await.unwrap().iter().all(Result::is_ok));
    }
    let posts = server.taken().iter().filter(|line| line.starts_with("POST")).count();
    assert_eq!(posts, 2, "each place is tried once");
}

#[tokio::test]
async fn a_login_without_a_token_is_no_session() {
    let server = Server::start(|seen| match (seen.method.as_str(), seen.header("authorization")) {
        ("POST", _) => answer(200, &json!({})),
        (_, Some(_)) => open(&tree(), seen),
        _ if seen.path == ROOT => open(&tree(), seen),
        _ => answer(401, &json!({})),
    })
    .await;
    let mut client = client(&server.target()).await;
    assert_eq!(client.get("/redfish/v1/Chassis/1").await.unwrap()["Id"], "1");
}

#[tokio::test]
async fn a_full_session_table_is_waited_out() {
    let full = json!({"error": {"@Message.ExtendedInfo": [{"MessageId": "Base.1.8.SessionLimitExceeded"}]}});
    for status in [503, 400] {
        let body = full.clone();
        let server = Server::start(move |seen| match seen.method.as_str() {
            "POST" => answer(status, &body),
            _ => open(&tree(), seen),
        })
        .await;
        let mut client = client(&server.target()).await;
        for _ in 0..3 {
            assert_eq!(reason(client.get("/redfish/v1/Chassis").await), (Reason::Busy, Some(status)));
        }
        assert_eq!(server.taken(), ["GET /redfish/v1/", &format!("POST {SESSIONS}")]);
    }
}

/// Whatever the way in: three attempts, then one an hour, over restarts too.
#[tokio::test]
async fn a_device_that_locks_after_five_wrong_passwords_never_does() {
    const MINUTE: i64 = 60_000;
    for door in [Door::at(SESSIONS), Door::at("")] {
        let server = guarded(&door).await;
        let mut target = server.target();
        target.credentials =
            Some(Credentials::Password { user: "monitor".into(), password: SecretString::from("hunter2") });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("breakers.json");
        for restart in 0..6 {
            let (breakers, error) = Breakers::open(&path, [restart; 16]);
            assert!(error.is_none(), "{error:?}");
            let mut client = client_with(&target, &breakers).await;
            for minute in 0..60 {
                begin(&mut client, (i64::from(restart) * 60 + minute) * MINUTE).await;
                let error = client.members("/redfish/v1/Chassis").await.unwrap_err();
                assert_eq!(error.reason, Reason::Auth);
                assert!(!error.detail.contains("hunter2") && !error.detail.contains("aHVudGVyM"), "{error}");
            }
            let wrong = door.wrong.swap(0, Ordering::Relaxed);
            assert!(wrong <= if restart == 0 { 3 } else { 1 }, "{wrong} attempts in hour {restart}");
        }
    }
}

#[tokio::test]
async fn the_right_password_is_let_in_after_the_breaker_was_open() {
    let server = guarded(&Door::at(SESSIONS)).await;
    let breakers = Breakers::in_memory([0; 16]);
    let guard = breakers.guard("bmc", PASSWORD.as_bytes());
    for _ in 0..3 {
        guard.failed(1000).await;
    }
    let mut client = client_with(&server.target(), &breakers).await;
    begin(&mut client, 2000).await;
    let error = client.get("/redfish/v1/Chassis").await.unwrap_err();
    assert!(error.detail.contains("the next attempt is in 60 min"), "{error}");
    begin(&mut client, 1000 + 3_600_000).await;
    client.get("/redfish/v1/Chassis").await.unwrap();
    assert_eq!(server.count(&format!("POST {SESSIONS}")), 1);
}

#[tokio::test]
async fn credentials_never_go_to_another_origin() {
    let thief = Server::start(|_| answer(200, &json!({"Id": "stolen"}))).await;
    let away = format!("http://{}/redfish/v1/Chassis/1", thief.address);
    for sessions in [SESSIONS, ""] {
        let (door, away) = (Door::at(sessions), away.clone());
        let server = Server::start(move |seen| match door.check(seen) {
            None if seen.path == "/redfish/v1/Chassis/1" => {
                (StatusCode::TEMPORARY_REDIRECT, [("Location", away.clone())], "").into_response()
            }
            refusal => refusal.unwrap_or_else(|| open(&tree(), seen)),
        })
        .await;
        let mut client = client(&server.target()).await;
        assert_eq!(reason(client.get("/redfish/v1/Chassis/1").await), (Reason::Protocol, Some(307)));
        let host = thief.address;
        for link in [
            format!("http://{host}/redfish/v1/"),
            format!("//{host}/redfish/v1"),
            "ftp://x/".into(),
            "x".into(),
        ] {
            assert!(client.get(&link).await.is_err(), "{link}");
        }
        assert!(thief.taken().is_empty());
    }
}

#[tokio::test]
async fn a_redirect_within_the_device_is_followed_but_not_for_ever() {
    let server = Server::start(|seen| {
        let to =
            |place: &'static str| (StatusCode::PERMANENT_REDIRECT, [("Location", place)], "").into_response();
        match seen.path.as_str() {
            "/redfish/v1/Chassis" => to("/redfish/v1/Chassis/1"),
            "/redfish/v1/Circle" => to("/redfish/v1/Circle"),
            _ => open(&tree(), seen),
        }
    })
    .await;
    let mut target = server.target();
    target.credentials = None;
    let mut client = client(&target).await;
    assert_eq!(client.get("/redfish/v1/Chassis").await.unwrap()["Id"], "1");
    assert_eq!(reason(client.get("/redfish/v1/Circle").await), (Reason::Protocol, Some(308)));
    assert!(server.count("GET /redfish/v1/Circle") <= 5);
}
