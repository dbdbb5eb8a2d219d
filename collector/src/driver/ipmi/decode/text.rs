//! Type/length coded texts (section 43.15, and the FRU specification, section 13).

/// Digits of BCD plus.
const BCD: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ' ', '-', '.', ':', ',', '_'];

/// How a text is written: bits 7 and 6 of the type/length byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// "Unicode" in sensor records, in practice UTF-8; binary in FRU data.
    Unspecified,
    Bcd,
    /// 6-bit ASCII, packed: four characters in three bytes.
    Packed,
    /// 8-bit ASCII and Latin 1.
    Latin1,
}

impl Coding {
    /// Coding and length in bytes that a type/length byte tells.
    pub(crate) const fn split(byte: u8) -> (Self, usize) {
        let coding = match byte >> 6 {
            0 => Self::Unspecified,
            1 => Self::Bcd,
            2 => Self::Packed,
            _ => Self::Latin1,
        };
        (coding, (byte & 0x3f) as usize)
    }

    /// The text, without control characters and the spaces and zeros that fields are filled up with.
    pub(crate) fn decode(self, bytes: &[u8]) -> String {
        self.decode_padded(bytes).trim().to_owned()
    }

    /// As [`Coding::decode`], with spaces at both ends.
    pub(crate) fn decode_padded(self, bytes: &[u8]) -> String {
        let text: String = match self {
            Self::Bcd => bytes
                .iter()
                .flat_map(|byte| [byte >> 4, byte & 15])
                .filter_map(|digit| BCD.get(usize::from(digit)))
                .collect(),
            Self::Packed => packed(bytes),
            // Firmware writes UTF-8 into both, whatever it says.
            Self::Unspecified | Self::Latin1 => match std::str::from_utf8(bytes) {
                Ok(text) => text.to_owned(),
                Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
            },
        };
        let text = text.split('\0').next().unwrap_or("");
        text.chars().filter(|c| !c.is_control()).collect()
    }

    /// The text of bytes in UTF-16, least significant byte first; what is no character is left out.
    pub(crate) fn decode_utf16(bytes: &[u8]) -> String {
        let units = bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok().map(u16::from_le_bytes));
        let text: String = char::decode_utf16(units).flatten().take_while(|c| *c != '\0').collect();
        text.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned()
    }
}

/// Least significant bits first; each character is an offset from the space.
fn packed(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().rev().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        for place in 0..group.len().saturating_mul(8) / 6 {
            let offset = bits >> (6 * place) & 0x3f;
            text.extend(char::from_u32(offset.saturating_add(0x20)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_ascii_is_as_in_the_specification() {
        // FRU specification, section 13.1: "IPMI".
        assert_eq!(Coding::Packed.decode(&[0x29, 0xdc, 0xa6]), "IPMI");
    }

    #[test]
    fn digits_and_broken_utf8_are_read() {
        assert_eq!(Coding::Bcd.decode(&[0x12, 0x3b, 0x4c, 0x5a]), "123-4.5");
        assert_eq!(Coding::Latin1.decode(b"T\xe9mp\0\0"), "T\u{e9}mp");
        assert_eq!(Coding::Unspecified.decode("T\u{e9}mp\u{7}  ".as_bytes()), "T\u{e9}mp");
        assert_eq!(Coding::split(0xc4), (Coding::Latin1, 4));
    }
}
