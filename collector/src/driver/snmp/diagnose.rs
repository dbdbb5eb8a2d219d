//! What is behind an address that doesn't answer: a second look, for the words of the error.
//!
//! The shared socket cannot tell a closed port from silence, and an agent stays silent on a wrong
//! community just as a dead one does. So a socket of its own, connected and short-lived, sends one
//! engine discovery (RFC 3414, section 4): every agent may ignore it, an SNMPv3 agent answers it
//! whatever its communities are, and a host without an agent refuses it (ICMP port unreachable).
//! Never carries a secret.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;

/// Longest wait for the answer to the second look.
const PATIENCE: Duration = Duration::from_secs(2);

/// Room for the answer, in octets. A report takes about 100.
const ANSWER: usize = 1472;

/// SNMPv3 engine discovery: a GET of nothing, without user, for an unknown engine; reportable, with
/// message id and request id 1 and a maximum size of 1472 (RFC 3412, section 6; RFC 3414, section 2.4).
const DISCOVERY: &[u8] = &[
    0x30, 0x37, 0x02, 0x01, 0x03, // message, version 3
    0x30, 0x0d, 0x02, 0x01, 0x01, 0x02, 0x02, 0x05, 0xc0, 0x04, 0x01, 0x04, 0x02, 0x01, 0x03, // header
    0x04, 0x10, 0x30, 0x0e, 0x04, 0x00, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00, 0x04,
    0x00, // security parameters, all empty
    0x30, 0x11, 0x04, 0x00, 0x04, 0x00, // scoped PDU: no engine, no context
    0xa0, 0x0b, 0x02, 0x01, 0x01, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00, 0x30, 0x00, // GET
];

/// What the second look found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// Nothing came back.
    Silent,
    /// The host says that nothing listens there, or a router that there is no way to it.
    Refused,
    /// An SNMP agent is there.
    Agent,
    /// Something is there that doesn't speak SNMP.
    Garbage,
}

/// Takes the second look.
pub(super) async fn look(peer: SocketAddr, timeout: Duration) -> Finding {
    match tokio::time::timeout(timeout.min(PATIENCE), exchange(peer)).await {
        Ok(Ok(finding)) => finding,
        // Windows reports a closed port as a reset connection.
        Ok(Err(error)) => match error.kind() {
            std::io::ErrorKind::ConnectionRefused
            | std::io::ErrorKind::ConnectionReset
            | std::io::ErrorKind::HostUnreachable
            | std::io::ErrorKind::NetworkUnreachable => Finding::Refused,
            _ => Finding::Silent,
        },
        Err(_) => Finding::Silent,
    }
}

async fn exchange(peer: SocketAddr) -> std::io::Result<Finding> {
    let any = match peer.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(peer).await?;
    socket.send(DISCOVERY).await?;
    let mut buffer = [0; ANSWER];
    let length = socket.recv(&mut buffer).await?;
    let answer = buffer.get(..length).unwrap_or_default();
    Ok(if is_message(answer) { Finding::Agent } else { Finding::Garbage })
}

/// Whether a datagram is a SEQUENCE of just its length that begins with a version (RFC 3412, section 6).
fn is_message(datagram: &[u8]) -> bool {
    let (length, body) = match datagram {
        [0x30, 0x81, length, body @ ..] => (usize::from(*length), body),
        [0x30, 0x82, high, low, body @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), body),
        [0x30, length @ 0..=0x7f, body @ ..] => (usize::from(*length), body),
        _ => return false,
    };
    body.len() == length && matches!(body, [0x02, 0x01, 0..=3, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_discovery_message_is_well_formed() {
        // Lengths by position: the message, its header, the security parameters, the scoped PDU, the GET.
        for (at, end) in [(1, 57), (6, 20), (21, 38), (23, 38), (39, 57), (45, 57)] {
            assert_eq!(at + 1 + usize::from(DISCOVERY[at]), end, "length at {at}");
        }
    }

    #[test]
    fn half_a_message_is_none() {
        assert!(is_message(DISCOVERY));
        for length in 0..DISCOVERY.len() {
            assert!(!is_message(&DISCOVERY[..length]));
        }
    }

    #[tokio::test]
    async fn a_closed_port_is_told_from_a_silent_and_a_babbling_one() {
        let timeout = Duration::from_millis(300);
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        assert_eq!(look(silent.local_addr().unwrap(), timeout).await, Finding::Silent);

        let closed = mocks::ports::reserve().unwrap();
        assert_eq!(look(closed, timeout).await, Finding::Refused);

        let babbling = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = babbling.local_addr().unwrap();
        let answer = tokio::spawn(async move {
            let (_, from) = babbling.recv_from(&mut [0; 256]).await.unwrap();
            babbling.send_to(b"HTTP/1.1 400 Bad Request", from).await.unwrap();
        });
        assert_eq!(look(address, Duration::from_secs(10)).await, Finding::Garbage);
        answer.await.unwrap();
    }
}
