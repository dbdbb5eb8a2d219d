//! A listener between the library and the socket: sees the answers that the library rejects.
//!
//! The library waits on after an answer that it cannot take, so a wrong password, a replaced device
//! and a broken agent would all look like silence. Here the exchange ends at once with what the answer
//! says. Reports are not authenticated (RFC 3414, section 3.2): they only choose the error and whether
//! to discover the engine again, never what is trusted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use async_snmp::{Candidate, Error, ReceiveLimits, RequestRegistration, Transport, UdpHandle};
use bytes::Bytes;

use super::error::UsmReport;

/// `usmStats` (1.3.6.1.6.3.15.1.1) as the bytes of an encoded OID: the counter's arc and `.0` follow.
const USM_STATS: [u8; 8] = [0x2b, 6, 1, 6, 3, 15, 1, 1];

/// A way to one peer, which remembers why the last exchange ended.
#[derive(Clone)]
pub(super) struct Tap {
    handle: UdpHandle,
    /// Arc of the `usmStats` counter in the last rejected report; 0 for none.
    report: Arc<AtomicU8>,
}

impl Tap {
    pub(super) fn new(handle: UdpHandle) -> Self {
        Self { handle, report: Arc::default() }
    }

    /// The report that ended an exchange, once.
    pub(super) fn take_report(&self) -> Option<UsmReport> {
        UsmReport::from_arc(self.report.swap(0, Ordering::Relaxed))
    }
}

impl Transport for Tap {
    async fn send(&self, data: &[u8]) -> async_snmp::Result<()> {
        self.handle.send(data).await
    }

    async fn request_with<T, F>(
        &self,
        data: &[u8],
        registration: RequestRegistration,
        mut validate: F,
    ) -> async_snmp::Result<T>
    where
        T: Send,
        F: FnMut(Bytes, SocketAddr) -> async_snmp::Result<Candidate<T>> + Send,
    {
        let peer = self.handle.peer_addr();
        self.handle
            .request_with(data, registration, |answer, source| {
                let verdict = validate(answer.clone(), source)?;
                if matches!(verdict, Candidate::Reject) && source == peer {
                    self.report.store(report_arc(&answer), Ordering::Relaxed);
                    return Err(Box::new(Error::MalformedResponse { target: peer }));
                }
                Ok(verdict)
            })
            .await
    }

    fn peer_addr(&self) -> SocketAddr {
        self.handle.peer_addr()
    }

    fn local_addr(&self) -> SocketAddr {
        self.handle.local_addr()
    }

    fn is_reliable(&self) -> bool {
        self.handle.is_reliable()
    }

    fn receive_limits(&self) -> ReceiveLimits {
        self.handle.receive_limits()
    }

    fn send_capacity(&self) -> usize {
        self.handle.send_capacity()
    }
}

/// The `usmStats` counter that a report names, by a plain search: the message need not be valid.
fn report_arc(message: &[u8]) -> u8 {
    message
        .windows(USM_STATS.len() + 2)
        .filter_map(|window| window.strip_prefix(&USM_STATS))
        .find_map(|rest| match rest {
            [arc @ 1..=6, 0] => Some(*arc),
            _ => None,
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_found_wherever_it_stands() {
        let mut message = vec![0x30, 0x40, 0x02, 0x01, 0x03];
        message.extend(USM_STATS);
        message.extend([5, 0, 0x41, 1, 9]);
        assert_eq!(report_arc(&message), 5);
        assert_eq!(report_arc(&message[..message.len() - 4]), 0);
        assert_eq!(report_arc(&[]), 0);
        assert_eq!(report_arc(&[0xff; 1500]), 0);
    }
}
