//! A look at a log from outside: its files, what they hold, what is damaged, and where each destination stands.
//!
//! Changes nothing, and may look at a log that is being written: then its tail may be torn, or a file be gone.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::time::Duration;

use model::Timestamp;

use crate::buffer::clock::{Boot, Boots, Date, Moment, Stamp};
use crate::buffer::cursor::Cursor;
use crate::buffer::cut::length;
use crate::buffer::folder::Folder;
use crate::buffer::listing::{Listed, listed};
use crate::buffer::names::Names;
use crate::buffer::positions::{self, Saved};
use crate::buffer::segment::{
    Form, HEADER_BYTES, Later, SUMMARY_BYTES, SegmentError, Summary, later, read_summary, replay, unseal,
};
use crate::buffer::store::Segment;

/// How closely to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Sealed segments by their summaries.
    Summaries,
    /// Every byte.
    Everything,
}

/// What a folder holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Segments, oldest first.
    pub files: Vec<FileState>,
    /// Destinations by name.
    pub cursors: Vec<CursorState>,
    /// Why no destination is known, where that is so.
    pub no_cursors: Option<String>,
}

impl Inspection {
    /// Whether everything that can be read is whole. A torn tail is: the row in it was never acknowledged.
    pub fn is_whole(&self) -> bool {
        self.files.iter().all(|file| file.damage.is_none())
    }
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileState {
    /// Its name.
    pub name: String,
    /// Whether it is sealed; otherwise a log.
    pub sealed: bool,
    /// The version of its format, where a later program wrote it: this one cannot read it.
    pub later_version: Option<u8>,
    /// Sequence number of its first entry.
    pub first: u64,
    /// Entries that can be read; of a later version, all.
    pub entries: u64,
    /// Samples that can be read; of a later version, all.
    pub samples: u64,
    /// Its length.
    pub bytes: u64,
    /// When its first and its last entry were measured, where that is known.
    pub span: [Option<Timestamp>; 2],
    /// Bytes of a write that had not ended.
    pub torn_bytes: u64,
    /// What is wrong with it.
    pub damage: Option<String>,
}

/// Where one destination stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CursorState {
    /// Its name.
    pub destination: String,
    /// Every entry below was acknowledged.
    pub acknowledged_below: u64,
    /// Stretches of acknowledged entries above.
    pub ranges: usize,
    /// Samples that wait for it; in proportion where a file is acknowledged in part.
    pub waiting: u64,
}

/// Looks into a folder. Fails where it cannot be listed.
pub fn inspect(folder: &Path, depth: Depth) -> io::Result<Inspection> {
    let folder = Folder::new(folder.to_owned(), None);
    let looks = listed(&folder)?.into_iter();
    let mut looks: Vec<_> = looks.filter_map(|file| Look::into(&folder, file, depth)).collect();
    leave_out_doubles(&mut looks);
    let mut boots = Boots::default();
    for summary in looks.iter().filter_map(|(_, look)| look.summary.as_ref()) {
        boots.take_in(&summary.boots());
    }
    let saved = folder.read(positions::FILE, usize::MAX);
    let no_cursors = match &saved {
        Err(error) => Some(error.to_string()),
        Ok(bytes) if positions::read(bytes).is_none() => Some("no copy of them is whole".to_owned()),
        Ok(_) => None,
    };
    let saved = saved.ok().and_then(|bytes| positions::read(&bytes)).unwrap_or_default();
    let segments = looks.iter().filter_map(|(file, look)| {
        look.summary.as_ref().map(|summary| Segment::new(file.form, summary, file.size))
    });
    let cursors = cursors(&saved, &segments.collect::<Vec<_>>());
    let files = looks.into_iter().map(|(file, look)| look.state(file, &boots)).collect();
    Ok(Inspection { files, cursors, no_cursors })
}

/// A log and a segment of the same number hold the same entries: the segment counts if it can be read, else the log.
fn leave_out_doubles(looks: &mut Vec<(Listed, Look)>) {
    looks.dedup_by(|after, before| after.0.name == before.0.name);
    let read = |form| {
        let read = looks.iter().filter(|(file, look)| file.form == form && look.is_read());
        read.map(|(file, _)| file.first).collect::<BTreeSet<u64>>()
    };
    let (logs, sealed) = (read(Form::Log), read(Form::Sealed));
    looks.retain(|(file, _)| file.form == Form::Sealed || !sealed.contains(&file.first));
    for (file, look) in looks {
        if file.form == Form::Sealed && logs.contains(&file.first) && !look.is_read() {
            look.summary = None;
        }
    }
}

fn cursors(saved: &Saved, segments: &[Segment]) -> Vec<CursorState> {
    let state = |(name, cursor): (&String, &Cursor)| CursorState {
        destination: name.clone(),
        acknowledged_below: cursor.low(),
        ranges: cursor.above().len(),
        waiting: segments.iter().map(|segment| segment.missing(cursor)).fold(0, u64::saturating_add),
    };
    saved.cursors.iter().map(state).collect()
}

/// What one file turned out to hold.
#[derive(Default)]
struct Look {
    summary: Option<Summary>,
    later: Option<Later>,
    torn: u64,
    damage: Option<String>,
}

impl Look {
    /// None where the file is gone.
    fn into(folder: &Folder, mut file: Listed, depth: Depth) -> Option<(Listed, Self)> {
        let read = match depth {
            Depth::Summaries => file.read(folder, |form| match form {
                Form::Log => usize::MAX,
                Form::Sealed => SUMMARY_BYTES,
            }),
            Depth::Everything => file.read(folder, |_| usize::MAX),
        }?;
        let (form, first) = (file.form, file.first);
        let look = read.map_err(|error| error.to_string()).and_then(|bytes| {
            match (later(&bytes, form, first), form) {
                (Some(later), _) => Ok(Self { later: Some(later), ..Self::default() }),
                (None, Form::Log) => Self::log(&bytes),
                (None, Form::Sealed) => Self::sealed(&bytes, depth),
            }
            .map_err(|error| error.to_string())
        });
        let look = match look {
            Ok(Self { summary: Some(summary), .. }) if summary.first != first => {
                Self::damaged("its name says that it begins with another entry".to_owned())
            }
            Ok(look) => look,
            Err(error) => Self::damaged(error),
        };
        Some((file, look))
    }

    /// Whether entries of it can be read, all of them if it is sealed.
    fn is_read(&self) -> bool {
        self.summary.is_some() && self.damage.is_none()
    }

    fn damaged(why: String) -> Self {
        Self { damage: Some(why), ..Self::default() }
    }

    fn log(bytes: &[u8]) -> Result<Self, SegmentError> {
        if bytes.len() < HEADER_BYTES {
            return Ok(Self { torn: length(bytes.len()), ..Self::default() });
        }
        let replay = replay(bytes, &Names::default())?;
        let summary = Summary::of(replay.first, &replay.rows, &replay.codec.dictionary.offsets);
        let behind = length(bytes.len().saturating_sub(replay.whole_bytes));
        let damage = replay.lost();
        Ok(Self { summary, torn: if damage.is_some() { 0 } else { behind }, damage, ..Self::default() })
    }

    fn sealed(bytes: &[u8], depth: Depth) -> Result<Self, SegmentError> {
        let summary = read_summary(bytes)?;
        let read = if depth == Depth::Everything { unseal(bytes, &Names::default()).err() } else { None };
        let damage = read.map(|error| format!("{error}: {} samples cannot be read", summary.samples));
        Ok(Self { summary: Some(summary), damage, ..Self::default() })
    }

    fn state(self, file: Listed, boots: &Boots) -> FileState {
        let Listed { name, form, first, size: bytes } = file;
        let summary = self.summary.as_ref();
        let read = summary.map(|summary| (summary.rows, summary.samples));
        let (entries, samples) = self.later.map_or(read, |later| later.content).unwrap_or_default();
        let date = |stamp: &Stamp| date(stamp, boots);
        FileState {
            name,
            sealed: form == Form::Sealed,
            later_version: self.later.map(|later| later.version),
            first,
            entries,
            samples,
            bytes,
            span: [summary.and_then(|it| date(&it.oldest)), summary.and_then(|it| date(&it.newest))],
            torn_bytes: self.torn,
            damage: self.damage,
        }
    }
}

/// When an entry was measured, as far as the log tells.
pub(crate) fn date(stamp: &Stamp, boots: &Boots) -> Option<Timestamp> {
    let nowhere = Boot(u128::MAX);
    let now = Moment { boot: nowhere, monotonic: Duration::ZERO, wall: Timestamp::MAX, synchronised: false };
    match boots.date(stamp, &now) {
        Date::At(at) => Some(at),
        _ => None,
    }
}
