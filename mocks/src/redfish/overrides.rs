//! What a server shows instead of its documents for a while, set at run time.

use serde_json::Value;

use crate::shift::Shift;

/// One property that is otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    /// Path of the document.
    pub path: String,
    /// JSON pointer of the property.
    pub pointer: String,
    /// What becomes of it.
    pub change: Change,
}

/// What becomes of a property.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Another value, also where its object had no such property.
    Is(Value),
    /// The living number, moved; what follows it moves too. Only a property that drifts or follows can be.
    Moved(Shift),
}

impl Override {
    /// A property with another value.
    pub fn is(path: &str, pointer: &str, value: impl Into<Value>) -> Self {
        Self { path: path.to_owned(), pointer: pointer.to_owned(), change: Change::Is(value.into()) }
    }

    /// A living number, moved.
    pub fn moved(path: &str, pointer: &str, shift: Shift) -> Self {
        Self { path: path.to_owned(), pointer: pointer.to_owned(), change: Change::Moved(shift) }
    }

    /// The shift of this very property.
    pub(super) fn shift_of(&self, path: &str, pointer: &str) -> Option<Shift> {
        match self.change {
            Change::Moved(shift) if self.path == path && self.pointer == pointer => Some(shift),
            _ => None,
        }
    }

    /// Gives the property of a document its other value.
    pub(super) fn patch(&self, document: &mut Value) {
        let Change::Is(value) = &self.change else { return };
        let Some((parent, name)) = self.pointer.rsplit_once('/') else { return };
        match document.pointer_mut(parent) {
            Some(Value::Object(members)) => {
                members.insert(name.to_owned(), value.clone());
            }
            _ => {
                if let Some(place) = document.pointer_mut(&self.pointer) {
                    *place = value.clone();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patch_replaces_and_adds_but_makes_no_objects() {
        let mut document = json!({"Status": {"Health": "OK"}, "Fans": [{"Name": "a"}, 3]});
        for (pointer, value) in [
            ("/Status/Health", "Critical"),
            ("/Status/State", "Enabled"),
            ("/Fans/1", "b"),
            ("/No/Such", "c"),
        ] {
            Override::is("/x", pointer, value).patch(&mut document);
        }
        assert_eq!(
            document,
            json!({"Status": {"Health": "Critical", "State": "Enabled"}, "Fans": [{"Name": "a"}, "b"]})
        );
    }
}
