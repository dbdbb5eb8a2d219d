//! A disk on which any operation goes wrong: nothing is sent twice or made up, what is lost is counted, and writing
//! resumes by itself.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use exporters::buffer::folder::{Faults, Operation};
use exporters::buffer::{Buffer, Fsync, Losses, Options, Order, Reader, Storage, Trial};

use crate::support::{Source, at, drain, open_small, samples};

/// Values of a segment here, and of the ring in memory.
const SEGMENT: u64 = 200;
/// `EIO`.
const IO_ERROR: i32 = 5;

/// Fails some operations by their number.
#[derive(Debug)]
struct Broken {
    done: AtomicUsize,
    fails: Range<usize>,
    /// Writes fail after half of their bytes.
    half: bool,
}

impl Broken {
    fn new(fails: Range<usize>, half: bool) -> Arc<Self> {
        Arc::new(Self { done: AtomicUsize::new(0), fails, half })
    }
}

impl Faults for Broken {
    fn allow(&self, operation: Operation, bytes: usize) -> io::Result<usize> {
        match self.fails.contains(&self.done.fetch_add(1, Ordering::SeqCst)) {
            true if self.half && operation == Operation::Write => Ok(bytes / 2),
            true => Err(io::Error::from_raw_os_error(IO_ERROR)),
            false => Ok(bytes),
        }
    }
}

/// In memory where there is such a folder: these tests sync thousands of times.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.unwrap()
}

fn open(folder: &Path, faults: Arc<dyn Faults>) -> Buffer {
    let options = Options { fsync: Fsync::Always, ..Options::new(folder) };
    let trial = Trial { faults: Some(faults), segment_values: Some(SEGMENT) };
    Buffer::open_for_test(options, trial).0
}

/// Appends a report of three samples for each second, numbered, and takes some between.
fn run(buffer: &Buffer, reader: &Reader, seconds: Range<i64>) -> Vec<f64> {
    let mut source = Source::new("pdu");
    let mut sent = Vec::new();
    for second in seconds {
        let now = at(second * 1_000);
        let value = |number: i64| Some((second * 3 + number) as f64);
        buffer.append(&source.report(now.wall, &[value(0), value(1), value(2)]), &now);
        buffer.flush();
        if second % 7 == 0
            && let Some(batch) = reader.backlog(9, &now)
        {
            sent.extend(samples(&batch).iter().map(|sample| sample.2));
            reader.acknowledge(batch.entries);
        }
    }
    sent
}

fn values(reader: &Reader) -> Vec<f64> {
    drain(reader, 50, &at(10_000_000)).iter().map(|sample| sample.2).collect()
}

struct Outcome {
    sent: Vec<f64>,
    lost: Losses,
    storage: Storage,
    operations: usize,
}

/// Twenty reports on a good disk, sixty on a broken one, and what is left on a good one again.
fn scenario(faults: &Arc<Broken>) -> Outcome {
    let folder = folder();
    let (buffer, _) = open_small(folder.path(), SEGMENT);
    let mut sent = run(&buffer, &buffer.reader("a", Order::InOrder), 0..20);
    drop(buffer);

    let buffer = open(folder.path(), Arc::clone(faults) as Arc<dyn Faults>);
    let reader = buffer.reader("a", Order::InOrder);
    sent.extend(run(&buffer, &reader, 20..80));
    sent.extend(values(&reader));
    buffer.flush();
    let figures = buffer.figures(&at(10_000_000));
    drop((buffer, reader));

    let (buffer, recovery) = open_small(folder.path(), SEGMENT);
    assert_eq!((recovery.unusable, recovery.damage), (None, Vec::new()));
    sent.extend(values(&buffer.reader("a", Order::InOrder)));
    sent.sort_by(f64::total_cmp);
    let operations = faults.done.load(Ordering::SeqCst);
    Outcome { sent, lost: figures.lost, storage: figures.storage, operations }
}

/// All samples that there were, but those at `lost` places; each once.
fn check(outcome: &Outcome, twice: bool, which: &str) {
    let mut sent = outcome.sent.clone();
    if twice {
        sent.dedup();
    }
    assert!(sent.is_sorted_by(|a, b| a < b), "{which}: sent twice");
    assert!(sent.iter().all(|value| (0.0..240.0).contains(value)), "{which}: made up");
    let lost: u64 = outcome.lost.values().sum();
    // A report of which a sync failed may be on the disk all the same.
    let told = 240..=if twice { 243 } else { 240 };
    assert!(
        told.contains(&(sent.len() as u64 + lost)),
        "{which}: {} sent, {:?} lost",
        sent.len(),
        outcome.lost
    );
}

#[test]
fn a_disk_that_fails_for_a_while_costs_nothing_that_fits_in_memory() {
    let good = scenario(&Broken::new(0..0, false));
    check(&good, false, "good disk");
    assert_eq!((good.lost.len(), good.storage), (0, Storage::Disk));
    assert!(good.operations > 200, "{} operations", good.operations);
    for first in 0..good.operations {
        for half in [false, true] {
            let which = format!("operations {first} and the next fail, half: {half}");
            let outcome = scenario(&Broken::new(first..first + 2, half));
            check(&outcome, false, &which);
            assert_eq!(outcome.lost.len(), 0, "{which}");
            // Later ones may find no report behind them that tries again.
            if first < good.operations / 2 {
                assert_eq!(outcome.storage, Storage::Disk, "{which}: resumed");
            }
        }
    }
}

#[test]
fn a_disk_that_fails_for_good_costs_the_oldest_in_memory() {
    let operations = scenario(&Broken::new(0..0, false)).operations;
    let mut most = 0;
    for first in (0..operations).step_by(3) {
        let which = format!("operations from {first} on fail");
        let outcome = scenario(&Broken::new(first..usize::MAX, false));
        // What was acknowledged could not be saved.
        check(&outcome, true, &which);
        most = outcome.lost.values().copied().fold(most, u64::max);
    }
    assert!(most > 0, "the ring is bounded");
}

/// Reading fails for as long as it is told.
#[derive(Debug, Default)]
struct Unreadable(AtomicBool);

impl Faults for Unreadable {
    fn allow(&self, operation: Operation, bytes: usize) -> io::Result<usize> {
        match operation == Operation::Read && self.0.load(Ordering::SeqCst) {
            true => Err(io::Error::from_raw_os_error(IO_ERROR)),
            false => Ok(bytes),
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_for_a_while_is_read_later() {
    let folder = folder();
    let faults = Arc::new(Unreadable::default());
    let buffer = open(folder.path(), Arc::clone(&faults) as Arc<dyn Faults>);
    let reader = buffer.reader("a", Order::InOrder);
    let mut source = Source::new("pdu");
    for second in 0..25 {
        let now = at(second * 1_000);
        buffer.append(&source.report(now.wall, &[Some(second as f64), None, Some(1.0)]), &now);
    }
    buffer.flush();
    faults.0.store(true, Ordering::SeqCst);
    let now = at(25_000);
    let first = drain(&reader, 50, &now);
    assert!(first.iter().all(|sample| sample.1 >= 20_000), "only what is in memory: {first:?}");
    faults.0.store(false, Ordering::SeqCst);
    assert!(reader.backlog(50, &at(80_000)).is_none(), "the disk is left alone for a minute");
    let rest = drain(&reader, 50, &at(86_000));
    assert_eq!((first.len() + rest.len(), reader.lost().len()), (50, 0));
}

/// The second file that is read after each listing cannot be: the first with entries, after the cursors.
#[derive(Debug, Default)]
struct BadFile(AtomicUsize);

impl Faults for BadFile {
    fn allow(&self, operation: Operation, bytes: usize) -> io::Result<usize> {
        match operation {
            Operation::List => self.0.store(0, Ordering::SeqCst),
            Operation::Read if self.0.fetch_add(1, Ordering::SeqCst) == 1 => {
                return Err(io::Error::from_raw_os_error(IO_ERROR));
            }
            _ => {}
        }
        Ok(bytes)
    }
}

#[test]
fn a_file_that_cannot_be_read_costs_no_other_and_is_read_after_the_next_start() {
    let folder = folder();
    let (buffer, _) = open_small(folder.path(), SEGMENT);
    let reader = buffer.reader("a", Order::InOrder);
    let mut sent = run(&buffer, &reader, 0..35);
    drop((buffer, reader));
    let buffer = open(folder.path(), Arc::new(BadFile::default()));
    let reader = buffer.reader("a", Order::InOrder);
    // Far enough apart for the disk to be tried again at each.
    for second in (40..130).step_by(6) {
        sent.extend(run(&buffer, &reader, second..second + 1));
    }
    assert_eq!(buffer.figures(&at(10_000_000)).storage, Storage::Disk);
    sent.extend(values(&reader));
    assert_eq!(reader.lost().len(), 0);
    drop((buffer, reader));
    let (buffer, recovery) = open_small(folder.path(), SEGMENT);
    assert_eq!((recovery.damage, recovery.left), (Vec::new(), Vec::new()));
    let rest = values(&buffer.reader("a", Order::InOrder));
    assert!(!rest.is_empty(), "what the bad file holds");
    sent.extend(rest);
    sent.sort_by(f64::total_cmp);
    assert!(sent.is_sorted_by(|a, b| a < b), "sent twice");
    assert_eq!(sent.len(), (35 + 15) * 3);
}
