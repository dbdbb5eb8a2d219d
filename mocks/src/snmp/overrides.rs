//! What an agent says instead of its recording for a while, set at run time.
//!
//! An override stands above the recorded value and the rule by which it lives. One that is given for an object
//! that the recording lacks adds the object, as when a row of an alarm table appears. The type of a recorded
//! value stays; a number that does not fit its type is cut to the nearest that does.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::oid::Oid;
use super::value::Value;
use crate::shift::Shift;

/// What becomes of one object.
#[derive(Clone, Debug, PartialEq)]
pub enum Override {
    /// Another value.
    Is(Value),
    /// The living number, moved. Texts and identifiers stay as they are.
    Moved(Shift),
}

/// The overrides of one agent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides(BTreeMap<Oid, Override>);

impl Overrides {
    pub(crate) fn new(overrides: impl IntoIterator<Item = (Oid, Override)>) -> Self {
        Self(overrides.into_iter().collect())
    }

    /// The value that an object has instead of its living one.
    pub(crate) fn instead(&self, name: &Oid, living: &Value) -> Option<Value> {
        match self.0.get(name)? {
            Override::Is(value) => Some(value.clone()),
            Override::Moved(shift) => moved(living, *shift),
        }
    }

    /// The value of an object that the recording may lack.
    pub(crate) fn added(&self, name: &Oid) -> Option<&Value> {
        self.0.get(name).and_then(Override::value)
    }

    /// The first object behind `name` that has a value here.
    pub(crate) fn added_after(&self, name: &Oid) -> Option<(&Oid, &Value)> {
        let mut behind = self.0.range((Bound::Excluded(name), Bound::Unbounded));
        behind.find_map(|(name, change)| Some((name, change.value()?)))
    }
}

impl Override {
    fn value(&self) -> Option<&Value> {
        match self {
            Self::Is(value) => Some(value),
            Self::Moved(_) => None,
        }
    }
}

/// `as` saturates, which is what a number that does not fit shall do.
fn moved(value: &Value, shift: Shift) -> Option<Value> {
    let number = |from: f64| shift.apply(from).round();
    Some(match value {
        Value::Integer(from) => Value::Integer(number(*from as f64) as i64),
        Value::Gauge32(from) => Value::Gauge32(number(f64::from(*from)) as u32),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_keeps_its_type_and_its_range() {
        assert_eq!(moved(&Value::Integer(-20), Shift::by(4.6)), Some(Value::Integer(-15)));
        assert_eq!(moved(&Value::Gauge32(3), Shift::by(-9.0)), Some(Value::Gauge32(0)));
        assert_eq!(moved(&Value::OctetString(b"pdu".as_slice().into()), Shift::to(1.0)), None);
    }
}
