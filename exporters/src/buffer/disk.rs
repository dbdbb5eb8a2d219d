//! What the writer does to the folder: the log that grows, sealing, room, and the saved cursors.
//!
//! Takes the shared lock for looking and noting, never while it reads or writes a file.

use std::io;
use std::sync::Arc;

use crate::buffer::clock::{Date, Moment};
use crate::buffer::cursor::Cursor;
use crate::buffer::cut::length;
use crate::buffer::figures::Loss;
use crate::buffer::folder::{Claim, blocks};
use crate::buffer::log::Log;
use crate::buffer::positions::{Positions, Saved};
use crate::buffer::recover::{Look, UNFINISHED, recover};
use crate::buffer::row::Row;
use crate::buffer::segment::{FRAME_BYTES, Form, Summary, seal};
use crate::buffer::state::{Shared, State};
use crate::buffer::store::{Segment, log_name, sealed_name};

/// Logs take at most this part of the budget each, so that making room costs little at a time.
const LOG_PART: u64 = 16;

/// How often a folder of which something cannot be read is tried before the rest of it is used without: a minute.
const PATIENCE: u32 = 12;

/// The folder as the writer has it.
#[derive(Debug)]
pub(crate) struct Disk {
    /// That no other program writes to the folder. None where that isn't known.
    claim: Option<Claim>,
    log: Option<Log>,
    positions: Option<Positions>,
    generation: u64,
    limit: u64,
    /// Whether what is in the folder is known.
    seen: bool,
    /// How often it was looked for in vain.
    looks: u32,
}

/// A row is on disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    /// The log has as many bytes as it should.
    pub(crate) full: bool,
}

impl Disk {
    /// `generation` of the saved cursors, none where the folder could not be looked into.
    pub(crate) fn new(claim: Option<Claim>, log: Option<Log>, generation: Option<u64>, limit: u64) -> Self {
        let seen = generation.is_some();
        let generation = generation.unwrap_or_default();
        Self { claim, log, positions: None, generation, limit, seen, looks: 0 }
    }

    /// Appends the row that comes next.
    pub(crate) fn write(&mut self, shared: &Shared, row: &Row) -> io::Result<Written> {
        let (boots, next) = {
            let state = shared.lock();
            (state.boots.clone(), state.end())
        };
        let log = match &mut self.log {
            Some(log) => log,
            none => none.insert(Log::start(shared, next)?),
        };
        let mut bytes = Vec::with_capacity(row.values.len() + FRAME_BYTES);
        log.codec.write(row, &boots, &mut bytes);
        log.append(shared, &bytes)?;
        let full = log.file.length() >= self.limit / LOG_PART || log.codec.dictionary.is_full();
        Ok(Written { full })
    }

    /// Turns the log into a sealed segment, or drops it where nobody needs it any more.
    pub(crate) fn seal(&mut self, shared: &Shared) -> io::Result<()> {
        let Some(log) = &self.log else { return Ok(()) };
        let (rows, boots, done) = {
            let state = shared.lock();
            let rows: Vec<Arc<Row>> = state.open.iter().cloned().collect();
            (rows, state.boots.clone(), state.is_done(&(state.first_open..state.end())))
        };
        let (open, first) = (log.file.occupied(), log.first);
        let mut replaced = true;
        let sealed = match Summary::of(first, &rows, &boots) {
            Some(summary) if !done => {
                let bytes = seal(&summary, &rows)?;
                make_room(shared, open.saturating_add(blocks(length(bytes.len()))));
                replaced = finish(shared, first, &bytes)?;
                Some(Segment::new(Form::Sealed, &summary, length(bytes.len())))
            }
            _ => None,
        };
        self.log = None;
        {
            let mut state = shared.lock();
            state.first_open = state.end();
            state.open.clear();
            state.closed.extend(sealed.map(Arc::new));
            state.account(0);
        }
        match replaced {
            true => discard(shared, &log_name(first), open),
            false => shared.lock().stray += open,
        }
        Ok(())
    }

    /// Gives up the log: what is written stays as it is, all but the last `unwritten` rows. Those that the disk may not
    /// keep, if it is to be synced, stay in memory, too, to be written again.
    pub(crate) fn abandon(&mut self, shared: &Shared, unwritten: u64, sync: bool) {
        let Some(mut log) = self.log.take() else { return };
        // A part of the row that failed may be there; where it cannot be cut now, it is when it is read.
        let whole = log.file.length();
        let _ = log.file.cut(whole);
        let rows = length(shared.lock().open.len());
        let synced = if sync { log.sync(shared, rows).is_ok() } else { log.is_there(shared) };
        let mut state = shared.lock();
        let written = if synced { rows.saturating_sub(unwritten) } else { log.safe };
        let rows: Vec<Arc<Row>> = state.open.iter().take(index(written)).cloned().collect();
        match Summary::of(log.first, &rows, &state.boots) {
            Some(summary) => {
                state.closed.push_back(Arc::new(Segment::new(Form::Log, &summary, whole)));
                state.open.drain(..index(written));
                state.first_open = log.first.saturating_add(written);
            }
            None => {
                drop(state);
                discard(shared, &log_name(log.first), blocks(whole));
                state = shared.lock();
            }
        }
        state.account(0);
    }

    /// Begins a log with all rows that are in memory, and makes sure that the disk keeps them if it is to be synced.
    pub(crate) fn resume(&mut self, shared: &Shared, sync: bool) -> io::Result<()> {
        self.claim(shared)?;
        self.look(shared)?;
        let (rows, boots, first) = {
            let state = shared.lock();
            let rows: Vec<Arc<Row>> = state.open.iter().cloned().collect();
            (rows, state.boots.clone(), state.first_open)
        };
        let mut log = Log::start(shared, first)?;
        let mut bytes = Vec::new();
        rows.iter().for_each(|row| log.codec.write(row, &boots, &mut bytes));
        let appended = log.append(shared, &bytes);
        let written =
            appended.and_then(|()| if sync { log.sync(shared, length(rows.len())) } else { Ok(()) });
        if let Err(error) = written {
            discard(shared, &log_name(first), log.file.occupied());
            shared.lock().account(0);
            return Err(error);
        }
        self.log = Some(log);
        Ok(())
    }

    /// Takes the folder, where it isn't the one that was taken before.
    fn claim(&mut self, shared: &Shared) -> io::Result<()> {
        let claim = self.claim.as_ref();
        if claim.map_or(Ok(false), |claim| shared.folder.is(claim))? {
            return Ok(());
        }
        self.claim = Some(shared.folder.claim()?);
        self.positions = None;
        Ok(())
    }

    /// Looks into a folder that could not be looked into before.
    fn look(&mut self, shared: &Shared) -> io::Result<()> {
        if self.seen {
            return Ok(());
        }
        self.looks = self.looks.saturating_add(1);
        let look = if self.looks < PATIENCE { Look::Again } else { Look::Last };
        let found = recover(&shared.folder, &shared.names, State::new(0, u64::MAX, None), look)?;
        let mut state = shared.lock();
        if found.state.first_open > state.start() {
            return Err(io::Error::other(
                "the folder has later entries than those in memory: start again to use it",
            ));
        }
        for damage in &found.recovery.damage {
            tracing::warn!(%damage, "buffer: a damaged file is left out, and what it held is lost; nothing is to be done");
        }
        for file in &found.recovery.left {
            tracing::warn!(%file, "buffer: file is left as it is");
        }
        self.generation = found.generation;
        self.seen = true;
        state.join(found.state);
        Ok(())
    }

    /// Removes the oldest segments that every destination has.
    pub(crate) fn trim(&mut self, shared: &Shared) {
        loop {
            let done = {
                let mut state = shared.lock();
                let front = state.closed.front().map(|segment| segment.entries.clone());
                match front {
                    Some(entries) if state.is_done(&entries) => state.closed.pop_front(),
                    _ => None,
                }
            };
            let Some(segment) = done else { break };
            discard(shared, &segment.name(), segment.blocks());
        }
        self.account(shared);
    }

    /// Removes the oldest segments that are over the age limit as a whole.
    pub(crate) fn expire(&mut self, shared: &Shared, now: &Moment) {
        loop {
            let old = {
                let state = shared.lock();
                let before = state.expired_before(now);
                let front = state.closed.front();
                front.is_some_and(
                    |segment| matches!(state.boots.date(&segment.newest, now), Date::At(at) if at < before),
                )
            };
            if !old || !evict(shared, Loss::Expired) {
                break;
            }
        }
        self.account(shared);
    }

    fn account(&self, shared: &Shared) {
        shared.lock().account(self.log.as_ref().map_or(0, |log| log.file.occupied()));
    }

    /// Makes sure that what was written stays.
    pub(crate) fn sync(&mut self, shared: &Shared) -> io::Result<()> {
        if let Some(log) = &mut self.log {
            let rows = length(shared.lock().open.len());
            log.sync(shared, rows)?;
        }
        if self.positions.as_ref().is_some_and(|positions| positions.sync().is_err()) {
            // They are written again. The log is none the worse for it.
            self.positions = None;
            shared.lock().moved = true;
        }
        Ok(())
    }

    /// Saves what destinations acknowledged, if that changed. Whether it did.
    pub(crate) fn save(&mut self, shared: &Shared) -> io::Result<bool> {
        let saved = {
            let mut state = shared.lock();
            // Before the folder was looked into, what it has saved must stay.
            if !self.seen || !std::mem::take(&mut state.moved) {
                return Ok(false);
            }
            Saved::of(&state, 0)
        };
        let saved = self.try_save(shared, saved);
        if saved.is_err() {
            // Until it is tried again, what was acknowledged might be sent twice.
            self.positions = None;
            shared.lock().moved = true;
        }
        saved.map(|()| true)
    }

    fn try_save(&mut self, shared: &Shared, saved: Saved) -> io::Result<()> {
        let positions = match &mut self.positions {
            Some(positions) => positions,
            none => none.insert(Positions::open(&shared.folder, self.generation)?),
        };
        positions.save(saved)?;
        self.generation = positions.generation();
        Ok(())
    }
}

/// Writes a sealed segment under another name first, so that it is whole or not there. Whether it is sure to stay: where
/// it may not, and does not go either, the log has to stay beside it.
fn finish(shared: &Shared, first: u64, bytes: &[u8]) -> io::Result<bool> {
    let folder = &shared.folder;
    let mut file = folder.create(UNFINISHED)?;
    let written = file.write(bytes).and_then(|()| file.sync());
    if let Err(error) = written {
        let _ = folder.remove(UNFINISHED);
        return Err(error);
    }
    folder.rename(UNFINISHED, &sealed_name(first))?;
    match folder.sync().map_err(|error| (error, folder.remove(&sealed_name(first)))) {
        Ok(()) => Ok(true),
        Err((error, Ok(()))) => Err(error),
        Err((_, Err(_))) => Ok(false),
    }
}

/// Removes a file. One that stays takes its room of the budget.
pub(crate) fn discard(shared: &Shared, name: &str, bytes: u64) {
    if let Err(error) = shared.folder.remove(name)
        && error.kind() != io::ErrorKind::NotFound
    {
        let mut state = shared.lock();
        state.stray = state.stray.saturating_add(bytes);
    }
}

/// Removes files that are left as they are, and then the oldest segments, until so many bytes besides closed segments
/// and cursors fit the budget.
pub(crate) fn make_room(shared: &Shared, bytes: u64) {
    loop {
        let over = {
            let state = shared.lock();
            state.settled_bytes().saturating_add(bytes) > state.limit
        };
        if !over || !(evict_left(shared) || evict(shared, Loss::Full)) {
            break;
        }
    }
}

/// Removes the oldest file that was left as it is, and counts what is lost with it. False where there is none.
fn evict_left(shared: &Shared) -> bool {
    let mut state = shared.lock();
    let Some(left) = state.left.pop_front() else { return false };
    state.lose(left.entries.clone(), |cursor| left.missing(cursor), Loss::Full);
    drop(state);
    discard(shared, &left.name, left.bytes);
    true
}

/// Removes the oldest segment, and counts what is lost with it. False where there is none.
fn evict(shared: &Shared, why: Loss) -> bool {
    let Some(segment) = shared.lock().closed.front().cloned() else { return false };
    let entries = segment.entries.clone();
    let in_part = {
        let state = shared.lock();
        let mut missing = state.followers.values().map(|follower| follower.cursor.missing(&entries));
        missing.any(|missing| missing > 0 && missing < entries.end - entries.start)
    };
    // Only where a destination has a part is it worth to read the file for an exact count.
    let rows = if in_part { segment.rows(&shared.folder, &shared.names).ok() } else { None };
    let rows = rows.filter(|rows| length(rows.len()) >= entries.end - entries.start);
    let mut state = shared.lock();
    state.closed.pop_front();
    let samples = |cursor: &Cursor| match &rows {
        Some(rows) => {
            let numbered = entries.clone().zip(rows.iter());
            let missing = numbered.filter(|(entry, _)| cursor.gap(*entry).start == *entry);
            missing.map(|(_, row)| row.samples()).sum()
        }
        None => segment.missing(cursor),
    };
    state.lose(entries.clone(), samples, why);
    drop(state);
    discard(shared, &segment.name(), segment.blocks());
    true
}

fn index(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
