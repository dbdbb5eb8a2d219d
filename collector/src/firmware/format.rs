//! The baseline as people write it. Its JSON Schema is what editors and messages go by.
//!
//! Values only: what they mean together is checked in [`super::baseline`].

use schemars::JsonSchema;
use serde::Deserialize;

use crate::yaml::Lenient;

/// Which firmware is wanted, and when it may change.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "baseline")]
pub(super) struct File {
    /// Times in which the firmware of any device may change.
    #[serde(default)]
    pub(super) windows: Vec<Lenient<Window>>,
    /// Wanted versions. Of the entries that fit a component the first one counts.
    #[serde(default)]
    pub(super) components: Vec<Lenient<Entry>>,
}

/// What is wanted of components. In patterns `*` stands for anything and `?` for one character; case does not matter.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-instead" = {
    "version": "write exact, one_of, at_least or at_most",
    "name": "write component"
}))]
pub(super) struct Entry {
    /// Pattern of the manufacturer. Default: any.
    #[schemars(length(min = 1), extend("x-expected" = "a pattern of manufacturers"))]
    pub(super) vendor: Option<String>,
    /// Pattern of the model. Default: any.
    #[schemars(length(min = 1), extend("x-expected" = "a pattern of models"))]
    pub(super) model: Option<String>,
    /// Pattern of the component: its name, or the last part of its hw_id. Default: any.
    #[schemars(length(min = 1), extend("x-expected" = "a pattern of components"))]
    pub(super) component: Option<String>,
    /// The one version.
    #[schemars(length(min = 1), extend("x-expected" = "a version"))]
    pub(super) exact: Option<String>,
    /// Any of these versions.
    #[schemars(length(min = 1))]
    pub(super) one_of: Option<Vec<Lenient<String>>>,
    /// This version or a later one.
    #[schemars(length(min = 1), extend("x-expected" = "a version"))]
    pub(super) at_least: Option<String>,
    /// This version or an earlier one.
    #[schemars(length(min = 1), extend("x-expected" = "a version"))]
    pub(super) at_most: Option<String>,
    /// Times in which these components may change, besides those for any device.
    #[serde(default)]
    pub(super) windows: Vec<Lenient<Window>>,
}

/// A time in which changes are expected: once from `start` to `end`, or every week on `days` from `from` to `to`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Window {
    /// Beginning, in RFC 3339 with its zone: 2026-12-01T22:00:00Z.
    pub(super) start: Option<String>,
    /// End, in RFC 3339 with its zone.
    pub(super) end: Option<String>,
    /// Days of the week, in UTC.
    #[schemars(length(min = 1))]
    pub(super) days: Option<Vec<Lenient<Day>>>,
    /// Beginning on each of the days, HH:MM in UTC.
    pub(super) from: Option<String>,
    /// End, HH:MM in UTC; on the next day where it is not later than the beginning.
    pub(super) to: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}
