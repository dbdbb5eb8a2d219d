//! The system event log: its state, and its records (sections 31.2 and 32.1).

use super::discrete;
use crate::driver::ipmi::bytes::Reader;

/// Bytes of a record.
pub(crate) const RECORD: usize = 16;

/// A record type whose content the specification gives.
const SYSTEM_EVENT: u8 = 0x02;

/// The log as Get SEL Info tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Info {
    pub(crate) entries: u16,
    /// Time of the last addition, then of the last erasure.
    times: [u32; 2],
}

impl Info {
    pub(crate) fn decode(reply: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(reply);
        let _version = reader.u8()?;
        let entries = reader.u16()?;
        let _free = reader.u16()?;
        Some(Self { entries, times: [reader.u32()?, reader.u32()?] })
    }

    /// Whether the log says that it was erased since `before`. Some devices have no time of that.
    pub(crate) fn was_erased_since(&self, before: &Self) -> bool {
        let [[_, erased], [_, erased_before]] = [self.times, before.times];
        erased != erased_before
    }
}

/// A record and the id of the one that follows it, from the reply of Get SEL Entry.
pub(crate) fn entry(reply: &[u8]) -> Option<(u16, [u8; RECORD])> {
    let mut reader = Reader::new(reply);
    Some((reader.u16()?, reader.array()?))
}

/// The id of a record.
pub(crate) fn id([low, high, ..]: &[u8; RECORD]) -> u16 {
    u16::from_le_bytes([*low, *high])
}

/// How severe the event of a record is: index into `ok`, `warning`, `critical`. `None` for a vendor's own.
pub(crate) fn severity(record: &[u8; RECORD]) -> Option<usize> {
    let [_, _, kind, .., sensor, _number, reading, data, _, _] = *record;
    if kind != SYSTEM_EVENT {
        return None;
    }
    discrete::severity(sensor, reading & 0x7f, data & 15, reading & 0x80 != 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(kind: u8, tail: [u8; 6]) -> [u8; RECORD] {
        let mut record = [1, 0, kind, 0, 0, 0, 0, 0x20, 0, 4, 0, 0, 0, 0, 0, 0];
        record[10..].copy_from_slice(&tail);
        record
    }

    #[test]
    fn an_event_is_read_by_its_layout() {
        // Temperature sensor 1, threshold-based: upper critical going high, and its end.
        assert_eq!(severity(&record(2, [1, 1, 0x01, 0x59, 44, 42])), Some(2));
        assert_eq!(severity(&record(2, [1, 1, 0x81, 0x59, 40, 42])), Some(0));
        // Drive slot: predicted failure.
        assert_eq!(severity(&record(2, [0x0d, 9, 0x6f, 0xf2, 0xff, 0xff])), Some(1));
        assert_eq!(severity(&record(0xc0, [1, 1, 0x01, 0x59, 44, 42])), None, "a vendor's own record");
        let (next, found) = entry(&[&[2, 0][..], &record(2, [0; 6])].concat()).unwrap();
        assert_eq!((next, id(&found)), (2, 1));
        assert_eq!(entry(&[2, 0, 1]), None);
    }

    #[test]
    fn an_erased_log_has_another_time_of_erasure() {
        let info = |entries: u8, erased: u8| {
            Info::decode(&[0x51, entries, 0, 0, 0, 9, 0, 0, 0, erased, 0, 0, 0, 2]).unwrap()
        };
        assert!(!info(5, 1).was_erased_since(&info(4, 1)));
        assert!(info(5, 2).was_erased_since(&info(4, 1)));
        assert!(!info(3, 1).was_erased_since(&info(4, 1)), "an entry was removed");
        assert_eq!(Info::decode(&[0x51, 1, 0]), None);
    }

    proptest! {
        #[test]
        fn every_record_and_every_reply_is_survived(bytes: [u8; RECORD], reply in prop::collection::vec(any::<u8>(), 0..24)) {
            prop_assert!(severity(&bytes).is_none_or(|severity| severity < 3));
            let _ = (entry(&reply), Info::decode(&reply));
        }
    }
}
