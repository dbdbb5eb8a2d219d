//! A second protocol of a device: Redfish and IPMI stand in for each other. What may be said of it, and the
//! target that it makes.

use std::sync::Arc;

use model::Device;
use schemars::JsonSchema;
use serde::Deserialize;

use super::address::parse_address;
use super::file::Settings;
use super::flaw::Flaw;
use super::rules::{Rules, budget};
use crate::target::{Address, Credentials, Protocol, Target, Tls};

/// How else a device is polled.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Fallback {
    /// How the device is polled while its first protocol gives no answer.
    protocol: StandIn,
    /// Host name or IP address, where it is another one; with a port where it is not the protocol's own.
    #[schemars(length(min = 1), extend("x-expected" = "a host name or IP address"))]
    address: Option<String>,
    /// Name of the login below `credentials`, where it is another one.
    credentials: Option<String>,
}

/// Protocol of a fallback.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum StandIn {
    Redfish,
    Ipmi,
}

impl From<StandIn> for Fallback {
    /// At the address and with the login of the first protocol.
    fn from(protocol: StandIn) -> Self {
        Self { protocol, address: None, credentials: None }
    }
}

impl Fallback {
    pub(super) fn protocol(&self) -> Protocol {
        match self.protocol {
            StandIn::Redfish => Protocol::Redfish,
            StandIn::Ipmi => Protocol::Ipmi,
        }
    }

    /// Whether it can stand in for `first`.
    pub(super) fn fits(&self, first: Protocol) -> bool {
        match first {
            Protocol::Redfish => self.protocol == StandIn::Ipmi,
            Protocol::Ipmi => self.protocol == StandIn::Redfish,
            Protocol::Snmp => false,
        }
    }
}

/// The other way to a device.
pub(super) struct Way {
    protocol: Protocol,
    /// Nothing where it is the host of the first protocol.
    address: Option<Address>,
    credentials: Option<Credentials>,
    tls: Tls,
}

impl Rules {
    /// The way that a fallback says, if it fits the protocol: one that is a default is for targets that it fits.
    pub(super) fn fallback(&self, first: Protocol, said: &Settings, flaws: &mut Vec<Flaw>) -> Option<Way> {
        let fallback = said.fallback.as_ref().filter(|fallback| fallback.fits(first))?;
        let protocol = fallback.protocol();
        let address = fallback.address.as_ref().map(|text| parse_address(text, protocol.default_port()));
        let address = address.transpose().map_err(|error| {
            let help = "write a host name or IP address, or leave it out where it is the same";
            Flaw::new("fallback.address", error.to_string(), help)
        });
        let (own, shared) = (fallback.credentials.as_deref(), said.credentials.as_deref());
        let credentials = self.credentials(protocol, own.or(shared));
        if own.is_none() && credentials.is_err() && self.credentials(first, shared).is_err() {
            // Said of the first protocol already.
            return None;
        }
        let credentials = credentials.map_err(|flaw| Flaw { field: "fallback.credentials", ..flaw });
        let tls = self.tls(protocol, said.tls.as_ref());
        let mut keep = |flaw| flaws.push(flaw);
        let address = address.map_err(&mut keep);
        let credentials = credentials.map_err(&mut keep);
        let tls = tls.map_err(&mut keep);
        Some(Way { protocol, address: address.ok()?, credentials: credentials.ok()?, tls: tls.ok()? })
    }
}

impl Way {
    /// The device of `first`, polled this way. It has a name of its own, so that each protocol's login has its
    /// own breaker.
    pub(super) fn target(self, first: &Target, said: &Settings) -> Target {
        let Self { protocol, address, credentials, tls } = self;
        let name = format!("{} ({})", first.device.name, protocol.as_str());
        let host = || Address { port: protocol.default_port(), ..first.address.clone() };
        Target {
            device: Arc::new(Device { name, ..(*first.device).clone() }),
            protocol,
            address: address.unwrap_or_else(host),
            credentials,
            tls,
            budget: budget(protocol, said.budget.unwrap_or_default()),
            fallback: None,
            ..first.clone()
        }
    }
}
