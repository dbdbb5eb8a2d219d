//! Fans of `ThermalSubsystem` (DSP0268, Fan).

use model::{Label, metric};
use serde_json::Value;

use super::excerpt;
use super::ledger::{Ledger, Part, Side};
use super::location;
use super::quantity::{Quantity, of_sensor};
use crate::driver::redfish::value::{health, is_absent, path_of, text};

/// Records one fan and claims its sensors: the one that it names, and those of `sensors` that name it or
/// carry its `Id`. False if it is not there.
pub(crate) fn record(ledger: &mut Ledger<'_>, doc: &Value, chassis: &Part, sensors: &[&Value]) -> bool {
    let part = Part::of(doc, &chassis.id);
    let place = location(text(doc, "PhysicalContext").unwrap_or(""));
    let labels = part.labels().with(Label::HwType, "fan").with(Label::HwSensorLocation, &place);
    if !ledger.status(doc, &labels, health(doc)) {
        return false;
    }
    let speed = doc.get("SpeedPercent");
    let named = speed.and_then(excerpt::source);
    let own: Vec<&Value> = sensors.iter().copied().filter(|sensor| belongs(sensor, doc, named)).collect();
    for path in own.iter().filter_map(|sensor| path_of(sensor)).chain(named) {
        ledger.claim(path);
    }
    let rotation = own.iter().copied().find(|sensor| measures(sensor, Quantity::Rotation));
    let share = own.iter().copied().find(|sensor| measures(sensor, Quantity::Percent));
    let held = |quantity| ledger.knows(&chassis.id, quantity, &part.name);
    let unread = named.is_some_and(|path| ledger.sensor(path).is_none());
    let turned = unread && held(Quantity::Rotation) && !held(Quantity::Percent);
    let rpm = speed.and_then(|speed| speed.get("SpeedRPM")).filter(|rpm| !rpm.is_null());
    let rpm = rpm.or_else(|| rotation.and_then(|sensor| sensor.get("Reading")));
    if let Some(rpm) = ledger.number(rpm) {
        ledger.record(metric::HW_FAN_SPEED, &labels, rpm, rotation);
        ledger.remember(&chassis.id, Quantity::Rotation, Side::Unsaid, &part.name);
    }
    // Where the sensor behind it turns, or did when it was last read, the "percentage" is its speed once more.
    let turns = rotation.is_some() && share.is_none() || turned;
    let percent = if turns { None } else { speed };
    let percent = excerpt::read(ledger, percent).map(|excerpt| excerpt.value);
    let percent = percent.or_else(|| ledger.number(share?.get("Reading")));
    if let Some(percent) = percent {
        ledger.record(metric::HW_FAN_SPEED_RATIO, &labels, percent / 100.0, None);
        ledger.remember(&chassis.id, Quantity::Percent, Side::Unsaid, &part.name);
    }
    true
}

fn belongs(sensor: &Value, fan: &Value, named: Option<&str>) -> bool {
    let path = path_of(sensor);
    let relates = || {
        let mut related = crate::driver::redfish::value::links(sensor, "RelatedItem");
        related.any(|item| Some(item) == path_of(fan))
    };
    let turns = || measures(sensor, Quantity::Rotation) || measures(sensor, Quantity::Percent);
    path.is_some() && path == named
        || turns() && (relates() || text(sensor, "Id").is_some_and(|id| text(fan, "Id") == Some(id)))
}

fn measures(sensor: &Value, quantity: Quantity) -> bool {
    !is_absent(sensor) && of_sensor(sensor).is_ok_and(|found| found.is_some_and(|found| found.0 == quantity))
}
