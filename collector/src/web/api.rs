//! JSON for scripts, and the management endpoints that Prometheus made usual.
//!
//! `/sd` follows Prometheus's HTTP service discovery: its targets are names for `/probe?target=`.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use model::Timestamp;
use serde::Serialize;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;

use super::Shared;
use super::filter::Filter;
use crate::status::TargetStatus;

/// One group of HTTP SD: a target's name and what can be relabelled.
#[derive(Serialize)]
pub(super) struct Group {
    targets: [String; 1],
    labels: BTreeMap<&'static str, String>,
}

/// Every target, for `http_sd_configs`.
pub(super) async fn service_discovery(State(shared): State<Shared>) -> Json<Vec<Group>> {
    let group = |target: TargetStatus| {
        let device = &target.device;
        let labels = [
            ("__meta_lightsout_site", device.site.clone()),
            ("__meta_lightsout_rack", device.rack.clone()),
            ("__meta_lightsout_device_type", device.device_type.clone()),
            ("__meta_lightsout_protocol", target.protocol.as_str().to_owned()),
            ("__meta_lightsout_address", target.address.clone()),
        ];
        Group {
            targets: [device.name.clone()],
            labels: labels.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
        }
    };
    Json((shared.state.targets)().into_iter().map(group).collect())
}

#[derive(Serialize)]
pub(super) struct Envelope {
    status: &'static str,
    data: Data,
}

#[derive(Serialize)]
struct Data {
    targets: Vec<Target>,
}

/// A target in JSON: durations in seconds, times in seconds since 1970; what is not known is `null`.
#[derive(Serialize)]
struct Target {
    name: String,
    site: String,
    rack: String,
    device_type: String,
    protocol: &'static str,
    address: String,
    state: &'static str,
    last_error: Option<Failure>,
    last_poll_timestamp_seconds: Option<f64>,
    last_success_timestamp_seconds: Option<f64>,
    next_poll_timestamp_seconds: Option<f64>,
    poll_interval_seconds: f64,
    last_poll_duration_seconds: Option<f64>,
    series: usize,
    faults: usize,
}

#[derive(Serialize)]
struct Failure {
    reason: &'static str,
    detail: String,
}

impl From<TargetStatus> for Target {
    fn from(target: TargetStatus) -> Self {
        let device = &target.device;
        let failure =
            |error: model::PollError| Failure { reason: error.reason.as_str(), detail: error.detail };
        Self {
            name: device.name.clone(),
            site: device.site.clone(),
            rack: device.rack.clone(),
            device_type: device.device_type.clone(),
            protocol: target.protocol.as_str(),
            address: target.address,
            state: target.state.as_str(),
            last_error: target.last_error.map(failure),
            last_poll_timestamp_seconds: target.last_poll.map(seconds),
            last_success_timestamp_seconds: target.last_success.map(seconds),
            next_poll_timestamp_seconds: target.next_poll.map(seconds),
            poll_interval_seconds: target.interval.as_secs_f64(),
            last_poll_duration_seconds: target.duration.as_ref().map(Duration::as_secs_f64),
            series: target.series,
            faults: target.faults,
        }
    }
}

fn seconds(at: Timestamp) -> f64 {
    at as f64 / 1000.0
}

/// Every target with its state; `?q=` and `?state=` as on the page.
pub(super) async fn targets(State(shared): State<Shared>, Query(filter): Query<Filter>) -> Json<Envelope> {
    let mut targets = (shared.state.targets)();
    filter.search(&mut targets);
    filter.keep_state(&mut targets);
    let targets = targets.into_iter().map(Target::from).collect();
    Json(Envelope { status: "success", data: Data { targets } })
}

/// The program runs and answers.
pub(super) async fn healthy() -> &'static str {
    "lightsout is healthy\n"
}

/// The program has started.
pub(super) async fn ready(State(shared): State<Shared>) -> (StatusCode, &'static str) {
    match (shared.state.ready)() {
        true => (StatusCode::OK, "lightsout is ready\n"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "lightsout is starting\n"),
    }
}

/// Reloads the configuration and answers what came of it.
///
/// A page of another site that a person has open cannot ask for this: browsers say where a request is from.
pub(super) async fn reload(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let from = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    if !matches!(from, None | Some("same-origin" | "none")) {
        return (StatusCode::FORBIDDEN, "refused: asked for by a page of another site\n").into_response();
    }
    let (sender, answer) = oneshot::channel();
    match shared.state.reload.try_send(sender) {
        Ok(()) => {}
        Err(TrySendError::Full(_)) => {
            return (StatusCode::SERVICE_UNAVAILABLE, "a reload is under way\n").into_response();
        }
        Err(TrySendError::Closed(_)) => {
            return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n").into_response();
        }
    }
    match answer.await {
        Ok(Ok(())) => "configuration reloaded\n".into_response(),
        Ok(Err(text)) => {
            let text = format!("the configuration is unchanged:\n{text}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n").into_response(),
    }
}
