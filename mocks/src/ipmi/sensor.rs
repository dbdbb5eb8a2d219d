//! Readings: from physical values to raw octets, states and threshold comparisons.
//!
//! IPMI 2.0 rev 1.1 sections 36.3 (reading conversion), 36.2 (non-linear sensors), 35.14 (Get Sensor Reading).

use super::bmc::{Analog, Format, Linearization, Sensor};
use super::live::Moment;

/// Where the factors of non-linear sensors change, as a raw number.
const KNEE: u8 = 128;

/// M and B of a reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Factors {
    pub(crate) m: i16,
    pub(crate) b: i16,
}

impl Analog {
    /// The factors that hold for a raw number: non-linear sensors rise twice as fast above the knee.
    pub(crate) fn factors(&self, raw: u8) -> Factors {
        if self.linearization == Linearization::NonLinear && raw >= KNEE {
            let b = self.b.saturating_sub(self.m.saturating_mul(KNEE.into()));
            return Factors { m: self.m.saturating_mul(2), b };
        }
        Factors { m: self.m, b: self.b }
    }

    /// The number that gives `value`, before it is an octet.
    fn number(&self, value: f64) -> f64 {
        let linear = match self.linearization {
            Linearization::Linear | Linearization::NonLinear => value,
            Linearization::Ln => value.exp(),
            Linearization::Log10 => 10f64.powf(value),
            Linearization::Log2 => value.exp2(),
            Linearization::Exp => value.ln(),
            Linearization::Exp10 => value.log10(),
            Linearization::Exp2 => value.log2(),
            Linearization::Reciprocal => value.recip(),
            Linearization::Square => value.sqrt(),
            Linearization::Cube => value.cbrt(),
            Linearization::SquareRoot => value.powi(2),
            Linearization::CubeRoot => value.powi(3),
        };
        let scaled = linear / 10f64.powi(self.r_exponent.into());
        let number =
            |Factors { m, b }| (scaled - f64::from(b) * 10f64.powi(self.b_exponent.into())) / f64::from(m);
        let low = number(self.factors(0));
        if low < KNEE.into() { low } else { number(self.factors(KNEE)) }
    }

    /// The least and the greatest number of an octet.
    fn range(&self) -> (f64, f64) {
        match self.format {
            Format::Unsigned => (0.0, 255.0),
            Format::OnesComplement => (-127.0, 127.0),
            Format::TwosComplement => (-128.0, 127.0),
        }
    }

    /// Whether an octet can say the value.
    pub(crate) fn says(&self, value: f64) -> bool {
        let ((least, greatest), number) = (self.range(), self.number(value).round());
        (least..=greatest).contains(&number)
    }

    /// The octet nearest to a value.
    pub(crate) fn raw(&self, value: f64) -> u8 {
        let (least, greatest) = self.range();
        let number = self.number(value).round().clamp(least, greatest);
        match self.format {
            Format::Unsigned => number as u8,
            Format::TwosComplement => (number as i8).cast_unsigned(),
            Format::OnesComplement if number < 0.0 => !(-number as u8),
            Format::OnesComplement => number as u8,
        }
    }

    /// The thresholds' octets and which of them there are, lower non-critical in bit 0.
    pub(crate) fn thresholds(&self) -> (u8, [u8; 6]) {
        let all = self.thresholds.all();
        let mask = (0..).zip(all).fold(0, |mask, (bit, value)| mask | u8::from(value.is_some()) << bit);
        (mask, all.map(|value| value.map_or(0, |value| self.raw(value))))
    }

    /// The value at a moment.
    pub(crate) fn value_at(&self, sensor: &Sensor, moment: Moment) -> f64 {
        self.value + self.drift * moment.drift(sensor.number.into())
    }

    /// Which thresholds are passed, section 35.14 byte 4.
    pub(crate) fn comparison(&self, value: f64) -> u8 {
        (0..).zip(self.thresholds.all()).fold(0, |status, (bit, threshold)| {
            let passed = threshold.is_some_and(|limit| if bit < 3 { value <= limit } else { value >= limit });
            status | u8::from(passed) << bit
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn analog(json: &str) -> Analog {
        serde_json::from_str(json).unwrap()
    }

    /// Worked by hand with y = L[(M x + B 10^K1) 10^K2].
    #[test]
    fn raw_numbers() {
        let plain = analog(r#"{"unit": 1, "m": 1, "value": 22}"#);
        assert_eq!((plain.raw(22.0), plain.says(256.0), plain.says(-1.0)), (22, false, false));
        let twos = analog(r#"{"unit": 1, "m": 1, "format": "twos-complement", "value": -5}"#);
        assert_eq!(twos.raw(-5.0), 0xfb);
        let ones = analog(r#"{"unit": 1, "m": 1, "format": "ones-complement", "value": -5}"#);
        assert_eq!(ones.raw(-5.0), 0xfa);
        // (50 x + 1 10^2) 10^-3 with x = 236 is 11.9.
        let volts = r#"{"unit": 4, "m": 50, "b": 1, "b-exponent": 2, "r-exponent": -3, "value": 11.9}"#;
        assert_eq!(analog(volts).raw(11.9), 236);
        let square = analog(r#"{"unit": 6, "m": 1, "linearization": "square", "value": 400}"#);
        assert_eq!(square.raw(400.0), 20);
        // M doubles from 128 on, and B makes up for it: 128 says 128, 138 says 148.
        let bent = analog(r#"{"unit": 6, "m": 1, "linearization": "non-linear", "value": 148}"#);
        assert_eq!((bent.raw(127.0), bent.raw(128.0), bent.raw(148.0)), (127, 128, 138));
        assert_eq!(bent.factors(138), Factors { m: 2, b: -128 });
    }
}
