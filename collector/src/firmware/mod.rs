//! Firmware: what is wanted, what runs, what has changed.
//!
//! [`version`] orders versions as their vendors do, [`baseline`] says which are wanted and when they may change,
//! [`store`] remembers what was last seen, [`draft`] makes a baseline of it, and [`tracker`] adds compliance and changes to what polls bring. Nothing
//! here talks to a device: versions come from the readings of the drivers.

pub mod baseline;
pub mod draft;
mod format;
mod reading;
pub mod store;
pub mod tracker;
pub mod version;
pub mod window;

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::target::Target;
use baseline::Baseline;
use store::Store;
use tracker::Tracker;

/// What all targets share: the baseline that holds now, and what was last seen.
#[derive(Default)]
pub struct Firmware {
    baseline: ArcSwap<Baseline>,
    store: Arc<Store>,
}

impl Firmware {
    /// Without a baseline.
    pub fn new(store: Arc<Store>) -> Self {
        Self { baseline: ArcSwap::default(), store }
    }

    /// The baseline that holds now; empty where nothing is wanted.
    pub fn baseline(&self) -> Arc<Baseline> {
        self.baseline.load_full()
    }

    /// Makes another baseline hold, from each target's next poll on.
    pub fn set_baseline(&self, baseline: Arc<Baseline>) {
        self.baseline.store(baseline);
    }

    /// What was last seen.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Follows the firmware of a target.
    pub fn track(self: &Arc<Self>, target: &Arc<Target>) -> Tracker {
        Tracker::new(Arc::clone(self), Arc::clone(target))
    }
}
