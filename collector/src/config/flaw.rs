//! What is wrong with a value beyond its form, before it is known where it was written.

/// A wrong value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    /// Key of the field; may lead further down with dots (`auth.passphrase_file`).
    pub(super) field: &'static str,
    /// What is wrong.
    pub(super) message: String,
    /// What to write instead.
    pub(super) help: String,
}

impl Flaw {
    pub(super) fn new(field: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { field, message: message.into(), help: help.into() }
    }
}
