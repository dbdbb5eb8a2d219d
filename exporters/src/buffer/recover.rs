//! What a folder holds at the start: what is damaged is left out, removed and told; what cannot be read now, or by this
//! program, stays.
//!
//! Reads the summaries of sealed segments and the whole of logs, of which there is one, or a few after a disk failed.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use crate::buffer::clock::Boots;
use crate::buffer::cursor::Cursor;
use crate::buffer::cut::length;
use crate::buffer::figures::{Loss, Recovery};
use crate::buffer::folder::Folder;
use crate::buffer::log::Log;
use crate::buffer::names::Names;
use crate::buffer::positions::{self, Saved};
use crate::buffer::segment::{
    Form, HEADER_BYTES, LogCodec, MAX_ROWS, Replay, SUMMARY_BYTES, SegmentError, Summary, later,
    read_summary, replay, unseal,
};
use crate::buffer::state::{Follower, State, count};
use crate::buffer::store::{Left, Segment, log_name, missing, parse_name, sealed_name};

/// The name under which a segment is sealed, until it is whole.
pub(crate) const UNFINISHED: &str = "unfinished";

/// What was found.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) state: State,
    /// The log that can be written on. Its rows are the state's open rows.
    pub(crate) log: Option<Log>,
    pub(crate) generation: u64,
    pub(crate) recovery: Recovery,
}

struct Search<'a> {
    folder: &'a Folder,
    names: &'a Names,
    look: Look,
    state: State,
    recovery: Recovery,
    /// Entries that are lost to damage, and the samples in them as far as they are known.
    lost: Vec<(Range<u64>, u64)>,
    /// The newest log.
    last: Option<Replay>,
    /// The next entry that no file before has.
    next: u64,
    /// First entries of all files.
    firsts: Vec<u64>,
    /// New entries come after those of files that are left as they are.
    above: u64,
}

/// How to look through a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// At the start: the newest log is to be written on, and the disk is believed to work.
    First,
    /// Once the disk works again.
    Again,
    /// As `Again`, and what cannot be read is left alone.
    Last,
}

/// Looks through a folder. Fails where it cannot be listed, or a file of it cannot be read.
pub(crate) fn recover(folder: &Folder, names: &Names, state: State, look: Look) -> io::Result<Recovered> {
    let files = folder.list()?;
    let firsts = files.iter().filter_map(|(name, _)| Some(parse_name(name)?.1)).collect();
    let recovery = Recovery::default();
    let lost = Vec::new();
    let mut search =
        Search { folder, names, look, state, recovery, lost, last: None, next: 0, firsts, above: 0 };
    let saved = search.read(positions::FILE, usize::MAX)?.and_then(|bytes| positions::read(&bytes));
    for (name, size) in &files {
        match parse_name(name) {
            // Sealed already: the program ended before it removed the log.
            Some((Form::Log, first)) if search.is_sealed(first)? => search.remove(name),
            Some((form, first)) => search.file(form, first, name, *size)?,
            None if name == UNFINISHED => search.remove(name),
            None => {}
        }
    }
    Ok(search.finish(saved.unwrap_or_default()))
}

impl Search<'_> {
    /// A file that stays does no harm but take room.
    fn remove(&self, name: &str) {
        let _ = self.folder.remove(name);
    }

    /// The first bytes of a file; none where it isn't there, or is left alone.
    fn read(&mut self, name: &str, most: usize) -> io::Result<Option<Vec<u8>>> {
        match self.folder.read(name, most) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if self.look == Look::Last => {
                self.recovery.left.push(format!("{name}: {error}"));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the entries from here on are in a sealed segment that can be read to its end.
    fn is_sealed(&mut self, first: u64) -> io::Result<bool> {
        let bytes = self.read(&sealed_name(first), usize::MAX)?;
        Ok(bytes.is_some_and(|bytes| unseal(&bytes, self.names).is_ok()))
    }

    fn file(&mut self, form: Form, first: u64, name: &str, size: u64) -> io::Result<()> {
        let most = if form == Form::Log { usize::MAX } else { SUMMARY_BYTES };
        let Some(bytes) = self.read(name, most)? else {
            self.leave(first, name, size, None);
            return Ok(());
        };
        if let Some(later) = later(&bytes, form, first) {
            self.recovery.left.push(format!("{name}: {}", SegmentError::Version(later.version)));
            self.leave(first, name, size, later.content);
            return Ok(());
        }
        let read = match form {
            Form::Sealed => self.sealed(first, &bytes, size),
            // The program ended before the header was written.
            Form::Log if bytes.len() < HEADER_BYTES => {
                self.recovery.torn_bytes = self.recovery.torn_bytes.saturating_add(length(bytes.len()));
                self.remove(name);
                return Ok(());
            }
            Form::Log => self.log(first, name, &bytes),
        };
        if let Err(error) = read {
            self.recovery.damage.push(format!("{name}: {error}"));
            self.lose_file(form, first, &bytes);
            self.remove(name);
        }
        Ok(())
    }

    /// Counts what is lost with a file of which nothing can be read: of a log, the rows that are found in it; of a segment, a
    /// sample for each entry, if they are known from the file behind it.
    fn lose_file(&mut self, form: Form, first: u64, bytes: &[u8]) {
        let following = self.following(first).unwrap_or(u64::MAX);
        let (entries, samples) = match form {
            Form::Log => Replay::lost_in(bytes),
            Form::Sealed => {
                let entries = Some(following - first).filter(|&entries| entries <= length(MAX_ROWS));
                (entries.unwrap_or(1), entries.unwrap_or(1))
            }
        };
        if first >= self.next && entries > 0 {
            self.lose(first..first.saturating_add(entries).min(following), samples);
        }
    }

    fn lose(&mut self, entries: Range<u64>, samples: u64) {
        self.recovery.corrupt_samples = self.recovery.corrupt_samples.saturating_add(samples);
        self.next = self.next.max(entries.end);
        self.lost.push((entries, samples));
    }

    /// The first entry of the file behind the one with this.
    fn following(&self, first: u64) -> Option<u64> {
        self.firsts.get(self.firsts.partition_point(|&other| other <= first)).copied()
    }

    /// Leaves a file as it is, with its rows and samples where they are known. Other files' entries are not its own.
    fn leave(&mut self, first: u64, name: &str, size: u64, content: Option<(u64, u64)>) {
        let most = length(MAX_ROWS);
        let (rows, samples) = content.unwrap_or((most, 0));
        let end = first.saturating_add(rows).min(self.following(first).unwrap_or(u64::MAX));
        let bytes = self.folder.occupied(name, size);
        self.state.left.push_back(Left { name: name.to_owned(), entries: first..end, samples, bytes });
        self.above = self.above.max(first.saturating_add(most));
    }

    fn sealed(&mut self, first: u64, bytes: &[u8], size: u64) -> Result<(), SegmentError> {
        let summary = read_summary(bytes)?;
        if summary.first != first || summary.rows == 0 {
            return Err(SegmentError::Damaged("summary"));
        }
        if !self.is_news(first, summary.rows)? {
            self.remove(&sealed_name(first));
            return Ok(());
        }
        for &(boot, offset) in &summary.offsets {
            self.state.boots.learn(boot, offset);
        }
        self.close_log();
        self.close(Form::Sealed, &summary, size);
        Ok(())
    }

    fn log(&mut self, first: u64, name: &str, bytes: &[u8]) -> Result<(), SegmentError> {
        let replay = replay(bytes, self.names)?;
        if replay.first != first {
            return Err(SegmentError::Damaged("header"));
        }
        if !self.is_news(first, length(replay.rows.len()))? {
            self.remove(name);
            return Ok(());
        }
        let (rows, samples) = (replay.lost_rows, replay.lost_samples);
        if rows > 0 {
            let lost = format!("{name}: {samples} samples or more behind a damaged place");
            self.recovery.damage.push(lost);
            let end = first.saturating_add(length(replay.rows.len()));
            self.lose(end..end.saturating_add(rows), samples);
        } else {
            let torn = length(bytes.len() - replay.whole_bytes);
            self.recovery.torn_bytes = self.recovery.torn_bytes.saturating_add(torn);
        }
        learn(&mut self.state.boots, &replay.codec);
        self.close_log();
        self.next = first.saturating_add(length(replay.rows.len())).saturating_add(rows);
        self.last = Some(replay);
        Ok(())
    }

    /// Whether a file with these entries has any that are not in the files before. It may repeat the last ones of a log:
    /// then a sync of that failed, and what came after the one before was written anew.
    fn is_news(&mut self, first: u64, rows: u64) -> Result<bool, SegmentError> {
        let end = first.saturating_add(rows);
        let closed = self.state.closed.back().map_or(0, |segment| segment.entries.end);
        let before =
            self.last.as_ref().map_or(closed, |log| log.first.saturating_add(length(log.rows.len())));
        match &mut self.last {
            _ if first >= self.next => {}
            _ if end <= before => return Ok(false),
            Some(log) if log.first < first => {
                log.rows.truncate(usize::try_from(first - log.first).unwrap_or(usize::MAX));
            }
            _ => return Err(SegmentError::Damaged("place: it repeats entries of the file before it")),
        }
        Ok(true)
    }

    /// A log with another file behind it is written no more.
    fn close_log(&mut self) {
        let Some(replay) = self.last.take() else { return };
        let (name, whole) = (log_name(replay.first), length(replay.whole_bytes));
        match Summary::of(replay.first, &replay.rows, &self.state.boots) {
            Some(summary) => {
                // What is damaged is told once. Where it cannot be cut, it is left out again when it is read.
                let _ = self.folder.append(&name, whole);
                self.close(Form::Log, &summary, whole);
            }
            None => self.remove(&name),
        }
    }

    fn close(&mut self, form: Form, summary: &Summary, size: u64) {
        self.next = self.next.max(summary.first.saturating_add(summary.rows));
        self.recovery.entries = self.recovery.entries.saturating_add(summary.rows);
        self.recovery.samples = self.recovery.samples.saturating_add(summary.samples);
        self.state.closed.push_back(Arc::new(Segment::new(form, summary, size)));
    }

    fn finish(mut self, saved: Saved) -> Recovered {
        let ends = saved.cursors.values().map(Cursor::end);
        let next = ends.fold(self.next.max(self.above).max(saved.next), u64::max);
        let log = if self.look == Look::First { self.go_on(next) } else { None };
        self.close_log();
        if log.is_none() {
            self.state.first_open = next;
        }
        for (name, cursor) in saved.cursors {
            self.state.followers.insert(name, Follower { cursor, ..Follower::default() });
        }
        for (entries, samples) in self.lost {
            if self.state.followers.is_empty() {
                count(&mut self.state.lost, Loss::Corrupt, samples);
            }
            for follower in self.state.followers.values_mut() {
                count(&mut follower.lost, Loss::Corrupt, missing(&entries, samples, &follower.cursor));
            }
        }
        self.state.account(log.as_ref().map_or(0, |log| log.file.occupied()));
        Recovered { state: self.state, log, generation: saved.generation, recovery: self.recovery }
    }

    /// Opens the newest log, if the next entry follows the last of it.
    fn go_on(&mut self, next: u64) -> Option<Log> {
        let replay = self.last.take()?;
        let end = replay.first.saturating_add(length(replay.rows.len()));
        let file = match replay.lost_rows == 0 && end == next {
            true => self.folder.append(&log_name(replay.first), length(replay.whole_bytes)).ok(),
            false => None,
        };
        let Some(file) = file else {
            self.last = Some(replay);
            return None;
        };
        let samples: u64 = replay.rows.iter().map(|row| row.samples()).sum();
        self.recovery.entries = self.recovery.entries.saturating_add(length(replay.rows.len()));
        self.recovery.samples = self.recovery.samples.saturating_add(samples);
        self.state.first_open = replay.first;
        self.state.open = replay.rows.into();
        let rows = length(self.state.open.len());
        Some(Log::opened(file, replay.codec, replay.first, rows))
    }
}

fn learn(boots: &mut Boots, codec: &LogCodec) {
    for &boot in &codec.dictionary.boots {
        if let Some(offset) = codec.dictionary.offsets.offset(boot) {
            boots.learn(boot, offset);
        }
    }
}
