//! How a number is moved while an incident lasts: the same for every protocol.

use serde::Deserialize;

/// A number becomes `number * times + plus`; what lives goes on living underneath.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// Factor.
    pub times: f64,
    /// Summand, in the number's own unit.
    pub plus: f64,
}

impl Shift {
    /// Whatever the number is, it becomes this one.
    pub fn to(number: f64) -> Self {
        Self { times: 0.0, plus: number }
    }

    /// The number and so much more.
    pub fn by(plus: f64) -> Self {
        Self { times: 1.0, plus }
    }

    /// The number so many times.
    pub fn times(times: f64) -> Self {
        Self { times, plus: 0.0 }
    }

    /// A part of this shift: none of it at 0, all of it at 1.
    #[must_use]
    pub fn in_part(self, part: f64) -> Self {
        Self { times: 1.0 + part * (self.times - 1.0), plus: part * self.plus }
    }

    /// The number, moved.
    pub fn apply(self, number: f64) -> f64 {
        number * self.times + self.plus
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_lies_between_the_number_and_its_aim() {
        for (shift, aim) in [(Shift::to(8.0), 8.0), (Shift::by(-4.0), 16.0), (Shift::times(2.0), 40.0)] {
            assert_eq!(shift.in_part(0.0).apply(20.0), 20.0);
            assert_eq!(shift.in_part(0.5).apply(20.0), (20.0 + aim) / 2.0);
            assert_eq!(shift.in_part(1.0).apply(20.0), aim);
        }
    }
}
