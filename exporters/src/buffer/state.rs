//! What is in the log right now, shared by the writer and all readers. Knows no file's content.
//!
//! Its lock is held for looking and noting only, never while a file is read or written.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::buffer::clock::{Boots, Moment, milliseconds};
use crate::buffer::cursor::Cursor;
use crate::buffer::cut::length;
use crate::buffer::figures::{Figures, Lag, Loss, Losses, Storage};
use crate::buffer::folder::Folder;
use crate::buffer::names::Names;
use crate::buffer::positions::FILE_BYTES;
use crate::buffer::row::Row;
use crate::buffer::store::{Left, Segment};

/// What the writer and the readers share.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) names: Names,
    pub(crate) folder: Folder,
    /// Samples of reports that the writer's queue had no place for.
    pub(crate) busy: AtomicU64,
}

impl Shared {
    pub(crate) fn new(state: State, names: Names, folder: Folder) -> Self {
        Self { state: Mutex::new(state), names, folder, busy: AtomicU64::new(0) }
    }

    /// The log, locked. Nobody panics while holding it half changed: steps that can fail come before.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn figures(&self, now: &Moment) -> Figures {
        let state = self.lock();
        let lags: Vec<Lag> =
            state.followers.values().map(|follower| state.lag(&follower.cursor, now)).collect();
        let mut lost = state.lost.clone();
        state.followers.values().for_each(|follower| add(&mut lost, &follower.lost));
        count(&mut lost, Loss::Busy, self.busy.load(Ordering::Relaxed));
        Figures {
            waiting: lags.iter().map(|lag| lag.samples).max().unwrap_or_default(),
            bytes: state.bytes,
            limit: state.limit,
            oldest: lags.iter().filter_map(|lag| lag.oldest).max(),
            dated: now.synchronised || state.boots.offset(now.boot).is_some(),
            lost,
            storage: state.storage.clone(),
        }
    }
}

/// Adds to the losses of a kind; 0 leaves no trace.
pub(crate) fn count(losses: &mut Losses, why: Loss, samples: u64) {
    if samples > 0 {
        let sum = losses.entry(why).or_default();
        *sum = sum.saturating_add(samples);
    }
}

/// Adds losses of all kinds.
pub(crate) fn add(losses: &mut Losses, others: &Losses) {
    for (&why, &samples) in others {
        count(losses, why, samples);
    }
}

/// One destination.
#[derive(Debug, Default)]
pub(crate) struct Follower {
    pub(crate) cursor: Cursor,
    /// Entries from here on stay although it has them, for it may ask for them again. All until somebody reads for it.
    pub(crate) held: u64,
    pub(crate) lost: Losses,
    pub(crate) more: Arc<Notify>,
}

/// Where entries are.
#[derive(Debug)]
pub(crate) enum Place {
    /// Here, from the wanted one on.
    Rows { first: u64, rows: Vec<Arc<Row>> },
    /// In this file.
    Segment(Arc<Segment>),
    /// In files that are left as they are. The next entry that may be elsewhere is this one.
    Left { next: u64 },
    /// Nowhere: the next entry that exists is this one.
    Gone { next: u64 },
}

/// The log.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) boots: Boots,
    /// Closed segments, oldest first.
    pub(crate) closed: VecDeque<Arc<Segment>>,
    /// Sequence number of the first open row.
    pub(crate) first_open: u64,
    /// Rows of the segment that is being written, or of the memory ring.
    pub(crate) open: VecDeque<Arc<Row>>,
    pub(crate) followers: BTreeMap<String, Follower>,
    /// Losses that befell every destination, known or not.
    pub(crate) lost: Losses,
    pub(crate) bytes: u64,
    /// Files that are left as they are, by their first entries.
    pub(crate) left: VecDeque<Left>,
    /// Bytes of files that could not be removed.
    pub(crate) stray: u64,
    pub(crate) limit: u64,
    pub(crate) max_age: Option<Duration>,
    pub(crate) storage: Storage,
    /// A cursor moved since cursors were saved.
    pub(crate) moved: bool,
}

impl State {
    /// An empty log that begins with this entry.
    pub(crate) fn new(first: u64, limit: u64, max_age: Option<Duration>) -> Self {
        Self {
            boots: Boots::default(),
            closed: VecDeque::new(),
            first_open: first,
            open: VecDeque::new(),
            followers: BTreeMap::new(),
            lost: Losses::new(),
            bytes: 0,
            left: VecDeque::new(),
            stray: 0,
            limit,
            max_age,
            storage: Storage::Disk,
            moved: false,
        }
    }

    /// The oldest entry that is there.
    pub(crate) fn start(&self) -> u64 {
        let read = self.closed.front().map_or(self.first_open, |segment| segment.entries.start);
        self.left.front().map_or(read, |left| read.min(left.entries.start))
    }

    /// The entry that comes next.
    pub(crate) fn end(&self) -> u64 {
        self.first_open.saturating_add(length(self.open.len()))
    }

    /// A destination, which is made if it is new: it begins with the oldest entry that is there.
    pub(crate) fn follower(&mut self, destination: &str) -> &mut Follower {
        let start = self.start();
        if !self.followers.contains_key(destination) {
            let new = Follower { cursor: Cursor::at(start), ..Follower::default() };
            self.followers.insert(destination.to_owned(), new);
            self.moved = true;
        }
        self.followers.entry(destination.to_owned()).or_default()
    }

    /// Whether there are destinations and none needs these entries any more.
    pub(crate) fn is_done(&self, entries: &Range<u64>) -> bool {
        let is_done =
            |follower: &Follower| entries.end <= follower.held && follower.cursor.missing(entries) == 0;
        !self.followers.is_empty() && self.followers.values().all(is_done)
    }

    /// Where the entries begin that a cursor has, but for those before the newest so many samples of closed segments.
    pub(crate) fn had_from(&self, cursor: &Cursor, most: u64) -> u64 {
        let mut samples = 0_u64;
        for segment in self.closed.iter().rev() {
            samples = samples.saturating_add(segment.samples.saturating_sub(segment.missing(cursor)));
            if samples > most {
                return segment.entries.end;
            }
        }
        self.start()
    }

    pub(crate) fn notify(&self) {
        self.followers.values().for_each(|follower| follower.more.notify_one());
    }

    /// Where an entry is; of open rows, no more than `most` samples, but at least one row.
    pub(crate) fn locate(&self, entry: u64, before: u64, most: usize) -> Place {
        if entry >= self.first_open {
            let skip = usize::try_from(entry - self.first_open).unwrap_or(usize::MAX);
            let mut samples = 0_usize;
            let rows =
                self.open.iter().skip(skip).take(usize::try_from(before - entry).unwrap_or(usize::MAX));
            let rows = rows.take_while(|row| {
                let fits = samples < most;
                samples = samples.saturating_add(row.values.len());
                fits
            });
            return Place::Rows { first: entry, rows: rows.cloned().collect() };
        }
        let at = self.closed.partition_point(|segment| segment.entries.end <= entry);
        match self.closed.get(at) {
            Some(segment) if segment.entries.start <= entry => Place::Segment(Arc::clone(segment)),
            Some(segment) => self.locate_unread(entry, segment.entries.start),
            None => self.locate_unread(entry, self.first_open),
        }
    }

    /// Where an entry is that can be read nowhere, as those behind it up to `next`.
    fn locate_unread(&self, entry: u64, next: u64) -> Place {
        let mut end = entry;
        for left in &self.left {
            if left.entries.start > end {
                break;
            }
            end = end.max(left.entries.end);
        }
        if end > entry {
            return Place::Left { next: end.min(next) };
        }
        let left = self.left.iter().map(|left| left.entries.start).find(|&start| start > entry);
        Place::Gone { next: left.map_or(next, |start| start.min(next)) }
    }

    /// Takes out the oldest open row, to make room; counts it as lost to whom it did not reach.
    pub(crate) fn drop_oldest_open(&mut self, why: Loss) {
        let Some(row) = self.open.pop_front() else { return };
        let entry = self.first_open;
        self.first_open = entry.saturating_add(1);
        self.lose(entry..entry.saturating_add(1), |_| row.samples(), why);
    }

    /// Counts entries as lost to each destination that lacks them; `samples` says how many are in those that a
    /// cursor lacks.
    pub(crate) fn lose(&mut self, entries: Range<u64>, samples: impl Fn(&Cursor) -> u64, why: Loss) {
        for follower in self.followers.values_mut() {
            if follower.cursor.missing(&entries) > 0 {
                let missing = samples(&follower.cursor);
                count(&mut follower.lost, why, missing);
                follower.cursor.acknowledge(entries.clone());
                self.moved = true;
            }
        }
    }

    /// What a destination lacks.
    pub(crate) fn lag(&self, cursor: &Cursor, now: &Moment) -> Lag {
        let closed: u64 =
            self.closed.iter().map(|segment| segment.missing(cursor)).fold(0, u64::saturating_add);
        let mut open = 0_u64;
        let mut gap = cursor.gap(self.first_open);
        while gap.start < self.end() {
            if let Place::Rows { rows, .. } = self.locate(gap.start, gap.end, usize::MAX) {
                open = rows.iter().fold(open, |sum, row| sum.saturating_add(row.samples()));
            }
            gap = cursor.gap(gap.end);
        }
        Lag { samples: closed.saturating_add(open), oldest: self.oldest(cursor, now) }
    }

    fn oldest(&self, cursor: &Cursor, now: &Moment) -> Option<Duration> {
        let mut from = self.start();
        let stamp = loop {
            match self.locate(cursor.gap(from).start, u64::MAX, 1) {
                Place::Rows { rows, .. } => break rows.first()?.stamp,
                Place::Segment(segment) => break segment.oldest,
                Place::Left { next } | Place::Gone { next } => from = next,
            }
        };
        self.boots.age(&stamp, now)
    }

    /// Bytes of all files but the open log.
    pub(crate) fn settled_bytes(&self) -> u64 {
        let closed: u64 = self.closed.iter().map(|segment| segment.blocks()).sum();
        let left = self.left.iter().map(|left| left.bytes).fold(self.stray, u64::saturating_add);
        closed.saturating_add(left).saturating_add(FILE_BYTES)
    }

    /// Notes how much is on disk with an open log of so many bytes.
    pub(crate) fn account(&mut self, log: u64) {
        self.bytes = self.settled_bytes().saturating_add(log);
    }

    /// Takes in what was found in a folder that could not be looked into before. Its entries must come before all
    /// that are here.
    pub(crate) fn join(&mut self, mut found: Self) {
        let (oldest, first) = (found.start(), self.start());
        self.boots.take_in(&found.boots);
        for (name, follower) in &mut self.followers {
            let old = found.followers.remove(name);
            let old = old.unwrap_or_else(|| Follower { cursor: Cursor::at(oldest), ..Follower::default() });
            add(&mut follower.lost, &old.lost);
            let new = std::mem::replace(&mut follower.cursor, old.cursor);
            follower.cursor.acknowledge(first..new.low());
            new.above().iter().for_each(|range| follower.cursor.acknowledge(range.clone()));
        }
        self.followers.append(&mut found.followers);
        self.closed = found.closed.into_iter().chain(self.closed.drain(..)).collect();
        self.left = found.left;
        add(&mut self.lost, &found.lost);
        self.moved = true;
    }

    /// Wall time before which samples are too old.
    pub(crate) fn expired_before(&self, now: &Moment) -> i64 {
        match self.max_age {
            Some(age) if now.synchronised => now.wall.saturating_sub(milliseconds(age)),
            _ => i64::MIN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::clock::{Boot, Stamp};
    use crate::buffer::segment::{Form, Summary};

    /// Ten segments of ten entries with a hundred samples each.
    fn state() -> State {
        let stamp = Stamp { boot: Boot(1), time: 0, offset: 0, synchronised: true };
        let summary = |first: u64| Summary {
            first,
            rows: 10,
            samples: 100,
            oldest: stamp,
            newest: stamp,
            offsets: Vec::new(),
        };
        let segment = |number: u64| Arc::new(Segment::new(Form::Sealed, &summary(number * 10), 4_096));
        State { closed: (0..10).map(segment).collect(), ..State::new(100, 0, None) }
    }

    #[test]
    fn as_much_is_given_again_as_is_allowed_and_what_is_missing_does_not_count() {
        let state = state();
        let all = Cursor::at(100);
        let from = |cursor, most| state.had_from(cursor, most);
        assert_eq!([1_000, 999, 300, 299, 0].map(|most| from(&all, most)), [0, 10, 70, 80, 100]);
        let mut in_part = Cursor::at(20);
        in_part.acknowledge(95..100);
        assert_eq!([250, 249, 150, 149, 49].map(|most| from(&in_part, most)), [0, 10, 10, 20, 100]);
    }
}
