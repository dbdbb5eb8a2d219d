//! FRU inventory areas.
//!
//! Platform Management FRU Information Storage Definition v1.0 rev 1.3, sections 8 (common header), 10
//! (chassis), 11 (board), 12 (product), 13 (type/length octet).

use super::bmc::{Fru, Text};
use super::packet::checksum;

/// The digits of BCD plus.
const BCD: &str = "0123456789 -.";

/// Fields have at most so many octets: six bits count them.
const MAX_FIELD: usize = 63;

/// After the last field.
const END: u8 = 0xc1;

/// Language code 0 is English.
const ENGLISH: u8 = 0;

/// The octets of a FRU; `seed` goes behind the serials that are plain text.
pub(crate) fn octets(fru: &Fru, seed: u64) -> Vec<u8> {
    let serial = |text: &Text| match text {
        Text::Latin(text) => Text::Latin(format!("{text}-{seed}")),
        other => other.clone(),
    };
    let chassis = fru
        .chassis
        .as_ref()
        .map(|chassis| area(vec![chassis.kind], &[chassis.part.clone(), serial(&chassis.serial)]));
    let board = fru.board.as_ref().map(|board| {
        let [low, middle, high, _] = board.made.to_le_bytes();
        let fields = [&board.manufacturer, &board.product, &board.serial, &board.part].map(Text::clone);
        // The fifth field names a FRU file: empty.
        area(vec![ENGLISH, low, middle, high], &[&fields[..], &[Text::Latin(String::new())]].concat())
    });
    let product = fru.product.as_ref().map(|product| {
        let fields = [&product.manufacturer, &product.name, &product.part, &product.version];
        let rest = [serial(&product.serial), product.asset.clone(), Text::Latin(String::new())];
        area(vec![ENGLISH], &[&fields.map(Text::clone)[..], &rest].concat())
    });
    let mut header = vec![0x01, 0];
    let mut areas: Vec<u8> = Vec::new();
    for area in [chassis, board, product] {
        let offset = area.is_some().then(|| u8::try_from(1 + areas.len() / 8).unwrap_or(0));
        header.push(offset.unwrap_or(0));
        areas.extend(area.unwrap_or_default());
    }
    // No multi-record area; one octet of padding.
    header.extend([0, 0]);
    header.push(checksum(&header));
    [header, areas].concat()
}

fn area(begin: Vec<u8>, fields: &[Text]) -> Vec<u8> {
    let mut area = [vec![0x01, 0], begin].concat();
    for field in fields {
        push_field(&mut area, field);
    }
    area.push(END);
    let length = (area.len() + 1).next_multiple_of(8);
    area.resize(length - 1, 0);
    area.iter_mut().skip(1).take(1).for_each(|octet| *octet = u8::try_from(length / 8).unwrap_or(0));
    area.push(checksum(&area));
    area
}

fn push_field(area: &mut Vec<u8>, text: &Text) {
    let (kind, mut octets) = match text {
        Text::Binary(octets) => (0u8, octets.clone()),
        Text::Bcd(digits) => (1, bcd(digits)),
        Text::SixBit(letters) => (2, six_bit(letters)),
        // Latin 1 is the first 256 characters; others have no octet there.
        Text::Latin(text) => {
            (3, text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap_or(b'?')).collect())
        }
    };
    octets.truncate(MAX_FIELD);
    // One letter of Latin 1 would read as the end of the fields.
    if (kind, octets.len()) == (3, 1) {
        octets.push(b' ');
    }
    area.push(kind << 6 | u8::try_from(octets.len()).unwrap_or(0));
    area.extend(octets);
}

/// Two digits in each octet, the first one in the upper half.
fn bcd(digits: &str) -> Vec<u8> {
    let number = |digit: char| BCD.find(digit).and_then(|at| u8::try_from(at).ok()).unwrap_or(10);
    let numbers: Vec<u8> = digits.chars().map(number).collect();
    numbers
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => high << 4 | low,
            [high] => high << 4 | 10,
            _ => 0,
        })
        .collect()
}

/// Four letters in three octets, the first one in the lowest bits.
fn six_bit(letters: &str) -> Vec<u8> {
    let codes: Vec<u8> = letters.bytes().map(|letter| letter.wrapping_sub(0x20) & 0x3f).collect();
    codes
        .chunks(4)
        .flat_map(|group| {
            let bits = group.iter().rev().fold(0u32, |bits, code| bits << 6 | u32::from(*code));
            let octets = (group.len() * 6).div_ceil(8);
            bits.to_le_bytes().into_iter().take(octets)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of section 13.3: "IPMI" is 29h DCh A6h.
    #[test]
    fn packed_letters() {
        assert_eq!(six_bit("IPMI"), [0x29, 0xdc, 0xa6]);
        assert_eq!(bcd("12-3"), [0x12, 0xb3]);
    }
}
