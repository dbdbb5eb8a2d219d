//! The log that rows are appended to: room for it, its syncs, and which of its rows the disk keeps in any case.
//!
//! Knows bytes and how many rows they are; what they mean is the codec's business.

use std::io;

use crate::buffer::cut::length;
use crate::buffer::disk::{discard, make_room};
use crate::buffer::folder::{Appender, BLOCK, blocks};
use crate::buffer::segment::{Form, HEADER_BYTES, LogCodec, header};
use crate::buffer::state::Shared;
use crate::buffer::store::log_name;

/// The log that rows are appended to.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) file: Appender,
    pub(crate) codec: LogCodec,
    pub(crate) first: u64,
    /// Whether its name is sure to stay.
    named: bool,
    /// Rows that the disk keeps in any case.
    pub(crate) safe: u64,
    /// Whether a sync has failed. One that succeeds after that says nothing: the kernel may have given up what it did
    /// not get to the disk.
    doubtful: bool,
}

impl Log {
    /// A new log, with room made for it.
    pub(crate) fn start(shared: &Shared, first: u64) -> io::Result<Self> {
        make_room(shared, blocks(length(HEADER_BYTES)));
        let mut file = shared.folder.create(&log_name(first))?;
        file.write(&header(Form::Log, first)).inspect_err(|_| discard(shared, &log_name(first), 0))?;
        Ok(Self { file, codec: LogCodec::default(), first, named: false, safe: 0, doubtful: false })
    }

    /// Appends bytes, with room made and reserved for them first.
    pub(crate) fn append(&mut self, shared: &Shared, bytes: &[u8]) -> io::Result<()> {
        let size = self.file.needed(bytes.len());
        make_room(shared, size.saturating_add(BLOCK));
        self.file.reserve(size)?;
        self.file.write(bytes)?;
        shared.lock().account(self.file.occupied());
        Ok(())
    }

    /// A log that was there, with so many rows.
    pub(crate) fn opened(file: Appender, codec: LogCodec, first: u64, rows: u64) -> Self {
        Self { file, codec, first, named: false, safe: rows, doubtful: false }
    }

    /// Makes sure that its first `rows` rows, which were written, stay.
    pub(crate) fn sync(&mut self, shared: &Shared, rows: u64) -> io::Result<()> {
        if self.doubtful {
            return Err(io::Error::other("an earlier sync has failed"));
        }
        let synced = self.file.sync().and_then(|()| self.name(shared));
        match synced {
            Ok(()) if self.is_there(shared) => self.safe = rows,
            Ok(()) => return Err(io::Error::other("somebody has removed the log")),
            Err(error) => {
                self.doubtful = true;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Makes sure that its name stays.
    fn name(&mut self, shared: &Shared) -> io::Result<()> {
        if !self.named {
            shared.folder.sync()?;
            self.named = true;
        }
        Ok(())
    }

    /// Whether its file is still in the folder. One that is not keeps no row.
    pub(crate) fn is_there(&mut self, shared: &Shared) -> bool {
        let there = shared.folder.has(&log_name(self.first));
        if !there {
            self.safe = 0;
        }
        there
    }
}
