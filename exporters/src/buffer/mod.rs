//! The edge buffer: poll reports on disk until every destination has them.
//!
//! One append-only log, one cursor for each destination. Never blocks a poll or a scrape, and never sends
//! anything itself.

pub mod batch;
pub mod clock;
mod codec;
mod cursor;
mod cut;
mod decimal;
mod disk;
pub mod export;
pub mod figures;
pub mod folder;
mod frame;
pub mod inspect;
mod intake;
mod listing;
mod log;
mod names;
mod positions;
pub mod reader;
mod recover;
mod row;
pub mod segment;
mod state;
mod store;
mod values;
mod writer;

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use model::PollReport;

pub use clock::{Boot, Moment};
pub use figures::{Figures, Lag, Loss, Losses, Recovery, Storage};
pub use reader::{Order, Reader};

use disk::Disk;
use folder::{Faults, Folder};
use names::Names;
use recover::{Look, recover};
use state::{Follower, Shared, State, add};
use writer::{Command, Writer};

/// The usual byte budget: a week of 300 series at 30 s takes a small part of it.
pub const DEFAULT_LIMIT: u64 = 64 << 20;
/// The smallest byte budget: less leaves no room for segments.
pub const MIN_LIMIT: u64 = 4 << 20;
/// Most reports that wait for the writer. A fleet of 2,000 devices brings that many in 10 s.
const QUEUE: usize = 1_024;
/// Values of a segment: one for each so many bytes of the budget, so that making room costs a small part of it, within
/// these bounds. The open segment is kept in memory, 4 bytes for most values.
const SEGMENT_PART: u64 = 256;
const MIN_SEGMENT_VALUES: u64 = 1 << 18;
const MAX_SEGMENT_VALUES: u64 = 1 << 22;

/// When what was written is made safe from a power cut. `kill -9` loses nothing that was written either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    /// After this time at the latest, and at once where a state changed.
    Interval(Duration),
    /// After every report.
    Always,
    /// When the kernel sees fit.
    Never,
}

/// How to keep the log.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where: a folder of its own, made if it isn't there.
    pub folder: PathBuf,
    /// Most bytes on disk; at least [`MIN_LIMIT`], which is taken for less.
    pub limit_bytes: u64,
    /// Samples older than this are dropped.
    pub max_age: Option<Duration>,
    /// When the disk is told to keep what was written.
    pub fsync: Fsync,
}

impl Options {
    /// The usual, in this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            limit_bytes: DEFAULT_LIMIT,
            max_age: None,
            fsync: Fsync::Interval(Duration::from_secs(5)),
        }
    }
}

/// What tests need: faults that are hard to come by, and segments of few values.
#[derive(Clone, Debug, Default)]
pub struct Trial {
    /// Which operations go wrong.
    pub faults: Option<Arc<dyn Faults>>,
    /// Values of a segment, each report counting 16 more.
    pub segment_values: Option<u64>,
}

/// The log, open for appending. Dropping it writes what is queued, saves all cursors and ends its thread.
#[derive(Debug)]
pub struct Buffer {
    shared: Arc<Shared>,
    queue: SyncSender<Command>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Buffer {
    /// Opens or makes a log. Always succeeds: what is damaged is left out, and a folder that cannot be used leaves
    /// a ring in memory. Both are told in [`Recovery`].
    pub fn open(options: Options) -> (Self, Recovery) {
        Self::start(options, Trial::default())
    }

    /// As [`Buffer::open`], on a disk that fails and in segments that are small. For tests.
    pub fn open_for_test(options: Options, trial: Trial) -> (Self, Recovery) {
        Self::start(options, trial)
    }

    fn start(options: Options, trial: Trial) -> (Self, Recovery) {
        let limit = options.limit_bytes.max(MIN_LIMIT);
        let names = Names::default();
        let folder = Folder::new(options.folder, trial.faults);
        let new = |first| State::new(first, limit, options.max_age);
        let claim = folder.claim();
        let claimed = claim.as_ref().map_err(ToString::to_string);
        let found = claimed
            .and_then(|_| recover(&folder, &names, new(0), Look::First).map_err(|error| error.to_string()));
        let (recovered, mut unusable) = match found {
            Ok(recovered) => (Ok(recovered), None),
            Err(error) => (Err(new(unknown_first(&folder))), Some(error)),
        };
        let (mut state, log, generation, recovery) = match recovered {
            Ok(found) => (found.state, found.log, Some(found.generation), found.recovery),
            Err(state) => (state, None, None, Recovery::default()),
        };
        if let Some(cause) = &unusable {
            state.storage = Storage::Memory { cause: cause.clone() };
        }
        let shared = Arc::new(Shared::new(state, names, folder));
        let (queue, commands) = sync_channel(QUEUE);
        let usual = (limit / SEGMENT_PART).clamp(MIN_SEGMENT_VALUES, MAX_SEGMENT_VALUES);
        let full_weight = trial.segment_values.unwrap_or(usual);
        let disk = Disk::new(claim.ok(), log, generation, limit);
        let writer = Writer::new(Arc::clone(&shared), disk, options.fsync, full_weight);
        let thread =
            std::thread::Builder::new().name("buffer".to_owned()).spawn(move || writer.run(&commands));
        if let Err(error) = &thread {
            unusable = Some(format!("no thread to write with: {error}"));
        }
        let recovery = Recovery { unusable, ..recovery };
        (Self { shared, queue, thread: Mutex::new(thread.ok()) }, recovery)
    }

    /// Appends a report, which came about at about `now`. Never blocks: where the writer's queue is full, the
    /// report is lost, and counted as [`Loss::Busy`].
    pub fn append(&self, report: &Arc<PollReport>, now: &Moment) {
        let samples = cut::length(report.samples.len());
        if self.queue.try_send(Command::Append(Arc::clone(report), *now)).is_err() {
            self.shared.busy.fetch_add(samples, Ordering::Relaxed);
        }
    }

    /// Ends the series of a device that is no longer polled.
    pub fn end(&self, device: &str, now: &Moment) {
        // A full queue costs the stale markers of a device that nobody polls any more: its series age out instead.
        let _ = self.queue.try_send(Command::End(device.to_owned(), *now));
    }

    /// A destination's view. A destination that the log doesn't know begins with the oldest entry that is there.
    pub fn reader(&self, destination: &str, order: Order) -> Reader {
        let reader = self.reader_again(destination, order);
        reader.hold(u64::MAX);
        reader
    }

    /// As [`Buffer::reader`], for who asks again for what the destination has: that stays, as far as the budget allows,
    /// until [`Reader::hold`] says that it need not.
    pub fn reader_again(&self, destination: &str, order: Order) -> Reader {
        Reader::new(Arc::clone(&self.shared), self.queue.clone(), destination, order)
    }

    /// Forgets all destinations but these: nothing is kept for the others any more.
    pub fn keep(&self, destinations: &[&str]) {
        let mut state = self.shared.lock();
        let is_gone = |name: &String, _: &mut Follower| !destinations.contains(&name.as_str());
        let gone: Vec<Follower> = state.followers.extract_if(.., is_gone).map(|gone| gone.1).collect();
        // What they lost stays counted: a counter never falls.
        gone.iter().for_each(|follower| add(&mut state.lost, &follower.lost));
        for name in destinations {
            state.follower(name);
        }
        state.moved = true;
    }

    /// How full it is, what waits, and what was lost.
    pub fn figures(&self, now: &Moment) -> Figures {
        self.shared.figures(now)
    }

    /// Returns when everything that was appended before is in the log, readable, and handed to the kernel.
    /// Blocks; for tests and the end of the program.
    pub fn flush(&self) {
        let (done, wait) = sync_channel(1);
        if self.queue.send(Command::Flush(done)).is_ok() {
            let _ = wait.recv();
        }
    }
}

/// The first entry where the folder cannot be looked into: above those that may be in it, which count from 0 or, after
/// a start like this one, from its time; and where at least names can be seen, above those. The clock serves as a number
/// only.
fn unknown_first(folder: &Folder) -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let files = folder.files().unwrap_or_default();
    let newest = files.iter().filter_map(|(name, _)| Some(store::parse_name(name)?.1)).max().unwrap_or(0);
    ((1 << 48) + (since.as_secs() << 20)).max(newest.saturating_add(cut::length(segment::MAX_ROWS)))
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && self.queue.send(Command::Stop).is_ok()
        {
            let _ = thread.join();
        }
    }
}
