//! Polls one BMC over IPMI: what is it, is it on, what do its sensors say.

use std::sync::Arc;
use std::time::Duration;

use model::report::Identity;
use model::{Label, Labels, PollError, Reason, ReportBuilder, metric};
use tokio::time::Instant;

use super::Ipmi;
use super::dcmi::Dcmi;
use super::decode::chassis::{Chassis, has_intrusion};
use super::decode::fru::Fru;
use super::error::WireError;
use super::events::EventLog;
use super::inventory;
use super::link::{Ask, Link};
use super::normalise::summary::Summary;
use super::repository::{Found, Repository};
use super::sensors::Sensors;
use super::wire::message::Request;
use crate::driver::Driver;
use crate::target::Target;

/// Most time that is kept back of a poll's deadline, so that the poll ends by itself with what it has read.
const MAX_RESERVE: Duration = Duration::from_secs(1);

/// Network functions.
const CHASSIS: u8 = 0x00;
const APP: u8 = 0x06;

/// Polls one BMC over IPMI.
pub struct IpmiDriver {
    target: Arc<Target>,
    common: Arc<Ipmi>,
    link: Link,
    repository: Repository,
    sensors: Sensors,
    /// What the device says of itself; nothing where it has refused.
    fru: Option<Option<Fru>>,
    /// Whether the chassis has an intrusion sensor.
    has_intrusion: Option<bool>,
    dcmi: Dcmi,
    /// Nothing where the device has refused.
    events: Option<EventLog>,
    /// When what changes rarely was asked for.
    surveyed: Option<Instant>,
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
            sensors: Sensors::default(),
            fru: None,
            has_intrusion: None,
            dcmi: Dcmi::default(),
            events: Some(EventLog::default()),
            surveyed: None,
        })
    }

    /// Once in an inventory interval, what changes rarely and what was refused is asked for again.
    fn survey(&mut self) {
        if self.surveyed.is_some_and(|at| at.elapsed() < self.target.inventory_interval) {
            return;
        }
        self.surveyed = Some(Instant::now());
        (self.fru, self.has_intrusion, self.dcmi) = (None, None, Dcmi::default());
        self.sensors.forget_limits();
        self.events.get_or_insert_default();
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

    /// Product, board and chassis, the one that says most first.
    async fn identify(&mut self, report: &mut ReportBuilder) {
        if self.fru.is_none() {
            match inventory::read(&mut self.link).await {
                Ok(fru) => {
                    let broken = fru.iter().flat_map(|fru| &fru.broken);
                    let detail = |area| format!("the {area} area is cut short or has a wrong checksum");
                    broken.for_each(|area| report.fault(Reason::Parse, "inventory", detail(area)));
                    self.fru = Some(fru);
                }
                // Some BMCs have no inventory of their own.
                Err(error) if error.code().is_some() => self.fru = Some(None),
                Err(error) => return fault(report, "inventory", &error),
            }
        }
        let Some(Some(fru)) = &self.fru else { return };
        for part in [&fru.product, &fru.board, &fru.chassis] {
            report.identify(&Identity {
                vendor: &part.manufacturer,
                model: if part.name.is_empty() { &part.part_number } else { &part.name },
                serial: &part.serial,
                asset_tag: &fru.asset_tag,
                ..Identity::default()
            });
        }
    }

    /// Status, intrusion and power state of the chassis; the last is given back.
    async fn chassis(&mut self, report: &mut ReportBuilder) -> Option<&'static str> {
        let chassis = match self.link.ask(Request::new(CHASSIS, 0x01, &[])).await {
            Ok(reply) => Chassis::decode(&reply)?,
            Err(error) => {
                fault(report, "chassis status", &error);
                return None;
            }
        };
        let labels = Labels::component("chassis", "chassis").with(Label::HwType, "enclosure");
        report.record_status(&labels, chassis.status);
        if self.has_intrusion.is_none() {
            // A BMC that does not say what it has, has none.
            match self.link.ask(Request::new(CHASSIS, 0x00, &[])).await {
                Ok(reply) => self.has_intrusion = Some(has_intrusion(&reply)),
                Err(error) if error.code().is_some() => self.has_intrusion = Some(false),
                Err(error) => fault(report, "chassis capabilities", &error),
            }
        }
        if chassis.is_open || self.has_intrusion == Some(true) {
            let open = f64::from(u8::from(chassis.is_open));
            report.record(metric::OOB_CONTACT_OPEN, &labels.with(Label::Kind, "tamper"), open);
        }
        Some(if chassis.is_on { "on" } else { "off" })
    }

    async fn refresh(&mut self, report: &mut ReportBuilder) {
        match self.repository.refresh(&mut self.link, self.target.inventory_interval).await {
            Ok(Some(Found { sensors, locators, controllers, .. })) => {
                self.sensors = Sensors::of(sensors, &locators);
                tracing::info!(
                    target_name = self.target.device.name,
                    sensors = self.sensors.len(),
                    elsewhere = self.sensors.elsewhere,
                    ?controllers,
                    "read the sensor records of a BMC; sensors of other controllers are not read"
                );
            }
            Ok(None) => {}
            Err(error) => fault(report, "sensor records", &error),
        }
        if let Some((reason, detail)) = self.repository.gap() {
            report.fault(reason, "sensor records", detail);
        }
    }

    async fn measure(&mut self, report: &mut ReportBuilder, power: Option<&'static str>) {
        let mut summary = Summary::default();
        if let Err(error) = self.dcmi.read(&mut self.link, report, &mut summary).await {
            fault(report, "DCMI", &error);
        }
        self.refresh(report).await;
        let told = match self.sensors.read(&mut self.link, report, &mut summary).await {
            Ok(told) => told,
            Err(error) => {
                fault(report, "sensors", &error);
                None
            }
        };
        let temperatures = self.dcmi.temperatures(&mut self.link, report, &self.sensors, &mut summary);
        if let Err(error) = temperatures.await {
            fault(report, "DCMI", &error);
        }
        summary.finish(report);
        // A chassis that is on may sleep: only the sensor of the ACPI state knows.
        let state =
            if power == Some("off") { power } else { told.filter(|state| *state != "unknown").or(power) };
        if let Some(state) = state.or(told) {
            report.record_state(metric::OOB_DEVICE_POWER_STATE, &Labels::new(), state);
        }
    }

    async fn count_events(&mut self, report: &mut ReportBuilder) {
        let Some(events) = &mut self.events else { return };
        match events.look(&mut self.link, report).await {
            Ok(()) => {}
            Err(WireError::Completion { code: UNKNOWN_COMMAND, .. }) => self.events = None,
            Err(error) => fault(report, "event log", &error),
        }
    }
}

/// Completion code: the device has no such command.
const UNKNOWN_COMMAND: u8 = 0xc1;

/// From Get Device ID (section 20.1): major version in binary, minor in BCD.
fn record_firmware(report: &mut ReportBuilder, id: &[u8]) {
    report.identify(&Identity { protocol: "ipmi", ..Identity::default() });
    let Some(&[_, _, major, minor]) = id.first_chunk() else { return };
    let version = format!("{}.{minor:02x}", major & 0x7f);
    let labels = Labels::component("bmc", "BMC").with(Label::Component, "bmc").with(Label::Version, &version);
    report.record(metric::OOB_FIRMWARE_INFO, &labels, 1.0);
}

fn fault(report: &mut ReportBuilder, subject: &'static str, error: &WireError) {
    report.fault(error.reason(), subject, error.to_string());
}

impl Driver for IpmiDriver {
    async fn poll(&mut self, report: &mut ReportBuilder) -> Result<(), PollError> {
        let reserve = (self.target.deadline / 20).min(MAX_RESERVE);
        let deadline = Instant::now() + self.target.deadline.saturating_sub(reserve);
        self.link.begin((self.common.clock)(), deadline);
        self.survey();
        self.greet(report).await?;
        self.identify(report).await;
        let power = self.chassis(report).await;
        self.measure(report, power).await;
        self.count_events(report).await;
        self.link.end().await;
        Ok(())
    }

    async fn close(&mut self) {
        self.link.close().await;
    }
}
