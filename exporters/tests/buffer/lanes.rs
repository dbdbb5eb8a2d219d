//! The lanes of a destination: the backlog strictly oldest first, or the newest before it.

use std::sync::Arc;

use exporters::buffer::{Buffer, Lag, Loss, Options, Order};

use crate::support::{Source, at, ends, samples};

fn sample(id: &str, time: i64, value: f64) -> (String, i64, f64) {
    (id.to_owned(), time, value)
}

fn open() -> (tempfile::TempDir, Buffer) {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, _) = Buffer::open(Options::new(folder.path().join("buffer")));
    (folder, buffer)
}

fn fill(buffer: &Buffer, source: &mut Source, times: std::ops::Range<i64>) {
    for time in times {
        let now = at(time * 1_000);
        buffer.append(&source.report(now.wall, &[Some(time as f64), Some(20.5)]), &now);
    }
    buffer.flush();
}

#[test]
fn in_order_gives_the_oldest_again_until_it_is_acknowledged() {
    let (_folder, buffer) = open();
    let reader = buffer.reader("a", Order::InOrder);
    fill(&buffer, &mut Source::new("pdu"), 0..3);
    let now = at(60_000);
    assert!(reader.live(100, &now).is_none());
    let first = reader.backlog(4, &now).unwrap();
    let expected =
        [sample("t0", 0, 0.0), sample("t0", 1_000, 1.0), sample("t1", 0, 20.5), sample("t1", 1_000, 20.5)];
    assert_eq!(samples(&first), expected);
    assert_eq!(samples(&reader.backlog(4, &now).unwrap()), expected);
    let lag = Lag { samples: 6, oldest: Some(std::time::Duration::from_secs(60)) };
    assert_eq!(reader.lag(&now), lag);
    reader.acknowledge(first.entries);
    let second = reader.backlog(4, &now).unwrap();
    assert_eq!(samples(&second), [sample("t0", 2_000, 2.0), sample("t1", 2_000, 20.5)]);
    reader.acknowledge(second.entries);
    assert!(reader.backlog(4, &now).is_none());
    assert_eq!(reader.lag(&now), Lag::default());
}

#[test]
fn live_first_gives_the_newest_and_then_what_it_passed_by() {
    let (_folder, buffer) = open();
    let mut source = Source::new("pdu");
    let reader = buffer.reader("a", Order::LiveFirst);
    fill(&buffer, &mut source, 0..5);
    let now = at(60_000);
    let live = reader.live(4, &now).unwrap();
    assert_eq!(samples(&live)[..2], [sample("t0", 3_000, 3.0), sample("t0", 4_000, 4.0)]);
    assert!(reader.live(4, &now).is_none());
    let backlog = reader.backlog(100, &now).unwrap();
    assert_eq!(samples(&backlog)[..3].iter().map(|s| s.1).collect::<Vec<_>>(), [0, 1_000, 2_000]);
    reader.acknowledge(backlog.entries);
    assert!(reader.backlog(100, &now).is_none(), "the live batch is still under way");
    fill(&buffer, &mut source, 5..6);
    let newer = reader.live(4, &now).unwrap();
    assert_eq!(samples(&newer)[..1], [sample("t0", 5_000, 5.0)]);
    let given_up = reader.backlog(100, &now).unwrap();
    assert_eq!(given_up.entries, live.entries, "a live batch that was not acknowledged is backlog");
    reader.acknowledge(given_up.entries);
    reader.acknowledge(newer.entries);
    assert_eq!(reader.lag(&now), Lag::default());
}

#[test]
fn one_destination_does_not_move_another() {
    let (_folder, buffer) = open();
    let (one, two) = (buffer.reader("one", Order::InOrder), buffer.reader("two", Order::InOrder));
    fill(&buffer, &mut Source::new("pdu"), 0..3);
    let now = at(60_000);
    one.acknowledge(0..3);
    two.lose(Loss::Rejected, 7);
    assert_eq!((one.lag(&now).samples, two.lag(&now).samples), (0, 6));
    assert_eq!(buffer.figures(&now).waiting, 6);
    assert_eq!(buffer.figures(&now).lost.get(&Loss::Rejected), Some(&7));
    assert!(one.lost().is_empty());
    buffer.keep(&["one"]);
    assert_eq!(buffer.figures(&now).waiting, 0);
}

#[test]
fn series_end_when_a_report_lacks_them_and_when_their_device_leaves() {
    let (_folder, buffer) = open();
    let mut source = Source::new("pdu");
    let reader = buffer.reader("a", Order::InOrder);
    let now = at(60_000);
    for (time, values) in [(0, [Some(1.0), Some(2.0)]), (1_000, [Some(1.0), None])] {
        buffer.append(&source.report(at(time).wall, &values), &at(time));
    }
    buffer.flush();
    let batch = reader.backlog(100, &now).unwrap();
    assert_eq!(ends(&batch), [("t1".to_owned(), 1_000)]);
    reader.acknowledge(batch.entries);
    buffer.append(&source.report(at(2_000).wall, &[None, Some(3.0)]), &at(2_000));
    buffer.end("pdu", &at(3_000));
    buffer.flush();
    let batch = reader.backlog(100, &now).unwrap();
    assert_eq!(samples(&batch), [sample("t1", 2_000, 3.0)]);
    assert_eq!(ends(&batch), [("t0".to_owned(), 2_000), ("t1".to_owned(), 3_000)]);
}

/// A counter that falls is taken for one that began anew, and what is left of it for losses.
#[test]
fn losses_of_a_destination_that_is_no_more_stay_counted() {
    let (_folder, buffer) = open();
    let (one, two) = (buffer.reader("one", Order::InOrder), buffer.reader("two", Order::InOrder));
    one.lose(Loss::Rejected, 7);
    two.lose(Loss::Rejected, 5);
    drop(two);
    buffer.keep(&["one"]);
    assert_eq!(buffer.figures(&at(0)).lost.get(&Loss::Rejected), Some(&12));
    drop(one);
    buffer.keep(&["new"]);
    assert_eq!(buffer.figures(&at(0)).lost.get(&Loss::Rejected), Some(&12));
}

/// A link that carries only every other report leaves a gap at each; a destination with as many as are kept goes on.
#[test]
fn a_destination_with_too_many_gaps_passes_over_reports_that_say_nothing() {
    let (_folder, buffer) = open();
    let mut source = Source::new("pdu");
    let reader = Arc::new(buffer.reader("a", Order::LiveFirst));
    (0..21).for_each(|part| fill(&buffer, &mut source, part * 100..part * 100 + 100));
    (0..1_030).for_each(|number| reader.acknowledge(2 * number + 1..2 * number + 2));
    let now = at(3_000_000);
    let mut nothing = |time: i64| {
        buffer.append(&source.report(at(time * 1_000).wall, &[]), &at(time * 1_000));
        buffer.flush();
    };
    nothing(2_100);
    while reader.live(10, &now).is_some() {}
    nothing(2_101);
    let (done, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(reader.live(10, &now).map(|batch| batch.entries)));
    assert_eq!(wait.recv_timeout(std::time::Duration::from_secs(60)), Ok(None), "it came to an end");
}
