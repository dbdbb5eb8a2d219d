//! YAML that people write: configuration and profiles. Whatever it holds, mistakes are listed with their place.

#![no_main]

use std::path::Path;

use collector::config::{Config, Surroundings};
use collector::profile::Profiles;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let variable = |name: &str| Some(name.to_owned());
    let around = Surroundings { folder: Path::new("/nonexistent"), variable: &variable };
    if let Err(problems) = Config::parse("config.yml", text, &around) {
        assert!(!problems.to_string().is_empty());
    }
    if let Err(error) = Profiles::from_texts([("profile.yaml", text)]) {
        assert!(!error.to_string().is_empty());
    }
});
