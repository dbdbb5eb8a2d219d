//! The web layer through real HTTP on 127.0.0.1.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

mod endpoints;
mod page;
mod server;
mod toolkit;
