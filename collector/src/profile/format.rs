//! The profile format: what a person writes in `profile.yaml`, key by key.
//!
//! Shapes only; what the keys mean together is checked in [`super::compile`]. The documentation of
//! each field is also the text of the JSON Schema that editors show.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// JSON Schema of `profile.yaml`, for editors.
pub fn schema() -> serde_json::Value {
    schemars::SchemaGenerator::default().into_root_schema_for::<Profile>().to_value()
}

/// A device profile: which devices it is for, and what their SNMP objects mean.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Unique name: the folder's name.
    pub name: String,
    /// One sentence: which devices, which MIB.
    pub description: String,
    /// Which devices it is for: any of these alternatives.
    #[serde(rename = "match")]
    pub matches: Vec<Match>,
    /// Profiles (`ups-mib`) or tables of profiles (`if-mib/interfaces`) that this one stands in for,
    /// where a device reports the same readings twice or a standard's wrongly.
    #[serde(default)]
    pub replaces: Vec<String>,
    /// What the device is: each field a template, or several of which the first complete one counts.
    #[serde(default)]
    pub device: DeviceInfo,
    /// Single objects by name, each with its instance (`.0`). Every table and group may use them.
    #[serde(default)]
    pub scalars: BTreeMap<String, Column>,
    /// Readings made of scalars, grouped by component.
    #[serde(default)]
    pub groups: BTreeMap<String, Group>,
    /// Tables by name.
    #[serde(default)]
    pub tables: BTreeMap<String, Table>,
}

/// One alternative of a match: everything that it says must hold.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// Prefixes of sysObjectID, any of them.
    #[serde(default, rename = "sysObjectID")]
    pub sys_object_id: Vec<String>,
    /// Regular expression that sysDescr contains.
    #[serde(default, rename = "sysDescr")]
    pub sys_descr: Option<String>,
    /// An object that the device has: a scalar's instance, a column, or any OID with something below it.
    #[serde(default)]
    pub present: Option<String>,
}

/// What the device is.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceInfo {
    /// Manufacturer.
    #[serde(default)]
    pub vendor: Option<OneOrMany<String>>,
    /// Model name.
    #[serde(default)]
    pub model: Option<OneOrMany<String>>,
    /// Serial number.
    #[serde(default)]
    pub serial: Option<OneOrMany<String>>,
    /// Version of the firmware.
    #[serde(default)]
    pub firmware: Option<OneOrMany<String>>,
}

/// Readings made of scalars that share their labels.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Conditions under which the group counts at all.
    #[serde(default, rename = "where")]
    pub conditions: BTreeMap<String, Condition>,
    /// Labels of all readings: label to template.
    #[serde(default)]
    pub labels: BTreeMap<String, OneOrMany<String>>,
    /// Readings.
    pub metrics: Vec<Reading>,
}

/// A table: rows that have the same columns.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// OID of the table's entry; columns may then be written as their last number.
    #[serde(default)]
    pub entry: Option<String>,
    /// Parts of the index in order. Without this key, `{index}` is the whole index, joined by dots.
    #[serde(default)]
    pub index: Option<Vec<IndexPart>>,
    /// Columns by name.
    pub columns: BTreeMap<String, Column>,
    /// Other tables whose rows belong to a row of this one: `{name.column}` reads there.
    #[serde(default)]
    pub join: BTreeMap<String, Join>,
    /// Conditions under which a row counts.
    #[serde(default, rename = "where")]
    pub conditions: BTreeMap<String, Condition>,
    /// Labels of all readings of a row: label to template.
    #[serde(default)]
    pub labels: BTreeMap<String, OneOrMany<String>>,
    /// Several rows may have the same `hw.id`: all but the first get their index as a suffix (`eth0#7`).
    #[serde(default)]
    pub unique_ids: bool,
    /// Readings of each row.
    #[serde(default)]
    pub metrics: Vec<Reading>,
}

/// One value, or a list of which the first that fits counts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// One.
    One(T),
    /// Several.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// As a slice.
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// A part of a row's index.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum IndexPart {
    /// One number with this name.
    Number(String),
    /// A number that must be this one: rows with another are no rows of this table.
    Fixed(FixedPart),
    /// Several numbers, or a text.
    Long(LongPart),
}

/// A number in the index that must be this one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FixedPart {
    /// The number.
    pub fixed: u32,
}

/// A part of an index that is more than one number.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LongPart {
    /// Name.
    pub name: String,
    /// How the numbers are read.
    pub kind: PartKind,
    /// How many numbers, where the MIB fixes it (a SIZE of one value). Only for `numbers` and `text`.
    #[serde(default)]
    pub length: Option<u16>,
}

/// How a part of an index is read (RFC 2578, section 7.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PartKind {
    /// Numbers joined by dots: `length` of them, or all that are left.
    Numbers,
    /// A text of `length` characters, or after a number that says how many.
    Text,
    /// A text that is all that is left (an IMPLIED index).
    ImpliedText,
}

/// A column or scalar: its OID, or more about it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Column {
    /// Number of the column below the table's `entry`.
    Number(u32),
    /// OID.
    Oid(String),
    /// More about it.
    Long(Box<LongColumn>),
}

/// A column and how its raw values are read. The steps apply in the order of the keys.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LongColumn {
    /// OID, or number below the table's `entry`.
    #[serde(default)]
    pub oid: Option<Literal>,
    /// Instead of `oid`: another field (column, part of the index, scalar, joined column) to read again.
    #[serde(default)]
    pub from: Option<String>,
    /// Raw values that mean "no reading".
    #[serde(default)]
    pub absent: Vec<Literal>,
    /// The bit with this number as 0 or 1: bit 0 is the highest of the first octet (BITS, RFC 2578
    /// section 7.1.4), or the lowest of an integer.
    #[serde(default)]
    pub bit: Option<u32>,
    /// Regular expression: the first group that took part becomes the value; no match, no value.
    #[serde(default)]
    pub regex: Option<String>,
    /// Words for raw values; a value that isn't listed is none.
    #[serde(default, rename = "enum")]
    pub words: BTreeMap<String, Literal>,
}

/// A number or a text.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Literal {
    /// Whole number.
    Integer(i64),
    /// Number.
    Number(f64),
    /// Text.
    Text(String),
}

impl std::fmt::Display for Literal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(number) => write!(f, "{number}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// How to find the row of another table that belongs to a row of this one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// The other table.
    pub table: String,
    /// Its index, part by part: fields of this table (a part of the index, or a column that holds a
    /// number) or plain numbers.
    pub index: Vec<Literal>,
}

/// A condition on a field.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Condition {
    /// The field has this value.
    Is(Literal),
    /// The field has one of these values.
    Any(Vec<Literal>),
    /// Something else.
    Test(Test),
}

/// A condition that is no plain comparison: all that is said must hold.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// The field has none of these values. A field without a value passes.
    #[serde(default)]
    pub not: Option<OneOrMany<Literal>>,
    /// The field's text matches this regular expression.
    #[serde(default)]
    pub regex: Option<String>,
    /// The field has a value (`true`) or none (`false`).
    #[serde(default)]
    pub present: Option<bool>,
    /// The field's number is at least this.
    #[serde(default)]
    pub min: Option<f64>,
    /// The field's number is at most this.
    #[serde(default)]
    pub max: Option<f64>,
    /// The bit with this number is set: counted as for columns.
    #[serde(default)]
    pub bit: Option<u32>,
}

/// How one field becomes a metric of the catalogue:
/// `number x scale x 10^exponent x multiplier / divisor + offset`, then from `unit` to the catalogue's.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// Metric of the catalogue, by its OpenTelemetry name.
    pub metric: String,
    /// Field that holds the value.
    #[serde(default)]
    pub value: Option<String>,
    /// Instead of `value`: this number, for each row that counts.
    #[serde(default)]
    pub constant: Option<f64>,
    /// Field that holds the upper 32 bits of a counter whose lower ones are `value`.
    #[serde(default)]
    pub high: Option<String>,
    /// Factor.
    #[serde(default)]
    pub scale: Option<f64>,
    /// Powers of ten: fields whose numbers are added up, those with `-` in front taken off.
    #[serde(default)]
    pub exponent: Option<OneOrMany<String>>,
    /// Field to multiply by.
    #[serde(default)]
    pub multiplier: Option<String>,
    /// Field to divide by; nothing is read where it is 0.
    #[serde(default)]
    pub divisor: Option<String>,
    /// Field to multiply by where it is positive, and to divide by its size where it is negative.
    #[serde(default)]
    pub signed_scale: Option<String>,
    /// Is added after scaling.
    #[serde(default)]
    pub offset: Option<f64>,
    /// Unit of the result, where it isn't the catalogue's.
    #[serde(default)]
    pub unit: Option<UnitChoice>,
    /// Raw values that mean "no reading".
    #[serde(default)]
    pub absent: Vec<Literal>,
    /// For state sets: value to state.
    #[serde(default)]
    pub states: BTreeMap<String, String>,
    /// State for a value that `states` doesn't list. Without it such a value is dropped and counted.
    #[serde(default)]
    pub otherwise: Option<String>,
    /// Value to number, where the metric counts 0 and 1 and the device has an enumeration.
    #[serde(default)]
    pub values: BTreeMap<String, f64>,
    /// Conditions under which it counts, beside those of the table.
    #[serde(default, rename = "where")]
    pub conditions: BTreeMap<String, Condition>,
    /// Labels beside those of the table, or in their place.
    #[serde(default)]
    pub labels: BTreeMap<String, OneOrMany<String>>,
    /// Limits that the device declares: kind of limit (`high.critical`, …) to field. They take the
    /// conversion, conditions and labels of the reading.
    #[serde(default)]
    pub limits: BTreeMap<String, Limit>,
}

/// A unit by name, or by a field.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum UnitChoice {
    /// By name.
    Name(String),
    /// By a field.
    Field(UnitField),
}

/// A unit that the device says.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitField {
    /// Field.
    pub field: String,
    /// Its values and the units they mean; with another value nothing is read.
    pub units: BTreeMap<String, String>,
}

/// A limit: the field that holds it, or more about it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Limit {
    /// Field.
    Field(String),
    /// More about it.
    Long(LongLimit),
}

/// A limit that is there under conditions only.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LongLimit {
    /// Field.
    pub value: String,
    /// Factor in place of the reading's.
    #[serde(default)]
    pub scale: Option<f64>,
    /// Raw values that mean "no limit", in place of the reading's.
    #[serde(default)]
    pub absent: Option<Vec<Literal>>,
    /// Conditions beside the reading's.
    #[serde(default, rename = "where")]
    pub conditions: BTreeMap<String, Condition>,
}
