//! The scan: what stands in a document, by the shape of its schema.

use serde_json::{Map, Value};

use super::Class;

/// One reading as it stands in a document.
pub(super) struct Item {
    pub(super) class: Class,
    pub(super) place: String,
    pub(super) name: String,
    pub(super) value: Token,
    /// Path of the sensor that it is, or is an excerpt of.
    pub(super) sensor: Option<String>,
}

impl Item {
    /// Whether a sample carries the path of this item's sensor, or its name.
    pub(super) fn is_named(&self, sample: &str) -> bool {
        let path = self.sensor.as_deref().unwrap_or(&self.place);
        sample.contains(&format!("\"{}\"", path.trim_start_matches("/redfish/v1/")))
            || sample.contains(&format!("hw_name=\"{}\"", self.name))
    }

    /// Whether a sample of the same chassis or system has nearly this value.
    pub(super) fn is_near(&self, sample: &str, value: &Token) -> bool {
        let owner = self.place.split('/').nth(4).unwrap_or("");
        let near = match (&self.value, value) {
            (Token::Number(a), Token::Number(b)) => (a - b).abs() <= 0.1 * a.abs().max(b.abs()),
            _ => false,
        };
        near && (self.place.contains("/Systems/") || sample.contains(&format!("/{owner}")))
    }

    /// Kind of document, by the marks that the scan leaves in the place.
    pub(super) fn kind(&self) -> u8 {
        match (self.place.contains('#'), self.place.contains(':')) {
            (true, _) => 0,
            (_, true) => 1,
            _ => 2,
        }
    }
}

/// What is compared: a number in the catalogue's unit, or a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Text(String),
}

impl Token {
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => (a - b).abs() <= 1e-6 * a.abs().max(b.abs()).max(1.0),
            (Self::Text(a), Self::Text(b)) => a == b,
            _ => false,
        }
    }
}

/// Last step of a path.
pub(super) fn last(path: &str) -> String {
    path.rsplit('/').next().unwrap_or("").to_owned()
}

/// Finds the readings of one document.
pub(super) fn scan(path: &str, doc: &Value, items: &mut Vec<Item>) {
    let Some(fields) = doc.as_object() else { return };
    let kind = string(fields, "@odata.type");
    let kind = kind.trim_start_matches('#').split('.').next().unwrap_or("");
    match kind {
        "Sensor" => sensor(path, fields, items),
        "Thermal" => thermal(path, fields, items),
        "Power" => power(path, fields, items),
        "SoftwareInventory" if path.contains("/FirmwareInventory/") => firmware(path, fields, items),
        "PowerSupply" => supply(path, fields, items),
        _ => {}
    }
    for member in list(fields, "Members") {
        if member.len() > 1 {
            let path = string(member, "@odata.id").to_owned();
            scan(&path, &Value::Object(member.clone()), items);
        }
    }
    if !matches!(kind, "Sensor" | "Thermal" | "Power" | "") {
        excerpts(path, "", doc, items, 0);
    } else if kind.is_empty() && !fields.contains_key("Members") {
        untyped(path, doc, items);
    }
}

/// A document without a type is told by where it lies.
fn untyped(path: &str, doc: &Value, items: &mut Vec<Item>) {
    let parts: Vec<&str> = path.split('/').collect();
    let Some(fields) = doc.as_object() else { return };
    match parts.get(parts.len().saturating_sub(2)) {
        Some(&"Sensors") => sensor(path, fields, items),
        Some(&"PowerSupplies") => supply(path, fields, items),
        _ => excerpts(path, "", doc, items, 0),
    }
}

fn sensor(path: &str, fields: &Map<String, Value>, items: &mut Vec<Item>) {
    let (class, factor) = match (string(fields, "ReadingUnits"), string(fields, "ReadingType")) {
        ("Cel" | "C" | "Celsius", _) => (Class::Temperature, 1.0),
        ("RPM", _) => (Class::Fan, 1.0),
        ("%" | "Percent", "Percent") if is_fan(fields) => (Class::Fan, 1.0),
        ("V" | "Volts", _) => (Class::Voltage, 1.0),
        ("A" | "Amps", _) => (Class::Current, 1.0),
        ("kW.h" | "kWh", _) | ("kW", "EnergykWh") => (Class::Energy, 3.6e6),
        ("W" | "Watts", _) => (Class::Power, 1.0),
        ("J", _) => (Class::Energy, 1.0),
        ("", "Power") if !fields.contains_key("ReadingUnits") => (Class::Power, 1.0),
        ("", "EnergyJoules") if !fields.contains_key("ReadingUnits") => (Class::Energy, 1.0),
        _ => return,
    };
    push(items, class, path, fields, "Reading", factor, Some(path.to_owned()));
}

fn is_fan(fields: &Map<String, Value>) -> bool {
    let name = string(fields, "Name").to_lowercase();
    name.contains("fan") || name.contains("pwm")
}

fn thermal(path: &str, fields: &Map<String, Value>, items: &mut Vec<Item>) {
    for (index, item) in list(fields, "Temperatures").enumerate() {
        push(
            items,
            Class::Temperature,
            &format!("{path}#/Temperatures/{index}"),
            item,
            "ReadingCelsius",
            1.0,
            None,
        );
    }
    for (index, item) in list(fields, "Fans").enumerate() {
        push(items, Class::Fan, &format!("{path}#/Fans/{index}"), item, "Reading", 1.0, None);
    }
}

fn power(path: &str, fields: &Map<String, Value>, items: &mut Vec<Item>) {
    for (index, item) in list(fields, "PowerControl").enumerate() {
        push(
            items,
            Class::Power,
            &format!("{path}#/PowerControl/{index}"),
            item,
            "PowerConsumedWatts",
            1.0,
            None,
        );
    }
    for (index, item) in list(fields, "Voltages").enumerate() {
        push(items, Class::Voltage, &format!("{path}#/Voltages/{index}"), item, "ReadingVolts", 1.0, None);
    }
    for (index, item) in list(fields, "PowerSupplies").enumerate() {
        let place = format!("{path}#/PowerSupplies/{index}");
        supply(&place, item, items);
        for (key, class) in [("LineInputVoltage", Class::Voltage), ("PowerInputWatts", Class::Power)] {
            push(items, class, &format!("{place}/{key}"), item, key, 1.0, None);
        }
        let output = ["PowerOutputWatts", "LastPowerOutputWatts"];
        if let Some(key) = output.into_iter().find(|key| item.get(*key).is_some_and(Value::is_number)) {
            push(items, Class::Power, &format!("{place}/{key}"), item, key, 1.0, None);
        }
    }
}

fn firmware(path: &str, fields: &Map<String, Value>, items: &mut Vec<Item>) {
    let version = string(fields, "Version").trim();
    if !version.is_empty() && !version.eq_ignore_ascii_case("n/a") {
        items.push(Item {
            class: Class::Firmware,
            place: path.to_owned(),
            name: path.to_owned(),
            value: Token::Text(version.to_owned()),
            sensor: None,
        });
    }
}

/// A power supply that is there, by its capacity or status.
fn supply(path: &str, fields: &Map<String, Value>, items: &mut Vec<Item>) {
    let told = fields.contains_key("PowerCapacityWatts") || fields.contains_key("Status");
    if told && !absent(fields) {
        let serial = string(fields, "SerialNumber");
        let value = Token::Text(last(path));
        let (place, name) = (path.to_owned(), if serial.is_empty() { path } else { serial }.to_owned());
        items.push(Item { class: Class::Supply, place, name, value, sensor: None });
    }
}

/// Excerpts of sensors in any other document, by the name of their property.
fn excerpts(path: &str, key: &str, value: &Value, items: &mut Vec<Item>, depth: usize) {
    const DEPTH: usize = 8;
    match value {
        Value::Array(list) if depth < DEPTH => {
            list.iter().for_each(|item| excerpts(path, key, item, items, depth + 1));
        }
        Value::Object(fields) if depth < DEPTH => {
            let class = [
                ("Celsius", Class::Temperature, 1.0),
                ("Voltage", Class::Voltage, 1.0),
                ("CurrentAmps", Class::Current, 1.0),
                ("PowerWatts", Class::Power, 1.0),
                ("EnergykWh", Class::Energy, 3.6e6),
                ("EnergyJoules", Class::Energy, 1.0),
                ("SpeedPercent", Class::Fan, 1.0),
            ];
            let class = class.into_iter().find(|(word, ..)| key.contains(word));
            let source = string(fields, "DataSourceUri");
            let source = (!source.is_empty()).then(|| source.to_owned());
            if let Some((_, class, factor)) = class.filter(|_| fields.contains_key("Reading")) {
                push(items, class, &format!("{path}:{key}"), fields, "Reading", factor, source.clone());
            }
            if key.contains("SpeedPercent") && !key.contains("Fan") {
                push(items, Class::Fan, &format!("{path}:{key}/SpeedRPM"), fields, "SpeedRPM", 1.0, None);
            }
            for (inner, value) in fields.iter().filter(|(inner, _)| *inner != "Oem" && *inner != "Members") {
                let inner = if class.is_some() { format!("{key}.{inner}") } else { inner.clone() };
                excerpts(path, &inner, value, items, depth + 1);
            }
        }
        _ => {}
    }
}

fn push(
    items: &mut Vec<Item>,
    class: Class,
    place: &str,
    fields: &Map<String, Value>,
    key: &str,
    factor: f64,
    sensor: Option<String>,
) {
    let Some(value) = fields.get(key).and_then(Value::as_f64).filter(|_| !absent(fields)) else { return };
    let name = match string(fields, "Name") {
        "" => place,
        // A power supply has several readings under one name.
        name if place.contains("/PowerSupplies/") => &format!("{name} {key}"),
        name => name,
    };
    items.push(Item {
        class,
        place: place.to_owned(),
        name: name.to_owned(),
        value: Token::Number(value * factor),
        sensor,
    });
}

fn absent(fields: &Map<String, Value>) -> bool {
    let state = fields.get("Status").and_then(|status| status.get("State")).and_then(Value::as_str);
    matches!(state, Some("Absent" | "Disabled" | "UnavailableOffline"))
}

fn string<'a>(fields: &'a Map<String, Value>, key: &str) -> &'a str {
    fields.get(key).and_then(Value::as_str).unwrap_or("")
}

fn list<'a>(fields: &'a Map<String, Value>, key: &str) -> impl Iterator<Item = &'a Map<String, Value>> {
    fields.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}
