//! The sockets: one UDP socket for IPv4 and one for IPv6, shared by all targets of the process.
//!
//! Answers find their request by its id (RFC 3416) or message id (RFC 3412), so a late answer to an
//! earlier request never takes the place of another one.

use std::net::SocketAddr;
use std::sync::Mutex;

use async_snmp::{DesSaltState, PersistedDesSaltState, UdpTransport};

use super::credentials::Keys;
use super::error::WireError;
use super::tap::Tap;

/// Receive buffer asked of the kernel, in bytes: thousands of answers may come in the same moment.
/// The kernel grants no more than `net.core.rmem_max`.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Largest message that is sent, and that v3 devices are told to answer with, in bytes: what an
/// Ethernet frame carries without fragments, which many firewalls drop.
const MESSAGE_SIZE: usize = 1472;

/// Everything that SNMP targets share. Made once per process.
pub struct Snmp {
    v4: UdpTransport,
    /// Absent where the host has no IPv6.
    v6: Option<UdpTransport>,
    pub(super) keys: Mutex<Keys>,
    pub(super) des: DesSaltState,
}

/// Datagrams since the start, over both sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Answers that belonged to a request.
    pub answers: u64,
    /// Requests that were given up.
    pub expired: u64,
    /// Answers that came late, twice, or to nobody.
    pub discarded: u64,
    /// Datagrams that are no SNMP.
    pub malformed: u64,
}

impl Snmp {
    /// Opens the sockets. `epoch` makes DES salts differ from those of earlier runs (RFC 3414, section
    /// 8.1.1.1): the seconds since 1970 will do.
    ///
    /// # Errors
    /// No IPv4 socket could be opened.
    pub async fn bind(epoch: u64) -> Result<Self, std::io::Error> {
        let v4 = socket("0.0.0.0:0").await.map_err(std::io::Error::other)?;
        let v6 = match socket("[::]:0").await {
            Ok(socket) => Some(socket),
            Err(error) => {
                tracing::info!(%error, "no IPv6 socket for SNMP: targets with IPv6 addresses cannot be polled");
                None
            }
        };
        let des = des_salts(epoch).map_err(std::io::Error::other)?;
        Ok(Self { v4, v6, keys: Mutex::default(), des })
    }

    /// What the sockets have seen.
    pub fn stats(&self) -> Stats {
        let mut sum = Stats::default();
        for socket in std::iter::once(&self.v4).chain(&self.v6) {
            let seen = socket.stats();
            sum.answers = sum.answers.saturating_add(seen.correlated_datagrams);
            sum.expired = sum.expired.saturating_add(seen.expired_registrations);
            sum.discarded = sum.discarded.saturating_add(seen.discarded_datagrams);
            sum.malformed = sum.malformed.saturating_add(seen.malformed_datagrams);
        }
        sum
    }

    /// Whether this host has a socket of the address's family.
    pub(super) fn reaches(&self, peer: SocketAddr) -> bool {
        peer.is_ipv4() || self.v6.is_some()
    }

    /// A way to one peer.
    pub(super) fn tap(&self, peer: SocketAddr) -> Result<Tap, WireError> {
        let socket = match &self.v6 {
            Some(v6) if peer.is_ipv6() => v6,
            _ => &self.v4,
        };
        let handle = socket.handle(peer).map_err(|_| WireError::Unreachable {
            address: peer.to_string(),
            detail: "this host has no IPv6: give the target an IPv4 address".into(),
        })?;
        Ok(Tap::new(handle))
    }
}

async fn socket(bind: &str) -> async_snmp::Result<UdpTransport> {
    UdpTransport::builder()
        .bind(bind)
        .max_message_size(MESSAGE_SIZE)
        .recv_buffer_size(RECEIVE_BUFFER)
        .warn_on_source_mismatch(false)
        .build()
        .await
}

/// The state that DES salts come from. It isn't stored: an epoch that grows with time does not repeat.
fn des_salts(epoch: u64) -> Result<DesSaltState, async_snmp::DesSaltStateError> {
    const EPOCHS: u64 = 1 << 30;
    let boots = u32::try_from(epoch % EPOCHS).unwrap_or(0).saturating_add(1);
    let previous = PersistedDesSaltState::new(boots)?;
    DesSaltState::restart(previous, |_| Ok::<(), std::io::Error>(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn des_epochs_grow_with_time_and_never_fail() {
        let boots = |epoch| des_salts(epoch).unwrap().engine_boots();
        assert!(boots(1_795_000_001) > boots(1_795_000_000) || boots(1_795_000_001) == 2);
        for epoch in [0, 1, u64::MAX, (1 << 30) - 1, 1 << 30] {
            assert!(boots(epoch) >= 2);
        }
    }
}
