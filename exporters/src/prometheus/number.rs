//! Sample values and timestamps as text.
//!
//! Follows the number rules of OpenMetrics 1.0.0: what is written reads back as the same `f64`.

use crate::prometheus::Format;
use model::Timestamp;

/// Whole numbers below 2^63 fit an `i64` and are written without exponent.
const WHOLE_BELOW: f64 = 9_223_372_036_854_775_808.0;

/// Appends a value: shortest text that reads back the same; whole numbers without a fraction or exponent.
pub(crate) fn write_value(out: &mut Vec<u8>, value: f64) {
    if value.trunc() == value && value.abs() < WHOLE_BELOW {
        #[allow(clippy::cast_possible_truncation, reason = "whole and within i64, checked above")]
        let whole = value as i64;
        out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    } else if value.is_finite() {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    } else {
        out.extend_from_slice(if value.is_nan() {
            b"NaN"
        } else if value > 0.0 {
            b"+Inf"
        } else {
            b"-Inf"
        });
    }
}

/// Appends a space and a timestamp: milliseconds in text 0.0.4, seconds in OpenMetrics.
pub(crate) fn write_timestamp(out: &mut Vec<u8>, at: Timestamp, format: Format) {
    out.push(b' ');
    let mut buffer = itoa::Buffer::new();
    match format {
        Format::Text => out.extend_from_slice(buffer.format(at).as_bytes()),
        Format::OpenMetrics => {
            if at < 0 {
                out.push(b'-');
            }
            let millis = at.unsigned_abs();
            out.extend_from_slice(buffer.format(millis / 1000).as_bytes());
            out.push(b'.');
            let fraction = millis % 1000;
            for digit in [fraction / 100, fraction / 10 % 10, fraction % 10] {
                out.extend_from_slice(itoa::Buffer::new().format(digit).as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(value: f64) -> String {
        let mut out = Vec::new();
        write_value(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_are_written_as_the_formats_want_them() {
        let expected = [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-3.0, "-3"),
            (21.5, "21.5"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e15, "1000000000000000"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ];
        for (number, text) in expected {
            assert_eq!(value(number), text);
        }
    }

    #[test]
    fn every_value_reads_back_the_same() {
        for number in
            [f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, 1e300, -1.5e-9, 2f64.powi(63), 1.0 / 3.0]
        {
            assert_eq!(value(number).parse(), Ok(number), "{}", value(number));
        }
    }

    #[test]
    fn timestamps_are_milliseconds_or_seconds() {
        let text = |at, format| {
            let mut out = Vec::new();
            write_timestamp(&mut out, at, format);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(1_700_000_000_042, Format::Text), " 1700000000042");
        assert_eq!(text(1_700_000_000_042, Format::OpenMetrics), " 1700000000.042");
        assert_eq!(text(-1, Format::OpenMetrics), " -0.001");
        assert_eq!(text(i64::MIN, Format::OpenMetrics), " -9223372036854775.808");
    }
}
