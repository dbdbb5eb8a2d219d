//! Bounds: bytes, time, patience; and bodies that are not what they should be.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// A server that writes its own bytes to whoever asks, and then does what `after` says.
async fn raw(head: Vec<u8>, filler: Vec<u8>, times: usize) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (head, filler) = (head.clone(), filler.clone());
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(&head).await;
                for _ in 0..times {
                    if stream.write_all(&filler).await.is_err() {
                        return;
                    }
                }
                if times == 0 {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    address
}

fn open_target(address: SocketAddr) -> Target {
    Target { credentials: None, ..target(address) }
}

async fn root_of(address: SocketAddr) -> Result<Arc<Value>, SourceError> {
    client(&open_target(address)).await.get(ROOT).await
}

#[tokio::test]
async fn a_body_of_100_megabytes_is_cut_off() {
    let filler = vec![b' '; 1 << 20];
    let announced =
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n".to_vec(), filler.clone(), 100).await;
    assert_eq!(reason(root_of(announced).await), (Reason::Limit, None));
    let endless = raw(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), filler, 100).await;
    assert_eq!(reason(root_of(endless).await), (Reason::Limit, None));
}

/// 100 MB of blanks in 100 KB, written by Python's gzip.
#[tokio::test]
async fn a_compressed_body_is_bounded_by_what_comes_out() {
    let zeros = gzip_of_blanks(100 << 20);
    assert!(zeros.len() < 1 << 20);
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", zeros.len());
    let bomb = raw(head.into_bytes(), zeros, 1).await;
    assert_eq!(reason(root_of(bomb).await), (Reason::Limit, None));
}

fn gzip_of_blanks(bytes: usize) -> Vec<u8> {
    let script = format!("import gzip,sys; sys.stdout.buffer.write(gzip.compress(b' ' * {bytes}))");
    let run = std::process::Command::new("python3").args(["-c", &script]).output();
    run.expect("python3 makes the compressed body of this test: install it").stdout
}

#[tokio::test]
async fn a_device_that_hangs_costs_three_timeouts_and_no_more() {
    let server = Server::start(|seen| open(&tree(), seen)).await;
    let hang = raw(Vec::new(), Vec::new(), 0).await;
    let half = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\":".to_vec(), Vec::new(), 0).await;
    for address in [hang, half] {
        let target = Target { timeout: Duration::from_millis(100), ..open_target(address) };
        assert_eq!(reason(client(&target).await.get(ROOT).await), (Reason::Timeout, None));
    }
    let timeout = Duration::from_millis(300);
    let mut client = client(&Target { timeout, credentials: None, ..server.target() }).await;
    client.get(ROOT).await.unwrap();
    for _ in 0..3 {
        client.documents.silence();
    }
    server.taken();
    let error = client.get("/redfish/v1/Chassis").await.unwrap_err();
    assert!(error.reason == Reason::Timeout && error.detail.starts_with("not asked"), "{error}");
    assert!(server.taken().is_empty());
    begin(&mut client, 0).await;
    client.get("/redfish/v1/Chassis").await.unwrap();
}

#[tokio::test]
async fn after_the_deadline_nothing_is_asked() {
    let server = Server::start(|seen| open(&tree(), seen)).await;
    let mut client = client(&server.target()).await;
    client.begin(0, Instant::now()).await;
    assert_eq!(reason(client.get(ROOT).await), (Reason::Timeout, None));
    assert!(server.taken().is_empty());
}

#[tokio::test]
async fn what_listens_to_nothing_and_names_that_do_not_resolve_are_told_apart() {
    let closed = mocks::ports::reserve().unwrap();
    let error = root_of(closed).await.unwrap_err();
    let parts = ["refused", &closed.to_string()];
    assert!(
        error.reason == Reason::Unreachable && parts.iter().all(|part| error.detail.contains(part)),
        "{error}"
    );
    let mut target = open_target(closed);
    target.address.host = "nowhere.invalid".into();
    let error = client(&target).await.get(ROOT).await.unwrap_err();
    assert!(error.reason == Reason::Dns && error.detail.contains("nowhere.invalid"), "{error}");
    let garbage = raw(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), vec![b'x'], 1).await;
    assert_eq!(reason(root_of(garbage).await), (Reason::Protocol, None));
}

#[tokio::test]
async fn a_busy_device_is_waited_for_once_if_it_says_how_long() {
    for (retry_after, expected) in [("0", 2), ("3600", 1), ("soon", 1)] {
        let server = Server::start(move |seen| match seen.path.as_str() {
            ROOT => open(&tree(), seen),
            _ => (StatusCode::SERVICE_UNAVAILABLE, [("Retry-After", retry_after)], "").into_response(),
        })
        .await;
        let mut client = client(&open_target(server.address)).await;
        for path in ["/redfish/v1/Chassis", "/redfish/v1/Systems"] {
            assert_eq!(reason(client.get(path).await), (Reason::Busy, Some(503)));
        }
        assert_eq!(server.count("GET /redfish/v1/Chassis"), expected, "Retry-After: {retry_after}");
        assert_eq!(server.count("GET /redfish/v1/Systems"), 1);
    }
}

#[tokio::test]
async fn bodies_that_are_not_what_they_should_be_cost_themselves() {
    let server = Server::start(|seen| match seen.path.as_str() {
        "/redfish/v1/html" => (StatusCode::OK, "<html><body>Login</body></html>").into_response(),
        "/redfish/v1/empty" => (StatusCode::OK, "").into_response(),
        "/redfish/v1/half" => (StatusCode::OK, "{\"Id\": \"1\", \"Na").into_response(),
        "/redfish/v1/list" => (StatusCode::OK, "[1]").into_response(),
        "/redfish/v1/deep" => (StatusCode::OK, "[".repeat(1 << 20)).into_response(),
        "/redfish/v1/licence" => answer(403, &json!({})),
        "/redfish/v1/text" => {
            (StatusCode::OK, [("Content-Type", "text/plain")], "{\"Id\":\"1\r\"}").into_response()
        }
        "/redfish/v1/latin" => (StatusCode::OK, b"{\"Units\":\"\xb0C\"}".to_vec()).into_response(),
        _ => open(&tree(), seen),
    })
    .await;
    let mut client = client(&open_target(server.address)).await;
    for (path, expected) in [
        ("html", (Reason::Protocol, Some(200))),
        ("empty", (Reason::Parse, Some(200))),
        ("half", (Reason::Parse, Some(200))),
        ("list", (Reason::Parse, Some(200))),
        ("deep", (Reason::Limit, Some(200))),
        ("licence", (Reason::Refused, Some(403))),
        ("nothing", (Reason::Missing, Some(404))),
    ] {
        assert_eq!(reason(client.get(&format!("/redfish/v1/{path}")).await), expected, "{path}");
    }
    assert_eq!(client.get("/redfish/v1/text").await.unwrap()["Id"], "1\r");
    assert_eq!(client.get("/redfish/v1/latin").await.unwrap()["Units"], "\u{fffd}C");
}

#[tokio::test]
async fn an_unchanged_document_is_not_sent_again() {
    let drive = json!({"@odata.type": "#Drive.v1_15_0.Drive", "Id": "0"});
    let server = Server::start(move |seen| match seen.header("if-none-match") {
        _ if seen.path == ROOT => open(&tree(), seen),
        Some("\"7\"") => StatusCode::NOT_MODIFIED.into_response(),
        _ => (StatusCode::OK, [("ETag", "\"7\"")], drive.to_string()).into_response(),
    })
    .await;
    let mut client = client(&open_target(server.address)).await;
    let first = client.get("/redfish/v1/Drives/0").await.unwrap();
    for _ in 0..4 {
        assert_eq!(client.get("/redfish/v1/Drives/0").await.unwrap(), first);
    }
    let asked =
        server.log.lock().unwrap().iter().filter(|seen| seen.header("if-none-match").is_some()).count();
    assert_eq!(asked, 2);
}
