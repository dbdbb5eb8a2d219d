//! Devices that misbehave: an SNMP agent, a Redfish server and a small facility made of them.
//!
//! Stands apart on purpose: it depends on no other crate of the workspace and shares no codec with
//! the collector, so that a mistake made twice cannot hide.

pub mod facility;
pub mod redfish;
pub mod snmp;
