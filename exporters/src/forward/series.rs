//! What is remembered of series: found by their address, bounded.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::buffer::batch::StoredSeries;

/// Most series that anything is remembered of. A site has a thousand times fewer; beyond it everything is
/// forgotten and learned again, which costs time and nothing else.
pub(crate) const MAX_SERIES: usize = 1_000_000;

/// A value for each series. The series are held, so that no other can come to have their address.
pub(crate) struct SeriesMap<T> {
    entries: HashMap<usize, (Arc<StoredSeries>, T)>,
    limit: usize,
}

impl<T> Default for SeriesMap<T> {
    fn default() -> Self {
        Self::new(MAX_SERIES)
    }
}

impl<T> SeriesMap<T> {
    /// An empty map that forgets everything once it holds `limit` series.
    pub(crate) fn new(limit: usize) -> Self {
        Self { entries: HashMap::new(), limit }
    }

    /// Whether one more series makes it forget the others.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= self.limit
    }

    /// The value of a series, made where there is none.
    pub(crate) fn get(
        &mut self,
        series: &Arc<StoredSeries>,
        make: impl FnOnce(&StoredSeries) -> T,
    ) -> &mut T {
        let key = Arc::as_ptr(series).addr();
        if self.is_full() && !self.entries.contains_key(&key) {
            self.entries.clear();
        }
        &mut self.entries.entry(key).or_insert_with(|| (Arc::clone(series), make(series))).1
    }

    /// Forgets one series.
    pub(crate) fn remove(&mut self, series: &Arc<StoredSeries>) -> Option<T> {
        self.entries.remove(&Arc::as_ptr(series).addr()).map(|(_, value)| value)
    }

    /// All of them.
    pub(crate) fn iter(&mut self) -> impl Iterator<Item = (&Arc<StoredSeries>, &mut T)> {
        self.entries.values_mut().map(|(series, value)| (&*series, value))
    }

    /// Takes out all of them.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (Arc<StoredSeries>, T)> {
        self.entries.drain().map(|(_, entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::metric;

    fn series() -> Arc<StoredSeries> {
        Arc::new(StoredSeries { metric: metric::HW_POWER, device: "".into(), own: "".into(), since: 0 })
    }

    #[test]
    fn a_series_is_known_by_its_address_and_all_are_forgotten_at_the_limit() {
        let mut map = SeriesMap::new(2);
        let [first, second, third] = [series(), series(), series()];
        *map.get(&first, |_| 1) += 10;
        map.get(&second, |_| 2);
        assert_eq!((*map.get(&first, |_| 3), *map.get(&second, |_| 3)), (11, 2));
        map.get(&third, |_| 4);
        assert_eq!((*map.get(&third, |_| 5), *map.get(&first, |_| 6)), (4, 6));
        assert_eq!(map.remove(&first), Some(6));
        assert_eq!(map.drain().map(|(_, value)| value).collect::<Vec<_>>(), [4]);
    }
}
