//! The driver that a target's protocol calls for: an explicit `match`, no registry.

use std::sync::Arc;

use model::{PollError, ReportBuilder};

use super::Driver;
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
    /// A target that cannot be polled as it is configured: it stays visible, and says why.
    Unusable(PollError),
}

impl AnyDriver {
    /// The driver for a target. Asks the device nothing yet.
    pub fn new(common: &Common, target: &Arc<Target>) -> Self {
        let target = Arc::clone(target);
        let driver = match target.protocol {
            Protocol::Snmp => SnmpDriver::new(Arc::clone(&common.snmp), target, Arc::clone(&common.profiles))
                .map(|driver| Self::Snmp(Box::new(driver))),
            Protocol::Redfish => {
                RedfishDriver::new(&common.redfish, target).map(|driver| Self::Redfish(Box::new(driver)))
            }
            Protocol::Ipmi => {
                IpmiDriver::new(Arc::clone(&common.ipmi), target).map(|driver| Self::Ipmi(Box::new(driver)))
            }
        };
        driver.unwrap_or_else(Self::Unusable)
    }
}

impl Driver for AnyDriver {
    async fn poll(&mut self, report: &mut ReportBuilder) -> Result<(), PollError> {
        match self {
            Self::Snmp(driver) => driver.poll(report).await,
            Self::Redfish(driver) => driver.poll(report).await,
            Self::Ipmi(driver) => driver.poll(report).await,
            Self::Unusable(error) => Err(error.clone()),
        }
    }

    async fn close(&mut self) {
        match self {
            Self::Snmp(driver) => driver.close().await,
            Self::Redfish(driver) => driver.close().await,
            Self::Ipmi(driver) => driver.close().await,
            Self::Unusable(_) => {}
        }
    }
}
