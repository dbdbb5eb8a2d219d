//! What a sensor measures, from `ReadingType` and `ReadingUnits` (DSP0268, Sensor), in SI units.
//!
//! The unit decides where the two disagree: some BMCs type watts as `Current` and fans as `AirFlow`.
//! A unit that is present but empty marks a discrete sensor, whose number is no measurement.

use model::Rejection;
use serde_json::Value;

use crate::driver::redfish::value::text;

/// A physical quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Quantity {
    Temperature,
    Humidity,
    Voltage,
    Current,
    Power,
    ApparentPower,
    Energy,
    Frequency,
    Rotation,
    /// A share of something; only the name says of what.
    Percent,
    AirFlow,
    LiquidFlow,
    Pressure,
}

use Quantity as Q;

/// Units, lower case, with the factor to the catalogue's unit.
const UNITS: &[(&str, Quantity, f64)] = &[
    ("cel", Q::Temperature, 1.0),
    ("c", Q::Temperature, 1.0),
    ("celsius", Q::Temperature, 1.0),
    ("degrees c", Q::Temperature, 1.0),
    ("°c", Q::Temperature, 1.0),
    ("v", Q::Voltage, 1.0),
    ("volt", Q::Voltage, 1.0),
    ("volts", Q::Voltage, 1.0),
    ("mv", Q::Voltage, 1e-3),
    ("a", Q::Current, 1.0),
    ("amp", Q::Current, 1.0),
    ("amps", Q::Current, 1.0),
    ("amperes", Q::Current, 1.0),
    ("ma", Q::Current, 1e-3),
    ("w", Q::Power, 1.0),
    ("watt", Q::Power, 1.0),
    ("watts", Q::Power, 1.0),
    ("kw", Q::Power, 1e3),
    ("va", Q::ApparentPower, 1.0),
    ("v.a", Q::ApparentPower, 1.0),
    ("j", Q::Energy, 1.0),
    ("joules", Q::Energy, 1.0),
    ("kw.h", Q::Energy, 3.6e6),
    ("kwh", Q::Energy, 3.6e6),
    ("w.h", Q::Energy, 3.6e3),
    ("wh", Q::Energy, 3.6e3),
    ("hz", Q::Frequency, 1.0),
    ("rpm", Q::Rotation, 1.0),
    ("{rev}/min", Q::Rotation, 1.0),
    ("%", Q::Percent, 1e-2),
    ("percent", Q::Percent, 1e-2),
    ("percentage", Q::Percent, 1e-2),
    // One cubic foot is 0.028316846592 m3.
    ("cfm", Q::AirFlow, 0.028_316_846_592 / 60.0),
    ("[cft_i]/min", Q::AirFlow, 0.028_316_846_592 / 60.0),
    ("m3/min", Q::AirFlow, 1.0 / 60.0),
    ("l/min", Q::LiquidFlow, 1e-3 / 60.0),
    ("pa", Q::Pressure, 1.0),
    ("kpa", Q::Pressure, 1e3),
];

/// Units that a type implies where the device names none.
const TYPES: &[(&str, &str)] = &[
    ("Temperature", "cel"),
    ("Voltage", "v"),
    ("Current", "a"),
    ("Power", "w"),
    ("EnergyJoules", "j"),
    ("EnergykWh", "kwh"),
    ("EnergyWh", "wh"),
    ("Frequency", "hz"),
    ("Rotational", "rpm"),
    ("Percent", "%"),
    ("Humidity", "%"),
    ("AirFlow", "cfm"),
    ("AirFlowCMM", "m3/min"),
    ("LiquidFlowLPM", "l/min"),
    ("PressurePa", "pa"),
    ("PressurekPa", "kpa"),
];

/// Quantity and factor to the catalogue's unit; `None` for a sensor that measures nothing.
///
/// # Errors
/// [`Rejection::Unit`] where the unit is not understood, or is missing from a sensor that has a type.
pub(crate) fn of_sensor(doc: &Value) -> Result<Option<(Quantity, f64)>, Rejection> {
    let kind = text(doc, "ReadingType");
    let discrete = doc.get("ReadingUnits").and_then(Value::as_str).is_some_and(|unit| unit.trim().is_empty());
    let unit = match (text(doc, "ReadingUnits"), kind) {
        (Some(unit), _) => unit,
        (None, None) => return Ok(None),
        (None, Some(_)) if discrete => return Err(Rejection::Unit),
        (None, Some(kind)) => {
            TYPES.iter().find(|(name, _)| *name == kind).map(|(_, unit)| *unit).ok_or(Rejection::Unit)?
        }
    };
    let (quantity, factor) = of_unit(unit).ok_or(Rejection::Unit)?;
    Ok(match (quantity, kind) {
        (Q::Percent, Some("Humidity")) => Some((Q::Humidity, factor)),
        // Energy whose unit lost its hours.
        (Q::Power, Some("EnergykWh")) => Some((Q::Energy, 3.6e6)),
        // The weight of the air above a site is no pressure of its cooling.
        (Q::Pressure, Some("Altitude")) => None,
        _ => Some((quantity, factor)),
    })
}

/// Quantity and factor of a unit's name.
pub(crate) fn of_unit(unit: &str) -> Option<(Quantity, f64)> {
    let unit = unit.trim().to_lowercase();
    UNITS.iter().find(|(name, ..)| *name == unit).map(|(_, quantity, factor)| (*quantity, *factor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn units_win_over_types() {
        let of = |kind: Value, unit: Value| of_sensor(&json!({"ReadingType": kind, "ReadingUnits": unit}));
        assert_eq!(of(json!("Temperature"), json!("Cel")), Ok(Some((Q::Temperature, 1.0))));
        assert_eq!(of(json!("Current"), json!("Watts")), Ok(Some((Q::Power, 1.0))));
        assert_eq!(of(json!("AirFlow"), json!("RPM")), Ok(Some((Q::Rotation, 1.0))));
        assert_eq!(of(json!(null), json!("CFM")).map(|found| found.map(|it| it.0)), Ok(Some(Q::AirFlow)));
        assert_eq!(of(json!("Humidity"), json!("%")), Ok(Some((Q::Humidity, 0.01))));
        assert_eq!(of(json!("EnergykWh"), json!("kW")), Ok(Some((Q::Energy, 3.6e6))));
        assert_eq!(of(json!("Power"), json!(null)), Ok(Some((Q::Power, 1.0))));
    }

    #[test]
    fn discrete_and_unknown_units_are_no_measurement() {
        let of = |kind: Value, unit: Value| of_sensor(&json!({"ReadingType": kind, "ReadingUnits": unit}));
        assert_eq!(of(json!(null), json!("")), Ok(None));
        assert_eq!(of(json!("Temperature"), json!("")), Err(Rejection::Unit));
        assert_eq!(of(json!("Voltage"), json!("furlongs")), Err(Rejection::Unit));
        assert_eq!(of_sensor(&json!({})), Ok(None));
    }
}
