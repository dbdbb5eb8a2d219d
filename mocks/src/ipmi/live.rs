//! Numbers that follow from a seed: what varies with time, and what only has to differ.
//!
//! Pure: two runs with the same seed say the same.

use std::time::Duration;

/// Seconds from one aim of a drifting value to the next.
const PERIOD: f64 = 60.0;

/// Which BMC, and how long it has been running.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) seed: u64,
    pub(crate) elapsed: Duration,
}

/// The finaliser of SplitMix64.
pub(crate) fn mix(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

/// A number from -1 to 1 that belongs to `step`.
fn aim(key: u64, step: u64) -> f64 {
    mix(key ^ mix(step)) as f64 / u64::MAX as f64 * 2.0 - 1.0
}

impl Moment {
    /// How far from its middle the drifting value `key` is, from -1 to 1: straight from aim to aim.
    pub(crate) fn drift(self, key: u64) -> f64 {
        let phase = self.elapsed.as_secs_f64() / PERIOD;
        let (step, key) = (phase as u64, mix(self.seed ^ mix(key)));
        let (from, to) = (aim(key, step), aim(key, step.wrapping_add(1)));
        from + (to - from) * phase.fract()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_stays_near_and_moves() {
        let at = |seconds| Moment { seed: 3, elapsed: Duration::from_secs(seconds) }.drift(7);
        assert_eq!(at(90), at(90));
        assert_ne!(at(0), at(600));
        for seconds in 0..1_000 {
            assert!(at(seconds).abs() <= 1.0);
            assert!((at(seconds) - at(seconds + 1)).abs() <= 2.0 / PERIOD + 1e-9, "{seconds}");
        }
    }
}
