//! `/metrics` and `/probe`: the latest readings, in the format that the client likes.
//!
//! The text is made in chunks as the client takes them. Each chunk is one turn of the task, so that a
//! large scrape lets polls run in between.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use exporters::latest::Entry;
use exporters::prometheus::{CHUNK_BYTES, Exposition, Format, OwnMetrics, negotiate};
use http_body::Frame;
use model::{PollReport, metric};
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;

use super::Shared;

/// Time in which a client must have taken a whole scrape. Prometheus gives up after its own
/// `scrape_timeout`, 10 s unless told otherwise.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(120);

/// Room in a chunk beyond [`CHUNK_BYTES`] for the line that fills it.
const CHUNK_MARGIN_BYTES: usize = 4 * 1024;

/// Every device's readings and the program's own metrics.
pub(super) async fn metrics(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let state = &shared.state;
    let mut own = String::new();
    if prometheus_client::encoding::text::encode(&mut own, &state.registry).is_err() {
        own.clear();
        tracing::warn!("the program's own metrics could not be encoded");
    }
    let reports = state.latest.snapshot((state.now)());
    answer(&shared, &headers, reports, &own)
}

/// Parameters of `/probe`.
#[derive(Deserialize)]
pub(super) struct Probe {
    target: Option<String>,
}

/// One device's latest readings, with `probe_success` and `probe_duration_seconds` of its last poll.
pub(super) async fn probe(
    State(shared): State<Shared>,
    Query(query): Query<Probe>,
    headers: HeaderMap,
) -> Response {
    let Some(name) = query.target.filter(|name| !name.is_empty()) else {
        return (StatusCode::BAD_REQUEST, "name a target: /probe?target=NAME\n").into_response();
    };
    let state = &shared.state;
    let entry = state.latest.get(&name);
    if entry.is_none() && !(state.targets)().iter().any(|target| target.device.name == name) {
        let text = "no such target: /sd lists the names of all targets\n";
        return (StatusCode::NOT_FOUND, text).into_response();
    }
    let reports = entry
        .iter()
        .flat_map(|entry| entry.fresh_readings((state.now)()).into_iter().chain([&entry.status]).cloned());
    answer(&shared, &headers, reports.collect(), &probe_metrics(entry.as_ref()))
}

fn probe_metrics(entry: Option<&Entry>) -> String {
    let up = |entry: &Entry| {
        let mut samples = entry.status.samples.iter();
        samples.any(|sample| sample.series.metric == metric::OOB_DEVICE_UP && sample.value == 1.0)
    };
    let success = u8::from(entry.is_some_and(up));
    let seconds = entry.map_or(0.0, |entry| entry.status.duration.as_secs_f64());
    format!(
        "# HELP probe_success Whether the last poll of the target brought readings\n\
         # TYPE probe_success gauge\n\
         probe_success {success}\n\
         # HELP probe_duration_seconds How long the last poll of the target took\n\
         # TYPE probe_duration_seconds gauge\n\
         # UNIT probe_duration_seconds seconds\n\
         probe_duration_seconds {seconds}\n"
    )
}

fn answer(shared: &Shared, headers: &HeaderMap, reports: Vec<Arc<PollReport>>, own: &str) -> Response {
    let Ok(permit) = Arc::clone(&shared.scrapes).try_acquire_owned() else {
        let text = "too many scrapes at once: try again\n";
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], text).into_response();
    };
    let format = format(headers);
    let exposition = Exposition::new(format, reports).with_own(OwnMetrics::parse(own));
    let body = ScrapeBody {
        exposition,
        more: true,
        rested: true,
        deadline: Box::pin(tokio::time::sleep(SCRAPE_TIMEOUT)),
        _permit: permit,
    };
    ([(CONTENT_TYPE, format.content_type())], Body::new(body)).into_response()
}

fn format(headers: &HeaderMap) -> Format {
    let values: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    negotiate(&values.join(","))
}

/// A scrape on its way out.
struct ScrapeBody {
    exposition: Exposition<Arc<PollReport>>,
    more: bool,
    /// Whether other tasks had their turn since the last chunk.
    rested: bool,
    deadline: Pin<Box<Sleep>>,
    _permit: OwnedSemaphorePermit,
}

impl http_body::Body for ScrapeBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let body = self.get_mut();
        if !body.more {
            return Poll::Ready(None);
        }
        if body.deadline.as_mut().poll(context).is_ready() {
            body.more = false;
            return Poll::Ready(Some(Err(std::io::ErrorKind::TimedOut.into())));
        }
        if !body.rested {
            body.rested = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        body.rested = false;
        let mut chunk = Vec::with_capacity(CHUNK_BYTES + CHUNK_MARGIN_BYTES);
        body.more = body.exposition.fill(&mut chunk);
        Poll::Ready(Some(Ok(Frame::data(chunk.into()))))
    }
}
