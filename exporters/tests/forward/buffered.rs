//! Forwarders that read the buffer itself.

use std::time::Duration;

use exporters::buffer::Order;
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
