//! A file that is cut or changed at any byte: what comes back is an exact prefix of a log, or everything but the sealed
//! segment, and what is lost is told.

use std::fs;
use std::path::{Path, PathBuf};

use exporters::buffer::inspect::{Depth, inspect};
use exporters::buffer::{Buffer, Loss, Order, Recovery};

use crate::support::{Source, at, drain, killed, open_small};

/// Samples of the reports in [`written`], in the order of the log.
type Samples = Vec<(String, i64, f64)>;

/// Values of a segment here: some ten reports.
const SEGMENT: u64 = 200;

/// Appends 35 reports of one to four samples: three sealed segments and a log.
fn written() -> (tempfile::TempDir, Samples) {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, _) = open_small(folder.path(), SEGMENT);
    let _reader = buffer.reader("a", Order::InOrder);
    let mut source = Source::new("pdu");
    for time in 0..35_i32 {
        let value =
            |number: i32| (number == 0 || (time + number) % 5 != 0).then(|| f64::from(time * number) / 10.0);
        let now = at(i64::from(time) * 1_000);
        buffer.append(&source.report(now.wall, &[value(0), value(1), value(2), value(3)]), &now);
    }
    buffer.flush();
    let copy = killed(folder.path());
    let second = killed(folder.path());
    let (whole, _) = open_small(second.path(), SEGMENT);
    let samples = rest(&whole);
    assert_eq!(samples.len(), 35 + (35 - 7) * 3);
    (copy, samples)
}

/// What a destination gets, ordered by time.
fn rest(buffer: &Buffer) -> Samples {
    let mut all = drain(&buffer.reader("a", Order::InOrder), 7, &at(1_000_000));
    all.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
    all
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|it| it == ending)).collect();
    files.sort();
    files
}

/// Opens a copy of the folder with one file replaced.
fn with(folder: &Path, file: &Path, bytes: &[u8]) -> (tempfile::TempDir, Buffer, Recovery) {
    let copy = killed(folder);
    fs::write(copy.path().join(file.file_name().unwrap()), bytes).unwrap();
    let (buffer, recovery) = open_small(copy.path(), SEGMENT);
    (copy, buffer, recovery)
}

/// As each byte of a file in turn with some of its bits changed, all of them somewhere.
fn flipped(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..bytes.len()).map(|place| {
        let mut bytes = bytes.to_vec();
        bytes[place] ^= [1, 0x80, 0xff, 0x10, 0x55][place % 5];
        (place, bytes)
    })
}

/// The log can be written on whatever became of it.
fn goes_on(buffer: &Buffer, folder: &Path) {
    let now = at(500_000);
    buffer.append(&Source::new("later").report(now.wall, &[Some(1.5)]), &now);
    buffer.flush();
    assert_eq!(rest(buffer), [("t0".to_owned(), 500_000, 1.5)]);
    assert!(inspect(folder, Depth::Everything).unwrap().is_whole());
}

#[test]
fn a_log_that_is_cut_at_any_byte_gives_a_prefix() {
    let (folder, samples) = written();
    let log = files(folder.path(), "log").pop().unwrap();
    let bytes = fs::read(&log).unwrap();
    let mut whole = 0;
    for length in 0..bytes.len() {
        let (copy, buffer, recovery) = with(folder.path(), &log, &bytes[..length]);
        let found = rest(&buffer);
        assert_eq!(found, samples[..found.len()], "cut at {length}");
        assert_eq!(recovery.samples as usize, found.len());
        assert!(found.len() >= whole, "cut at {length}: a longer log gives no less");
        assert_eq!(recovery.corrupt_samples, 0);
        assert_eq!(recovery.damage, Vec::<String>::new(), "cut at {length}");
        whole = found.len();
        goes_on(&buffer, copy.path());
    }
    assert!(whole > samples.len() - 5, "the last cut costs one report");
}

#[test]
fn a_log_with_any_byte_changed_gives_a_prefix_and_counts_the_rest() {
    let (folder, samples) = written();
    let log = files(folder.path(), "log").pop().unwrap();
    for (place, bytes) in flipped(&fs::read(&log).unwrap()) {
        let (copy, buffer, recovery) = with(folder.path(), &log, &bytes);
        let found = rest(&buffer);
        assert_eq!(found, samples[..found.len()], "byte {place}");
        assert!(found.len() < samples.len(), "byte {place} is not guarded");
        let told = found.len() + recovery.corrupt_samples as usize;
        assert!(told <= samples.len(), "byte {place}: no more is told than was there");
        assert!(told + 4 >= samples.len(), "byte {place}: at most a report is not told");
        assert!(recovery.torn_bytes > 0 || !recovery.damage.is_empty(), "byte {place}");
        let lost = buffer.figures(&at(0)).lost.get(&Loss::Corrupt).copied();
        assert_eq!(lost.unwrap_or_default(), recovery.corrupt_samples);
        goes_on(&buffer, copy.path());
    }
}

#[test]
fn a_sealed_segment_that_is_cut_or_changed_at_any_byte_costs_itself_alone() {
    let (folder, samples) = written();
    let segments = files(folder.path(), "segment");
    assert_eq!(segments.len(), 3);
    let state = &inspect(folder.path(), Depth::Everything).unwrap().files[1];
    let bytes = fs::read(&segments[1]).unwrap();
    let inside = |sample: &(String, i64, f64)| {
        let time = sample.1 / 1_000;
        (state.first as i64..(state.first + state.entries) as i64).contains(&time)
    };
    let expected: Samples = samples.iter().filter(|sample| !inside(sample)).cloned().collect();
    assert_eq!(expected.len() as u64 + state.samples, samples.len() as u64);
    let cuts = (0..bytes.len()).map(|length| (length, bytes[..length].to_vec()));
    for (place, bytes) in flipped(&bytes).chain(cuts) {
        let (copy, buffer, recovery) = with(folder.path(), &segments[1], &bytes);
        let whole = inspect(copy.path(), Depth::Everything).unwrap().is_whole();
        assert_eq!(whole, !recovery.damage.is_empty(), "byte {place}: it is removed, or seen to be damaged");
        assert_eq!(rest(&buffer), expected, "byte {place}");
        let lost = buffer.figures(&at(0)).lost.get(&Loss::Corrupt).copied();
        match recovery.damage.is_empty() {
            true => assert_eq!(lost, Some(state.samples), "byte {place}"),
            // How many samples they were is not known any more; a report has one at least.
            false => assert_eq!(lost, Some(state.entries), "byte {place}"),
        }
        goes_on(&buffer, copy.path());
    }
}

/// An alert would call for somebody to look at what did arrive.
#[test]
fn what_is_damaged_after_it_was_sent_is_no_loss() {
    let (folder, samples) = written();
    let (buffer, _) = open_small(folder.path(), 10_000);
    let both = [buffer.reader("a", Order::InOrder), buffer.reader("b", Order::InOrder)];
    assert_eq!(drain(&both[0], 50, &at(1_000_000)).len(), samples.len());
    buffer.flush();
    let copy = killed(folder.path());
    drop((buffer, both));
    let log = files(copy.path(), "log").pop().unwrap();
    let mut bytes = fs::read(&log).unwrap();
    let later = bytes.len() - 40;
    bytes[later] ^= 0x10;
    fs::write(&log, bytes).unwrap();
    // A byte of the summary.
    let segment = files(copy.path(), "segment").pop().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    bytes[40] ^= 0x10;
    fs::write(&segment, bytes).unwrap();
    let (buffer, recovery) = open_small(copy.path(), 10_000);
    assert_eq!(recovery.damage.len(), 2);
    assert!(recovery.corrupt_samples > 10);
    let lost = |name: &str| buffer.reader(name, Order::InOrder).lost().get(&Loss::Corrupt).copied();
    assert_eq!((lost("a"), lost("b")), (None, Some(recovery.corrupt_samples)));
    assert_eq!(buffer.figures(&at(0)).lost.get(&Loss::Corrupt), Some(&recovery.corrupt_samples));
}

#[test]
fn a_log_beside_its_sealed_segment_counts_where_that_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, _) = open_small(folder.path(), SEGMENT);
    let _reader = buffer.reader("a", Order::InOrder);
    let mut source = Source::new("pdu");
    let mut append = |time: i64| {
        let now = at(time * 1_000);
        buffer.append(&source.report(now.wall, &[Some(1.0), Some(2.0), Some(3.0), Some(time as f64)]), &now);
        buffer.flush();
    };
    (0..9).for_each(&mut append);
    let before = killed(folder.path());
    append(9);
    let name = "0000000000000000";
    let sealed = fs::read(folder.path().join(format!("{name}.segment"))).unwrap();
    // As if the program had ended before it removed the log.
    for (damaged, entries) in [(false, 10), (true, 9)] {
        let copy = killed(before.path());
        let mut sealed = sealed.clone();
        let last = sealed.len() - 1;
        sealed[last] ^= u8::from(damaged);
        fs::write(copy.path().join(format!("{name}.segment")), sealed).unwrap();
        let (buffer, recovery) = open_small(copy.path(), SEGMENT);
        assert_eq!((recovery.entries, recovery.damage.len()), (entries, usize::from(damaged)));
        assert_eq!(rest(&buffer).len() as u64, entries * 4);
        goes_on(&buffer, copy.path());
    }
}
