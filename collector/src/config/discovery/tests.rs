use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::watch;

use super::*;
use crate::config::{Config, Surroundings};
use crate::target::Protocol;

/// Longest wait for something that happens at once.
const PATIENCE: Duration = Duration::from_secs(20);

fn config(folder: &Path, sources: &str) -> Config {
    let text = format!(
        "site: {{name: dc1}}\ncredentials:\n  pdus: {{type: snmp_v2c, community_env: C}}\n\
         defaults: {{protocol: snmp, credentials: pdus}}\n{sources}"
    );
    let variable = |name: &str| (name == "C").then(|| "public".to_owned());
    let parsed = Config::parse("f.yml", &text, &Surroundings { folder, variable: &variable });
    parsed.unwrap_or_else(|problems| panic!("{problems}"))
}

fn file_source(folder: &Path, more: &str) -> files::Source {
    let mut config = config(folder, &format!("target_files: [{{files: ['*.json', '*.yml'], {more}}}]\n"));
    config.target_files.pop().unwrap()
}

/// What a source makes of one list.
fn discovered(list: &str, more: &str) -> Discovered {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("list.json"), list).unwrap();
    file_source(folder.path(), more).read()
}

fn names(found: &Discovered) -> Vec<&str> {
    found.targets.iter().map(|target| target.device.name.as_str()).collect()
}

#[test]
fn labels_feed_the_fields_of_a_target() {
    let found = discovered(
        r#"[{"targets": ["10.0.0.1:1161"], "labels": {"name": "pdu-a1", "rack": "A1", "device_type": "pdu",
            "__lightsout_interval": "30s", "__lightsout_max_repetitions": "8", "job": "ignored"}},
           {"targets": ["bmc-1", "[2001:db8::7]:8443"], "labels": {"__lightsout_protocol": "redfish",
            "__lightsout_tls": "insecure", "rack": null}}]"#,
        "labels: {site: job}",
    );
    // The second group takes its credentials from the defaults, and those are for SNMP.
    assert_eq!(names(&found), ["pdu-a1"]);
    let target = &found.targets[0];
    assert_eq!(target.address.to_string(), "10.0.0.1:1161");
    assert_eq!((target.protocol, target.interval), (Protocol::Snmp, Duration::from_secs(30)));
    assert_eq!(target.max_repetitions, Some(8));
    let device = &target.device;
    assert_eq!((&*device.site, &*device.rack, &*device.device_type), ("ignored", "A1", "pdu"));
    assert_eq!(found.refused.len(), 2);
    assert!(found.refused[0].reason.contains("snmp_v2c, which is not for redfish"), "{:?}", found.refused);
}

#[test]
fn netbox_names_devices_and_says_their_address_in_a_label() {
    // Form of netbox-plugin-prometheus-sd: the entry is the device's name.
    let found = discovered(
        r#"[{"targets": ["pdu-a1"], "labels": {"__meta_netbox_name": "pdu-a1", "__meta_netbox_rack": "A1",
            "__meta_netbox_primary_ip": "192.0.2.11", "__meta_netbox_site_slug": "fra1"}}]"#,
        "labels: {address: __meta_netbox_primary_ip, rack: __meta_netbox_rack, site: __meta_netbox_site_slug}",
    );
    assert_eq!((names(&found), &found.refused), (vec!["pdu-a1"], &vec![]));
    let target = &found.targets[0];
    assert_eq!(target.address.to_string(), "192.0.2.11:161");
    assert_eq!((&*target.device.rack, &*target.device.site), ("A1", "fra1"));
}

#[test]
fn a_bad_entry_is_refused_and_the_others_stay() {
    let found = discovered(
        r#"[{"targets": ["a", "a", "b:99999", "https://c"]},
           {"targets": "d"},
           {"targets": ["e"], "labels": {"__lightsout_interval": "10x", "__lightsout_credentials": "pdu"}},
           {"targets": ["f"], "labels": {"rack": 7}},
           {"tragets": ["g"]}]"#,
        "",
    );
    assert_eq!(names(&found), ["a", "f"]);
    assert_eq!(found.targets[1].device.rack, "7");
    let reasons: Vec<&str> = found.refused.iter().map(|refused| refused.reason.as_str()).collect();
    let expected = [
        "list.json:2:24: [1].targets: expected a list, found \"d\"",
        "list.json:5:13: [4].tragets: unknown key; did you mean \"targets\"?",
        "the name \"a\" is taken by another entry",
        "address: \"b:99999\" is no address: a port is a number from 1 to 65535",
        "address: \"https://c\" is no address: it has a scheme",
        "interval: expected a duration, found \"10x\" (write for example 30s, 5m or 1h); credentials: there are \
         no credentials named \"pdu\" (did you mean \"pdus\"?)",
    ];
    assert_eq!(reasons.len(), expected.len(), "{reasons:#?}");
    for (reason, expected) in reasons.iter().zip(expected) {
        assert!(reason.contains(expected), "{reason}\nshould say\n{expected}");
    }
}

#[test]
fn lists_of_other_writers_are_read() {
    let tabs =
        "[\n\t{\n\t\t\"targets\": [\"a\"],\n\t\t\"labels\": {\"rack\": \"A\\/1 \\ud83d\\udd0c\"}\n\t}\n]\n";
    let found = discovered(tabs, "");
    assert_eq!((names(&found), &*found.targets[0].device.rack), (vec!["a"], "A/1 🔌"));
    let odd = "[{\"targets\": [\"a\"], \"labels\": {\"rack\": \"A\u{7f}\u{feff}\"}}]";
    assert_eq!(&*discovered(odd, "").targets[0].device.rack, "A\u{7f}\u{feff}");
    let yaml = "- targets: [a, 10.0.0.1]\n  labels:\n    rack: 12\n";
    assert_eq!(names(&discovered(yaml, "")), ["a", "10.0.0.1"]);
    assert_eq!(
        discovered("[]", ""),
        Discovered { source: "target_files[0]".into(), ..Discovered::default() }
    );
    let entries: Vec<String> = (0..3_000).map(|index| format!("\"host-{index}\"")).collect();
    let long = format!("[{{\"targets\":[{}],\"labels\":{{}}}}]", entries.join(","));
    assert_eq!(discovered(&long, "").targets.len(), 3_000);
}

#[test]
fn a_name_is_taken_once() {
    let folder = tempfile::tempdir().unwrap();
    let own = config(folder.path(), "targets: [{name: a, address: a}]\n").targets;
    let first = discovered(r#"[{"targets": ["a", "b"]}]"#, "");
    let second =
        Discovered { source: "target_http[0]".into(), ..discovered(r#"[{"targets": ["b", "c"]}]"#, "") };
    let (all, refused) = combine(&own, [&first, &second]);
    let names: Vec<&str> = all.iter().map(|target| target.device.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    let reasons: Vec<&str> = refused.iter().map(|refused| refused.reason.as_str()).collect();
    let expected = [
        "target_files[0]: the name is taken by a target of the configuration",
        "target_http[0]: the name is taken by a target of target_files[0]",
    ];
    assert_eq!(reasons, expected);
}

/// Waits until what is published fits.
async fn wait(found: &mut watch::Receiver<Discovered>, fits: impl FnMut(&Discovered) -> bool) -> Discovered {
    let seen = tokio::time::timeout(PATIENCE, found.wait_for(fits)).await;
    seen.expect("nothing of the kind was published").expect("the source ended").clone()
}

#[tokio::test]
async fn a_changed_file_is_noticed_and_a_broken_one_keeps_its_targets() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("a.json", r#"[{"targets": ["a"]}]"#);
    // No slow reading within the test: what is seen was noticed.
    let source = file_source(folder.path(), "refresh_interval: 1d");
    let (out, mut found) = watch::channel(Discovered::default());
    let task = tokio::spawn(source.watch(out));
    wait(&mut found, |found| names(found) == ["a"]).await;

    write("b.yml", "- targets: [b]\n");
    wait(&mut found, |found| names(found) == ["a", "b"]).await;
    write("a.json", r#"[{"targets": ["a"#);
    let broken = wait(&mut found, |found| !found.errors.is_empty()).await;
    assert_eq!(names(&broken), ["a", "b"]);
    assert!(broken.errors[0].contains("a.json:1:"), "{:?}", broken.errors);
    std::fs::remove_file(folder.path().join("a.json")).unwrap();
    let gone = wait(&mut found, |found| names(found) == ["b"]).await;
    assert_eq!(gone.errors, Vec::<String>::new());

    drop(found);
    tokio::time::timeout(PATIENCE, task).await.expect("the watch goes on without a listener").unwrap();
}

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

fn http_source(url: &str) -> http::Source {
    let sources = format!("target_http: [{{url: '{url}', token_type: Token, token_env: C}}]\n");
    config(Path::new(""), &sources).target_http.pop().unwrap()
}

fn client() -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    http::client(tls).unwrap()
}

/// A list for those who say the right token and how often they ask.
async fn list(headers: HeaderMap) -> Response {
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|found| found == value);
    if !is("authorization", "Token public") {
        return StatusCode::FORBIDDEN.into_response();
    }
    if !is("x-prometheus-refresh-interval-seconds", "60") || !is("accept", "application/json") {
        return StatusCode::BAD_REQUEST.into_response();
    }
    r#"[{"targets": ["a:1161"]}, {"targets": ["b"], "labels": {"__lightsout_protocol": "x"}}]"#
        .into_response()
}

#[tokio::test]
async fn a_list_is_fetched_with_its_token() {
    let url = serve(Router::new().route("/sd", get(list))).await;
    let found = http_source(&format!("{url}/sd")).read(&client()).await.unwrap();
    assert_eq!((names(&found), found.refused.len()), (vec!["a"], 1));
    assert_eq!(found.source, "target_http[0]");
}

#[tokio::test]
async fn an_answer_that_is_no_list_is_named() {
    let router = Router::new()
        .route("/html", get(|| async { "<html>log in</html>" }))
        .route("/forbidden", get(|| async { StatusCode::FORBIDDEN }))
        .route("/moved", get(|| async { (StatusCode::FOUND, [(header::LOCATION, "/html")]) }))
        .route("/binary", get(|| async { vec![0xff_u8, 0xfe] }))
        .route("/endless", get(|| async { vec![b' '; crate::yaml::MAX_BYTES + 1] }));
    let url = serve(router).await;
    for (path, expected) in [
        ("html", "expected a list, found \"<html>log in</html>\""),
        ("forbidden", "403 Forbidden; check token_file or token_env, and token_type"),
        ("moved", "302 Found; write the URL that it redirects to"),
        ("binary", "the answer is no UTF-8 text"),
        ("endless", "the answer is longer than 16777216 bytes"),
        ("missing", "404 Not Found; check the path of the URL"),
    ] {
        let error = http_source(&format!("{url}/{path}")).read(&client()).await.unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains(path), "{error}");
    }
    let unused = "http://127.0.0.1:1/sd";
    let error = http_source(unused).read(&client()).await.unwrap_err().to_string();
    assert!(error.starts_with("http://127.0.0.1:1/sd: ") && error.contains("refused"), "{error}");
}

#[tokio::test]
async fn a_failing_server_keeps_the_last_good_targets() {
    let asked = Arc::new(AtomicUsize::new(0));
    let answer = move || {
        let turn = asked.fetch_add(1, Ordering::Relaxed);
        async move {
            match turn {
                0 => r#"[{"targets": ["a"]}]"#.into_response(),
                1 => StatusCode::BAD_GATEWAY.into_response(),
                _ => r#"[{"targets": ["b"]}]"#.into_response(),
            }
        }
    };
    let mut source = http_source(&serve(Router::new().route("/", get(answer))).await);
    source.refresh = Duration::from_millis(300);
    let (out, mut found) = watch::channel(Discovered::default());
    let task = tokio::spawn(source.watch(client(), out));
    wait(&mut found, |found| names(found) == ["a"] && found.errors.is_empty()).await;
    let failed = wait(&mut found, |found| !found.errors.is_empty()).await;
    assert_eq!(names(&failed), ["a"]);
    wait(&mut found, |found| names(found) == ["b"] && found.errors.is_empty()).await;
    drop(found);
    tokio::time::timeout(PATIENCE, task).await.expect("the watch goes on without a listener").unwrap();
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_a_list_panic(bytes in proptest::collection::vec(0_u8.., 0..300)) {
        let _ = List::parse("list", &String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_entry_makes_it_panic(entry in ".{0,40}", label in ".{0,20}") {
        let list = serde_json::json!([{"targets": [entry], "labels": {"__lightsout_interval": label, "name": label}}]);
        let found = discovered(&list.to_string(), "");
        proptest::prop_assert_eq!(found.targets.len() + found.refused.len(), 1);
    }
}
