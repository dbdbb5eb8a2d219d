//! How a destination is served: what a configuration says of it beside its protocol and address.

use std::time::Duration;

use super::filter::Filter;
use super::pace::Backoff;

/// How a destination is served.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of the destination, for logs.
    pub name: String,
    /// Most bytes of one request, as it goes over the link; a single sample may have more. Default 256 KiB.
    pub request_bytes: usize,
    /// Most samples taken from the log at once. Default 10,000.
    pub batch_samples: usize,
    /// From the first sample after a pause to the request that carries it and what comes meanwhile. Default 1 s: a
    /// fleet's polls end all the time, and each request costs a cellular link some hundred bytes of its own.
    pub linger: Duration,
    /// Waits after failures.
    pub backoff: Backoff,
    /// Bytes of requests in a second, on average over more than a second. Default: no limit.
    pub bytes_per_second: Option<u64>,
    /// With [`Order::LiveFirst`](crate::buffer::Order::LiveFirst), the part of the link that the backlog may use, from 0.01 to 1. Default 0.5.
    pub backfill_share: f64,
    /// Time for a last try when the program ends. Default 3 s.
    pub last_try: Duration,
    /// Whether all series end, for the receiver, when the program ends. Default: no.
    pub end_series_at_shutdown: bool,
    /// What is sent, and how often. Default: everything.
    pub filter: Filter,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: String::new(),
            request_bytes: 256 << 10,
            batch_samples: 10_000,
            linger: Duration::from_secs(1),
            backoff: Backoff::default(),
            bytes_per_second: None,
            backfill_share: 0.5,
            last_try: Duration::from_secs(3),
            end_series_at_shutdown: false,
            filter: Filter::default(),
        }
    }
}
