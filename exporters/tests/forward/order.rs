//! Which samples go first, and how much of the link they take.

use std::time::Duration;

use exporters::buffer::Order;
use exporters::forward::Options;
use model::metric;

use crate::log::{Log, series};
use crate::receiver::{Receiver, State};
use crate::retries::{MINUTE, assert_whole, forwarder, retry, run};

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test(start_paused = true)]
async fn in_order_no_series_ever_goes_back() {
    let log = Log::new(Order::InOrder);
    let receiver = Receiver::new(State { in_order: true, ..State::default() });
    let all = series(metric::HW_POWER, "pdu-a", 3);
    (0..100).for_each(|at| log.poll(at * MINUTE, &all, (at * MINUTE) as f64));
    let options = Options { batch_samples: 30, request_bytes: 70, ..Options::default() };
    run(forwarder(options, &log, &receiver), HOUR).await;
    assert_whole(&receiver, 3, (0..100).map(|at| at * MINUTE));
    assert!(receiver.with(|state| state.requests.is_sorted_by_key(|it| it.2)));
    assert_eq!(log.set_aside_samples(), 0);
}

#[tokio::test(start_paused = true)]
async fn live_first_the_newest_passes_the_backlog() {
    let log = Log::new(Order::LiveFirst);
    let receiver = Receiver::new(State { takes: Duration::from_secs(1), ..State::default() });
    let all = series(metric::HW_POWER, "pdu-a", 1);
    (0..100).for_each(|at| log.poll(at * MINUTE, &all, (at * MINUTE) as f64));
    log.restart();
    let options = Options { batch_samples: 10, backfill_share: 1.0, ..Options::default() };
    let task = tokio::spawn(run(forwarder(options, &log, &receiver), HOUR));
    tokio::time::sleep(Duration::from_millis(3_500)).await;
    log.poll(100 * MINUTE, &all, (100 * MINUTE) as f64);
    task.await.unwrap();
    assert_whole(&receiver, 1, (0..101).map(|at| at * MINUTE));
    let oldest = receiver.with(|state| state.requests.iter().map(|it| it.2 / MINUTE).collect::<Vec<_>>());
    assert_eq!(oldest, [0, 10, 20, 30, 100, 40, 50, 60, 70, 80, 90]);
}

/// While the receiver is away the live batch is always the newest one.
#[tokio::test(start_paused = true)]
async fn on_reconnect_the_newest_is_first() {
    let log = Log::new(Order::LiveFirst);
    let receiver = Receiver::new(State { script: vec![retry(Some(60)); 5].into(), ..State::default() });
    let all = series(metric::HW_POWER, "pdu-a", 1);
    let options = Options { batch_samples: 2, ..Options::default() };
    let task = tokio::spawn(run(forwarder(options, &log, &receiver), HOUR));
    for at in 0..30 {
        log.poll(at * MINUTE, &all, (at * MINUTE) as f64);
        tokio::time::sleep(Duration::from_secs(11)).await;
    }
    task.await.unwrap();
    assert_whole(&receiver, 1, (0..30).map(|at| at * MINUTE));
    let (requests, failed) = receiver.with(|state| (state.requests.clone(), state.failed as usize));
    // After 60, 120, … seconds the polls number 5, 10, …: the request that succeeds carries those of just then.
    let newest: Vec<_> = requests.iter().map(|it| it.3 / MINUTE).take(failed + 1).collect();
    assert_eq!(newest, [0, 5, 10, 16, 21, 27]);
    assert!(receiver.with(|state| state.stored.values().all(|(_, count)| *count == 1)));
}

#[tokio::test(start_paused = true)]
async fn the_backlog_keeps_to_its_share_of_the_link() {
    let log = Log::new(Order::LiveFirst);
    let receiver = Receiver::new(State { takes: Duration::from_secs(1), ..State::default() });
    let all = series(metric::HW_POWER, "pdu-a", 1);
    (0..40).for_each(|at| log.poll(at * MINUTE, &all, (at * MINUTE) as f64));
    log.restart();
    let options = Options { batch_samples: 10, backfill_share: 0.25, ..Options::default() };
    run(forwarder(options, &log, &receiver), HOUR).await;
    let ends = receiver.with(|state| state.requests.iter().map(|it| it.0.as_secs()).collect::<Vec<_>>());
    assert_eq!(ends, [1, 5, 9, 13]);
}

/// Where polls end all the time there is always something newer; the backlog has its share all the same, and the newest
/// do not wait for more than one of its requests.
#[tokio::test(start_paused = true)]
async fn a_busy_fleet_and_its_backlog_share_the_link() {
    let log = Log::new(Order::LiveFirst);
    let receiver = Receiver::new(State { takes: Duration::from_millis(100), ..State::default() });
    let all = series(metric::HW_POWER, "pdu-a", 1);
    (0..100).for_each(|at| log.poll(at, &all, at as f64));
    log.restart();
    let options = Options { batch_samples: 10, ..Options::default() };
    let task = tokio::spawn(run(forwarder(options, &log, &receiver), HOUR));
    for at in 100..500 {
        log.poll(at, &all, at as f64);
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let requests = receiver.with(|state| state.requests.clone());
    task.abort();
    let (old, new): (Vec<_>, Vec<_>) = requests.clone().into_iter().partition(|it| it.2 < 100);
    assert_eq!(old.iter().map(|it| it.1).sum::<usize>(), 100, "{requests:?}");
    // 30 ms from poll to poll: after two requests the newest that arrived is no more than seven polls old.
    let late = new.iter().map(|it| it.0.as_millis() as i64 / 30 + 100 - it.3).max();
    assert!(late <= Some(10), "{late:?} polls behind: {requests:?}");
    assert!(receiver.with(|state| state.stored.len()) >= 480);
}

#[tokio::test(start_paused = true)]
async fn bytes_per_second() {
    let log = Log::new(Order::InOrder);
    let receiver = Receiver::new(State::default());
    let all = series(metric::HW_POWER, "pdu-a", 100);
    (0..5).for_each(|at| log.poll(at * MINUTE, &all, (at * MINUTE) as f64));
    let options = Options { batch_samples: 100, bytes_per_second: Some(100), ..Options::default() };
    run(forwarder(options, &log, &receiver), HOUR).await;
    // Requests of 1,000 bytes each; the bucket holds 100 to begin with.
    let ends = receiver.with(|state| state.requests.iter().map(|it| it.0.as_secs()).collect::<Vec<_>>());
    assert_eq!(ends, [0, 9, 19, 29, 39]);
}

/// A limit of bytes per second that a large request of the backlog has used up for minutes would keep the newest
/// readings back for as long.
#[tokio::test(start_paused = true)]
async fn a_backlog_on_a_limited_link_holds_up_the_newest_for_seconds() {
    let log = Log::new(Order::LiveFirst);
    let receiver = Receiver::new(State::default());
    let all = series(metric::HW_POWER, "pdu-a", 1_000);
    (0..10).for_each(|at| log.poll(at * MINUTE, &all, (at * MINUTE) as f64));
    log.restart();
    let options = Options { bytes_per_second: Some(1_000), ..Options::default() };
    let task = tokio::spawn(run(forwarder(options, &log, &receiver), HOUR));
    tokio::time::sleep(Duration::from_secs(5)).await;
    log.poll(10 * MINUTE, &all[..1], (10 * MINUTE) as f64);
    task.await.unwrap();
    let requests = receiver.with(|state| state.requests.clone());
    let newest = requests.iter().find(|it| it.2 == 10 * MINUTE).unwrap();
    assert!(newest.0 <= Duration::from_secs(10), "{requests:?}");
    assert_eq!(log.unacknowledged(), 0);
}

/// Polls that end within a moment travel together, and none waits longer than that moment.
#[tokio::test(start_paused = true)]
async fn what_comes_together_is_sent_together() {
    let log = Log::new(Order::InOrder);
    let receiver = Receiver::new(State::default());
    let all = series(metric::HW_POWER, "pdu-a", 1);
    let options = Options { linger: Duration::from_secs(2), ..Options::default() };
    let task = tokio::spawn(run(forwarder(options, &log, &receiver), HOUR));
    for at in 0..60 {
        tokio::time::sleep(Duration::from_millis(if at % 20 == 0 { 60_000 } else { 50 })).await;
        log.poll(at, &all, 0.0);
    }
    task.await.unwrap();
    let requests = receiver.with(|state| state.requests.clone());
    assert_eq!(requests.iter().map(|it| it.1).collect::<Vec<_>>(), [20, 20, 20]);
}
