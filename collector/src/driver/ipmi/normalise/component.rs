//! What discrete sensors say of the parts that they watch.
//!
//! The sensors of a part add up to one status, the worst of theirs. Where several sensors of one type share an
//! entity, as drive slots of one bay do, or where the entity is a whole board, each sensor is its own part.

use std::collections::HashMap;
use std::sync::Arc;

use model::state::Status;
use model::{Label, Labels, ReportBuilder, metric};

use super::entity;
use crate::driver::identities::Place;
use crate::driver::ipmi::decode::discrete::{self, Told};
use crate::driver::ipmi::decode::sdr::Sensor;

/// A discrete sensor with what it watches.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    kind: u8,
    reading: u8,
    states: u16,
    own: Arc<Place>,
    hw_type: &'static str,
    /// Index of its part.
    part: usize,
}

/// The parts that have states.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    parts: Vec<Part>,
    by_id: HashMap<String, usize>,
}

#[derive(Clone, Debug)]
struct Part {
    place: Arc<Place>,
    hw_type: &'static str,
    /// Of this poll.
    status: Option<Status>,
    present: Option<bool>,
}

/// Sensors of one type and entity: more than one, and each is a part of its own.
pub(crate) type Siblings = HashMap<(u8, u8, u8, u8), usize>;

fn family(sensor: &Sensor) -> (u8, u8, u8, u8) {
    (sensor.entity.id, sensor.entity.instance, sensor.kind, sensor.reading)
}

pub(crate) fn siblings<'a>(sensors: impl Iterator<Item = &'a Sensor>) -> Siblings {
    let mut siblings = Siblings::new();
    for sensor in sensors.filter(|sensor| !sensor.is_event_only) {
        let count = siblings.entry(family(sensor)).or_default();
        *count = count.saturating_add(1);
    }
    siblings
}

impl Parts {
    /// Watches a sensor that is called `own`, of the entity that is called `entity`. `None` if it has no states
    /// that mean anything.
    pub(crate) fn watch(
        &mut self,
        sensor: &Sensor,
        own: &Arc<Place>,
        entity: &Arc<Place>,
        siblings: &Siblings,
    ) -> Option<Watch> {
        if !discrete::is_telling(sensor.kind, sensor.reading, sensor.states) {
            return None;
        }
        let is_alone = siblings.get(&family(sensor)).is_none_or(|count| *count < 2);
        let place = if is_alone && entity::is_part(sensor.entity) { entity } else { own };
        let hw_type = entity::hw_type(sensor.entity);
        let new = Part { place: Arc::clone(place), hw_type, status: None, present: None };
        let next = self.parts.len();
        let part = *self.by_id.entry(place.id.clone()).or_insert(next);
        if part == next {
            self.parts.push(new);
        }
        let (kind, reading, states) = (sensor.kind, sensor.reading, sensor.states);
        Some(Watch { kind, reading, states, own: Arc::clone(own), hw_type, part })
    }

    /// Notes the states of a sensor: those of its part for [`Parts::record`], its own at once. Gives back the
    /// power state that it tells.
    pub(crate) fn note(
        &mut self,
        report: &mut ReportBuilder,
        watch: &Watch,
        asserted: u16,
    ) -> Option<&'static str> {
        let Told { status, present, redundancy, contact, power } =
            discrete::told(watch.kind, watch.reading, watch.states, asserted);
        if let Some(part) = self.parts.get_mut(watch.part) {
            part.status = part.status.max(status);
            part.present = match (part.present, present) {
                (Some(known), Some(present)) => Some(known && present),
                (known, present) => known.or(present),
            };
        }
        let labels = labels(&watch.own, watch.hw_type);
        if let Some(state) = redundancy {
            report.record_state(metric::OOB_REDUNDANCY_STATE, &labels, state);
        }
        if let Some((kind, is_open)) = contact {
            let open = f64::from(u8::from(is_open));
            report.record(metric::OOB_CONTACT_OPEN, &labels.with(Label::Kind, kind), open);
        }
        power
    }

    /// Records the status of each part that is there, and forgets this poll's states. An empty slot is no part; a
    /// part of which nothing is known has not vanished.
    pub(crate) fn record(&mut self, report: &mut ReportBuilder) {
        for part in &mut self.parts {
            let labels = labels(&part.place, part.hw_type);
            match (part.present.take(), part.status.take()) {
                (Some(false), _) => {}
                // No sensor of it was read: they sleep while the device is off, or has just begun.
                (None, None) => report.excuse(&labels),
                (_, Some(status)) => report.record_status(&labels, status),
                (Some(true), None) => report.record(metric::OOB_COMPONENT_PRESENT, &labels, 1.0),
            }
        }
    }
}

fn labels<'a>(place: &'a Place, hw_type: &'a str) -> Labels<'a> {
    Labels::component(&place.id, &place.name)
        .with(Label::HwParent, &place.parent)
        .with(Label::HwType, hw_type)
}
