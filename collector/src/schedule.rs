//! When a target is polled: pure arithmetic on times that are passed in.
//!
//! Each target has ticks at a fixed distance, at a phase that follows from its name, so that a fleet
//! spreads over the interval and a restart changes nothing. A poll that still runs at a tick makes
//! that tick an overrun; ticks are never queued. A target that keeps failing is asked less often.

use std::time::{Duration, Instant};

/// Failures in a row that change nothing: one lost datagram is no outage.
const FAILURES_BEFORE_BACKOFF: u32 = 3;

/// Longest distance between polls of a failing target, unless its interval is longer: what an operator
/// waits at most to see a device come back.
pub const MAX_BACKOFF: Duration = Duration::from_secs(300);

/// Share of a backoff by which it is shortened at random, so that devices which failed together don't
/// return together.
const JITTER: f64 = 0.25;

/// Longest wait for a target's first poll: whoever starts the program wants to see all of it soon.
const STARTUP_SPREAD: Duration = Duration::from_secs(30);

/// The ticks of one target.
#[derive(Clone, Debug)]
pub struct Schedule {
    interval: Duration,
    /// A tick, at or before the start: the others are whole intervals away.
    origin: Instant,
    next: Instant,
    failures: u32,
}

/// What came of a finished poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// When to poll again.
    pub at: Instant,
    /// Ticks that passed while the poll still ran.
    pub overruns: u32,
}

impl Schedule {
    /// A schedule whose ticks fall at `phase(name, interval)` of the wall clock. Where the first tick is
    /// far away, one poll comes early.
    ///
    /// `unix` is the wall time at `now`. It is used once, for the phase: later clock changes move nothing.
    pub fn new(name: &str, interval: Duration, now: Instant, unix: Duration) -> Self {
        let interval = interval.max(Duration::from_millis(1));
        let phase = phase(name, interval);
        let since_tick = remainder(unix + interval - phase, interval);
        let origin = now.checked_sub(since_tick).unwrap_or(now);
        let tick = origin + interval;
        let is_far = tick.saturating_duration_since(now) > STARTUP_SPREAD;
        let next = if is_far { now + self::phase(name, STARTUP_SPREAD) } else { tick };
        Self { interval, origin, next, failures: 0 }
    }

    /// The tick that comes next.
    pub fn next(&self) -> Instant {
        self.next
    }

    /// Failed polls in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Notes the end of the poll of the present tick. `random` is uniform in `[0, 1)`.
    pub fn finished(&mut self, now: Instant, succeeded: bool, random: f64) -> Next {
        self.failures = if succeeded { 0 } else { self.failures.saturating_add(1) };
        let overruns = self.ticks_until(now).saturating_sub(self.ticks_until(self.next));
        let pause = self.backoff(random).max(self.interval);
        let late = now.saturating_duration_since(self.origin);
        let ticks = self.ticks_until(self.next + pause).max(whole_up(late, self.interval));
        self.next = self.origin + self.interval.saturating_mul(ticks);
        Next { at: self.next, overruns }
    }

    /// How many ticks lie between the origin and `time`.
    fn ticks_until(&self, time: Instant) -> u32 {
        whole(time.saturating_duration_since(self.origin), self.interval)
    }

    fn backoff(&self, random: f64) -> Duration {
        let Some(doublings) = self.failures.checked_sub(FAILURES_BEFORE_BACKOFF) else {
            return Duration::ZERO;
        };
        let longest = MAX_BACKOFF.max(self.interval);
        let pause = self.interval.saturating_mul(2u32.saturating_pow(doublings.saturating_add(1)));
        pause.min(longest).mul_f64(1.0 - JITTER * random.clamp(0.0, 1.0))
    }
}

/// Place of a target within its interval: the same for a name and an interval, everywhere and for ever.
///
/// FNV-1a with a final mix: names such as `pdu-1` and `pdu-2` end up far apart.
pub fn phase(name: &str, interval: Duration) -> Duration {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let fraction = (mixed >> 11) as f64 / (1u64 << 53) as f64;
    interval.mul_f64(fraction)
}

fn remainder(time: Duration, interval: Duration) -> Duration {
    let nanos = time.as_nanos() % interval.as_nanos();
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

/// How many whole intervals fit into `time`.
fn whole(time: Duration, interval: Duration) -> u32 {
    u32::try_from(time.as_nanos() / interval.as_nanos()).unwrap_or(u32::MAX)
}

/// How many whole intervals cover `time`.
fn whole_up(time: Duration, interval: Duration) -> u32 {
    u32::try_from(time.as_nanos().div_ceil(interval.as_nanos())).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// A schedule that stands at a tick.
    fn schedule(now: Instant) -> Schedule {
        let mut schedule = Schedule::new("pdu-a", MINUTE, now, Duration::from_secs(1_700_000_000));
        let first = schedule.next();
        schedule.finished(first, true, 0.5);
        schedule
    }

    #[test]
    fn phases_are_stable_and_spread_over_the_interval() {
        let mut tenths = [0; 10];
        for target in 0..10_000 {
            let place = phase(&format!("pdu-{target}"), MINUTE);
            assert_eq!(place, phase(&format!("pdu-{target}"), MINUTE));
            tenths[(place.as_secs_f64() / 6.0) as usize] += 1;
        }
        for tenth in tenths {
            assert!((900..1100).contains(&tenth), "{tenths:?}");
        }
    }

    #[test]
    fn a_restart_keeps_the_ticks() {
        let now = Instant::now();
        let second_tick = |start: Duration| {
            let mut schedule =
                Schedule::new("pdu-a", MINUTE, now + start, Duration::from_secs(1_000) + start);
            let first = schedule.next();
            schedule.finished(first, true, 0.5).at
        };
        let between =
            second_tick(Duration::from_secs(25)).saturating_duration_since(second_tick(Duration::ZERO));
        assert_eq!(between.as_nanos() % MINUTE.as_nanos(), 0);
    }

    #[test]
    fn a_target_that_is_polled_daily_is_seen_soon_after_the_start() {
        let now = Instant::now();
        let day = Duration::from_secs(86_400);
        let mut schedule = Schedule::new("slow", day, now, Duration::from_secs(1_000));
        let first = schedule.next();
        assert!(first - now <= STARTUP_SPREAD);
        let next = schedule.finished(first, true, 0.5);
        assert_eq!(next.overruns, 0);
        assert!(next.at - first <= day);
        assert_eq!(schedule.finished(next.at, true, 0.5).at - next.at, day);
    }

    /// Whenever it starts: a poll that came early would be in the way of the tick.
    #[test]
    fn a_first_tick_that_is_near_is_waited_for() {
        let (now, half) = (Instant::now(), MINUTE / 2);
        for unix in (0..300).map(|tenths| Duration::from_millis(tenths * 100)) {
            let mut schedule = Schedule::new("pdu-a", half, now, unix);
            let first = schedule.next();
            assert!(first - now <= STARTUP_SPREAD);
            let next = schedule.finished(first + Duration::from_secs(1), true, 0.5);
            assert_eq!(next, Next { at: first + half, overruns: 0 }, "{unix:?}");
        }
    }

    #[test]
    fn a_quick_poll_is_followed_by_the_next_tick() {
        let now = Instant::now();
        let mut schedule = schedule(now);
        let tick = schedule.next();
        let next = schedule.finished(tick + Duration::from_secs(2), true, 0.5);
        assert_eq!(next, Next { at: tick + MINUTE, overruns: 0 });
    }

    #[test]
    fn ticks_that_pass_during_a_poll_are_overruns_and_never_queue() {
        let mut schedule = schedule(Instant::now());
        let tick = schedule.next();
        let next = schedule.finished(tick + Duration::from_secs(150), true, 0.5);
        assert_eq!(next, Next { at: tick + 3 * MINUTE, overruns: 2 });
    }

    #[test]
    fn failures_back_off_to_a_bound_and_one_success_ends_it() {
        let mut schedule = schedule(Instant::now());
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let tick = schedule.next();
            pauses.push((schedule.finished(tick, false, 0.0).at - tick).as_secs());
        }
        assert_eq!(pauses, [60, 60, 120, 240, 300, 300, 300, 300]);
        let tick = schedule.next();
        assert_eq!(schedule.finished(tick, true, 0.0).at - tick, MINUTE);
    }

    #[test]
    fn jitter_only_shortens_a_backoff() {
        let mut schedule = schedule(Instant::now());
        for step in 0..200 {
            let tick = schedule.next();
            let pause = schedule.finished(tick, false, f64::from(step % 10) / 10.0).at - tick;
            assert!(pause >= MINUTE && pause <= MAX_BACKOFF, "{pause:?}");
        }
    }

    #[test]
    fn an_interval_longer_than_the_bound_is_kept() {
        let hour = Duration::from_secs(3600);
        let mut schedule = Schedule::new("slow", hour, Instant::now(), Duration::ZERO);
        let first = schedule.next();
        schedule.finished(first, false, 0.9);
        for _ in 0..6 {
            let tick = schedule.next();
            assert_eq!(schedule.finished(tick, false, 0.9).at - tick, hour);
        }
    }
}
