//! The two forms of a segment: a log that grows row by row, and a sealed one that takes less room.
//!
//! Pure: bytes in, rows out, and back. Never fails on a log: what is whole at its beginning is read, the rest told.

use std::io::Read;
use std::sync::Arc;

use thiserror::Error;

use crate::buffer::clock::{Boot, Boots, Stamp};
use crate::buffer::codec::bytes::{Input, put, put_signed};
use crate::buffer::codec::dictionary::Dictionary;
use crate::buffer::codec::rows::{Head, RowCodec, read_columns, read_heads, write_columns, write_heads};
use crate::buffer::cut::length;
use crate::buffer::frame::{kind, next_frame, put_frame};
use crate::buffer::names::Names;
use crate::buffer::row::Row;

/// What every file of the log begins with.
const MAGIC: [u8; 8] = *b"lightbuf";
/// The version of the format that is written, and the only one that is read.
pub(crate) const VERSION: u8 = 1;
/// Bytes of a header: magic, version, form, first entry, checksum.
pub(crate) const HEADER_BYTES: usize = 22;
/// Bytes within which a summary ends.
pub(crate) const SUMMARY_BYTES: usize = 64 << 10;
/// Most bytes of an unpacked dictionary: 2^19 series with long names.
const MAX_NAMES_BYTES: u64 = 256 << 20;
/// Most rows of one segment: rows without a sample take a place, too.
pub(crate) const MAX_ROWS: usize = 1 << 22;
/// Most bytes of a row that is looked for behind a damaged place: each place is tried, so that each must cost little.
const MAX_FOUND_BYTES: usize = 64 << 10;
/// How hard names are compressed: they are little, and read seldom.
const NAMES_LEVEL: i32 = 9;

/// What a row takes besides its samples, at most as a rule.
pub(crate) const FRAME_BYTES: usize = 64;

/// The form of a segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Row by row.
    Log,
    /// Series by series.
    Sealed,
}

/// Why a file cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SegmentError {
    /// Its beginning is not that of a segment.
    #[error("it does not begin as a segment")]
    Header,
    /// A later program wrote it.
    #[error("it has format version {0}, which this program does not know")]
    Version(u8),
    /// A checksum or a number in it is wrong.
    #[error("its {0} is damaged")]
    Damaged(&'static str),
}

/// The header of a file that begins with this entry.
pub(crate) fn header(form: Form, first: u64) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend([VERSION, if form == Form::Log { b'L' } else { b'S' }]);
    out.extend(first.to_le_bytes());
    out.extend(crc32c::crc32c(&out).to_le_bytes());
    out
}

fn read_header(input: &mut Input<'_>, form: Form) -> Result<u64, SegmentError> {
    let head = input.take(HEADER_BYTES).ok_or(SegmentError::Header)?;
    match read_any_header(head)? {
        (version, _) if version > VERSION => Err(SegmentError::Version(version)),
        (_, first) if head == header(form, first) => Ok(first),
        _ => Err(SegmentError::Damaged("header")),
    }
}

/// Version and first entry in a header of whatever version.
fn read_any_header(head: &[u8]) -> Result<(u8, u64), SegmentError> {
    let mut fields = Input::new(head);
    if fields.array() != Some(MAGIC) {
        return Err(SegmentError::Header);
    }
    let mut fields = || {
        let (version, _, first) = (fields.byte()?, fields.byte()?, fields.array()?);
        let sum = crc32c::crc32c(head.get(..HEADER_BYTES - 4)?);
        (fields.array() == Some(sum.to_le_bytes())).then(|| (version, u64::from_le_bytes(first)))
    };
    fields().ok_or(SegmentError::Damaged("header"))
}

/// What can be told of a file that a later program wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Later {
    pub(crate) version: u8,
    /// Its rows and samples, where it has the frames that every version has.
    pub(crate) content: Option<(u64, u64)>,
}

/// Looks whether a later program wrote a file that begins with this entry. Of a sealed segment, the first
/// [`SUMMARY_BYTES`] are enough.
pub(crate) fn later(bytes: &[u8], form: Form, first: u64) -> Option<Later> {
    let (head, rest) = bytes.split_at_checked(HEADER_BYTES)?;
    let (version, _) = read_any_header(head).ok().filter(|head| head.0 > VERSION && head.1 == first)?;
    let mut input = Input::new(rest);
    let mut frames = std::iter::from_fn(|| next_frame(&mut input).filter(|frame| frame.whole));
    let content = match form {
        Form::Log => {
            let rows = frames.filter(|frame| frame.kind == kind::ROW);
            let samples: Vec<u64> = rows.filter_map(|row| Input::new(row.content).number()).collect();
            let sum = samples.iter().copied().fold(0, u64::saturating_add);
            (sum > 0).then(|| (length(samples.len()), sum))
        }
        Form::Sealed => frames.next().filter(|frame| frame.kind == kind::SUMMARY).and_then(|summary| {
            let mut input = Input::new(summary.content);
            Some((input.number()?, input.number()?))
        }),
    };
    Some(Later { version, content: content.filter(|content| content.0 <= length(MAX_ROWS)) })
}

/// Codes the rows of one log, and knows what its next row may refer to.
#[derive(Debug, Default)]
pub(crate) struct LogCodec {
    pub(crate) dictionary: Dictionary,
    rows: RowCodec,
}

impl LogCodec {
    /// The frames of a row.
    pub(crate) fn write(&mut self, row: &Row, boots: &Boots, out: &mut Vec<u8>) {
        // Samples take less than a byte each: as a rule this is enough.
        let mut content = Vec::with_capacity(row.values.len() + FRAME_BYTES);
        self.dictionary.add(row, &mut content);
        if let Some(offset) = boots.offset(row.stamp.boot)
            && self.dictionary.offsets.offset(row.stamp.boot).is_none()
        {
            self.dictionary.add_offset(row.stamp.boot, offset, &mut content);
        }
        if !content.is_empty() {
            put_frame(out, kind::NAMES, &content);
            content.clear();
        }
        put(&mut content, row.samples());
        self.rows.write(row, &self.dictionary, &mut content);
        put_frame(out, kind::ROW, &content);
    }

    fn read(&mut self, frame: u8, content: &[u8], names: &Names) -> Option<Option<Row>> {
        match frame {
            kind::NAMES => self.dictionary.read(content, names).map(|()| None),
            kind::ROW => {
                let mut input = Input::new(content);
                input.number()?;
                self.rows.read(input.rest(), &self.dictionary).map(Some)
            }
            _ => None,
        }
    }
}

/// What a log file held.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    pub(crate) first: u64,
    pub(crate) rows: Vec<Arc<Row>>,
    /// To go on from the last row.
    pub(crate) codec: LogCodec,
    /// How much of the file is whole, from its beginning.
    pub(crate) whole_bytes: usize,
    /// Rows and samples behind a damaged place: they were there, and cannot be read without what is before them.
    pub(crate) lost_rows: u64,
    pub(crate) lost_samples: u64,
}

/// Reads a log as far as it is whole.
pub(crate) fn replay(bytes: &[u8], names: &Names) -> Result<Replay, SegmentError> {
    let mut input = Input::new(bytes);
    let mut replay = Replay { first: read_header(&mut input, Form::Log)?, ..Replay::default() };
    replay.whole_bytes = HEADER_BYTES;
    while let Some(frame) = next_frame(&mut input) {
        let row = if frame.whole { replay.codec.read(frame.kind, frame.content, names) } else { None };
        let Some(row) = row else { break };
        replay.rows.extend(row.map(Arc::new));
        replay.whole_bytes = bytes.len() - input.rest().len();
    }
    replay.count_lost(bytes.get(replay.whole_bytes..).unwrap_or_default());
    Ok(replay)
}

impl Replay {
    /// What is lost behind a damaged place, in words, if there is one.
    pub(crate) fn lost(&self) -> Option<String> {
        let samples = self.lost_samples;
        (self.lost_rows > 0).then(|| format!("{samples} samples or more are behind a damaged place"))
    }

    /// How many rows and samples a log has that is damaged where it begins.
    pub(crate) fn lost_in(bytes: &[u8]) -> (u64, u64) {
        let mut replay = Self::default();
        replay.count_lost(bytes);
        (replay.lost_rows, replay.lost_samples)
    }

    /// Counts the rows behind a damaged place. Looks for them at every byte, since a length may be what is damaged;
    /// where there are none, the log was torn in its last row.
    fn count_lost(&mut self, mut rest: &[u8]) {
        while !rest.is_empty() {
            let mut input = Input::new(rest);
            match next_row(&mut input) {
                Some(samples) => {
                    self.lost_rows += 1;
                    self.lost_samples = self.lost_samples.saturating_add(samples);
                    rest = input.rest();
                }
                None => rest = rest.get(1..).unwrap_or_default(),
            }
        }
        // The damaged one itself.
        self.lost_rows += u64::from(self.lost_rows > 0);
    }
}

/// The samples of the row that begins here, if one does.
fn next_row(input: &mut Input<'_>) -> Option<u64> {
    let mut head = Input::new(input.rest());
    if head.size()? > MAX_FOUND_BYTES || head.byte()? != kind::ROW {
        return None;
    }
    let frame = next_frame(input).filter(|frame| frame.whole)?;
    Input::new(frame.content).number()
}

/// What a sealed segment holds in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) first: u64,
    pub(crate) rows: u64,
    pub(crate) samples: u64,
    pub(crate) oldest: Stamp,
    pub(crate) newest: Stamp,
    /// Clocks of the boots that its rows are of.
    pub(crate) offsets: Vec<(Boot, i64)>,
}

impl Summary {
    /// Of rows that are not none.
    pub(crate) fn of(first: u64, rows: &[Arc<Row>], boots: &Boots) -> Option<Self> {
        let mut offsets: Vec<(Boot, i64)> = Vec::new();
        for boot in rows.chunk_by(|a, b| a.stamp.boot == b.stamp.boot).filter_map(|rows| rows.first()) {
            let boot = boot.stamp.boot;
            if let (Some(offset), false) = (boots.offset(boot), offsets.iter().any(|known| known.0 == boot)) {
                offsets.push((boot, offset));
            }
        }
        Some(Self {
            first,
            rows: length(rows.len()),
            samples: rows.iter().map(|row| row.samples()).sum(),
            oldest: rows.first()?.stamp,
            newest: rows.last()?.stamp,
            offsets,
        })
    }

    /// The clocks of its boots.
    pub(crate) fn boots(&self) -> Boots {
        let mut boots = Boots::default();
        self.offsets.iter().for_each(|&(boot, offset)| _ = boots.learn(boot, offset));
        boots
    }

    fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, self.rows);
        put(&mut out, self.samples);
        for stamp in [&self.oldest, &self.newest] {
            out.extend(stamp.boot.0.to_le_bytes());
            out.push(u8::from(stamp.synchronised));
            put_signed(&mut out, stamp.time);
            put_signed(&mut out, stamp.offset);
        }
        put(&mut out, length(self.offsets.len()));
        for (boot, offset) in &self.offsets {
            out.extend(boot.0.to_le_bytes());
            put_signed(&mut out, *offset);
        }
        out
    }

    fn read(first: u64, content: &[u8]) -> Option<Self> {
        let mut input = Input::new(content);
        let (rows, samples) = (input.number()?, input.number()?);
        let mut stamp = || {
            Some(Stamp {
                boot: Boot(u128::from_le_bytes(input.array()?)),
                synchronised: input.byte()? == 1,
                time: input.signed()?,
                offset: input.signed()?,
            })
        };
        let (oldest, newest) = (stamp()?, stamp()?);
        let mut offsets = Vec::new();
        for _ in 0..input.number()? {
            offsets.push((Boot(u128::from_le_bytes(input.array()?)), input.signed()?));
        }
        Some(Self { first, rows, samples, oldest, newest, offsets })
    }
}

/// The sealed form of rows that are not none.
pub(crate) fn seal(summary: &Summary, rows: &[Arc<Row>]) -> std::io::Result<Vec<u8>> {
    let mut dictionary = Dictionary::default();
    let mut names = Vec::new();
    rows.iter().for_each(|row| dictionary.add(row, &mut names));
    let mut out = header(Form::Sealed, summary.first);
    put_frame(&mut out, kind::SUMMARY, &summary.write());
    put_frame(&mut out, kind::PACKED_NAMES, &zstd::bulk::compress(&names, NAMES_LEVEL)?);
    let mut content = Vec::new();
    write_heads(rows.iter().map(|row| Head::of(row, &dictionary)), &mut content);
    put_frame(&mut out, kind::HEADS, &content);
    content.clear();
    write_columns(rows, &dictionary, &mut content);
    put_frame(&mut out, kind::COLUMNS, &content);
    Ok(out)
}

/// Reads the summary at the beginning of a sealed segment.
pub(crate) fn read_summary(bytes: &[u8]) -> Result<Summary, SegmentError> {
    let mut input = Input::new(bytes);
    let first = read_header(&mut input, Form::Sealed)?;
    let content = part(&mut input, kind::SUMMARY, "summary")?;
    Summary::read(first, content).ok_or(SegmentError::Damaged("summary"))
}

/// Reads a sealed segment.
pub(crate) fn unseal(bytes: &[u8], names: &Names) -> Result<Vec<Arc<Row>>, SegmentError> {
    let summary = read_summary(bytes)?;
    let count = usize::try_from(summary.rows).ok().filter(|&count| count <= MAX_ROWS);
    let count = count.ok_or(SegmentError::Damaged("summary"))?;
    let mut input = Input::new(bytes);
    read_header(&mut input, Form::Sealed)?;
    part(&mut input, kind::SUMMARY, "summary")?;
    let mut dictionary = Dictionary::default();
    let packed = part(&mut input, kind::PACKED_NAMES, "dictionary")?;
    unpack(packed)
        .and_then(|unpacked| dictionary.read(&unpacked, names))
        .ok_or(SegmentError::Damaged("dictionary"))?;
    let heads = read_heads(part(&mut input, kind::HEADS, "list of rows")?, count);
    let values = read_columns(part(&mut input, kind::COLUMNS, "values")?, &heads, &dictionary);
    let values = values.ok_or(SegmentError::Damaged("list of rows"))?;
    let rows = heads.iter().zip(values).map(|(head, values)| head.row(values, &dictionary).map(Arc::new));
    rows.collect::<Option<_>>().ok_or(SegmentError::Damaged("list of rows"))
}

fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let mut names = Vec::new();
    zstd::Decoder::with_buffer(packed).ok()?.take(MAX_NAMES_BYTES).read_to_end(&mut names).ok()?;
    Some(names)
}

fn part<'a>(input: &mut Input<'a>, kind: u8, what: &'static str) -> Result<&'a [u8], SegmentError> {
    match next_frame(input) {
        Some(frame) if frame.whole && frame.kind == kind => Ok(frame.content),
        _ => Err(SegmentError::Damaged(what)),
    }
}

#[cfg(test)]
mod tests;
