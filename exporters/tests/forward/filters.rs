//! What a filter leaves out is waited for by nobody, and what it lets through goes in time.

use std::time::Duration;

use exporters::buffer::Order;
use exporters::forward::{ACKED, Filter, Options, Selector, Summary};
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
    run(forwarder(Options { filter, ..Options::default() }, &log, &receiver), HOUR).await;
    assert_eq!((log.unacknowledged(), receiver.with(|state| state.requests.len())), (0, 0));
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
