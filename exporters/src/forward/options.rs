//! How a destination is served: what a configuration says of it beside its protocol and address.

use std::time::Duration;

use super::filter::Filter;
use super::pace::Backoff;

/// Seconds of a limit of bytes per second that one request may take: a larger one of the backlog would hold up the
/// newest readings.
const MAX_HELD_UP: u64 = 10;

/// What such a limit leaves of a request in any case: smaller ones are all header.
const LEAST_REQUEST: usize = 4 << 10;

/// How a destination is served.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of the destination, for logs.
    pub name: String,
    /// Most bytes of one request, as it goes over the link (over gRPC: before it is compressed); a single sample may
    /// have more. Default 256 KiB.
    pub request_bytes: usize,
    /// Most samples taken from the log at once. Default 10,000.
    pub batch_samples: usize,
    /// From the first sample after a pause to the request that carries it and what comes meanwhile. Default 1 s: a
    /// fleet's polls end all the time, and each request costs a cellular link some hundred bytes of its own.
    pub linger: Duration,
    /// Waits after failures.
    pub backoff: Backoff,
    /// Bytes of requests in a second, on average over more than a second; no request is larger than ten seconds' worth,
    /// but 4 KiB. Default: no limit.
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

/// Why a forwarder stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Nobody forwards to the destination any more: the program ends, or the destination has left the configuration.
    Ended,
    /// Another forwarder goes on in its place, by a changed configuration: no series ends.
    Replaced,
}

impl From<()> for Stop {
    fn from((): ()) -> Self {
        Self::Ended
    }
}

impl Options {
    /// Most bytes of one request.
    pub(super) fn most_bytes(&self) -> usize {
        let limited = self.bytes_per_second.map_or(u64::MAX, |limit| limit.saturating_mul(MAX_HELD_UP));
        let limited = usize::try_from(limited).unwrap_or(usize::MAX);
        self.request_bytes.min(limited.max(LEAST_REQUEST))
    }
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
