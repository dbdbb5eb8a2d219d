//! Redfish (DSP0266, DSP0268): a thin client and the normalisation of its resources.
//!
//! `client` is the wire: sessions, TLS, bounds, pagination. `normalise` is the meaning: pure, from
//! JSON documents to readings. `source` is the seam between them.

pub mod source;
