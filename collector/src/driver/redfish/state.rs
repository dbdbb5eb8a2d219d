//! What is remembered of one device from poll to poll: its structure, its slow readings, its logs.
//!
//! Holds no session and no secret. Everything here can be lost: the next poll learns it again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use model::{ReportBuilder, Sample, Series, Timestamp, metric};
use serde_json::{Value, json};

use super::logs::Logs;
use super::normalise::shown::Shown;
use super::value::{link, path_of};

/// Slow readings are told from memory for as many of their intervals, then they are stale.
const KEPT_INTERVALS: i64 = 3;

/// Most structural documents kept; the largest trays have about 200.
const MAX_STRUCTURE: usize = 2048;

/// Links of the service root that are followed.
const ROOT_LINKS: &[&str] = &["Chassis", "Systems", "Managers", "PowerEquipment", "UpdateService"];

/// Resources that are read on the inventory interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Managers,
    Processors,
    Memory,
    Storage,
    Firmware,
    Logs,
}

impl Family {
    const COUNT: usize = Self::Logs as usize + 1;
}

/// The readings of one family.
#[derive(Debug, Default)]
struct Slow {
    tried: Option<Timestamp>,
    read: Option<Timestamp>,
    samples: Vec<Sample>,
    /// The presence of parts that could not be read for so long that nothing is told of them: they have not vanished.
    lost: Vec<Arc<Series>>,
}

/// Memory of one device.
#[derive(Debug)]
pub struct State {
    interval: i64,
    surveyed: Option<Timestamp>,
    pub(crate) chassis: Vec<Arc<Value>>,
    /// The systems, each as it was last read.
    pub(crate) systems: Vec<Arc<Value>>,
    /// What the newer resources have shown.
    pub(crate) shown: Arc<Shown>,
    chassis_read: Option<Timestamp>,
    /// Where the links of the service root led, until there is nothing.
    root_links: HashMap<&'static str, String>,
    /// Documents that only change with the hardware, by path.
    structure: HashMap<String, Arc<Value>>,
    /// Paths that had nothing at the last survey: not asked for again before the next.
    barren: HashSet<String>,
    /// Since when paths that held parts say that there is nothing.
    missing: HashMap<String, Timestamp>,
    /// Members that are worth asking for, of collections that hold others too.
    wanted: HashMap<String, Vec<String>>,
    /// Path of the intake sensor of a chassis, by the path of the chassis.
    pub(crate) intakes: HashMap<String, String>,
    slow: [Slow; Family::COUNT],
    pub(crate) logs: Logs,
}

impl State {
    /// Nothing known yet. Slow resources will be read every `inventory_interval`.
    pub fn new(inventory_interval: Duration) -> Self {
        Self {
            interval: i64::try_from(inventory_interval.as_millis()).unwrap_or(i64::MAX),
            surveyed: None,
            chassis: Vec::new(),
            systems: Vec::new(),
            shown: Arc::default(),
            chassis_read: None,
            root_links: HashMap::new(),
            structure: HashMap::new(),
            barren: HashSet::new(),
            missing: HashMap::new(),
            wanted: HashMap::new(),
            intakes: HashMap::new(),
            slow: Default::default(),
            logs: Logs::default(),
        }
    }

    /// Whether the structure of the device is to be read anew. If so, what was learned of it is forgotten.
    pub(crate) fn begin_survey(&mut self, now: Timestamp) -> bool {
        let due = self.chassis_read.is_none() || self.is_due(self.surveyed, now);
        if due {
            self.surveyed = Some(now);
            self.structure.clear();
            self.barren.clear();
            self.wanted.clear();
        }
        due
    }

    /// A service root with the links that it had and lacks. A device that starts does not have all of them, and what
    /// they led to is asked for all the same: it answers, or is missing as other things are.
    pub(crate) fn with_known_links(&mut self, mut root: Arc<Value>) -> Arc<Value> {
        for key in ROOT_LINKS {
            if let Some(path) = link(&root, key) {
                self.root_links.insert(key, path.to_owned());
            } else if let Some(path) = self.root_links.get(key)
                && let Some(fields) = Arc::make_mut(&mut root).as_object_mut()
            {
                fields.insert((*key).to_owned(), json!({"@odata.id": path}));
            }
        }
        root
    }

    /// Takes the systems of a poll; where not all were read, the others stay as they were.
    pub(crate) fn learn_systems(&mut self, systems: &[Arc<Value>], whole: bool) {
        if whole {
            return self.systems = systems.to_vec();
        }
        for doc in systems {
            if let Some(known) = self.systems.iter_mut().find(|known| path_of(known) == path_of(doc)) {
                known.clone_from(doc);
            } else if self.systems.len() < MAX_STRUCTURE {
                self.systems.push(Arc::clone(doc));
            }
        }
    }

    /// Takes the chassis of a survey.
    pub(crate) fn learn_chassis(&mut self, chassis: Vec<Arc<Value>>, now: Timestamp) {
        self.chassis = chassis;
        self.chassis_read = Some(now);
    }

    /// Forgets chassis that have not been confirmed for too long.
    pub(crate) fn forget_old_chassis(&mut self, now: Timestamp) {
        if !self.is_fresh(self.chassis_read, now) {
            self.chassis.clear();
        }
    }

    pub(crate) fn structure(&self, path: &str) -> Option<Arc<Value>> {
        self.structure.get(path).cloned()
    }

    pub(crate) fn learn_structure(&mut self, path: &str, doc: &Arc<Value>) {
        if self.structure.len() < MAX_STRUCTURE {
            self.structure.insert(path.to_owned(), Arc::clone(doc));
        }
    }

    pub(crate) fn is_barren(&self, path: &str) -> bool {
        self.barren.contains(path)
    }

    /// Notes that there is nothing at this path.
    pub(crate) fn learn_barren(&mut self, path: &str) {
        self.root_links.retain(|_, known| known != path);
        if self.barren.len() < MAX_STRUCTURE {
            self.barren.insert(path.to_owned());
        }
    }

    /// Notes that a path that held parts says that there is nothing. Whether it has for so long that it is believed.
    pub(crate) fn is_gone(&mut self, path: &str, now: Timestamp) -> bool {
        if !self.missing.contains_key(path) && self.missing.len() >= MAX_STRUCTURE {
            return true;
        }
        let since = *self.missing.entry(path.to_owned()).or_insert(now);
        !self.is_fresh(Some(since), now)
    }

    /// Notes that a path answers. If it was missing, the device has started since: what else it did not have then
    /// is asked for again.
    pub(crate) fn found(&mut self, path: &str) {
        if !self.missing.is_empty() && self.missing.remove(path).is_some() {
            self.surveyed = None;
        }
    }

    /// The members of a collection that are worth asking for, if some are not.
    pub(crate) fn wanted(&self, collection: &str) -> Option<Vec<String>> {
        self.wanted.get(collection).cloned()
    }

    /// Notes them.
    pub(crate) fn learn_wanted(&mut self, collection: &str, members: Vec<String>) {
        if self.wanted.len() < MAX_STRUCTURE {
            self.wanted.insert(collection.to_owned(), members);
        }
    }

    /// Whether a family is to be read now. Noted before it is: one that outlasts its poll is not tried
    /// again at once.
    pub(crate) fn begin(&mut self, family: Family, now: Timestamp) -> bool {
        let due = self.slow.get(family as usize).is_some_and(|slow| self.is_due(slow.tried, now));
        if let Some(slow) = self.slow.get_mut(family as usize).filter(|_| due) {
            slow.tried = Some(now);
        }
        due
    }

    /// Keeps the samples of a family that was read in full.
    pub(crate) fn keep(&mut self, family: Family, samples: &[Sample], now: Timestamp) {
        if let Some(slow) = self.slow.get_mut(family as usize) {
            slow.samples = samples.to_vec();
            slow.read = Some(now);
            slow.lost.clear();
        }
    }

    /// Keeps the samples of a family of which parts were lost, and gives back those of the last time that
    /// this time did not bring. What is lost for too long is forgotten.
    pub(crate) fn keep_some(&mut self, family: Family, samples: &[Sample], now: Timestamp) -> Vec<Sample> {
        let read = self.slow.get(family as usize).and_then(|slow| slow.read);
        let is_fresh = self.is_fresh(read, now);
        let Some(slow) = self.slow.get_mut(family as usize) else { return Vec::new() };
        let told: HashSet<String> = samples.iter().map(|sample| part(&sample.series)).collect();
        let mut rest = std::mem::take(&mut slow.samples);
        rest.retain(|sample| !told.contains(&part(&sample.series)));
        slow.lost.retain(|series| !told.contains(&part(series)));
        if !is_fresh {
            let lost = rest.drain(..).map(|sample| sample.series);
            slow.lost.extend(lost.filter(|series| series.metric == metric::OOB_COMPONENT_PRESENT));
            slow.lost.truncate(MAX_STRUCTURE);
            slow.read = (!samples.is_empty()).then_some(now);
        }
        slow.samples = samples.iter().chain(&rest).cloned().collect();
        rest
    }

    /// Excuses the parts of a family that could not be read for too long.
    pub(crate) fn excuse(&self, family: Family, report: &mut ReportBuilder) {
        let lost = self.slow.get(family as usize).map_or(&[][..], |slow| &slow.lost);
        lost.iter().for_each(|series| report.excuse_series(series));
    }

    /// Records the samples of a family from memory, while they are not stale.
    pub(crate) fn repeat(&self, family: Family, now: Timestamp, report: &mut ReportBuilder) {
        self.excuse(family, report);
        let slow = self.slow.get(family as usize).filter(|slow| self.is_fresh(slow.read, now));
        for sample in slow.map_or(&[][..], |slow| &slow.samples) {
            report.repeat(sample);
        }
    }

    /// Whether a family was read and brought nothing.
    pub(crate) fn is_empty(&self, family: Family) -> bool {
        self.slow.get(family as usize).is_some_and(|slow| slow.read.is_some() && slow.samples.is_empty())
    }

    fn is_due(&self, last: Option<Timestamp>, now: Timestamp) -> bool {
        // A clock that was set back makes everything due.
        last.is_none_or(|last| now < last || now.saturating_sub(last) >= self.interval)
    }

    fn is_fresh(&self, read: Option<Timestamp>, now: Timestamp) -> bool {
        read.is_some_and(|read| now.saturating_sub(read) < self.interval.saturating_mul(KEPT_INTERVALS))
    }
}

/// The part that a series is of; the series itself, where it names none.
fn part(series: &Series) -> String {
    let id = series.labels().find(|(name, _)| *name == "hw_id");
    let whole = || format!("{} {}", series.metric.definition().prometheus, series.own_text());
    id.map_or_else(whole, |(_, id)| id.into_owned())
}
