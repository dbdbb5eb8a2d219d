//! The walk over one device: from the service root (DSP0266, 6.5) to its documents, and what is read when.
//!
//! Each poll reads what moves: systems, power equipment, and of each chassis its sensors, power, fans and
//! temperatures. The structure (chassis and subsystems), the inventory, firmware and logs are read on the
//! inventory interval and told from memory in between; paths that had nothing are not asked for before
//! the next survey. Fast readings come first, so that a slow inventory that outlasts its poll costs itself.
//!
//! A device that starts says "not found" of what it has, lists nothing, or does not link to it from its service root
//! (it is asked for all the same): where parts were known, that is a fault, and is believed only after some intervals.
//! Once such a place is back, a survey finds what else was not there.
//!
//! The walk has a fixed depth and follows no link twice in one collection: loops cannot hold it.
//! Only a service root that cannot be read fails a poll; anything else costs itself and is a fault.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use model::{PollError, Reason, ReportBuilder, Timestamp};
use serde_json::Value;

use super::inventory;
use super::logs::is_link;
use super::normalise::chassis::{self, Documents};
use super::normalise::ledger::{Ledger, Part, id};
use super::normalise::supply::Measured;
use super::normalise::{circuit, component, environment, system};
use super::source::{Source, SourceError};
use super::state::{Family, State};
use super::value::{is_absent, items, link, links, path_of, text};

/// Path of the service root.
pub const ROOT: &str = "/redfish/v1";

/// Members taken of one collection. The largest real ones are sensors and outlets, some hundreds.
const MAX_MEMBERS: usize = 1024;
/// Chassis of one device. A rack-scale tray has about 40.
const MAX_CHASSIS: usize = 128;
/// Units of power equipment behind one manager.
const MAX_UNITS: usize = 64;

/// Collections of units in `PowerEquipment`.
const EQUIPMENT: &[&str] =
    &["RackPDUs", "FloorPDUs", "TransferSwitches", "PowerShelves", "ElectricalBuses", "Switchgear"];

/// Collections of which a device that works has members.
const NEVER_EMPTY: &[&str] = &["Chassis", "Systems", "Managers", "Processors", "Memory"];

/// One poll in progress.
pub(crate) struct Poll<'a, S> {
    pub(crate) source: &'a mut S,
    pub(crate) state: &'a mut State,
    pub(crate) ledger: Ledger<'a>,
    pub(crate) now: Timestamp,
    /// Paths that gave no answer, or one that says nothing of whether there is something: silence, errors,
    /// broken bodies, nothing where parts were. What stands there is not known in this poll, so nothing else is
    /// told in its place.
    pub(crate) lost: Vec<String>,
    /// Where parts were known when the first path of this poll said that there is nothing.
    places: Option<BTreeSet<String>>,
}

/// Whether a collection that lists nothing is that of a device which starts, where it listed something before.
fn is_never_empty(collection: &str) -> bool {
    NEVER_EMPTY.iter().any(|name| collection.ends_with(&format!("/{name}")))
}

/// Whether the device says that there is nothing for us: not there, or not allowed or licensed.
fn is_nothing(error: &SourceError) -> bool {
    matches!(error.status, Some(403 | 404 | 405 | 410 | 501))
}

/// Reads one device once.
///
/// # Errors
/// The service root cannot be read, or is none.
pub async fn collect<S: Source + Send>(
    source: &mut S,
    state: &mut State,
    now: Timestamp,
    report: &mut ReportBuilder,
) -> Result<(), PollError> {
    let root = source.get(ROOT).await.map_err(|error| PollError::new(error.reason, error.to_string()))?;
    if !root.is_object()
        || !["Chassis", "Systems", "Managers", "PowerEquipment"].iter().any(|key| root.get(key).is_some())
    {
        let detail = format!("{ROOT}: not a Redfish service root; check the address");
        return Err(PollError::new(Reason::Protocol, detail));
    }
    let root = state.with_known_links(root);
    let survey = state.begin_survey(now);
    let mut poll = Poll {
        ledger: Ledger::new(report, Arc::clone(&state.shown)),
        source,
        state,
        now,
        lost: Vec::new(),
        places: None,
    };
    let managers = inventory::managers(&mut poll, &root).await;
    let (systems, all_systems) = poll.systems(&root).await;
    let units = poll.equipment(&root).await;
    if survey {
        poll.survey(&root).await;
    }
    poll.state.forget_old_chassis(now);
    let supplies = poll.chassis().await;
    for unit in &units {
        if let Some(metrics) = &unit.metrics {
            environment::views(&mut poll.ledger, metrics, &Part::of(&unit.doc, ""));
        }
    }
    poll.describe(&root, &units);
    inventory::systems(&mut poll, &systems, all_systems).await;
    inventory::firmware(&mut poll, &root).await;
    if poll.state.is_empty(Family::Firmware) {
        poll.supply_firmware(&supplies);
    }
    inventory::logs(&mut poll, systems.iter().chain(&managers)).await;
    poll.state.logs.record(poll.ledger.report);
    poll.state.shown = poll.ledger.finish();
    Ok(())
}

impl<S: Source + Send> Poll<'_, S> {
    /// One document, or a fault. `None` at once where there was nothing at the last survey.
    pub(crate) async fn get(&mut self, path: &str) -> Option<Arc<Value>> {
        let (resource, fragment) = path.split_once('#').unwrap_or((path, ""));
        let resource = resource.trim_end_matches('/');
        if self.state.is_barren(resource) {
            return None;
        }
        let doc = match self.source.get(resource).await {
            Ok(doc) => doc,
            Err(error) => {
                self.fault(resource, &error);
                return None;
            }
        };
        self.state.found(resource);
        // A link into a document may bring all of it: the part that it names is taken from there.
        let part = match fragment.trim_start_matches('/') {
            "" => doc,
            pointer => Arc::new(doc.pointer(&format!("/{pointer}"))?.clone()),
        };
        if part.is_object() {
            return Some(part);
        }
        self.ledger.report.fault(Reason::Parse, path.to_owned(), "not a JSON object");
        None
    }

    /// The members of a collection, each once; `None` if it cannot be read at all.
    pub(crate) async fn members(&mut self, path: &str) -> Option<Vec<Arc<Value>>> {
        let path = path.trim_end_matches('/');
        if self.state.is_barren(path) {
            return Some(Vec::new());
        }
        let members = match self.source.members(path).await {
            Ok(members) => members,
            Err(error) => {
                self.fault(path, &error);
                return None;
            }
        };
        if !members.is_empty() {
            self.state.found(path);
        } else if is_never_empty(path) && self.is_missing(path) {
            let detail = "lists nothing, though it did: the device may be starting";
            self.lost.push(path.to_owned());
            self.ledger.report.fault(Reason::Missing, path.to_owned(), detail);
            return None;
        } else {
            self.state.learn_barren(path);
        }
        if members.len() > MAX_MEMBERS {
            let detail = format!("{} members, {MAX_MEMBERS} are taken", members.len());
            self.ledger.report.fault(Reason::Limit, path.to_owned(), detail);
        }
        let mut seen = HashSet::new();
        let mut docs = Vec::new();
        for member in members.into_iter().take(MAX_MEMBERS) {
            match member {
                Ok(doc) if !doc.is_object() => {
                    self.ledger.report.fault(Reason::Parse, path.to_owned(), "a member is no JSON object");
                }
                Ok(doc) => {
                    if let Some(path) = path_of(&doc) {
                        self.state.found(path);
                    }
                    if path_of(&doc).is_none_or(|path| seen.insert(path.to_owned())) {
                        docs.push(doc);
                    }
                }
                Err(error) => {
                    self.lose(&error.path, &error);
                    self.ledger.report.fault(error.reason, error.path.clone(), error.detail);
                }
            }
        }
        Some(docs)
    }

    /// The members of a collection that `doc` links to; none without such a link. A list in the place of
    /// the link holds the members themselves, or links to them.
    pub(crate) async fn linked(&mut self, doc: &Value, key: &str) -> Vec<Arc<Value>> {
        if let Some(path) = link(doc, key) {
            return self.members(path).await.unwrap_or_default();
        }
        let mut docs = Vec::new();
        for item in items(doc, key).take(MAX_MEMBERS) {
            match path_of(item).filter(|_| is_link(item)) {
                Some(path) => docs.extend(self.get(path).await),
                None => docs.push(Arc::new(item.clone())),
            }
        }
        docs
    }

    /// A document that only changes with the hardware: read once for each survey.
    pub(crate) async fn structure(&mut self, doc: &Value, key: &str) -> Option<Arc<Value>> {
        let path = links(doc, key).next()?;
        if let Some(known) = self.state.structure(path) {
            return Some(known);
        }
        let found = self.get(path).await?;
        self.state.learn_structure(path, &found);
        Some(found)
    }

    /// A document that `doc` links to.
    pub(crate) async fn follow(&mut self, doc: &Value, key: &str) -> Option<Arc<Value>> {
        self.get(link(doc, key)?).await
    }

    /// Notes what could not be read. What is not there, or not allowed or licensed, is not asked for again
    /// before the next survey.
    fn fault(&mut self, path: &str, error: &SourceError) {
        if !self.lose(path, error) && is_nothing(error) {
            self.state.learn_barren(path);
        }
        self.ledger.report.fault(error.reason, path.to_owned(), error.detail.clone());
    }

    /// Whether a path is lost, and notes it: the error does not say that there is nothing for us, or says so of a
    /// place that held parts. A device that starts does not find what it has, and links to it all the same.
    fn lose(&mut self, path: &str, error: &SourceError) -> bool {
        // As documents are known: HPE writes a slash at the end of its links.
        let path = path.trim_end_matches('/');
        let says_nothing = is_nothing(error) || error.reason == Reason::Missing;
        let is_lost = !says_nothing || self.is_missing(path);
        if is_lost {
            self.lost.push(path.to_owned());
        }
        is_lost
    }

    /// Whether parts are known at this path or below it, of a path where there is nothing now, and not for so long
    /// that it is believed.
    fn is_missing(&mut self, path: &str) -> bool {
        let places = self.places.get_or_insert_with(|| self.ledger.report.places());
        let id = id(path);
        let below = format!("{id}/");
        let held = places.contains(&id)
            || places.range(below.clone()..).next().is_some_and(|place| place.starts_with(&below));
        held && !self.state.is_gone(path, self.now)
    }

    /// Whether nothing was lost since `mark`, an earlier length of `lost`.
    pub(crate) fn is_whole_since(&self, mark: usize) -> bool {
        self.lost.len() == mark
    }

    /// Reads the systems; gives them back, and whether those are all. The first that says a power state is
    /// the device's main one, and no other stands in for it.
    async fn systems(&mut self, root: &Value) -> (Vec<Arc<Value>>, bool) {
        let mark = self.lost.len();
        let systems = self.linked(root, "Systems").await;
        let whole = self.is_whole_since(mark);
        self.state.learn_systems(&systems, whole);
        let main = self.state.systems.iter().find(|doc| text(doc, "PowerState").is_some()).cloned();
        for doc in &systems {
            // Those that were read are the very documents that are remembered.
            let is_main = main.as_ref().is_some_and(|main| Arc::ptr_eq(main, doc));
            system::system(&mut self.ledger, doc, is_main);
        }
        (systems, whole)
    }

    /// Finds the chassis of the device. One that could not be read is told from the last survey.
    async fn survey(&mut self, root: &Value) {
        let Some(path) = link(root, "Chassis") else {
            return self.state.learn_chassis(Vec::new(), self.now);
        };
        let mark = self.lost.len();
        if let Some(mut chassis) = self.members(path).await {
            let lost = self.lost.get(mark..).unwrap_or_default();
            let known = self.state.chassis.iter();
            let kept = known.filter(|doc| path_of(doc).is_some_and(|path| lost.iter().any(|it| it == path)));
            chassis.extend(kept.cloned());
            if chassis.len() > MAX_CHASSIS {
                let detail = format!("{} chassis, {MAX_CHASSIS} are read", chassis.len());
                self.ledger.report.fault(Reason::Limit, path.to_owned(), detail);
                chassis.truncate(MAX_CHASSIS);
            }
            self.state.learn_chassis(chassis, self.now);
        }
    }

    /// Reads the power equipment. Gives back each unit with its metrics.
    async fn equipment(&mut self, root: &Value) -> Vec<Measured> {
        let Some(equipment) = self.structure(root, "PowerEquipment").await else { return Vec::new() };
        let mut told = Vec::new();
        for key in EQUIPMENT {
            for doc in self.linked(&equipment, key).await.iter().take(MAX_UNITS) {
                if is_absent(doc) {
                    chassis::status(&mut self.ledger, doc);
                    continue;
                }
                let metrics = self.unit(doc).await;
                told.push(Measured { doc: Arc::clone(doc), metrics });
            }
        }
        told
    }

    /// Reads one unit. Gives back its metrics.
    async fn unit(&mut self, doc: &Arc<Value>) -> Option<Arc<Value>> {
        let sensors = self.sensors(doc).await;
        let supplies = self.linked(doc, "PowerSupplies").await;
        let supplies = self.measured(supplies).await;
        let metrics = self.follow(doc, "Metrics").await;
        let mut circuits = Vec::new();
        for (path, kind) in circuit::collections(doc) {
            let members = self.members(path).await.unwrap_or_default();
            circuits.extend(members.into_iter().map(|member| (kind, member)));
        }
        let mains: Vec<&Value> =
            circuits.iter().filter(|(kind, _)| *kind == "inlet").map(|(_, member)| &**member).collect();
        for sensor in &sensors {
            self.ledger.index(sensor);
        }
        let part = circuit::unit(&mut self.ledger, doc, metrics.as_deref(), &mains);
        for (kind, member) in &circuits {
            circuit::record(&mut self.ledger, member, &part, kind);
        }
        let rest = Documents { chassis: Arc::clone(doc), sensors, supplies, ..Documents::default() };
        chassis::record(&mut self.ledger, &rest, false);
        metrics
    }

    /// Records what describes the device; its power state, where no system said one.
    fn describe(&mut self, root: &Value, units: &[Measured]) {
        let (systems, chassis) = (self.state.systems.clone(), self.state.chassis.clone());
        let mut whole: Vec<&Value> = systems.iter().map(|doc| &**doc).collect();
        whole.extend(chassis.iter().map(|doc| &**doc).filter(|doc| chassis::is_whole(doc)));
        let says_power = |doc: &&&Value| text(doc, "PowerState").is_some();
        let system_says = whole.iter().take(systems.len()).any(|doc| says_power(&doc));
        if let Some(doc) = whole.iter().find(says_power).filter(|_| !system_says) {
            system::power_state(&mut self.ledger, doc);
        }
        whole.extend(units.iter().map(|unit| &*unit.doc));
        whole.push(root);
        system::describe(&mut self.ledger, &whole);
    }

    /// Firmware that power supplies say themselves, where the device lists none.
    fn supply_firmware(&mut self, supplies: &[Arc<Value>]) {
        for doc in supplies.iter().filter(|doc| !is_absent(doc)) {
            let part = Part::of(doc, "");
            component::version(&mut self.ledger, &part, "power_supply", doc, "FirmwareVersion");
        }
    }
}
