//! From sensors to the catalogue: which metric a reading is, what it is called, which limits it has, and what
//! states say of which part. Pure.

pub(crate) mod component;
pub(crate) mod entity;
pub(crate) mod known;
pub(crate) mod limits;
pub(crate) mod reading;
pub(crate) mod sensor;
pub(crate) mod summary;

/// Who a sensor's readings or states are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The sensor itself.
    Sensor,
    /// The part that it belongs to.
    Entity,
    /// The whole device.
    Host,
}
