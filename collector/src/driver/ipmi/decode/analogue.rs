//! From a raw reading to a number (sections 36.3 and 43.1, bytes 21 to 30).

use super::sdr::Units;

/// How the raw byte is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Unsigned,
    OnesComplement,
    TwosComplement,
}

/// y = L((M x + B 10^K1) 10^K2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Conversion {
    pub(crate) format: Format,
    /// Bits 6 to 0 of the linearisation byte.
    pub(crate) linearisation: u8,
    pub(crate) factors: Factors,
}

/// The factors of a conversion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Factors {
    m: i16,
    b: i16,
    /// K1.
    b_exponent: i8,
    /// K2.
    result_exponent: i8,
}

impl Factors {
    /// From M, M and tolerance, B, B and accuracy, accuracy, exponents: in records and in the reply of Get
    /// Sensor Reading Factors alike.
    pub(crate) fn decode([m, m_high, b, b_high, _, exponents]: [u8; 6]) -> Self {
        Self {
            m: ten_bits(m, m_high),
            b: ten_bits(b, b_high),
            b_exponent: four_bits(exponents),
            result_exponent: four_bits(exponents >> 4),
        }
    }
}

/// Two's complement: eight low bits, and two more at the top of the other byte.
fn ten_bits(low: u8, high: u8) -> i16 {
    let value = i16::from(high >> 6) << 8 | i16::from(low);
    if value >= 512 { value - 1024 } else { value }
}

/// Two's complement in the low four bits.
fn four_bits(byte: u8) -> i8 {
    let value = (byte & 15).cast_signed();
    if value >= 8 { value - 16 } else { value }
}

impl Conversion {
    /// Whether the factors depend on the reading and have to be asked for.
    pub(crate) const fn is_nonlinear(&self) -> bool {
        self.linearisation >= 0x70
    }

    /// The number of a raw reading, in the sensor's unit. `None` where the formula has no value.
    pub(crate) fn apply(&self, raw: u8) -> Option<f64> {
        let x = match self.format {
            Format::Unsigned => f64::from(raw),
            Format::TwosComplement => f64::from(raw.cast_signed()),
            Format::OnesComplement if raw < 0x80 => f64::from(raw),
            Format::OnesComplement => -f64::from(!raw),
        };
        let Factors { m, b, b_exponent, result_exponent } = self.factors;
        // Dividing by a power of ten rounds once; multiplying by its reciprocal rounds twice.
        let y = scale(f64::from(m) * x + scale(b.into(), b_exponent), result_exponent);
        let y = match self.linearisation {
            0 | 0x70..=0x7f => y,
            1 => y.ln(),
            2 => y.log10(),
            3 => y.log2(),
            4 => y.exp(),
            5 => 10_f64.powf(y),
            6 => y.exp2(),
            7 => y.recip(),
            8 => y * y,
            9 => y * y * y,
            10 => y.sqrt(),
            11 => y.cbrt(),
            _ => return None,
        };
        y.is_finite().then_some(y)
    }
}

/// Powers of ten that a signed exponent of four bits asks for.
const POWERS: [f64; 9] = [1.0, 10.0, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];

fn scale(value: f64, exponent: i8) -> f64 {
    let power = POWERS.get(usize::from(exponent.unsigned_abs())).copied().unwrap_or(f64::NAN);
    if exponent < 0 { value / power } else { value * power }
}

/// A physical quantity that the catalogue has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantity {
    Temperature,
    Voltage,
    Current,
    Power,
    Energy,
    Rotation,
    AirFlow,
    Pressure,
    Percent,
    ApparentPower,
    Frequency,
}

/// Quantity, and the line (factor, offset) that leads to the catalogue's unit (table 43-15).
pub(crate) fn quantity(units: Units) -> Option<(Quantity, f64, f64)> {
    use Quantity as Q;
    if units.percentage {
        return Some((Q::Percent, 0.01, 0.0));
    }
    if units.is_compound {
        return None;
    }
    Some(match units.base {
        1 => (Q::Temperature, 1.0, 0.0),
        2 => (Q::Temperature, 5.0 / 9.0, -160.0 / 9.0),
        3 => (Q::Temperature, 1.0, -273.15),
        4 => (Q::Voltage, 1.0, 0.0),
        5 => (Q::Current, 1.0, 0.0),
        6 => (Q::Power, 1.0, 0.0),
        7 => (Q::Energy, 1.0, 0.0),
        9 => (Q::ApparentPower, 1.0, 0.0),
        14 => (Q::Pressure, 1e3, 0.0),
        // A pound-force per square inch.
        15 => (Q::Pressure, 6_894.757_293_168, 0.0),
        // A cubic foot is 0.028316846592 m3.
        17 => (Q::AirFlow, 0.028_316_846_592 / 60.0, 0.0),
        18 => (Q::Rotation, 1.0, 0.0),
        19 => (Q::Frequency, 1.0, 0.0),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(format: Format, linearisation: u8, factors: [u8; 6], raw: u8) -> Option<f64> {
        Conversion { format, linearisation, factors: Factors::decode(factors) }.apply(raw)
    }

    const PLAIN: [u8; 6] = [1, 0, 0, 0, 0, 0];

    #[test]
    fn raw_bytes_are_signed_as_the_record_says() {
        assert_eq!(convert(Format::Unsigned, 0, PLAIN, 0xff), Some(255.0));
        assert_eq!(convert(Format::TwosComplement, 0, PLAIN, 0xff), Some(-1.0));
        assert_eq!(convert(Format::OnesComplement, 0, PLAIN, 0xfe), Some(-1.0));
        assert_eq!(convert(Format::OnesComplement, 0, PLAIN, 0x80), Some(-127.0));
        assert_eq!(convert(Format::OnesComplement, 0, PLAIN, 0x7f), Some(127.0));
    }

    #[test]
    fn factors_have_ten_bits_and_signed_exponents() {
        // M = -1, B = -512, K1 = 1, K2 = -2: (-x - 5120) / 100.
        assert_eq!(convert(Format::Unsigned, 0, [0xff, 0xc0, 0x00, 0x80, 0, 0xe1], 80), Some(-52.0));
        // 12 V: 0.1 V for each step.
        assert_eq!(convert(Format::Unsigned, 0, [1, 0, 0, 0, 0, 0xf0], 120), Some(12.0));
    }

    #[test]
    fn units_lead_to_those_of_the_catalogue() {
        let convert = |base: u8, value: f64| {
            let (quantity, factor, offset) =
                quantity(Units { percentage: false, base, is_compound: false }).unwrap();
            (quantity, ((value * factor + offset) * 1e6).round() / 1e6)
        };
        assert_eq!(convert(2, 212.0), (Quantity::Temperature, 100.0));
        assert_eq!(convert(3, 273.15), (Quantity::Temperature, 0.0));
        assert_eq!(convert(14, 101.325), (Quantity::Pressure, 101_325.0));
        assert_eq!(convert(15, 1.0), (Quantity::Pressure, 6_894.757_293));
        assert_eq!(convert(17, 2_118.88), (Quantity::AirFlow, 1.0));
        assert_eq!(quantity(Units { percentage: false, base: 6, is_compound: true }), None);
        assert_eq!(quantity(Units { percentage: false, base: 10, is_compound: false }), None);
    }

    #[test]
    fn the_twelve_linearisations_are_functions_of_the_line() {
        let close = |linearisation: u8, raw: u8, expected: f64| {
            let value = convert(Format::Unsigned, linearisation, PLAIN, raw).unwrap();
            assert!((value - expected).abs() < 1e-9, "{linearisation}: {value}");
        };
        close(0, 7, 7.0);
        close(1, 1, 0.0);
        close(2, 100, 2.0);
        close(3, 8, 3.0);
        close(4, 0, 1.0);
        close(5, 3, 1000.0);
        close(6, 10, 1024.0);
        close(7, 4, 0.25);
        close(8, 12, 144.0);
        close(9, 5, 125.0);
        close(10, 81, 9.0);
        close(11, 27, 3.0);
        assert_eq!(convert(Format::Unsigned, 7, PLAIN, 0), None, "1/0 is no reading");
        assert_eq!(convert(Format::Unsigned, 1, PLAIN, 0), None);
        assert_eq!(convert(Format::Unsigned, 12, PLAIN, 1), None, "reserved");
    }
}
