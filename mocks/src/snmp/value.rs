//! Values of managed objects (RFC 3416 section 3, RFC 2578 section 7.1) and their wire form.
//!
//! Holds whatever a recorded device said, including integers wider than the standard allows.

use snmp2::asn1::{TYPE_INTEGER, TYPE_NULL, TYPE_OBJECTIDENTIFIER, TYPE_OCTETSTRING};
use snmp2::snmp;

use super::ber;
use super::oid::Oid;

/// One value, as a device sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// INTEGER; 64 bits wide because some devices send more than Integer32.
    Integer(i64),
    /// OCTET STRING.
    OctetString(Box<[u8]>),
    /// NULL.
    Null,
    /// OBJECT IDENTIFIER.
    ObjectIdentifier(Oid),
    /// IpAddress.
    IpAddress([u8; 4]),
    /// Counter32.
    Counter32(u32),
    /// Gauge32 or Unsigned32.
    Gauge32(u32),
    /// TimeTicks, in hundredths of a second.
    TimeTicks(u32),
    /// Opaque.
    Opaque(Box<[u8]>),
    /// Counter64; unknown to SNMPv1.
    Counter64(u64),
    /// The exception `noSuchObject`.
    NoSuchObject,
    /// The exception `noSuchInstance`.
    NoSuchInstance,
    /// The exception `endOfMibView`.
    EndOfMibView,
}

impl Value {
    /// Appends tag, length and content.
    pub(crate) fn push_ber(&self, out: &mut Vec<u8>) {
        match self {
            Self::Integer(number) => ber::push_signed(out, TYPE_INTEGER, *number),
            Self::OctetString(octets) => ber::push(out, TYPE_OCTETSTRING, octets),
            Self::Null => ber::push(out, TYPE_NULL, &[]),
            Self::ObjectIdentifier(oid) => push_oid(out, oid),
            Self::IpAddress(octets) => ber::push(out, snmp::TYPE_IPADDRESS, octets),
            Self::Counter32(number) => ber::push_unsigned(out, snmp::TYPE_COUNTER32, (*number).into()),
            Self::Gauge32(number) => ber::push_unsigned(out, snmp::TYPE_UNSIGNED32, (*number).into()),
            Self::TimeTicks(number) => ber::push_unsigned(out, snmp::TYPE_TIMETICKS, (*number).into()),
            Self::Opaque(octets) => ber::push(out, snmp::TYPE_OPAQUE, octets),
            Self::Counter64(number) => ber::push_unsigned(out, snmp::TYPE_COUNTER64, *number),
            Self::NoSuchObject => ber::push(out, snmp::SNMP_NOSUCHOBJECT, &[]),
            Self::NoSuchInstance => ber::push(out, snmp::SNMP_NOSUCHINSTANCE, &[]),
            Self::EndOfMibView => ber::push(out, snmp::SNMP_ENDOFMIBVIEW, &[]),
        }
    }
}

/// Appends an object identifier with tag and length.
pub(crate) fn push_oid(out: &mut Vec<u8>, oid: &Oid) {
    ber::push_with(out, TYPE_OBJECTIDENTIFIER, |out| oid.push_ber(out));
}
