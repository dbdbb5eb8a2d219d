//! How rows become bytes: a range coder, what it expects of a series, and what rows refer to by number.

pub(crate) mod bytes;
pub(crate) mod coder;
pub(crate) mod dictionary;
pub(crate) mod rows;
pub(crate) mod value;
