//! The edge buffer: poll reports on disk until every destination has them.
//!
//! One append-only log, one cursor for each destination. Never blocks a poll or a scrape, and never sends
//! anything itself.

pub mod batch;
