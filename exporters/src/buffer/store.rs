//! Closed segments: files that get no more entries; and files that are left as they are.

use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use thiserror::Error;

use crate::buffer::clock::Stamp;
use crate::buffer::cursor::Cursor;
use crate::buffer::cut::length;
use crate::buffer::folder::{Folder, blocks};
use crate::buffer::names::Names;
use crate::buffer::row::Row;
use crate::buffer::segment::{Form, SegmentError, Summary, replay, unseal};

/// The rows of a segment, decoded.
pub(crate) type Rows = Arc<Vec<Arc<Row>>>;

/// Why the rows of a segment cannot be had.
#[derive(Debug, Error)]
pub(crate) enum Unreadable {
    #[error("{0}")]
    Disk(#[from] io::Error),
    #[error("{0}")]
    Content(#[from] SegmentError),
}

/// A file that gets no more entries.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) form: Form,
    pub(crate) entries: Range<u64>,
    pub(crate) samples: u64,
    /// Its length.
    pub(crate) length: u64,
    pub(crate) oldest: Stamp,
    pub(crate) newest: Stamp,
    /// Its rows, as long as somebody reads them: several destinations decode a segment once.
    decoded: Mutex<Weak<Vec<Arc<Row>>>>,
}

impl Segment {
    pub(crate) fn new(form: Form, summary: &Summary, length: u64) -> Self {
        Self {
            form,
            entries: summary.first..summary.first.saturating_add(summary.rows),
            samples: summary.samples,
            length,
            oldest: summary.oldest,
            newest: summary.newest,
            decoded: Mutex::default(),
        }
    }

    /// The name of its file.
    pub(crate) fn name(&self) -> String {
        match self.form {
            Form::Log => log_name(self.entries.start),
            Form::Sealed => sealed_name(self.entries.start),
        }
    }

    /// Bytes on disk.
    pub(crate) fn blocks(&self) -> u64 {
        blocks(self.length)
    }

    /// Its rows, read from its file unless somebody has them.
    pub(crate) fn rows(&self, folder: &Folder, names: &Names) -> Result<Rows, Unreadable> {
        let mut decoded = self.decoded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rows) = decoded.upgrade() {
            return Ok(rows);
        }
        let bytes = folder.read(&self.name(), usize::MAX)?;
        let rows = match self.form {
            Form::Log => replay(&bytes, names)?.rows,
            Form::Sealed => unseal(&bytes, names)?,
        };
        let rows = Arc::new(rows);
        *decoded = Arc::downgrade(&rows);
        Ok(rows)
    }

    /// Samples of those of its entries that a cursor lacks, in proportion.
    pub(crate) fn missing(&self, cursor: &Cursor) -> u64 {
        missing(&self.entries, self.samples, cursor)
    }

    /// Samples of so many entries behind those that could be read, in proportion.
    pub(crate) fn unread(&self, rows: &Rows, entries: u64) -> u64 {
        let samples = self.samples.saturating_sub(rows.iter().map(|row| row.samples()).sum());
        let unread = (self.entries.end - self.entries.start).saturating_sub(length(rows.len()));
        let samples = u128::from(samples) * u128::from(entries) / u128::from(unread).max(1);
        u64::try_from(samples).unwrap_or(u64::MAX)
    }
}

/// A file that this program neither reads nor changes: a later one wrote it, or the disk does not give it. It stays
/// until its room is needed.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) name: String,
    /// Entries that it may hold.
    pub(crate) entries: Range<u64>,
    /// Its samples, 0 where that is not known.
    pub(crate) samples: u64,
    /// Bytes on disk.
    pub(crate) bytes: u64,
}

impl Left {
    /// Samples of those of its entries that a cursor lacks, in proportion.
    pub(crate) fn missing(&self, cursor: &Cursor) -> u64 {
        missing(&self.entries, self.samples, cursor)
    }
}

/// Of so many samples in these entries, those that a cursor lacks, in proportion.
pub(crate) fn missing(entries: &Range<u64>, samples: u64, cursor: &Cursor) -> u64 {
    let missing = u128::from(cursor.missing(entries));
    let entries = u128::from(entries.end - entries.start).max(1);
    u64::try_from(u128::from(samples) * missing / entries).unwrap_or(u64::MAX)
}

/// The file of a log that begins with this entry.
pub(crate) fn log_name(first: u64) -> String {
    format!("{first:016x}.log")
}

/// The file of a sealed segment that begins with this entry.
pub(crate) fn sealed_name(first: u64) -> String {
    format!("{first:016x}.segment")
}

/// What a file of this name is, and its first entry.
pub(crate) fn parse_name(name: &str) -> Option<(Form, u64)> {
    let (number, ending) = name.split_once('.')?;
    let form = match ending {
        "log" => Form::Log,
        "segment" => Form::Sealed,
        _ => return None,
    };
    (number.len() == 16).then(|| u64::from_str_radix(number, 16).ok()).flatten().map(|first| (form, first))
}
