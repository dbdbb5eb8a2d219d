//! Frames: a length, a kind, a checksum (CRC-32C of kind and content) and a content. What every file of the log
//! consists of behind its header.
//!
//! Pure. `docs/buffer-format.md` has the layout.

use crate::buffer::codec::bytes::{Input, put};

/// What a frame holds.
pub(crate) mod kind {
    /// Additions to the dictionary.
    pub(crate) const NAMES: u8 = 1;
    /// One row: how many samples it has, then the row.
    pub(crate) const ROW: u8 = 2;
    /// What a sealed segment holds in all.
    pub(crate) const SUMMARY: u8 = 3;
    /// The whole dictionary of a sealed segment, compressed.
    pub(crate) const PACKED_NAMES: u8 = 4;
    /// The heads of all rows of a sealed segment.
    pub(crate) const HEADS: u8 = 5;
    /// The values of all rows of a sealed segment, series by series.
    pub(crate) const COLUMNS: u8 = 6;
}

/// A frame that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: u8,
    pub(crate) content: &'a [u8],
    /// Whether the checksum is that of the content.
    pub(crate) whole: bool,
}

fn checksum(kind: u8, content: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&[kind]), content)
}

/// Appends a frame.
pub(crate) fn put_frame(out: &mut Vec<u8>, kind: u8, content: &[u8]) {
    put(out, content.len() as u64);
    out.push(kind);
    out.extend_from_slice(&checksum(kind, content).to_le_bytes());
    out.extend_from_slice(content);
}

/// The next frame, whole or damaged; none where the bytes end before it does.
pub(crate) fn next_frame<'a>(input: &mut Input<'a>) -> Option<Frame<'a>> {
    let length = input.size()?;
    let kind = input.byte()?;
    let sum = u32::from_le_bytes(input.array()?);
    let content = input.take(length)?;
    Some(Frame { kind, content, whole: checksum(kind, content) == sum })
}
