//! Collects out-of-band readings: drivers, device profiles, schedule, configuration and web endpoints.

pub mod config;
pub mod driver;
pub mod profile;
pub mod target;
pub mod web;
pub mod yaml;
