//! Every series of the log, kept once, so that the same series is the same `Arc` wherever it is read from.

use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};
use model::{Metric, Timestamp};

use crate::buffer::batch::StoredSeries;

/// Fewest series before it is worth to look for those that nobody needs any more.
const MIN_SWEEP: usize = 1_024;

/// The series that rows in memory name.
#[derive(Debug, Default)]
pub(crate) struct Names {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    hasher: DefaultHashBuilder,
    series: HashTable<Arc<StoredSeries>>,
    devices: HashTable<Arc<str>>,
    /// At how many series the unused ones are dropped.
    sweep_at: usize,
}

impl Names {
    /// The series of this name. `since` counts where it is new.
    pub(crate) fn series(
        &self,
        metric: Metric,
        device: &str,
        own: &str,
        since: Timestamp,
    ) -> Arc<StoredSeries> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.series.len() >= known.sweep_at.max(MIN_SWEEP) {
            known.sweep();
        }
        let Known { hasher, series, devices, .. } = &mut *known;
        let hash = |each: &StoredSeries| hasher.hash_one((each.metric.index(), &*each.device, &*each.own));
        let wanted = hasher.hash_one((metric.index(), device, own));
        let same =
            |each: &Arc<StoredSeries>| each.metric == metric && &*each.own == own && &*each.device == device;
        match series.entry(wanted, same, |each| hash(each)) {
            Entry::Occupied(entry) => Arc::clone(entry.get()),
            Entry::Vacant(entry) => {
                let device = shared(hasher, devices, device);
                let new = Arc::new(StoredSeries { metric, device, own: own.into(), since });
                entry.insert(Arc::clone(&new));
                new
            }
        }
    }
}

impl Known {
    fn sweep(&mut self) {
        self.series.retain(|series| Arc::strong_count(series) > 1);
        self.devices.retain(|device| Arc::strong_count(device) > 1);
        self.sweep_at = self.series.len().saturating_mul(2);
    }
}

fn shared(hasher: &DefaultHashBuilder, devices: &mut HashTable<Arc<str>>, device: &str) -> Arc<str> {
    let hash = |text: &str| {
        let mut state = hasher.build_hasher();
        text.hash(&mut state);
        std::hash::Hasher::finish(&state)
    };
    match devices.entry(hash(device), |each| &**each == device, |each| hash(each)) {
        Entry::Occupied(entry) => Arc::clone(entry.get()),
        Entry::Vacant(entry) => Arc::clone(entry.insert(device.into()).get()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::metric;

    #[test]
    fn a_series_is_kept_once_and_given_up_when_nobody_has_it() {
        let names = Names::default();
        let first = names.series(metric::HW_POWER, "a", "x", 1);
        let again = names.series(metric::HW_POWER, "a", "x", 2);
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(again.since, 1);
        let other = names.series(metric::HW_ENERGY, "a", "x", 3);
        assert!(Arc::ptr_eq(&first.device, &other.device));
        for number in 0..10_000 {
            names.series(metric::HW_POWER, "a", &number.to_string(), 0);
        }
        assert!(names.known.lock().unwrap().series.len() <= MIN_SWEEP);
        assert!(Arc::ptr_eq(&first, &names.series(metric::HW_POWER, "a", "x", 9)));
    }
}
