//! The budget of one device: how many requests may be in flight, and how many may start per second.
//!
//! [`Bucket`] is the pure part, a token bucket under a clock that is passed in. [`Gate`] is what
//! drivers wait at. Neither knows a protocol.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::target::Budget;

/// Slowest rate that is kept to, in requests per second: a lower one (or a rate that is no number)
/// would stop a device for good.
const MIN_RATE: f64 = 0.01;

/// Fastest rate that is kept to, in requests per second. Above it a bucket limits nothing.
const MAX_RATE: f64 = 1e6;

/// A token bucket. Starts full.
#[derive(Clone, Debug)]
pub struct Bucket {
    rate: f64,
    burst: f64,
    /// Below zero while requests wait for tokens that are still to come.
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// `rate` tokens per second, at most `burst` of them saved up.
    pub fn new(rate: f64, burst: u32, now: Instant) -> Self {
        let burst = f64::from(burst.max(1));
        let rate = if rate.is_finite() { rate.clamp(MIN_RATE, MAX_RATE) } else { MIN_RATE };
        Self { rate, burst, tokens: burst, at: now }
    }

    /// Takes one token, and says how long to wait before it counts.
    pub fn take(&mut self, now: Instant) -> Duration {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.rate).min(self.burst) - 1.0;
        self.at = now;
        self.time_to(0.0)
    }

    /// How long it is after the last taking until the next token counts at once.
    fn pause(&self) -> Duration {
        self.time_to(1.0)
    }

    fn time_to(&self, tokens: f64) -> Duration {
        if self.tokens >= tokens {
            Duration::ZERO
        } else {
            Duration::from_secs_f64((tokens - self.tokens) / self.rate)
        }
    }
}

/// Where the requests to one device wait for their turn.
#[derive(Debug)]
pub struct Gate {
    slots: Semaphore,
    bucket: Mutex<Bucket>,
}

impl Gate {
    /// For one device. As many requests as may be in flight may also start at once.
    pub fn new(budget: Budget) -> Self {
        let slots = usize::try_from(budget.concurrency.max(1)).unwrap_or(usize::MAX);
        Self {
            slots: Semaphore::new(slots.min(Semaphore::MAX_PERMITS)),
            bucket: Mutex::new(Bucket::new(budget.rate, budget.concurrency, Instant::now())),
        }
    }

    /// Waits until one more request may start. The request is in flight for as long as the permit lives.
    pub async fn acquire(&self) -> Option<SemaphorePermit<'_>> {
        let permit = self.slots.acquire().await.ok();
        let wait = self.bucket.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        permit
    }

    /// Waits until a request that asks for a permit then need not wait for its token.
    pub async fn settle(&self) {
        let next = {
            let bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
            bucket.at + bucket.pause()
        };
        tokio::time::sleep_until(next).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_full_bucket_gives_its_burst_and_then_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(10.0, 2, start);
        let waits: Vec<_> = (0..4).map(|_| bucket.take(start).as_millis()).collect();
        assert_eq!(waits, [0, 0, 100, 200]);
        assert_eq!(bucket.take(start + Duration::from_secs(60)), Duration::ZERO);
        assert_eq!(bucket.take(start + Duration::from_secs(60)), Duration::ZERO);
        assert_eq!(bucket.take(start + Duration::from_secs(60)).as_millis(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn nonsense_rates_neither_stop_for_ever_nor_panic() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::MAX, f64::MIN_POSITIVE] {
            let mut bucket = Bucket::new(rate, 0, Instant::now());
            bucket.take(Instant::now());
            assert!(bucket.take(Instant::now()) <= Duration::from_secs(100), "{rate}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn requests_in_flight_and_per_second_are_bounded() {
        let gate = Gate::new(Budget { concurrency: 1, rate: 2.0 });
        let start = Instant::now();
        let first = gate.acquire().await;
        assert!(tokio::time::timeout(Duration::from_secs(3), gate.acquire()).await.is_err());
        drop(first);
        for _ in 0..5 {
            drop(gate.acquire().await);
        }
        // Full again after 3 s: one request at once, the other four at 2 per second.
        assert_eq!(start.elapsed().as_millis(), 3000 + 4 * 500);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_settled_need_not_wait_for_a_token() {
        let gate = Gate::new(Budget { concurrency: 1, rate: 50.0 });
        let start = Instant::now();
        for request in 1..4 {
            drop(gate.acquire().await);
            assert_eq!(start.elapsed().as_millis(), (request - 1) * 20);
            gate.settle().await;
            assert_eq!(start.elapsed().as_millis(), request * 20);
        }
    }
}
