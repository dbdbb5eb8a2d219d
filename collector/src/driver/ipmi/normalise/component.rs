//! What discrete sensors say of the parts that they watch.
//!
//! The sensors of a part add up to one status, the worst of theirs. Where several sensors of one type share an
//! entity, as drive slots of one bay do, or where the entity is a whole board, each sensor is its own part.

use std::collections::HashMap;

use model::state::Status;
use model::{Label, Labels, ReportBuilder, metric};

use super::Subject;
use super::entity;
use super::known::{Known, status_values};
use crate::driver::identities::Place;
use crate::driver::ipmi::decode::discrete::{self, Told};
use crate::driver::ipmi::decode::sdr::Sensor;

/// A part that has states.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Position of the first sensor that watches it, and whether it is called as that or as its entity.
    pub(crate) point: u16,
    pub(crate) subject: Subject,
    /// Of this poll.
    status: Option<Status>,
    present: Option<bool>,
    pub(crate) known: Known,
}

/// Sensors of one type and entity: more than one, and each is a part of its own.
pub(crate) type Siblings = HashMap<(u8, u8, u8, u8), usize>;

fn family(sensor: &Sensor) -> (u8, u8, u8, u8) {
    (sensor.entity.id, sensor.entity.instance, sensor.kind, sensor.reading)
}

pub(crate) fn siblings(sensors: &[Sensor]) -> Siblings {
    let mut siblings = Siblings::new();
    for sensor in sensors.iter().filter(|sensor| !sensor.is_event_only) {
        let count = siblings.entry(family(sensor)).or_default();
        *count = count.saturating_add(1);
    }
    siblings
}

/// What the states of a sensor are told of. `None` if they mean nothing.
pub(crate) fn subject(sensor: &Sensor, siblings: &Siblings) -> Option<Subject> {
    if !discrete::is_telling(sensor.kind, sensor.reading, sensor.states) {
        return None;
    }
    let is_alone = siblings.get(&family(sensor)).is_none_or(|count| *count < 2);
    Some(if is_alone && entity::is_part(sensor.entity) { Subject::Entity } else { Subject::Sensor })
}

impl Part {
    pub(crate) fn new(point: u16, subject: Subject) -> Self {
        Self { point, subject, status: None, present: None, known: Known::default() }
    }

    /// Notes what one of its sensors tells, for [`Part::record`].
    pub(crate) fn note(&mut self, told: &Told) {
        self.status = self.status.max(told.status);
        self.present = match (self.present, told.present) {
            (Some(known), Some(present)) => Some(known && present),
            (known, present) => known.or(present),
        };
    }

    /// Records its status if it is there, and forgets this poll's states. An empty slot is no part; a part of which
    /// nothing is known has not vanished.
    pub(crate) fn record(
        &mut self,
        report: &mut ReportBuilder,
        hw_type: &str,
        place: impl FnOnce() -> Place,
    ) {
        match (self.present.take(), self.status.take()) {
            (Some(false), _) => {}
            // No sensor of it was read: they sleep while the device is off, or has just begun.
            (None, None) => self.known.excuse(report, |report| report.excuse(&labels(&place(), hw_type))),
            (_, Some(status)) => {
                let values: Vec<f64> = status_values(hw_type, status).collect();
                let by_labels =
                    |report: &mut ReportBuilder| report.record_status(&labels(&place(), hw_type), status);
                self.known.record(report, &values, by_labels);
            }
            (Some(true), None) => self.known.record(report, &[1.0], |report| {
                report.record(metric::OOB_COMPONENT_PRESENT, &labels(&place(), hw_type), 1.0);
            }),
        }
    }
}

/// Records what a sensor tells of itself and not of a part: redundancy, contacts.
pub(crate) fn record(report: &mut ReportBuilder, own: &Place, hw_type: &str, told: &Told) {
    let labels = labels(own, hw_type);
    if let Some(state) = told.redundancy {
        report.record_state(metric::OOB_REDUNDANCY_STATE, &labels, state);
    }
    if let Some((kind, is_open)) = told.contact {
        let open = f64::from(u8::from(is_open));
        report.record(metric::OOB_CONTACT_OPEN, &labels.with(Label::Kind, kind), open);
    }
}

fn labels<'a>(place: &'a Place, hw_type: &'a str) -> Labels<'a> {
    Labels::component(&place.id, &place.name)
        .with(Label::HwParent, &place.parent)
        .with(Label::HwType, hw_type)
}
