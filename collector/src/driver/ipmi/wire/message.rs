//! IPMI LAN messages (section 13.8): requests from this program, and what comes back.

use crate::driver::ipmi::bytes::Reader;

/// Address of a BMC.
const BMC: u8 = 0x20;

/// Address of remote console software.
const CONSOLE: u8 = 0x81;

/// rqSeq has six bits.
const SEQUENCES: u8 = 64;

/// A command for the BMC itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Network function, without LUN.
    pub(crate) netfn: u8,
    pub(crate) lun: u8,
    pub(crate) command: u8,
    pub(crate) data: Vec<u8>,
}

impl Request {
    pub(crate) fn new(netfn: u8, command: u8, data: &[u8]) -> Self {
        Self { netfn, lun: 0, command, data: data.to_vec() }
    }

    /// As a message. `sequence` finds its reply.
    pub(crate) fn encode(&self, sequence: u8) -> Vec<u8> {
        let mut message = vec![BMC, self.netfn << 2 | self.lun & 3];
        message.push(checksum(&message));
        let mut body = vec![CONSOLE, sequence << 2, self.command];
        body.extend_from_slice(&self.data);
        body.push(checksum(&body));
        message.append(&mut body);
        message
    }
}

/// The number after `sequence`.
pub(crate) const fn next_sequence(sequence: u8) -> u8 {
    sequence.wrapping_add(1) % SEQUENCES
}

/// What a BMC answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) sequence: u8,
    pub(crate) netfn: u8,
    pub(crate) command: u8,
    /// Completion code: 0 is success (table 5-2).
    pub(crate) code: u8,
    pub(crate) data: Vec<u8>,
    /// Whether both checksums are right. Some BMCs send wrong ones; in a session integrity is checked anyway.
    pub(crate) sound: bool,
}

impl Reply {
    /// From a message; `None` if it is no reply to this console.
    pub(crate) fn decode(message: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(message);
        let [to, netfn, _, _, sequence, command, code] = reader.array()?;
        let (_, data) = reader.rest().split_last()?;
        if to != CONSOLE || netfn >> 2 & 1 == 0 {
            return None;
        }
        let sum = |bytes: &[u8]| bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        let (head, body) = message.split_at_checked(3)?;
        let sound = sum(head) == 0 && sum(body) == 0;
        let (sequence, netfn) = (sequence >> 2, netfn >> 2);
        Some(Self { sequence, netfn, command, code, data: data.to_vec(), sound })
    }

    /// Whether this is the reply to a request that was sent under one of `sequences`.
    pub(crate) fn answers(&self, request: &Request, sequences: &[u8]) -> bool {
        self.netfn == request.netfn | 1
            && self.command == request.command
            && sequences.contains(&self.sequence)
    }
}

/// Two's complement of the sum.
fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_written_as_ipmitool_writes_it() {
        // Get Channel Authentication Capabilities, as ipmitool -vvv prints it.
        let request = Request::new(6, 0x38, &[0x8e, 0x04]);
        assert_eq!(request.encode(0), [0x20, 0x18, 0xc8, 0x81, 0x00, 0x38, 0x8e, 0x04, 0xb5]);
    }

    #[test]
    fn a_reply_is_told_from_what_is_none() {
        let mut message = vec![0x81, 0x1c, 0x63, 0x20, 0x04, 0x01, 0x00, 0xaa];
        message.push(checksum(&message[3..]));
        let reply = Reply::decode(&message).unwrap();
        assert_eq!((reply.sequence, reply.data.as_slice(), reply.sound), (1, &[0xaa][..], true));
        let request = Request::new(6, 1, &[]);
        assert!(reply.answers(&request, &[0, 1]));
        assert!(!reply.answers(&request, &[2]));
        assert!(!reply.answers(&Request::new(6, 2, &[]), &[1]));
        message[7] = 0xab;
        assert!(!Reply::decode(&message).unwrap().sound);
        message[1] = 0x18;
        assert_eq!(Reply::decode(&message), None);
        assert!((0..8).all(|length| Reply::decode(&message[..length.min(7)]).is_none()));
    }
}
