//! The file that keeps what destinations acknowledged: two slots, written in turn, so that one is whole at any time.
//!
//! Made at its full size, so that progress is kept on a full disk, too.

use std::collections::BTreeMap;
use std::io;

use crate::buffer::codec::bytes::{Input, put, put_range, put_text};
use crate::buffer::cursor::{Cursor, MAX_RANGES};
use crate::buffer::cut::length;
use crate::buffer::folder::{Appender, Folder};
use crate::buffer::state::State;

pub(crate) const FILE: &str = "cursors";
/// Bytes of one slot. Ranges that do not fit are left out, and what they cover is sent again.
const SLOT: usize = 32 << 10;
pub(crate) const FILE_BYTES: u64 = 2 * SLOT as u64;
/// Generation, length and checksum.
const HEAD: usize = 16;
/// Most destinations that a file is believed to hold.
const MAX_DESTINATIONS: u64 = 256;

/// What was saved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Saved {
    pub(crate) generation: u64,
    /// The entry that came next then.
    pub(crate) next: u64,
    pub(crate) cursors: BTreeMap<String, Cursor>,
}

impl Saved {
    /// What is to be saved.
    pub(crate) fn of(state: &State, generation: u64) -> Self {
        let cursors = state.followers.iter().map(|(name, follower)| (name.clone(), follower.cursor.clone()));
        Self { generation, next: state.end(), cursors: cursors.collect() }
    }

    fn write(&self) -> Vec<u8> {
        let mut content = Vec::new();
        put(&mut content, self.next);
        put(&mut content, length(self.cursors.len()));
        let share = (SLOT - HEAD - 32) / self.cursors.len().max(1);
        for (name, cursor) in &self.cursors {
            put_text(&mut content, name);
            put(&mut content, cursor.low());
            // A range takes at most 20 bytes; the name and the mark stand before them.
            let room = share.saturating_sub(name.len() + 24) / 20;
            let ranges = cursor.above().get(..room.min(cursor.above().len())).unwrap_or_default();
            put(&mut content, length(ranges.len()));
            ranges.iter().for_each(|range| put_range(&mut content, range));
        }
        let mut slot = self.generation.to_le_bytes().to_vec();
        slot.extend(u32::try_from(content.len()).unwrap_or(u32::MAX).to_le_bytes());
        let sum = crc32c::crc32c_append(crc32c::crc32c(&slot), &content);
        slot.extend(sum.to_le_bytes());
        slot.extend(content);
        slot
    }

    fn read(slot: &[u8]) -> Option<Self> {
        let mut head = Input::new(slot);
        let generation = u64::from_le_bytes(head.array()?);
        let size = u32::from_le_bytes(head.array()?);
        let sum = u32::from_le_bytes(head.array()?);
        let content = head.take(usize::try_from(size).ok()?)?;
        if crc32c::crc32c_append(crc32c::crc32c(slot.get(..12)?), content) != sum {
            return None;
        }
        let mut input = Input::new(content);
        let next = input.number()?;
        let mut cursors = BTreeMap::new();
        for _ in 0..input.number()?.min(MAX_DESTINATIONS) {
            let name = input.text()?.to_owned();
            let mut cursor = Cursor::at(input.number()?);
            for _ in 0..input.number()?.min(length(MAX_RANGES)) {
                cursor.acknowledge(input.range()?);
            }
            cursors.insert(name, cursor);
        }
        Some(Self { generation, next, cursors })
    }
}

/// Reads the newer of the slots that are whole; nothing where none is.
pub(crate) fn read(bytes: &[u8]) -> Option<Saved> {
    let slots = bytes.chunks(SLOT).filter_map(Saved::read);
    slots.max_by_key(|saved| saved.generation)
}

/// The open file.
#[derive(Debug)]
pub(crate) struct Positions {
    file: Appender,
    generation: u64,
}

impl Positions {
    /// Opens or makes the file, at its full size. `generation` is that of the newer slot, 0 where none could be read: then
    /// nothing of it may come back later.
    pub(crate) fn open(folder: &Folder, generation: u64) -> io::Result<Self> {
        let length = folder.length(FILE);
        let mut file = folder.append(FILE, length)?;
        if length != FILE_BYTES || generation == 0 {
            file.cut(0)?;
            file.write(&vec![0; 2 * SLOT])?;
        }
        Ok(Self { file, generation })
    }

    /// Saves into the older slot.
    pub(crate) fn save(&mut self, state: Saved) -> io::Result<()> {
        self.generation = self.generation.saturating_add(1);
        let saved = Saved { generation: self.generation, ..state };
        let place = if self.generation.is_multiple_of(2) { 0 } else { length(SLOT) };
        self.file.write_at(place, &saved.write())
    }

    /// How often it was saved.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those of before could not be read at the start, and can be now.
    #[test]
    fn cursors_that_were_given_up_do_not_come_back() {
        let work = tempfile::tempdir().unwrap();
        let folder = Folder::new(work.path().to_owned(), None);
        let saved = |next| Saved { generation: 0, next, cursors: BTreeMap::new() };
        let mut before = Positions::open(&folder, 0).unwrap();
        (0..7).for_each(|next| before.save(saved(next)).unwrap());
        let mut again = Positions::open(&folder, 0).unwrap();
        again.save(saved(100)).unwrap();
        let found = read(&folder.read(FILE, usize::MAX).unwrap()).unwrap();
        assert_eq!((found.generation, found.next), (1, 100));
    }
}
