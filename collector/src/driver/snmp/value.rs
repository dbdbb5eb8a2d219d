//! From the wire's types to the seam's (RFC 2578, section 7; Opaque as net-snmp encodes it).
//!
//! Never turns what is no value into one: exceptions are absence, and a number that the library had
//! to bend into range is unreadable.

use async_snmp::{DecodeAnomaly, Value as Raw};

use crate::profile::source::{Oid, Value};

/// What a bound value says.
#[derive(Clone, Debug, PartialEq)]
pub enum Folded {
    /// A value.
    Value(Value),
    /// The device says that there is none.
    Absent,
    /// Something that is no value of the SMI.
    Unreadable,
}

/// Marks a value whose number isn't what the device sent.
const BENT: Raw = Raw::Unknown { tag: 0, data: bytes::Bytes::new() };

/// Folds the types away that profiles don't tell apart.
pub fn fold(raw: &Raw) -> Folded {
    Folded::Value(match raw {
        Raw::Integer(value) => Value::Integer(i64::from(*value)),
        Raw::Counter32(value) | Raw::Gauge32(value) | Raw::UInteger32(value) | Raw::TimeTicks(value) => {
            Value::Unsigned(u64::from(*value))
        }
        Raw::Counter64(value) => Value::Unsigned(*value),
        Raw::OctetString(bytes) | Raw::Nsap(bytes) => Value::Bytes(bytes.as_ref().into()),
        Raw::IpAddress(bytes) => Value::Bytes((*bytes).into()),
        Raw::Opaque(bytes) => opaque(raw, bytes),
        Raw::ObjectIdentifier(oid) => Value::Oid(Oid::new(oid.arcs())),
        Raw::Null | Raw::NoSuchObject | Raw::NoSuchInstance | Raw::EndOfMibView => return Folded::Absent,
        _ => return Folded::Unreadable,
    })
}

fn opaque(raw: &Raw, bytes: &[u8]) -> Value {
    let float = || raw.as_opaque_float().map(f64::from).or_else(|| raw.as_opaque_double()).map(Value::Float);
    let signed = || raw.as_opaque_i64().map(Value::Integer);
    let unsigned = || raw.as_opaque_u64().or_else(|| raw.as_opaque_counter64()).map(Value::Unsigned);
    float().or_else(signed).or_else(unsigned).unwrap_or_else(|| Value::Bytes(bytes.into()))
}

/// Takes back the numbers that the library made up while decoding: a 64-bit INTEGER cut to 32 bits, an
/// empty Counter64 read as 0. The library doesn't say which value it was, so all equal ones go.
pub fn straighten<'a>(values: impl Iterator<Item = &'a mut Raw>, anomalies: &[DecodeAnomaly]) {
    if anomalies.is_empty() {
        return;
    }
    for value in values {
        if anomalies.iter().any(|anomaly| is_bent(value, anomaly)) {
            *value = BENT;
        }
    }
}

fn is_bent(value: &Raw, anomaly: &DecodeAnomaly) -> bool {
    match (value, anomaly) {
        (Raw::Integer(value), DecodeAnomaly::SignedIntegerTruncation { canonical, .. }) => value == canonical,
        (
            Raw::Counter32(value) | Raw::Gauge32(value) | Raw::UInteger32(value) | Raw::TimeTicks(value),
            DecodeAnomaly::Unsigned32Truncation { canonical, .. },
        ) => value == canonical,
        (Raw::Counter64(value), DecodeAnomaly::EmptyCounter64 { canonical, .. }) => value == canonical,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_folds() {
        let bytes = |data: &[u8]| bytes::Bytes::copy_from_slice(data);
        let cases = [
            (Raw::Integer(-5), Folded::Value(Value::Integer(-5))),
            (Raw::Counter64(u64::MAX), Folded::Value(Value::Unsigned(u64::MAX))),
            (Raw::TimeTicks(100), Folded::Value(Value::Unsigned(100))),
            (Raw::IpAddress([192, 0, 2, 1]), Folded::Value(Value::Bytes([192, 0, 2, 1].into()))),
            (Raw::OctetString(bytes(&[0xff, 0])), Folded::Value(Value::Bytes([0xff, 0].into()))),
            // 21.5 as an IEEE 754 single, wrapped as net-snmp's asn1.h says: 9f 78 04.
            (Raw::Opaque(bytes(&[0x9f, 0x78, 4, 0x41, 0xac, 0, 0])), Folded::Value(Value::Float(21.5))),
            (Raw::Opaque(bytes(&[1, 2])), Folded::Value(Value::Bytes([1, 2].into()))),
            (Raw::NoSuchInstance, Folded::Absent),
            (Raw::EndOfMibView, Folded::Absent),
            (Raw::Unknown { tag: 0x1a, data: bytes(b"x") }, Folded::Unreadable),
        ];
        for (raw, folded) in cases {
            assert_eq!(fold(&raw), folded);
        }
    }

    #[test]
    fn a_number_that_was_bent_into_range_is_no_value() {
        let anomaly = DecodeAnomaly::EmptyCounter64 { original_length: 0, canonical: 0 };
        let mut values = [Raw::Counter64(0), Raw::Counter64(7), Raw::Gauge32(0)];
        straighten(values.iter_mut(), &[anomaly]);
        assert_eq!(fold(&values[0]), Folded::Unreadable);
        assert_eq!(fold(&values[1]), Folded::Value(Value::Unsigned(7)));
        assert_eq!(fold(&values[2]), Folded::Value(Value::Unsigned(0)));
    }
}
