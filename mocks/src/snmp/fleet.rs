//! Many agents in one process.
//!
//! Agents share their recordings and options; each has its own socket, engine id and seed. A socket is a file
//! descriptor: thousands need `ulimit -n` above their number.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::agent::Agent;
use super::device::AgentOptions;
use super::faults::FaultRule;
use super::recording::Recording;

/// How a fleet's addresses follow from its first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Layout {
    /// One address, consecutive ports.
    Ports,
    /// Consecutive IPv4 addresses, such as 127.0.0.1 to 127.0.7.208, one port.
    Addresses,
}

/// Why a fleet cannot be bound.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// No recording to serve.
    #[error("a fleet needs a recording")]
    NoRecording,
    /// The addresses run past the last port or address, or are no IPv4.
    #[error("there are no {count} addresses from {first} on")]
    Addresses {
        /// The first address.
        first: SocketAddr,
        /// How many were wanted.
        count: usize,
    },
    /// An address cannot be bound.
    #[error("cannot listen on {address}; with many agents, raise `ulimit -n` above their number")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// Running agents. They stop when dropped.
#[derive(Debug)]
pub struct Fleet {
    agents: Vec<Agent>,
}

impl Fleet {
    /// Binds `count` agents from `first` on, each with the next of `recordings` in turn. Port 0 takes free ports.
    pub fn bind(
        first: SocketAddr,
        count: usize,
        layout: Layout,
        recordings: &[Arc<Recording>],
        options: AgentOptions,
    ) -> Result<Self, FleetError> {
        if recordings.is_empty() {
            return Err(FleetError::NoRecording);
        }
        let options = Arc::new(options);
        let agents = (0..count).zip(recordings.iter().cycle()).map(|(index, recording)| {
            let address = layout.address(first, index).ok_or(FleetError::Addresses { first, count })?;
            let seed = options.seed.wrapping_add(index as u64);
            Agent::bind_numbered(address, recording.clone(), options.clone(), seed)
                .map_err(|source| FleetError::Bind { address, source })
        });
        Ok(Self { agents: agents.collect::<Result<_, _>>()? })
    }

    /// The agents, in the order of their addresses.
    pub fn agents(&self) -> &[Agent] {
        &self.agents
    }

    /// Replaces the faults of every agent.
    pub fn set_faults(&self, faults: &[FaultRule]) {
        self.agents.iter().for_each(|agent| agent.set_faults(faults.to_vec()));
    }
}

impl Layout {
    /// The address of the agent with this index, if there is one so far from `first`.
    pub(crate) fn address(self, first: SocketAddr, index: usize) -> Option<SocketAddr> {
        match (self, first.ip()) {
            (Self::Ports, ip) if first.port() == 0 => Some(SocketAddr::new(ip, 0)),
            (Self::Ports, ip) => {
                Some(SocketAddr::new(ip, first.port().checked_add(u16::try_from(index).ok()?)?))
            }
            (Self::Addresses, IpAddr::V4(ip)) => {
                let bits = u32::from(ip).checked_add(u32::try_from(index).ok()?)?;
                Some(SocketAddr::new(Ipv4Addr::from(bits).into(), first.port()))
            }
            (Self::Addresses, IpAddr::V6(_)) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let first: SocketAddr = "127.0.0.1:1161".parse().unwrap();
        let at = |index, layout: Layout| layout.address(first, index).map(|address| address.to_string());
        assert_eq!(at(2_000, Layout::Ports).as_deref(), Some("127.0.0.1:3161"));
        assert_eq!(at(1_999, Layout::Addresses).as_deref(), Some("127.0.7.208:1161"));
        assert_eq!(at(65_000, Layout::Ports), None);
    }

    #[tokio::test]
    async fn a_port_in_use_is_named() {
        let held = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = held.local_addr().unwrap();
        let recordings = [Arc::new(Recording::default())];
        let error = Fleet::bind(address, 1, Layout::Ports, &recordings, AgentOptions::default()).unwrap_err();
        assert!(error.to_string().starts_with(&format!("cannot listen on {address}")));
    }
}
