//! Files of a later format version, as a program finds them after a downgrade: they stay as they are for the program
//! that can read them, within the budget.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use exporters::buffer::inspect::{Depth, inspect};
use exporters::buffer::{Buffer, Loss, MIN_LIMIT, Options, Order, Reader};
use rustix::fs::{FallocateFlags, fallocate};

use crate::support::{Source, at, drain, killed, noise, open_small, samples, size_on_disk};

/// Values of a segment here: some ten reports.
const SEGMENT: u64 = 200;
/// The version of this program, and the one after it.
const THIS: u8 = 1;
const LATER: u8 = 2;

/// Gives a file another version: that is in its header, with a checksum.
fn set_version(file: &Path, version: u8) {
    let mut bytes = fs::read(file).unwrap();
    bytes[8] = version;
    let sum = crc32c::crc32c(&bytes[..18]);
    bytes[18..22].copy_from_slice(&sum.to_le_bytes());
    fs::write(file, bytes).unwrap();
}

/// Logs and segments by name, with their content.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    let files = files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap()));
    files.filter(|file| file.0 != "cursors").collect()
}

/// Appends reports of four samples, a second apart, which say when they were.
fn fill(buffer: &Buffer, seconds: std::ops::Range<i64>) {
    let mut source = Source::new("pdu");
    for second in seconds {
        let now = at(second * 1_000);
        buffer.append(&source.report(now.wall, &[Some(second as f64); 4]), &now);
    }
    buffer.flush();
}

/// The seconds of all that a destination gets, which are whole reports.
fn seconds(reader: &Reader) -> Vec<i64> {
    let mut seconds: Vec<i64> =
        drain(reader, 9, &at(1_000_000)).iter().map(|sample| sample.1 / 1_000).collect();
    seconds.sort_unstable();
    assert!(seconds.chunk_by(|a, b| a == b).all(|report| report.len() == 4), "{seconds:?}");
    seconds.dedup();
    seconds
}

/// Thirty-five reports in three segments and a log, five of which a destination has. All but the first `kept` files
/// become those of a later version.
fn written(kept: usize) -> (tempfile::TempDir, BTreeMap<String, Vec<u8>>) {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, _) = open_small(folder.path(), SEGMENT);
    let reader = buffer.reader("a", Order::InOrder);
    fill(&buffer, 0..35);
    let batch = reader.backlog(20, &at(1_000_000)).unwrap();
    assert_eq!(samples(&batch).len(), 20);
    reader.acknowledge(batch.entries);
    buffer.flush();
    let copy = killed(folder.path());
    let all = files(copy.path());
    assert_eq!(all.len(), 4);
    all.keys().skip(kept).for_each(|name| set_version(&copy.path().join(name), LATER));
    let later = files(copy.path()).split_off(all.keys().nth(kept).unwrap());
    (copy, later)
}

#[test]
fn what_a_later_program_wrote_is_there_for_it_again() {
    // None of this version's; or the oldest segment is.
    for (kept, old) in [(0, 0..0), (1, 5..10)] {
        let (folder, later) = written(kept);
        let folder = folder.path();
        for (start, new) in [35..70, 70..72, 72..72].into_iter().enumerate() {
            let (buffer, recovery) = open_small(folder, SEGMENT);
            assert_eq!((recovery.damage, recovery.torn_bytes, recovery.left.len()), (vec![], 0, later.len()));
            let name = later.keys().next().unwrap();
            assert!(recovery.left[0].starts_with(name) && recovery.left[0].contains("version 2"));
            let reader = buffer.reader("a", Order::InOrder);
            fill(&buffer, new.clone());
            let old = if start == 0 { old.clone() } else { 0..0 };
            assert_eq!(seconds(&reader), old.chain(new).collect::<Vec<_>>());
            assert_eq!(buffer.figures(&at(1_000_000)).waiting, 0);
        }
        {
            // A destination that comes with the earlier program gets what that can read, some of which it keeps.
            let (buffer, _) = open_small(folder, SEGMENT);
            let new = buffer.reader("new", Order::LiveFirst);
            let left = seconds(&new).len();
            fill(&buffer, 72..74);
            assert_eq!(samples(&new.live(8, &at(1_000_000)).unwrap()).len(), 8, "{left} before");
        }
        let found = files(folder);
        assert!(later.iter().all(|(name, bytes)| found.get(name) == Some(bytes)), "{:?}", found.keys());

        later.keys().for_each(|name| set_version(&folder.join(name), THIS));
        let (buffer, recovery) = open_small(folder, SEGMENT);
        assert_eq!((recovery.damage, recovery.left), (vec![], vec![]));
        let first = if kept == 0 { 5 } else { 10 };
        let expected: Vec<i64> = (first..35).chain(72..74).collect();
        assert_eq!(seconds(&buffer.reader("a", Order::InOrder)), expected, "none twice, none missing");
        let new = seconds(&buffer.reader("new", Order::InOrder));
        assert!((if kept == 0 { 0 } else { 10 }..35).all(|second| new.contains(&second)), "{new:?}");
    }
}

#[test]
fn a_log_and_its_segment_of_a_later_version_both_stay() {
    let (folder, later) = written(0);
    let segment = later.keys().next().unwrap().clone();
    let log = segment.replace("segment", "log");
    let copy = folder.path().join(&log);
    fs::copy(folder.path().join(later.keys().last().unwrap()), &copy).unwrap();
    let mut bytes = fs::read(&copy).unwrap();
    bytes[10..18].copy_from_slice(&0_u64.to_le_bytes());
    fs::write(&copy, bytes).unwrap();
    set_version(&copy, LATER);
    let before = files(folder.path());
    let (buffer, recovery) = open_small(folder.path(), SEGMENT);
    assert_eq!((recovery.damage, recovery.left.len()), (vec![], 5));
    let reader = buffer.reader("a", Order::InOrder);
    fill(&buffer, 35..40);
    assert_eq!(seconds(&reader), (35..40).collect::<Vec<_>>());
    let after = files(folder.path());
    assert!(before.iter().all(|(name, bytes)| after.get(name) == Some(bytes)));
}

/// An upgraded program sealed a log of this version, and had not removed the log when it was taken away again.
#[test]
fn a_log_of_this_version_is_read_beside_a_later_segment_of_it_and_not_written_on() {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, _) = open_small(folder.path(), SEGMENT);
    let reader = buffer.reader("a", Order::InOrder);
    fill(&buffer, 0..9);
    let before = killed(folder.path());
    fill(&buffer, 9..10);
    let name = "0000000000000000.segment";
    fs::copy(folder.path().join(name), before.path().join(name)).unwrap();
    set_version(&before.path().join(name), LATER);
    drop((buffer, reader));
    let (buffer, recovery) = open_small(before.path(), SEGMENT);
    assert_eq!((recovery.entries, recovery.damage, recovery.left.len()), (9, vec![], 1));
    let reader = buffer.reader("a", Order::InOrder);
    fill(&buffer, 20..22);
    assert_eq!(seconds(&reader), (0..9).chain(20..22).collect::<Vec<_>>());
    fill(&buffer, 22..23);
    drop((buffer, reader));

    set_version(&before.path().join(name), THIS);
    let (buffer, recovery) = open_small(before.path(), SEGMENT);
    assert_eq!(recovery.damage, Vec::<String>::new());
    assert_eq!(
        seconds(&buffer.reader("a", Order::InOrder)),
        [9, 22],
        "the tenth report is in the segment alone"
    );
}

#[test]
fn files_of_a_later_version_are_shown_and_are_no_damage() {
    let (folder, later) = written(1);
    for depth in [Depth::Summaries, Depth::Everything] {
        let seen = inspect(folder.path(), depth).unwrap();
        assert!(seen.is_whole());
        let seen = seen.files.iter().skip(1);
        assert!(seen.clone().all(|file| file.later_version == Some(LATER) && file.span == [None; 2]));
        let [entries, samples]: [u64; 2] =
            [seen.clone().map(|file| file.entries).sum(), seen.map(|file| file.samples).sum()];
        assert_eq!([entries, samples], [25, 100]);
    }
    // A version that a changed bit made is damage.
    let name = later.keys().next().unwrap();
    let mut bytes = later[name].clone();
    bytes[8] = 9;
    fs::write(folder.path().join(name), bytes).unwrap();
    assert!(!inspect(folder.path(), Depth::Summaries).unwrap().is_whole());
    let (_buffer, recovery) = open_small(folder.path(), SEGMENT);
    assert_eq!((recovery.damage.len(), recovery.left.len()), (1, 2));
}

fn open(folder: &Path) -> Buffer {
    Buffer::open(Options { limit_bytes: MIN_LIMIT, ..Options::new(folder) }).0
}

/// Appends reports of a thousand samples that nothing compresses, and looks at the folder after each few.
fn fill_with_noise(buffer: &Buffer, seconds: std::ops::Range<i64>, mut look: impl FnMut(i64)) {
    let (mut source, mut noise) = (Source::new("pdu"), noise(1));
    for second in seconds {
        let values: Vec<_> = (0..1_000).map(|_| Some(noise())).collect();
        let now = at(second * 1_000);
        buffer.append(&source.report(now.wall, &values), &now);
        if second % 10 == 9 {
            buffer.flush();
            look(second);
        }
    }
}

/// Half the budget is taken by files of a later version. They go before anything else does.
#[test]
fn the_budget_holds_and_files_of_a_later_version_go_first() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let buffer = open(folder);
    let reader = buffer.reader("a", Order::InOrder);
    fill_with_noise(&buffer, 0..250, |_| ());
    drop((buffer, reader));
    let later = files(folder);
    assert!(later.len() > 3);
    later.keys().for_each(|name| set_version(&folder.join(name), LATER));
    // The log has room that is reserved behind its end, as a kill leaves it.
    let log = later.keys().find(|name| name.ends_with("log")).unwrap();
    let log = fs::File::options().write(true).open(folder.join(log)).unwrap();
    fallocate(&log, FallocateFlags::KEEP_SIZE, 0, log.metadata().unwrap().len() + (400 << 10)).unwrap();

    let buffer = open(folder);
    let reader = buffer.reader("a", Order::InOrder);
    let (mut some, mut all) = (false, false);
    fill_with_noise(&buffer, 250..800, |second| {
        let (size, figures) = (size_on_disk(folder), buffer.figures(&at(1_000_000)));
        assert!(size <= MIN_LIMIT, "{size} bytes on disk");
        assert!((size..=size + (8 << 10)).contains(&figures.bytes), "{size} on disk, {} told", figures.bytes);
        let lost = figures.lost.get(&Loss::Full).copied().unwrap_or_default();
        let gone = later.keys().filter(|name| !folder.join(name).exists()).count();
        let new = 1_000 * (second as u64 + 1 - 250);
        assert_eq!(
            figures.waiting + lost.saturating_sub(250_000),
            new,
            "nothing new goes while they are there"
        );
        assert_eq!(lost >= 250_000, gone == later.len(), "{lost} lost, {gone} files gone");
        some |= lost > 0 && lost < 250_000;
        all |= lost > 250_000;
    });
    assert!(some && all, "first some of them, then all, then what is new");
    drop((buffer, reader));
    assert_eq!(
        inspect(folder, Depth::Everything)
            .unwrap()
            .files
            .iter()
            .filter_map(|file| file.later_version)
            .count(),
        0
    );
}
