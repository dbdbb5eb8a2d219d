//! What is tried again, when, and that nothing is lost or made up meanwhile.

use std::time::Duration;

use exporters::buffer::Order;
use exporters::forward::{ACKED, Backoff, Condition, Forwarder, Options, Outcome, STALE, Stop};
use model::metric;

use crate::log::{Log, series};
use crate::receiver::{Link, Receiver, State};

pub(crate) const MINUTE: i64 = 60_000;

pub(crate) fn forwarder(options: Options, log: &Log, receiver: &Receiver) -> Forwarder<Log, Link> {
    Forwarder::new(options, log.clone(), Link::new(receiver), fastrand::Rng::with_seed(7))
}

/// Runs a forwarder for a while of paused time, then ends it.
pub(crate) async fn run(forwarder: Forwarder<Log, Link>, time: Duration) {
    forwarder.run(tokio::time::sleep(time)).await;
}

pub(crate) fn retry(after: Option<u64>) -> Outcome {
    Outcome::Retry { after: after.map(Duration::from_secs), message: "503".into() }
}

/// Every sample of `series` series at `times`, once.
pub(crate) fn assert_whole(receiver: &Receiver, series: usize, times: impl Iterator<Item = i64>) {
    let times: Vec<i64> = times.collect();
    receiver.with(|state| {
        assert_eq!(state.stored.len(), series * times.len());
        for ((name, at), (value, _)) in &state.stored {
            assert!(times.contains(at) && *value == *at as f64, "{name} {at} {value}");
        }
    });
}

#[tokio::test(start_paused = true)]
async fn an_outage_delays_and_loses_nothing() {
    for order in [Order::InOrder, Order::LiveFirst] {
        let log = Log::new(order);
        let receiver = Receiver::new(State { script: vec![retry(None); 40].into(), ..State::default() });
        let all = series(metric::HW_POWER, "pdu-a", 10);
        (0..500).for_each(|at| log.poll(at * MINUTE, &all, (at * MINUTE) as f64));
        let options = Options { batch_samples: 500, ..Options::default() };
        let forwarder = forwarder(options, &log, &receiver);
        let status = forwarder.status();
        run(forwarder, Duration::from_secs(7_200)).await;
        assert_whole(&receiver, 10, (0..500).map(|at| at * MINUTE));
        assert_eq!((log.unacknowledged(), receiver.with(|state| state.failed)), (0, 40), "{order:?}");
        assert!(receiver.with(|state| state.stored.values().all(|(_, count)| *count == 1)));
        let figures = status.figures();
        assert_eq!((figures.samples[ACKED], figures.newest), (5_000, Some(499 * MINUTE)));
        assert_eq!((figures.condition, &*figures.last_error), (Condition::Well, "503"));
    }
}

/// What was stored although the answer was lost is sent again with what came since. A receiver that wants order
/// then refuses the old part, and must get all of the new one.
#[tokio::test(start_paused = true)]
async fn a_lost_answer_costs_nothing_new() {
    let log = Log::new(Order::InOrder);
    let receiver = Receiver::new(State { in_order: true, lose_answers: 1, ..State::default() });
    let all = series(metric::HW_POWER, "pdu-a", 5);
    (0..40).for_each(|at| log.poll(at * MINUTE, &all, (at * MINUTE) as f64));
    // The program is killed before it tries again; the next one reads a larger batch.
    let first = tokio::spawn(run(forwarder(Options::default(), &log, &receiver), Duration::from_secs(9_999)));
    while receiver.with(|state| state.requests.is_empty()) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    first.abort();
    assert_eq!(log.unacknowledged(), 40);
    (40..60).for_each(|at| log.poll(at * MINUTE, &all, (at * MINUTE) as f64));
    run(forwarder(Options::default(), &log, &receiver), Duration::from_secs(600)).await;
    assert_whole(&receiver, 5, (0..60).map(|at| at * MINUTE));
    assert_eq!(log.unacknowledged(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_receivers_wish_is_heeded() {
    let log = Log::new(Order::InOrder);
    let script = vec![retry(Some(40)), retry(Some(86_400)), retry(None)].into();
    let receiver = Receiver::new(State { script, ..State::default() });
    log.poll(0, &series(metric::HW_POWER, "pdu-a", 1), 0.0);
    let backoff = Backoff {
        first: Duration::from_secs(1),
        most: Duration::from_secs(8),
        most_asked: Duration::from_secs(900),
    };
    let options = Options { backoff, ..Options::default() };
    run(forwarder(options, &log, &receiver), Duration::from_secs(9_999)).await;
    let times = receiver.with(|state| state.requests.iter().map(|it| it.0.as_secs()).collect::<Vec<_>>());
    assert_eq!(times[..3], [0, 40, 940]);
    assert!(times[3] - times[2] <= 4, "full jitter below 4 s: {times:?}");
    assert_eq!(log.unacknowledged(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_refused_login_is_knocked_at_rarely_and_loses_nothing() {
    let log = Log::new(Order::InOrder);
    let barred = Outcome::Barred { message: "401: no".into() };
    let receiver = Receiver::new(State { script: vec![barred; 30].into(), ..State::default() });
    log.poll(0, &series(metric::HW_POWER, "pdu-a", 3), 0.0);
    let forwarder = forwarder(Options::default(), &log, &receiver);
    let status = forwarder.status();
    let task = tokio::spawn(run(forwarder, Duration::from_secs(86_400)));
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    let tries = receiver.with(|state| state.requests.len());
    assert!((12..=26).contains(&tries), "{tries} tries in an hour");
    let figures = status.figures();
    assert!(matches!(figures.condition, Condition::Barred { .. }), "{figures:?}");
    assert!(figures.to_string().starts_with("refused as a sender, next try in "), "{figures}");
    task.await.unwrap();
    assert_whole(&receiver, 3, [0].into_iter());
    assert_eq!(status.figures().condition, Condition::Well);
}

/// A request that the link never carries in time must become smaller.
#[tokio::test(start_paused = true)]
async fn a_slow_link_gets_smaller_requests() {
    let log = Log::new(Order::InOrder);
    let receiver = Receiver::new(State { script: vec![retry(None); 6].into(), ..State::default() });
    log.poll(0, &series(metric::HW_POWER, "pdu-a", 8_000), 0.0);
    run(forwarder(Options::default(), &log, &receiver), Duration::from_secs(900)).await;
    let sizes = receiver.with(|state| state.requests.iter().map(|it| it.1).collect::<Vec<_>>());
    assert_eq!(sizes[..7], [8_000, 8_000, 8_000, 4_000, 4_000, 4_000, 2_000]);
    assert_whole(&receiver, 8_000, [0].into_iter());
}

/// What a slow link carries is found out once, and not anew for each batch.
#[tokio::test(start_paused = true)]
async fn a_slow_link_is_remembered_until_it_is_faster() {
    let log = Log::new(Order::InOrder);
    let receiver = Receiver::new(State { carries: Some(3_000), ..State::default() });
    let all = series(metric::HW_POWER, "pdu-a", 200);
    (0..200).for_each(|at| log.poll(at * MINUTE, &all, (at * MINUTE) as f64));
    let task = tokio::spawn(run(forwarder(Options::default(), &log, &receiver), Duration::from_secs(86_400)));
    tokio::time::sleep(Duration::from_secs(43_200)).await;
    // A batch has 10,000 samples: halved twice it gets through, which takes six failures.
    let failed = receiver.with(|state| state.failed);
    assert!((6..=12).contains(&failed), "{failed} failures");
    receiver.with(|state| state.carries = None);
    (200..900).for_each(|at| log.poll(at * MINUTE, &all, (at * MINUTE) as f64));
    task.await.unwrap();
    assert_eq!((receiver.with(|state| state.stored.len()), log.unacknowledged()), (180_000, 0));
    let after = receiver.with(|state| state.requests.iter().rev().take(10).map(|it| it.1).max());
    assert!(after > Some(3_000), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn at_the_end_the_newest_is_tried_once_more_and_series_end() {
    let log = Log::new(Order::InOrder);
    let receiver = Receiver::new(State { script: vec![retry(Some(600))].into(), ..State::default() });
    let all = series(metric::HW_POWER, "pdu-a", 2);
    log.poll(MINUTE, &all, MINUTE as f64);
    let options = Options { end_series_at_shutdown: true, ..Options::default() };
    run(forwarder(options, &log, &receiver), Duration::from_secs(5)).await;
    let stored = receiver.with(|state| {
        let all = state.stored.iter();
        all.map(|((_, at), (value, count))| (*at, value.to_bits(), *count)).collect::<Vec<_>>()
    });
    let one = [(MINUTE, (MINUTE as f64).to_bits(), 1), (MINUTE + 1, STALE.to_bits(), 1)];
    assert_eq!(stored, [one, one].concat());
    assert_eq!(log.unacknowledged(), 0);
}

/// An outage says nothing of what the link carries.
#[tokio::test(start_paused = true)]
async fn after_an_outage_requests_are_as_large_as_before() {
    let log = Log::new(Order::InOrder);
    let receiver = Receiver::new(State { script: vec![retry(None); 30].into(), ..State::default() });
    let all = series(metric::HW_POWER, "pdu-a", 200);
    (0..200).for_each(|at| log.poll(at * MINUTE, &all, (at * MINUTE) as f64));
    run(forwarder(Options::default(), &log, &receiver), Duration::from_secs(7_200)).await;
    assert_whole(&receiver, 200, (0..200).map(|at| at * MINUTE));
    assert_eq!(receiver.with(|state| state.requests.last().map(|it| it.1)), Some(10_000));
}

/// A changed setting is no end: alerts would be resolved for a moment.
#[tokio::test(start_paused = true)]
async fn series_do_not_end_where_another_forwarder_goes_on() {
    let log = Log::new(Order::InOrder);
    let receiver = Receiver::new(State::default());
    log.poll(MINUTE, &series(metric::HW_POWER, "pdu-a", 2), MINUTE as f64);
    let options = Options { end_series_at_shutdown: true, ..Options::default() };
    let stop = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        Stop::Replaced
    };
    forwarder(options, &log, &receiver).run(stop).await;
    assert_whole(&receiver, 2, [MINUTE].into_iter());
}

/// Its answer would be lost otherwise, and its samples sent twice.
#[tokio::test(start_paused = true)]
async fn at_the_end_the_request_on_its_way_is_not_given_up() {
    let log = Log::new(Order::InOrder);
    let receiver = Receiver::new(State { takes: Duration::from_secs(2), ..State::default() });
    log.poll(0, &series(metric::HW_POWER, "pdu-a", 2), 0.0);
    let start = tokio::time::Instant::now();
    run(forwarder(Options::default(), &log, &receiver), Duration::from_secs(1)).await;
    assert_eq!(start.elapsed().as_secs(), 2);
    assert_whole(&receiver, 2, [0].into_iter());
    assert_eq!(log.unacknowledged(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_dead_receiver_does_not_hold_up_the_end() {
    let log = Log::new(Order::InOrder);
    let receiver = Receiver::new(State { takes: Duration::from_secs(86_400), ..State::default() });
    log.poll(0, &series(metric::HW_POWER, "pdu-a", 2), 0.0);
    let start = tokio::time::Instant::now();
    run(forwarder(Options::default(), &log, &receiver), Duration::from_secs(5)).await;
    assert_eq!(start.elapsed().as_secs(), 8);
    assert_eq!(log.unacknowledged(), 1);
}
