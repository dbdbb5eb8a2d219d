//! HTTP: the scrape endpoint, service discovery, the status page and the reload trigger.
//!
//! Serves what is known and never polls a device.
