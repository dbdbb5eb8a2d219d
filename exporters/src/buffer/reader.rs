//! What one destination takes out of the log, in one or two lanes, and what it acknowledges.
//!
//! Never waits for the disk to write; may read and decode one segment file.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::Timestamp;
use tokio::sync::Notify;

use crate::buffer::batch::Batch;
use crate::buffer::clock::{Boots, Moment};
use crate::buffer::cursor::Cursor;
use crate::buffer::cut::{Cut, Terms};
use crate::buffer::figures::{Lag, Loss};
use crate::buffer::state::{Place, Shared, count};
use crate::buffer::store::{Rows, Segment, Unreadable};
use crate::buffer::writer::Command;

/// How long entries are left alone that must wait, in monotonic milliseconds: the wall clock may be set, and what
/// ails a disk may pass.
const LOOK_AGAIN: i64 = 60_000;

/// Most stretches of entries that wait for the wall clock to reach their time. More means a clock that jumps all
/// the time: then the destination waits as a whole.
const MAX_POSTPONED: usize = 64;

/// Most samples that are given out again, but for those of one segment more. To decode them takes two seconds of one
/// core; a pole measures so many in a fortnight.
const MOST_AGAIN: u64 = 1 << 24;

/// In which order a destination takes samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Strictly oldest first: there is no live lane.
    InOrder,
    /// The newest go ahead of the backlog.
    LiveFirst,
}

/// One destination's view of the log. A destination has one reader at a time.
///
/// A batch that is not acknowledged comes again: of the backlog at the next call, of the live lane as a part of the
/// backlog once the next live batch was taken.
pub struct Reader {
    shared: Arc<Shared>,
    destination: String,
    order: Order,
    more: Arc<Notify>,
    queue: SyncSender<Command>,
    lanes: Mutex<Lanes>,
}

#[derive(Debug, Default)]
struct Lanes {
    /// Entries from here on are for the live lane.
    live: u64,
    /// What the live lane gave out last.
    held: Range<u64>,
    postponed: Vec<Postponed>,
    /// The first entry and the rows of the segment that is being read, held so that it is decoded once.
    reading: Option<(u64, Rows)>,
}

#[derive(Debug)]
struct Postponed {
    entries: Range<u64>,
    until: Timestamp,
    /// Monotonic time in milliseconds when they are looked at in any case.
    again: i64,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("destination", &self.destination).field("order", &self.order).finish()
    }
}

/// What the log has for a lane.
struct Found {
    place: Place,
    gap: Range<u64>,
    boots: Boots,
    expired_before: Timestamp,
}

impl Reader {
    pub(crate) fn new(
        shared: Arc<Shared>,
        queue: SyncSender<Command>,
        destination: &str,
        order: Order,
    ) -> Self {
        let (more, live) = {
            let mut state = shared.lock();
            let live = if order == Order::LiveFirst { state.end() } else { u64::MAX };
            let follower = state.follower(destination);
            follower.held = 0;
            (Arc::clone(&follower.more), live)
        };
        let lanes = Mutex::new(Lanes { live, ..Lanes::default() });
        Self { shared, destination: destination.to_owned(), order, more, queue, lanes }
    }

    /// The destination's name.
    pub fn destination(&self) -> &str {
        &self.destination
    }

    /// The order that it was opened with.
    pub fn order(&self) -> Order {
        self.order
    }

    /// The newest entries that were never given out, up to so many samples; a single report may have more. What
    /// does not fit is left to the backlog. Always `None` in [`Order::InOrder`].
    pub fn live(&self, samples: usize, now: &Moment) -> Option<Batch> {
        if self.order == Order::InOrder {
            return None;
        }
        let mut lanes = self.lanes();
        let from = self.newest(lanes.live, samples)?;
        let batch = self.next(&mut lanes, from, u64::MAX, samples, now)?;
        lanes.live = batch.entries.end;
        lanes.held = batch.entries.clone();
        Some(batch)
    }

    /// The oldest entries that are not acknowledged, up to so many samples; a single report may have more. In
    /// [`Order::LiveFirst`], only those that the live lane has passed by.
    ///
    /// May read a file and decode it, which takes milliseconds: to be called where that may block.
    pub fn backlog(&self, samples: usize, now: &Moment) -> Option<Batch> {
        self.backlog_from(0, samples, now)
    }

    /// As [`Reader::backlog`], at or after an entry.
    pub fn backlog_from(&self, from: u64, samples: usize, now: &Moment) -> Option<Batch> {
        let mut lanes = self.lanes();
        let before = match self.order {
            Order::InOrder => u64::MAX,
            Order::LiveFirst => self.passed_by(&lanes),
        };
        self.next(&mut lanes, from, before, samples, now)
    }

    /// The first entries at or after `from`, up to so many samples, of those that the destination has: of the newest,
    /// which go in the live lane. None in [`Order::InOrder`].
    ///
    /// Gives out what is there, at its own time, whatever the clock says now. May read a file, as [`Reader::backlog`].
    pub fn live_again(&self, from: u64, samples: usize, now: &Moment) -> Option<Batch> {
        let (_, live) = self.had(from);
        self.again(live, samples, now)
    }

    /// As [`Reader::live_again`], of the entries that went in the backlog.
    pub fn backlog_again(&self, from: u64, samples: usize, now: &Moment) -> Option<Batch> {
        let (backlog, _) = self.had(from);
        self.again(backlog, samples, now)
    }

    /// Says that entries before `from` are not asked for again.
    pub fn hold(&self, from: u64) {
        self.shared.lock().follower(&self.destination).held = from;
    }

    /// Notes that entries arrived, or need not arrive any more. Saved by the writer.
    pub fn acknowledge(&self, entries: Range<u64>) {
        self.note(entries);
    }

    /// As [`Reader::acknowledge`]. Whether the cursor had a place for it.
    fn note(&self, entries: Range<u64>) -> bool {
        let mut state = self.shared.lock();
        let end = state.end();
        let entries = entries.start..entries.end.min(end);
        let cursor = &mut state.follower(&self.destination).cursor;
        cursor.acknowledge(entries.clone());
        let noted = cursor.missing(&entries) == 0;
        if !std::mem::replace(&mut state.moved, true) {
            // Where the queue is full, the writer is awake and will see it.
            let _ = self.queue.try_send(Command::Acknowledged);
        }
        noted
    }

    /// Counts samples that were set aside.
    pub fn lose(&self, why: Loss, samples: u64) {
        let mut state = self.shared.lock();
        count(&mut state.follower(&self.destination).lost, why, samples);
    }

    /// What waits for this destination.
    pub fn lag(&self, now: &Moment) -> Lag {
        let mut state = self.shared.lock();
        let cursor = state.follower(&self.destination).cursor.clone();
        state.lag(&cursor, now)
    }

    /// Samples that this destination never gets, by cause, since the start.
    pub fn lost(&self) -> crate::buffer::figures::Losses {
        self.shared.lock().follower(&self.destination).lost.clone()
    }

    /// Returns when something was appended since the last call. For one task at a time.
    pub async fn wait(&self) {
        self.more.notified().await;
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Between which entries from an entry on those are that went in the backlog and in the live lane: as far as the
    /// cursor tells.
    fn had(&self, from: u64) -> (Range<u64>, Range<u64>) {
        let mut state = self.shared.lock();
        let cursor = state.follower(&self.destination).cursor.clone();
        let start = if from == 0 { state.had_from(&cursor, MOST_AGAIN) } else { from };
        let end = cursor.end();
        let first_live = match (self.order, cursor.above().first()) {
            (Order::InOrder, _) => end,
            (Order::LiveFirst, Some(above)) => above.start,
            // No backlog was begun.
            (Order::LiveFirst, None) => start,
        };
        (start..first_live, start.max(first_live)..end)
    }

    /// The first of these entries that the destination has.
    fn again(&self, mut entries: Range<u64>, samples: usize, now: &Moment) -> Option<Batch> {
        let mut lanes = self.lanes();
        // They had their time when they were given out first: a clock that is wrong now does not take it from them.
        let now = Moment { wall: Timestamp::MAX, synchronised: false, ..*now };
        while !entries.is_empty() {
            let (place, had, boots) = {
                let mut state = self.shared.lock();
                let had = state.follower(&self.destination).cursor.had(entries.start)?;
                let had = had.start..had.end.min(entries.end);
                if had.is_empty() {
                    return None;
                }
                (state.locate(had.start, had.end, samples), had, state.boots.clone())
            };
            let terms = Terms { samples, now: &now, boots: &boots, expired_before: Timestamp::MIN };
            let cut = match &place {
                Place::Left { next } | Place::Gone { next } => {
                    entries.start = *next;
                    continue;
                }
                Place::Rows { first, rows } => {
                    lanes.reading = None;
                    terms.cut(*first, rows.iter())
                }
                Place::Segment(segment) => self.cut_segment(&mut lanes, segment, &had, &terms),
            };
            match cut {
                Cut::Batch(batch) => return Some(batch),
                Cut::Lost { entries: count, .. } | Cut::Wait { entries: count, .. } => {
                    entries.start = had.start.saturating_add(count);
                }
                Cut::Nothing => return None,
            }
        }
        None
    }

    /// Where the newest open rows begin that have no more than so many samples, at least one row.
    fn newest(&self, live: u64, samples: usize) -> Option<u64> {
        let state = self.shared.lock();
        let (mut entry, mut sum) = (state.end(), 0_usize);
        for row in state.open.iter().rev() {
            sum = sum.saturating_add(row.values.len());
            if entry <= live || (sum > samples && entry < state.end()) {
                break;
            }
            entry -= 1;
        }
        (entry < state.end()).then_some(entry)
    }

    /// Where the backlog ends.
    fn passed_by(&self, lanes: &Lanes) -> u64 {
        let mut state = self.shared.lock();
        let held = state.follower(&self.destination).cursor.missing(&lanes.held) > 0;
        if held { lanes.held.start } else { lanes.live }
    }

    fn next(
        &self,
        lanes: &mut Lanes,
        mut from: u64,
        before: u64,
        samples: usize,
        now: &Moment,
    ) -> Option<Batch> {
        let clock = now.monotonic_ms();
        lanes.postponed.retain(|postponed| now.wall < postponed.until && clock < postponed.again);
        loop {
            let found = self.find(lanes, from, before, samples, now)?;
            let terms = Terms { samples, now, boots: &found.boots, expired_before: found.expired_before };
            let start = found.gap.start;
            let cut = match &found.place {
                Place::Left { next } => {
                    from = *next;
                    continue;
                }
                Place::Gone { next } => {
                    self.note(start..*next);
                    from = *next;
                    continue;
                }
                Place::Rows { first, rows } => {
                    lanes.reading = None;
                    terms.cut(*first, rows.iter())
                }
                Place::Segment(segment) => self.cut_segment(lanes, segment, &found.gap, &terms),
            };
            // What a cursor that is full forgets is passed over all the same, and counted once it is noted.
            match cut {
                Cut::Batch(batch) if batch.runs.is_empty() => {
                    from = batch.entries.end;
                    self.note(batch.entries);
                }
                Cut::Batch(batch) => return Some(batch),
                Cut::Lost { entries, samples, why } => {
                    from = start.saturating_add(entries);
                    if self.note(start..from) {
                        self.lose(why, samples);
                    }
                }
                Cut::Wait { entries, until } if lanes.postponed.len() < MAX_POSTPONED => {
                    let (entries, again) =
                        (start..start.saturating_add(entries), clock.saturating_add(LOOK_AGAIN));
                    lanes.postponed.push(Postponed { entries, until, again });
                }
                Cut::Wait { .. } | Cut::Nothing => return None,
            }
        }
    }

    /// Cuts the rows of a closed segment from the beginning of `gap`.
    fn cut_segment(&self, lanes: &mut Lanes, segment: &Segment, gap: &Range<u64>, terms: &Terms<'_>) -> Cut {
        let end = gap.end.min(segment.entries.end);
        let entries = end.saturating_sub(gap.start);
        // Before another is decoded: one takes megabytes.
        lanes.reading.take_if(|reading| reading.0 != segment.entries.start);
        match segment.rows(&self.shared.folder, &self.shared.names) {
            Ok(rows) => {
                let index = |entry: u64| usize::try_from(entry - segment.entries.start).unwrap_or(usize::MAX);
                let cut = rows
                    .get(index(gap.start)..index(end).min(rows.len()))
                    .filter(|rows| !rows.is_empty())
                    .map(|rows| terms.cut(gap.start, rows.iter()));
                let samples = segment.unread(&rows, entries);
                lanes.reading = Some((segment.entries.start, rows));
                cut.unwrap_or(Cut::Lost { entries, samples, why: Loss::Corrupt })
            }
            // Removed since it was looked for, to make room: what is in the log now is looked for again.
            Err(Unreadable::Disk(error))
                if error.kind() == io::ErrorKind::NotFound && self.is_gone(segment) =>
            {
                Cut::Lost { entries: 0, samples: 0, why: Loss::Full }
            }
            Err(Unreadable::Disk(error)) if error.kind() != io::ErrorKind::NotFound => {
                Cut::Wait { entries, until: Timestamp::MAX }
            }
            // Damaged, or removed by somebody else.
            Err(_) => {
                let mut state = self.shared.lock();
                let samples = segment.missing(&state.follower(&self.destination).cursor);
                let entries = segment.entries.end - gap.start;
                Cut::Lost { entries, samples, why: Loss::Corrupt }
            }
        }
    }

    fn is_gone(&self, segment: &Segment) -> bool {
        let place = self.shared.lock().locate(segment.entries.start, segment.entries.end, 1);
        !matches!(place, Place::Segment(_))
    }

    /// The first entries of a lane that are neither acknowledged nor postponed.
    fn find(&self, lanes: &Lanes, from: u64, before: u64, samples: usize, now: &Moment) -> Option<Found> {
        let mut state = self.shared.lock();
        // So that a report has the same time when it is sent again.
        state.boots.hear(now);
        let (start, before) = (state.start(), before.min(state.end()));
        let gap = lanes.gap(&state.follower(&self.destination).cursor, from.max(start.min(before)));
        let gap = gap.start..gap.end.min(before);
        (gap.start < gap.end).then(|| Found {
            place: state.locate(gap.start, gap.end, samples),
            boots: state.boots.clone(),
            expired_before: state.expired_before(now),
            gap,
        })
    }
}

impl Lanes {
    /// As [`Cursor::gap`], without what is postponed.
    fn gap(&self, cursor: &Cursor, from: u64) -> Range<u64> {
        let mut gap = cursor.gap(from);
        while let Some(postponed) = self.postponed.iter().find(|each| each.entries.contains(&gap.start)) {
            gap = cursor.gap(postponed.entries.end);
        }
        let next =
            self.postponed.iter().map(|each| each.entries.start).filter(|&start| start > gap.start).min();
        gap.start..next.map_or(gap.end, |next| next.min(gap.end))
    }
}
