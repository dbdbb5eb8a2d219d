//! A pole that is polled, forwarders that read its buffer, and what a receiver should have at the end.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use exporters::buffer::Order;
use exporters::forward::{ACKED, Backoff, Condition, Figures, Forwarder, Options, Source, Status, Transport};
use mocks::link::{Link, Phase};
use model::Timestamp;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::daemon::until;
use crate::pole::Pole;

pub(crate) const MINUTE: i64 = 60_000;

/// Outlets of the pole's PDU.
const OUTLETS: usize = 4;

/// Power by outlet and time.
pub(crate) type Measured = BTreeMap<(String, Timestamp), f64>;

/// A pole, and what it measured.
pub(crate) struct Scene {
    pub(crate) pole: Pole,
    pub(crate) measured: Measured,
    pub(crate) newest: Timestamp,
}

impl Scene {
    /// It begins an hour ago, for Prometheus takes nothing that is much older than its newest sample.
    pub(crate) fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let started = i64::try_from(now.as_millis()).unwrap() - 60 * MINUTE;
        Self { pole: Pole::new(started), measured: Measured::new(), newest: started }
    }

    /// So many polls, each a minute after the one before.
    pub(crate) fn polls(&mut self, count: usize) {
        for _ in 0..count {
            let number = (self.measured.len() / OUTLETS) as f64;
            let power: Vec<f64> = (0..OUTLETS).map(|outlet| outlet as f64 * 1_000.0 + number / 8.0).collect();
            self.pole.pass(MINUTE);
            self.newest = self.pole.poll(&power);
            let outlets = power.iter().enumerate();
            self.measured
                .extend(outlets.map(|(outlet, &power)| ((format!("outlet-{outlet}"), self.newest), power)));
        }
    }

    /// Starts a forwarder that takes three polls at once and does not wait long.
    pub(crate) fn forward(
        &self,
        destination: &str,
        order: Order,
        transport: impl Transport + 'static,
    ) -> Running {
        self.forward_with(Options::default(), destination, order, transport)
    }

    pub(crate) fn forward_with(
        &self,
        options: Options,
        destination: &str,
        order: Order,
        transport: impl Transport + 'static,
    ) -> Running {
        let options = Options { batch_samples: 3 * OUTLETS, ..options };
        Running::start(options, self.pole.source(destination, order), transport)
    }

    /// Five polls arrive, the link is down for thirty-five, then it is up again.
    pub(crate) async fn outage(&mut self, link: &Link, running: &Running) {
        for _ in 0..5 {
            self.polls(1);
            running.acked(self.measured.len()).await;
        }
        let before = self.measured.len() as u64;
        link.set(Phase::Drop);
        self.polls(30);
        running.failing().await;
        self.polls(5);
        assert_eq!(running.figures().samples[ACKED], before, "nothing arrives while the link is down");
        link.set(Phase::Up);
    }
}

/// A forwarder at work.
pub(crate) struct Running {
    status: Status,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    /// Starts a forwarder that does not wait long, and gives the backlog the whole link.
    pub(crate) fn start(
        options: Options,
        source: impl Source + 'static,
        transport: impl Transport + 'static,
    ) -> Self {
        let backoff = Backoff {
            first: Duration::from_millis(10),
            most: Duration::from_millis(50),
            ..Backoff::default()
        };
        let linger = Duration::from_millis(10);
        let options = Options { backoff, linger, backfill_share: 1.0, ..options };
        let forwarder = Forwarder::new(options, source, transport, fastrand::Rng::with_seed(7));
        let status = forwarder.status();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(forwarder.run(async {
            let _ = stopped.await;
        }));
        Self { status, stop, task }
    }

    pub(crate) fn figures(&self) -> Figures {
        self.status.figures()
    }

    /// Waits until as many samples were acknowledged.
    pub(crate) async fn acked(&self, samples: usize) {
        self.accounted(samples).await;
        assert_eq!(self.figures().samples[ACKED], samples as u64, "{:?}", self.figures());
    }

    /// Waits until the receiver has answered for as many samples.
    pub(crate) async fn accounted(&self, samples: usize) {
        let what = format!("{samples} samples are answered for");
        until(&what, async || self.figures().samples.values().sum::<u64>() >= samples as u64).await;
    }

    /// Waits until it has failed some times.
    pub(crate) async fn failing(&self) {
        let failing = || matches!(self.figures().condition, Condition::Retrying { failures: 3.., .. });
        until("forwarding fails", async || failing()).await;
    }

    /// Failures in a row.
    pub(crate) fn failures(&self) -> u32 {
        match self.figures().condition {
            Condition::Retrying { failures, .. } => failures,
            Condition::Well | Condition::Barred { .. } => 0,
        }
    }

    pub(crate) async fn end(self) {
        self.stop.send(()).expect("it runs");
        self.task.await.unwrap();
    }
}
