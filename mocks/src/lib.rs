//! Devices that misbehave: an SNMP agent, a Redfish server, a BMC that speaks IPMI, a small facility made of them,
//! incidents that it plays, and a link that loses what it carries.
//!
//! Stands apart on purpose: it depends on no other crate of the workspace and shares no codec with
//! the collector, so that a mistake made twice cannot hide.

pub mod facility;
mod faults_file;
pub mod ipmi;
pub mod link;
pub mod ports;
pub mod redfish;
mod say;
pub mod scenario;
pub mod shift;
pub mod snmp;
