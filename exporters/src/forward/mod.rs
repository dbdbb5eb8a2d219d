//! Forwarders: bring what the buffer holds to one destination each.
//!
//! A forwarder never stalls a poll, a scrape or another forwarder, and forgets nothing that its destination
//! has not answered for.

mod filter;
mod forwarder;
pub(crate) mod http;
mod line;
mod options;
mod pace;
mod secret;
pub(crate) mod series;
mod source;
mod split;
mod status;
pub(crate) mod tls;
mod transport;

pub use filter::{Filter, Selector, Summary};
pub use forwarder::Forwarder;
pub use http::Endpoint;
pub use options::{Options, Stop};
pub use pace::Backoff;
pub use secret::{Auth, Secret};
pub use source::{Buffered, Lane, Source};
pub use status::{ACKED, Condition, Figures, PARTIAL, Status};
pub use tls::{ConfigError, Tls};
pub use transport::{Outcome, Refusal, Transport};

/// Value of a sample that says that its series has ended: Prometheus' stale marker.
pub const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);
