//! The inventory of a BMC, by the FRU specification (v1.0, rev. 1.3): chassis, board and product, their fields as
//! 8-bit and packed 6-bit ASCII and as BCD plus.

/// Bytes of the inventory.
pub(super) const SIZE: usize = 256;

/// The whole of it, filled up with zeros.
pub(super) fn data() -> Vec<u8> {
    let chassis = area(&[0x17], &[packed("CH-RACK_2U"), bcd("2026-0117")]);
    let date = [0x40, 0x2a, 0xd0];
    let board =
        [latin("Example Boards"), latin("Mainboard X1"), packed("BRD00042"), latin("X1-0007"), latin("v3")];
    let board = area(&[25, date[0], date[1], date[2]], &board);
    let product = [
        latin("Example Systems"),
        latin("Server 9000"),
        latin("S9K-2U"),
        latin("1.4"),
        bcd("4711 0815"),
        packed("ASSET/31"),
        latin("v3"),
    ];
    let product = area(&[25], &product);
    let at = |before: &[&Vec<u8>]| ((8 + before.iter().map(|area| area.len()).sum::<usize>()) / 8) as u8;
    let mut all = vec![1, 0, 1, at(&[&chassis]), at(&[&chassis, &board]), 0, 0];
    all.push(checksum(&all));
    all.extend([chassis, board, product].concat());
    all.resize(SIZE, 0);
    all
}

/// Format version and length before `head`; the fields, the mark of their end, and the checksum behind.
fn area(head: &[u8], fields: &[Vec<u8>]) -> Vec<u8> {
    let mut area = [&[1, 0], head, &fields.concat(), &[0xc1]].concat();
    area.resize((area.len() + 1).next_multiple_of(8) - 1, 0);
    area[1] = ((area.len() + 1) / 8) as u8;
    area.push(checksum(&area));
    area
}

fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_neg()
}

fn field(coding: u8, bytes: Vec<u8>) -> Vec<u8> {
    [vec![coding << 6 | bytes.len() as u8], bytes].concat()
}

fn latin(text: &str) -> Vec<u8> {
    field(3, text.bytes().collect())
}

/// Each character is six bits above the space, the first one lowest.
fn packed(text: &str) -> Vec<u8> {
    let bits: Vec<bool> =
        text.bytes().flat_map(|c| (0..6).map(move |bit| (c - 0x20) >> bit & 1 == 1)).collect();
    let byte = |bits: &[bool]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
    field(2, bits.chunks(8).map(byte).collect())
}

/// Two digits in a byte, the first one above. Filled up with a space.
fn bcd(text: &str) -> Vec<u8> {
    let digit = |c: u8| "0123456789 -.:,_".bytes().position(|digit| digit == c).unwrap() as u8;
    let digits: Vec<u8> = text.bytes().chain((text.len() % 2 == 1).then_some(b' ')).map(digit).collect();
    field(1, digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
