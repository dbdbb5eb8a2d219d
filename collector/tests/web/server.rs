//! A server with two targets: `pdu-a`, which is well, and `bmc-b`, which was never polled.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use collector::status::{TargetState, TargetStatus};
use collector::target::Protocol;
use collector::web::toolkit::WebConfig;
use collector::web::{ReloadRequest, State, router, serve};
use exporters::latest::Latest;
use model::{Device, Labels, PollError, ReportBuilder, metric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// The time that the server has.
pub(crate) const NOW: i64 = 1_700_000_000_000;

/// A running server; it stops when this is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) latest: Arc<Latest>,
    pub(crate) reloads: mpsc::Receiver<ReloadRequest>,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

pub(crate) fn device(name: &str) -> Arc<Device> {
    Arc::new(Device {
        name: name.into(),
        site: "fra1".into(),
        rack: "r1".into(),
        device_type: "pdu".into(),
        description: model::device::Description::default(),
    })
}

pub(crate) fn target(name: &str, state: TargetState, error: Option<PollError>) -> TargetStatus {
    let polled = state != TargetState::NeverPolled;
    TargetStatus {
        device: device(name),
        protocol: Protocol::Snmp,
        address: "10.0.0.7:161".into(),
        state,
        last_error: error,
        last_poll: polled.then_some(NOW - 30_000),
        last_success: polled.then_some(NOW - 30_000),
        next_poll: Some(NOW + 30_000),
        interval: Duration::from_secs(60),
        duration: polled.then_some(Duration::from_millis(250)),
        series: if polled { 2 } else { 0 },
        faults: 0,
    }
}

/// Publishes a poll of `pdu-a` at `at`.
pub(crate) fn publish(latest: &Latest, at: i64, temperatures: usize) {
    let mut builder = ReportBuilder::new(device("pdu-a"));
    for number in 0..temperatures {
        let id = format!("t{number}");
        builder.record(metric::HW_TEMPERATURE, &Labels::component(&id, "Inlet \"1\""), 21.5);
    }
    let readings = Arc::new(builder.finish(at, Duration::from_millis(250), None));
    let mut builder = ReportBuilder::new(device("pdu-a"));
    builder.record(metric::OOB_DEVICE_UP, &Labels::new(), 1.0);
    let status = Arc::new(builder.finish(at, Duration::from_millis(250), None));
    latest.publish("pdu-a", Duration::from_secs(60), Some(readings), status);
}

pub(crate) async fn start() -> Server {
    let targets =
        vec![target("pdu-a", TargetState::Up, None), target("bmc-b", TargetState::NeverPolled, None)];
    start_with(targets, None).await
}

pub(crate) async fn start_with(targets: Vec<TargetStatus>, web: Option<Arc<WebConfig>>) -> Server {
    // Another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let latest = Arc::new(Latest::new());
    publish(&latest, NOW - 30_000, 1);
    let mut registry = Registry::default();
    let counter = Counter::<u64>::default();
    counter.inc();
    registry.register("oob_poll_overruns", "Ticks skipped", counter);
    let (reload, reloads) = mpsc::channel(1);
    let state = State {
        latest: Arc::clone(&latest),
        targets: Arc::new(move || targets.clone()),
        buffer: Arc::new(|| None),
        registry: Arc::new(registry),
        reload,
        ready: Arc::new(|| true),
        now: Arc::new(|| NOW),
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async move { stopped.await.unwrap_or_default() };
    let task = tokio::spawn(serve(listener, router(state, web.clone()), web, stopped));
    Server { address, latest, reloads, stop, task }
}

/// A client that leaves bodies as they come.
pub(crate) fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_gzip().no_proxy().build().unwrap()
}
