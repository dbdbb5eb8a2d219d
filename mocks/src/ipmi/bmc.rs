//! What a BMC has: its device, sensors, FRUs, event log and power, from a JSON file.
//!
//! The file says physical values and the names and numbers of IPMI 2.0 rev 1.1: sensor types from table 42-3,
//! units from table 43-15, entities from table 43-13. The octets follow from it elsewhere.

use serde::Deserialize;

/// The BMC that comes with the mock: a server with some sixty sensors of all kinds.
const SERVER: &str = include_str!("../../bmcs/server.json");

/// A BMC.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Bmc {
    pub(crate) device: DeviceId,
    pub(crate) sensors: Vec<Sensor>,
    #[serde(default)]
    pub(crate) frus: Vec<Fru>,
    /// From the oldest to the newest.
    #[serde(default)]
    pub(crate) events: Vec<Event>,
    pub(crate) dcmi: Option<Dcmi>,
    /// The numbers of OEM records that stand among the others.
    #[serde(default)]
    pub(crate) oem_records: u8,
}

/// A BMC's file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BmcError {
    /// Not JSON of the form expected.
    #[error("not a BMC: {0}")]
    Form(#[from] serde_json::Error),
    /// A sensor's value or threshold is beyond what its octet can say.
    #[error("sensor {name}: {value} does not fit into its octet")]
    Value {
        /// The sensor.
        name: String,
        /// The value.
        value: f64,
    },
}

/// Section 20.1.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct DeviceId {
    pub(crate) name: String,
    pub(crate) id: u8,
    pub(crate) revision: u8,
    /// Major and minor.
    pub(crate) firmware: (u8, u8),
    /// The enterprise number.
    pub(crate) manufacturer: u32,
    pub(crate) product: u16,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Sensor {
    pub(crate) number: u8,
    pub(crate) name: String,
    /// Entity and instance.
    pub(crate) entity: (u8, u8),
    /// The sensor type.
    #[serde(rename = "type")]
    pub(crate) kind: u8,
    pub(crate) reading: Reading,
    #[serde(default)]
    pub(crate) condition: Condition,
}

/// Whether a sensor can be read, section 35.14.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Condition {
    #[default]
    Normal,
    /// "Reading/state unavailable".
    Unavailable,
    ScanningDisabled,
    /// Completion code CBh.
    NotPresent,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub(crate) enum Reading {
    Analog(Analog),
    Discrete(Discrete),
    /// Only an event-only record; it cannot be read.
    EventOnly {
        event_type: u8,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    #[default]
    Unsigned = 0,
    OnesComplement = 1,
    TwosComplement = 2,
}

/// Section 43.1, byte 24.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Linearization {
    #[default]
    Linear = 0,
    Ln = 1,
    Log10 = 2,
    Log2 = 3,
    Exp = 4,
    Exp10 = 5,
    Exp2 = 6,
    Reciprocal = 7,
    Square = 8,
    Cube = 9,
    SquareRoot = 10,
    CubeRoot = 11,
    /// The factors differ from reading to reading.
    NonLinear = 0x70,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Analog {
    pub(crate) unit: u8,
    #[serde(default)]
    pub(crate) percentage: bool,
    #[serde(default)]
    pub(crate) format: Format,
    #[serde(default)]
    pub(crate) linearization: Linearization,
    pub(crate) m: i16,
    #[serde(default)]
    pub(crate) b: i16,
    #[serde(default)]
    pub(crate) b_exponent: i8,
    #[serde(default)]
    pub(crate) r_exponent: i8,
    pub(crate) value: f64,
    /// How far the value goes from there, in its unit.
    #[serde(default)]
    pub(crate) drift: f64,
    #[serde(default)]
    pub(crate) thresholds: Thresholds,
    /// Positive and negative, as raw numbers.
    #[serde(default)]
    pub(crate) hysteresis: Option<(u8, u8)>,
}

/// In the sensor's unit; section 35.9.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Thresholds {
    pub(crate) lower_non_critical: Option<f64>,
    pub(crate) lower_critical: Option<f64>,
    pub(crate) lower_non_recoverable: Option<f64>,
    pub(crate) upper_non_critical: Option<f64>,
    pub(crate) upper_critical: Option<f64>,
    pub(crate) upper_non_recoverable: Option<f64>,
}

impl Thresholds {
    /// In the order of their bits: lower non-critical first.
    pub(crate) fn all(&self) -> [Option<f64>; 6] {
        [
            self.lower_non_critical,
            self.lower_critical,
            self.lower_non_recoverable,
            self.upper_non_critical,
            self.upper_critical,
            self.upper_non_recoverable,
        ]
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Discrete {
    /// The event/reading type, table 42-1.
    pub(crate) event_type: u8,
    /// The states that are on, 0 to 14.
    pub(crate) states: Vec<u8>,
    /// The states instead where nothing is wrong, if `states` is trouble.
    pub(crate) well: Option<Vec<u8>>,
    /// The states that there are, as bits.
    pub(crate) mask: u16,
    /// Whether the record is a full one.
    #[serde(default)]
    pub(crate) full: bool,
}

/// Platform Management FRU Information Storage Definition v1.0 rev 1.3.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Fru {
    pub(crate) id: u8,
    pub(crate) name: String,
    pub(crate) entity: (u8, u8),
    pub(crate) chassis: Option<Chassis>,
    pub(crate) board: Option<Board>,
    pub(crate) product: Option<Product>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Chassis {
    #[serde(rename = "type")]
    pub(crate) kind: u8,
    pub(crate) part: Text,
    pub(crate) serial: Text,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Board {
    /// Minutes since 1996.
    pub(crate) made: u32,
    pub(crate) manufacturer: Text,
    pub(crate) product: Text,
    pub(crate) serial: Text,
    pub(crate) part: Text,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Product {
    pub(crate) manufacturer: Text,
    pub(crate) name: Text,
    pub(crate) part: Text,
    pub(crate) version: Text,
    pub(crate) serial: Text,
    pub(crate) asset: Text,
}

/// A text and its encoding, FRU definition section 13.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Text {
    /// Packed 6-bit ASCII.
    SixBit(String),
    /// BCD plus.
    Bcd(String),
    /// Octets, said to be binary.
    Binary(Vec<u8>),
    /// 8-bit ASCII and Latin 1.
    #[serde(untagged)]
    Latin(String),
}

/// A system event record, section 32.1.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Event {
    /// Seconds since the BMC began; negative before.
    pub at: i64,
    /// The sensor's number.
    pub sensor: u8,
    /// The sensor type.
    #[serde(rename = "type")]
    pub kind: u8,
    /// The event/reading type.
    pub event_type: u8,
    /// Whether the state ended.
    #[serde(default)]
    pub deasserted: bool,
    /// Event data 1 to 3.
    pub data: [u8; 3],
}

/// DCMI 1.5.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Dcmi {
    pub(crate) watts: f64,
    pub(crate) drift: f64,
    /// By entity: degrees Celsius of each instance.
    pub(crate) temperatures: Vec<(u8, Vec<i8>)>,
}

impl Bmc {
    /// Reads a BMC's file.
    pub fn parse(text: &str) -> Result<Self, BmcError> {
        let bmc: Self = serde_json::from_str(text)?;
        for sensor in &bmc.sensors {
            let Reading::Analog(analog) = &sensor.reading else { continue };
            let thresholds = analog.thresholds.all();
            for value in thresholds.into_iter().flatten().chain([analog.value]) {
                if !analog.says(value) {
                    return Err(BmcError::Value { name: sensor.name.clone(), value });
                }
            }
        }
        Ok(bmc)
    }

    /// The BMC that comes with the mock.
    pub fn server() -> Result<Self, BmcError> {
        Self::parse(SERVER)
    }

    /// The same BMC with nothing wrong.
    pub fn calm(mut self) -> Self {
        for sensor in &mut self.sensors {
            if let Reading::Discrete(Discrete { states, well: Some(well), .. }) = &mut sensor.reading {
                states.clone_from(well);
            }
        }
        self
    }

    /// The sensor with a number that can be read.
    pub(crate) fn sensor(&self, number: u8) -> Option<&Sensor> {
        self.sensors
            .iter()
            .find(|sensor| sensor.number == number && !matches!(sensor.reading, Reading::EventOnly { .. }))
    }
}
