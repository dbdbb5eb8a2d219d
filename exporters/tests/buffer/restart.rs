//! What was written is there after a restart, orderly or not, as far as it was not acknowledged.

use exporters::buffer::{Buffer, Lag, Loss, MIN_LIMIT, Moment, Options, Order, Storage, Trial};

use crate::support::{Source, at, drain, ends, killed, noise, samples, size_on_disk};

/// Appends reports of one device, a second apart.
fn fill(buffer: &Buffer, source: &mut Source, times: std::ops::Range<i64>) {
    for time in times {
        let now = at(time * 1_000);
        let values = [Some(time as f64), Some(20.5), (time % 7 != 3).then_some(-0.25 * time as f64)];
        buffer.append(&source.report(now.wall, &values), &now);
    }
    buffer.flush();
}

#[test]
fn a_restart_brings_back_what_was_not_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, recovery) = Buffer::open(Options::new(folder.path().join("new/buffer")));
    assert_eq!(recovery, Default::default());
    let (slow, fast) = (buffer.reader("slow", Order::InOrder), buffer.reader("fast", Order::InOrder));
    fill(&buffer, &mut Source::new("pdu"), 0..100);
    let now = at(200_000);
    assert_eq!(buffer.figures(&now).storage, Storage::Disk);
    let first = slow.backlog(60, &now).unwrap();
    slow.acknowledge(first.entries.clone());
    let rest = slow.backlog(1_000, &now).unwrap();
    drain(&fast, 50, &now);
    drop((buffer, slow, fast));

    let (buffer, recovery) = Buffer::open(Options::new(folder.path().join("new/buffer")));
    assert_eq!((recovery.entries, recovery.samples), (100, 286));
    assert_eq!((recovery.torn_bytes, recovery.damage, recovery.unusable), (0, Vec::new(), None));
    let (slow, fast) = (buffer.reader("slow", Order::InOrder), buffer.reader("fast", Order::InOrder));
    assert_eq!(fast.lag(&now), Lag::default());
    let again = slow.backlog(1_000, &now).unwrap();
    assert_eq!(
        (samples(&again), ends(&again), again.entries),
        (samples(&rest), ends(&rest), rest.entries.clone())
    );
    let new = buffer.reader("new", Order::InOrder);
    assert_eq!(new.lag(&now).samples, 286, "a new destination begins with the oldest");

    fill(&buffer, &mut Source::new("pdu"), 100..110);
    let all = slow.backlog(1_000, &now).unwrap();
    assert_eq!(all.entries.end, 110);
    assert_eq!(samples(&all).len(), samples(&rest).len() + 28);
}

#[test]
fn what_was_flushed_outlives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, _) = Buffer::open(Options::new(folder.path()));
    let reader = buffer.reader("a", Order::InOrder);
    let mut source = Source::new("pdu");
    let now = at(1_000_000);
    let mut sent = 0;
    for round in 0..10 {
        fill(&buffer, &mut source, round * 10..round * 10 + 10);
        let batch = reader.backlog(12, &now).unwrap();
        sent += samples(&batch).len();
        reader.acknowledge(batch.entries);
        buffer.flush();
        let copy = killed(folder.path());
        let (after, recovery) = Buffer::open(Options::new(copy.path()));
        assert_eq!((recovery.torn_bytes, recovery.damage.len()), (0, 0));
        let reader = after.reader("a", Order::InOrder);
        assert_eq!(drain(&reader, 30, &now).len() + sent, recovery.samples as usize);
    }
}

#[test]
fn the_budget_holds_and_the_oldest_go_first() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { limit_bytes: 0, ..Options::new(folder.path()) };
    let (buffer, _) = Buffer::open(options.clone());
    let reader = buffer.reader("a", Order::InOrder);
    let mut source = Source::new("pdu");
    let (mut noise, mut appended) = (noise(1), 0);
    for time in 0..650 {
        let values: Vec<_> = (0..1_000).map(|_| Some(noise())).collect();
        let now = at(time * 1_000);
        buffer.append(&source.report(now.wall, &values), &now);
        appended += 1_000;
        if time % 50 == 49 {
            buffer.flush();
            let size = size_on_disk(folder.path());
            assert!(size <= MIN_LIMIT, "{size} bytes on disk");
            let told = buffer.figures(&now).bytes;
            assert!((size..=size + (8 << 10)).contains(&told), "{size} bytes on disk, {told} told");
        }
    }
    let now = at(1_000_000);
    let figures = buffer.figures(&now);
    let lost = figures.lost[&Loss::Full];
    assert!(lost > 0);
    assert_eq!(figures.waiting + lost, appended);
    drop((buffer, reader));
    let (buffer, recovery) = Buffer::open(options);
    assert_eq!(recovery.samples, figures.waiting);
    let found = drain(&buffer.reader("a", Order::InOrder), 5_000, &now);
    assert_eq!(found.len() as u64, figures.waiting);
    assert_eq!(found.iter().map(|sample| sample.1).max(), Some(649_000));
}

#[test]
fn a_power_cut_that_takes_more_of_the_log_than_of_the_cursors_swallows_nothing_new() {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, _) = Buffer::open(Options::new(folder.path()));
    let reader = buffer.reader("a", Order::InOrder);
    fill(&buffer, &mut Source::new("pdu"), 0..20);
    assert_eq!(drain(&reader, 100, &at(30_000)).len(), 57);
    drop((buffer, reader));
    let log = std::fs::File::options().write(true).open(folder.path().join("0000000000000000.log")).unwrap();
    log.set_len(log.metadata().unwrap().len() / 2).unwrap();

    let (buffer, recovery) = Buffer::open(Options::new(folder.path()));
    assert!(recovery.entries < 20 && recovery.torn_bytes > 0);
    let reader = buffer.reader("a", Order::InOrder);
    fill(&buffer, &mut Source::new("pdu"), 20..30);
    let times: Vec<i64> = drain(&reader, 5, &at(60_000)).iter().map(|sample| sample.1 / 1_000).collect();
    assert_eq!(times.len(), 29);
    assert!(times.iter().all(|time| (20..30).contains(time)), "{times:?}");
}

#[test]
fn damaged_cursors_send_again_rather_than_lose() {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, _) = Buffer::open(Options::new(folder.path()));
    let reader = buffer.reader("a", Order::InOrder);
    fill(&buffer, &mut Source::new("pdu"), 0..20);
    let now = at(30_000);
    let mut last = 0;
    for _ in 0..4 {
        let batch = reader.backlog(9, &now).unwrap();
        last = batch.points.len();
        reader.acknowledge(batch.entries);
        buffer.flush();
    }
    let rest = |folder: &std::path::Path| {
        let (buffer, recovery) = Buffer::open(Options::new(folder));
        assert_eq!(recovery.samples, 57);
        drain(&buffer.reader("a", Order::InOrder), 100, &now).len()
    };
    let whole = rest(killed(folder.path()).path());
    let bytes = std::fs::read(folder.path().join("cursors")).unwrap();
    assert_eq!(bytes.len(), 64 << 10);
    let with = |places: &[usize]| {
        let copy = killed(folder.path());
        let mut bytes = bytes.clone();
        places.iter().for_each(|&place| bytes[place] ^= 0x11);
        std::fs::write(copy.path().join("cursors"), bytes).unwrap();
        rest(copy.path())
    };
    let mut seen = std::collections::BTreeSet::new();
    for place in (0..40).chain((32 << 10)..(32 << 10) + 40) {
        let left = with(&[place]);
        assert!(left == whole || left == whole + last, "byte {place}: {left}, the slot before counts");
        seen.insert(left);
    }
    assert_eq!(seen.len(), 2, "one slot is the newer one");
    assert_eq!(with(&[5, (32 << 10) + 5]), 57, "without cursors everything is sent again");
}

#[test]
fn a_smaller_budget_holds_from_the_first_report_on() {
    let folder = tempfile::tempdir().unwrap();
    let open = |limit_bytes| Buffer::open(Options { limit_bytes, ..Options::new(folder.path()) }).0;
    let (mut source, mut noise) = (Source::new("pdu"), noise(5));
    let mut append = |buffer: &Buffer, times: std::ops::Range<i64>| {
        for time in times {
            let values: Vec<_> = (0..1_000).map(|_| Some(noise())).collect();
            buffer.append(&source.report(at(time * 1_000).wall, &values), &at(time * 1_000));
        }
        buffer.flush();
    };
    let buffer = open(64 << 20);
    drop(buffer.reader("a", Order::InOrder));
    append(&buffer, 0..700);
    drop(buffer);
    assert!(size_on_disk(folder.path()) > MIN_LIMIT);
    let buffer = open(MIN_LIMIT);
    append(&buffer, 700..701);
    let (size, figures) = (size_on_disk(folder.path()), buffer.figures(&at(2_000_000)));
    assert!(size <= MIN_LIMIT, "{size} bytes on disk");
    assert!(figures.bytes <= MIN_LIMIT, "{} bytes told", figures.bytes);
    assert_eq!(figures.waiting + figures.lost[&Loss::Full], 701_000);
    let found = drain(&buffer.reader("a", Order::InOrder), 5_000, &at(2_000_000));
    assert_eq!(found.len() as u64, figures.waiting);
    assert_eq!(found.iter().map(|sample| sample.1).max(), Some(700_000), "the newest are there");
}

#[test]
fn what_is_older_than_the_age_limit_goes_once_the_clock_is_known_and_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let age = std::time::Duration::from_secs(100);
    let options = Options { max_age: Some(age), ..Options::new(folder.path()) };
    let trial = Trial { segment_values: Some(200), ..Trial::default() };
    let (buffer, _) = Buffer::open_for_test(options, trial);
    let reader = buffer.reader("a", Order::InOrder);
    let mut source = Source::new("pdu");
    fill(&buffer, &mut source, 0..35);
    let (before, waiting) = (size_on_disk(folder.path()), buffer.figures(&at(35_000)).waiting);
    let unsure = Moment { synchronised: false, ..at(1_000_000) };
    buffer.append(&source.report(unsure.wall, &[Some(1.0)]), &unsure);
    buffer.flush();
    assert!(!buffer.figures(&unsure).lost.contains_key(&Loss::Expired), "nobody knows how old they are");
    fill(&buffer, &mut source, 1_000..1_001);
    assert!(size_on_disk(folder.path()) < before, "whole segments go at once");
    let found = drain(&reader, 10, &at(1_000_500));
    assert!(found.iter().all(|sample| sample.1 == 1_000_000), "{found:?}");
    let figures = buffer.figures(&at(1_000_500));
    assert_eq!((figures.waiting, figures.lost.get(&Loss::Expired)), (0, Some(&waiting)));
}
