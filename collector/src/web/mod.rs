//! HTTP: the scrape endpoint, service discovery, the status page and the reload trigger.
//!
//! Serves what is known and never polls a device. Every request has a size, a time and, for scrapes, a
//! number that it may not exceed. Conventions: `/-/…` and HTTP SD of Prometheus, `/probe` of its
//! multi-target exporters, the web configuration file of its exporter-toolkit.

mod api;
mod connection;
mod filter;
mod guard;
mod page;
mod scrape;
mod server;
pub mod toolkit;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Router, middleware};
use exporters::latest::Latest;
use model::Timestamp;
use prometheus_client::registry::Registry;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use crate::status::{BufferStatus, TargetStatus};
pub use server::serve;

/// No endpoint takes a body; this is room for a client that sends one all the same.
const MAX_BODY_BYTES: usize = 4 * 1024;

/// Scrapes at once. Two Prometheus servers and a person need three; each costs up to one core.
const MAX_SCRAPES: usize = 8;

/// Time in which an endpoint answers; a reload reads files and may take the longest.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Asks for a reload; the answer is what went wrong, in words for the operator.
pub type ReloadRequest = oneshot::Sender<Result<(), String>>;

/// What the web layer sees of the running program.
#[derive(Clone)]
pub struct State {
    /// The latest reports.
    pub latest: Arc<Latest>,
    /// All targets as they are now.
    pub targets: Arc<dyn Fn() -> Vec<TargetStatus> + Send + Sync>,
    /// The buffer and its destinations as they are now, where there is a buffer.
    pub buffer: Arc<dyn Fn() -> Option<BufferStatus> + Send + Sync>,
    /// The distributions of the program's own metrics.
    pub registry: Arc<Registry>,
    /// Takes requests to reload the configuration.
    pub reload: mpsc::Sender<ReloadRequest>,
    /// Whether the program has started: the configuration is loaded and polling has begun.
    pub ready: Arc<dyn Fn() -> bool + Send + Sync>,
    /// The present time.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// What handlers share.
#[derive(Clone)]
struct Shared {
    state: State,
    scrapes: Arc<Semaphore>,
}

/// All endpoints. `web_config` adds authentication, rate limit and headers of a web configuration file.
pub fn router(state: State, web_config: Option<Arc<toolkit::WebConfig>>) -> Router {
    let shared = Shared { state, scrapes: Arc::new(Semaphore::new(MAX_SCRAPES)) };
    Router::new()
        .route("/", get(page::page))
        .route("/metrics", get(scrape::metrics))
        .route("/probe", get(scrape::probe))
        .route("/sd", get(api::service_discovery))
        .route("/api/v1/targets", get(api::targets))
        .route("/-/healthy", get(api::healthy))
        .route("/-/ready", get(api::ready))
        .route("/-/reload", post(api::reload).put(api::reload))
        .with_state(shared)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(middleware::from_fn_with_state(web_config, guard::web_config))
        .layer(middleware::from_fn(guard::time_limit))
        .layer(middleware::from_fn(guard::security_headers))
}
