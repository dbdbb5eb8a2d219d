//! Which label of a list feeds which field of a target.
//!
//! For each field, in this order: the label that the configuration names for it, `__lightsout_FIELD`,
//! and for what describes a device also the label with the field's own name.

use std::collections::BTreeMap;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::fallback::StandIn;
use crate::config::file::{Protocol, Settings, Tls};
use crate::config::flaw::Flaw;
use crate::yaml::Duration;

/// A field of a target that a label may feed.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
#[allow(missing_docs, reason = "the keys of a target, which are described there")]
pub enum Field {
    Name,
    Address,
    Protocol,
    Credentials,
    Site,
    Rack,
    DeviceType,
    Room,
    RackUnit,
    PowerFeed,
    AssetTag,
    Interval,
    Timeout,
    Deadline,
    InventoryInterval,
    Tls,
    MaxRepetitions,
    Fallback,
}

/// Fields, their keys, and whether a label of the same name feeds them by itself.
const FIELDS: [(Field, &str, bool); 18] = [
    (Field::Name, "name", true),
    (Field::Address, "address", false),
    (Field::Protocol, "protocol", false),
    (Field::Credentials, "credentials", false),
    (Field::Site, "site", true),
    (Field::Rack, "rack", true),
    (Field::DeviceType, "device_type", true),
    (Field::Room, "room", true),
    (Field::RackUnit, "rack_unit", true),
    (Field::PowerFeed, "power_feed", true),
    (Field::AssetTag, "asset_tag", true),
    (Field::Interval, "interval", false),
    (Field::Timeout, "timeout", false),
    (Field::Deadline, "deadline", false),
    (Field::InventoryInterval, "inventory_interval", false),
    (Field::Tls, "tls", false),
    (Field::MaxRepetitions, "max_repetitions", false),
    (Field::Fallback, "fallback", false),
];

/// Prefix of labels that feed a field without being named in the configuration.
const PREFIX: &str = "__lightsout_";

/// What labels say of a target.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) name: Option<String>,
    pub(super) address: Option<String>,
    pub(super) settings: Settings,
}

/// Reads the labels of an entry. Empty ones say nothing.
pub(super) fn settings(
    named: &BTreeMap<Field, String>,
    given: &BTreeMap<String, Option<String>>,
    flaws: &mut Vec<Flaw>,
) -> Said {
    let mut said = Said::default();
    for (field, key, plain) in FIELDS {
        let value = |label: &str| given.get(label)?.as_ref().filter(|value| !value.is_empty());
        let value = named
            .get(&field)
            .and_then(|label| value(label))
            .or_else(|| value(&format!("{PREFIX}{key}")))
            .or_else(|| if plain { value(key) } else { None });
        if let Some(value) = value
            && let Err((expected, help)) = set(&mut said, field, value)
        {
            flaws.push(Flaw::new(key, format!("expected {expected}, found {value:?}"), help));
        }
    }
    said
}

type Expected = (&'static str, &'static str);

fn set(said: &mut Said, field: Field, value: &str) -> Result<(), Expected> {
    let settings = &mut said.settings;
    let text = Some(value.to_owned());
    match field {
        Field::Name => said.name = text,
        Field::Address => said.address = text,
        Field::Credentials => settings.credentials = text,
        Field::Site => settings.site = text,
        Field::Rack => settings.rack = text,
        Field::DeviceType => settings.device_type = text,
        Field::Room => settings.room = text,
        Field::RackUnit => settings.rack_unit = text,
        Field::PowerFeed => settings.power_feed = text,
        Field::AssetTag => settings.asset_tag = text,
        Field::Interval => settings.interval = Some(duration(value)?),
        Field::Timeout => settings.timeout = Some(duration(value)?),
        Field::Deadline => settings.deadline = Some(duration(value)?),
        Field::InventoryInterval => settings.inventory_interval = Some(duration(value)?),
        Field::Protocol => {
            settings.protocol = Some(match value {
                "snmp" => Protocol::Snmp,
                "redfish" => Protocol::Redfish,
                "ipmi" => Protocol::Ipmi,
                _ => return Err(("a protocol", "write snmp, redfish or ipmi")),
            });
        }
        Field::Tls => {
            settings.tls = Some(match value {
                "verify" => Tls::Verify,
                "insecure" => Tls::Insecure,
                "plain" => Tls::Plain,
                _ => return Err(("how TLS is verified", "write verify, insecure or plain")),
            });
        }
        Field::Fallback => {
            settings.fallback = Some(match value {
                "redfish" => StandIn::Redfish.into(),
                "ipmi" => StandIn::Ipmi.into(),
                _ => return Err(("a protocol that stands in", "write redfish or ipmi")),
            });
        }
        Field::MaxRepetitions => {
            let number = u32::from_str(value).ok().filter(|number| (1..=100).contains(number));
            let expected = ("a number of rows", "write a number from 1 to 100");
            settings.max_repetitions = Some(number.ok_or(expected)?);
        }
    }
    Ok(())
}

fn duration(value: &str) -> Result<Duration, Expected> {
    value.parse().map_err(|_| ("a duration", "write for example 30s, 5m or 1h"))
}
