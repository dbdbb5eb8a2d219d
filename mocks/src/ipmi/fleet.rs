//! Many BMCs in one process.
//!
//! They share what they are and how they are asked; each has its own socket, sessions and seed. A socket is a
//! file descriptor: thousands need `ulimit -n` above their number.

use std::net::SocketAddr;
use std::sync::Arc;

use super::agent::Agent;
use super::bmc::Bmc;
use super::device::Shared;
use super::faults::FaultRule;
use super::options::BmcOptions;
use crate::snmp::{FleetError, Layout};

/// Running BMCs. They stop when dropped.
#[derive(Debug)]
pub struct Fleet {
    agents: Vec<Agent>,
}

impl Fleet {
    /// Binds `count` BMCs from `first` on. Port 0 takes free ports.
    pub fn bind(
        first: SocketAddr,
        count: usize,
        layout: Layout,
        bmc: Bmc,
        options: BmcOptions,
    ) -> Result<Self, FleetError> {
        let seed = options.seed;
        let shared = Arc::new(Shared::new(bmc, options));
        let agents = (0..count).map(|index| {
            let address = layout.address(first, index).ok_or(FleetError::Addresses { first, count })?;
            Agent::bind_numbered(address, shared.clone(), seed.wrapping_add(index as u64))
                .map_err(|source| FleetError::Bind { address, source })
        });
        Ok(Self { agents: agents.collect::<Result<_, _>>()? })
    }

    /// The BMCs, in the order of their addresses.
    pub fn agents(&self) -> &[Agent] {
        &self.agents
    }

    /// Replaces the faults of every BMC.
    pub fn set_faults(&self, faults: &[FaultRule]) {
        self.agents.iter().for_each(|agent| agent.set_faults(faults.to_vec()));
    }
}
