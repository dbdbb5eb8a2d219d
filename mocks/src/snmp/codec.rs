//! SNMP messages: reading requests, writing responses.
//!
//! Message formats: RFC 1157 section 4 (v1), RFC 1901 section 3 (v2c), RFC 3412 section 6 and RFC 3414
//! section 2.4 (v3). Reading rests on `snmp2::AsnReader`. `snmp2` writes requests only: its v3 encoder takes
//! one number for message and request and keeps its keys to itself, so responses are written here. Every
//! octet read is untrusted; what does not parse is an error, never a panic.

use std::ops::Range;

use snmp2::asn1::{TYPE_INTEGER, TYPE_OBJECTIDENTIFIER, TYPE_OCTETSTRING, TYPE_SEQUENCE};
use snmp2::{AsnReader, snmp};

use super::ber;
use super::oid::{Oid, OidError};
use super::value::{Value, push_oid};

/// The security model number of USM, RFC 3411 section 5.
const USM: i64 = 3;

/// The largest message the agent takes, announced in v3: the most a datagram over IPv4 holds.
pub(crate) const MAX_MESSAGE: usize = 65_507;

/// Why a datagram is no message that the agent understands.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum CodecError {
    #[error("not a message: {0}")]
    Asn(#[from] snmp2::Error),
    #[error("not an object name: {0}")]
    Oid(#[from] OidError),
    #[error("version {0} is unknown")]
    Version(i64),
    #[error("security model {0} is unknown")]
    SecurityModel(i64),
    #[error("a number is out of its range")]
    Range,
}

/// A message with a community, or with the parameters of USM.
#[derive(Debug)]
pub(crate) enum Message<'a> {
    /// Version 0 (v1) or 1 (v2c), community, PDU.
    Community { version: i64, community: &'a [u8], pdu: Element<'a> },
    /// Version 3.
    V3(V3Message<'a>),
}

/// A message of version 3, its digest not checked, its data not decrypted.
#[derive(Clone, Debug)]
pub(crate) struct V3Message<'a> {
    pub(crate) id: i64,
    pub(crate) max_size: usize,
    pub(crate) flags: u8,
    pub(crate) engine: &'a [u8],
    pub(crate) boots: u32,
    pub(crate) time: u32,
    pub(crate) user: &'a [u8],
    /// Where the digest lies in the datagram.
    pub(crate) digest: Range<usize>,
    pub(crate) salt: &'a [u8],
    /// The scoped PDU, or the octet string that holds it encrypted.
    pub(crate) data: Element<'a>,
}

/// A scoped PDU, RFC 3412 section 6.8.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scoped<'a> {
    pub(crate) engine: &'a [u8],
    pub(crate) context: &'a [u8],
    pub(crate) pdu: Element<'a>,
}

/// A request of any version.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// The PDU's tag.
    pub(crate) tag: u8,
    pub(crate) id: i64,
    /// Non-repeaters and maximum repetitions of a GETBULK.
    pub(crate) non_repeaters: usize,
    pub(crate) max_repetitions: usize,
    pub(crate) names: Vec<Oid>,
    /// The variable bindings as they came, for an error's echo.
    pub(crate) bindings: &'a [u8],
}

impl<'a> Message<'a> {
    pub(crate) fn decode(datagram: &'a [u8]) -> Result<Self, CodecError> {
        let mut reader = AsnReader::from_bytes(AsnReader::from_bytes(datagram).read_raw(TYPE_SEQUENCE)?);
        match reader.read_asn_integer()? {
            version @ (0 | 1) => {
                let community = reader.read_asn_octetstring()?;
                Ok(Self::Community { version, community, pdu: element(&mut reader)? })
            }
            3 => V3Message::decode(datagram, &mut reader).map(Self::V3),
            version => Err(CodecError::Version(version)),
        }
    }
}

/// An element's tag and content.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
}

fn element<'a>(reader: &mut AsnReader<'a>) -> Result<Element<'a>, CodecError> {
    let tag = reader.peek_byte()?;
    Ok(Element { tag, content: reader.read_raw(tag)? })
}

impl<'a> V3Message<'a> {
    fn decode(datagram: &'a [u8], reader: &mut AsnReader<'a>) -> Result<Self, CodecError> {
        let mut global = AsnReader::from_bytes(reader.read_raw(TYPE_SEQUENCE)?);
        let id = global.read_asn_integer()?;
        let max_size = usize::try_from(global.read_asn_integer()?).map_err(|_| CodecError::Range)?;
        let flags = global.read_asn_octetstring()?.first().copied().ok_or(CodecError::Range)?;
        match global.read_asn_integer()? {
            USM => {}
            model => return Err(CodecError::SecurityModel(model)),
        }
        let security = AsnReader::from_bytes(reader.read_asn_octetstring()?).read_raw(TYPE_SEQUENCE)?;
        let mut security = AsnReader::from_bytes(security);
        let engine = security.read_asn_octetstring()?;
        let boots = u32::try_from(security.read_asn_integer()?).map_err(|_| CodecError::Range)?;
        let time = u32::try_from(security.read_asn_integer()?).map_err(|_| CodecError::Range)?;
        let user = security.read_asn_octetstring()?;
        let digest = range_within(datagram, security.read_asn_octetstring()?);
        let salt = security.read_asn_octetstring()?;
        Ok(Self { id, max_size, flags, engine, boots, time, user, digest, salt, data: element(reader)? })
    }

    /// Whether the sender takes a report for an answer.
    pub(crate) fn is_reportable(&self) -> bool {
        self.flags & snmp::V3_MSG_FLAGS_REPORTABLE != 0
    }
}

fn range_within(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    start..start.saturating_add(part.len())
}

impl<'a> Scoped<'a> {
    /// Reads the content of a sequence.
    pub(crate) fn decode(content: &'a [u8]) -> Result<Self, CodecError> {
        let mut reader = AsnReader::from_bytes(content);
        let engine = reader.read_asn_octetstring()?;
        let context = reader.read_asn_octetstring()?;
        Ok(Self { engine, context, pdu: element(&mut reader)? })
    }
}

impl<'a> Request<'a> {
    /// Reads a PDU, RFC 3416 section 3.
    pub(crate) fn decode(pdu: Element<'a>) -> Result<Self, CodecError> {
        let mut reader = AsnReader::from_bytes(pdu.content);
        let id = reader.read_asn_integer()?;
        let mut count = || reader.read_asn_integer().map(|number| usize::try_from(number).unwrap_or(0));
        let (non_repeaters, max_repetitions) = (count()?, count()?);
        let bindings = reader.read_raw(TYPE_SEQUENCE)?;
        let mut names = Vec::new();
        let mut list = AsnReader::from_bytes(bindings);
        while list.bytes_left() > 0 {
            let mut binding = AsnReader::from_bytes(list.read_raw(TYPE_SEQUENCE)?);
            names.push(Oid::from_ber(binding.read_raw(TYPE_OBJECTIDENTIFIER)?)?);
        }
        Ok(Self { tag: pdu.tag, id, non_repeaters, max_repetitions, names, bindings })
    }
}

/// A response or a report to write.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pdu {
    pub(crate) tag: u8,
    pub(crate) id: i64,
    pub(crate) error_status: u32,
    pub(crate) error_index: usize,
    /// Variable bindings, encoded.
    pub(crate) bindings: Vec<u8>,
}

/// Appends one variable binding.
pub(crate) fn push_binding(out: &mut Vec<u8>, name: &Oid, value: &Value) {
    ber::push_with(out, TYPE_SEQUENCE, |out| {
        push_oid(out, name);
        value.push_ber(out);
    });
}

impl Pdu {
    fn push(&self, out: &mut Vec<u8>) {
        ber::push_with(out, self.tag, |out| {
            ber::push_signed(out, TYPE_INTEGER, self.id);
            ber::push_unsigned(out, TYPE_INTEGER, self.error_status.into());
            ber::push_unsigned(out, TYPE_INTEGER, self.error_index as u64);
            ber::push(out, TYPE_SEQUENCE, &self.bindings);
        });
    }

    /// The message of version 0 (v1) or 1 (v2c).
    pub(crate) fn in_community(&self, version: i64, community: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        ber::push_with(&mut out, TYPE_SEQUENCE, |out| {
            ber::push_signed(out, TYPE_INTEGER, version);
            ber::push(out, TYPE_OCTETSTRING, community);
            self.push(out);
        });
        out
    }

    /// The scoped PDU of version 3.
    pub(crate) fn in_scope(&self, engine: &[u8], context: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        ber::push_with(&mut out, TYPE_SEQUENCE, |out| {
            ber::push(out, TYPE_OCTETSTRING, engine);
            ber::push(out, TYPE_OCTETSTRING, context);
            self.push(out);
        });
        out
    }
}

/// What of a message of version 3 its sender chooses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct V3Header<'a> {
    pub(crate) id: i64,
    pub(crate) flags: u8,
    pub(crate) engine: &'a [u8],
    pub(crate) boots: u32,
    pub(crate) time: u32,
    pub(crate) user: &'a [u8],
    /// Octets to leave zeroed for the digest.
    pub(crate) digest_length: usize,
    pub(crate) salt: &'a [u8],
}

impl V3Header<'_> {
    /// Writes the message around `data`: a scoped PDU, or the octet string that holds it encrypted.
    pub(crate) fn message(&self, data: &[u8]) -> Vec<u8> {
        let mut security = Vec::new();
        ber::push_with(&mut security, TYPE_SEQUENCE, |out| {
            ber::push(out, TYPE_OCTETSTRING, self.engine);
            ber::push_unsigned(out, TYPE_INTEGER, self.boots.into());
            ber::push_unsigned(out, TYPE_INTEGER, self.time.into());
            ber::push(out, TYPE_OCTETSTRING, self.user);
            ber::push(out, TYPE_OCTETSTRING, &vec![0; self.digest_length]);
            ber::push(out, TYPE_OCTETSTRING, self.salt);
        });
        let mut out = Vec::new();
        ber::push_with(&mut out, TYPE_SEQUENCE, |out| {
            ber::push_signed(out, TYPE_INTEGER, 3);
            ber::push_with(out, TYPE_SEQUENCE, |out| {
                ber::push_signed(out, TYPE_INTEGER, self.id);
                ber::push_unsigned(out, TYPE_INTEGER, MAX_MESSAGE as u64);
                ber::push(out, TYPE_OCTETSTRING, &[self.flags]);
                ber::push_signed(out, TYPE_INTEGER, USM);
            });
            ber::push(out, TYPE_OCTETSTRING, &security);
            out.extend_from_slice(data);
        });
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A GETNEXT of version 2c as net-snmp 5.9.3 sends it (`snmpgetnext -d`, its request id shortened).
    const GET_NEXT: [u8; 38] = [
        0x30, 0x24, 2, 1, 1, 4, 6, b'p', b'u', b'b', b'l', b'i', b'c', 0xa1, 0x17, 2, 1, 0x4d, 2, 1, 0, 2, 1,
        0, 0x30, 0x0c, 0x30, 0x0a, 6, 6, 0x2b, 6, 1, 2, 1, 1, 5, 0,
    ];

    #[test]
    fn reads_a_request() {
        let Ok(Message::Community { version: 1, community: b"public", pdu }) = Message::decode(&GET_NEXT)
        else {
            panic!("{:?}", Message::decode(&GET_NEXT));
        };
        let request = Request::decode(pdu).unwrap();
        assert_eq!((request.tag, request.id), (snmp::MSG_GET_NEXT, 0x4d));
        assert_eq!(request.names, ["1.3.6.1.2.1.1".parse().unwrap()]);
    }

    /// Any cut or changed octet is an error or another message, never a panic.
    #[test]
    fn damaged_requests() {
        for length in 0..GET_NEXT.len() {
            assert!(Message::decode(&GET_NEXT[..length]).is_err());
        }
        for position in 0..GET_NEXT.len() {
            for octet in 0..=255 {
                let mut damaged = GET_NEXT;
                damaged[position] = octet;
                if let Ok(Message::Community { pdu, .. }) = Message::decode(&damaged) {
                    let _ = Request::decode(pdu);
                }
            }
        }
    }

    /// What is written is read back by `snmp2`, the codec of another hand.
    #[test]
    fn snmp2_reads_a_response() {
        let mut bindings = Vec::new();
        push_binding(&mut bindings, &"1.3.6.1.2.1.1.3.0".parse().unwrap(), &Value::TimeTicks(200));
        let pdu = Pdu { tag: snmp::MSG_RESPONSE, id: -5, error_status: 5, error_index: 1, bindings };
        let message = pdu.in_community(1, b"public");
        let read = snmp2::Pdu::from_bytes(&message).unwrap();
        assert_eq!((read.req_id, read.error_status, read.error_index), (-5, 5, 1));
        assert_eq!(read.community, b"public");
        let shown = format!("{:?}", read.varbinds);
        assert_eq!(shown, "Varbinds { 1.3.6.1.2.1.1.3.0: \"TIMETICKS: 200\" }");
    }

    #[test]
    fn version_3_is_read_as_written() {
        let header = V3Header {
            id: 70_000,
            flags: 3,
            engine: &[0x80, 1, 2, 3, 4],
            boots: 3,
            time: 1_000,
            user: b"ops",
            digest_length: 24,
            salt: &[9; 8],
        };
        let mut data = Vec::new();
        ber::push(&mut data, TYPE_OCTETSTRING, b"encrypted");
        let message = header.message(&data);
        let Message::V3(read) = Message::decode(&message).unwrap() else { panic!() };
        assert_eq!((read.id, read.boots, read.time, read.user), (70_000, 3, 1_000, b"ops".as_slice()));
        assert_eq!((&message[read.digest.clone()], read.salt), ([0; 24].as_slice(), [9; 8].as_slice()));
        assert_eq!(read.data, Element { tag: TYPE_OCTETSTRING, content: b"encrypted" });
    }
}
