//! The edge buffer from outside: what goes in comes out, in the order that was asked for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod again;
mod alone;
mod chaos;
mod clocks;
mod damage;
mod downgrade;
mod export;
mod faults;
mod format;
mod full_disk;
mod kill;
mod lanes;
mod model;
mod partial;
mod restart;
mod support;
mod syncs;
