//! Collects out-of-band readings: drivers, device profiles, schedule, configuration and web endpoints.

pub(crate) mod calendar;
pub mod cli;
pub mod clock;
pub mod config;
pub mod driver;
pub mod firmware;
pub(crate) mod glob;
pub mod notify;
pub mod poll;
pub mod profile;
pub mod run;
pub mod schedule;
pub mod status;
pub mod target;
pub mod telemetry;
pub mod web;
pub mod yaml;
