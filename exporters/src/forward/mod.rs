//! Forwarders: bring what the buffer holds to one destination each.
//!
//! A forwarder never stalls a poll, a scrape or another forwarder, and forgets nothing that its destination
//! has not answered for.

pub(crate) mod http;
mod secret;
pub(crate) mod series;
pub(crate) mod tls;
mod transport;

pub use http::Endpoint;
pub use secret::{Auth, Secret};
pub use tls::{ConfigError, Tls};
pub use transport::{Outcome, Refusal, Transport};

/// Value of a sample that says that its series has ended: Prometheus' stale marker.
pub const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);
