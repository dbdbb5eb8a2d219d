//! A limit on requests per time, for all clients together.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Allows `burst` requests at once and one more each `interval`: a token bucket.
pub(super) struct RateLimit {
    interval: Duration,
    burst: u32,
    /// Time at which the bucket was, or will be, full but for what was taken.
    taken_until: Mutex<Instant>,
}

impl RateLimit {
    pub(super) fn new(interval: Duration, burst: u32) -> Self {
        Self { interval, burst, taken_until: Mutex::new(Instant::now()) }
    }

    /// Takes one request, if there is one left.
    pub(super) fn allows(&self) -> bool {
        self.allows_at(Instant::now())
    }

    fn allows_at(&self, now: Instant) -> bool {
        let mut taken_until = self.taken_until.lock().unwrap_or_else(PoisonError::into_inner);
        let next = (*taken_until).max(now) + self.interval;
        let allowed = next.duration_since(now) <= self.interval.saturating_mul(self.burst);
        if allowed {
            *taken_until = next;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_each_interval() {
        let limit = RateLimit::new(Duration::from_secs(1), 3);
        let start = Instant::now() + Duration::from_secs(10);
        let at = |millis| limit.allows_at(start + Duration::from_millis(millis));
        assert_eq!([at(0), at(0), at(0), at(0)], [true, true, true, false]);
        assert_eq!([at(999), at(1000), at(1000)], [false, true, false]);
        assert_eq!([at(9000), at(9000), at(9000), at(9000)], [true, true, true, false]);
    }
}
