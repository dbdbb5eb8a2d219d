//! FRU inventory (IPMI Platform Management FRU Information Storage Definition v1.0, rev. 1.3): the chassis,
//! board and product areas.
//!
//! An area whose checksum is wrong is not believed: its texts may be those of another part.

use super::text::Coding;
use crate::driver::ipmi::bytes::Reader;

/// Offsets and lengths of areas count in units of 8 bytes.
const UNIT: usize = 8;

/// Ends the fields of an area.
const END: u8 = 0xc1;

/// Language codes of English.
const ENGLISH: [u8; 2] = [0, 25];

/// What is read of a FRU. Empty texts say nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fru {
    pub(crate) chassis: Part,
    pub(crate) board: Part,
    pub(crate) product: Part,
    pub(crate) asset_tag: String,
    /// Areas that are there and cannot be believed.
    pub(crate) broken: Vec<&'static str>,
}

/// A chassis, a board or a product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) manufacturer: String,
    pub(crate) name: String,
    pub(crate) part_number: String,
    pub(crate) serial: String,
}

/// Reads inventory data. `None` without a common header of format 1 that has a right checksum.
pub(crate) fn decode(data: &[u8]) -> Option<Fru> {
    let header: [u8; UNIT] = Reader::new(data).array()?;
    let [format, _internal, chassis, board, product, ..] = header;
    if format & 15 != 1 || !is_sound(&header) {
        return None;
    }
    let mut broken = Vec::new();
    let mut fields = |name, offset, skip, has_language| {
        let texts = fields(data, offset, skip, has_language);
        if texts.is_none() {
            broken.push(name);
        }
        texts.unwrap_or_default()
    };
    // All begin with version and length; then the chassis has its type, the others a language, and the board
    // a date of three bytes.
    let chassis = fields("chassis", chassis, 3, false);
    let board = fields("board", board, 6, true);
    let product = fields("product", product, 3, true);
    let text = |fields: &[String], index: usize| fields.get(index).cloned().unwrap_or_default();
    let part = |fields: &[String], [manufacturer, name, part, serial]: [usize; 4]| Part {
        manufacturer: text(fields, manufacturer),
        name: text(fields, name),
        part_number: text(fields, part),
        serial: text(fields, serial),
    };
    const NONE: usize = usize::MAX;
    Some(Fru {
        chassis: part(&chassis, [NONE, NONE, 0, 1]),
        board: part(&board, [0, 1, 3, 2]),
        product: part(&product, [0, 1, 2, 4]),
        asset_tag: text(&product, 5),
        broken,
    })
}

/// The texts of the area at `offset` (0: there is none), after `skip` bytes. `None` if it is not whole.
fn fields(data: &[u8], offset: u8, skip: usize, has_language: bool) -> Option<Vec<String>> {
    if offset == 0 {
        return Some(Vec::new());
    }
    let area = data.get(usize::from(offset).saturating_mul(UNIT)..)?;
    let length = usize::from(*area.get(1)?).saturating_mul(UNIT);
    let area = area.get(..length).filter(|area| is_sound(area))?;
    let language = area.get(2).copied().filter(|_| has_language).unwrap_or(0);
    let mut reader = Reader::new(area);
    reader.take(skip)?;
    let mut texts = Vec::new();
    // An area has 2,040 bytes at most, so this ends.
    while let Some(byte) = reader.u8().filter(|byte| *byte != END) {
        let (coding, length) = Coding::split(byte);
        let Some(bytes) = reader.take(length) else { break };
        texts.push(text(coding, language, bytes));
    }
    Some(texts)
}

/// Section 13: type 3 is 8-bit where the language is English, and UTF-16 elsewhere. Boards that name another
/// language and write plain ASCII are common, so what is printable ASCII throughout is taken as that.
fn text(coding: Coding, language: u8, bytes: &[u8]) -> String {
    match coding {
        // Binary is no text; firmware that writes UTF-8 here says ASCII.
        Coding::Unspecified => String::new(),
        Coding::Latin1
            if !ENGLISH.contains(&language)
                && bytes.len().is_multiple_of(2)
                && !bytes.iter().all(|byte| matches!(byte, b' '..=b'~')) =>
        {
            Coding::decode_utf16(bytes)
        }
        coding => coding.decode(bytes),
    }
}

/// Whether bytes with their checksum add up to zero.
fn is_sound(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)) == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn area(header: &[u8], texts: &[&[u8]]) -> Vec<u8> {
        let mut area = header.to_vec();
        for text in texts {
            area.push(0xc0 | text.len() as u8);
            area.extend_from_slice(text);
        }
        area.push(END);
        area.resize((area.len() + 1).next_multiple_of(UNIT), 0);
        area[1] = (area.len() / UNIT) as u8;
        seal(&mut area);
        area
    }

    /// Makes the last byte the checksum.
    fn seal(bytes: &mut [u8]) {
        let (last, others) = bytes.split_last_mut().unwrap();
        *last = others.iter().fold(0, |sum, byte| sum.wrapping_sub(*byte));
    }

    fn inventory_in(language: u8, name: &[u8]) -> Vec<u8> {
        let chassis = area(&[1, 0, 23], &[b"CH-PN", b"CH-SN"]);
        let board = area(&[1, 0, 25, 1, 2, 3], &[b"ACME", b"BOARD", b"SN1", b"PN1", b""]);
        let product = area(&[1, 0, language], &[b"Acme Inc", name, b"MOD", b"v1", b"PSN", b"TAG"]);
        let [board_at, product_at] = [1 + chassis.len() / UNIT, 1 + (chassis.len() + board.len()) / UNIT];
        let mut data = vec![1, 0, 1, board_at as u8, product_at as u8, 0, 0, 0];
        seal(&mut data);
        [data, chassis, board, product].concat()
    }

    fn inventory() -> Vec<u8> {
        inventory_in(25, b"Server")
    }

    #[test]
    fn areas_are_read_by_their_order_of_fields() {
        let fru = decode(&inventory()).unwrap();
        let texts = |part: &Part| {
            [&part.manufacturer, &part.name, &part.part_number, &part.serial].map(String::clone)
        };
        assert_eq!(texts(&fru.chassis), ["", "", "CH-PN", "CH-SN"]);
        assert_eq!(texts(&fru.board), ["ACME", "BOARD", "PN1", "SN1"]);
        assert_eq!(texts(&fru.product), ["Acme Inc", "Server", "MOD", "PSN"]);
        assert_eq!((fru.asset_tag.as_str(), fru.broken), ("TAG", vec![]));
        assert_eq!(decode(&[0xff; 64]), None);
        assert_eq!(decode(&[1, 0, 0, 0, 0, 0, 0, 0xff]), Some(Fru::default()));
    }

    #[test]
    fn an_area_with_a_wrong_checksum_is_not_believed_and_the_others_are() {
        let mut data = inventory();
        let at = data.windows(5).position(|window| window == b"BOARD").unwrap();
        data[at] = b'X';
        let fru = decode(&data).unwrap();
        assert_eq!((fru.board, fru.broken), (Part::default(), vec!["board"]));
        assert_eq!(fru.product.name, "Server");
        data[2] ^= 1;
        assert_eq!(decode(&data), None, "a header with a wrong checksum says nothing");
        let mut short = inventory();
        short.truncate(short.len() - UNIT);
        assert_eq!(decode(&short).unwrap().broken, ["product"]);
    }

    #[test]
    fn the_language_decides_on_eight_bits_or_utf_16() {
        let name = |language, bytes: &[u8]| decode(&inventory_in(language, bytes)).unwrap().product.name;
        assert_eq!(name(25, b"Z\xfcri"), "Z\u{fc}ri");
        // Japanese (40): U+30B5 U+30FC.
        assert_eq!(name(40, &[0xb5, 0x30, 0xfc, 0x30]), "\u{30b5}\u{30fc}");
        assert_eq!(name(40, b"S\0v\0\0\0"), "Sv");
        assert_eq!(name(40, b"Server"), "Server", "plain ASCII under a wrong language");
        assert_eq!(name(40, b"Z\xfcr"), "Z\u{fc}r", "an odd length is no UTF-16");
        assert_eq!(name(40, &[0x00, 0xd8, 0x41, 0x00]), "A", "half a pair is left out");
    }

    proptest! {
        #[test]
        fn every_truncation_and_every_flip_is_survived(length in 0_usize..160, at in 0_usize..160, byte: u8) {
            let mut data = inventory();
            if let Some(target) = data.get_mut(at) { *target = byte; }
            data.truncate(length);
            let _ = decode(&data);
        }

        #[test]
        fn garbage_with_right_checksums_is_survived(fields in prop::collection::vec(any::<u8>(), 0..200), language: u8) {
            let mut product = [vec![1, 0, language], fields].concat();
            product.resize((product.len() + 1).next_multiple_of(UNIT), 0);
            product[1] = (product.len() / UNIT) as u8;
            seal(&mut product);
            let mut data = vec![1, 0, 0, 0, 1, 0, 0, 0];
            seal(&mut data);
            data.extend(product);
            prop_assert!(decode(&data).unwrap().broken.is_empty());
        }
    }
}
