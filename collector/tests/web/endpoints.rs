//! Every endpoint: what it answers, in which format, and what it refuses.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{NOW, client, publish, start};

async fn get(url: String) -> (StatusCode, String) {
    let answer = client().get(url).send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

const SERIES: &str = r#"hw_temperature_celsius{hw_id="t0",hw_name="Inlet \"1\"",site="fra1",rack="r1",host_name="pdu-a",device_type="pdu"} 21.5"#;

#[tokio::test]
async fn metrics_come_in_the_format_asked_for_with_the_programs_own_among_them() {
    let server = start().await;
    let text = client().get(server.url("/metrics")).send().await.unwrap();
    assert_eq!(text.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = text.text().await.unwrap();
    assert!(text.lines().any(|line| line == SERIES), "{text}");
    assert!(text.contains("# TYPE oob_poll_overruns_total counter\noob_poll_overruns_total 1\n"), "{text}");
    assert!(!text.contains("# EOF"), "{text}");

    let accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
    let answer = client().get(server.url("/metrics")).header("accept", accept).send().await.unwrap();
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.headers()["content-type"], kind);
    let text = answer.text().await.unwrap();
    assert!(text.contains("# TYPE oob_poll_overruns counter\noob_poll_overruns_total 1\n"), "{text}");
    assert!(text.ends_with("\n# EOF\n"), "{text}");
}

#[tokio::test]
async fn old_readings_are_gone_and_the_state_stays() {
    let server = start().await;
    publish(&server.latest, NOW - 180_001, 1);
    let (_, text) = get(server.url("/metrics")).await;
    assert!(!text.contains("hw_temperature_celsius"), "{text}");
    assert!(text.contains("\noob_device_up{"), "{text}");
}

#[tokio::test]
async fn large_scrapes_come_whole_and_compressed() {
    let server = start().await;
    publish(&server.latest, NOW, 20_000);
    let (_, plain) = get(server.url("/metrics")).await;
    assert_eq!(plain.matches("\nhw_temperature_celsius{").count(), 20_000);
    let asked = |encoding| client().get(server.url("/metrics")).header("accept-encoding", encoding);

    let answer = asked("zstd, gzip;q=0.9").send().await.unwrap();
    assert_eq!(answer.headers()["content-encoding"], "zstd");
    let bytes = answer.bytes().await.unwrap();
    assert!(bytes.len() * 5 < plain.len(), "{} of {} bytes", bytes.len(), plain.len());
    assert!(zstd::decode_all(&bytes[..]).unwrap() == plain.as_bytes());

    let answer = asked("gzip").send().await.unwrap();
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    let gunzips = reqwest::Client::builder().no_proxy().build().unwrap();
    let text = gunzips.get(server.url("/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(text == plain);
}

#[tokio::test]
async fn a_probe_serves_one_device_and_says_how_its_last_poll_went() {
    let server = start().await;
    let (status, text) = get(server.url("/probe?target=pdu-a&module=ignored")).await;
    assert_eq!(status, StatusCode::OK);
    for line in [SERIES, "probe_success 1", "probe_duration_seconds 0.25"] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("oob_poll_overruns"), "{text}");

    let (status, text) = get(server.url("/probe?target=bmc-b")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.contains("\nprobe_success 0\n"), "{text}");
}

#[tokio::test]
async fn a_probe_of_nothing_is_refused_in_words() {
    let server = start().await;
    let (status, text) = get(server.url("/probe?target=%3Cscript%3E")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(text, "no such target: /sd lists the names of all targets\n");
    for path in ["/probe", "/probe?target="] {
        let (status, text) = get(server.url(path)).await;
        assert_eq!((status, text.as_str()), (StatusCode::BAD_REQUEST, "name a target: /probe?target=NAME\n"));
    }
}

#[tokio::test]
async fn service_discovery_is_what_prometheus_expects() {
    let server = start().await;
    let answer = client().get(server.url("/sd")).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    let labels = json!({
        "__meta_lightsout_site": "fra1",
        "__meta_lightsout_rack": "r1",
        "__meta_lightsout_device_type": "pdu",
        "__meta_lightsout_protocol": "snmp",
        "__meta_lightsout_address": "10.0.0.7:161",
    });
    let found: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let expected =
        json!([{"targets": ["pdu-a"], "labels": labels}, {"targets": ["bmc-b"], "labels": labels}]);
    assert_eq!(found, expected);
}

#[tokio::test]
async fn targets_are_listed_as_json_and_can_be_filtered() {
    let server = start().await;
    let list = async |path: &str| -> Value { serde_json::from_str(&get(server.url(path)).await.1).unwrap() };
    let all = list("/api/v1/targets").await;
    assert_eq!(all["status"], "success");
    let target = json!({
        "name": "pdu-a", "site": "fra1", "rack": "r1", "device_type": "pdu", "protocol": "snmp",
        "address": "10.0.0.7:161", "state": "up", "last_error": null,
        "last_poll_timestamp_seconds": 1_699_999_970.0, "last_success_timestamp_seconds": 1_699_999_970.0,
        "next_poll_timestamp_seconds": 1_700_000_030.0, "poll_interval_seconds": 60.0,
        "last_poll_duration_seconds": 0.25, "series": 2, "faults": 0,
    });
    assert_eq!(all["data"]["targets"][0], target);
    assert_eq!(all["data"]["targets"][1]["last_success_timestamp_seconds"], Value::Null);
    for path in ["/api/v1/targets?state=never-polled", "/api/v1/targets?q=BMC%20fra1"] {
        let found = list(path).await;
        let names: Vec<_> = found["data"]["targets"].as_array().unwrap().iter().map(|t| &t["name"]).collect();
        assert_eq!(names, ["bmc-b"], "{path}");
    }
}

#[tokio::test]
async fn health_and_readiness() {
    let server = start().await;
    for (path, text) in [("/-/healthy", "lightsout is healthy\n"), ("/-/ready", "lightsout is ready\n")] {
        assert_eq!(get(server.url(path)).await, (StatusCode::OK, text.to_owned()));
    }
}

#[tokio::test]
async fn a_reload_answers_what_came_of_it() {
    let mut server = start().await;
    let url = server.url("/-/reload");
    for (outcome, status, words) in [
        (Ok(()), StatusCode::OK, "configuration reloaded\n"),
        (
            Err("lightsout.yml:3:5: unknown key".to_owned()),
            StatusCode::INTERNAL_SERVER_ERROR,
            "the configuration is unchanged:\nlightsout.yml:3:5: unknown key\n",
        ),
    ] {
        let request = tokio::spawn(client().post(&url).send());
        server.reloads.recv().await.unwrap().send(outcome).unwrap();
        let answer = request.await.unwrap().unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.text().await.unwrap(), words);
    }
    let foreign = client().post(&url).header("sec-fetch-site", "cross-site").send().await.unwrap();
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    assert!(server.reloads.try_recv().is_err(), "it was passed on");
    server.reloads.close();
    let answer = client().post(&url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn other_methods_and_paths_are_refused() {
    let server = start().await;
    for (method, path, status) in [
        (Method::GET, "/-/reload", StatusCode::METHOD_NOT_ALLOWED),
        (Method::POST, "/metrics", StatusCode::METHOD_NOT_ALLOWED),
        (Method::DELETE, "/", StatusCode::METHOD_NOT_ALLOWED),
        (Method::GET, "/nothing", StatusCode::NOT_FOUND),
        (Method::HEAD, "/metrics", StatusCode::OK),
    ] {
        let answer = client().request(method.clone(), server.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), status, "{method} {path}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{method} {path}");
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
    }
}

#[tokio::test]
async fn a_request_with_an_endless_head_is_cut_off() {
    let server = start().await;
    let long = "x".repeat(100_000);
    let answer = client().get(server.url("/metrics")).header("x-long", long).send().await;
    let refused = answer.map(|answer| answer.status()).map_err(|_| ());
    assert!(matches!(refused, Err(()) | Ok(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)), "{refused:?}");
    assert_eq!(get(server.url("/-/healthy")).await.0, StatusCode::OK);
}

#[tokio::test]
async fn scrapes_that_nobody_takes_leave_room_for_no_more_than_a_few() {
    let server = start().await;
    publish(&server.latest, NOW, 40_000);
    let mut held = Vec::new();
    for _ in 0..8 {
        let answer = client().get(server.url("/metrics")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        held.push(answer);
    }
    let refused = client().get(server.url("/metrics")).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(get(server.url("/-/healthy")).await.0, StatusCode::OK);
    let whole = held.pop().unwrap().text().await.unwrap();
    assert_eq!(whole.matches("\nhw_temperature_celsius{").count(), 40_000);
    assert_eq!(get(server.url("/metrics")).await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_server_ends_when_told() {
    let server = start().await;
    assert_eq!(get(server.url("/-/healthy")).await.0, StatusCode::OK);
    server.stop.send(()).unwrap();
    server.task.await.unwrap().unwrap();
    assert!(client().get(format!("http://{}/-/healthy", server.address)).send().await.is_err());
}
