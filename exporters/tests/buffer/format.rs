//! Logs that earlier versions wrote are read by this one. `docs/buffer-format.md` describes them.

use std::path::{Path, PathBuf};

use exporters::buffer::inspect::{Depth, inspect};
use exporters::buffer::{Boot, Buffer, Moment, Order};

use crate::support::{Source, T0, drain, ends, killed, open_small};

/// A clock of the boot of the fixture. It was not known for the first ten reports.
fn clock(second: i64) -> Moment {
    let monotonic = std::time::Duration::from_millis(u64::try_from(1_000_000 + second * 1_000).unwrap());
    let (wall, synchronised) =
        if second < 10 { (second * 1_000, false) } else { (T0 + second * 1_000, true) };
    Moment { boot: Boot(0x1234_5678_9abc_def0_1122_3344_5566_7788), monotonic, wall, synchronised }
}

/// What a report says: a ramp, a constant, a value of many digits, and one that comes and goes.
fn values(second: i64) -> [Option<f64>; 4] {
    let x = second as f64;
    [Some(x / 4.0), Some(20.5), Some((x + 0.1).sqrt()), (second % 8 != 5).then_some(-x / 10.0)]
}

fn folder(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/buffer/v{version}"))
}

fn fill(buffer: &Buffer) {
    let mut source = Source::new("pdu-1");
    for second in 0..40 {
        let now = clock(second);
        buffer.append(&source.report(now.wall, &values(second)), &now);
    }
    buffer.flush();
}

/// Run once for a new version: `LIGHTSOUT_FIXTURE=1 cargo test -p lightsout-exporters --test buffer -- --ignored write_the`.
#[test]
#[ignore = "writes the fixture of a new version"]
fn write_the_fixture_of_this_version() {
    if std::env::var_os("LIGHTSOUT_FIXTURE").is_none() {
        return;
    }
    let work = tempfile::tempdir().unwrap();
    let (buffer, _) = open_small(work.path(), 300);
    let (oldest, newest) =
        (buffer.reader("oldest", Order::InOrder), buffer.reader("newest", Order::LiveFirst));
    fill(&buffer);
    let first = oldest.backlog(20, &clock(60)).unwrap();
    oldest.acknowledge(first.entries);
    let last = newest.live(8, &clock(60)).unwrap();
    newest.acknowledge(last.entries);
    buffer.flush();
    let target = folder(1);
    std::fs::create_dir_all(&target).unwrap();
    for file in std::fs::read_dir(killed(work.path()).path()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), target.join(file.file_name())).unwrap();
    }
}

#[test]
fn version_1_is_read() {
    let copy = killed(&folder(1));
    let seen = inspect(copy.path(), Depth::Everything).unwrap();
    assert!(seen.is_whole());
    assert!(seen.files.iter().any(|file| file.sealed) && seen.files.iter().any(|file| !file.sealed));
    let expected: Vec<_> = (0..40)
        .flat_map(|second| {
            let series = values(second).into_iter().enumerate();
            series.filter_map(move |(number, value)| Some((format!("t{number}"), second * 1_000, value?)))
        })
        .collect();

    let (buffer, recovery) = Buffer::open(exporters::buffer::Options::new(copy.path()));
    assert_eq!((recovery.samples, recovery.torn_bytes, recovery.damage), (155, 0, Vec::new()));
    let sorted = |mut samples: Vec<(String, i64, f64)>| {
        samples.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        samples
    };
    let now = clock(60);
    let new = buffer.reader("new", Order::InOrder);
    let rest = new.backlog(1_000, &now).unwrap();
    assert_eq!(ends(&rest), [], "t3 came back each time");
    assert_eq!(sorted(drain(&new, 30, &now)), expected);
    // Five reports of four samples, less one, were acknowledged; and the last two.
    let oldest = sorted(drain(&buffer.reader("oldest", Order::InOrder), 30, &now));
    assert_eq!(oldest, expected[20..]);
    let newest = buffer.reader("newest", Order::LiveFirst);
    assert_eq!(sorted(drain(&newest, 30, &now)), expected[..expected.len() - 8]);
}
