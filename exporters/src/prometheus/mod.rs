//! The Prometheus scrape format: poll reports to text 0.0.4 or OpenMetrics 1.0.
//!
//! A writer of our own beside `prometheus-client`: labels are rendered once per series by the `model`
//! crate, so that a scrape copies bytes. Each family is written once, in the catalogue's order, with the
//! samples of all reports. Never polls, never keeps a rendered copy: the text comes out in chunks.
//!
//! How the catalogue's kinds are written:
//!
//! | kind | text 0.0.4 | OpenMetrics 1.0 |
//! |---|---|---|
//! | gauge, up-down | `gauge` | `gauge` |
//! | counter | `counter`, family `x_total` | `counter`, family `x`, sample `x_total` |
//! | info | `gauge`, family `x_info` | `info`, family `x`, sample `x_info`, always 1 |
//! | state set, status | `gauge` | `gauge`: the type `stateset` demands a label with the family's name, where ours is `state` or `hw_state` on every export path |
//! | histogram | from the program's own registry only | as text |
//!
//! Specifications: the exposition formats page of the Prometheus documentation, and OpenMetrics 1.0.0.

mod exposition;
pub(crate) mod family;
mod format;
pub(crate) mod number;
mod own;

pub use exposition::{CHUNK_BYTES, Exposition};
pub use format::{Format, negotiate};
pub use own::OwnMetrics;
