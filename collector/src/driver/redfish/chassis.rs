//! Reads the documents of each chassis: the newer resources (`Sensors`, `PowerSubsystem`,
//! `ThermalSubsystem`, `EnvironmentMetrics`), and the older `Power` and `Thermal` beside them.
//!
//! Says of each newer resource whether all of it was read: only what a device does not have is told from
//! the older documents, never what it failed to give in this poll, since those call the same part another.

use std::sync::Arc;

use serde_json::Value;

use super::collect::Poll;
use super::normalise::chassis::{self, Documents};
use super::normalise::supply::Measured;
use super::normalise::{environment, sensor};
use super::source::Source;
use super::value::{is_absent, link, path_of};

impl<S: Source + Send> Poll<'_, S> {
    /// Reads each chassis. Gives back the power supplies.
    pub(crate) async fn chassis(&mut self) -> Vec<Arc<Value>> {
        let chassis = self.state.chassis.clone();
        let mut supplies = Vec::new();
        for doc in &chassis {
            if is_absent(doc) {
                chassis::status(&mut self.ledger, doc);
                continue;
            }
            let mark = self.lost.len();
            let docs = self.documents(doc).await;
            let added = chassis::record(&mut self.ledger, &docs, chassis::is_whole(doc));
            if self.is_whole_since(mark) {
                self.learn_older(doc, &docs, &added);
            }
            self.learn_environment(doc, &docs);
            supplies.extend(docs.supplies.into_iter().map(|supply| supply.doc));
        }
        supplies
    }

    /// What only repeats the modern resources is not asked for again.
    fn learn_older(&mut self, chassis: &Value, docs: &Documents, added: &chassis::Added) {
        let modern = !docs.sensors.is_empty() || !docs.supplies.is_empty();
        if let Some(path) = link(chassis, "Power").filter(|_| modern && docs.power.is_some() && !added.power)
        {
            self.state.learn_barren(path);
        }
        if let Some(path) =
            link(chassis, "Thermal").filter(|_| modern && docs.thermal.is_some() && !added.thermal)
        {
            self.state.learn_barren(path);
        }
    }

    /// The documents of one chassis.
    async fn documents(&mut self, doc: &Arc<Value>) -> Documents {
        let mut docs = Documents { chassis: Arc::clone(doc), ..Documents::default() };
        docs.intake = path_of(doc).and_then(|path| self.state.intakes.get(path).cloned());
        let mut mark = self.lost.len();
        docs.sensors = self.sensors(doc).await;
        docs.all_sensors = self.is_whole_since(mark);
        self.power(doc, &mut docs).await;
        mark = self.lost.len();
        if let Some(subsystem) = self.structure(doc, "ThermalSubsystem").await {
            docs.fans = self.linked(&subsystem, "Fans").await;
            docs.all_fans = self.is_whole_since(mark);
            docs.thermal_metrics = self.follow(&subsystem, "ThermalMetrics").await;
            if let Some(detection) = self.structure(&subsystem, "LeakDetection").await {
                docs.leak_detectors = self.linked(&detection, "LeakDetectors").await;
            }
            docs.thermal_subsystem = Some(subsystem);
        } else {
            docs.all_fans = self.is_whole_since(mark);
        }
        docs.environment = self.follow(doc, "EnvironmentMetrics").await;
        docs.power = self.follow(doc, "Power").await;
        docs.thermal = self.follow(doc, "Thermal").await;
        docs
    }

    /// `PowerSubsystem` and what is below it.
    async fn power(&mut self, doc: &Value, docs: &mut Documents) {
        let mark = self.lost.len();
        let subsystem = self.structure(doc, "PowerSubsystem").await;
        if let Some(subsystem) = &subsystem {
            let supplies = self.linked(subsystem, "PowerSupplies").await;
            docs.all_supplies = self.is_whole_since(mark);
            docs.supplies = self.measured(supplies).await;
        }
        docs.all_power = self.is_whole_since(mark);
        docs.all_supplies |= docs.all_power;
        if let Some(subsystem) = &subsystem {
            let batteries = self.linked(subsystem, "Batteries").await;
            docs.batteries = self.measured(batteries).await;
        }
        docs.power_subsystem = subsystem;
    }

    /// The sensors of a chassis or unit. Where each costs a request of its own, those that measure nothing
    /// (discrete ones, shares of processor time) are only read at a survey: some BMCs have hundreds.
    pub(crate) async fn sensors(&mut self, owner: &Value) -> Vec<Arc<Value>> {
        let Some(path) = link(owner, "Sensors").filter(|path| self.source.reads_each(path)) else {
            return self.linked(owner, "Sensors").await;
        };
        if let Some(wanted) = self.state.wanted(path) {
            let mut docs = Vec::new();
            for path in &wanted {
                docs.extend(self.get(path).await);
            }
            return docs;
        }
        let mark = self.lost.len();
        let docs = self.members(path).await.unwrap_or_default();
        self.learn_wanted(path, &docs, mark);
        docs
    }

    /// Remembers which sensors to ask for until the next survey: those that measure, and those that gave
    /// no answer since `mark`. Where a page of the collection is missing, nothing is remembered.
    fn learn_wanted(&mut self, collection: &str, docs: &[Arc<Value>], mark: usize) {
        let lost = self.lost.get(mark..).unwrap_or_default();
        let is_member = |path: &str| path.strip_prefix(collection).is_some_and(|rest| rest.starts_with('/'));
        if docs.iter().all(|doc| sensor::is_measuring(doc)) || !lost.iter().all(|path| is_member(path)) {
            return;
        }
        let measuring = docs.iter().filter(|doc| sensor::is_measuring(doc));
        let mut wanted: Vec<String> = measuring.filter_map(|doc| path_of(doc).map(str::to_owned)).collect();
        wanted.extend_from_slice(lost);
        self.state.learn_wanted(collection, wanted);
    }

    /// Resources, each with its metrics.
    pub(crate) async fn measured(&mut self, docs: Vec<Arc<Value>>) -> Vec<Measured> {
        let mut found = Vec::new();
        for doc in docs {
            let metrics = self.follow(&doc, "Metrics").await;
            found.push(Measured { doc, metrics });
        }
        found
    }

    /// Remembers the intake sensor, and which metrics say nothing that sensors do not.
    fn learn_environment(&mut self, chassis: &Value, docs: &Documents) {
        if let Some((metrics, path)) = docs.thermal_metrics.as_deref().zip(path_of(chassis)) {
            if let Some(intake) = environment::intake(metrics) {
                self.state.intakes.insert(path.to_owned(), intake.to_owned());
            }
            if let Some(path) = path_of(metrics).filter(|_| !docs.sensors.is_empty()) {
                self.state.learn_barren(path);
            }
        }
        let repeats = |metrics: &&Value| !environment::has_power(metrics) && !docs.sensors.is_empty();
        if let Some(path) = docs.environment.as_deref().filter(repeats).and_then(path_of) {
            self.state.learn_barren(path);
        }
    }
}
