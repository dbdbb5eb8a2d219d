//! From sensors to the catalogue: which metric a reading is, what it is called, which limits it has, and what
//! states say of which part. Pure.

pub(crate) mod component;
pub(crate) mod entity;
pub(crate) mod limits;
pub(crate) mod reading;
pub(crate) mod sensor;
pub(crate) mod summary;
