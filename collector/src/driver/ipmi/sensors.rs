//! Reads the sensors of one BMC, one after the other.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use model::{DeviceLabels, ReportBuilder};

use super::decode::analogue::{Conversion, Factors};
use super::decode::discrete::{self, Told};
use super::decode::sdr::{Locator, Sensor, Thresholds};
use super::error::WireError;
use super::link::Ask;
use super::normalise::Subject;
use super::normalise::component::{self, Part, siblings};
use super::normalise::entity::{self, Names};
use super::normalise::known::{Known, status_values};
use super::normalise::limits;
use super::normalise::reading::Reading;
use super::normalise::sensor::{Measure, Taken, host};
use super::normalise::summary::Summary;
use super::wire::message::Request;
use crate::driver::identities::Place;

/// Network function Sensor/Event.
const SENSOR: u8 = 0x04;

/// Slave address of the BMC itself.
const BMC: u8 = 0x20;

/// Completion codes of a sensor that is not there now: not present, and not possible in this state.
const ABSENT: [u8; 3] = [0xcb, 0xcd, 0xd5];

/// The sensors of one BMC that tell something. Thousands of BMCs have dozens of them: what follows from a
/// record is worked out again instead of kept.
#[derive(Default)]
pub(crate) struct Sensors {
    points: Box<[Point]>,
    parts: Box<[Part]>,
    names: Names,
    /// Whose report knows the series.
    owner: Option<Arc<DeviceLabels>>,
    /// Sensors of other controllers, which are reached by other ways than the BMC's own numbers.
    pub(crate) elsewhere: usize,
}

struct Point {
    sensor: Sensor,
    /// Whether its number is part of its id: another one has its name, or it has none.
    is_numbered: bool,
    measure: Option<Measure>,
    /// Position of the part that its states tell of.
    part: Option<u16>,
    known: Known,
}

impl Sensors {
    /// Those of the records of one BMC, in its order.
    pub(crate) fn of(mut sensors: Vec<Sensor>, locators: &[Locator]) -> Self {
        let names = Names::of(locators);
        let siblings = siblings(&sensors);
        sensors.retain(|sensor| !sensor.is_event_only);
        let all = sensors.len();
        sensors.retain(|sensor| sensor.owner == BMC);
        let elsewhere = all.saturating_sub(sensors.len());
        let (mut taken, mut known, mut by_id) = (Taken::new(), HashSet::new(), HashMap::new());
        let (mut points, mut parts) = (Vec::with_capacity(sensors.len()), Vec::new());
        for sensor in sensors {
            let is_numbered = sensor.name.is_empty() || !known.insert(sensor.name.clone());
            let measure = Measure::of(&sensor, &mut taken);
            let subject = component::subject(&sensor, &siblings);
            let mut point = Point { sensor, is_numbered, measure, part: None, known: Known::default() };
            if let (Some(subject), Ok(at)) = (subject, u16::try_from(points.len())) {
                let id = point.place(subject, &names).id;
                let new = u16::try_from(parts.len()).unwrap_or(u16::MAX);
                let part = *by_id.entry(id).or_insert(new);
                if part == new {
                    parts.push(Part::new(at, subject));
                }
                point.part = Some(part);
            }
            if point.measure.is_some() || point.part.is_some() {
                points.push(point);
            }
        }
        Self { points: points.into(), parts: parts.into(), names, elsewhere, owner: None }
    }

    pub(crate) fn len(&self) -> usize {
        self.points.len()
    }

    /// Limits are asked for again.
    pub(crate) fn forget_limits(&mut self) {
        for point in &mut self.points {
            point.measure.iter_mut().for_each(|measure| measure.limits = None);
            point.known = Known::default();
        }
    }

    /// Places of series mean nothing to another report.
    fn follow(&mut self, report: &ReportBuilder) {
        if !self.owner.as_ref().is_some_and(|owner| Arc::ptr_eq(owner, report.device_labels())) {
            self.owner = Some(Arc::clone(report.device_labels()));
            self.points.iter_mut().for_each(|point| point.known = Known::default());
            self.parts.iter_mut().for_each(|part| part.known = Known::default());
        }
    }

    /// Whether a temperature of one of these entities is among them.
    pub(crate) fn has_temperature_of(&self, entities: &[u8]) -> bool {
        self.points.iter().filter_map(|point| point.measure.as_ref()).any(|it| it.is_temperature_of(entities))
    }

    /// Reads all, and gives back the power state that a sensor tells.
    ///
    /// # Errors
    /// The device no longer answers.
    pub(crate) async fn read(
        &mut self,
        device: &mut impl Ask,
        report: &mut ReportBuilder,
        summary: &mut Summary,
    ) -> Result<Option<&'static str>, WireError> {
        self.follow(report);
        let mut power = None;
        let mut result = Ok(());
        for point in &mut self.points {
            match point.read(device, report, summary, &self.names).await {
                Ok(Some(states)) => {
                    let told = point.tell(report, states, &self.names);
                    let part = point.part.and_then(|part| self.parts.get_mut(usize::from(part)));
                    part.into_iter().for_each(|part| part.note(&told));
                    power = power.or(told.power);
                }
                Ok(None) => point.excuse(report, &self.names),
                Err(error) => match error.code() {
                    Some(code) if ABSENT.contains(&code) => point.excuse(report, &self.names),
                    Some(_) => report.fault(error.reason(), point.id(), error.to_string()),
                    None => {
                        result = Err(error);
                        break;
                    }
                },
            }
        }
        for part in &mut self.parts {
            let Some(point) = self.points.get(usize::from(part.point)) else { continue };
            let (subject, hw_type) = (part.subject, entity::hw_type(point.sensor.entity));
            part.record(report, hw_type, || point.place(subject, &self.names));
        }
        result.map(|()| power)
    }
}

impl Point {
    /// A fan that cannot be read now, as while the device is off, has not vanished.
    fn excuse(&self, report: &mut ReportBuilder, names: &Names) {
        if let Some(measure) = self.measure.as_ref().filter(|measure| measure.is_fan()) {
            let place = || self.place(measure.subject, names);
            self.known.excuse(report, |report| report.excuse(&measure.labels(&place())));
        }
    }

    /// The sensor's name, made unique where two have the same.
    fn id(&self) -> String {
        let Sensor { name, number, .. } = &self.sensor;
        if self.is_numbered { format!("{name} {number:#04x}").trim().to_owned() } else { name.clone() }
    }

    /// How it is called as what it is told of.
    fn place(&self, subject: Subject, names: &Names) -> Place {
        let Sensor { name, entity, .. } = &self.sensor;
        match subject {
            Subject::Sensor => {
                let (parent, location) = (entity::id(*entity), entity::location(*entity).to_owned());
                Place { id: self.id(), name: name.clone(), parent, location }
            }
            Subject::Entity => names.place(*entity),
            Subject::Host => host(),
        }
    }

    fn request(&self, command: u8, more: &[u8]) -> Request {
        let data = [&[self.sensor.number], more].concat();
        Request { lun: self.sensor.lun, ..Request::new(SENSOR, command, &data) }
    }

    /// Reads the sensor, and its limits where they are not known. Gives back the states of a discrete one.
    async fn read(
        &mut self,
        device: &mut impl Ask,
        report: &mut ReportBuilder,
        summary: &mut Summary,
        names: &Names,
    ) -> Result<Option<u16>, WireError> {
        let reply = device.ask(self.request(0x2d, &[])).await?;
        let Some(reading) = Reading::decode(&reply) else { return Ok(None) };
        if let (Some(conversion), true) = (self.sensor.conversion, self.measure.is_some()) {
            self.learn_limits(device, conversion).await?;
            let conversion = self.factors(device, conversion, reading.raw).await?;
            self.record(report, summary, names, &conversion, reading);
        }
        Ok(reading.states().filter(|_| self.part.is_some()))
    }

    /// Records a reading with its limits and, of a fan, its status.
    fn record(
        &mut self,
        report: &mut ReportBuilder,
        summary: &mut Summary,
        names: &Names,
        conversion: &Conversion,
        reading: Reading,
    ) {
        let Some(measure) = &self.measure else { return };
        let status = reading.comparison().filter(|_| measure.is_fan() && self.sensor.reading == 1);
        let place = || self.place(measure.subject, names);
        let Some(value) = measure.value(report, summary, conversion, reading.raw) else {
            let status = status.into_iter();
            return status.for_each(|status| report.record_status(&measure.labels(&place()), status));
        };
        measure.weigh(summary, value, place);
        let limits = measure.told_limits().iter().map(|(_, value)| *value);
        let states = status.into_iter().flat_map(|status| status_values("fan", status));
        let values: Vec<f64> = std::iter::once(value).chain(limits).chain(states).collect();
        let mut known = std::mem::take(&mut self.known);
        known.record(report, &values, |report| {
            let place = self.place(measure.subject, names);
            measure.record(report, &place, value);
            if let Some(status) = status {
                report.record_status(&measure.labels(&place), status);
            }
        });
        self.known = known;
    }

    /// Records what asserted states tell of the sensor itself, and gives back all that they tell.
    fn tell(&self, report: &mut ReportBuilder, asserted: u16, names: &Names) -> Told {
        let Sensor { kind, reading, states, entity, .. } = &self.sensor;
        let told = discrete::told(*kind, *reading, *states, asserted);
        if told.redundancy.is_some() || told.contact.is_some() {
            let own = self.place(Subject::Sensor, names);
            component::record(report, &own, entity::hw_type(*entity), &told);
        }
        told
    }

    /// The factors of a reading, where they depend on it.
    async fn factors(
        &self,
        device: &mut impl Ask,
        conversion: Conversion,
        raw: u8,
    ) -> Result<Conversion, WireError> {
        if !conversion.is_nonlinear() {
            return Ok(conversion);
        }
        let reply = device.ask(self.request(0x23, &[raw])).await?;
        let factors = reply.get(1..7).and_then(|factors| factors.try_into().ok());
        let factors = factors.ok_or(WireError::Malformed("the factors of a sensor are too short"))?;
        Ok(Conversion { factors: Factors::decode(factors), ..conversion })
    }

    async fn learn_limits(&mut self, device: &mut impl Ask, conversion: Conversion) -> Result<(), WireError> {
        let Some(measure) = self.measure.as_ref().filter(|it| it.limits.is_none() && it.has_limits()) else {
            return Ok(());
        };
        let raw = match self.sensor.thresholds {
            Thresholds::Absent => Vec::new(),
            Thresholds::Fixed(reply) => limits::raw(&reply),
            Thresholds::Asked => match device.ask(self.request(0x27, &[])).await {
                Ok(reply) => limits::raw(&reply),
                Err(error) if error.code().is_some() => Vec::new(),
                Err(error) => return Err(error),
            },
        };
        let mut limits = Vec::with_capacity(raw.len());
        for (kind, raw) in raw {
            let conversion = match self.factors(device, conversion, raw).await {
                Ok(conversion) => conversion,
                Err(error) if error.code().is_some() => continue,
                Err(error) => return Err(error),
            };
            limits.extend(measure.convert(raw, &conversion).map(|value| (kind, value)));
        }
        if let Some(measure) = &mut self.measure {
            measure.limits = Some(limits.into());
        }
        Ok(())
    }
}
