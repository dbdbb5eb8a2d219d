//! The values of a row while it is in memory: a short decimal, as most readings are, takes 4 bytes, another value 12.
//!
//! Pure, and bit-exact. Any value can be reached by its place without those before.

use crate::buffer::decimal::{MAX_PLACES, units, value};

/// Bits of a cell that say how many decimal places it has, below its units.
const PLACES_BITS: u32 = 4;
/// In their place: the units are where the value stands among the wide ones.
const WIDE: i32 = (1 << PLACES_BITS) - 1;
/// What units have to be below, either sign: 27 bits.
const NARROW: i64 = 1 << (31 - PLACES_BITS);

/// The values of a row by the slots of its shape.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values {
    cells: Box<[i32]>,
    /// Those that no cell can hold.
    wide: Vec<f64>,
}

impl Values {
    /// As many zeros, to be set.
    pub(crate) fn zeros(count: usize) -> Self {
        Self { cells: vec![0; count].into_boxed_slice(), wide: Vec::new() }
    }

    /// Sets a value that was not set before, with the decimal places that it likely has.
    pub(crate) fn set(&mut self, slot: usize, value: f64, likely: usize) {
        if let Some(cell) = self.cells.get_mut(slot) {
            *cell = pack(value, likely, &mut self.wide);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }

    /// The value of a slot.
    pub(crate) fn get(&self, slot: usize) -> Option<f64> {
        self.cells.get(slot).map(|&cell| self.unpack(cell))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = f64> {
        self.cells.iter().map(|&cell| self.unpack(cell))
    }

    /// The decimal places of each, as they are likely to be again; too many where they are not known.
    pub(crate) fn places(&self) -> impl Iterator<Item = usize> {
        self.cells.iter().map(|&cell| (cell & WIDE) as usize)
    }

    fn unpack(&self, cell: i32) -> f64 {
        let (count, places) = (cell >> PLACES_BITS, cell & WIDE);
        match places {
            WIDE => self.wide.get(count as usize).copied().unwrap_or_default(),
            _ => value(count.into(), places as usize),
        }
    }
}

/// Of values and the decimal places that each likely has.
impl FromIterator<(f64, usize)> for Values {
    fn from_iter<I: IntoIterator<Item = (f64, usize)>>(values: I) -> Self {
        let mut wide = Vec::new();
        let cells = values.into_iter().map(|(value, likely)| pack(value, likely, &mut wide)).collect();
        wide.shrink_to_fit();
        Self { cells, wide }
    }
}

/// The cell of a value, which goes to the wide ones where no cell can hold it.
fn pack(value: f64, likely: usize, wide: &mut Vec<f64>) -> i32 {
    let exact = |places| Some((units(value, places)?, places));
    let narrow = |cell: &(i64, usize)| cell.0.abs() < NARROW;
    // More places than needed take more room: they fit, or the fewest are looked for.
    let likely = exact(likely).filter(narrow);
    let found = likely.or_else(|| (0..=MAX_PLACES).find_map(exact).filter(narrow));
    let (count, places) = found.unwrap_or_else(|| {
        wide.push(value);
        // A shape has fewer series than there are narrow numbers.
        (wide.len() as i64 - 1, WIDE as usize)
    });
    (count as i32) << PLACES_BITS | places as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_value() -> impl Strategy<Value = f64> {
        prop_oneof![
            (-200_000_000_i64..200_000_000, 0_i32..12)
                .prop_map(|(units, places)| units as f64 / 10_f64.powi(places)),
            any::<u64>().prop_map(f64::from_bits),
            prop_oneof![Just(f64::NAN), Just(-0.0), Just(0.0), Just(f64::INFINITY), Just(1e300)],
        ]
    }

    proptest! {
        #[test]
        fn every_bit_comes_back(values in proptest::collection::vec((any_value(), 0_usize..16), 0..40)) {
            let packed: Values = values.iter().copied().collect();
            let mut set = Values::zeros(values.len());
            values.iter().enumerate().rev().for_each(|(slot, &(value, likely))| set.set(slot, value, likely));
            let bits = |value: f64| value.to_bits();
            let expected: Vec<u64> = values.into_iter().map(|(value, _)| bits(value)).collect();
            prop_assert_eq!(packed.iter().map(bits).collect::<Vec<_>>(), expected.clone());
            prop_assert_eq!((0..set.len()).filter_map(|slot| set.get(slot)).map(bits).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_reading_takes_a_cell_and_a_large_counter_more() {
        for likely in 0..16 {
            let values = [21.5, -40.0, 0.0, 134_217_727.0, 134_217_728.0, -0.0, 1.0 / 3.0];
            let values: Values = values.into_iter().map(|value| (value, likely)).collect();
            assert_eq!(values.wide.len(), 3, "{likely} places");
            assert_eq!(values.get(4), Some(134_217_728.0));
            assert_eq!(values.get(7), None);
        }
    }

    #[test]
    fn the_places_that_are_likely_stay_while_they_do() {
        let places = |value: f64, likely| [(value, likely)].into_iter().collect::<Values>().places().next();
        assert_eq!(places(21.5, 0), Some(1));
        assert_eq!(places(21.5, 2), Some(2));
        assert_eq!(places(21.125, 2), Some(3));
        // Two places more would not fit.
        assert_eq!(places(100_000_000.0, 2), Some(0));
    }
}
