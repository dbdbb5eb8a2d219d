//! Amounts of bytes as people write them: `64MiB`, `500kB`, `2GiB`, `20000B`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

/// An amount of bytes in a document: a whole number and a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Size(pub u64);

/// Units and their bytes, from the largest.
const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

/// Why a text is no amount of bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no amount of bytes: write for example 64MiB, 500kB or 2GiB")]
pub struct SizeError {
    text: String,
}

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        bytes(text).map(Self).ok_or_else(|| SizeError { text: text.to_owned() })
    }
}

fn bytes(text: &str) -> Option<u64> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let (_, bytes) = UNITS.iter().find(|(name, _)| *name == unit)?;
    digits.parse::<u64>().ok()?.checked_mul(*bytes)
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |unit: &&(&str, u64)| self.0 >= unit.1 && self.0.checked_rem(unit.1) == Some(0);
        match UNITS.iter().find(whole) {
            Some((name, bytes)) => write!(f, "{}{name}", self.0.checked_div(*bytes).unwrap_or(self.0)),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Size {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9]{1,9}(B|kB|KiB|MB|MiB|GB|GiB)$",
            "examples": ["64MiB", "500kB", "2GiB"],
            "x-expected": "an amount of bytes, for example 64MiB",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_reads_and_prints_the_same() {
        for (text, bytes) in
            [("64MiB", 67_108_864), ("500kB", 500_000), ("2GiB", 2_147_483_648), ("7B", 7), ("0B", 0)]
        {
            let size: Size = text.parse().unwrap();
            assert_eq!(size.0, bytes, "{text}");
            assert_eq!(size.to_string(), text);
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "64", "MiB", "1.5MiB", "64 MiB", "64mib", "-1B", "99999999999GiB"] {
            assert!(text.parse::<Size>().is_err(), "{text:?}");
        }
    }
}
