//! Device profiles: data that says what a device's SNMP objects mean.
//!
//! Pure: loads, validates, matches and evaluates. Never talks to a device: `driver::snmp` fetches
//! what a [`request`](source::Request) names and hands in the [`source::Objects`].

pub mod source;
