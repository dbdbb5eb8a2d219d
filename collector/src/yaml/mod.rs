//! YAML that people write: decoded with every mistake reported at once, each with its place.
//!
//! The JSON Schema of a type is the one truth: it says which keys there are, what they take and what
//! to write instead. Configuration, profiles and everything else that people edit come through here.
