//! RMCP and RMCP+ packets (sections 13.1, 13.2, 13.6 and 13.28 to 13.29).

use super::crypto::{BLOCK, Keys};
use crate::driver::ipmi::bytes::Reader;

/// RMCP 1.0, no acknowledgement wanted, class IPMI.
const RMCP: [u8; 4] = [0x06, 0x00, 0xff, 0x07];

/// Version and class of ASF, which has the presence ping.
const ASF: [u8; 4] = [0x06, 0x00, 0xff, 0x06];

/// The enterprise number of ASF, which begins its messages, and their types.
const ASF_ENTERPRISE: [u8; 4] = [0, 0, 0x11, 0xbe];
const PRESENCE_PING: u8 = 0x80;
const PRESENCE_PONG: u8 = 0x40;

/// Session header of IPMI 1.5 without authentication: type, sequence, session.
const LEGACY: [u8; 9] = [0; 9];

/// Authentication type that announces an RMCP+ session header.
const RMCP_PLUS: u8 = 0x06;

/// Payload type of an IPMI message, encrypted and authenticated.
const SEALED: u8 = 0xc0;

/// Most bytes around the payload: headers of RMCP and of the session, trailer and integrity code.
const MAX_FRAME: usize = 40;

/// Next header, which ends what is authenticated.
const NEXT_HEADER: u8 = 0x07;

/// Payloads of the login (table 13-16).
pub(crate) const OPEN_REQUEST: u8 = 0x10;
pub(crate) const OPEN_RESPONSE: u8 = 0x11;
pub(crate) const RAKP_1: u8 = 0x12;
pub(crate) const RAKP_2: u8 = 0x13;
pub(crate) const RAKP_3: u8 = 0x14;
pub(crate) const RAKP_4: u8 = 0x15;

/// A packet as it came, nothing of it proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packet<'a> {
    /// ASF presence pong, with the tag of its ping.
    Pong(u8),
    /// IPMI 1.5 outside of a session.
    Legacy(&'a [u8]),
    /// RMCP+ outside of a session: payload type and payload.
    Open(u8, &'a [u8]),
    /// Claims to belong to the session with this id: everything that follows the RMCP header.
    Sealed(u32, &'a [u8]),
}

impl<'a> Packet<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let [version, _, _, class] = reader.array()?;
        match (version, class) {
            (0x06, 0x06) => return pong(reader),
            (0x06, 0x07) => {}
            _ => return None,
        }
        let inner = reader.rest();
        let kind = reader.u8()?;
        if kind == 0 {
            let _sequence_and_session: [u8; 8] = reader.array()?;
            let length = reader.u8()?;
            return reader.take(length.into()).map(Packet::Legacy);
        }
        let payload = reader.u8()?;
        let session = reader.u32()?;
        if kind != RMCP_PLUS {
            return None;
        }
        if payload == SEALED {
            return Some(Packet::Sealed(session, inner));
        }
        let _sequence = reader.u32()?;
        let length = reader.u16()?;
        reader.take(length.into()).map(|body| Packet::Open(payload, body))
    }

    /// The session of this console that the packet claims to belong to, for finding who waits for it.
    pub(crate) fn console(&self) -> Option<u32> {
        match self {
            Self::Pong(_) | Self::Legacy(_) => None,
            Self::Sealed(session, _) => Some(*session),
            Self::Open(_, payload) => {
                let mut reader = Reader::new(payload);
                reader.u32()?;
                reader.u32()
            }
        }
    }
}

/// Asks whether anything is there (ASF presence ping, section 13.2.3).
pub(crate) fn ping(tag: u8) -> Vec<u8> {
    [&ASF[..], &ASF_ENTERPRISE, &[PRESENCE_PING, tag, 0, 0]].concat()
}

/// What answers a ping (section 13.2.4): its tag, and whether IPMI is supported is not believed either way.
fn pong(mut reader: Reader<'_>) -> Option<Packet<'_>> {
    let enterprise: [u8; 4] = reader.array()?;
    let [kind, tag, _, length] = reader.array()?;
    reader.take(length.into())?;
    (enterprise == ASF_ENTERPRISE && kind == PRESENCE_PONG).then_some(Packet::Pong(tag))
}

/// A message in IPMI 1.5's form, outside of a session.
pub(crate) fn legacy(message: &[u8]) -> Vec<u8> {
    let mut packet = [&RMCP[..], &LEGACY].concat();
    packet.push(u8::try_from(message.len()).unwrap_or(u8::MAX));
    packet.extend_from_slice(message);
    packet
}

/// A payload of the login.
pub(crate) fn open(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = [&RMCP[..], &[RMCP_PLUS, kind], &[0; 8]].concat();
    packet.extend_from_slice(&length(payload));
    packet.extend_from_slice(payload);
    packet
}

fn length(payload: &[u8]) -> [u8; 2] {
    u16::try_from(payload.len()).unwrap_or(u16::MAX).to_le_bytes()
}

/// A message within a session: encrypted, padded, and with its integrity code.
pub(crate) fn seal(
    keys: &Keys,
    session: u32,
    sequence: u32,
    iv: &[u8; BLOCK],
    message: &[u8],
) -> Option<Vec<u8>> {
    let plain = message.len().checked_add(1)?.next_multiple_of(BLOCK);
    let length = u16::try_from(plain.checked_add(BLOCK)?).ok()?;
    let mut packet = Vec::with_capacity(usize::from(length).checked_add(MAX_FRAME)?);
    packet.extend(RMCP);
    packet.extend([RMCP_PLUS, SEALED]);
    packet.extend(session.to_le_bytes());
    packet.extend(sequence.to_le_bytes());
    packet.extend(length.to_le_bytes());
    packet.extend(iv);
    let start = packet.len();
    packet.extend(message);
    let padding = u8::try_from(plain.checked_sub(message.len())?.checked_sub(1)?).ok()?;
    packet.extend(1..=padding);
    packet.push(padding);
    keys.encrypt(iv, packet.get_mut(start..)?)?;
    // What is authenticated, with the two bytes of the trailer, is a multiple of four.
    let covered = packet.len().checked_add(2)?.checked_sub(RMCP.len())?;
    let padding = covered.next_multiple_of(4).checked_sub(covered)?;
    packet.resize(packet.len().checked_add(padding)?, 0xff);
    packet.extend([u8::try_from(padding).ok()?, NEXT_HEADER]);
    keys.sign(&mut packet, RMCP.len());
    Some(packet)
}

/// Sequence number and message of a sealed packet; `None` unless its integrity code is right.
pub(crate) fn unseal(keys: &Keys, sealed: &[u8]) -> Option<(u32, Vec<u8>)> {
    let covered = sealed.len().checked_sub(keys.code_length())?;
    let (covered, code) = sealed.split_at_checked(covered)?;
    if !keys.proves(covered, code) {
        return None;
    }
    let mut reader = Reader::new(covered);
    let [_, kind] = reader.array()?;
    let _session = reader.u32()?;
    let sequence = reader.u32()?;
    let length = reader.u16()?;
    let mut payload = Reader::new(reader.take(length.into())?);
    if kind != SEALED {
        return None;
    }
    let iv = payload.array()?;
    let mut message = keys.decrypt(&iv, payload.rest())?;
    let padding = usize::from(message.pop()?);
    let length = message.len().checked_sub(padding).filter(|_| padding < BLOCK)?;
    message.truncate(length);
    Some((sequence, message))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::driver::ipmi::wire::crypto::Suite;

    fn keys(suite: Suite) -> Keys {
        Keys::derive(suite, &[7; 20]).unwrap()
    }

    #[test]
    fn a_pong_is_known_by_its_tag() {
        // As FreeIPMI's ipmiping sends and expects them.
        assert_eq!(ping(7), [0x06, 0, 0xff, 0x06, 0, 0, 0x11, 0xbe, 0x80, 7, 0, 0]);
        let head = [0x06, 0, 0xff, 0x06, 0, 0, 0x11, 0xbe, 0x40, 7, 0, 16];
        let pong = [&head[..], &[0, 0, 0x11, 0xbe, 0, 0, 0, 0, 0x81, 0, 0, 0, 0, 0, 0, 0]].concat();
        assert_eq!(Packet::parse(&pong), Some(Packet::Pong(7)));
        assert!((0..pong.len()).all(|length| Packet::parse(&pong[..length]).is_none()));
        assert_eq!(Packet::parse(&ping(7)), None);
    }

    #[test]
    fn a_flipped_bit_anywhere_is_noticed() {
        for suite in [Suite::Sha256, Suite::Sha1] {
            let packet = seal(&keys(suite), 5, 9, &[3; 16], b"message").unwrap();
            let Some(Packet::Sealed(5, sealed)) = Packet::parse(&packet) else { panic!("{packet:?}") };
            assert_eq!(unseal(&keys(suite), sealed), Some((9, b"message".to_vec())));
            for bit in 0..sealed.len() * 8 {
                let mut forged = sealed.to_vec();
                forged[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(unseal(&keys(suite), &forged), None, "bit {bit}");
            }
        }
    }

    proptest! {
        #[test]
        fn messages_of_every_length_come_through(message in prop::collection::vec(any::<u8>(), 0..200)) {
            let packet = seal(&keys(Suite::Sha1), 1, 2, &[0; 16], &message).unwrap();
            let Some(Packet::Sealed(_, sealed)) = Packet::parse(&packet) else { panic!("{packet:?}") };
            prop_assert_eq!(unseal(&keys(Suite::Sha1), sealed), Some((2, message)));
        }

        #[test]
        fn garbage_and_every_truncation_are_dropped(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let packet = seal(&keys(Suite::Sha256), 1, 2, &[0; 16], &bytes).unwrap();
            for length in 0..packet.len() {
                if let Some(Packet::Sealed(_, sealed)) = Packet::parse(&packet[..length]) {
                    prop_assert_eq!(unseal(&keys(Suite::Sha256), sealed), None);
                }
            }
            let _ = Packet::parse(&bytes).map(|packet| packet.console());
            let _ = Packet::parse(&[&RMCP[..], &bytes].concat()).map(|packet| packet.console());
            let mut signed = bytes.clone();
            keys(Suite::Sha1).sign(&mut signed, 0);
            let _ = unseal(&keys(Suite::Sha1), &signed);
        }
    }
}
