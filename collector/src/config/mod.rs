//! The configuration file: what an operator writes, and the targets that come of it.
