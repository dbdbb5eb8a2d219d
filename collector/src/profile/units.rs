//! Units that devices use, and the way from each to the catalogue's.

use model::Unit;

/// How a number in a device's unit becomes one in the catalogue's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Conversion {
    /// `(number + shift) x numerator / denominator`: a decimal fraction stays the nearest number to it.
    Linear {
        /// Is added first.
        shift: f64,
        /// Is multiplied by.
        numerator: f64,
        /// Is divided by.
        denominator: f64,
    },
    /// `10 log10(number x milliwatts)`: power to decibels relative to one milliwatt.
    Decibel {
        /// Milliwatts in one unit.
        milliwatts: f64,
    },
}

impl Conversion {
    /// Leaves a number as it is.
    pub(crate) const NONE: Self = by(1.0);

    /// Converts. No light is no decibels: the result is then not finite.
    pub(crate) fn apply(self, number: f64) -> f64 {
        match self {
            Self::Linear { shift, numerator, denominator } => (number + shift) * numerator / denominator,
            Self::Decibel { milliwatts } => 10.0 * (number * milliwatts).log10(),
        }
    }
}

const fn by(factor: f64) -> Conversion {
    Conversion::Linear { shift: 0.0, numerator: factor, denominator: 1.0 }
}

const fn over(denominator: f64) -> Conversion {
    Conversion::Linear { shift: 0.0, numerator: 1.0, denominator }
}

/// Units by name: the catalogue's unit that each becomes, and how.
#[rustfmt::skip]
const UNITS: &[(&str, Unit, Conversion)] = &[
    ("ratio", Unit::One, Conversion::NONE),
    ("percent", Unit::One, over(100.0)),
    ("seconds", Unit::Seconds, Conversion::NONE),
    ("ticks", Unit::Seconds, over(100.0)),
    ("milliseconds", Unit::Seconds, over(1000.0)),
    ("minutes", Unit::Seconds, by(60.0)),
    ("hours", Unit::Seconds, by(3600.0)),
    ("days", Unit::Seconds, by(86_400.0)),
    ("W", Unit::Watts, Conversion::NONE),
    ("mW", Unit::Watts, over(1000.0)),
    ("kW", Unit::Watts, by(1000.0)),
    ("J", Unit::Joules, Conversion::NONE),
    ("kJ", Unit::Joules, by(1000.0)),
    ("Wh", Unit::Joules, by(3600.0)),
    ("kWh", Unit::Joules, by(3.6e6)),
    ("V", Unit::Volts, Conversion::NONE),
    ("mV", Unit::Volts, over(1000.0)),
    ("kV", Unit::Volts, by(1000.0)),
    ("A", Unit::Amperes, Conversion::NONE),
    ("mA", Unit::Amperes, over(1000.0)),
    ("uA", Unit::Amperes, over(1e6)),
    ("VA", Unit::VoltAmperes, Conversion::NONE),
    ("kVA", Unit::VoltAmperes, by(1000.0)),
    ("Hz", Unit::Hertz, Conversion::NONE),
    ("celsius", Unit::Celsius, Conversion::NONE),
    ("fahrenheit", Unit::Celsius, Conversion::Linear { shift: -32.0, numerator: 5.0, denominator: 9.0 }),
    ("kelvin", Unit::Celsius, Conversion::Linear { shift: -273.15, numerator: 1.0, denominator: 1.0 }),
    ("rpm", Unit::Rpm, Conversion::NONE),
    ("m3/s", Unit::CubicMetersPerSecond, Conversion::NONE),
    ("m3/h", Unit::CubicMetersPerSecond, over(3600.0)),
    ("m3/min", Unit::CubicMetersPerSecond, over(60.0)),
    ("l/min", Unit::CubicMetersPerSecond, over(60_000.0)),
    ("cfm", Unit::CubicMetersPerSecond, by(0.028_316_846_592 / 60.0)),
    ("Pa", Unit::Pascals, Conversion::NONE),
    ("hPa", Unit::Pascals, by(100.0)),
    ("kPa", Unit::Pascals, by(1000.0)),
    ("bar", Unit::Pascals, by(100_000.0)),
    ("psi", Unit::Pascals, by(6_894.757_293_168)),
    ("bytes", Unit::Bytes, Conversion::NONE),
    ("bits", Unit::Bytes, over(8.0)),
    ("kilobytes", Unit::Bytes, by(1000.0)),
    ("bytes/s", Unit::BytesPerSecond, Conversion::NONE),
    ("bit/s", Unit::BytesPerSecond, over(8.0)),
    ("kbit/s", Unit::BytesPerSecond, by(125.0)),
    ("Mbit/s", Unit::BytesPerSecond, by(125_000.0)),
    ("dBm", Unit::DecibelMilliwatts, Conversion::NONE),
    ("W", Unit::DecibelMilliwatts, Conversion::Decibel { milliwatts: 1000.0 }),
    ("mW", Unit::DecibelMilliwatts, Conversion::Decibel { milliwatts: 1.0 }),
    ("uW", Unit::DecibelMilliwatts, Conversion::Decibel { milliwatts: 0.001 }),
    ("m", Unit::Meters, Conversion::NONE),
];

/// The way from the unit `name` to the catalogue's `unit`, if there is one.
pub(crate) fn find(name: &str, unit: Unit) -> Option<Conversion> {
    UNITS.iter().find(|row| row.0 == name && row.1 == unit).map(|row| row.2)
}

/// Names of the units from which there is a way to `unit`, for messages.
pub(crate) fn names(unit: Unit) -> String {
    let names: Vec<_> = UNITS.iter().filter(|row| row.1 == unit).map(|row| row.0).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(number: f64, from: &str, to: Unit) -> f64 {
        find(from, to).unwrap().apply(number)
    }

    #[test]
    fn known_points() {
        let close = |left: f64, right: f64| assert!((left - right).abs() < 1e-6, "{left} {right}");
        close(convert(212.0, "fahrenheit", Unit::Celsius), 100.0);
        close(convert(32.0, "fahrenheit", Unit::Celsius), 0.0);
        close(convert(0.0, "kelvin", Unit::Celsius), -273.15);
        close(convert(1.0, "kWh", Unit::Joules), 3_600_000.0);
        close(convert(1000.0, "Mbit/s", Unit::BytesPerSecond), 125e6);
        close(convert(1.0, "mW", Unit::DecibelMilliwatts), 0.0);
        close(convert(0.5, "W", Unit::DecibelMilliwatts), 26.989_700);
        close(convert(1.0, "cfm", Unit::CubicMetersPerSecond), 0.000_471_947_443);
        assert!(!convert(0.0, "mW", Unit::DecibelMilliwatts).is_finite());
        assert_eq!(find("celsius", Unit::Watts), None);
    }
}
