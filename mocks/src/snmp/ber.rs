//! Writing the Basic Encoding Rules (X.690): the half that `snmp2` keeps to itself.
//!
//! Reading is left to `snmp2::AsnReader`. Lengths are definite and minimal, as RFC 3417 section 8 asks.

/// Appends an element whose content `content` writes.
pub(crate) fn push_with(out: &mut Vec<u8>, tag: u8, content: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    content(out);
    let length = (out.len() - start).to_be_bytes();
    let significant = length.iter().skip_while(|octet| **octet == 0).copied();
    let long = match out.len() - start {
        0..=127 => None,
        _ => Some(0x80 | significant.clone().count() as u8),
    };
    let short = (out.len() == start).then_some(0);
    let header: Vec<u8> = [tag].into_iter().chain(long).chain(short).chain(significant).collect();
    out.splice(start..start, header);
}

/// Appends an element.
pub(crate) fn push(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    push_with(out, tag, |out| out.extend_from_slice(content));
}

/// Appends a signed number in the fewest octets.
pub(crate) fn push_signed(out: &mut Vec<u8>, tag: u8, number: i64) {
    let sign = if number < 0 { 0xff } else { 0 };
    push_minimal(out, tag, sign, number.to_be_bytes());
}

/// Appends an unsigned number in the fewest octets, with a zero before a set top bit.
pub(crate) fn push_unsigned(out: &mut Vec<u8>, tag: u8, number: u64) {
    push_minimal(out, tag, 0, number.to_be_bytes());
}

fn push_minimal(out: &mut Vec<u8>, tag: u8, sign: u8, octets: [u8; 8]) {
    push_with(out, tag, |out| {
        let mut rest = octets.into_iter().skip_while(|octet| *octet == sign).peekable();
        let top = rest.peek().copied().unwrap_or(!sign & 0x80);
        if rest.peek().is_none() || (top ^ sign) & 0x80 != 0 {
            out.push(sign);
        }
        out.extend(rest);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(number: i64) -> Vec<u8> {
        let mut out = Vec::new();
        push_signed(&mut out, 2, number);
        out
    }

    /// X.690 section 8.3: two's complement in the fewest octets.
    #[test]
    fn integers() {
        assert_eq!(signed(0), [2, 1, 0]);
        assert_eq!(signed(127), [2, 1, 0x7f]);
        assert_eq!(signed(128), [2, 2, 0, 0x80]);
        assert_eq!(signed(-1), [2, 1, 0xff]);
        assert_eq!(signed(-128), [2, 1, 0x80]);
        assert_eq!(signed(-129), [2, 2, 0xff, 0x7f]);
        assert_eq!(signed(i64::MIN), [2, 8, 0x80, 0, 0, 0, 0, 0, 0, 0]);
        let mut out = Vec::new();
        push_unsigned(&mut out, 0x46, u64::MAX);
        assert_eq!(out, [0x46, 9, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
    }

    /// X.690 section 8.1.3: short form up to 127, then the long form.
    #[test]
    fn lengths() {
        for (length, header) in [
            (0, &[4, 0][..]),
            (127, &[4, 127]),
            (128, &[4, 0x81, 128]),
            (255, &[4, 0x81, 255]),
            (256, &[4, 0x82, 1, 0]),
            (65_536, &[4, 0x83, 1, 0, 0]),
        ] {
            let mut out = Vec::new();
            push(&mut out, 4, &vec![7; length]);
            assert_eq!(&out[..header.len()], header);
            assert_eq!(out.len(), header.len() + length);
        }
    }
}
