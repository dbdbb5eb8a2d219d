//! When a link does what: a pure function of a seed, printed before it happens.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::snmp::mix;

/// What a link does to what it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Carries everything.
    #[default]
    Up,
    /// Resets every connection, old and new.
    Drop,
    /// Takes connections and carries nothing, in either direction, until the phase ends.
    Stall,
    /// Resets a connection in the middle of what is sent next.
    Cut,
    /// Carries what is sent, and resets the connection when the answer comes: nobody knows that it arrived.
    LoseAnswer,
    /// Flips a bit in every so many bytes, in both directions.
    Corrupt {
        /// How many bytes.
        every: u32,
    },
    /// Carries no more than so many bytes in a second, in each direction.
    Slow {
        /// How many bytes.
        bytes_per_second: u32,
    },
    /// Carries everything so much later.
    Late {
        /// How much, in milliseconds.
        ms: u32,
    },
}

/// The words for phases, and what they do where nobody says how much.
const WORDS: [(&str, Phase); 8] = [
    ("up", Phase::Up),
    ("drop", Phase::Drop),
    ("stall", Phase::Stall),
    ("cut", Phase::Cut),
    ("lose-answer", Phase::LoseAnswer),
    ("corrupt", Phase::Corrupt { every: 512 }),
    ("slow", Phase::Slow { bytes_per_second: 4_096 }),
    ("late", Phase::Late { ms: 800 }),
];

/// A word that is no phase.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no phase: expected up, drop, stall, cut, lose-answer, corrupt, slow or late, with a number such as \
     corrupt=512 (bytes between two), slow=4096 (bytes in a second) or late=800 (milliseconds) where it is not the usual"
)]
pub struct PhaseError(String);

/// How a link's life is made: good times between bad ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Decides on every phase and length.
    pub seed: u64,
    /// The phases of bad times; a link without any is always up.
    pub faults: Vec<Phase>,
    /// Mean length of good times.
    pub up: Duration,
    /// Mean length of bad times.
    pub down: Duration,
}

/// A phase and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// When it begins, since the start.
    pub at: Duration,
    /// How long it lasts.
    pub length: Duration,
    /// What happens.
    pub phase: Phase,
}

impl Schedule {
    /// The slots from the start on, without end: up, then a fault, in turn, each from half to one and a half times
    /// its mean length.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        (0u64..).scan(Duration::ZERO, |at, index| {
            let draw = mix(self.seed ^ mix(index));
            let (phase, mean) = self.draw(index, draw);
            let part = f64::from((draw >> 40) as u32) / f64::from(1u32 << 24);
            let slot = Slot { at: *at, length: mean.mul_f64(0.5 + part), phase };
            *at = at.saturating_add(slot.length);
            Some(slot)
        })
    }

    fn draw(&self, index: u64, draw: u64) -> (Phase, Duration) {
        let count = self.faults.len().max(1) as u64;
        let fault = usize::try_from(draw % count).ok().and_then(|drawn| self.faults.get(drawn));
        match fault.filter(|_| index % 2 == 1) {
            Some(phase) => (*phase, self.down),
            None => (Phase::Up, self.up),
        }
    }
}

impl Phase {
    /// Every kind of fault, each with its usual strength.
    pub fn faults() -> Vec<Self> {
        WORDS.into_iter().map(|(_, phase)| phase).filter(|phase| *phase != Self::Up).collect()
    }
}

impl FromStr for Phase {
    type Err = PhaseError;

    fn from_str(text: &str) -> Result<Self, PhaseError> {
        let (word, number) = match text.split_once('=') {
            Some((word, number)) => (word, Some(number)),
            None => (text, None),
        };
        let refused = || PhaseError(text.to_owned());
        let (_, usual) = WORDS.into_iter().find(|(each, _)| *each == word).ok_or_else(refused)?;
        let Some(number) = number else { return Ok(usual) };
        let number = number.parse().ok().filter(|number| *number > 0).ok_or_else(refused)?;
        match usual {
            Self::Corrupt { .. } => Ok(Self::Corrupt { every: number }),
            Self::Slow { .. } => Ok(Self::Slow { bytes_per_second: number }),
            Self::Late { .. } => Ok(Self::Late { ms: number }),
            _ => Err(refused()),
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up => f.write_str("up"),
            Self::Drop => f.write_str("drop"),
            Self::Stall => f.write_str("stall"),
            Self::Cut => f.write_str("cut"),
            Self::LoseAnswer => f.write_str("lose-answer"),
            Self::Corrupt { every } => write!(f, "corrupt={every}"),
            Self::Slow { bytes_per_second } => write!(f, "slow={bytes_per_second}"),
            Self::Late { ms } => write!(f, "late={ms}"),
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "T+{:.1}s {} for {:.1}s", self.at.as_secs_f64(), self.phase, self.length.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(seed: u64) -> Schedule {
        let (up, down) = (Duration::from_secs(60), Duration::from_secs(20));
        Schedule { seed, faults: Phase::faults(), up, down }
    }

    fn first(seed: u64) -> Vec<Slot> {
        schedule(seed).slots().take(400).collect()
    }

    #[test]
    fn a_seed_decides_everything() {
        assert_eq!(first(7), first(7));
        assert_ne!(first(7), first(8));
    }

    #[test]
    fn good_and_bad_times_take_turns_and_every_fault_has_its_turn() {
        let slots = first(7);
        for (index, slot) in slots.iter().enumerate() {
            let mean = if index % 2 == 0 { 60.0 } else { 20.0 };
            assert_eq!(slot.phase == Phase::Up, index % 2 == 0);
            assert!((0.5 * mean..=1.5 * mean).contains(&slot.length.as_secs_f64()), "{slot}");
        }
        for pair in slots.windows(2) {
            assert_eq!(pair[0].at + pair[0].length, pair[1].at);
        }
        for fault in Phase::faults() {
            assert!(slots.iter().any(|slot| slot.phase == fault), "{fault}");
        }
        let total: f64 = slots.iter().map(|slot| slot.length.as_secs_f64()).sum();
        assert!((total / 16_000.0 - 1.0).abs() < 0.1, "the means hold: {total}");
    }

    #[test]
    fn without_faults_a_link_is_up() {
        let calm = Schedule { faults: Vec::new(), ..schedule(1) };
        assert!(calm.slots().take(50).all(|slot| slot.phase == Phase::Up));
    }

    #[test]
    fn phases_are_written_as_they_are_read() {
        for phase in Phase::faults() {
            assert_eq!(phase.to_string().parse(), Ok(phase));
        }
        assert_eq!("slow=100".parse(), Ok(Phase::Slow { bytes_per_second: 100 }));
        for text in ["", "down", "cut=3", "slow=0", "slow=-1", "late=x"] {
            assert!(text.parse::<Phase>().is_err(), "{text}");
        }
    }
}
