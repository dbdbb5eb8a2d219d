//! Protobuf fields, written straight into a buffer.
//!
//! Follows the encoding guide of Protocol Buffers 3. Samples go out by the million and their series' labels
//! are encoded once, so requests are written and not built as trees of messages. Never reads anything.

/// Wire types.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;

/// Appends a varint.
pub(crate) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn tag(out: &mut Vec<u8>, field: u32, wire_type: u32) {
    varint(out, u64::from(field << 3 | wire_type));
}

/// A field of type `uint32`, `uint64` or `enum`; left out where it is 0, as proto3 has it.
pub(crate) fn unsigned(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        tag(out, field, VARINT);
        varint(out, value);
    }
}

/// A field of type `int64`: negative numbers take ten bytes.
pub(crate) fn signed(out: &mut Vec<u8>, field: u32, value: i64) {
    unsigned(out, field, value.cast_unsigned());
}

/// A field of type `bool`.
pub(crate) fn boolean(out: &mut Vec<u8>, field: u32, value: bool) {
    unsigned(out, field, u64::from(value));
}

/// A field of type `double`. Written even where it is 0: in a `oneof` that is a value.
pub(crate) fn double(out: &mut Vec<u8>, field: u32, value: f64) {
    tag(out, field, FIXED64);
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

/// A field of type `fixed64`.
pub(crate) fn fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        tag(out, field, FIXED64);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// A field of type `bytes` or `string`, or a message that is encoded already.
pub(crate) fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    tag(out, field, LENGTH);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// A field that is a message, written by `write`.
pub(crate) fn message(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    tag(out, field, LENGTH);
    let start = out.len();
    // Most messages are shorter than 128 bytes, which one byte says; longer ones are moved for the rest.
    out.push(0);
    write(out);
    let length = (out.len() - start - 1) as u64;
    if let (Ok(short @ 0..0x80), Some(byte)) = (u8::try_from(length), out.get_mut(start)) {
        *byte = short;
        return;
    }
    let end = out.len();
    varint(out, length);
    let written = out.len() - end;
    if let Some(tail) = out.get_mut(start..) {
        tail.rotate_right(written);
    }
    // The byte kept for a short length now stands behind the long one.
    out.remove(start + written);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out);
        out
    }

    /// The examples of the encoding guide: <https://protobuf.dev/programming-guides/encoding/>.
    #[test]
    fn the_guides_examples() {
        assert_eq!(written(|out| unsigned(out, 1, 150)), [0x08, 0x96, 0x01]);
        assert_eq!(written(|out| bytes(out, 2, b"testing")), *b"\x12\x07testing");
        let nested = written(|out| message(out, 3, |out| unsigned(out, 1, 150)));
        assert_eq!(nested, [0x1a, 0x03, 0x08, 0x96, 0x01]);
        let minus_two = [0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(written(|out| signed(out, 1, -2)), minus_two);
    }

    #[test]
    fn a_long_message_has_a_long_length() {
        let out = written(|out| message(out, 1, |out| bytes(out, 1, &[7; 300])));
        assert_eq!(out[..6], [0x0a, 0xaf, 0x02, 0x0a, 0xac, 0x02]);
        assert_eq!(out.len(), 306);
        assert!(out[6..].iter().all(|&byte| byte == 7));
    }
}
