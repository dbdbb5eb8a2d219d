//! What a filter leaves out is waited for by nobody, and what it lets through goes in time.

use std::time::Duration;

use exporters::buffer::Order;
use exporters::forward::{ACKED, Filter, Options, Outcome, Selector, Summary};
use model::metric;

use crate::log::{Log, series};
use crate::receiver::{Receiver, State};
use crate::retries::{MINUTE, forwarder, retry, run};

const HOUR: Duration = Duration::from_secs(3_600);

fn any(metric: &str) -> Selector {
    Selector { metric: metric.into(), labels: Vec::new() }
}

/// Time in minutes and value of what was stored, oldest first.
fn stored(receiver: &Receiver) -> Vec<(i64, f64)> {
    let mut stored: Vec<_> = receiver
        .with(|state| state.stored.iter().map(|((_, at), (value, _))| (at / MINUTE, *value)).collect());
    stored.sort_by_key(|sample| sample.0);
    stored
}

#[tokio::test(start_paused = true)]
async fn what_is_left_out_is_acknowledged_without_a_request() {
    let log = Log::new(Order::InOrder);
    let receiver = Receiver::new(State::default());
    let all = series(metric::HW_POWER, "pdu-a", 3);
    (0..100).for_each(|at| log.poll(at * MINUTE, &all, 1.0));
    let filter = Filter { drop: vec![any("hw_power_watts")], ..Filter::default() };
    let forwarder = forwarder(Options { filter, ..Options::default() }, &log, &receiver);
    let status = forwarder.status();
    run(forwarder, HOUR).await;
    assert_eq!((log.unacknowledged(), receiver.with(|state| state.requests.len())), (0, 0));
    assert_eq!(status.figures().newest, Some(99 * MINUTE), "it does not lag behind");
}

/// Eight polls, of which one for five minutes is sent: also the one whose five minutes are not over at the end.
#[tokio::test(start_paused = true)]
async fn what_was_held_back_is_sent_at_the_end() {
    let log = Log::new(Order::InOrder);
    let receiver = Receiver::new(State::default());
    let all = series(metric::HW_POWER, "pdu-a", 1);
    (0..8).for_each(|at| log.poll(at * MINUTE, &all, (at * 10) as f64));
    let filter =
        Filter { thin: vec![(any("*"), Duration::from_secs(300), Summary::Mean)], ..Filter::default() };
    let forwarder = forwarder(Options { filter, batch_samples: 3, ..Options::default() }, &log, &receiver);
    let status = forwarder.status();
    run(forwarder, HOUR).await;
    assert_eq!(stored(&receiver), [(4, 20.0), (7, 60.0)]);
    assert_eq!((log.unacknowledged(), status.figures().samples[ACKED]), (0, 2));
}

/// A program that ends with a backlog leaves what it did not send of it, and no more. The third request failed, and its
/// samples wait for the fourth when it ends.
#[tokio::test(start_paused = true)]
async fn what_is_sent_of_a_backlog_at_the_end_does_not_wait_any_more() {
    let log = Log::new(Order::LiveFirst);
    let script = [Outcome::Accepted, Outcome::Accepted, retry(Some(600))].into();
    let receiver = Receiver::new(State { takes: Duration::from_secs(10), script, ..State::default() });
    let all = series(metric::HW_POWER, "pdu-a", 1);
    (0..100).for_each(|at| log.poll(at * MINUTE, &all, at as f64));
    log.restart();
    let filter =
        Filter { thin: vec![(any("*"), Duration::from_secs(300), Summary::Last)], ..Filter::default() };
    let last_try = Duration::from_secs(60);
    let options = Options { filter, batch_samples: 2, last_try, ..Options::default() };
    run(forwarder(options, &log, &receiver), Duration::from_secs(120)).await;
    let minutes: Vec<_> = stored(&receiver).iter().map(|sample| sample.0).collect();
    let last = *minutes.last().unwrap();
    assert!(minutes.starts_with(&[4, 9, 14]) && last < 20, "{minutes:?}");
    assert_eq!(log.unacknowledged(), 100 - (last as usize + 1), "{minutes:?}");
}

/// A state that changed while the receiver was away is in the first request that arrives, although it is no news
/// by then to the forwarder.
#[tokio::test(start_paused = true)]
async fn a_change_during_an_outage_is_the_first_to_arrive() {
    let log = Log::new(Order::LiveFirst);
    let receiver = Receiver::new(State { script: vec![retry(Some(60)); 5].into(), ..State::default() });
    let all = series(metric::HW_STATUS, "pdu-a", 1);
    let filter = Filter { on_change: vec![(any("hw_status"), HOUR)], ..Filter::default() };
    let options = Options { filter, batch_samples: 1, ..Options::default() };
    let task = tokio::spawn(run(forwarder(options, &log, &receiver), HOUR));
    for at in 0..6 {
        log.poll(at * MINUTE, &all, if at < 3 { 1.0 } else { 0.0 });
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    task.await.unwrap();
    let (requests, failed) = receiver.with(|state| (state.requests.clone(), state.failed as usize));
    assert_eq!((failed, requests[failed].3 / MINUTE), (5, 5), "{requests:?}");
    assert_eq!(stored(&receiver), [(0, 1.0), (3, 0.0), (5, 0.0)]);
    assert_eq!(log.unacknowledged(), 0);
}

/// Two outages shortly after each other: in each the state fails for a moment, and that both times is what the backlog
/// has to tell, although in between the newest readings said otherwise.
#[tokio::test(start_paused = true)]
async fn a_change_in_a_second_outage_is_no_repetition_of_the_first() {
    let log = Log::new(Order::LiveFirst);
    let script = vec![Outcome::Accepted, Outcome::Accepted, retry(Some(90))].into();
    let receiver = Receiver::new(State { script, ..State::default() });
    let all = series(metric::HW_STATUS, "pdu-a", 1);
    log.poll(0, &all, 1.0);
    log.restart();
    let filter = Filter { on_change: vec![(any("hw_status"), HOUR)], ..Filter::default() };
    let options = Options { filter, ..Options::default() };
    let task = tokio::spawn(run(forwarder(options, &log, &receiver), HOUR));
    for (at, failed) in [(1, 0.0), (2, 1.0), (3, 0.0)] {
        tokio::time::sleep(Duration::from_secs(60)).await;
        log.poll(at * MINUTE, &all, failed);
    }
    task.await.unwrap();
    assert_eq!(stored(&receiver), [(0, 1.0), (1, 0.0), (2, 1.0), (3, 0.0)]);
}

/// What the live lane leaves to the backlog may be a change: then what follows it is one as well.
#[tokio::test(start_paused = true)]
async fn what_follows_a_change_that_went_another_way_is_a_change() {
    let log = Log::new(Order::LiveFirst);
    let receiver = Receiver::new(State::default());
    let all = series(metric::HW_STATUS, "pdu-a", 1);
    let filter = Filter { on_change: vec![(any("hw_status"), HOUR)], ..Filter::default() };
    let options = Options { filter, batch_samples: 1, ..Options::default() };
    let task = tokio::spawn(run(forwarder(options, &log, &receiver), HOUR));
    tokio::time::sleep(Duration::from_secs(1)).await;
    log.poll(MINUTE, &all, 1.0);
    tokio::time::sleep(Duration::from_secs(60)).await;
    log.poll(2 * MINUTE, &all, 0.0);
    log.poll(3 * MINUTE, &all, 1.0);
    task.await.unwrap();
    assert_eq!(stored(&receiver), [(1, 1.0), (2, 0.0), (3, 1.0)]);
}

/// The last five minutes before an outage were acknowledged as they came, and are in a request that fails and is never
/// sent again, for newer samples take its place.
#[tokio::test(start_paused = true)]
async fn what_was_held_back_before_an_outage_arrives_after_it() {
    let log = Log::new(Order::LiveFirst);
    let receiver = Receiver::new(State { script: vec![retry(Some(90))].into(), ..State::default() });
    let all = series(metric::HW_POWER, "pdu-a", 1);
    let filter =
        Filter { thin: vec![(any("*"), Duration::from_secs(300), Summary::Max)], ..Filter::default() };
    let options = Options { filter, ..Options::default() };
    let task = tokio::spawn(run(forwarder(options, &log, &receiver), HOUR));
    for at in 0..9 {
        tokio::time::sleep(Duration::from_secs(60)).await;
        log.poll(at * MINUTE, &all, if at == 3 { 100.0 } else { at as f64 });
    }
    task.await.unwrap();
    assert_eq!(receiver.with(|state| state.failed), 1);
    assert!(stored(&receiver).contains(&(3, 100.0)), "{:?}", stored(&receiver));
    assert_eq!(log.unacknowledged(), 0);
}

/// The backlog's failure says nothing of what was held back: it is tried at the end all the same.
#[tokio::test(start_paused = true)]
async fn what_was_held_back_is_tried_at_the_end_even_after_a_failure() {
    let log = Log::new(Order::LiveFirst);
    let receiver = Receiver::new(State { script: vec![retry(Some(600))].into(), ..State::default() });
    let all = series(metric::HW_POWER, "pdu-a", 1);
    (0..6).for_each(|at| log.poll(at * MINUTE, &all, at as f64));
    log.restart();
    let filter =
        Filter { thin: vec![(any("*"), Duration::from_secs(300), Summary::Last)], ..Filter::default() };
    let options = Options { filter, ..Options::default() };
    let task = tokio::spawn(run(forwarder(options, &log, &receiver), Duration::from_secs(5)));
    tokio::time::sleep(Duration::from_secs(3)).await;
    log.poll(10 * MINUTE, &all, 10.0);
    task.await.unwrap();
    assert_eq!(receiver.with(|state| state.failed), 1);
    assert_eq!(stored(&receiver), [(4, 4.0), (5, 5.0), (10, 10.0)]);
    assert_eq!(log.unacknowledged(), 0);
}

/// The five minutes in which an outage ended are in the backlog and in the live lane.
#[tokio::test(start_paused = true)]
async fn the_end_of_a_backlog_goes_on_in_the_live_lane() {
    let log = Log::new(Order::LiveFirst);
    let receiver = Receiver::new(State::default());
    let all = series(metric::HW_POWER, "pdu-a", 1);
    (0..8).for_each(|at| log.poll(at * MINUTE, &all, if at == 7 { 100.0 } else { at as f64 }));
    log.restart();
    let filter =
        Filter { thin: vec![(any("*"), Duration::from_secs(300), Summary::Max)], ..Filter::default() };
    let task = tokio::spawn(run(forwarder(Options { filter, ..Options::default() }, &log, &receiver), HOUR));
    for at in 8..20 {
        log.poll(at * MINUTE, &all, at as f64);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(log.unacknowledged(), 0, "at {at}");
    }
    assert_eq!(stored(&receiver), [(4, 4.0), (7, 100.0), (14, 14.0)]);
    task.await.unwrap();
}
