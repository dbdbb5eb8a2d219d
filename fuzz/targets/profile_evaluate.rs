//! Arbitrary objects below the columns that profiles read, polled twice: nothing panics, nothing implausible
//! is reported, and a memory of the first poll changes nothing in the second.

#![no_main]

use std::sync::LazyLock;

use collector::profile::source::{Objects, Oid, Value};
use collector::profile::{Memory, Profiles, Selection};
use fuzz::Dice;
use libfuzzer_sys::fuzz_target;
use model::{Metric, PollReport};

/// Enterprises, below which sysObjectIDs lie: those of makers that profiles are for, and none.
const ENTERPRISES: &[u32] =
    &[0, 9, 11, 232, 318, 476, 534, 674, 850, 1718, 2636, 3808, 4413, 10876, 13742, 21239, 25506, 30065, 48690];

/// One selection for each enterprise, of a device that has all objects that profiles ask about.
static SELECTIONS: LazyLock<Vec<(Selection, Vec<Oid>)>> = LazyLock::new(|| {
    let profiles = Profiles::builtin().expect("they are tested");
    let select = |number: &u32| {
        let id = Oid::new([1, 3, 6, 1, 4, 1, *number]);
        let selection = profiles.select(Some(&id), "device", |_| true);
        let request = selection.request();
        (selection, [request.columns, request.scalars].concat())
    };
    ENTERPRISES.iter().map(select).collect()
});

/// Texts and numbers that profiles look for.
const WORDS: &[&str] = &["", "temperature", "Inlet", "rx power lane 3", "N/A", "L1", "-12.5", "1e400", "nan", "\u{0}x"];

fn value(dice: &mut Dice<'_>) -> Value {
    match dice.octet() % 7 {
        0 => Value::Integer(i64::from(dice.octet())),
        1 => Value::Integer(i64::from_le_bytes(std::array::from_fn(|_| dice.octet()))),
        2 => Value::Unsigned(u64::from_le_bytes(std::array::from_fn(|_| dice.octet()))),
        3 => Value::Float(f64::from_le_bytes(std::array::from_fn(|_| dice.octet()))),
        4 => Value::Bytes(WORDS[dice.below(WORDS.len())].as_bytes().into()),
        5 => Value::Oid(Oid::new([1, 3, u32::from(dice.octet())])),
        _ => {
            let length = usize::from(dice.octet());
            Value::Bytes(dice.octets(length).into())
        }
    }
}

fn objects(dice: &mut Dice<'_>, columns: &[Oid]) -> Objects {
    let mut objects = Objects::default();
    while !dice.is_spent() && !columns.is_empty() {
        let mut oid = columns[dice.below(columns.len())].as_slice().to_vec();
        let length = usize::from(dice.octet() % 5);
        oid.extend((0..length).map(|_| u32::from(dice.octet() % 4)));
        objects.insert(Oid::new(oid), value(dice));
    }
    objects
}

/// Samples by their labels: vanished components come in no order.
fn readings(report: &PollReport) -> Vec<(Metric, &str, u64)> {
    let samples = report.samples.iter();
    let mut readings: Vec<_> = samples
        .map(|sample| (sample.series.metric, sample.series.own_text(), sample.value.to_bits()))
        .collect();
    readings.sort_unstable();
    readings
}

fuzz_target!(|input: &[u8]| {
    let mut dice = Dice(input);
    let (selection, columns) = &SELECTIONS[dice.below(SELECTIONS.len())];
    let half = dice.0.len() / 2;
    let first = objects(&mut Dice(dice.octets(half)), columns);
    // What the second answer lacks is as it was.
    let mut second = first.clone();
    for (oid, value) in objects(&mut dice, columns).iter() {
        second.insert(oid.clone(), value.clone());
    }
    let (mut report, mut plain, mut memory) = (fuzz::report(), fuzz::report(), Memory::default());
    for objects in [&first, &second] {
        selection.evaluate_again(&mut memory, objects, &mut report);
        selection.evaluate(objects, &mut plain);
        let (with, without) = (fuzz::finish(&mut report), fuzz::finish(&mut plain));
        assert_eq!(readings(&with), readings(&without));
        assert_eq!(with.rejections, without.rejections);
    }
});
