//! The driver that a target's protocol calls for: an explicit `match`, no registry.

use std::sync::Arc;

use model::{PollError, ReportBuilder};

use super::Driver;
use super::fallback::Pair;
use super::ipmi::Ipmi;
use super::ipmi::driver::IpmiDriver;
use super::redfish::driver::{Redfish, RedfishDriver};
use super::snmp::{Snmp, SnmpDriver};
use crate::profile::Profiles;
use crate::target::{Protocol, Target};

/// What drivers share: sockets, data, and the memory of refused logins.
#[derive(Clone)]
pub struct Common {
    /// The SNMP sockets.
    pub snmp: Arc<Snmp>,
    /// The device profiles.
    pub profiles: Arc<Profiles>,
    /// What Redfish drivers share.
    pub redfish: Arc<Redfish>,
    /// What IPMI drivers share.
    pub ipmi: Arc<Ipmi>,
}

/// A driver of any protocol.
pub enum AnyDriver {
    /// SNMP.
    Snmp(Box<SnmpDriver>),
    /// Redfish.
    Redfish(Box<RedfishDriver>),
    /// IPMI.
    Ipmi(Box<IpmiDriver>),
    /// Redfish, and IPMI while that is silent.
    RedfishOrIpmi(Box<Pair<RedfishDriver, IpmiDriver>>),
    /// IPMI, and Redfish while that is silent.
    IpmiOrRedfish(Box<Pair<IpmiDriver, RedfishDriver>>),
    /// A target that cannot be polled as it is configured: it stays visible, and says why.
    Unusable(PollError),
}

impl AnyDriver {
    /// The driver for a target. Asks the device nothing yet.
    pub fn new(common: &Common, target: &Arc<Target>) -> Self {
        let driver = match &target.fallback {
            Some(fallback) => Self::pair(common, target, fallback),
            None => Self::single(common, Arc::clone(target)),
        };
        driver.unwrap_or_else(Self::Unusable)
    }

    fn single(common: &Common, target: Arc<Target>) -> Result<Self, PollError> {
        Ok(match target.protocol {
            Protocol::Snmp => {
                let profiles = Arc::clone(&common.profiles);
                Self::Snmp(Box::new(SnmpDriver::new(Arc::clone(&common.snmp), target, profiles)?))
            }
            Protocol::Redfish => Self::Redfish(Box::new(RedfishDriver::new(&common.redfish, target)?)),
            Protocol::Ipmi => Self::Ipmi(Box::new(IpmiDriver::new(Arc::clone(&common.ipmi), target)?)),
        })
    }

    fn pair(common: &Common, target: &Arc<Target>, fallback: &Arc<Target>) -> Result<Self, PollError> {
        let redfish = |target| RedfishDriver::new(&common.redfish, half(target));
        let ipmi = |target| IpmiDriver::new(Arc::clone(&common.ipmi), half(target));
        Ok(match (target.protocol, fallback.protocol) {
            (Protocol::Redfish, Protocol::Ipmi) => {
                let pair = Pair::new(target, fallback, redfish(target)?, ipmi(fallback)?);
                Self::RedfishOrIpmi(Box::new(pair))
            }
            (Protocol::Ipmi, Protocol::Redfish) => {
                let pair = Pair::new(target, fallback, ipmi(target)?, redfish(fallback)?);
                Self::IpmiOrRedfish(Box::new(pair))
            }
            // The configuration makes no other.
            _ => Self::single(common, Arc::clone(target))?,
        })
    }
}

/// One of two protocols, which share the time of a poll.
fn half(target: &Target) -> Arc<Target> {
    let deadline = target.deadline / 2;
    Arc::new(Target { deadline, timeout: target.timeout.min(deadline), fallback: None, ..target.clone() })
}

impl Driver for AnyDriver {
    async fn poll(&mut self, report: &mut ReportBuilder) -> Result<(), PollError> {
        match self {
            Self::Snmp(driver) => driver.poll(report).await,
            Self::Redfish(driver) => driver.poll(report).await,
            Self::Ipmi(driver) => driver.poll(report).await,
            Self::RedfishOrIpmi(driver) => driver.poll(report).await,
            Self::IpmiOrRedfish(driver) => driver.poll(report).await,
            Self::Unusable(error) => Err(error.clone()),
        }
    }

    async fn close(&mut self) {
        match self {
            Self::Snmp(driver) => driver.close().await,
            Self::Redfish(driver) => driver.close().await,
            Self::Ipmi(driver) => driver.close().await,
            Self::RedfishOrIpmi(driver) => driver.close().await,
            Self::IpmiOrRedfish(driver) => driver.close().await,
            Self::Unusable(_) => {}
        }
    }
}
