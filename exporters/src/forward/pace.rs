//! When the next request may go: backoff after failures, bytes per second, the backlog's share of the link.
//!
//! Pure: time and randomness are passed in.

use std::time::Duration;

use tokio::time::Instant;

/// How long to wait after failures.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// Upper end of the first wait.
    pub first: Duration,
    /// Upper end of all later waits.
    pub most: Duration,
    /// Longest wait that a receiver may ask for: some name a whole day.
    pub most_asked: Duration,
}

impl Default for Backoff {
    /// From half a second to a minute; a quarter of an hour where the receiver asks for it.
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            most: Duration::from_secs(60),
            most_asked: Duration::from_secs(900),
        }
    }
}

impl Backoff {
    /// The wait after `failures` in a row, the first being 1: evenly anywhere up to twice the last one's upper
    /// end ("full jitter"), so that senders that failed together don't come back together. `random` is from 0
    /// to 1. No less than the receiver `asked` for.
    pub(super) fn wait(&self, failures: u32, random: f64, asked: Option<Duration>) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        let upper = self.first.saturating_mul(doubled).min(self.most);
        upper.mul_f64(random.clamp(0.0, 1.0)).max(asked.unwrap_or_default().min(self.most_asked))
    }
}

/// Bytes per second, as a bucket that holds a second's worth: what one request takes too much, the next waits for.
#[derive(Debug)]
pub(super) struct Bucket {
    per_second: f64,
    /// Bytes that may go at once; below zero after a request that was larger.
    level: f64,
    at: Instant,
}

impl Bucket {
    pub(super) fn new(per_second: u64, now: Instant) -> Self {
        let per_second = (per_second.max(1)) as f64;
        Self { per_second, level: per_second, at: now }
    }

    /// How long until the next request may go.
    pub(super) fn wait(&mut self, now: Instant) -> Duration {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second;
        self.level = (self.level + gained).min(self.per_second);
        self.at = now;
        Duration::try_from_secs_f64((-self.level / self.per_second).max(0.0)).unwrap_or_default()
    }

    /// A request of `bytes` went.
    pub(super) fn take(&mut self, bytes: usize) {
        self.level -= bytes as f64;
    }
}

/// Keeps the backlog to a share of the link. What the link carries is not known, so its time is shared: after
/// a request of the backlog took a while, the next one waits until that while was no more than its share.
#[derive(Debug)]
pub(super) struct Share {
    share: f64,
    next: Instant,
}

/// Least share, in which a backlog drains at all.
const LEAST_SHARE: f64 = 0.01;

impl Share {
    pub(super) fn new(share: f64, now: Instant) -> Self {
        let share = if share.is_finite() { share.clamp(LEAST_SHARE, 1.0) } else { 1.0 };
        Self { share, next: now }
    }

    /// From when on the backlog may use the link.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// A request of the backlog used the link from `start` to `end`.
    pub(super) fn used(&mut self, start: Instant, end: Instant) {
        let took = end.saturating_duration_since(start);
        self.next = end + took.mul_f64((1.0 - self.share) / self.share);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn waits_double_up_to_the_most_and_are_spread_evenly_below() {
        let backoff = Backoff { first: SECOND, most: 10 * SECOND, most_asked: 60 * SECOND };
        let upper: Vec<_> = (1..=6).map(|failures| backoff.wait(failures, 1.0, None).as_secs()).collect();
        assert_eq!(upper, [1, 2, 4, 8, 10, 10]);
        assert_eq!(backoff.wait(4, 0.25, None), 2 * SECOND);
        assert_eq!(backoff.wait(u32::MAX, 0.0, None), Duration::ZERO);
    }

    #[test]
    fn a_receiver_is_heeded_within_bounds() {
        let backoff = Backoff { first: SECOND, most: 10 * SECOND, most_asked: 60 * SECOND };
        assert_eq!(backoff.wait(1, 0.5, Some(30 * SECOND)), 30 * SECOND);
        assert_eq!(backoff.wait(1, 0.5, Some(86_400 * SECOND)), 60 * SECOND);
        assert_eq!(backoff.wait(9, 1.0, Some(SECOND)), 10 * SECOND);
    }

    #[test]
    fn bytes_per_second() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1_000, start);
        assert_eq!(bucket.wait(start), Duration::ZERO);
        bucket.take(4_000);
        assert_eq!(bucket.wait(start), 3 * SECOND);
        assert_eq!(bucket.wait(start + SECOND), 2 * SECOND);
        assert_eq!(bucket.wait(start + 3 * SECOND), Duration::ZERO);
        bucket.wait(start + 3_600 * SECOND);
        bucket.take(2_000);
        assert_eq!(bucket.wait(start + 3_600 * SECOND), SECOND, "an idle hour saves up one second");
    }

    #[test]
    fn a_quarter_of_the_link_is_three_pauses_for_each_request() {
        let start = Instant::now();
        let mut share = Share::new(0.25, start);
        assert_eq!(share.next(), start);
        share.used(start, start + 2 * SECOND);
        assert_eq!(share.next(), start + 8 * SECOND);
        let mut all = Share::new(1.0, start);
        all.used(start, start + SECOND);
        assert_eq!(all.next(), start + SECOND);
    }
}
