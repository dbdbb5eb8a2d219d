//! Recordings of SNMP devices: whatever the text is, what can be read of it is evaluated.

#![no_main]

use std::sync::LazyLock;

use collector::profile::{Profiles, recording};
use libfuzzer_sys::fuzz_target;

static PROFILES: LazyLock<Profiles> = LazyLock::new(|| Profiles::builtin().expect("they are tested"));

fuzz_target!(|text: &str| {
    let (objects, _mistakes) = recording::parse(text);
    let mut report = fuzz::report();
    PROFILES.select_for(&objects).evaluate(&objects, &mut report);
    fuzz::finish(&mut report);
});
