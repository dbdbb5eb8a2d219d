//! Polls one BMC over IPMI: what is it, is it on, what do its sensors say.

use std::sync::Arc;
use std::time::Duration;

use model::report::Identity;
use model::{Label, Labels, PollError, ReportBuilder, metric};
use tokio::time::Instant;

use super::Ipmi;
use super::decode::analogue::{Conversion, Factors};
use super::decode::fru::Fru;
use super::error::WireError;
use super::inventory;
use super::link::{Ask, Link};
use super::normalise::{Known, limits, raw_reading};
use super::repository::Repository;
use super::wire::message::Request;
use crate::driver::Driver;
use crate::target::Target;

/// Most time that is kept back of a poll's deadline, so that the poll ends by itself with what it has read.
const MAX_RESERVE: Duration = Duration::from_secs(1);

/// Network functions.
const CHASSIS: u8 = 0x00;
const SENSOR: u8 = 0x04;
const APP: u8 = 0x06;
const GROUP: u8 = 0x2c;

/// Slave address of the BMC itself.
const BMC: u8 = 0x20;

/// Completion codes of a sensor that is not there now: not present, and not possible in this state.
const ABSENT: [u8; 3] = [0xcb, 0xcd, 0xd5];

/// Polls one BMC over IPMI.
pub struct IpmiDriver {
    target: Arc<Target>,
    common: Arc<Ipmi>,
    link: Link,
    repository: Repository,
    sensors: Vec<Known>,
    /// When the limits were read.
    limits_at: Option<Instant>,
    /// What the device says of itself, and when it was asked. Nothing where it has refused.
    fru: Option<(Instant, Option<Fru>)>,
    /// Whether the device has refused DCMI.
    without_dcmi: bool,
}

impl IpmiDriver {
    /// A driver for one target. Asks the device nothing yet.
    ///
    /// # Errors
    /// The target's credentials are not for IPMI.
    pub fn new(common: Arc<Ipmi>, target: Arc<Target>) -> Result<Self, PollError> {
        let link = Link::new(Arc::clone(&common), Arc::clone(&target))?;
        Ok(Self {
            target,
            common,
            link,
            repository: Repository::default(),
            sensors: Vec::new(),
            limits_at: None,
            fru: None,
            without_dcmi: false,
        })
    }

    /// Asks who the device is, which also tells whether it answers at all.
    async fn greet(&mut self, report: &mut ReportBuilder) -> Result<(), PollError> {
        match self.link.ask(Request::new(APP, 0x01, &[])).await {
            Ok(id) => {
                record_firmware(report, &id);
                Ok(())
            }
            Err(error) => Err(PollError::new(error.reason(), error.to_string())),
        }
    }

    /// Board and product, read once in an inventory interval.
    async fn identify(&mut self, report: &mut ReportBuilder) {
        let interval = self.target.inventory_interval;
        if self.fru.as_ref().is_none_or(|(at, _)| at.elapsed() >= interval) {
            match inventory::read(&mut self.link).await {
                Ok(fru) => self.fru = Some((Instant::now(), fru)),
                // Some BMCs have no inventory of their own.
                Err(error) if error.code().is_some() => self.fru = Some((Instant::now(), None)),
                Err(error) => fault(report, "inventory", &error),
            }
        }
        let Some((_, Some(fru))) = &self.fru else { return };
        for part in [&fru.product, &fru.board] {
            report.identify(&Identity {
                vendor: &part.manufacturer,
                model: &part.name,
                serial: &part.serial,
                asset_tag: &fru.asset_tag,
                ..Identity::default()
            });
        }
    }

    async fn power_state(&mut self, report: &mut ReportBuilder) {
        match self.link.ask(Request::new(CHASSIS, 0x01, &[])).await {
            Ok(status) => {
                let Some(power) = status.first() else { return };
                let state = if power & 1 == 1 { "on" } else { "off" };
                report.record_state(metric::OOB_DEVICE_POWER_STATE, &Labels::new(), state);
            }
            Err(error) => fault(report, "chassis status", &error),
        }
    }

    /// DCMI Get Power Reading (DCMI v1.5, section 6.6.1).
    async fn host_power(&mut self, report: &mut ReportBuilder) {
        if self.without_dcmi {
            return;
        }
        match self.link.ask(Request::new(GROUP, 0x02, &[0xdc, 1, 0, 0])).await {
            Ok(reading) => {
                let is_active = reading.get(17).is_some_and(|state| state & 0x40 != 0);
                if let (Some(&[0xdc, low, high]), true) = (reading.first_chunk(), is_active) {
                    let labels = Labels::component("host", "host");
                    let watts = u16::from_le_bytes([low, high]);
                    report.record(metric::HW_HOST_POWER, &labels, f64::from(watts));
                }
            }
            // Most BMCs have no DCMI.
            Err(error) if error.code().is_some() => self.without_dcmi = true,
            Err(error) => fault(report, "power reading", &error),
        }
    }

    async fn read_sensors(&mut self, report: &mut ReportBuilder) -> Result<(), WireError> {
        match self.repository.refresh(&mut self.link).await {
            Ok(true) => {
                self.sensors = Known::of(self.repository.sensors());
                tracing::info!(
                    target_name = self.target.device.name,
                    sensors = self.sensors.len(),
                    "read the sensor records of a BMC"
                );
            }
            Ok(false) => {}
            Err(error) => fault(report, "sensor records", &error),
        }
        if let Some((reason, detail)) = self.repository.gap() {
            report.fault(reason, "sensor records", detail);
        }
        if self.limits_at.is_none_or(|at| at.elapsed() >= self.target.inventory_interval) {
            self.sensors.iter_mut().for_each(|known| known.limits = None);
            self.limits_at = Some(Instant::now());
        }
        for known in &mut self.sensors {
            // Sensors of other controllers are reached by other ways than the BMC's own table.
            if !known.is_measuring() || known.sensor.owner != BMC {
                continue;
            }
            if let Err(error) = measure(&mut self.link, known, report).await {
                match error.code() {
                    Some(code) if ABSENT.contains(&code) => {}
                    Some(_) => fault(report, known.name().to_owned(), &error),
                    None => return Err(error),
                }
            }
        }
        Ok(())
    }
}

/// Reads one sensor, and its limits where they are not known.
async fn measure(link: &mut Link, known: &mut Known, report: &mut ReportBuilder) -> Result<(), WireError> {
    let ask = |command: u8, known: &Known, more: &[u8]| {
        let data = [&[known.sensor.number], more].concat();
        Request { lun: known.sensor.lun, ..Request::new(SENSOR, command, &data) }
    };
    let reply = link.ask(ask(0x2d, known, &[])).await?;
    let (Some(raw), Some(conversion)) = (raw_reading(&reply), known.sensor.conversion) else { return Ok(()) };
    let conversion = if conversion.is_nonlinear() {
        let reply = link.ask(ask(0x23, known, &[raw])).await?;
        let factors = reply.get(1..7).and_then(|factors| factors.try_into().ok());
        let factors = factors.ok_or(WireError::Malformed("the factors of a sensor are too short"))?;
        Conversion { factors: Factors::decode(factors), ..conversion }
    } else {
        conversion
    };
    if known.limits.is_none() && known.sensor.reading == 1 && !conversion.is_nonlinear() {
        known.limits = match link.ask(ask(0x27, known, &[])).await {
            Ok(reply) => Some(limits(&reply, &conversion)),
            Err(error) if error.code().is_some() => Some(Vec::new()),
            Err(error) => return Err(error),
        };
    }
    known.record(report, &conversion, raw);
    Ok(())
}

/// From Get Device ID (section 20.1): major version in binary, minor in BCD.
fn record_firmware(report: &mut ReportBuilder, id: &[u8]) {
    report.identify(&Identity { protocol: "ipmi", ..Identity::default() });
    let Some(&[_, _, major, minor]) = id.first_chunk() else { return };
    let version = format!("{}.{minor:02x}", major & 0x7f);
    let labels = Labels::component("bmc", "BMC").with(Label::Component, "bmc").with(Label::Version, &version);
    report.record(metric::OOB_FIRMWARE_INFO, &labels, 1.0);
}

fn fault(report: &mut ReportBuilder, subject: impl Into<std::borrow::Cow<'static, str>>, error: &WireError) {
    report.fault(error.reason(), subject, error.to_string());
}

impl Driver for IpmiDriver {
    async fn poll(&mut self, report: &mut ReportBuilder) -> Result<(), PollError> {
        let reserve = (self.target.deadline / 20).min(MAX_RESERVE);
        let deadline = Instant::now() + self.target.deadline.saturating_sub(reserve);
        self.link.begin((self.common.clock)(), deadline);
        self.greet(report).await?;
        self.identify(report).await;
        self.power_state(report).await;
        self.host_power(report).await;
        if let Err(error) = self.read_sensors(report).await {
            fault(report, "sensors", &error);
        }
        self.link.end().await;
        Ok(())
    }

    async fn close(&mut self) {
        self.link.close().await;
    }
}
