//! What one poll has told so far, so that one physical sensor is told once.
//!
//! A BMC shows a sensor in up to four places: as a `Sensor`, as an excerpt of it in a component's
//! metrics, in `ThermalMetrics`, and in the old `Power` or `Thermal`. The rules, in the order in which
//! the readings of a chassis are recorded:
//!
//! 1. An excerpt that gives a reading its meaning (input of a power supply, speed of a fan, power of a
//!    chassis, current of an outlet) is recorded under that component and claims its `DataSourceUri`.
//! 2. A `Sensor` is recorded unless claimed.
//! 3. An item of `Power` or `Thermal` is recorded unless the modern resources of the same chassis hold
//!    one of the same quantity, direction (input, output) and name. Fans and power supplies are also
//!    taken as the same where both sides hold equally many.
//! 4. An excerpt that only repeats a sensor (`ThermalMetrics`) is recorded if that sensor was not read.
//!
//! What was claimed or held once stays so as long as the driver lives ([`Shown`]): a newer resource that fails
//! in one poll leaves a gap, and no other resource tells its readings under another identity.
//!
//! Names are compared by [`name_key`]. Values are never compared: they differ from one second to the next.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use model::state::Status;
use model::{Label, Labels, Metric, Rejection, ReportBuilder, metric};
use serde_json::Value;

use super::limits;
use super::quantity::Quantity;
use super::sensor::Owners;
use super::shown::{Kind, Shown};
use crate::driver::names::{self, Ambient};
pub(crate) use crate::driver::names::{Side, name_key};
use crate::driver::redfish::value::{self, path_of};
use crate::driver::warmth::Warmth;

/// Most sensors of one device; the largest trays have about 2,000.
pub(crate) const MAX_SENSORS: usize = 8192;

/// A thing that readings belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    /// `hw.id`: path below `/redfish/v1/`, with the member's identity in place of an array's index.
    pub(crate) id: String,
    /// `hw.name`.
    pub(crate) name: String,
    /// `hw.parent`.
    pub(crate) parent: String,
}

impl Part {
    /// The part that a resource describes; its own path says who it is.
    pub(crate) fn of(doc: &Value, parent: &str) -> Self {
        let name = value::name(doc);
        let id = path_of(doc).map_or_else(|| format!("{parent}/{name}"), id);
        Self { id, name: name.to_owned(), parent: parent.to_owned() }
    }

    /// A part of this one, by its place in it.
    pub(crate) fn child(&self, place: &str, name: &str) -> Self {
        Self { id: format!("{}/{place}", self.id), name: name.to_owned(), parent: self.id.clone() }
    }

    /// Its labels.
    pub(crate) fn labels(&self) -> Labels<'_> {
        Labels::component(&self.id, &self.name).with(Label::HwParent, &self.parent)
    }
}

/// `hw.id` of a path: what follows `/redfish/v1/`, fragments as further steps.
pub(crate) fn id(path: &str) -> String {
    let path = path.trim_end_matches('/');
    let tail = path.strip_prefix("/redfish/v1").unwrap_or(path).trim_start_matches('/');
    tail.replace("#/", "/").replace('#', "/")
}

/// The state of one poll while its documents are normalised.
pub(crate) struct Ledger<'a> {
    pub(crate) report: &'a mut ReportBuilder,
    sensors: HashMap<String, Arc<Value>>,
    /// Sensors that were told as an excerpt alone, in this poll.
    viewed: HashSet<String>,
    shown: Arc<Shown>,
    /// The sensors of the chassis at hand were not all read, and never before: anything may be one of them.
    unsure: bool,
    /// What there is one of, for a chassis or the device.
    told: HashSet<String>,
    warmth: Warmth<Part>,
    temperatures: usize,
    /// Chassis that may not list all their parts now.
    asleep: HashSet<String>,
    /// Parts that are called absent.
    absent: HashSet<String>,
}

impl<'a> Ledger<'a> {
    /// An empty ledger over one report. `shown` is what earlier polls have shown.
    pub(crate) fn new(report: &'a mut ReportBuilder, shown: Arc<Shown>) -> Self {
        Self {
            report,
            sensors: HashMap::new(),
            viewed: HashSet::new(),
            shown,
            unsure: false,
            told: HashSet::new(),
            warmth: Warmth::default(),
            temperatures: 0,
            asleep: HashSet::new(),
            absent: HashSet::new(),
        }
    }

    /// Makes a sensor known by its path, so that excerpts find it.
    pub(crate) fn index(&mut self, sensor: &Arc<Value>) {
        if let Some(path) = path_of(sensor).filter(|_| self.sensors.len() < MAX_SENSORS) {
            self.sensors.insert(path.to_owned(), Arc::clone(sensor));
        }
    }

    /// The sensor at this path, if it was read.
    pub(crate) fn sensor(&self, path: &str) -> Option<Arc<Value>> {
        self.sensors.get(path).cloned()
    }

    /// Takes a sensor for a component: it is not recorded again as itself.
    pub(crate) fn claim(&mut self, path: &str) {
        let path = path.trim_end_matches('/');
        if !self.shown.claimed.contains(path) && self.shown.claimed.len() < MAX_SENSORS {
            Arc::make_mut(&mut self.shown).claimed.insert(path.to_owned());
        }
    }

    /// Whether a component took this sensor.
    pub(crate) fn is_claimed(&self, path: &str) -> bool {
        self.shown.claimed.contains(path)
    }

    /// Notes that a sensor was read as itself.
    pub(crate) fn show_sensor(&mut self, path: &str) {
        if !self.shown.sensors.contains(path) && self.shown.sensors.len() < MAX_SENSORS {
            Arc::make_mut(&mut self.shown).sensors.insert(path.to_owned());
        }
    }

    /// Whether a sensor is told, by itself, by a component or from an excerpt: an excerpt adds nothing.
    pub(crate) fn is_told(&self, path: &str) -> bool {
        self.sensors.contains_key(path)
            || self.is_claimed(path)
            || self.shown.sensors.contains(path)
            || self.viewed.contains(path)
    }

    /// Notes that a sensor is told from an excerpt that repeats it.
    pub(crate) fn view(&mut self, path: &str) {
        if self.viewed.len() < MAX_SENSORS {
            self.viewed.insert(path.to_owned());
        }
    }

    /// Notes that the modern resources of `chassis` hold this quantity under this name.
    pub(crate) fn remember(&mut self, chassis: &str, quantity: Quantity, side: Side, name: &str) {
        let (key, named) = name_key(name);
        let side = if side == Side::Unsaid { named } else { side };
        let entry = (chassis.to_owned(), quantity, side, key);
        if !self.shown.known.contains(&entry) && self.shown.known.len() < MAX_SENSORS {
            Arc::make_mut(&mut self.shown).known.insert(entry);
        }
    }

    /// Whether they do, or may.
    pub(crate) fn knows(&self, chassis: &str, quantity: Quantity, name: &str) -> bool {
        let (key, side) = name_key(name);
        self.unsure || self.shown.known.contains(&(chassis.to_owned(), quantity, side, key))
    }

    /// Begins the sensors of a chassis. `all` is whether all were read, `some` whether any was.
    pub(crate) fn begin_sensors(&mut self, chassis: &str, all: bool, some: bool) {
        self.unsure = !all && !self.has_shown(chassis, Kind::Sensors);
        if some {
            self.show(chassis, Kind::Sensors);
        }
    }

    /// Whether it is not known what the sensors of the chassis at hand hold.
    pub(crate) fn is_unsure(&self) -> bool {
        self.unsure
    }

    /// Whether the newer resources of a chassis ever told something of this kind.
    pub(crate) fn has_shown(&self, chassis: &str, kind: Kind) -> bool {
        self.shown.kinds.contains(&(chassis.to_owned(), kind))
    }

    /// Notes that they did. Gives back whether that is new.
    pub(crate) fn show(&mut self, chassis: &str, kind: Kind) -> bool {
        let is_new = !self.has_shown(chassis, kind) && self.shown.kinds.len() < MAX_SENSORS;
        if is_new {
            Arc::make_mut(&mut self.shown).kinds.insert((chassis.to_owned(), kind));
        }
        is_new
    }

    /// The power supplies that sensors of a chassis belong to, as far as they were ever told.
    pub(crate) fn owners(&self, chassis: &str) -> Owners {
        self.shown.owners.get(chassis).cloned().unwrap_or_default()
    }

    /// Notes them.
    pub(crate) fn remember_owners(&mut self, chassis: &str, owners: &Owners) {
        let known = self.shown.owners.get(chassis);
        if !owners.is_empty() && owners.len() < MAX_SENSORS && known != Some(owners) {
            Arc::make_mut(&mut self.shown).owners.insert(chassis.to_owned(), owners.clone());
        }
    }

    /// Records the status of a part that the device lists, `health` where it says one. Of a part that is off only
    /// trouble is told. One that is not called absent has not vanished, whatever it says. Gives back whether it is
    /// there and on.
    pub(crate) fn status(&mut self, doc: &Value, labels: &Labels<'_>, health: Option<Status>) -> bool {
        let is_on = !value::is_absent(doc);
        match health {
            Some(status) if is_on || value::is_off(doc) && status != Status::Ok => {
                self.report.record_status(labels, status);
            }
            _ if is_on || value::is_off(doc) => self.report.excuse(labels),
            _ => self.absent.extend(labels.get(Label::HwId).map(str::to_owned)),
        }
        is_on
    }

    /// Notes that a chassis may not list all its parts now: none of them has vanished that is not called absent.
    pub(crate) fn sleep(&mut self, chassis: &Part) {
        self.asleep.insert(chassis.id.clone());
    }

    /// A number, or `None`; what is there and unusable is counted.
    pub(crate) fn number(&mut self, value: Option<&Value>) -> Option<f64> {
        value::number(value).unwrap_or_else(|rejection| {
            self.report.reject(rejection);
            None
        })
    }

    /// Records one value, and the limits that `limits` declares where the metric has such.
    pub(crate) fn record(&mut self, metric: Metric, labels: &Labels<'_>, value: f64, limits: Option<&Value>) {
        self.report.record(metric, labels, value);
        if let Some(doc) = limits {
            limits::record(self.report, metric, labels, doc, 1.0);
        }
    }

    /// Records a temperature, and weighs it as the device's inlet temperature and heating margin.
    pub(crate) fn temperature(&mut self, part: &Part, context: &str, value: f64, doc: &Value, intake: bool) {
        let labels = part.labels().with(Label::HwSensorLocation, context);
        self.record(metric::HW_TEMPERATURE, &labels, value, Some(doc));
        let rank = if intake { Some(Ambient::Summary) } else { names::ambient(&part.name, context) };
        if self.warmth.weigh(part, value, rank, limits::warning(doc)) {
            self.temperatures = self.temperatures.saturating_add(1);
        }
    }

    /// How many temperatures were told by now.
    pub(crate) fn temperatures(&self) -> usize {
        self.temperatures
    }

    /// Records the power of a whole device, once for each chassis.
    pub(crate) fn host_power(&mut self, chassis: &Part, value: f64) {
        if self.told.insert(chassis.id.clone()) {
            self.report.record(metric::HW_HOST_POWER, &chassis.labels(), value);
        }
    }

    /// Whether a power limit of this kind is the device's first: there is one of each for a device.
    pub(crate) fn first_power_limit(&mut self, kind: &str) -> bool {
        self.told.insert(format!("limit {kind}"))
    }

    /// Records the energy of a whole device, once for each chassis.
    pub(crate) fn host_energy(&mut self, chassis: &Part, value: f64) {
        if self.told.insert(format!("energy {}", chassis.id)) {
            self.report.record(metric::HW_HOST_ENERGY, &chassis.labels(), value);
        }
    }

    /// Whether the power of this chassis is recorded.
    pub(crate) fn has_host_power(&self, chassis: &str) -> bool {
        self.told.contains(chassis)
    }

    /// Records what is one for a whole device. Gives back what was shown by now.
    pub(crate) fn finish(self) -> Arc<Shown> {
        let Self { report, asleep, absent, .. } = self;
        if !asleep.is_empty() {
            report.excuse_where(|id, parent| asleep.contains(parent) && !absent.contains(id));
        }
        self.warmth.record(report, Part::labels);
        self.shown
    }

    /// Counts a reading that could not be used.
    pub(crate) fn reject(&mut self, rejection: Rejection) {
        self.report.reject(rejection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_paths_without_their_prefix() {
        assert_eq!(id("/redfish/v1/Chassis/1/Sensors/100L0"), "Chassis/1/Sensors/100L0");
        assert_eq!(id("/redfish/v1/Chassis/1/Power#/PowerSupplies/0"), "Chassis/1/Power/PowerSupplies/0");
        assert_eq!(id("/redfish/v1/Chassis/1/Power#PowerSupplies/0/"), "Chassis/1/Power/PowerSupplies/0");
    }
}
