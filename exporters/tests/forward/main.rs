//! Forwarders against receivers: one in memory that follows a script, then real ones.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod buffered;
mod log;
mod order;
mod pole;
mod receiver;
mod refusals;
mod retries;
