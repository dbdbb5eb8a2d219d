//! What one destination has acknowledged: everything below a mark, and ranges above it.
//!
//! Pure. Ranges come about when the newest entries go first and when entries wait for their time; they melt
//! into the mark as the rest is sent.

use std::ops::Range;

/// Most ranges above the mark. An outage leaves one; a cursor that has this many forgets a further
/// acknowledgement, so that its entries are sent again rather than lost.
pub(crate) const MAX_RANGES: usize = 1_024;

/// Which entries a destination has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Every entry below is acknowledged.
    low: u64,
    /// Ranges above it: in order, apart from each other and from the mark, none empty.
    above: Vec<Range<u64>>,
}

impl Cursor {
    /// A cursor with a mark.
    pub(crate) fn at(low: u64) -> Self {
        Self { low, above: Vec::new() }
    }

    /// The mark: every entry below is acknowledged.
    pub(crate) fn low(&self) -> u64 {
        self.low
    }

    /// The ranges above the mark.
    pub(crate) fn above(&self) -> &[Range<u64>] {
        &self.above
    }

    /// The first entry that was never acknowledged and has no acknowledged one behind it.
    pub(crate) fn end(&self) -> u64 {
        self.above.last().map_or(self.low, |range| range.end)
    }

    /// Notes that these entries arrived, or need not.
    pub(crate) fn acknowledge(&mut self, entries: Range<u64>) {
        let Range { mut start, mut end } = entries;
        if start >= end {
            return;
        }
        let from = self.above.partition_point(|range| range.end < start);
        let to = self.above.partition_point(|range| range.start <= end);
        let touched = self.above.get(from..to).unwrap_or_default();
        if let (Some(first), Some(last)) = (touched.first(), touched.last()) {
            (start, end) = (start.min(first.start), end.max(last.end));
        }
        if start <= self.low {
            self.low = self.low.max(end);
            self.above.drain(..to);
        } else if from < to || self.above.len() < MAX_RANGES {
            self.above.splice(from..to, std::iter::once(start..end));
        }
    }

    /// The first entries at or after `from` that are not acknowledged, up to the next that is.
    pub(crate) fn gap(&self, from: u64) -> Range<u64> {
        let mut start = from.max(self.low);
        for range in &self.above {
            if start < range.start {
                return start..range.start;
            }
            start = start.max(range.end);
        }
        start..u64::MAX
    }

    /// The first entries at or after `from` that are acknowledged, up to the next that is not.
    pub(crate) fn had(&self, from: u64) -> Option<Range<u64>> {
        let gap = self.gap(from);
        let start = if gap.start > from { from } else { gap.end };
        (start < u64::MAX).then(|| start..self.gap(start).start)
    }

    /// How many of these entries are not acknowledged.
    pub(crate) fn missing(&self, entries: &Range<u64>) -> u64 {
        let mut missing = 0;
        let mut gap = self.gap(entries.start);
        while gap.start < entries.end {
            let end = gap.end.min(entries.end);
            missing += end - gap.start;
            gap = self.gap(end);
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn a_cursor_says_what_a_set_says(acks in proptest::collection::vec((0u64..60, 0u64..12), 0..40), low in 0u64..20) {
            let mut cursor = Cursor::at(low);
            let mut set: BTreeSet<u64> = (0..low).collect();
            for (start, length) in acks {
                cursor.acknowledge(start..start + length);
                set.extend(start..start + length);
                let mut missing = Vec::new();
                let mut from = 0;
                while from < 80 {
                    let gap = cursor.gap(from);
                    missing.extend(gap.start.min(80)..gap.end.min(80));
                    from = gap.end;
                }
                let expected: Vec<u64> = (0..80).filter(|entry| !set.contains(entry)).collect();
                prop_assert_eq!(&missing, &expected);
                let mut had = Vec::new();
                while let Some(run) = cursor.had(had.last().map_or(0, |last| last + 1)) {
                    prop_assert!(!run.is_empty());
                    had.extend(run);
                }
                prop_assert_eq!(had, set.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(cursor.missing(&(0..80)), expected.len() as u64);
                prop_assert_eq!(cursor.end(), set.last().map_or(0, |last| last + 1));
                prop_assert_eq!(cursor.low(), expected[0]);
            }
        }
    }

    #[test]
    fn too_many_ranges_send_again_rather_than_lose() {
        let mut cursor = Cursor::default();
        for entry in 1..=MAX_RANGES as u64 + 1 {
            cursor.acknowledge(entry * 2..entry * 2 + 1);
        }
        assert_eq!(cursor.above().len(), MAX_RANGES);
        assert_eq!(cursor.gap(MAX_RANGES as u64 * 2 + 1).end, u64::MAX);
        cursor.acknowledge(0..2);
        assert_eq!(cursor.low(), 3);
    }
}
