//! Polling: one task for each target, on its own schedule, that publishes what it finds.
//!
//! A task never polls twice at once, never waits for another device and is never stopped by a slow
//! reader: reports go to a store that keeps only the latest.

pub mod board;
pub mod fleet;
pub mod health;
pub mod task;
