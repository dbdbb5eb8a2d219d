//! The series of one device, each kept once: found by its labels, or at once by its place.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::DefaultHashBuilder;
use hashbrown::hash_table::{Entry, HashTable};

use crate::catalogue::Metric;
use crate::device;
use crate::fault::Rejection;
use crate::report::Sample;
use crate::series::{Series, pack};

/// Most series of one device. A chassis switch with 1,000 ports has about 15,000. Slots are counted in 16 bits.
pub const MAX_SERIES: usize = 50_000;

/// Where a builder keeps one series. Means nothing to another builder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    slot: u16,
    /// How often the slot was given to another series before.
    generation: u16,
}

#[derive(Default)]
struct Slot {
    series: Option<Arc<Series>>,
    /// The poll that last recorded it.
    poll: u32,
    generation: u16,
    /// Whether its text lies with those of others.
    packed: bool,
}

/// The series of one device.
pub(crate) struct Registry {
    labels: Arc<device::Labels>,
    hasher: DefaultHashBuilder,
    slots: Vec<Slot>,
    free: Vec<u16>,
    by_labels: HashTable<u16>,
    poll: u32,
}

impl Registry {
    pub(crate) fn new(labels: device::Labels) -> Self {
        Self {
            labels: Arc::new(labels),
            hasher: DefaultHashBuilder::default(),
            slots: Vec::new(),
            free: Vec::new(),
            by_labels: HashTable::new(),
            poll: 1,
        }
    }

    /// The labels that all series share; one allocation, which no other registry has.
    pub(crate) fn labels(&self) -> &Arc<device::Labels> {
        &self.labels
    }

    /// How many series are known.
    pub(crate) fn len(&self) -> usize {
        self.by_labels.len()
    }

    /// Finds or makes the series with these labels, once in a poll.
    pub(crate) fn find(&mut self, metric: Metric, own: &str) -> Result<Arc<Series>, Rejection> {
        let full = self.len() >= MAX_SERIES;
        match self.entry(metric, own) {
            Entry::Occupied(slot) => {
                let slot = *slot.get();
                self.mark(slot)
            }
            Entry::Vacant(_) if full => Err(Rejection::Limit),
            Entry::Vacant(_) => Ok(self.insert(metric, own)),
        }
    }

    /// The place of a series that is known.
    pub(crate) fn place(&self, series: &Series) -> Option<Place> {
        self.place_of(series.metric, series.own_text())
    }

    /// The place of the series with these labels, if it is known.
    pub(crate) fn place_of(&self, metric: Metric, own: &str) -> Option<Place> {
        let hash = self.hasher.hash_one((metric, own));
        let slot = *self.by_labels.find(hash, |&slot| is(&self.slots, slot, metric, own))?;
        Some(Place { slot, generation: self.slots.get(slot as usize)?.generation })
    }

    /// The metric of the series that a place was given for, if it is still there.
    pub(crate) fn metric(&self, place: Place) -> Option<Metric> {
        let slot = self.slots.get(place.slot as usize).filter(|slot| slot.generation == place.generation)?;
        slot.series.as_ref().map(|series| series.metric)
    }

    /// The series at a place that was not forgotten, once in a poll.
    pub(crate) fn at(&mut self, place: Place) -> Result<Arc<Series>, Rejection> {
        self.mark(place.slot)
    }

    /// Ends the poll. Of each series that it did not record, `keep` is told the number of polls since, and
    /// says whether the series stays.
    pub(crate) fn settle(&mut self, mut keep: impl FnMut(&Arc<Series>, u32) -> bool) {
        let Self { slots, free, by_labels, poll, .. } = self;
        by_labels.retain(|&mut at| {
            let Some(slot) = slots.get_mut(at as usize) else { return false };
            let age = poll.wrapping_sub(slot.poll);
            let stays = age == 0 || slot.series.as_ref().is_some_and(|series| keep(series, age));
            if !stays {
                slot.series = None;
                slot.generation = slot.generation.wrapping_add(1);
                free.push(at);
            }
            stays
        });
    }

    /// Puts the texts of series that are new together, here and in the samples of the poll that found them.
    pub(crate) fn pack(&mut self, samples: &mut [Sample]) {
        let new = self.slots.iter_mut().filter_map(|slot| match std::mem::replace(&mut slot.packed, true) {
            true => None,
            false => slot.series.as_mut(),
        });
        let new: Vec<_> = new.collect();
        if new.is_empty() {
            return;
        }
        pack(new);
        for sample in samples {
            let place = self.place(&sample.series);
            let slot = place.and_then(|place| self.slots.get(place.slot as usize));
            if let Some(series) = slot.and_then(|slot| slot.series.as_ref()) {
                sample.series = Arc::clone(series);
            }
        }
    }

    /// All series that are known.
    pub(crate) fn series(&self) -> impl Iterator<Item = &Series> {
        self.slots.iter().filter_map(|slot| slot.series.as_deref())
    }

    /// Begins the next poll.
    pub(crate) fn advance(&mut self) {
        self.poll = self.poll.wrapping_add(1);
    }

    fn entry(&mut self, metric: Metric, own: &str) -> Entry<'_, u16> {
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.by_labels.entry(
            hasher.hash_one((metric, own)),
            |&slot| is(slots, slot, metric, own),
            |&slot| {
                let series = slots.get(slot as usize).and_then(|slot| slot.series.as_deref());
                series.map_or(0, |series| hasher.hash_one((series.metric, series.own_text())))
            },
        )
    }

    fn insert(&mut self, metric: Metric, own: &str) -> Arc<Series> {
        let series = Arc::new(Series::new(metric, Arc::clone(&self.labels), own));
        let at = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u16::try_from(self.slots.len() - 1).unwrap_or(u16::MAX)
        });
        if let Some(slot) = self.slots.get_mut(at as usize) {
            slot.series = Some(Arc::clone(&series));
            slot.poll = self.poll;
            slot.packed = false;
        }
        if let Entry::Vacant(vacant) = self.entry(metric, own) {
            vacant.insert(at);
        }
        series
    }

    fn mark(&mut self, slot: u16) -> Result<Arc<Series>, Rejection> {
        let poll = self.poll;
        let slot = self.slots.get_mut(slot as usize).filter(|slot| slot.poll != poll);
        let slot = slot.ok_or(Rejection::Duplicate)?;
        slot.poll = poll;
        slot.series.clone().ok_or(Rejection::Duplicate)
    }
}

fn is(slots: &[Slot], slot: u16, metric: Metric, own: &str) -> bool {
    let series = slots.get(slot as usize).and_then(|slot| slot.series.as_deref());
    series.is_some_and(|series| series.metric == metric && series.own_text() == own)
}
