//! What is synced when, what a sync that fails leaves to trust, and that one which hangs holds up nobody.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use exporters::buffer::folder::{Faults, Operation};
use exporters::buffer::{Buffer, Fsync, Loss, Options, Order, Storage, Trial};
use model::{Device, Label, Labels, PollReport, ReportBuilder, Timestamp, metric};

use crate::support::{Source, at, drain};

/// How many reports the writer's queue holds.
const QUEUE: i64 = 1_024;
/// How long a test waits for what must not hang.
const PATIENCE: Duration = Duration::from_secs(120);

fn open(folder: &Path, fsync: Fsync, faults: Arc<dyn Faults>) -> Buffer {
    let trial = Trial { faults: Some(faults), segment_values: Some(100_000) };
    Buffer::open_for_test(Options { fsync, ..Options::new(folder) }, trial).0
}

/// Counts syncs.
#[derive(Debug, Default)]
struct Counting(AtomicUsize);

impl Faults for Counting {
    fn allow(&self, operation: Operation, bytes: usize) -> io::Result<usize> {
        self.0.fetch_add(usize::from(operation == Operation::Sync), Ordering::SeqCst);
        Ok(bytes)
    }
}

/// A device that says how its power supply is, with some thermometers.
struct Supply(ReportBuilder);

impl Supply {
    fn new() -> Self {
        let (name, site, rack, device_type) = ("psu".into(), "s".into(), String::new(), "pdu".into());
        let description = model::device::Description::default();
        Self(ReportBuilder::new(Arc::new(Device { name, site, rack, device_type, description })))
    }

    fn report(&mut self, at: Timestamp, state: &str, thermometers: usize) -> Arc<PollReport> {
        let labels = Labels::component("psu-1", "PSU 1").with(Label::HwType, "power_supply");
        self.0.record_state(metric::HW_STATUS, &labels, state);
        for number in 0..thermometers {
            let id = format!("t{number}");
            self.0.record(metric::HW_TEMPERATURE, &Labels::component(&id, &id), at as f64 % 50.0);
        }
        Arc::new(self.0.finish(at, Duration::ZERO, None))
    }
}

#[test]
fn a_state_that_changes_and_a_series_that_ends_are_synced_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let count = Arc::new(Counting::default());
    let hour = Duration::from_secs(3_600);
    let buffer = open(folder.path(), Fsync::Interval(hour), Arc::clone(&count) as Arc<dyn Faults>);
    let mut supply = Supply::new();
    let steps = [
        ("ok", 1, false, "the first report"),
        ("ok", 1, false, "nothing but a temperature"),
        ("failed", 1, true, "a state"),
        ("failed", 1, false, "nothing again"),
        ("failed", 2, false, "a series that appears"),
        ("degraded", 3, true, "a state, while a series appears"),
        ("degraded", 2, true, "a series that ends"),
        ("degraded", 3, false, "it is there again"),
    ];
    for (second, (state, thermometers, synced, what)) in (0..).zip(steps) {
        let before = count.0.load(Ordering::SeqCst);
        let now = at(second * 1_000);
        buffer.append(&supply.report(now.wall, state, thermometers), &now);
        buffer.flush();
        assert_eq!(count.0.load(Ordering::SeqCst) > before, synced, "{what}");
    }
}

#[test]
fn rows_are_synced_as_often_as_was_asked_for() {
    for (fsync, each) in [(Fsync::Always, true), (Fsync::Never, false)] {
        let folder = tempfile::tempdir().unwrap();
        let count = Arc::new(Counting::default());
        let buffer = open(folder.path(), fsync, Arc::clone(&count) as Arc<dyn Faults>);
        let mut source = Source::new("pdu");
        for second in 0..5 {
            let before = count.0.load(Ordering::SeqCst);
            buffer.append(&source.report(at(second).wall, &[Some(1.0)]), &at(second));
            buffer.flush();
            assert_eq!(count.0.load(Ordering::SeqCst) > before, each, "{fsync:?}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let count = Arc::new(Counting::default());
    let soon = Fsync::Interval(Duration::from_millis(1));
    let buffer = open(folder.path(), soon, Arc::clone(&count) as Arc<dyn Faults>);
    buffer.append(&Source::new("pdu").report(at(0).wall, &[Some(1.0)]), &at(0));
    let (synced, wait) = channel();
    let watch = Arc::clone(&count);
    std::thread::spawn(move || {
        while watch.0.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        let _ = synced.send(());
    });
    wait.recv_timeout(PATIENCE).expect("synced without another report");
}

/// Notes what is done.
#[derive(Debug, Default)]
struct Noting(Mutex<Vec<Operation>>);

impl Faults for Noting {
    fn allow(&self, operation: Operation, bytes: usize) -> io::Result<usize> {
        self.0.lock().unwrap().push(operation);
        Ok(bytes)
    }
}

/// A power cut between any two of these steps leaves the log, or the segment, or both.
#[test]
fn a_segment_and_its_name_are_synced_before_its_log_goes() {
    let folder = tempfile::tempdir().unwrap();
    let notes = Arc::new(Noting::default());
    let trial = Trial { faults: Some(Arc::clone(&notes) as Arc<dyn Faults>), segment_values: Some(60) };
    let options =
        Options { fsync: Fsync::Interval(Duration::from_secs(3_600)), ..Options::new(folder.path()) };
    let (buffer, _) = Buffer::open_for_test(options, trial);
    drop(buffer.reader("a", Order::InOrder));
    let mut source = Source::new("pdu");
    let mut append = |second: i64| {
        buffer.append(&source.report(at(second).wall, &[Some(1.0), Some(2.0)]), &at(second));
        buffer.flush();
        std::mem::take(&mut *notes.0.lock().unwrap())
    };
    (0..3).for_each(|second| drop(append(second)));
    use Operation::{Change, Create, Sync, Write};
    let (row, segment) = ([Write], [Create, Write, Sync]);
    let (name, log) = ([Change, Sync], [Change]);
    assert_eq!(append(3), [&row[..], &segment, &name, &log].concat());
}

/// Of two syncs in a row the second fails: that of the cursors, behind that of the log.
#[derive(Debug, Default)]
struct BadCursors {
    now: AtomicBool,
    synced: AtomicBool,
}

impl Faults for BadCursors {
    fn allow(&self, operation: Operation, bytes: usize) -> io::Result<usize> {
        let is_sync = operation == Operation::Sync;
        match self.synced.swap(is_sync, Ordering::SeqCst) && is_sync && self.now.load(Ordering::SeqCst) {
            true => Err(io::Error::from_raw_os_error(5)),
            false => Ok(bytes),
        }
    }
}

#[test]
fn cursors_that_cannot_be_synced_cost_the_log_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let faults = Arc::new(BadCursors::default());
    let buffer = open(folder.path(), Fsync::Always, Arc::clone(&faults) as Arc<dyn Faults>);
    let reader = buffer.reader("a", Order::InOrder);
    let mut source = Source::new("pdu");
    for second in 0..10 {
        faults.now.store(second > 0, Ordering::SeqCst);
        let now = at(second * 1_000);
        buffer.append(&source.report(now.wall, &[Some(second as f64)]), &now);
        buffer.flush();
        assert_eq!(buffer.figures(&now).storage, Storage::Disk, "after {second} seconds");
        let batch = reader.backlog(10, &now).unwrap();
        reader.acknowledge(batch.entries);
        buffer.flush();
    }
    drop((buffer, reader));
    let buffer = open(folder.path(), Fsync::Always, Arc::new(Counting::default()));
    assert!(drain(&buffer.reader("a", Order::InOrder), 10, &at(20_000)).is_empty(), "they were saved");
}

/// A sync fails when it is told to. The next one says that all is well; but what was written between the two that did not
/// fail may be neither on the disk nor in the kernel's memory any more.
#[derive(Debug)]
struct Forgetful {
    folder: PathBuf,
    fails: AtomicBool,
    /// Whether anything is gone.
    forgets: bool,
    synced: AtomicU64,
}

impl Faults for Forgetful {
    fn allow(&self, operation: Operation, bytes: usize) -> io::Result<usize> {
        if operation != Operation::Sync {
            return Ok(bytes);
        }
        let files = fs::read_dir(&self.folder)?.map(|file| file.unwrap().path());
        let mut logs: Vec<_> = files.filter(|path| path.extension().is_some_and(|it| it == "log")).collect();
        logs.sort();
        let Some(log) = logs.pop() else { return Ok(bytes) };
        let length = fs::metadata(&log)?.len();
        let before = self.synced.swap(length, Ordering::SeqCst);
        if !self.fails.swap(false, Ordering::SeqCst) {
            return Ok(bytes);
        }
        if self.forgets {
            let gone = vec![0; usize::try_from(length - before).unwrap()];
            fs::OpenOptions::new().write(true).open(log)?.write_all_at(&gone, before)?;
        }
        Err(io::Error::from_raw_os_error(5))
    }
}

#[test]
fn rows_of_which_a_sync_has_failed_are_written_again() {
    for (restart, forgets) in [(false, true), (true, true), (false, false), (true, false)] {
        let folder = tempfile::tempdir().unwrap();
        let faults = Arc::new(Forgetful {
            folder: folder.path().to_owned(),
            fails: AtomicBool::new(false),
            forgets,
            synced: AtomicU64::new(0),
        });
        let mut buffer = open(folder.path(), Fsync::Always, Arc::clone(&faults) as Arc<dyn Faults>);
        drop(buffer.reader("a", Order::InOrder));
        let mut source = Source::new("pdu");
        for second in (0..120).step_by(6) {
            faults.fails.store(second == 30 || second == 60, Ordering::SeqCst);
            let now = at(second * 1_000);
            buffer.append(&source.report(now.wall, &[Some(second as f64)]), &now);
            buffer.flush();
        }
        assert_eq!(buffer.figures(&at(0)).storage, Storage::Disk);
        if restart {
            drop(buffer);
            buffer = open(folder.path(), Fsync::Always, Arc::new(Counting::default()));
        }
        let found = drain(&buffer.reader("a", Order::InOrder), 4, &at(1_000_000));
        let times: Vec<i64> = found.iter().map(|sample| sample.1 / 1_000).collect();
        assert_eq!(times, (0..120).step_by(6).collect::<Vec<_>>(), "{restart} {forgets}");
        assert!(buffer.figures(&at(0)).lost.is_empty());
    }
}

/// Syncs hang for as long as they are told to.
#[derive(Debug, Default)]
struct Hanging {
    hangs: Mutex<bool>,
    hung: AtomicBool,
    changed: Condvar,
}

impl Hanging {
    fn set(&self, hangs: bool) {
        *self.hangs.lock().unwrap() = hangs;
        self.changed.notify_all();
    }
}

impl Faults for Hanging {
    fn allow(&self, operation: Operation, bytes: usize) -> io::Result<usize> {
        if operation == Operation::Sync {
            let mut hangs = self.hangs.lock().unwrap();
            while *hangs {
                self.hung.store(true, Ordering::SeqCst);
                hangs = self.changed.wait(hangs).unwrap();
            }
        }
        Ok(bytes)
    }
}

#[test]
fn a_disk_that_hangs_holds_up_nobody_and_what_the_queue_has_no_place_for_is_counted() {
    let (done, wait) = channel();
    std::thread::spawn(move || {
        let folder = tempfile::tempdir().unwrap();
        let faults = Arc::new(Hanging::default());
        let buffer = open(folder.path(), Fsync::Always, Arc::clone(&faults) as Arc<dyn Faults>);
        let (one, two) = (buffer.reader("one", Order::InOrder), buffer.reader("two", Order::LiveFirst));
        buffer.flush();
        faults.set(true);
        let mut source = Source::new("pdu");
        let mut append = |second: i64| {
            let now = at(second * 1_000);
            buffer.append(&source.report(now.wall, &[Some(1.0), Some((second % 50) as f64)]), &now);
        };
        append(0);
        while !faults.hung.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        (1..QUEUE + 50).for_each(&mut append);
        let now = at(10_000_000);
        let figures = buffer.figures(&now);
        assert_eq!((figures.waiting, figures.lost.get(&Loss::Busy)), (2, Some(&(49 * 2))));
        assert_eq!(drain(&one, 100, &now).len(), 2, "what is in memory is given out");
        assert_eq!((one.lag(&now).samples, two.lag(&now).samples), (0, 2));
        assert!(two.live(100, &now).is_some());
        faults.set(false);
        buffer.flush();
        assert_eq!(drain(&one, 100, &now).len() as i64, QUEUE * 2);
        let _ = done.send(());
    });
    wait.recv_timeout(PATIENCE).expect("nothing waits for the disk, and what was expected came");
}
