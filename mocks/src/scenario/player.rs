//! Plays a scenario on a facility, as fast as it is told to.

use std::str::FromStr;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::file::Scenario;
use crate::facility::Facility;

/// How often the devices are told, in real time: well below any poll interval.
const TICK: Duration = Duration::from_millis(200);

/// How many times faster than life a scenario's clock runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed(f64);

/// A speed that is none.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is no speed: expected a number from 0.1 to 1000")]
pub struct SpeedError(String);

impl Default for Speed {
    fn default() -> Self {
        Self(1.0)
    }
}

impl FromStr for Speed {
    type Err = SpeedError;

    fn from_str(text: &str) -> Result<Self, SpeedError> {
        let number = text.parse().ok().filter(|number| (0.1..=1000.0).contains(number));
        number.map(Self).ok_or_else(|| SpeedError(text.to_owned()))
    }
}

impl Speed {
    /// What the scenario's clock shows after a real time.
    pub fn clock(self, real: Duration) -> Duration {
        real.mul_f64(self.0)
    }

    /// The real time at which the scenario's clock shows this.
    pub fn real(self, clock: Duration) -> Duration {
        clock.div_f64(self.0)
    }
}

/// Plays a scenario to its end and calls `tell` with each thing that happens, and its real time since the start.
/// When it returns the facility is as it was; whoever drops it before leaves the devices as they are then.
pub async fn play(
    facility: &Facility,
    scenario: &Scenario,
    speed: Speed,
    mut tell: impl FnMut(Duration, &str),
) {
    let began = Instant::now();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut timeline = scenario.timeline().peekable();
    loop {
        ticks.tick().await;
        let clock = speed.clock(began.elapsed());
        facility.show(&scenario.at(clock));
        while let Some((at, says)) = timeline.next_if(|(at, _)| *at <= clock) {
            tell(speed.real(at), says);
        }
        if clock >= scenario.length() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_phase_is_told_at_its_time() {
        let facility = Facility::start_calm().unwrap();
        let mut told = Vec::new();
        let speed: Speed = "10".parse().unwrap();
        let scenario = Scenario::named("fan-fails").unwrap();
        play(&facility, &scenario, speed, |at, says| told.push((at.as_secs_f64(), says.to_owned()))).await;
        let expected: Vec<(f64, String)> =
            scenario.timeline().map(|(at, says)| (at.as_secs_f64() / 10.0, says.to_owned())).collect();
        assert_eq!(told, expected);
        assert!(told.len() >= 2);
    }

    #[test]
    fn a_speed_is_a_number_within_bounds() {
        assert_eq!("30".parse::<Speed>().unwrap().real(Duration::from_secs(60)), Duration::from_secs(2));
        for text in ["0", "-1", "nan", "inf", "1e9", "fast"] {
            assert!(text.parse::<Speed>().is_err(), "{text}");
        }
    }
}
