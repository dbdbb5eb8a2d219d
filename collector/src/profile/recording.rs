//! Recordings of a device's objects: text lines `OID|type|value`, as snmpsim reads them.
//!
//! Types are the BER tags in decimal, with `x` behind where the value is in hexadecimal digits.

use super::source::{Objects, Oid, Value};

/// Why a line of a recording is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}; a line is OID|type|value")]
pub struct RecordingError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: &'static str,
}

/// Reads a recording: what could be read, and the mistakes beside it. Empty lines and those that start with `#` are skipped.
pub fn parse(text: &str) -> (Objects, Vec<RecordingError>) {
    let mut objects = Objects::default();
    let mut mistakes = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        match parse_line(line) {
            Ok((oid, value)) => objects.insert(oid, value),
            Err(what) => mistakes.push(RecordingError { line: number + 1, what }),
        }
    }
    (objects, mistakes)
}

fn parse_line(line: &str) -> Result<(Oid, Value), &'static str> {
    let (oid, rest) = line.split_once('|').ok_or("no bar after the OID")?;
    let (tag, text) = rest.split_once('|').ok_or("no bar after the type")?;
    let oid = oid.parse().map_err(|_| "not an OID")?;
    let value = match tag.strip_suffix('x') {
        Some(tag) => from_octets(tag, unhex(text).ok_or("not hexadecimal digits")?),
        None => from_text(tag, text),
    };
    Ok((oid, value?))
}

fn from_text(tag: &str, text: &str) -> Result<Value, &'static str> {
    match tag {
        "2" => text.trim().parse().map(Value::Integer).map_err(|_| "not a whole number"),
        "65" | "66" | "67" | "70" => {
            text.trim().parse().map(Value::Unsigned).map_err(|_| "not a positive number")
        }
        "6" => text.trim().parse().map(Value::Oid).map_err(|_| "the value is not an OID"),
        "64" => {
            let address: std::net::Ipv4Addr = text.trim().parse().map_err(|_| "not an IPv4 address")?;
            Ok(Value::Bytes(Box::new(address.octets())))
        }
        tag => from_octets(tag, text.as_bytes().to_vec()),
    }
}

fn from_octets(tag: &str, octets: Vec<u8>) -> Result<Value, &'static str> {
    match tag {
        "4" | "64" => Ok(Value::Bytes(octets.into())),
        "68" => Ok(float(&octets).map_or_else(|| Value::Bytes(octets.into()), Value::Float)),
        _ => Err(
            "a type that recordings don't have: 2, 4, 6, 64, 65, 66, 67, 68 or 70, with x behind for hexadecimal digits",
        ),
    }
}

/// Floats in an Opaque, as net-snmp wraps them: an application tag, a length, IEEE 754.
fn float(octets: &[u8]) -> Option<f64> {
    match octets {
        [0x9f, 0x78, 4, number @ ..] => Some(f64::from(f32::from_be_bytes(number.try_into().ok()?))),
        [0x9f, 0x79, 8, number @ ..] => Some(f64::from_be_bytes(number.try_into().ok()?)),
        _ => None,
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().as_bytes();
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let octet = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    text.chunks(2).map(octet).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_read_and_bad_lines_are_named() {
        let text = "# a device\n1.3.1|2|-5\n1.3.2|4|a|b\n1.3.3|4x|00ff\n\n1.3.4|6|.1.3.6\n1.3.5|64|10.0.0.1\n\
                    1.3.6|70|18446744073709551615\n1.3.7|68x|9f780441bc0000\nbad\n1.3.9|2|x\n1.3.10|9|1\n";
        let (objects, mistakes) = parse(text);
        let get = |oid: &str| objects.get(&oid.parse().unwrap()).cloned();
        assert_eq!(get("1.3.1"), Some(Value::Integer(-5)));
        assert_eq!(get("1.3.2"), Some(Value::Bytes(b"a|b".as_slice().into())));
        assert_eq!(get("1.3.3"), Some(Value::Bytes([0, 255].as_slice().into())));
        assert_eq!(get("1.3.4"), Some(Value::Oid("1.3.6".parse().unwrap())));
        assert_eq!(get("1.3.5"), Some(Value::Bytes([10, 0, 0, 1].as_slice().into())));
        assert_eq!(get("1.3.6"), Some(Value::Unsigned(u64::MAX)));
        assert_eq!(get("1.3.7"), Some(Value::Float(23.5)));
        let lines: Vec<_> = mistakes.iter().map(|mistake| mistake.line).collect();
        assert_eq!(lines, [10, 11, 12]);
    }
}
