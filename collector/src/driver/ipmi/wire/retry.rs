//! When a request is sent again, and when it is given up.

use std::time::Duration;

use tokio::time::Instant;

/// Longest time from the first sending to the second: BMCs answer within some 100 ms, or the packet is lost.
const FIRST: Duration = Duration::from_secs(1);

/// Most sendings of one request. The waits double, so the last one is the longest.
pub(crate) const MAX_SENDINGS: u32 = 4;

/// The timer of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retry {
    sendings: u32,
    wait: Duration,
    next: Instant,
    end: Instant,
}

/// What the timer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Send,
    Wait(Instant),
    Over,
}

impl Retry {
    /// Sends at once, and gives up after `patience`.
    pub(crate) fn new(now: Instant, patience: Duration) -> Self {
        Self { sendings: 0, wait: FIRST.min(patience / 4), next: now, end: now + patience }
    }

    /// Whether to send now; if so, that counts as done.
    pub(crate) fn turn(&mut self, now: Instant) -> Turn {
        if now >= self.end {
            return Turn::Over;
        }
        if now < self.next {
            return Turn::Wait(self.next.min(self.end));
        }
        self.sendings = self.sendings.saturating_add(1);
        self.next = if self.sendings < MAX_SENDINGS { now + self.wait } else { self.end };
        self.wait = self.wait.saturating_mul(2);
        Turn::Send
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_double_and_the_last_lasts_to_the_end() {
        let start = Instant::now();
        let mut retry = Retry::new(start, Duration::from_secs(10));
        let mut sent = Vec::new();
        let mut now = start;
        loop {
            match retry.turn(now) {
                Turn::Send => sent.push((now - start).as_secs()),
                Turn::Wait(until) => now = until,
                Turn::Over => break,
            }
        }
        assert_eq!(sent, [0, 1, 3, 7]);
        assert_eq!(now - start, Duration::from_secs(10));
    }
}
