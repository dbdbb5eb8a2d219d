//! Redfish (DSP0266, DSP0268): a thin client and the normalisation of its resources.
//!
//! `client` is the wire: sessions, TLS, bounds, pagination. `normalise` is the meaning: pure, from
//! JSON documents to readings. `source` is the seam between them, and `collect` walks from the service
//! root to the documents.

mod chassis;
pub mod client;
pub mod collect;
pub mod conformance;
pub mod driver;
mod inventory;
mod logs;
mod normalise;
pub mod quirks;
pub mod record;
mod scrub;
pub mod source;
pub mod state;
pub mod tree;
mod value;

#[cfg(test)]
mod tests;
