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

    /// Sets a value that was not set before.
    pub(crate) fn set(&mut self, slot: usize, value: f64) {
        if let Some(cell) = self.cells.get_mut(slot) {
            *cell = pack(value, &mut self.wide);
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

    fn unpack(&self, cell: i32) -> f64 {
        let (count, places) = (cell >> PLACES_BITS, cell & WIDE);
        match places {
            WIDE => self.wide.get(count as usize).copied().unwrap_or_default(),
            _ => value(count.into(), places as usize),
        }
    }
}

impl FromIterator<f64> for Values {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut wide = Vec::new();
        let cells = values.into_iter().map(|value| pack(value, &mut wide)).collect();
        wide.shrink_to_fit();
        Self { cells, wide }
    }
}

/// The cell of a value, which goes to the wide ones where no cell can hold it.
fn pack(value: f64, wide: &mut Vec<f64>) -> i32 {
    let narrow = (0..=MAX_PLACES).find_map(|places| Some((units(value, places)?, places as i32)));
    let (count, places) = match narrow {
        Some((units, places)) if units.abs() < NARROW => (units as i32, places),
        _ => {
            wide.push(value);
            // A shape has fewer series than there are narrow numbers.
            (wide.len() as i32 - 1, WIDE)
        }
    };
    count << PLACES_BITS | places
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
        fn every_bit_comes_back(values in proptest::collection::vec(any_value(), 0..40)) {
            let packed: Values = values.iter().copied().collect();
            let mut set = Values::zeros(values.len());
            values.iter().enumerate().rev().for_each(|(slot, &value)| set.set(slot, value));
            let bits = |value: f64| value.to_bits();
            let expected: Vec<u64> = values.into_iter().map(bits).collect();
            prop_assert_eq!(packed.iter().map(bits).collect::<Vec<_>>(), expected.clone());
            prop_assert_eq!((0..set.len()).filter_map(|slot| set.get(slot)).map(bits).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_reading_takes_a_cell_and_a_large_counter_more() {
        let values: Values =
            [21.5, -40.0, 0.0, 134_217_727.0, 134_217_728.0, -0.0, 1.0 / 3.0].into_iter().collect();
        assert_eq!(values.wide.len(), 3);
        assert_eq!(values.get(4), Some(134_217_728.0));
        assert_eq!(values.get(7), None);
    }
}
