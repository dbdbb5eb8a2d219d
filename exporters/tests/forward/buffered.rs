//! Forwarders that read the buffer itself.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use exporters::buffer::Order;
use exporters::buffer::batch::Batch;
use exporters::forward::{ACKED, Condition, Forwarder, Options, Outcome, Refusal, Transport};
use tokio::time::sleep;

use crate::pole::Pole;
use crate::receiver::{Link, Receiver, State};
use crate::retries::{MINUTE, retry};

/// Some time in November 2026, on a whole minute.
const STARTED: i64 = 1_795_000_020_000;

/// How long a good receiver takes for a request: were it no time at all, a forwarder that repeats itself would never
/// let the time pass that ends the test.
const TAKES: Duration = Duration::from_millis(1);

fn start(pole: &Pole, name: &str, order: Order, transport: impl Transport + 'static, time: Duration) {
    let source = pole.source(name, order);
    let options = Options { linger: Duration::ZERO, ..Options::default() };
    let forwarder = Forwarder::new(options, source, transport, fastrand::Rng::with_seed(7));
    tokio::spawn(forwarder.run(sleep(time)));
}

/// Polls each minute; the value is the number of the poll.
async fn poll(pole: &mut Pole, polls: std::ops::Range<i64>) {
    for poll in polls {
        pole.poll(&[poll as f64; 4]);
        sleep(Duration::from_secs(60)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_delays_and_loses_nothing() {
    for order in [Order::InOrder, Order::LiveFirst] {
        let mut pole = Pole::new(STARTED);
        let (in_order, takes) = (order == Order::InOrder, TAKES);
        let receiver = Receiver::new(State {
            in_order,
            takes,
            script: vec![retry(None); 30].into(),
            ..State::default()
        });
        let source = pole.source("one", order);
        let forwarder =
            Forwarder::new(Options::default(), source, Link::new(&receiver), fastrand::Rng::with_seed(7));
        let status = forwarder.status();
        let task = tokio::spawn(forwarder.run(sleep(Duration::from_secs(7_200))));
        poll(&mut pole, 0..10).await;
        assert!(matches!(status.figures().condition, Condition::Retrying { .. }), "{order:?}");
        assert_eq!(pole.waiting(), 40);
        poll(&mut pole, 10..60).await;
        task.await.unwrap();
        receiver.with(|state| {
            assert_eq!((state.stored.len(), state.failed), (240, 30), "{order:?}");
            for ((name, at), (value, count)) in &state.stored {
                assert_eq!((*at, *count), (STARTED + *value as i64 * MINUTE, 1), "{order:?} {name}");
            }
        });
        let figures = status.figures();
        assert_eq!((figures.samples[ACKED], figures.condition), (240, Condition::Well));
        assert_eq!(figures.newest, Some(STARTED + 59 * MINUTE));
        assert_eq!(pole.waiting(), 0);
    }
}

/// Each poll is with the first destination at the moment it was made, whatever the second one does.
#[tokio::test(start_paused = true)]
async fn a_bad_destination_delays_no_other() {
    let refused = Outcome::Refused { refusal: Refusal::Invalid, message: "400".into() };
    let bad = [
        ("dead", State { takes: Duration::from_secs(86_400), ..State::default() }),
        ("slow", State { takes: Duration::from_secs(50), ..State::default() }),
        ("busy", State { script: vec![retry(None); 10_000].into(), ..State::default() }),
        ("refusing", State { script: vec![refused; 10_000].into(), ..State::default() }),
    ];
    for (kind, state) in bad {
        let mut pole = Pole::new(STARTED);
        let (good, bad) = (Receiver::new(State { takes: TAKES, ..State::default() }), Receiver::new(state));
        start(&pole, "bad", Order::LiveFirst, Link::new(&bad), Duration::from_secs(3_600));
        start(&pole, "good", Order::InOrder, Link::new(&good), Duration::from_secs(3_600));
        poll(&mut pole, 0..30).await;
        let requests = good.with(|state| state.requests.clone());
        let expected = (0..30).map(|poll| {
            let at = STARTED + poll * MINUTE;
            (Duration::from_secs(poll as u64 * 60) + TAKES, 4, at, at)
        });
        assert_eq!(requests, expected.collect::<Vec<_>>(), "{kind}");
        assert!(bad.with(|state| state.begun.is_some()), "{kind}: was asked");
    }
}

/// Takes a second for each request, and notes what came, which must never come twice.
#[derive(Clone, Default)]
struct Noting {
    request: Vec<(String, i64)>,
    came: Arc<Mutex<HashSet<(String, i64)>>>,
}

impl Transport for Noting {
    fn encode(&mut self, batch: &Batch) -> Bytes {
        let run = |run| {
            let series: &exporters::buffer::batch::Run = run;
            batch.points_of(run).iter().map(|point| (series.series.own.to_string(), point.at))
        };
        self.request = batch.runs.iter().flat_map(run).collect();
        Bytes::new()
    }

    async fn deliver(&mut self, _: Bytes, samples: u64) -> Outcome {
        assert_eq!(self.request.len() as u64, samples);
        sleep(Duration::from_secs(1)).await;
        let mut came = self.came.lock().unwrap();
        for sample in self.request.drain(..) {
            assert!(came.insert(sample.clone()), "{sample:?} came twice");
        }
        Outcome::Accepted
    }
}

/// Hours of 300 series at 30 s: six, or what `LIGHTSOUT_OUTAGE_HOURS` says (168 are a week; in a release build).
fn outage() -> i32 {
    let hours = std::env::var("LIGHTSOUT_OUTAGE_HOURS").map_or(6, |hours| hours.parse().unwrap());
    hours * 120
}

/// What was measured in an outage waits on disk, then drains; the program ends and starts again meanwhile.
#[tokio::test(start_paused = true)]
async fn what_waits_on_disk_drains_across_a_restart() {
    for order in [Order::InOrder, Order::LiveFirst] {
        let mut pole = Pole::new(STARTED);
        let transport = Noting::default();
        let times: Vec<i64> = (0..outage())
            .map(|poll| {
                pole.pass(MINUTE / 2);
                pole.poll(&[f64::from(poll); 300])
            })
            .collect();
        let polled = times.len() * 300;
        let run = |pole: &Pole, time: u64| {
            let options = Options { backfill_share: 1.0, last_try: Duration::ZERO, ..Options::default() };
            let source = pole.source("one", order);
            let forwarder = Forwarder::new(options, source, transport.clone(), fastrand::Rng::with_seed(7));
            forwarder.run(sleep(Duration::from_secs(time)))
        };
        run(&pole, 10).await;
        let before = transport.came.lock().unwrap().len();
        assert!((40_000..polled).contains(&before), "{before} of {polled}");
        let pole = pole.restart();
        run(&pole, 3_600).await;
        let came = transport.came.lock().unwrap();
        assert_eq!((came.len(), pole.waiting()), (polled, 0), "{order:?}");
        assert!(came.iter().all(|(_, at)| times.binary_search(at).is_ok()), "{order:?}");
    }
}
