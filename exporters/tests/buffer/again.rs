//! What a destination has is given out again, on request, until it says that it need not be.

use std::ops::Range;

use exporters::buffer::batch::Batch;
use exporters::buffer::{Boot, Buffer, Lag, Moment, Order, Reader};

use crate::support::{Source, T0, at, open_small, samples};

/// Values of a segment: three reports, each counting 16 besides its sample.
const SEGMENT: u64 = 51;

const NONE: Vec<u64> = Vec::new();

/// Appends a report each second.
fn fill(buffer: &Buffer, times: Range<i64>) {
    let mut source = Source::new("pdu");
    for time in times {
        let now = at(time * 1_000);
        buffer.append(&source.report(now.wall, &[Some(time as f64)]), &now);
    }
    buffer.flush();
}

/// A log of so many reports, which the destination "one" has.
fn had_by_one(reports: u32) -> (tempfile::TempDir, Buffer, Reader) {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, _) = open_small(folder.path(), SEGMENT);
    let reader = buffer.reader_again("one", Order::InOrder);
    fill(&buffer, 0..reports.into());
    reader.acknowledge(0..reports.into());
    (folder, buffer, reader)
}

/// The entries that a lane gives, which hold their own number at its second.
fn all(again: impl Fn(u64) -> Option<Batch>) -> Vec<u64> {
    let (mut from, mut entries) = (0, Vec::new());
    while let Some(batch) = again(from) {
        assert!(batch.entries.start >= from && !batch.entries.is_empty(), "{:?} from {from}", batch.entries);
        let expected: Vec<_> =
            batch.entries.clone().map(|it| ("t0".into(), it as i64 * 1_000, it as f64)).collect();
        assert_eq!(samples(&batch), expected);
        from = batch.entries.end;
        entries.extend(batch.entries);
    }
    entries
}

fn lanes(reader: &Reader, now: &Moment) -> [Vec<u64>; 2] {
    [all(|from| reader.backlog_again(from, 2, now)), all(|from| reader.live_again(from, 2, now))]
}

/// The cursor tells what went in which lane.
#[test]
fn each_lane_has_its_own_again() {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, _) = open_small(folder.path(), SEGMENT);
    let [one, two, three] = [("one", Order::InOrder), ("two", Order::LiveFirst), ("three", Order::LiveFirst)]
        .map(|(name, order)| buffer.reader_again(name, order));
    fill(&buffer, 0..20);
    one.acknowledge(0..7);
    two.acknowledge(0..7);
    three.acknowledge(0..4);
    three.acknowledge(9..12);
    three.acknowledge(15..17);
    drop((buffer, one, two, three));

    let (buffer, _) = open_small(folder.path(), SEGMENT);
    let now = at(60_000);
    let lanes = |name, order| lanes(&buffer.reader_again(name, order), &now);
    assert_eq!(lanes("one", Order::InOrder), [(0..7).collect(), NONE]);
    assert_eq!(lanes("two", Order::LiveFirst), [NONE, (0..7).collect()]);
    assert_eq!(lanes("three", Order::LiveFirst), [(0..4).collect(), vec![9, 10, 11, 15, 16]]);
    assert_eq!(lanes("three", Order::InOrder), [vec![0, 1, 2, 3, 9, 10, 11, 15, 16], NONE]);
    assert_eq!(lanes("new", Order::LiveFirst), [NONE, NONE]);
}

/// A box without a battery for its clock: what is known of the time before the power cut is known.
#[test]
fn a_clock_that_is_wrong_takes_no_time_from_what_was_sent() {
    let (folder, buffer, reader) = had_by_one(10);
    drop((buffer, reader));

    let (buffer, _) = open_small(folder.path(), SEGMENT);
    let reader = buffer.reader_again("one", Order::InOrder);
    let now = Moment { boot: Boot(2), wall: at(0).wall - T0, synchronised: false, ..at(0) };
    assert_eq!(lanes(&reader, &now), [(0..10).collect(), NONE]);
}

/// Also before anybody has asked, as right after a start, when the first destination acknowledges and the second was not
/// begun.
#[test]
fn what_is_held_stays_and_then_goes() {
    let (folder, buffer, reader) = had_by_one(20);
    drop((buffer, reader));

    let (buffer, _) = open_small(folder.path(), SEGMENT);
    let now = at(60_000);
    let other = buffer.reader("other", Order::InOrder);
    fill(&buffer, 20..21);
    other.acknowledge(0..21);
    buffer.flush();
    let reader = buffer.reader_again("one", Order::InOrder);
    assert_eq!(lanes(&reader, &now)[0], (0..20).collect::<Vec<u64>>());
    reader.hold(10);
    reader.acknowledge(20..21);
    buffer.flush();
    assert_eq!(lanes(&reader, &now)[0], (9..21).collect::<Vec<u64>>(), "whole segments");
    assert_eq!(reader.lag(&now), Lag::default(), "it waits for nothing");
    reader.hold(u64::MAX);
    fill(&buffer, 21..22);
    reader.acknowledge(21..22);
    other.acknowledge(21..22);
    buffer.flush();
    assert!(lanes(&reader, &now)[0].first().is_none_or(|&first| first >= 18));
}

/// A damaged file gives nothing again, and is no loss to whom it reached.
#[test]
fn damage_of_what_was_sent_is_no_loss() {
    let (folder, buffer, reader) = had_by_one(10);
    let file = folder.path().join(format!("{:016x}.segment", 3));
    std::fs::write(&file, vec![0xff; std::fs::metadata(&file).unwrap().len() as usize]).unwrap();
    let now = at(60_000);
    assert_eq!(lanes(&reader, &now)[0], [0, 1, 2, 6, 7, 8, 9]);
    assert!(reader.lost().is_empty() && buffer.figures(&now).lost.is_empty());
}
