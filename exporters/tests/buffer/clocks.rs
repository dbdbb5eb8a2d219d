//! Clocks that are wrong, unknown or set: times are right once the clock is known, and never in its future.

use std::time::Duration;

use exporters::buffer::{Boot, Loss, Moment, Order};

use crate::support::{Source, T0, drain, open_small, samples};

/// Seventy years in milliseconds.
const JUMP: i64 = 70 * 31_556_952_000;

/// A clock of a boot, so many seconds after it, which is off by this much.
fn clock(boot: u128, seconds: i64, off: i64, synchronised: bool) -> Moment {
    let monotonic = Duration::from_secs(u64::try_from(seconds).unwrap());
    Moment { boot: Boot(boot), monotonic, wall: T0 + seconds * 1_000 + off, synchronised }
}

#[test]
fn what_came_before_the_clock_was_known_gets_its_time_afterwards() {
    for off in [-JUMP, JUMP, -T0, 3_600_000] {
        let folder = tempfile::tempdir().unwrap();
        let (buffer, _) = open_small(folder.path(), 60);
        let reader = buffer.reader("a", Order::InOrder);
        let mut source = Source::new("pdu");
        for second in 0..10 {
            let now = clock(1, second, off, false);
            buffer.append(&source.report(now.wall, &[Some(second as f64)]), &now);
        }
        buffer.flush();
        assert!(reader.backlog(100, &clock(1, 10, off, false)).is_none(), "nobody knows the time");
        let now = clock(1, 20, 0, true);
        buffer.append(&source.report(now.wall, &[Some(20.0)]), &now);
        drop((buffer, reader));

        let (buffer, _) = open_small(folder.path(), 60);
        let later = clock(2, 3_600, 0, true);
        let found = drain(&buffer.reader("a", Order::InOrder), 4, &later);
        let expected: Vec<_> =
            (0..10).chain([20]).map(|second| ("t0".to_owned(), second * 1_000, second as f64)).collect();
        assert_eq!(found, expected, "off by {off} ms");
    }
}

/// Or nobody is told that nothing is sent: an alert on the age of what waits has nothing to compare.
#[test]
fn what_waits_grows_old_while_the_clock_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, _) = open_small(folder.path(), 60);
    let reader = buffer.reader("a", Order::InOrder);
    let mut source = Source::new("pdu");
    for second in 0..3 {
        let now = clock(1, second, -JUMP, false);
        buffer.append(&source.report(now.wall, &[Some(1.0)]), &now);
    }
    buffer.flush();
    let now = clock(1, 600, -JUMP, false);
    assert_eq!(reader.lag(&now).oldest, Some(Duration::from_secs(600)));
    assert_eq!(buffer.figures(&now).oldest, Some(Duration::from_secs(600)));
    assert!(!buffer.figures(&now).dated);
    drop((buffer, reader));

    // Nobody ever knows how long ago another boot was.
    let (buffer, _) = open_small(folder.path(), 60);
    assert_eq!(buffer.reader("a", Order::InOrder).lag(&clock(2, 5, -JUMP, false)).oldest, None);
}

/// The kernel no longer calls a clock right that NTP has not been heard of for hours.
#[test]
fn a_clock_that_was_right_once_dates_what_comes_until_the_next_boot() {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, _) = open_small(folder.path(), 60);
    let reader = buffer.reader("a", Order::InOrder);
    let mut source = Source::new("pdu");
    for (second, synchronised) in [(1, true), (40_000, false)] {
        let now = clock(1, second, 0, synchronised);
        buffer.append(&source.report(now.wall, &[Some(21.0)]), &now);
        buffer.flush();
        assert!(buffer.figures(&now).dated);
        assert_eq!(drain(&reader, 4, &now), [("t0".to_owned(), second * 1_000, 21.0)]);
    }
    assert!(!buffer.figures(&clock(2, 5, 0, false)).dated);
}

#[test]
fn a_boot_that_ended_before_its_clock_was_known_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, _) = open_small(folder.path(), 60);
    let mut source = Source::new("pdu");
    for second in 0..5 {
        let now = clock(1, second, JUMP, false);
        buffer.append(&source.report(now.wall, &[Some(1.0), Some(2.0)]), &now);
    }
    drop(buffer);
    let (buffer, _) = open_small(folder.path(), 60);
    let reader = buffer.reader("a", Order::InOrder);
    let now = clock(2, 3_600, 0, true);
    buffer.append(&source.report(now.wall, &[Some(3.0)]), &now);
    buffer.flush();
    assert_eq!(drain(&reader, 100, &now), [("t0".to_owned(), 3_600_000, 3.0)]);
    assert_eq!(reader.lost().get(&Loss::Undated), Some(&10));
}

#[test]
fn a_clock_that_jumps_while_it_calls_itself_right_dates_nothing_in_the_future() {
    for jump in [-JUMP, JUMP] {
        let folder = tempfile::tempdir().unwrap();
        let (buffer, _) = open_small(folder.path(), 60);
        let reader = buffer.reader("a", Order::InOrder);
        let mut source = Source::new("pdu");
        let mut found = Vec::new();
        for second in 0..300 {
            let off = if (100..200).contains(&second) { jump } else { 0 };
            let now = clock(1, second, off, true);
            buffer.append(&source.report(now.wall, &[Some(second as f64)]), &now);
            buffer.flush();
            if second % 3 == 0
                && let Some(batch) = reader.backlog(5, &now)
            {
                assert!(batch.points.iter().all(|point| point.at <= now.wall), "second {second}");
                found.extend(samples(&batch));
                reader.acknowledge(batch.entries);
            }
        }
        let end = clock(1, 400, 0, true);
        found.extend(drain(&reader, 5, &end));
        assert_eq!(found.len(), 300, "each once, jump {jump}");
        for (_, at, value) in &found {
            let right = *value as i64 * 1_000;
            let wrong_then = (100.0..200.0).contains(value) && *at == right + jump;
            assert!(*at == right || wrong_then, "sample {value} at {at}");
        }
    }
}

#[test]
fn what_an_earlier_boot_dated_in_the_future_waits_and_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, _) = open_small(folder.path(), 60);
    let mut source = Source::new("pdu");
    for second in 0..5 {
        let now = clock(1, second, JUMP, true);
        buffer.append(&source.report(now.wall, &[Some(1.0)]), &now);
    }
    drop(buffer);
    let (buffer, _) = open_small(folder.path(), 60);
    let reader = buffer.reader("a", Order::InOrder);
    let now = clock(2, 3_600, 0, true);
    buffer.append(&source.report(now.wall, &[Some(2.0)]), &now);
    buffer.flush();
    assert_eq!(drain(&reader, 100, &now), [("t0".to_owned(), 3_600_000, 2.0)]);
    assert_eq!(reader.lag(&now).samples, 5);
    let then = clock(2, 3_700, JUMP, true);
    assert_eq!(drain(&reader, 100, &then).len(), 5);
}

/// A destination may ask between the moment when the clock is known and the first report after it.
#[test]
fn a_report_has_the_same_time_whenever_it_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, _) = open_small(folder.path(), 1_000);
    let reader = buffer.reader("a", Order::InOrder);
    let mut source = Source::new("pdu");
    for second in 0..5 {
        let now = clock(1, second, -JUMP, false);
        buffer.append(&source.report(now.wall, &[Some(second as f64)]), &now);
    }
    buffer.flush();
    let first = samples(&reader.backlog(100, &clock(1, 10, 0, true)).unwrap());
    // Two clocks are never asked at the same time, and one of them is slewed.
    for off in [1, -1, 400, -400] {
        let now = clock(1, 20, off, true);
        assert_eq!(samples(&reader.backlog(3, &now).unwrap()), first[..3], "off by {off} ms");
        buffer.append(&source.report(now.wall, &[Some(20.0)]), &now);
        buffer.flush();
        assert_eq!(samples(&reader.backlog(5, &now).unwrap()), first, "off by {off} ms, after a report");
    }
}

/// The program may end and start, as a container does, while nobody knows the time.
#[test]
fn what_several_starts_in_one_boot_wrote_gets_its_time_from_the_last_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut source = Source::new("pdu");
    for start in 0..3 {
        let (buffer, _) = open_small(folder.path(), 60);
        drop(buffer.reader("a", Order::InOrder));
        for second in start * 10..start * 10 + 5 {
            let now = clock(1, second, -JUMP, false);
            buffer.append(&source.report(now.wall, &[Some(second as f64)]), &now);
        }
        // Another machine's disk in the same box: its time is never known.
        let now = clock(2 + u128::from(start.unsigned_abs()), 500, JUMP, false);
        buffer.append(&source.report(now.wall, &[Some(-1.0)]), &now);
    }
    let (buffer, _) = open_small(folder.path(), 60);
    let reader = buffer.reader("a", Order::InOrder);
    let now = clock(1, 40, 0, true);
    buffer.append(&source.report(now.wall, &[Some(40.0)]), &now);
    buffer.flush();
    let found: Vec<i64> = drain(&reader, 3, &now).iter().map(|sample| sample.1 / 1_000).collect();
    let expected: Vec<i64> = (0..5).chain(10..15).chain(20..25).chain([40]).collect();
    assert_eq!(found, expected);
    assert_eq!(reader.lost().get(&Loss::Undated), Some(&3));
}
