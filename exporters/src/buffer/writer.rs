//! The one thread that writes: takes reports from a bounded queue, appends them, seals full segments, makes room, and
//! saves what destinations acknowledged.
//!
//! While the disk fails, entries stay in a bounded ring in memory; the disk is tried again and again.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use model::PollReport;

use crate::buffer::Fsync;
use crate::buffer::clock::Moment;
use crate::buffer::disk::{Disk, Written};
use crate::buffer::figures::{Loss, Storage};
use crate::buffer::intake::Intake;
use crate::buffer::row::Row;
use crate::buffer::state::Shared;

/// Time between two tries of a disk that fails, by the monotonic clock, in milliseconds.
const RETRY: i64 = 5_000;
/// What a row takes in memory besides its values, in values.
const ROW_WEIGHT: u64 = 16;
/// How long a thread sleeps that has nothing to sync.
const IDLE: Duration = Duration::from_secs(3_600);

/// What the writer is asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    Append(Arc<PollReport>, Moment),
    End(String, Moment),
    /// A destination acknowledged something.
    Acknowledged,
    Flush(SyncSender<()>),
    Stop,
}

/// The writer's own state.
#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
    intake: Intake,
    disk: Disk,
    fsync: Fsync,
    /// When what was written has to be synced.
    sync_at: Option<Instant>,
    /// Monotonic time of the last report, in milliseconds.
    clock: i64,
    /// Monotonic time before which a failed disk is left alone.
    retry_at: i64,
    /// Monotonic time before which nothing is saved, where that failed: the writer has other things to do than to wait
    /// for a disk that takes its time to fail.
    save_at: i64,
    /// Weight of the open rows.
    weight: u64,
    /// The weight at which a segment is sealed, and the most that memory holds.
    full_weight: u64,
}

/// What a row weighs in memory, in values.
fn weight(row: &Row) -> u64 {
    row.samples().saturating_add(ROW_WEIGHT)
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, disk: Disk, fsync: Fsync, full_weight: u64) -> Self {
        let weight = shared.lock().open.iter().map(|row| weight(row)).sum();
        Self {
            shared,
            intake: Intake::default(),
            disk,
            fsync,
            sync_at: None,
            clock: 0,
            retry_at: i64::MIN,
            save_at: i64::MIN,
            weight,
            full_weight,
        }
    }

    /// Real time only says when to sync; everything else goes by the moments that come with the commands.
    pub(crate) fn run(mut self, commands: &Receiver<Command>) {
        loop {
            let wait = self.sync_at.map_or(IDLE, |at| at.saturating_duration_since(Instant::now()));
            match commands.recv_timeout(wait) {
                Ok(Command::Append(report, now)) => self.append(&report, &now),
                Ok(Command::End(device, now)) => {
                    for row in self.intake.end(&device, &now) {
                        self.write(row, true);
                    }
                }
                Ok(Command::Acknowledged) => {}
                Ok(Command::Flush(done)) => {
                    self.save_at = i64::MIN;
                    self.save();
                    let _ = done.send(());
                }
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.save();
            if self.sync_at.is_some_and(|at| at <= Instant::now()) {
                self.sync();
            }
        }
        if self.failing() {
            // What is in memory is lost otherwise.
            self.resume();
        }
        self.save_at = i64::MIN;
        self.save();
        self.sync();
    }

    fn append(&mut self, report: &PollReport, now: &Moment) {
        self.clock = now.monotonic_ms();
        let boots = {
            let mut state = self.shared.lock();
            state.boots.hear(now);
            state.boots.clone()
        };
        self.disk.expire(&self.shared, now);
        if let Some((row, urgent)) = self.intake.row(report, now, &boots, &self.shared.names) {
            self.write(row, urgent);
        }
    }

    fn write(&mut self, row: Row, urgent: bool) {
        let row = Arc::new(row);
        let written = match self.failing() {
            true => None,
            false => Some(self.disk.write(&self.shared, &row)),
        };
        self.keep(Arc::clone(&row));
        match written {
            Some(Ok(Written { full })) => {
                self.schedule_sync(urgent);
                if full || self.weight >= self.full_weight {
                    self.seal();
                }
            }
            Some(Err(error)) => self.fail(&error, true),
            None if self.clock >= self.retry_at => self.resume(),
            None => {}
        }
        self.bound_ring();
        self.shared.lock().notify();
    }

    fn keep(&mut self, row: Arc<Row>) {
        self.weight = self.weight.saturating_add(weight(&row));
        self.shared.lock().open.push_back(row);
    }

    /// While the disk fails, the oldest rows in memory make room.
    fn bound_ring(&mut self) {
        let mut state = self.shared.lock();
        if state.storage == Storage::Disk {
            return;
        }
        while self.weight > self.full_weight && state.open.len() > 1 {
            let oldest = state.open.front().map_or(0, |row| weight(row));
            self.weight = self.weight.saturating_sub(oldest);
            state.drop_oldest_open(Loss::Full);
        }
    }

    fn seal(&mut self) {
        match self.disk.seal(&self.shared) {
            Ok(()) => self.weight = 0,
            Err(error) => self.fail(&error, false),
        }
    }

    /// The disk failed: rows that it keeps stay there; others stay in memory, as the last one where it was not written.
    fn fail(&mut self, error: &io::Error, unwritten: bool) {
        tracing::warn!(folder = %self.shared.folder.path().display(), %error, "buffer goes to memory");
        self.disk.abandon(&self.shared, u64::from(unwritten), self.fsync != Fsync::Never);
        let mut state = self.shared.lock();
        self.weight = state.open.iter().map(|row| weight(row)).sum();
        state.storage = Storage::Memory { cause: error.to_string() };
        self.retry_at = self.clock.saturating_add(RETRY);
    }

    /// Tries the disk again, with all rows that are in memory.
    fn resume(&mut self) {
        self.retry_at = self.clock.saturating_add(RETRY);
        match self.disk.resume(&self.shared, self.fsync != Fsync::Never) {
            Ok(()) => {
                tracing::warn!(folder = %self.shared.folder.path().display(), "buffer goes to disk again");
                self.shared.lock().storage = Storage::Disk;
            }
            Err(error) => self.shared.lock().storage = Storage::Memory { cause: error.to_string() },
        }
    }

    fn schedule_sync(&mut self, urgent: bool) {
        match self.fsync {
            Fsync::Never => {}
            Fsync::Interval(interval) if !urgent => {
                self.sync_at.get_or_insert_with(|| Instant::now() + interval);
            }
            Fsync::Always | Fsync::Interval(_) => self.sync(),
        }
    }

    fn sync(&mut self) {
        self.sync_at = None;
        if self.fsync == Fsync::Never || self.failing() {
            return;
        }
        if let Err(error) = self.disk.sync(&self.shared) {
            self.fail(&error, false);
        }
    }

    fn failing(&self) -> bool {
        self.shared.lock().storage != Storage::Disk
    }

    /// Saves what destinations acknowledged, and removes what nobody needs any more.
    fn save(&mut self) {
        if self.clock < self.save_at {
            return;
        }
        match self.disk.save(&self.shared) {
            Ok(true) => self.disk.trim(&self.shared),
            Ok(false) => return,
            Err(_) => {
                self.save_at = self.clock.saturating_add(RETRY);
                return;
            }
        }
        if let Fsync::Interval(interval) = self.fsync {
            self.sync_at.get_or_insert_with(|| Instant::now() + interval);
        }
    }
}
