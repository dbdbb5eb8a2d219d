//! Reads the sensors of one BMC, one after the other.

use std::sync::Arc;

use model::ReportBuilder;

use super::decode::analogue::{Conversion, Factors};
use super::decode::sdr::{Locator, Sensor, Thresholds};
use super::error::WireError;
use super::link::Ask;
use super::normalise::component::{Parts, Watch, siblings};
use super::normalise::entity::{self, Names};
use super::normalise::limits;
use super::normalise::reading::Reading;
use super::normalise::sensor::{Measure, Taken};
use super::normalise::summary::Summary;
use super::wire::message::Request;
use crate::driver::identities::Place;

/// Network function Sensor/Event.
const SENSOR: u8 = 0x04;

/// Slave address of the BMC itself.
const BMC: u8 = 0x20;

/// Completion codes of a sensor that is not there now: not present, and not possible in this state.
const ABSENT: [u8; 3] = [0xcb, 0xcd, 0xd5];

/// The sensors of one BMC that tell something.
#[derive(Default)]
pub(crate) struct Sensors {
    points: Vec<Point>,
    parts: Parts,
    /// Sensors of other controllers, which are reached by other ways than the BMC's own numbers.
    pub(crate) elsewhere: usize,
}

struct Point {
    sensor: Arc<Sensor>,
    own: Arc<Place>,
    measure: Option<Measure>,
    watch: Option<Watch>,
}

impl Sensors {
    /// Those of the records of one BMC, in its order.
    pub(crate) fn of(sensors: &[Arc<Sensor>], locators: &[Locator]) -> Self {
        let names = Names::of(locators);
        let siblings = siblings(sensors.iter().map(Arc::as_ref));
        let mut found = Self::default();
        let (mut ids, mut taken) = (std::collections::HashSet::new(), Taken::default());
        for sensor in sensors.iter().filter(|sensor| !sensor.is_event_only) {
            if sensor.owner != BMC {
                found.elsewhere = found.elsewhere.saturating_add(1);
                continue;
            }
            let own = Arc::new(own_place(sensor, &mut ids));
            let name = names.name(sensor.entity);
            let part = Arc::new(Place { id: entity::id(sensor.entity), name, ..Place::default() });
            let measure = Measure::of(sensor, &own, &part, &mut taken);
            let watch = found.parts.watch(sensor, &own, &part, &siblings);
            if measure.is_some() || watch.is_some() {
                found.points.push(Point { sensor: Arc::clone(sensor), own, measure, watch });
            }
        }
        found
    }

    pub(crate) fn len(&self) -> usize {
        self.points.len()
    }

    /// Limits are asked for again.
    pub(crate) fn forget_limits(&mut self) {
        self.points.iter_mut().filter_map(|point| point.measure.as_mut()).for_each(|it| it.limits = None);
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
        let mut power = None;
        let mut result = Ok(());
        for point in &mut self.points {
            match point.read(device, report, summary).await {
                Ok(Some((watch, states))) => {
                    power = power.or(self.parts.note(report, watch, states));
                }
                Ok(None) => point.excuse(report),
                Err(error) => match error.code() {
                    Some(code) if ABSENT.contains(&code) => point.excuse(report),
                    Some(_) => report.fault(error.reason(), point.own.id.clone(), error.to_string()),
                    None => {
                        result = Err(error);
                        break;
                    }
                },
            }
        }
        self.parts.record(report);
        result.map(|()| power)
    }
}

/// What a sensor is called: its name, made unique where two have the same.
fn own_place(sensor: &Sensor, ids: &mut std::collections::HashSet<String>) -> Place {
    let numbered = || format!("{} {:#04x}", sensor.name, sensor.number).trim().to_owned();
    let is_new = !sensor.name.is_empty() && ids.insert(sensor.name.clone());
    let id = if is_new { sensor.name.clone() } else { numbered() };
    let location = entity::location(sensor.entity).to_owned();
    Place { id, name: sensor.name.clone(), parent: entity::id(sensor.entity), location }
}

impl Point {
    /// A fan that cannot be read now, as while the device is off, has not vanished.
    fn excuse(&self, report: &mut ReportBuilder) {
        if let Some(measure) = self.measure.as_ref().filter(|measure| measure.is_fan()) {
            report.excuse(&measure.labels());
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
    ) -> Result<Option<(&Watch, u16)>, WireError> {
        let reply = device.ask(self.request(0x2d, &[])).await?;
        let Some(reading) = Reading::decode(&reply) else { return Ok(None) };
        if let (Some(conversion), true) = (self.sensor.conversion, self.measure.is_some()) {
            self.learn_limits(device, conversion).await?;
            let conversion = self.factors(device, conversion, reading.raw).await?;
            if let Some(measure) = &self.measure {
                measure.record(report, summary, &conversion, reading.raw);
                let compared = reading.comparison().filter(|_| measure.is_fan() && self.sensor.reading == 1);
                if let Some(status) = compared {
                    report.record_status(&measure.labels(), status);
                }
            }
        }
        Ok(self.watch.as_ref().zip(reading.states()))
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
            limits.extend(measure.limit(raw, &conversion).map(|value| (kind, value)));
        }
        if let Some(measure) = &mut self.measure {
            measure.limits = Some(limits);
        }
        Ok(())
    }
}
