//! What the newer resources of a device have shown since its driver began, so that a part keeps the
//! identity that it got from them in a poll in which they fail.
//!
//! Holds identities only, no readings: nothing is told from here.

use std::collections::{HashMap, HashSet};

use super::ledger::Side;
use super::quantity::Quantity;
use super::sensor::Owners;

/// Identities that were told from newer resources.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    /// Paths of sensors that a component took for itself.
    pub(crate) claimed: HashSet<String>,
    /// Paths of sensors that were read as themselves.
    pub(crate) sensors: HashSet<String>,
    /// Quantities by chassis, side and name.
    pub(crate) known: HashSet<(String, Quantity, Side, String)>,
    /// Power supplies by the sensors that are theirs, for each chassis.
    pub(crate) owners: HashMap<String, Owners>,
    /// What each chassis showed of each of these.
    pub(crate) kinds: HashSet<(String, Kind)>,
}

/// What older documents hold, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Sensors,
    Supplies,
    Fans,
}
