//! Fields: what a profile calls by name. A field is a column's cell, a part of the index, a scalar or
//! a cell of another table, and the steps that make its raw value readable.
//!
//! Reads untrusted values: whatever they are, the answer is a value or none.

use std::borrow::Cow;
use std::collections::HashMap;

use regex_lite::Regex;

use super::format::Literal;
use super::rows::Row;
use super::source::Value;

/// Index of a field in its table.
pub(super) type FieldId = usize;

/// What a field shows: the raw value with its padding, words and codes taken care of.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Seen<'a> {
    /// Whole number.
    Integer(i128),
    /// Number.
    Float(f64),
    /// Text, without padding.
    Text(Cow<'a, str>),
    /// The device says that there is no reading.
    Absent,
}

/// Where a field's raw value comes from.
#[derive(Debug)]
pub(super) enum Origin {
    /// A column of the table, by position.
    Cell(usize),
    /// A part of the index, by position.
    Index(usize),
    /// A field of the table of scalars.
    Scalar(FieldId),
    /// A field of a joined row.
    Join(usize, FieldId),
    /// Another field of the same table.
    Field(FieldId),
    /// A field of another table: that of the first row that has it.
    First(usize, FieldId),
}

/// A field.
#[derive(Debug)]
pub(super) struct Field {
    /// Where it comes from.
    pub(super) origin: Origin,
    /// Steps from the raw value to what is read; most fields need none.
    pub(super) steps: Option<Box<Steps>>,
}

/// What is done with a raw value, in this order.
#[derive(Debug, Default)]
pub(super) struct Steps {
    /// Values that mean "no reading".
    pub(super) absent: Vec<Literal>,
    /// Bit to take.
    pub(super) bit: Option<u32>,
    /// What to cut out.
    pub(super) pattern: Option<Regex>,
    /// Words for values.
    pub(super) words: Option<Lookup<Box<str>>>,
}

/// A table from values, as people write them, to something.
#[derive(Debug)]
pub(super) struct Lookup<T> {
    integers: Vec<(i128, T)>,
    texts: HashMap<Box<str>, T>,
}

impl<T> Lookup<T> {
    /// From keys as they are written.
    pub(super) fn new(entries: impl IntoIterator<Item = (String, T)>) -> Self {
        let mut lookup = Self { integers: Vec::new(), texts: HashMap::new() };
        for (key, to) in entries {
            match key.parse() {
                Ok(integer) => lookup.integers.push((integer, to)),
                Err(_) => drop(lookup.texts.insert(key.into(), to)),
            }
        }
        lookup.integers.sort_by_key(|entry| entry.0);
        lookup
    }

    /// What a value means. A text that is a whole number is looked up as one.
    pub(super) fn get(&self, seen: &Seen<'_>) -> Option<&T> {
        match seen {
            Seen::Integer(integer) => self.integer(*integer),
            Seen::Text(text) => self.texts.get(&**text).or_else(|| self.integer(text.parse().ok()?)),
            Seen::Float(_) | Seen::Absent => None,
        }
    }

    fn integer(&self, integer: i128) -> Option<&T> {
        let at = self.integers.binary_search_by_key(&integer, |entry| entry.0).ok()?;
        self.integers.get(at).map(|entry| &entry.1)
    }
}

impl<'a> Seen<'a> {
    /// A value as the wire brought it.
    pub(super) fn of(value: &'a Value) -> Self {
        match value {
            Value::Integer(number) => Self::Integer(i128::from(*number)),
            Value::Unsigned(number) => Self::Integer(i128::from(*number)),
            Value::Float(number) => Self::Float(*number),
            Value::Bytes(bytes) => Self::Text(text(bytes)),
            Value::Oid(oid) => Self::Text(Cow::Owned(oid.to_string())),
        }
    }

    /// As a number; a text is read as one.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
            Self::Absent => None,
        }
    }

    /// Whether there is something to show.
    pub(super) fn is_something(&self) -> bool {
        match self {
            Self::Text(text) => !text.is_empty(),
            Self::Absent => false,
            Self::Integer(_) | Self::Float(_) => true,
        }
    }

    /// Appends it as text.
    pub(super) fn write(&self, out: &mut String) {
        use std::fmt::Write;
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Integer(number) => write!(out, "{number}"),
            Self::Float(number) => write!(out, "{number}"),
            Self::Text(text) => out.write_str(text),
            Self::Absent => Ok(()),
        };
    }

    /// Whether it is the value that a person wrote.
    pub(super) fn is(&self, literal: &Literal) -> bool {
        match (self, literal) {
            (Self::Text(seen), Literal::Text(text)) => seen == text,
            (Self::Text(seen), literal) => {
                seen.parse().is_ok_and(|seen: f64| Some(seen) == literal_number(literal))
            }
            (Self::Integer(seen), Literal::Integer(number)) => *seen == i128::from(*number),
            (Self::Absent, _) => false,
            (seen, literal) => seen.number().is_some() && seen.number() == literal_number(literal),
        }
    }
}

fn literal_number(literal: &Literal) -> Option<f64> {
    match literal {
        Literal::Integer(number) => Some(*number as f64),
        Literal::Number(number) => Some(*number),
        Literal::Text(text) => text.parse().ok(),
    }
}

/// Octets as text: UTF-8; or Latin-1 where they are readable as that; or hexadecimal digits.
/// Padding with spaces and NULs goes.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    let bytes = bytes.trim_ascii();
    let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    let bytes = bytes.get(..end).unwrap_or(bytes).trim_ascii();
    let binary = bytes.iter().any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace());
    if binary {
        let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        return Cow::Owned(hex.join(":"));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
    }
}

/// The bit of a value, as 0 or 1.
pub(super) fn bit(value: &Value, bit: u32) -> Option<bool> {
    match value {
        Value::Integer(number) => Some(number.checked_shr(bit)? & 1 == 1),
        Value::Unsigned(number) => Some(number.checked_shr(bit)? & 1 == 1),
        Value::Bytes(bytes) => {
            let octet = bytes.get(usize::try_from(bit / 8).ok()?)?;
            Some(octet & (0x80 >> (bit % 8)) != 0)
        }
        Value::Float(_) | Value::Oid(_) => None,
    }
}

impl Field {
    /// What the field shows in a row; none where the device has nothing there.
    pub(super) fn see<'a>(&'a self, row: &Row<'a>) -> Option<Seen<'a>> {
        match &self.steps {
            None => row.raw(&self.origin),
            Some(steps) => steps.apply(self, row),
        }
    }
}

impl Steps {
    fn apply<'a>(&'a self, field: &'a Field, row: &Row<'a>) -> Option<Seen<'a>> {
        let mut seen = row.raw(&field.origin)?;
        if seen == Seen::Absent || self.absent.iter().any(|literal| seen.is(literal)) {
            return Some(Seen::Absent);
        }
        if let Some(number) = self.bit {
            seen = Seen::Integer(i128::from(bit(row.value(&field.origin)?, number)?));
        }
        if let Some(pattern) = &self.pattern {
            seen = capture(pattern, seen)?;
        }
        match &self.words {
            None => Some(seen),
            Some(words) => words.get(&seen).map(|word| Seen::Text(Cow::Borrowed(word))),
        }
    }
}

fn capture<'a>(pattern: &Regex, seen: Seen<'a>) -> Option<Seen<'a>> {
    let text = match seen {
        Seen::Text(text) => text,
        other => {
            let mut text = String::new();
            other.write(&mut text);
            Cow::Owned(text)
        }
    };
    let captures = pattern.captures(&text)?;
    let whole = captures.get(0)?;
    let found = captures.iter().skip(1).flatten().next().unwrap_or(whole).range();
    Some(Seen::Text(match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(found)?),
        Cow::Owned(text) => Cow::Owned(text.get(found)?.to_owned()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_become_readable_text() {
        let cases: [(&[u8], &str); 7] = [
            (b"PDU-1", "PDU-1"),
            (b"  Fan 1 \0\0", "Fan 1"),
            (b"\0\0", ""),
            ("Stra\u{df}e".as_bytes(), "Stra\u{df}e"),
            (b"24 \xb0C", "24 \u{b0}C"),
            (&[0, 0x0b, 0xdc, 0x34], "00:0b:dc:34"),
            (b"two\r\nlines", "two\r\nlines"),
        ];
        for (octets, expected) in cases {
            assert_eq!(text(octets), expected, "{octets:?}");
        }
    }

    #[test]
    fn bits_are_counted_from_the_highest_in_octets_and_from_the_lowest_in_integers() {
        let octets = Value::Bytes([0b1000_0000, 0b0000_0001].as_slice().into());
        let set: Vec<_> = (0..20).filter(|&number| bit(&octets, number) == Some(true)).collect();
        assert_eq!(set, [0, 15]);
        assert_eq!(bit(&octets, 16), None);
        assert_eq!(bit(&Value::Integer(4), 2), Some(true));
        assert_eq!(bit(&Value::Integer(4), 64), None);
    }

    #[test]
    fn values_are_looked_up_as_they_are_written() {
        let lookup =
            Lookup::new([("1".to_owned(), "one"), ("-2".to_owned(), "two"), ("on".to_owned(), "yes")]);
        assert_eq!(lookup.get(&Seen::Integer(1)), Some(&"one"));
        assert_eq!(lookup.get(&Seen::Integer(-2)), Some(&"two"));
        assert_eq!(lookup.get(&Seen::Text("on".into())), Some(&"yes"));
        assert_eq!(lookup.get(&Seen::Text("1".into())), Some(&"one"));
        assert_eq!(lookup.get(&Seen::Integer(3)), None);
        assert_eq!(lookup.get(&Seen::Absent), None);
    }
}
