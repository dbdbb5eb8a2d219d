//! A disk of which some places are bad for good: they cost what is on them, and what is new goes to the good ones.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use exporters::buffer::folder::{Faults, Operation};
use exporters::buffer::{Buffer, Fsync, Loss, Options, Order, Storage, Trial};

use crate::support::{Source, at, drain, open_small};

const IO_ERROR: i32 = 5;

fn open(folder: &Path, segment_values: u64, faults: Arc<dyn Faults>) -> Buffer {
    let options = Options { fsync: Fsync::Always, ..Options::new(folder) };
    let trial = Trial { faults: Some(faults), segment_values: Some(segment_values) };
    Buffer::open_for_test(options, trial).0
}

fn fill(buffer: &Buffer, seconds: impl Iterator<Item = i64>) {
    let mut source = Source::new("pdu");
    for second in seconds {
        let now = at(second * 1_000);
        buffer.append(&source.report(now.wall, &[Some(second as f64), Some(-1.0), Some(1.5)]), &now);
        buffer.flush();
    }
}

fn seconds(buffer: &Buffer) -> Vec<i64> {
    let found = drain(&buffer.reader("a", Order::InOrder), 9, &at(10_000_000));
    found.iter().filter(|sample| sample.0 == "t0").map(|sample| sample.1 / 1_000).collect()
}

/// Operations of one kind fail, all or only one after each listing.
#[derive(Debug)]
struct Bad {
    operation: Operation,
    /// Which one after each listing, all where it is none.
    which: Option<usize>,
    count: AtomicUsize,
    now: AtomicBool,
}

impl Bad {
    fn new(operation: Operation, which: Option<usize>, now: bool) -> Arc<Self> {
        Arc::new(Self { operation, which, count: AtomicUsize::new(0), now: AtomicBool::new(now) })
    }
}

impl Faults for Bad {
    fn allow(&self, operation: Operation, bytes: usize) -> io::Result<usize> {
        if operation == Operation::List {
            self.count.store(0, Ordering::SeqCst);
        }
        let is_it = operation == self.operation && {
            let count = self.count.fetch_add(1, Ordering::SeqCst);
            self.which.is_none_or(|which| which == count)
        };
        match is_it && self.now.load(Ordering::SeqCst) {
            true => Err(io::Error::from_raw_os_error(IO_ERROR)),
            false => Ok(bytes),
        }
    }
}

/// A disk that takes its time to fail would cost the time that the queue needs to be emptied.
#[test]
fn a_failed_disk_is_left_alone_between_two_tries() {
    #[derive(Debug, Default)]
    struct Dead {
        now: AtomicBool,
        tried: AtomicUsize,
    }
    impl Faults for Dead {
        fn allow(&self, _: Operation, bytes: usize) -> io::Result<usize> {
            match self.now.load(Ordering::SeqCst) {
                true => {
                    self.tried.fetch_add(1, Ordering::SeqCst);
                    Err(io::Error::from_raw_os_error(IO_ERROR))
                }
                false => Ok(bytes),
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let dead = Arc::new(Dead::default());
    let buffer = open(folder.path(), 10_000, Arc::clone(&dead) as Arc<dyn Faults>);
    let reader = buffer.reader("a", Order::InOrder);
    fill(&buffer, 0..3);
    dead.now.store(true, Ordering::SeqCst);
    fill(&buffer, 3..4);
    let mut source = Source::new("pdu");
    for report in 0..400 {
        let now = at(5_000 + report * 10);
        buffer.append(&source.report(now.wall, &[Some(1.0)]), &now);
        // Each of them is to be saved.
        reader.acknowledge(0..u64::try_from(report).unwrap() / 100);
    }
    buffer.flush();
    let tried = dead.tried.load(Ordering::SeqCst);
    assert!(tried < 20, "{tried} operations in four seconds");
    dead.now.store(false, Ordering::SeqCst);
    fill(&buffer, 20..21);
    assert_eq!(buffer.figures(&at(0)).storage, Storage::Disk);
    assert!(buffer.figures(&at(0)).lost.is_empty());
}

#[test]
fn progress_is_kept_where_what_was_kept_before_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, _) = open_small(folder.path(), 10_000);
    drop(buffer.reader("a", Order::InOrder));
    fill(&buffer, 0..5);
    assert_eq!(seconds(&buffer).len(), 5);
    drop(buffer);
    let buffer = open(folder.path(), 10_000, Bad::new(Operation::Read, None, true));
    // The disk is tried for a minute before what cannot be read is left alone.
    fill(&buffer, (60..180).step_by(6));
    assert_eq!(buffer.figures(&at(0)).storage, Storage::Disk);
    assert_eq!(seconds(&buffer).len(), 20);
    drop(buffer);
    let (buffer, _) = open_small(folder.path(), 10_000);
    let again = seconds(&buffer);
    assert!(again.iter().all(|second| (0..5).contains(second)), "sent twice: {again:?}");
}

/// Moves a segment to another number.
fn renumber(file: &Path, first: u64) -> PathBuf {
    let mut bytes = fs::read(file).unwrap();
    bytes[10..18].copy_from_slice(&first.to_le_bytes());
    let sum = crc32c::crc32c(&bytes[..18]);
    bytes[18..22].copy_from_slice(&sum.to_le_bytes());
    let moved = file.with_file_name(format!("{first:016x}.segment"));
    fs::remove_file(file).unwrap();
    fs::write(&moved, bytes).unwrap();
    moved
}

/// A clock that is years behind at this start gives no number to go by.
#[test]
fn a_bad_file_with_high_numbers_keeps_nobody_from_the_rest_of_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, _) = open_small(folder.path(), 200);
    drop(buffer.reader("a", Order::InOrder));
    fill(&buffer, 0..11);
    drop(buffer);
    fs::remove_file(folder.path().join("cursors")).unwrap();
    let files = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path());
    for file in files.collect::<Vec<_>>() {
        if file.extension().is_some_and(|ending| ending == "segment") {
            renumber(&file, 1 << 62);
        } else {
            fs::remove_file(file).unwrap();
        }
    }
    let buffer = open(folder.path(), 200, Bad::new(Operation::Read, Some(1), true));
    drop(buffer.reader("a", Order::InOrder));
    fill(&buffer, (60..180).step_by(6));
    assert_eq!(buffer.figures(&at(0)).storage, Storage::Disk);
    drop(buffer);
    let (buffer, recovery) = open_small(folder.path(), 200);
    assert_eq!((recovery.damage, recovery.left), (vec![], vec![]));
    let old = seconds(&buffer);
    assert_eq!(old.iter().filter(|second| **second < 60).count(), 11, "what the bad file holds");
    let lost = buffer.figures(&at(0)).lost.values().sum::<u64>();
    assert_eq!(lost, 0);
}

#[test]
fn what_is_damaged_in_a_log_that_is_written_no_more_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let faults = Bad::new(Operation::Create, None, false);
    let buffer = open(folder.path(), 200, Arc::clone(&faults) as Arc<dyn Faults>);
    drop(buffer.reader("a", Order::InOrder));
    fill(&buffer, 0..8);
    // The segment cannot be sealed: its log is closed as it is.
    faults.now.store(true, Ordering::SeqCst);
    fill(&buffer, 8..12);
    faults.now.store(false, Ordering::SeqCst);
    fill(&buffer, 20..22);
    assert_eq!(buffer.figures(&at(0)).storage, Storage::Disk);
    let log = folder.path().join("0000000000000000.log");
    let mut bytes = fs::read(&log).unwrap();
    let end = bytes.len() - 40;
    bytes[end] ^= 0x10;
    fs::write(&log, bytes).unwrap();
    let waiting = buffer.figures(&at(0)).waiting;
    assert_eq!(waiting, 14 * 3);
    let found = seconds(&buffer).len() as u64;
    assert!((5..14).contains(&found), "{found}");
    let lost = buffer.figures(&at(0)).lost;
    assert_eq!(lost.get(&Loss::Corrupt), Some(&(waiting - found * 3)));
}

#[test]
fn what_is_in_memory_is_written_when_the_program_ends_if_the_disk_works_again() {
    let folder = tempfile::tempdir().unwrap();
    let faults = Bad::new(Operation::Write, None, false);
    let buffer = open(folder.path(), 200, Arc::clone(&faults) as Arc<dyn Faults>);
    drop(buffer.reader("a", Order::InOrder));
    fill(&buffer, 0..3);
    faults.now.store(true, Ordering::SeqCst);
    fill(&buffer, 3..5);
    assert!(matches!(buffer.figures(&at(0)).storage, Storage::Memory { .. }));
    faults.now.store(false, Ordering::SeqCst);
    drop(buffer);
    let (buffer, _) = open_small(folder.path(), 200);
    assert_eq!(seconds(&buffer), (0..5).collect::<Vec<_>>());
}
