//! Replays recordings of real devices and compares with an independent reading of them.
//!
//! `cargo run --example conformance -- [FOLDER] [--only NAME] [--list] [--floor]`: FOLDER holds
//! `snmp/*.snmprec` and `snmp-expected/*.json`; `--list` names each sensor that differs or is missing;
//! `--floor` fails where the families with a profile fall below [`FLOOR_PERCENT`].
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use collector::profile::conformance::{Comparison, Expected, Note, Verdict, compare, notes};
use collector::profile::{Profiles, recording};

/// Least share of sensors that are reported the same, over all classes that count; and, class by class, of
/// sensors that are the same or differ for a reason that is noted.
const FLOOR_PERCENT: usize = 90;

/// Counts of one class or recording.
#[derive(Clone, Copy, Default)]
struct Count {
    expected: usize,
    same: usize,
    different: usize,
    missing: usize,
    explained: usize,
}

impl Count {
    fn add(&mut self, verdict: &Verdict) {
        self.expected += 1;
        match verdict {
            Verdict::Same => self.same += 1,
            Verdict::Different(_) => self.different += 1,
            Verdict::Missing => self.missing += 1,
            Verdict::Explained(_) => self.explained += 1,
        }
    }

    fn merge(self, other: &Self) -> Self {
        Self {
            expected: self.expected + other.expected,
            same: self.same + other.same,
            different: self.different + other.different,
            missing: self.missing + other.missing,
            explained: self.explained + other.explained,
        }
    }

    fn print(&self, name: &str, rest: &str) {
        let Self { expected, same, different, missing, explained } = self;
        let share = 100 * same / expected.max(&1);
        println!(
            "{name:34} {expected:5} {same:5} {share:4}% {different:5} {missing:5} {explained:5}  {rest}"
        );
    }
}

/// Classes that count for the totals; the others are printed beside them.
const CLASSES: [&str; 10] = [
    "temperature",
    "humidity",
    "voltage",
    "current",
    "power",
    "frequency",
    "fanspeed",
    "load",
    "charge",
    "runtime",
];

/// Beginnings of the names of recordings of families that have a profile.
const FAMILIES: [&str; 22] = [
    "abbups",
    "apc",
    "raritan",
    "sentry",
    "eatonpdu",
    "eatonups",
    "eaton-mgeups",
    "vertiv",
    "liebert",
    "ios",
    "nxos",
    "junos",
    "drac",
    "hpe-ilo",
    "supermicro",
    "arista",
    "arubaos",
    "cumulus",
    "dell-os10",
    "rutos",
    "xclarity",
    "xos",
];

fn main() -> anyhow::Result<()> {
    let mut folder =
        PathBuf::from(std::env::var_os("LIGHTSOUT_CAPTURES").unwrap_or("../shared/captures".into()));
    let mut only = None;
    let mut list = false;
    let mut floor = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--only" => only = arguments.next(),
            "--list" => list = true,
            "--floor" => floor = true,
            path => folder = path.into(),
        }
    }
    let profiles = Profiles::builtin()?;
    let notes = notes("conformance-notes.yaml", include_str!("../profiles/conformance-notes.yaml"))?;
    let mut classes: BTreeMap<String, Count> = BTreeMap::new();
    let mut families: BTreeMap<String, Count> = BTreeMap::new();
    let mut all = Count::default();
    println!("{:34} {:>5} {:>5} {:>5} {:>5} {:>5} {:>5}", "", "want", "same", "", "diff", "miss", "noted");
    for path in recordings(&folder)? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        let comparison = replay(&profiles, &path, &folder, &name, &notes)?;
        let mut count = Count::default();
        for (sensor, verdict) in &comparison.sensors {
            classes.entry(sensor.class.clone()).or_default().add(verdict);
            if CLASSES.contains(&sensor.class.as_str()) {
                count.add(verdict);
                all.add(verdict);
                if FAMILIES.iter().any(|family| name.starts_with(family)) {
                    families.entry(sensor.class.clone()).or_default().add(verdict);
                }
            }
        }
        let Comparison { extra, samples, rejections, profiles, .. } = &comparison;
        count.print(
            &name,
            &format!("samples {samples} extra {extra} rejected {rejections:?} {}", profiles.join(" ")),
        );
        if list {
            print_list(&comparison);
        }
    }
    println!();
    for (class, count) in &classes {
        count.print(class, "");
    }
    println!();
    let named = families.values().fold(Count::default(), Count::merge);
    named.print("families with a profile", "");
    all.print("all", "");
    if floor { hold(named, &families) } else { Ok(()) }
}

/// Fails where too little is reported as expected.
fn hold(named: Count, classes: &BTreeMap<String, Count>) -> anyhow::Result<()> {
    println!("\nfloor: {FLOOR_PERCENT} %");
    let reaches = |count: usize, of: &Count| of.expected > 0 && 100 * count >= FLOOR_PERCENT * of.expected;
    anyhow::ensure!(reaches(named.same, &named), "{} of {} sensors are the same", named.same, named.expected);
    for (class, count) in classes {
        let held = count.same + count.explained;
        let expected = count.expected;
        anyhow::ensure!(reaches(held, count), "{class}: {held} of {expected} sensors are the same or noted");
    }
    Ok(())
}

fn replay(
    profiles: &Profiles,
    path: &Path,
    folder: &Path,
    name: &str,
    notes: &[Note],
) -> anyhow::Result<Comparison> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    let (objects, _) = recording::parse(&String::from_utf8_lossy(&bytes));
    let expected = folder.join("snmp-expected").join(name).with_extension("json");
    let text = fs::read_to_string(&expected).with_context(|| expected.display().to_string())?;
    let expected: Expected = serde_json::from_str(&text)?;
    Ok(compare(profiles, name, &objects, &expected, notes))
}

fn recordings(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let folder = folder.join("snmp");
    let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut files: Vec<_> = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "snmprec"));
    files.sort();
    Ok(files)
}

fn print_list(comparison: &Comparison) {
    for (sensor, verdict) in &comparison.sensors {
        let word = match verdict {
            Verdict::Same => continue,
            Verdict::Different(ours) => format!("different: we say {ours}"),
            Verdict::Missing => "missing".to_owned(),
            Verdict::Explained(reason) => format!("noted: {reason}"),
        };
        let value = sensor.value.map_or_else(String::new, |value| value.to_string());
        println!("    {} {} {:?} {value}: {word}", sensor.class, sensor.oid, sensor.descr);
    }
}
