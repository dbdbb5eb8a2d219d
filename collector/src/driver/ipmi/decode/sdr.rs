//! Sensor data records (section 43): full, compact and event-only sensors, and device locators.

use super::analogue::{Conversion, Factors, Format};
use super::text::Coding;
use crate::driver::ipmi::bytes::Reader;

/// Bytes before a record's key: id, version, type, length.
pub(crate) const HEADER: usize = 5;

/// A record that this program makes use of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Record {
    /// One sensor, or those that share a record: never none.
    Sensors(Vec<Sensor>),
    /// Where the inventory of a part is (type 0x11), and what the part is called.
    Fru(Locator),
    /// Another management controller, or the BMC itself (type 0x12).
    Controller(Locator),
    /// Any other: OEM records, entity associations.
    Other,
}

/// A part with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Locator {
    /// Slave address of the controller that holds it, or of the controller itself.
    pub(crate) address: u8,
    pub(crate) entity: Entity,
    pub(crate) name: String,
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
    /// Bits of the states that a discrete sensor can tell; all where the record is silent.
    pub(crate) states: u16,
    pub(crate) thresholds: Thresholds,
    /// Whether it cannot be read: an event-only record.
    pub(crate) is_event_only: bool,
    pub(crate) name: String,
}

/// Where the thresholds of a sensor are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thresholds {
    /// It has none.
    Absent,
    /// Get Sensor Thresholds tells them.
    Asked,
    /// Those of the record, laid out as the reply of Get Sensor Thresholds.
    Fixed([u8; 7]),
}

/// The part that a sensor belongs to (table 43-13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entity {
    pub(crate) id: u8,
    pub(crate) instance: u8,
}

impl Entity {
    const fn new(id: u8, instance: u8) -> Self {
        // Bit 7 tells a logical group from a part.
        Self { id, instance: instance & 0x7f }
    }
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
    Some(match kind {
        0x01 => full(reader)?,
        0x02 => compact(reader)?,
        0x03 => event_only(reader)?,
        0x11 => Record::Fru(locator(reader)?),
        0x12 => Record::Controller(locator(reader)?),
        _ => Record::Other,
    })
}

/// What full and compact records begin with: bytes 6 to 23.
struct Head {
    sensor: Sensor,
    capabilities: u8,
    readable: u8,
    units: u8,
}

fn head(reader: &mut Reader<'_>) -> Option<Head> {
    let [owner, lun, number, entity, instance] = reader.array()?;
    let [_initialisation, capabilities, kind, reading] = reader.array()?;
    let [_, _, _, _, mask, mask_high] = reader.array()?;
    let [units, base, _modifier] = reader.array()?;
    let sensor = Sensor {
        owner,
        lun: lun & 3,
        number,
        entity: Entity::new(entity, instance),
        kind,
        reading,
        units: Units { percentage: units & 1 == 1, base, is_compound: units & 0x3e != 0 },
        conversion: None,
        states: all_if_none(u16::from_le_bytes([mask, mask_high]) & 0x7fff),
        thresholds: Thresholds::Absent,
        is_event_only: false,
        name: String::new(),
    };
    Some(Head { sensor, capabilities, readable: mask & 0x3f, units })
}

const fn all_if_none(states: u16) -> u16 {
    if states == 0 { 0x7fff } else { states }
}

fn full(mut reader: Reader<'_>) -> Option<Record> {
    let Head { mut sensor, capabilities, readable, units } = head(&mut reader)?;
    let linearisation = reader.u8()? & 0x7f;
    let factors = Factors::decode(reader.array()?);
    let _flags_and_ranges: [u8; 6] = reader.array()?;
    let [unr, uc, unc, lnr, lc, lnc] = reader.array()?;
    let _hysteresis_reserved_oem: [u8; 5] = reader.array()?;
    sensor.conversion = format(units).map(|format| Conversion { format, linearisation, factors });
    sensor.thresholds = match (sensor.reading, capabilities >> 2 & 3) {
        (1, 3) => Thresholds::Fixed([readable, lnc, lc, lnr, unc, uc, unr]),
        // Records that deny thresholds are often wrong: the sensor itself knows.
        (1, _) => Thresholds::Asked,
        _ => Thresholds::Absent,
    };
    sensor.name = name(reader, Padding::Trimmed);
    Some(Record::Sensors(vec![sensor]))
}

fn compact(mut reader: Reader<'_>) -> Option<Record> {
    let Head { sensor, .. } = head(&mut reader)?;
    let sharing = reader.array()?;
    let _hysteresis_reserved_oem: [u8; 6] = reader.array()?;
    Some(Record::Sensors(shared(sensor, sharing, reader)))
}

fn event_only(mut reader: Reader<'_>) -> Option<Record> {
    let [owner, lun, number, entity, instance, kind, reading] = reader.array()?;
    let sharing = reader.array()?;
    let _reserved_oem: [u8; 2] = reader.array()?;
    let sensor = Sensor {
        owner,
        lun: lun & 3,
        number,
        entity: Entity::new(entity, instance),
        kind,
        reading,
        units: Units::default(),
        conversion: None,
        states: 0,
        thresholds: Thresholds::Absent,
        is_event_only: true,
        name: String::new(),
    };
    Some(Record::Sensors(shared(sensor, sharing, reader)))
}

/// The sensors that share a record (section 43.2, bytes 24 and 25): numbers count up, names get a number or
/// letters behind them, and entity instances count up where the record says so.
fn shared(sensor: Sensor, [kind_count, step_offset]: [u8; 2], reader: Reader<'_>) -> Vec<Sensor> {
    let count = kind_count & 15;
    if count < 2 {
        return vec![Sensor { name: name(reader, Padding::Trimmed), ..sensor }];
    }
    let (is_alpha, steps, offset) =
        (kind_count >> 4 & 3 == 1, step_offset & 0x80 != 0, u16::from(step_offset & 0x7f));
    let base = name(reader, Padding::Kept);
    let one = |index: u8| {
        let place = offset.saturating_add(index.into());
        let suffix = if is_alpha { letters(place) } else { place.to_string() };
        let instance = sensor.entity.instance.wrapping_add(if steps { index } else { 0 });
        Some(Sensor {
            number: sensor.number.checked_add(index)?,
            entity: Entity::new(sensor.entity.id, instance),
            name: format!("{base}{suffix}").trim().to_owned(),
            ..sensor.clone()
        })
    };
    // Numbers end at 255: a record that claims more has those up to there.
    (0..count).map_while(one).collect()
}

/// A for 0, Z for 25, AA for 26.
fn letters(place: u16) -> String {
    let mut text = String::new();
    let mut rest = Some(place);
    while let Some(place) = rest {
        text.insert(0, char::from(b'A'.saturating_add(u8::try_from(place % 26).unwrap_or(0))));
        rest = (place / 26).checked_sub(1);
    }
    text
}

/// Both kinds of locators hold address, entity and name at the same places (sections 43.8 and 43.9).
fn locator(mut reader: Reader<'_>) -> Option<Locator> {
    let [address, _, _, _, _, _, _, entity, instance, _oem] = reader.array()?;
    let entity = Entity::new(entity, instance);
    Some(Locator { address, entity, name: name(reader, Padding::Trimmed) })
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

/// What becomes of spaces at the end of a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Padding {
    Trimmed,
    /// They part the name from the number that comes behind it.
    Kept,
}

/// A name, as far as it is there: some records end early.
fn name(mut reader: Reader<'_>, padding: Padding) -> String {
    let Some(byte) = reader.u8() else { return String::new() };
    let (coding, _) = Coding::split(byte);
    let length = usize::from(byte & 0x1f);
    let rest = reader.rest();
    let text = coding.decode_padded(rest.get(..length).unwrap_or(rest));
    if padding == Padding::Kept { text } else { text.trim().to_owned() }
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

    fn only(record: &[u8]) -> Sensor {
        let Some(Record::Sensors(sensors)) = decode(record) else { panic!("no sensor") };
        assert_eq!(sensors.len(), 1);
        sensors.into_iter().next().unwrap()
    }

    fn compact(sharing: [u8; 2], name: &[u8]) -> Vec<u8> {
        let mut compact = vec![2, 0, 0x51, 0x02, 0, 0x20, 0, 10, 8, 1, 0x7f, 0, 0x25, 0x6f];
        compact.extend([0; 6]);
        compact.extend([0xc0, 0, 0]);
        compact.extend(sharing);
        compact.extend([0; 6]);
        compact.push(0xc0 | name.len() as u8);
        compact.extend(name);
        compact[4] = (compact.len() - HEADER) as u8;
        compact
    }

    #[test]
    fn sensors_that_share_a_record_are_told_apart_as_in_the_specification() {
        let names = |sharing, name: &[u8]| match decode(&compact(sharing, name)) {
            Some(Record::Sensors(sensors)) => sensors
                .iter()
                .map(|sensor| format!("{} {}.{}", sensor.name, sensor.number, sensor.entity.instance))
                .collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        // Section 43.2: offset 5 and three sensors are Temp 5, Temp 6, Temp 7; offset 26 with letters is AA.
        assert_eq!(names([3, 5], b"Temp "), ["Temp 5 10.1", "Temp 6 11.1", "Temp 7 12.1"]);
        assert_eq!(names([0x13, 26], b"Temp "), ["Temp AA 10.1", "Temp AB 11.1", "Temp AC 12.1"]);
        assert_eq!(names([0x12, 25 | 0x80], b"T"), ["TZ 10.1", "TAA 11.2"]);
        assert_eq!(names([0, 0], b"One "), ["One 10.1"]);
        assert_eq!(names([1, 9], b"One"), ["One 10.1"]);
    }

    #[test]
    fn a_shared_record_ends_at_the_last_sensor_number() {
        let mut record = compact([15, 0], b"T");
        record[7] = 250;
        let Some(Record::Sensors(sensors)) = decode(&record) else { panic!() };
        assert_eq!(sensors.len(), 6);
    }

    #[test]
    fn locators_name_parts() {
        let fru = [4, 0, 0x51, 0x11, 0, 0x20, 1, 0x80, 0, 0, 0x10, 0, 10, 2, 0, 0xc3, b'P', b'S', b'2'];
        let entity = Entity { id: 10, instance: 2 };
        let expected = Locator { address: 0x20, entity, name: "PS2".into() };
        assert_eq!(decode(&fru), Some(Record::Fru(expected.clone())));
        let controller = [5, 0, 0x51, 0x12, 0, 0x20, 0, 0, 0x8f, 0, 0, 0, 10, 2, 0, 0xc3, b'P', b'S', b'2'];
        assert_eq!(decode(&controller), Some(Record::Controller(expected)));
    }

    #[test]
    fn thresholds_are_where_the_record_says() {
        let with = |capabilities: u8| {
            let mut record = full();
            record[11] = capabilities;
            record[18] = 0x18;
            record[36..42].copy_from_slice(&[6, 5, 4, 3, 2, 1]);
            only(&record).thresholds
        };
        assert_eq!(with(0x60), Thresholds::Asked, "a record that denies them");
        assert_eq!(with(0x64), Thresholds::Asked);
        assert_eq!(with(0x68), Thresholds::Asked);
        assert_eq!(with(0x6c), Thresholds::Fixed([0x18, 1, 2, 3, 4, 5, 6]));
    }

    #[test]
    fn a_full_record_is_read_by_its_layout() {
        let sensor = only(&full());
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
        let sensor = only(&compact);
        assert_eq!((sensor.name.as_str(), sensor.kind, sensor.conversion), ("mm1pres", 0x25, None));
        let mut event = vec![3, 0, 0x51, 0x03, 20, 0x20, 0, 0, 7, 1, 0x23, 0x6f, 0, 0, 0, 0];
        event.extend(b"\xc8watchdog");
        let sensor = only(&event);
        assert!(sensor.is_event_only);
        assert_eq!((sensor.name.as_str(), sensor.kind), ("watchdog", 0x23));
        assert_eq!(decode(&[1, 0, 0x51, 0xc0, 0]), Some(Record::Other));
    }

    proptest! {
        #[test]
        fn garbage_and_every_truncation_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..80), kind in prop::sample::select(vec![0, 1, 2, 3, 4, 0x11, 0x12, 0xc0])) {
            let mut record = bytes;
            if let Some(byte) = record.get_mut(3) { *byte = kind; }
            for length in 0..record.len() {
                let Some(Record::Sensors(sensors)) = decode(&record[..length]) else { continue };
                prop_assert!((1..16).contains(&sensors.len()));
                for raw in [0, 1, 127, 128, 255] {
                    let value = sensors[0].conversion.and_then(|conversion| conversion.apply(raw));
                    prop_assert!(value.is_none_or(f64::is_finite));
                }
            }
            for length in 0..full().len() { let _ = decode(&full()[..length]); }
        }
    }
}
