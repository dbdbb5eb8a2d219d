//! The seam between the wire and the meaning: SNMP objects as profiles see them.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Most sub-identifiers of an object identifier (RFC 2578, section 3.5).
pub const MAX_SUBIDENTIFIERS: usize = 128;

/// An object identifier. Ordered as SNMP orders them. Clones share: what thousands of targets ask for is
/// kept once, in their profiles.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Oid(Arc<[u32]>);

impl Oid {
    /// From its sub-identifiers.
    pub fn new(subidentifiers: impl Into<Arc<[u32]>>) -> Self {
        Self(subidentifiers.into())
    }

    /// The sub-identifiers.
    pub fn as_slice(&self) -> &[u32] {
        &self.0
    }

    /// What follows `prefix`, if this starts with it.
    pub fn strip_prefix(&self, prefix: &Self) -> Option<&[u32]> {
        self.0.strip_prefix(&*prefix.0)
    }
}

/// So that a map of objects is searched with sub-identifiers that are put together in place.
impl Borrow<[u32]> for Oid {
    fn borrow(&self) -> &[u32] {
        &self.0
    }
}

/// Why a text is no object identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no object identifier: write numbers joined by dots, for example 1.3.6.1.2.1.1.2.0")]
pub struct OidError {
    text: String,
}

impl FromStr for Oid {
    type Err = OidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix('.').unwrap_or(text);
        let parsed: Result<Vec<u32>, _> = digits.split('.').map(str::parse).collect();
        match parsed {
            Ok(ids) if ids.len() <= MAX_SUBIDENTIFIERS => Ok(Self(ids.into())),
            _ => Err(OidError { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, id) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(".")?;
            }
            write!(f, "{id}")?;
        }
        Ok(())
    }
}

/// A value of the SMI (RFC 2578, section 7), with what the wire distinguishes and profiles don't folded away.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// INTEGER, Integer32, and Opaque signed integers.
    Integer(i64),
    /// Counter32, Counter64, Gauge32, Unsigned32, TimeTicks (hundredths of a second).
    Unsigned(u64),
    /// Opaque Float and Double (net-snmp's encoding).
    Float(f64),
    /// OCTET STRING, Opaque, BITS and IpAddress, as bytes.
    Bytes(Box<[u8]>),
    /// OBJECT IDENTIFIER.
    Oid(Oid),
}

/// What the matching profiles of one device ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Instances to GET, with their `.0`.
    pub scalars: Vec<Oid>,
    /// Columns to walk, without their index.
    pub columns: Vec<Oid>,
}

/// What a device answered: instances in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Objects {
    rows: BTreeMap<Oid, Value>,
}

impl Objects {
    /// Adds one instance.
    pub fn insert(&mut self, oid: Oid, value: Value) {
        self.rows.insert(oid, value);
    }

    /// One instance.
    pub fn get(&self, oid: &Oid) -> Option<&Value> {
        self.rows.get(oid)
    }

    /// Whether there is this instance, or any below it.
    pub fn has(&self, oid: &Oid) -> bool {
        self.rows.range(oid.clone()..).next().is_some_and(|(found, _)| found.strip_prefix(oid).is_some())
    }

    /// All instances, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Oid, &Value)> {
        self.rows.iter()
    }

    /// The instances below a column, as index and value, in order.
    pub fn column<'a>(&'a self, column: &'a Oid) -> impl Iterator<Item = (&'a [u32], &'a Value)> {
        self.rows
            .range(column.clone()..)
            .map_while(move |(oid, value)| oid.strip_prefix(column).map(|index| (index, value)))
    }

    /// How many instances there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_ends_where_the_next_begins() {
        let mut objects = Objects::default();
        for (oid, value) in [("1.3.1.1", 1), ("1.3.1.2", 2), ("1.3.10.1", 10), ("1.3.2.1", 3)] {
            objects.insert(oid.parse().unwrap(), Value::Integer(value));
        }
        let column: Oid = "1.3.1".parse().unwrap();
        let rows: Vec<_> = objects.column(&column).collect();
        assert_eq!(rows, [(&[1][..], &Value::Integer(1)), (&[2][..], &Value::Integer(2))]);
    }

    #[test]
    fn a_leading_dot_is_taken_and_other_text_refused() {
        assert_eq!(".1.3.6".parse::<Oid>().unwrap().to_string(), "1.3.6");
        for text in ["", "1..3", "iso.3", "1.3.-1", "1.3.4294967296"] {
            assert!(text.parse::<Oid>().is_err(), "{text}");
        }
    }
}
