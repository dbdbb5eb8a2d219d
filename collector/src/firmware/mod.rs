//! Firmware: what is wanted, what runs, what has changed.
//!
//! [`version`] orders versions as their vendors do. Nothing here talks to a device: versions come from the
//! readings of the drivers.

pub mod version;
