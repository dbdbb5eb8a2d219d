//! A memory of the polls before changes no report: every built-in profile's recording is polled again and
//! again while its values, states, names and rows change, with and without memory.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use collector::profile::source::{Objects, Value};
use collector::profile::{Memory, Profiles, recording};
use model::{Device, PollReport, ReportBuilder};

/// xorshift64: as random as changes need, and the same on each run.
struct Dice(u64);

impl Dice {
    fn one_in(&mut self, odds: u64) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.is_multiple_of(odds)
    }
}

fn report() -> ReportBuilder {
    ReportBuilder::new(Arc::new(Device {
        name: "device".into(),
        site: "site".into(),
        rack: String::new(),
        device_type: "pdu".into(),
        description: Default::default(),
    }))
}

/// The report, its samples by their labels: vanished components come in no order.
fn finish(report: &mut ReportBuilder) -> PollReport {
    let mut report = report.finish(0, Duration::ZERO, None);
    report.samples.sort_by(|left, right| left.series.own_text().cmp(right.series.own_text()));
    report.samples.sort_by_key(|sample| sample.series.metric);
    report
}

/// The device a while later: one value in `odds` is another one, is gone, or is of another type.
fn later(objects: &Objects, dice: &mut Dice, odds: u64) -> Objects {
    let mut changed = Objects::default();
    for (oid, value) in objects.iter() {
        if !dice.one_in(odds) {
            changed.insert(oid.clone(), value.clone());
            continue;
        }
        let other = match value {
            Value::Integer(number) if dice.one_in(2) => Value::Integer(number ^ 1),
            Value::Integer(number) => Value::Integer(number.wrapping_add(3)),
            Value::Unsigned(number) => Value::Unsigned(number ^ 5),
            Value::Float(number) => Value::Float(number * 1.01),
            Value::Bytes(bytes) if dice.one_in(2) => Value::Bytes([bytes, &b"x"[..]].concat().into()),
            Value::Bytes(_) | Value::Oid(_) => Value::Integer(7),
        };
        if !dice.one_in(3) {
            changed.insert(oid.clone(), other);
        }
    }
    changed
}

#[test]
fn a_memory_changes_no_report() {
    let profiles = Profiles::builtin().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let mut samples = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let Ok(text) = std::fs::read_to_string(entry.unwrap().path().join("recording.snmprec")) else {
            continue;
        };
        let recorded = recording::parse(&text).0;
        let selection = profiles.select_for(&recorded);
        for (seed, odds) in [(1, 1_000_000), (2, 50), (3, 4)] {
            let mut dice = Dice(0x9E37_79B9_7F4A_7C15 ^ seed);
            let (mut memory, mut with, mut without) = (Memory::default(), report(), report());
            let mut objects = recorded.clone();
            for poll in 0..20 {
                selection.evaluate_again(&mut memory, &objects, &mut with);
                selection.evaluate(&objects, &mut without);
                let (with, without) = (finish(&mut with), finish(&mut without));
                assert_eq!(with.samples, without.samples, "{text:.60} {seed} {poll}");
                assert_eq!(with.rejections, without.rejections, "{text:.60} {seed} {poll}");
                samples += with.samples.len();
                objects = if poll % 5 == 4 { recorded.clone() } else { later(&objects, &mut dice, odds) };
            }
        }
    }
    assert!(samples > 10_000, "{samples}");
}

#[test]
fn a_memory_outlives_a_long_silence_and_another_report() {
    let profiles = Profiles::builtin().unwrap();
    let text = include_str!("../profiles/ups-mib/recording.snmprec");
    let objects = recording::parse(text).0;
    let selection = profiles.select_for(&objects);
    let (mut memory, mut report) = (Memory::default(), report());
    selection.evaluate_again(&mut memory, &objects, &mut report);
    let first = finish(&mut report);
    assert!(!first.samples.is_empty());
    for _ in 0..20 {
        finish(&mut report);
    }
    selection.evaluate_again(&mut memory, &objects, &mut report);
    assert_eq!(finish(&mut report).samples, first.samples);
    let mut other = self::report();
    selection.evaluate_again(&mut memory, &objects, &mut other);
    assert_eq!(finish(&mut other).samples, first.samples);
}
