//! Packets: RMCP, ASF presence, the session headers of IPMI 1.5 and 2.0, and IPMI messages.
//!
//! IPMI 2.0 rev 1.1 sections 13.1.3 (RMCP header), 13.2 (ASF presence ping and pong), 13.6 (session header and
//! trailer), 13.8 (LAN messages). Keeps no state and knows no keys but those given.

use super::keys::SessionKeys;

/// RMCP version 1.0, reserved, no acknowledgement asked for.
const RMCP: [u8; 3] = [0x06, 0x00, 0xff];
const CLASS_ASF: u8 = 0x06;
const CLASS_IPMI: u8 = 0x07;
/// Octets of an RMCP header.
const RMCP_LENGTH: usize = 4;

/// Authentication types of the session header, table 13-8.
const NO_AUTHENTICATION: u8 = 0x00;
const RMCP_PLUS: u8 = 0x06;

/// What closes the covered part of an RMCP+ packet.
const NEXT_HEADER: u8 = 0x07;

/// Flags of a payload type.
const ENCRYPTED: u8 = 0x80;
const AUTHENTICATED: u8 = 0x40;

/// Payload types, table 13-16.
pub(crate) const PAYLOAD_IPMI: u8 = 0x00;
pub(crate) const OPEN_SESSION_REQUEST: u8 = 0x10;
pub(crate) const RAKP_1: u8 = 0x12;
pub(crate) const RAKP_3: u8 = 0x14;

/// Takes the next octets from the front.
pub(crate) fn take<const N: usize>(octets: &mut &[u8]) -> Option<[u8; N]> {
    let (front, rest) = octets.split_first_chunk()?;
    *octets = rest;
    Some(*front)
}

/// A packet as it came.
#[derive(Debug, PartialEq)]
pub(crate) enum Packet<'p> {
    /// An ASF presence ping with its tag.
    Ping(u8),
    /// An IPMI message outside of a session.
    Plain {
        /// Whether it came with the header of IPMI 2.0.
        plus: bool,
        message: &'p [u8],
    },
    /// A message that sets up a session.
    Setup { kind: u8, message: &'p [u8] },
    /// A packet within a session; `covered` begins with the authentication type.
    Session { session: u32, sequence: u32, covered: &'p [u8] },
}

impl<'p> Packet<'p> {
    /// Reads a datagram; `None` if it is no packet that a BMC looks at.
    pub(crate) fn decode(datagram: &'p [u8]) -> Option<Self> {
        let mut rest = datagram;
        let [version, _, _, class] = take(&mut rest)?;
        match (version, class) {
            (0x06, CLASS_ASF) => {
                let [0, 0, 0x11, 0xbe, 0x80, tag, _, _] = take(&mut rest)? else { return None };
                Some(Self::Ping(tag))
            }
            (0x06, CLASS_IPMI) => Self::decode_ipmi(rest),
            _ => None,
        }
    }

    fn decode_ipmi(packet: &'p [u8]) -> Option<Self> {
        let mut rest = packet;
        match take(&mut rest)? {
            [NO_AUTHENTICATION] => {
                let [.., length] = take::<9>(&mut rest)?;
                Some(Self::Plain { plus: false, message: rest.get(..length.into())? })
            }
            [RMCP_PLUS] => {
                let [kind] = take(&mut rest)?;
                let session = u32::from_le_bytes(take(&mut rest)?);
                let sequence = u32::from_le_bytes(take(&mut rest)?);
                let length = u16::from_le_bytes(take(&mut rest)?);
                let message = rest.get(..length.into())?;
                match (session, kind) {
                    (0, PAYLOAD_IPMI) => Some(Self::Plain { plus: true, message }),
                    (0, OPEN_SESSION_REQUEST | RAKP_1 | RAKP_3) => Some(Self::Setup { kind, message }),
                    // Suites 3 and 17 protect every packet: one without is not looked at.
                    (1.., kind) if kind == ENCRYPTED | AUTHENTICATED | PAYLOAD_IPMI => {
                        Some(Self::Session { session, sequence, covered: packet })
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// The pong to a ping with `tag`: IPMI is supported, ASF 1.0.
pub(crate) fn pong(tag: u8) -> Vec<u8> {
    let asf = [0, 0, 0x11, 0xbe, 0x40, tag, 0, 16];
    let data = [0, 0, 0x11, 0xbe, 0, 0, 0, 0, 0x81, 0, 0, 0, 0, 0, 0, 0];
    [&RMCP[..], &[CLASS_ASF], &asf, &data].concat()
}

/// A packet of IPMI 1.5 outside of a session.
pub(crate) fn plain(message: &[u8]) -> Vec<u8> {
    let mut packet = [&RMCP[..], &[CLASS_IPMI, NO_AUTHENTICATION], &[0; 8]].concat();
    packet.push(message.len().try_into().unwrap_or(u8::MAX));
    packet.extend_from_slice(message);
    packet
}

fn header(kind: u8, session: u32, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    let mut packet = [&RMCP[..], &[CLASS_IPMI, RMCP_PLUS, kind]].concat();
    packet.extend(session.to_le_bytes());
    packet.extend(sequence.to_le_bytes());
    packet.extend(length.to_le_bytes());
    packet.extend_from_slice(payload);
    packet
}

/// A packet of IPMI 2.0 outside of a session.
pub(crate) fn open(kind: u8, payload: &[u8]) -> Vec<u8> {
    header(kind, 0, 0, payload)
}

/// A packet within a session, with an encrypted payload.
pub(crate) fn sealed(keys: &SessionKeys, session: u32, sequence: u32, encrypted: &[u8]) -> Vec<u8> {
    let mut packet = header(ENCRYPTED | AUTHENTICATED | PAYLOAD_IPMI, session, sequence, encrypted);
    let length = packet.len() - RMCP_LENGTH + 2;
    let padding = length.next_multiple_of(4) - length;
    packet.extend(std::iter::repeat_n(0xff, padding));
    packet.push(padding.try_into().unwrap_or(0));
    packet.push(NEXT_HEADER);
    let code = keys.code(packet.get(RMCP_LENGTH..).unwrap_or_default());
    packet.extend(code);
    packet
}

/// The payload of a packet within a session, if its authentication code and padding are right.
pub(crate) fn unsealed(keys: &SessionKeys, covered: &[u8]) -> Option<Vec<u8>> {
    let mut rest = keys.verified(covered)?;
    take::<10>(&mut rest)?;
    let length = usize::from(u16::from_le_bytes(take(&mut rest)?));
    let (payload, trailer) = rest.split_at_checked(length)?;
    let [.., NEXT_HEADER] = trailer else { return None };
    keys.decrypt(payload)
}

/// An IPMI request.
#[derive(Debug, PartialEq)]
pub(crate) struct Request<'m> {
    pub(crate) net_fn: u8,
    pub(crate) command: u8,
    pub(crate) data: &'m [u8],
    responder: [u8; 2],
    requester: [u8; 2],
}

/// The octet that makes the sum of all zero.
pub(crate) fn checksum(octets: &[u8]) -> u8 {
    octets.iter().fold(0u8, |sum, octet| sum.wrapping_sub(*octet))
}

/// Gives a response the number of another request, with the checksum that belongs to it.
pub(crate) fn renumber(response: &mut [u8]) {
    let Some((_, [_, sequence, .., sum])) = response.split_at_mut_checked(3) else { return };
    let (old, new) = (*sequence, sequence.wrapping_add(0x40));
    *sequence = new;
    *sum = sum.wrapping_add(old).wrapping_sub(new);
}

impl<'m> Request<'m> {
    /// Reads a message; `None` if its checksums are wrong, or it is none or no request.
    pub(crate) fn decode(message: &'m [u8]) -> Option<Self> {
        let (head, tail) = message.split_at_checked(3)?;
        let [address, net_fn, _] = head else { return None };
        let [requester, sequence, command, data @ .., _] = tail else { return None };
        let right = checksum(head) == 0 && checksum(tail) == 0 && net_fn >> 2 & 1 == 0;
        right.then_some(Self {
            net_fn: net_fn >> 2,
            command: *command,
            data,
            responder: [*address, net_fn & 3],
            requester: [*requester, *sequence],
        })
    }

    /// The response: `outcome` is the completion code and what follows it.
    pub(crate) fn response(&self, outcome: &[u8]) -> Vec<u8> {
        let [requester, sequence] = self.requester;
        let [responder, lun] = self.responder;
        let mut head = vec![requester, (self.net_fn | 1) << 2 | sequence & 3];
        head.push(checksum(&head));
        let mut tail = vec![responder, sequence & 0xfc | lun, self.command];
        tail.extend_from_slice(outcome);
        tail.push(checksum(&tail));
        [head, tail].concat()
    }
}
