//! Samples that a receiver refuses for good: found, counted, set aside, and in nobody's way.

use std::time::Duration;

use exporters::buffer::Order;
use exporters::forward::{ACKED, Options, Outcome, PARTIAL};
use model::metric;

use crate::log::{Log, series};
use crate::receiver::{Receiver, State};
use crate::retries::{MINUTE, assert_whole, forwarder, run};

const HOUR: Duration = Duration::from_secs(3_600);

fn name(index: usize) -> String {
    let own = format!(r#"hw_id="{index}",hw_name="Outlet {index}""#);
    format!(r#"hw_power_watts{{{own},site="fra1",host_name="pdu-a",device_type="pdu"}}"#)
}

fn filled(series_count: usize, polls: i64) -> Log {
    let log = Log::new(Order::InOrder);
    let all = series(metric::HW_POWER, "pdu-a", series_count);
    (0..polls).for_each(|at| log.poll(at * MINUTE, &all, (at * MINUTE) as f64));
    log
}

#[tokio::test(start_paused = true)]
async fn only_the_bad_samples_are_set_aside() {
    let log = filled(100, 64);
    let poison = vec![(name(3), 10 * MINUTE), (name(70), 0), (name(70), 63 * MINUTE)];
    let receiver = Receiver::new(State { poison: poison.clone(), ..State::default() });
    let forwarder = forwarder(Options::default(), &log, &receiver);
    let status = forwarder.status();
    run(forwarder, HOUR).await;
    receiver.with(|state| {
        assert_eq!(state.stored.len(), 6_397);
        assert!(poison.iter().all(|key| !state.stored.contains_key(key)));
        // Two for each halving of 6,400 samples, for each of three, is the most.
        assert!(state.requests.len() <= 3 * 2 * 13, "{} requests", state.requests.len());
    });
    let figures = status.figures();
    assert_eq!((figures.samples[ACKED], figures.samples["invalid"]), (6_397, 3));
    assert_eq!((log.set_aside_samples(), log.unacknowledged()), (3, 0));
    assert_eq!(figures.last_error, "400: invalid");
}

/// The older half of the batch is there already: the receiver, which takes or leaves a request as a whole, gets
/// the newer half complete.
#[tokio::test(start_paused = true)]
async fn what_comes_too_late_costs_nothing_that_comes_in_time() {
    let log = filled(10, 300);
    let stored = (0..10).map(|index| ((name(index), 200 * MINUTE + 1), (0.0, 1))).collect();
    let receiver = Receiver::new(State { in_order: true, stored, ..State::default() });
    let forwarder = forwarder(Options::default(), &log, &receiver);
    let status = forwarder.status();
    run(forwarder, HOUR).await;
    let figures = status.figures();
    assert_eq!((figures.samples["out_of_order"], figures.samples[ACKED]), (2_010, 990));
    assert_eq!(log.unacknowledged(), 0);
}

/// A receiver that refuses everything must not be asked for each sample of a week.
#[tokio::test(start_paused = true)]
async fn refusing_everything_ends() {
    let log = filled(500, 8);
    let poison = (0..8).flat_map(|at| (0..500).map(move |index| (name(index), at * MINUTE))).collect();
    let receiver = Receiver::new(State { poison, ..State::default() });
    let forwarder = forwarder(Options::default(), &log, &receiver);
    let status = forwarder.status();
    run(forwarder, HOUR).await;
    assert_eq!((status.figures().samples["invalid"], log.unacknowledged()), (4_000, 0));
    let requests = receiver.with(|state| state.requests.len());
    assert!(requests <= 2_000, "{requests} requests");
}

/// A day that is older than what the receiver takes costs few requests, and little of what it does take.
#[tokio::test(start_paused = true)]
async fn what_is_too_old_goes_in_stretches() {
    let log = filled(100, 1_440);
    let receiver = Receiver::new(State { oldest: 1_000 * MINUTE + 1, in_order: true, ..State::default() });
    let forwarder = forwarder(Options::default(), &log, &receiver);
    let status = forwarder.status();
    run(forwarder, HOUR).await;
    let figures = status.figures();
    assert_eq!((figures.samples["too_old"], figures.samples[ACKED]), (100_100, 43_900));
    let requests = receiver.with(|state| state.requests.len());
    assert!(requests <= 2_100, "{requests} requests for 1,000 polls");
}

#[tokio::test(start_paused = true)]
async fn requests_shrink_to_what_fits() {
    let log = filled(100, 10);
    let receiver = Receiver::new(State { most_samples: Some(60), ..State::default() });
    // Ten bytes a sample: no request has more than 500 samples to begin with.
    let options = Options { request_bytes: 5_000, ..Options::default() };
    run(forwarder(options, &log, &receiver), HOUR).await;
    assert_whole(&receiver, 100, (0..10).map(|at| at * MINUTE));
    assert_eq!(receiver.with(|state| state.requests.iter().map(|it| it.1).max()), Some(500));
}

#[tokio::test(start_paused = true)]
async fn a_partial_success_is_final() {
    let log = filled(100, 1);
    let script = vec![Outcome::Partial { rejected: 30, message: "limit".into() }].into();
    let receiver = Receiver::new(State { script, ..State::default() });
    let forwarder = forwarder(Options::default(), &log, &receiver);
    let status = forwarder.status();
    run(forwarder, HOUR).await;
    let figures = status.figures();
    assert_eq!((figures.samples[ACKED], figures.samples[PARTIAL]), (70, 30));
    assert_eq!((receiver.with(|state| state.requests.len()), log.unacknowledged()), (1, 0));
}

/// A receiver that wants order has stored a request whose answer was lost. Sent again, all of it but the newest is out
/// of order: that is found out soon, and is no loss.
#[tokio::test(start_paused = true)]
async fn what_is_there_already_costs_few_requests_and_is_not_lost() {
    let log = filled(300, 33);
    let receiver = Receiver::new(State { in_order: true, lose_answers: 1, ..State::default() });
    let forwarder = forwarder(Options::default(), &log, &receiver);
    let status = forwarder.status();
    run(forwarder, HOUR).await;
    let requests = receiver.with(|state| state.requests.len());
    assert!(requests <= 60, "{requests} requests");
    assert_eq!((log.set_aside_samples(), log.unacknowledged()), (0, 0));
    assert_eq!(receiver.with(|state| state.stored.len()), 9_900);
    let samples = status.figures().samples;
    assert_eq!(samples[ACKED] + samples["out_of_order"], 9_900);
    assert_eq!(status.figures().newest, Some(32 * MINUTE));
}
