//! Sensor data records (section 43): full, compact and event-only sensors, and device locators.

use super::analogue::{Conversion, Factors, Format};
use super::text::Coding;
use crate::driver::ipmi::bytes::Reader;

/// Bytes before a record's key: id, version, type, length.
pub(crate) const HEADER: usize = 5;

/// A record that this program makes use of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Record {
    Sensor(Box<Sensor>),
    /// Any other: locators, OEM records.
    Other,
}

/// A sensor.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sensor {
    /// Slave address (bit 0 clear) or software id of the owner.
    pub(crate) owner: u8,
    pub(crate) lun: u8,
    pub(crate) number: u8,
    pub(crate) entity: Entity,
    /// Table 42-3.
    pub(crate) kind: u8,
    /// Table 42-1: 1 is threshold-based.
    pub(crate) reading: u8,
    pub(crate) units: Units,
    /// Of a full record with an analogue reading.
    pub(crate) conversion: Option<Conversion>,
    pub(crate) name: String,
}

/// The part that a sensor belongs to (table 43-13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entity {
    pub(crate) id: u8,
    pub(crate) instance: u8,
}

/// Bytes 21 to 23 of a sensor record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Units {
    pub(crate) percentage: bool,
    pub(crate) base: u8,
    /// Whether the base unit is modified: a rate, or a product or quotient of two units.
    pub(crate) is_compound: bool,
}

/// The id of the record that follows, from the reply of Get SDR, and the bytes that were asked for.
pub(crate) fn chunk(reply: &[u8]) -> Option<(u16, &[u8])> {
    let mut reader = Reader::new(reply);
    Some((reader.u16()?, reader.rest()))
}

/// Bytes that follow the header.
pub(crate) fn body_length(header: &[u8]) -> Option<u8> {
    header.get(4).copied()
}

/// A whole record, header included. `None` if it is too short for what it says to be.
pub(crate) fn decode(record: &[u8]) -> Option<Record> {
    let mut reader = Reader::new(record);
    let [_, _, _, kind, _] = reader.array()?;
    let sensor = match kind {
        0x01 => sensor(reader, Layout::Full)?,
        0x02 => sensor(reader, Layout::Compact)?,
        0x03 => event_only(reader)?,
        _ => return Some(Record::Other),
    };
    Some(Record::Sensor(Box::new(sensor)))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    Full,
    Compact,
}

fn sensor(mut reader: Reader<'_>, layout: Layout) -> Option<Sensor> {
    let [owner, lun, number, entity, instance] = reader.array()?;
    let [_initialisation, _capabilities, kind, reading] = reader.array()?;
    let _masks: [u8; 6] = reader.array()?;
    let [units, base, _modifier] = reader.array()?;
    let conversion = match layout {
        Layout::Full => {
            let linearisation = reader.u8()? & 0x7f;
            let factors = Factors::decode(reader.array()?);
            // Analogue flags, nominal values, thresholds and hysteresis, reserved and OEM bytes.
            let _rest: [u8; 17] = reader.array()?;
            format(units).map(|format| Conversion { format, linearisation, factors })
        }
        Layout::Compact => {
            let _sharing_hysteresis_oem: [u8; 8] = reader.array()?;
            None
        }
    };
    Some(Sensor {
        owner,
        lun: lun & 3,
        number,
        entity: Entity { id: entity, instance: instance & 0x7f },
        kind,
        reading,
        units: Units { percentage: units & 1 == 1, base, is_compound: units & 0x3e != 0 },
        conversion,
        name: name(reader),
    })
}

/// Bits 7 and 6 of the units; 3 is no analogue reading.
const fn format(units: u8) -> Option<Format> {
    match units >> 6 {
        0 => Some(Format::Unsigned),
        1 => Some(Format::OnesComplement),
        2 => Some(Format::TwosComplement),
        _ => None,
    }
}

fn event_only(mut reader: Reader<'_>) -> Option<Sensor> {
    let [owner, lun, number, entity, instance, kind, reading] = reader.array()?;
    let _sharing_reserved_oem: [u8; 4] = reader.array()?;
    Some(Sensor {
        owner,
        lun: lun & 3,
        number,
        entity: Entity { id: entity, instance: instance & 0x7f },
        kind,
        reading,
        units: Units::default(),
        conversion: None,
        name: name(reader),
    })
}

/// A name, as far as it is there: some records end early.
fn name(mut reader: Reader<'_>) -> String {
    let Some(byte) = reader.u8() else { return String::new() };
    let (coding, _) = Coding::split(byte);
    let length = usize::from(byte & 0x1f);
    let rest = reader.rest();
    coding.decode(rest.get(..length).unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A full record with bytes 6 to 47 of the specification's layout, and a name.
    pub(crate) fn full() -> Vec<u8> {
        let mut record = vec![1, 0, 0x51, 0x01, 0];
        record.extend([0x20, 0, 3, 7, 1, 0x7f, 0x68, 1, 1]);
        record.extend([0; 6]);
        record.extend([0x80, 1, 0, 0]);
        record.extend([1, 0, 0, 0, 0, 0]);
        record.extend([0; 17]);
        record.push(0xc5);
        record.extend(b"Inlet");
        record[4] = (record.len() - HEADER) as u8;
        record
    }

    #[test]
    fn a_full_record_is_read_by_its_layout() {
        let Some(Record::Sensor(sensor)) = decode(&full()) else { panic!("no sensor") };
        assert_eq!((sensor.owner, sensor.number, sensor.kind, sensor.reading), (0x20, 3, 1, 1));
        assert_eq!((sensor.entity, sensor.name.as_str()), (Entity { id: 7, instance: 1 }, "Inlet"));
        assert_eq!(sensor.conversion.unwrap().apply(0xff), Some(-1.0));
    }

    #[test]
    fn compact_and_event_only_records_have_their_names_elsewhere() {
        let mut compact = vec![2, 0, 0x51, 0x02, 29, 0x20, 0, 2, 8, 1, 0x7f, 0, 0x25, 0x6f];
        compact.extend([0; 6]);
        compact.extend([0xc0, 0, 0]);
        compact.extend([0; 8]);
        compact.extend(b"\xc7mm1pres");
        let Some(Record::Sensor(sensor)) = decode(&compact) else { panic!("no sensor") };
        assert_eq!((sensor.name.as_str(), sensor.kind, sensor.conversion), ("mm1pres", 0x25, None));
        let mut event = vec![3, 0, 0x51, 0x03, 20, 0x20, 0, 0, 7, 1, 0x23, 0x6f, 0, 0, 0, 0];
        event.extend(b"\xc8watchdog");
        let Some(Record::Sensor(sensor)) = decode(&event) else { panic!("no sensor") };
        assert_eq!((sensor.name.as_str(), sensor.kind), ("watchdog", 0x23));
        assert_eq!(decode(&[1, 0, 0x51, 0xc0, 0]), Some(Record::Other));
    }

    proptest! {
        #[test]
        fn garbage_and_every_truncation_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..80), kind in 0_u8..5) {
            let mut record = bytes;
            if let Some(byte) = record.get_mut(3) { *byte = kind; }
            for length in 0..record.len() {
                if let Some(Record::Sensor(sensor)) = decode(&record[..length]) {
                    for raw in [0, 1, 127, 128, 255] {
                        let value = sensor.conversion.and_then(|conversion| conversion.apply(raw));
                        prop_assert!(value.is_none_or(f64::is_finite));
                    }
                }
            }
            for length in 0..full().len() { let _ = decode(&full()[..length]); }
        }
    }
}
