//! Whatever a profile file or a device holds, loading and evaluation end without a panic.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use collector::profile::source::{Objects, Oid, Request, Value};
use collector::profile::{Profiles, recording};
use model::{Device, ReportBuilder};
use proptest::prelude::*;

static BUILTIN: LazyLock<Profiles> = LazyLock::new(|| Profiles::builtin().unwrap());

/// The texts of the built-in profiles, to be damaged.
static TEXTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let folders = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path().join("profile.yaml"));
    folders.filter_map(|path| std::fs::read_to_string(path).ok()).collect()
});

/// sysObjectIDs under which the built-in profiles are chosen: that of each recording.
static IDENTITIES: LazyLock<Vec<Objects>> = LazyLock::new(|| {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let files = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path().join("recording.snmprec"));
    files.filter_map(|path| std::fs::read_to_string(path).ok()).map(|text| recording::parse(&text).0).collect()
});

fn builder() -> ReportBuilder {
    ReportBuilder::new(Arc::new(Device {
        name: "device".into(),
        site: String::new(),
        rack: String::new(),
        device_type: String::new(),
        description: Default::default(),
    }))
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::Integer),
        (-3_i64..20).prop_map(Value::Integer),
        any::<u64>().prop_map(Value::Unsigned),
        any::<f64>().prop_map(Value::Float),
        prop::collection::vec(any::<u8>(), 0..24).prop_map(|bytes| Value::Bytes(bytes.into())),
        "[0-9.]{0,5} ?[A-Za-z%{}]{0,8}".prop_map(|text| Value::Bytes(text.into_bytes().into())),
        prop::collection::vec(any::<u32>(), 0..12).prop_map(|ids| Value::Oid(Oid::new(ids))),
    ]
}

/// Something below what is asked for: an index of up to six numbers, small ones and large.
fn index() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(prop_oneof![0_u32..4, any::<u32>()], 0..6)
}

/// Answers a request with nonsense.
fn answer(request: &Request, rows: &[(usize, Vec<u32>, Value)]) -> Objects {
    let asked: Vec<&Oid> = request.scalars.iter().chain(&request.columns).collect();
    let mut objects = Objects::default();
    for (at, index, value) in rows {
        let Some(oid) = asked.get(at % asked.len().max(1)) else { continue };
        let numbers: Vec<u32> = oid.as_slice().iter().chain(index).copied().collect();
        objects.insert(Oid::new(numbers), value.clone());
    }
    objects
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn any_text_is_loaded_or_refused(text in "\\PC{0,200}") {
        let _ = Profiles::from_texts([("any.yaml", text.as_str())]);
    }

    #[test]
    fn a_damaged_profile_is_loaded_or_refused(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        cut in 0_usize..20,
        put in "[-a-z0-9{}\\[\\]:,'\"&*. \n]{0,8}",
    ) {
        let text = which.get(&TEXTS[..]);
        let chars: Vec<char> = text.chars().collect();
        let at = at.index(chars.len());
        let end = (at + cut).min(chars.len());
        let damaged: String = chars[..at].iter().copied().chain(put.chars()).chain(chars[end..].iter().copied()).collect();
        if let Ok(profiles) = Profiles::from_texts([("damaged.yaml", damaged.as_str())]) {
            for objects in IDENTITIES.iter() {
                let mut report = builder();
                profiles.select_for(objects).evaluate(objects, &mut report);
            }
        }
    }

    #[test]
    fn any_answer_is_evaluated(
        which in any::<prop::sample::Index>(),
        rows in prop::collection::vec((any::<usize>(), index(), value()), 0..200),
    ) {
        let selection = BUILTIN.select_for(which.get(&IDENTITIES[..]));
        let objects = answer(&selection.request(), &rows);
        let mut report = builder();
        selection.evaluate(&objects, &mut report);
        let report = report.finish(0, Duration::ZERO, None);
        prop_assert!(report.samples.iter().all(|sample| sample.value.is_finite()));
    }
}
