//! Readings as what they are: whole numbers of a decimal place.
//!
//! Pure, and exact or not at all.

/// Most decimal places. Readings have three or four; a clock's seconds three.
pub(crate) const MAX_PLACES: usize = 9;
/// What a unit of each place is a part of.
pub(crate) const POWERS: [f64; MAX_PLACES + 1] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
/// Whole numbers up to here are exact in 64-bit floating point.
pub(crate) const EXACT: f64 = 9_007_199_254_740_992.0;

/// What makes the sum of it and a number below 2^51 a whole number, rounded to even: the last bit of the sum is 1.
const ROUNDS: f64 = 1.5 * 4_503_599_627_370_496.0;
/// Rounding twice, to the value and to its product, is off by less than this part of it.
const NEAR: f64 = 2.0 * f64::EPSILON;

/// The value as a whole number of units of this decimal place, where it is exactly that. Minus zero is no decimal.
pub(crate) fn units(value: f64, places: usize) -> Option<i64> {
    let power = POWERS.get(places)?;
    let scaled = value * power;
    let units =
        if scaled.abs() < EXACT / 4.0 { (scaled + ROUNDS) - ROUNDS } else { scaled.round_ties_even() };
    // Most are told apart without the division.
    let near = (scaled - units).abs() <= units.abs() * NEAR && units.abs() < EXACT;
    (near && ((units as i64) as f64 / power).to_bits() == value.to_bits()).then_some(units as i64)
}

/// The value of so many units.
pub(crate) fn value(units: i64, places: usize) -> f64 {
    units as f64 / POWERS.get(places).copied().unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_decimal_is_found_and_nothing_else(
            digits in -9_007_199_254_740_991_i64..9_007_199_254_740_992, shift in 2_u32..53, places in 0_usize..10, bits in any::<u64>(),
        ) {
            let digits = digits >> shift;
            prop_assert_eq!(units(digits as f64 / POWERS[places], places), Some(digits));
            for value in [f64::from_bits(bits), digits as f64 / 7.0] {
                let product = (value * POWERS[places]).round_ties_even();
                let exact = product.abs() < EXACT && (product / POWERS[places] + 0.0).to_bits() == value.to_bits();
                prop_assert_eq!(units(value, places), exact.then_some(product as i64));
            }
        }
    }

    #[test]
    fn what_is_no_number_is_no_decimal() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e300, 0.05 + 1e-17_f64.sqrt()] {
            assert_eq!(units(value, 1), None, "{value}");
        }
        assert_eq!(
            (units(0.0, 3), units(21.5, 1), units(-21.5, 1), units(21.5, 0)),
            (Some(0), Some(215), Some(-215), None)
        );
    }
}
