//! Recordings of real devices, where they are at hand: none makes evaluation fail, and devices that speak the
//! standards only are read in full.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may end here")]
#![allow(clippy::print_stderr, reason = "says what was left out")]

use std::fs;
use std::path::{Path, PathBuf};

use collector::profile::conformance::{Comparison, Expected, Verdict, compare, notes};
use collector::profile::{Profiles, recording};

/// The folder of recordings, unless they are not at hand.
fn captures() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures");
    let folder = std::env::var_os("LIGHTSOUT_CAPTURES").map_or(beside, PathBuf::from);
    let there = folder.join("snmp").is_dir();
    if !there {
        eprintln!("left out: no recordings in {}", folder.display());
    }
    there.then_some(folder)
}

fn replay(folder: &Path, name: &str) -> Comparison {
    let file = folder.join("snmp").join(format!("{name}.snmprec"));
    let bytes = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let (objects, _) = recording::parse(&String::from_utf8_lossy(&bytes));
    let expected = fs::read_to_string(folder.join("snmp-expected").join(format!("{name}.json"))).unwrap();
    let expected: Expected = serde_json::from_str(&expected).unwrap();
    let known =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/conformance-notes.yaml"));
    let known = notes("conformance-notes.yaml", &known.unwrap()).unwrap_or_else(|error| panic!("{error}"));
    let profiles = Profiles::builtin().unwrap_or_else(|error| panic!("{error}"));
    compare(&profiles, name, &objects, &expected, &known)
}

#[test]
fn every_recording_is_evaluated() {
    let Some(folder) = captures() else { return };
    let mut read = 0;
    for entry in fs::read_dir(folder.join("snmp")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "snmprec") {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            read += usize::from(replay(&folder, &name).samples > 0);
        }
    }
    assert!(read >= 35, "only {read} recordings gave anything");
}

#[test]
fn a_switch_that_speaks_entity_sensor_is_read_in_full() {
    let Some(folder) = captures() else { return };
    let comparison = replay(&folder, "arista_eos");
    assert_eq!(comparison.sensors.len(), 197);
    let wrong: Vec<_> = comparison.sensors.iter().filter(|(_, verdict)| *verdict != Verdict::Same).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_ups_that_speaks_the_standard_is_read_in_full() {
    let Some(folder) = captures() else { return };
    let comparison = replay(&folder, "abbups_abbups");
    let explained = |verdict: &Verdict| matches!(verdict, Verdict::Same | Verdict::Explained(_));
    let wrong: Vec<_> = comparison.sensors.iter().filter(|(_, verdict)| !explained(verdict)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(comparison.sensors.len(), 34);
}
