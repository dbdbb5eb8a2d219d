//! Makes a recording anonymous: serial numbers, UUIDs, addresses, names and tags are replaced, the
//! same by the same everywhere, so that links and references still hold.
//!
//! Pure. Values are found by the names of their fields and by their shape; then they are replaced
//! wherever they stand, in paths too. A person should still look at a recording before giving it away.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::LazyLock;

use regex_lite::Regex;
use serde_json::Value;

/// Shortest value that is replaced where it stands inside of other texts.
const MIN_INSIDE: usize = 5;

/// Most values that are told apart; the rest share one replacement.
const MAX_VALUES: usize = 50_000;

/// Words that devices put where they have no value.
const NO_VALUE: [&str; 10] =
    ["", "n/a", "na", "none", "null", "unknown", "not specified", "not available", "default", "localhost"];

/// What kind of thing a value names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Kind {
    Serial,
    Uuid,
    Mac,
    Ip,
    Host,
    Asset,
    Person,
    Place,
}

/// Parts of field names, in lower case, and what stands in such fields. The first that fits counts.
const FIELDS: [(&str, Kind); 33] = [
    ("serialnumber", Kind::Serial),
    ("serialno", Kind::Serial),
    ("servicetag", Kind::Serial),
    ("servicecode", Kind::Serial),
    ("boardserial", Kind::Serial),
    ("piecepartidentification", Kind::Serial),
    ("ppid", Kind::Serial),
    ("sku", Kind::Serial),
    ("uuid", Kind::Uuid),
    ("guid", Kind::Uuid),
    ("wwn", Kind::Uuid),
    ("wwpn", Kind::Uuid),
    ("durablename", Kind::Uuid),
    ("sasaddress", Kind::Uuid),
    ("macaddr", Kind::Mac),
    ("addressmac", Kind::Mac),
    ("assettag", Kind::Asset),
    ("hostname", Kind::Host),
    ("fqdn", Kind::Host),
    ("domainname", Kind::Host),
    ("systemname", Kind::Host),
    ("ntpserver", Kind::Host),
    ("iqn", Kind::Host),
    ("username", Kind::Person),
    ("email", Kind::Person),
    ("phone", Kind::Person),
    ("contact", Kind::Person),
    ("postaladdress", Kind::Place),
    ("devicelocation", Kind::Place),
    ("locationstring", Kind::Place),
    ("nameserver", Kind::Ip),
    ("gateway", Kind::Ip),
    ("address", Kind::Ip),
];

/// Ends of field names that describe a value and are none.
const DESCRIPTIONS: [&str; 11] = [
    "origin",
    "type",
    "format",
    "state",
    "support",
    "enabled",
    "protection",
    "family",
    "length",
    "service",
    "status",
];

static SHAPES: LazyLock<Vec<(Regex, Kind)>> = LazyLock::new(|| {
    let shapes = [
        (r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", Kind::Uuid),
        (r"(?i)\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b", Kind::Mac),
        (r"(?i)\b[0-9a-f]{2}(-[0-9a-f]{2}){5}\b", Kind::Mac),
    ];
    shapes.into_iter().filter_map(|(shape, kind)| Some((Regex::new(shape).ok()?, kind))).collect()
});

/// What was found, and what it is replaced by.
#[derive(Debug, Default)]
pub(crate) struct Scrubber {
    replacements: HashMap<String, String>,
    counts: BTreeMap<Kind, usize>,
    /// Those that are also replaced inside of other texts, the longest first.
    inside: Vec<(String, String)>,
}

impl Scrubber {
    /// Finds what is to be replaced. All documents are learned before any is scrubbed.
    pub(crate) fn learn(&mut self, document: &Value) {
        self.learn_field("", document);
        self.inside = self.replacements.iter().filter(|(value, _)| is_telling(value)).map(own).collect();
        self.inside.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
    }

    fn learn_field(&mut self, name: &str, value: &Value) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, value)| self.learn_field(name, value)),
            Value::Array(items) => items.iter().for_each(|item| self.learn_field(name, item)),
            Value::String(text) => {
                if let Some(kind) = kind_of(name, text) {
                    self.add(kind, text);
                }
                for (shape, kind) in SHAPES.iter() {
                    shape.find_iter(text).for_each(|found| self.add(*kind, found.as_str()));
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, kind: Kind, text: &str) {
        let text = text.trim();
        if NO_VALUE.contains(&text.to_ascii_lowercase().as_str())
            || self.replacements.contains_key(text)
            || self.replacements.len() >= MAX_VALUES
        {
            return;
        }
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        let replacement = replacement(kind, text, *count);
        for (text, replacement) in spellings(kind, text, &replacement) {
            self.replacements.entry(text).or_insert(replacement);
        }
    }

    /// Replaces what was learned.
    pub(crate) fn scrub(&self, document: &mut Value) {
        match document {
            Value::Object(fields) => {
                for (name, value) in fields.iter_mut() {
                    match value {
                        Value::String(_) if name == "@odata.type" => {}
                        Value::String(text) if kind_of(name, text).is_some() => {
                            *text = self
                                .replacements
                                .get(text.trim())
                                .cloned()
                                .unwrap_or_else(|| self.text(text));
                        }
                        _ => self.scrub(value),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.scrub(item)),
            Value::String(text) => *text = self.text(text),
            _ => {}
        }
    }

    /// Replaces what was learned wherever it stands in a text.
    pub(crate) fn text(&self, text: &str) -> String {
        if let Some(replacement) = self.replacements.get(text).filter(|_| is_telling(text)) {
            return replacement.clone();
        }
        let mut text = text.to_owned();
        for (value, replacement) in
            self.inside.iter().filter(|(value, _)| value.len() <= text.len()).collect::<Vec<_>>()
        {
            if text.contains(value.as_str()) {
                text = text.replace(value.as_str(), replacement);
            }
        }
        text
    }
}

fn own((value, replacement): (&String, &String)) -> (String, String) {
    (value.clone(), replacement.clone())
}

/// Whether a value cannot be an everyday word of the other documents.
fn is_telling(value: &str) -> bool {
    value.len() >= MIN_INSIDE && value.chars().any(|c| c.is_ascii_digit()) || value.len() >= 12
}

fn kind_of(name: &str, text: &str) -> Option<Kind> {
    let name = name.to_ascii_lowercase();
    if name.contains('@')
        || DESCRIPTIONS.iter().any(|end| name.ends_with(end))
        || text.starts_with("/redfish/")
    {
        return None;
    }
    let (_, kind) = FIELDS.iter().find(|(part, _)| name.contains(part))?;
    match kind {
        // An address may be one of many things; the mask of a network says nothing.
        Kind::Ip if text.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified() || ip.is_loopback()) => None,
        Kind::Ip
            if text.parse::<IpAddr>().is_err() && SHAPES.iter().any(|(shape, _)| shape.is_match(text)) =>
        {
            None
        }
        kind => Some(*kind),
    }
}

/// Addresses and names that are kept free for examples: RFC 5737, RFC 3849, RFC 2606; locally
/// administered MAC addresses.
fn replacement(kind: Kind, text: &str, count: usize) -> String {
    let low = count % 65_536;
    match kind {
        Kind::Serial => format!("SERIAL{count:05}"),
        Kind::Uuid if text.contains('-') => format!("00000000-0000-0000-0000-{count:012}"),
        Kind::Uuid => format!("{count:016}"),
        Kind::Mac => format!("02:00:00:00:{:02X}:{:02X}", low / 256, low % 256),
        Kind::Ip if text.contains(':') => format!("2001:db8::{low:x}"),
        Kind::Ip => format!("192.0.2.{}", count % 254 + 1),
        Kind::Host => format!("host{count}.example"),
        Kind::Asset => format!("asset{count:05}"),
        Kind::Person => format!("person{count}"),
        Kind::Place => format!("place{count}"),
    }
}

/// The ways in which a MAC address is written, in either case; other values as they are.
fn spellings(kind: Kind, text: &str, replacement: &str) -> Vec<(String, String)> {
    if kind != Kind::Mac {
        return vec![(text.to_owned(), replacement.to_owned())];
    }
    let with = |text: &str, mark: &str| text.replace([':', '-'], mark);
    let mark = if text.contains('-') { "-" } else { ":" };
    let mut all = vec![(text.to_owned(), with(replacement, mark))];
    for mark in [":", "-", ""] {
        let (text, replacement) = (with(text, mark), with(replacement, mark));
        all.push((text.to_ascii_lowercase(), replacement.to_ascii_lowercase()));
        all.push((text.to_ascii_uppercase(), replacement));
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn identities_are_replaced_the_same_everywhere_and_the_rest_stays() {
        let mut document = json!({
            "@odata.id": "/redfish/v1/Systems/S4C0123/NetworkAdapters/B8-CE-F6-01-02-03",
            "@odata.type": "#ComputerSystem.v1_0_0.ComputerSystem",
            "SerialNumber": "S4C0123", "SKU": "S4C0123", "AssetTag": "rack-17-a", "HostName": "db1",
            "UUID": "4C4C4544-0034-5310-8047-B6C04F4E3332", "FirmwareVersion": "6.00.30.00",
            "MACAddress": "b8:ce:f6:01:02:03", "Model": "R750", "Description": "On host S4C0123, db1",
            "IPv4Addresses": [{"Address": "10.1.2.3", "AddressOrigin": "DHCP", "Gateway": "10.1.2.1"}],
            "NameServers": ["10.1.2.53", "0.0.0.0"], "UserName": "jane", "Reading": 21.5,
            "Note": "seen B8CEF6010203 and b8:ce:f6:01:02:04", "EmptySerialNumber": "N/A",
            "DellServiceTag": "AB", "Id": "AB",
        });
        let before = document.clone();
        let mut scrubber = Scrubber::default();
        scrubber.learn(&document);
        scrubber.scrub(&mut document);
        let text = document.to_string();
        for gone in ["S4C0123", "rack-17-a", "4C4C4544", "b8:ce", "B8-CE", "B8CEF6", "10.1.2", "jane"] {
            assert!(!text.contains(gone), "{gone} is still in {text}");
        }
        for field in ["@odata.type", "FirmwareVersion", "Model", "Reading", "EmptySerialNumber", "Id"] {
            assert_eq!(document[field], before[field], "{field}");
        }
        assert_eq!(document["IPv4Addresses"][0]["AddressOrigin"], "DHCP");
        assert_eq!(document["NameServers"][1], "0.0.0.0");
        assert_eq!(document["SerialNumber"], document["SKU"]);
        assert_ne!(document["HostName"], "db1");
        assert_eq!(document["MACAddress"], "02:00:00:00:00:01");
        let serial = document["SerialNumber"].as_str().unwrap();
        assert_eq!(
            document["@odata.id"].as_str().unwrap(),
            format!("/redfish/v1/Systems/{serial}/NetworkAdapters/02-00-00-00-00-01")
        );
        assert_eq!(document["Note"], "seen 020000000001 and 02:00:00:00:00:02");
    }
}
