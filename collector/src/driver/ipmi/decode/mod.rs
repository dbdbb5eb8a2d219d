//! The meaning of what BMCs send: records, readings, names. Pure; nothing here panics or guesses.

pub(crate) mod analogue;
pub(crate) mod chassis;
pub(crate) mod dcmi;
pub(crate) mod discrete;
pub(crate) mod fru;
pub(crate) mod sdr;
pub(crate) mod sel;
pub(crate) mod text;
