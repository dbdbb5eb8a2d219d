//! FRU inventory (IPMI Platform Management FRU Information Storage Definition v1.0, rev. 1.3): the board and
//! product areas.
//!
//! Checksums are not asked for: many boards ship with wrong ones and right texts.

use super::text::Coding;
use crate::driver::ipmi::bytes::Reader;

/// Offsets and lengths of areas count in units of 8 bytes.
const UNIT: usize = 8;

/// Ends the fields of an area.
const END: u8 = 0xc1;

/// What is read of a FRU. Empty texts say nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fru {
    pub(crate) board: Part,
    pub(crate) product: Part,
    pub(crate) asset_tag: String,
}

/// A board or a product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) manufacturer: String,
    pub(crate) name: String,
    pub(crate) serial: String,
}

/// Reads inventory data, as far as it goes. `None` without a common header of format 1.
pub(crate) fn decode(data: &[u8]) -> Option<Fru> {
    let [format, _internal, _chassis, board, product, ..] = Reader::new(data).array::<8>()?;
    if format & 15 != 1 {
        return None;
    }
    // After the header: the board has a date of three bytes; both begin with version, length and language.
    let board = fields(data, board, 6);
    let product = fields(data, product, 3);
    let text = |fields: &[String], index: usize| fields.get(index).cloned().unwrap_or_default();
    Some(Fru {
        board: Part { manufacturer: text(&board, 0), name: text(&board, 1), serial: text(&board, 2) },
        product: Part { manufacturer: text(&product, 0), name: text(&product, 1), serial: text(&product, 4) },
        asset_tag: text(&product, 5),
    })
}

/// The texts of the area at `offset` (0: there is none), after `skip` bytes.
fn fields(data: &[u8], offset: u8, skip: usize) -> Vec<String> {
    let mut texts = Vec::new();
    let area = usize::from(offset).saturating_mul(UNIT);
    let Some(area) = data.get(area..).filter(|_| offset != 0) else { return texts };
    let length = usize::from(area.get(1).copied().unwrap_or(0)).saturating_mul(UNIT);
    let mut reader = Reader::new(area.get(..length).unwrap_or(area));
    if reader.take(skip).is_none() {
        return texts;
    }
    // An area has 2,040 bytes at most, so this ends.
    while let Some(byte) = reader.u8().filter(|byte| *byte != END) {
        let (coding, length) = Coding::split(byte);
        let Some(bytes) = reader.take(length) else { break };
        // Binary is no text; firmware that writes UTF-8 here says ASCII.
        let is_text = coding != Coding::Unspecified;
        texts.push(if is_text { coding.decode(bytes) } else { String::new() });
    }
    texts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn area(header: &[u8], texts: &[&str]) -> Vec<u8> {
        let mut area = header.to_vec();
        for text in texts {
            area.push(0xc0 | text.len() as u8);
            area.extend_from_slice(text.as_bytes());
        }
        area.push(END);
        area.resize(area.len().next_multiple_of(UNIT), 0);
        area[1] = (area.len() / UNIT) as u8;
        area
    }

    fn inventory() -> Vec<u8> {
        let board = area(&[1, 0, 25, 1, 2, 3], &["ACME", "BOARD", "SN1", "PN1", ""]);
        let product = area(&[1, 0, 25], &["Acme Inc", "Server", "MOD", "v1", "PSN", "TAG"]);
        let mut data = vec![1, 0, 0, 1, 1 + (board.len() / UNIT) as u8, 0, 0, 0];
        data.extend(board);
        data.extend(product);
        data
    }

    #[test]
    fn board_and_product_are_read_by_their_order_of_fields() {
        let fru = decode(&inventory()).unwrap();
        assert_eq!([fru.board.manufacturer, fru.board.name, fru.board.serial], ["ACME", "BOARD", "SN1"]);
        let product = fru.product;
        assert_eq!([product.manufacturer, product.name, product.serial], ["Acme Inc", "Server", "PSN"]);
        assert_eq!(fru.asset_tag, "TAG");
        assert_eq!(decode(&[0xff; 64]), None);
        assert_eq!(decode(&[1, 0, 0, 0, 0, 0, 0, 0xff]), Some(Fru::default()));
    }

    proptest! {
        #[test]
        fn every_truncation_and_every_flip_is_survived(length in 0_usize..120, at in 0_usize..120, byte: u8) {
            let mut data = inventory();
            if let Some(target) = data.get_mut(at) { *target = byte; }
            data.truncate(length);
            let _ = decode(&data);
        }
    }
}
