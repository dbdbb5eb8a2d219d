//! What a filter held back when the program was killed is in samples that were acknowledged: it is taken up again.

use std::collections::BTreeMap;
use std::time::Duration;

use exporters::buffer::Order;
use exporters::forward::{Filter, Forwarder, Options, Outcome, Selector, Summary};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::pole::Pole;
use crate::receiver::{Link, Receiver, State};
use crate::retries::{MINUTE, retry};

/// Some time in November 2026, on a whole hour.
const STARTED: i64 = 1_795_003_200_000;

const POLL: Duration = Duration::from_secs(60);

/// A segment of three polls of four outlets, of which each counts 16 more.
const SEGMENT: u64 = 60;

/// A destination that gets one sample for each stretch of so many minutes, and of so many of the last outlet.
fn destination(summary: Summary, stretch: u64, of_last: u64) -> Options {
    let minutes = |count| Duration::from_secs(count * 60);
    let any = |labels| Selector { metric: "*".into(), labels };
    let last = any(vec![("hw_id".to_owned(), "outlet-3".to_owned())]);
    let thin = vec![(last, minutes(of_last), summary), (any(Vec::new()), minutes(stretch), summary)];
    Options { filter: Filter { thin, ..Filter::default() }, ..Options::default() }
}

fn start(
    pole: &Pole,
    order: Order,
    options: &Options,
    receiver: &Receiver,
    time: Duration,
) -> JoinHandle<()> {
    let source = pole.source_again("one", order);
    let forwarder = Forwarder::new(options.clone(), source, Link::new(receiver), fastrand::Rng::with_seed(7));
    tokio::spawn(forwarder.run(sleep(time)))
}

/// The program is killed, and starts again.
async fn kill(pole: Pole, task: JoinHandle<()>) -> Pole {
    task.abort();
    let _ = task.await;
    pole.restart()
}

/// Each outlet has the same value.
async fn poll(pole: &mut Pole, value: f64) {
    pole.poll(&[value; 4]);
    sleep(POLL).await;
}

/// Minutes since the start and values of the samples of an outlet.
fn stored(receiver: &Receiver, outlet: &str) -> Vec<(i64, f64)> {
    receiver.with(|state| {
        let stored = state.stored.iter().filter(|sample| sample.0.0.contains(outlet));
        stored.map(|((_, at), (value, _))| ((at - STARTED) / MINUTE, *value)).collect()
    })
}

/// Killed twice within an hour: the mean is that of the whole hour. With small segments most of that hour is in files that
/// the destination has; they go once the mean has arrived.
#[tokio::test(start_paused = true)]
async fn the_mean_of_an_hour_outlives_two_kills() {
    for (order, segment) in [(Order::InOrder, SEGMENT), (Order::LiveFirst, 100 * SEGMENT)] {
        let options = destination(Summary::Mean, 60, 60);
        let receiver = Receiver::new(State { in_order: order == Order::InOrder, ..State::default() });
        let mut pole = Pole::with_segments(STARTED, segment);
        for polls in [0..20, 20..35] {
            let task = start(&pole, order, &options, &receiver, Duration::MAX);
            for minute in polls {
                poll(&mut pole, f64::from(minute)).await;
            }
            assert_eq!(pole.waiting(), 0, "{order:?}: all acknowledged");
            pole = kill(pole, task).await;
        }
        assert!(receiver.with(|state| state.stored.is_empty()));
        let task = start(&pole, order, &options, &receiver, Duration::from_secs(28 * 60));
        for minute in 35..60 {
            poll(&mut pole, f64::from(minute)).await;
        }
        assert!(segment > SEGMENT || pole.files() >= 20, "{order:?}: {} files", pole.files());
        for minute in 60..63 {
            poll(&mut pole, f64::from(minute)).await;
        }
        task.await.unwrap();
        assert_eq!(stored(&receiver, "outlet-0"), [(59, 29.5), (62, 61.0)], "{order:?}");
        pole.poll(&[0.0; 4]);
        assert!(pole.files() <= 2, "{order:?}: {} files", pole.files());
    }
}

/// Polls, refusals and kills as they come, in files of three polls: the highest value of each stretch arrives at its time,
/// in order nothing else, and in no case what was not measured.
#[tokio::test(start_paused = true)]
async fn whenever_it_is_killed_the_highest_value_of_each_stretch_arrives() {
    // The last one is where the live lane goes on before what the backlog held back is on its way.
    for seed in (0..14).chain([63]) {
        let order = if seed % 2 == 0 { Order::InOrder } else { Order::LiveFirst };
        let mut random = fastrand::Rng::with_seed(seed);
        let options = destination(Summary::Max, 10, 30);
        let receiver = Receiver::new(State { in_order: order == Order::InOrder, ..State::default() });
        let mut pole = Pole::with_segments(STARTED, SEGMENT);
        let mut task = start(&pole, order, &options, &receiver, Duration::MAX);
        let mut measured = BTreeMap::new();
        for minute in 0..120 {
            let value = random.f64() * 100.0;
            measured.insert(minute, value);
            poll(&mut pole, value).await;
            if random.u8(..) < 20 {
                let refusals = (0..random.usize(1..12)).map(|_| retry(None));
                receiver.with(|state| state.script.extend(refusals));
            }
            if random.u8(..) < 25 {
                pole = kill(pole, task).await;
                task = start(&pole, order, &options, &receiver, Duration::MAX);
            }
        }
        pole = kill(pole, task).await;
        receiver.with(|state| state.script.clear());
        start(&pole, order, &options, &receiver, Duration::from_secs(3_600)).await.unwrap();
        for (outlet, stretch) in [("outlet-0", 10), ("outlet-3", 30)] {
            let stored = stored(&receiver, outlet);
            let invented: Vec<_> = stored.iter().filter(|sample| measured[&sample.0] != sample.1).collect();
            assert!(invented.is_empty(), "{seed}, {order:?}, {outlet}: {invented:?}");
            let one_each = stored.len() == 120 / stretch;
            assert!(one_each || order == Order::LiveFirst, "{seed}, {outlet}: {stored:?}");
            for from in (0..120).step_by(stretch) {
                let values = measured.range(from..from + stretch as i64);
                let highest = values.max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
                let arrived = stored.contains(&(*highest.0, *highest.1));
                assert!(arrived, "{seed}, {order:?}, {outlet}, {from}: {highest:?} is not in {stored:?}");
            }
        }
        assert_eq!(pole.waiting(), 0, "{seed}, {order:?}");
    }
}

/// Killed after any number of requests once the link is back: also between the backlog's last entries and the samples that
/// the filter made of them.
#[tokio::test(start_paused = true)]
async fn a_backlog_is_whole_wherever_it_is_killed() {
    for requests in 0..6 {
        let options = Options { batch_samples: 4, ..destination(Summary::Max, 10, 30) };
        let receiver = Receiver::new(State::default());
        let mut pole = Pole::new(STARTED);
        let task = start(&pole, Order::LiveFirst, &options, &receiver, Duration::MAX);
        let down = || (0..1_000).map(|_| retry(None));
        receiver.with(|state| state.script.extend(down()));
        for minute in 0..40 {
            if minute == 30 {
                let up = (0..requests).map(|_| Outcome::Accepted);
                receiver.with(|state| state.script = up.chain(down()).collect());
            }
            poll(&mut pole, f64::from(minute)).await;
        }
        pole = kill(pole, task).await;
        receiver.with(|state| state.script.clear());
        start(&pole, Order::LiveFirst, &options, &receiver, Duration::from_secs(3_600)).await.unwrap();
        for (outlet, last) in [("outlet-0", &[9, 19, 29, 39][..]), ("outlet-3", &[29, 39])] {
            let stored = stored(&receiver, outlet);
            let arrived = |minute: &i64| stored.contains(&(*minute, *minute as f64));
            assert!(last.iter().all(arrived), "{requests} requests, {outlet}: {stored:?}");
        }
        assert_eq!(pole.waiting(), 0);
    }
}
