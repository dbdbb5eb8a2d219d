//! Which time a sample gets: wall time where the clock was known, and otherwise the boot's own time until it is.
//!
//! Pure: asks no clock. Follows "wrong clocks do no harm": nothing is dated by a clock that was not
//! synchronised, and nothing is given out that lies in the future of the clock that is passed in.

use std::time::Duration;

use model::Timestamp;

/// Most boots whose clocks are remembered. A box that starts more often than this within one buffer has other
/// troubles; the oldest is forgotten.
pub(crate) const MAX_BOOTS: usize = 1_024;

/// How far a report's own time may lie from the clock at its append before the clock must have been set between
/// the two, in milliseconds.
const MAX_STEP: i64 = 10_000;

/// How far an entry's monotonic time may be off, since offsets are kept to the second. Milliseconds.
const ROUNDING: i64 = 500;

/// One start of the machine: the kernel's boot id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Boot(pub u128);

/// What the clocks say at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Which boot the monotonic clock belongs to.
    pub boot: Boot,
    /// Since the boot, suspended time included. Never steps.
    pub monotonic: Duration,
    /// What the wall clock says, right or wrong.
    pub wall: Timestamp,
    /// Whether the wall clock is known to be right.
    pub synchronised: bool,
}

impl Moment {
    /// Monotonic time in milliseconds.
    pub(crate) fn monotonic_ms(&self) -> i64 {
        milliseconds(self.monotonic)
    }

    /// Wall time less monotonic time, in milliseconds.
    pub(crate) fn offset(&self) -> i64 {
        self.wall.saturating_sub(self.monotonic_ms())
    }
}

/// Milliseconds, as far as they go.
pub(crate) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// When an entry was measured, as far as that was known when it was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) boot: Boot,
    /// Wall time where the clock was synchronised, otherwise monotonic time. Milliseconds.
    pub(crate) time: i64,
    /// Wall less monotonic time where the clock was synchronised, to the second; otherwise 0. Milliseconds.
    pub(crate) offset: i64,
    pub(crate) synchronised: bool,
}

impl Stamp {
    /// Times so far away that floating point rounds them are cut to those that it does not.
    const MAX_TIME: i64 = 1 << 53;

    /// The stamp of a report that began at `at` by the wall clock, took `duration`, and ended at about `now`.
    pub(crate) fn of(at: Timestamp, duration: Duration, now: &Moment) -> Self {
        let (boot, took) = (now.boot, milliseconds(duration));
        if !now.synchronised {
            let time = now.monotonic_ms().saturating_sub(took).clamp(-Self::MAX_TIME, Self::MAX_TIME);
            return Self { boot, time, offset: 0, synchronised: false };
        }
        let began = now.wall.saturating_sub(took);
        let trusted = at <= now.wall && at.abs_diff(began) <= MAX_STEP.unsigned_abs();
        let time = if trusted { at } else { began }.clamp(-Self::MAX_TIME, Self::MAX_TIME);
        let offset = round_to_second(now.offset()).clamp(-Self::MAX_TIME, Self::MAX_TIME);
        Self { boot, time, offset, synchronised: true }
    }

    fn monotonic(&self) -> i64 {
        self.time.saturating_sub(self.offset)
    }
}

/// Offsets are kept to the second: they are asked for only when the wall clock went wrong by far more.
fn round_to_second(ms: i64) -> i64 {
    ms.saturating_add(500).div_euclid(1_000).saturating_mul(1_000)
}

/// Whether a stamp can be given wall time now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Date {
    /// It was then.
    At(Timestamp),
    /// Not before the wall clock shows this time.
    Until(Timestamp),
    /// Not before the clock is synchronised, or is asked again.
    Unknown,
    /// Never: its boot ended before the clock was known.
    Never,
}

/// What is known of the clocks of boots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Boots {
    /// Wall less monotonic time of boots whose clock was known, oldest first; the first that was known stays,
    /// so that a sample has the same time whenever it is sent.
    offsets: Vec<(Boot, i64)>,
}

impl Boots {
    /// Learns the offset of a boot, unless it is known. Whether it was new.
    pub(crate) fn learn(&mut self, boot: Boot, offset: i64) -> bool {
        if self.offset(boot).is_some() {
            return false;
        }
        if self.offsets.len() >= MAX_BOOTS {
            self.offsets.remove(0);
        }
        self.offsets.push((boot, offset));
        true
    }

    /// Learns of the running boot, if its clock is known to be right.
    pub(crate) fn hear(&mut self, now: &Moment) {
        if now.synchronised {
            self.learn(now.boot, now.offset());
        }
    }

    /// Learns what others know.
    pub(crate) fn take_in(&mut self, others: &Self) {
        for &(boot, offset) in &others.offsets {
            self.learn(boot, offset);
        }
    }

    /// Wall less monotonic time of a boot, in milliseconds.
    pub(crate) fn offset(&self, boot: Boot) -> Option<i64> {
        self.offsets.iter().rev().find(|known| known.0 == boot).map(|known| known.1)
    }

    /// When an entry was measured, asked at `now`.
    pub(crate) fn date(&self, stamp: &Stamp, now: &Moment) -> Date {
        let running = stamp.boot == now.boot;
        let known = if stamp.synchronised { Some(stamp.offset) } else { self.offset(stamp.boot) };
        let by_now = (running && now.synchronised).then(|| now.offset());
        let Some(offset) = known.or(by_now) else {
            return if running { Date::Unknown } else { Date::Never };
        };
        let at = if stamp.synchronised { stamp.time } else { stamp.time.saturating_add(offset) };
        match by_now {
            _ if at <= now.wall => Date::At(at),
            // The clock was not set back: it was asked before the entry came about.
            Some(_) if stamp.monotonic().saturating_add(ROUNDING) > now.monotonic_ms() => Date::Unknown,
            Some(by_now) => Date::At(stamp.monotonic().saturating_add(by_now).min(now.wall)),
            None => Date::Until(at),
        }
    }

    /// How long ago an entry was measured. Within one boot that is known whether its clock is right or not.
    pub(crate) fn age(&self, stamp: &Stamp, now: &Moment) -> Option<Duration> {
        let ms = match self.date(stamp, now) {
            Date::At(at) => now.wall.abs_diff(at),
            _ if stamp.boot == now.boot => {
                let since = now.monotonic_ms().saturating_sub(stamp.monotonic());
                u64::try_from(since).unwrap_or(0)
            }
            _ => return None,
        };
        Some(Duration::from_millis(ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(monotonic_ms: u64, wall: Timestamp) -> Moment {
        Moment { boot: Boot(1), monotonic: Duration::from_millis(monotonic_ms), wall, synchronised: true }
    }

    /// Between asking the clock and reading the log there is time for an entry to come.
    #[test]
    fn what_came_after_the_clock_was_asked_keeps_its_time() {
        let boots = Boots::default();
        for offset in [1_000_000, 1_000_499, 1_000_500, 1_000_999] {
            let asked = clock(5_000, offset + 5_000);
            for later in [1, 10, 60_000] {
                let now = clock(5_000 + later, asked.wall + i64::try_from(later).unwrap());
                let stamp = Stamp::of(now.wall, Duration::ZERO, &now);
                assert_eq!(boots.date(&stamp, &asked), Date::Unknown, "{offset} {later}");
                assert_eq!(boots.date(&stamp, &now), Date::At(now.wall), "{offset} {later}");
            }
        }
        let stamp = Stamp::of(1_005_000, Duration::ZERO, &clock(5_000, 1_005_000));
        let set_back = boots.date(&stamp, &clock(8_000, 508_000));
        assert_eq!(set_back, Date::At(505_000), "three seconds ago by the clock that is right now");
    }
}
