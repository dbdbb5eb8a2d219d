//! The Data Center Manageability Interface (DCMI v1.5): power of the platform, and temperatures that no
//! sensor record tells. Most BMCs without it say so; what was refused is not asked for again until the
//! inventory interval is over.

use model::{Label, Labels, Rejection, ReportBuilder, metric};

use super::decode::dcmi::{GROUP, power, temperatures};
use super::error::WireError;
use super::link::Ask;
use super::normalise::entity;
use super::normalise::sensor::host;
use super::normalise::summary::{Summary, ambient};
use super::sensors::Sensors;
use super::wire::message::Request;
use crate::driver::identities::Place;

/// Network function Group Extension.
const NET_FN: u8 = 0x2c;

/// Entities that DCMI tells temperatures of (table 6-7), with their names.
const ENTITIES: [(u8, &str); 3] = [(0x40, "inlet"), (0x41, "cpu"), (0x42, "baseboard")];

/// Most instances of one entity that are read: more than processors fit on a board.
const MAX_INSTANCES: usize = 32;

/// Completion codes of a device that may answer the next time.
const BUSY: [u8; 4] = [0xc0, 0xc3, 0xd2, 0xd5];

/// What a BMC is known not to have.
#[derive(Debug, Default)]
pub(crate) struct Dcmi {
    /// Whether it said that it has DCMI.
    known: Option<bool>,
    without_power: bool,
    without_temperatures: [bool; ENTITIES.len()],
}

impl Dcmi {
    /// Reads what there is.
    ///
    /// # Errors
    /// The device does not answer.
    pub(crate) async fn read(
        &mut self,
        device: &mut impl Ask,
        report: &mut ReportBuilder,
        summary: &mut Summary,
    ) -> Result<(), WireError> {
        if self.known.is_none() {
            // Get DCMI Capability Info: supported capabilities.
            self.known = ask(device, 0x01, &[1]).await?.map(|_| true).or(Some(false));
        }
        if self.known != Some(true) || self.without_power {
            return Ok(());
        }
        // Get Power Reading: system power statistics.
        match ask(device, 0x02, &[1, 0, 0]).await? {
            None => self.without_power = true,
            Some(reply) => match power(&reply) {
                Some(watts) if summary.is_first_power() => {
                    let host = host();
                    report.record(metric::HW_HOST_POWER, &Labels::component(&host.id, &host.name), watts);
                }
                Some(_) => {}
                None => report.reject(Rejection::Na),
            },
        }
        Ok(())
    }

    /// Reads temperatures of entities that no sensor tells of.
    ///
    /// # Errors
    /// The device does not answer.
    pub(crate) async fn temperatures(
        &mut self,
        device: &mut impl Ask,
        report: &mut ReportBuilder,
        sensors: &Sensors,
        summary: &mut Summary,
    ) -> Result<(), WireError> {
        if self.known != Some(true) {
            return Ok(());
        }
        for ((id, name), without) in ENTITIES.iter().zip(&mut self.without_temperatures) {
            if *without || sensors.has_temperature_of(entity::dcmi_twins(*id)) {
                continue;
            }
            let mut count = 0;
            while count < MAX_INSTANCES {
                let start = u8::try_from(count.saturating_add(1)).unwrap_or(u8::MAX);
                // Get Temperature Readings: of all instances of the entity, from `start` on.
                let Some(reply) = ask(device, 0x10, &[0x01, *id, 0, start]).await? else {
                    *without = count == 0;
                    break;
                };
                let (total, found) =
                    temperatures(&reply).ok_or(WireError::Malformed("temperatures in no known form"))?;
                for (instance, celsius) in &found {
                    record(report, summary, (*id, name), *instance, *celsius);
                }
                count = count.saturating_add(found.len());
                if found.is_empty() || count >= usize::from(total) {
                    break;
                }
            }
        }
        Ok(())
    }
}

fn record(
    report: &mut ReportBuilder,
    summary: &mut Summary,
    (entity, name): (u8, &str),
    instance: u8,
    celsius: f64,
) {
    let id = format!("{name} {instance}");
    let place = Place { id: id.clone(), name: id, location: name.into(), ..Place::default() };
    let labels = Labels::component(&place.id, &place.name).with(Label::HwSensorLocation, &place.location);
    report.record(metric::HW_TEMPERATURE, &labels, celsius);
    let ambient = ambient(&place.name, entity);
    summary.temperature(|| place, ambient, celsius, None);
}

/// The reply, or nothing where the device has refused.
async fn ask(device: &mut impl Ask, command: u8, data: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
    let data = [&[GROUP], data].concat();
    match device.ask(Request::new(NET_FN, command, &data)).await {
        Ok(reply) => Ok(Some(reply)),
        Err(error) if error.code().is_some_and(|code| !BUSY.contains(&code)) => Ok(None),
        Err(error) => Err(error),
    }
}
