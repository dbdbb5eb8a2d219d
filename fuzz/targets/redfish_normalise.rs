//! Redfish devices whose documents are damaged in places that the input chooses, polled twice.

#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use collector::driver::redfish::collect::collect;
use collector::driver::redfish::state::State;
use collector::driver::redfish::tree::Tree;
use fuzz::Dice;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const TREES: [&str; 2] =
    [include_str!("../../mocks/trees/server/bundle.json"), include_str!("../../mocks/trees/pdu/bundle.json")];

/// Whole devices: their documents by path, in order.
static DEVICES: LazyLock<Vec<Vec<(String, Value)>>> = LazyLock::new(|| {
    let documents = |text| serde_json::from_str::<serde_json::Map<String, Value>>(text).expect("our own tree");
    TREES.map(|text| documents(text).into_iter().collect()).into()
});

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().build().expect("a runtime"));

/// What stands where something else belongs.
fn odd(dice: &mut Dice<'_>, instead_of: &Value) -> Value {
    match dice.octet() % 12 {
        0 => Value::Null,
        1 => json!([]),
        2 => json!({}),
        3 => json!("N/A"),
        4 => json!(true),
        5 => json!(-1e300),
        6 => json!([instead_of]),
        7 => json!({ "Reading": instead_of }),
        8 => json!({"@odata.id": "/redfish/v1/Chassis"}),
        9 => json!("0000-00-00T00:00:00+99:99"),
        10 => {
            let length = usize::from(dice.octet());
            json!(String::from_utf8_lossy(dice.octets(length)))
        }
        _ => json!(f64::from_le_bytes(std::array::from_fn(|_| dice.octet()))),
    }
}

/// Goes down from a value as the input says, and puts something odd there.
fn damage(value: &mut Value, dice: &mut Dice<'_>) {
    let deeper = dice.octet() % 4 > 0;
    let child = match value {
        Value::Array(list) if deeper && !list.is_empty() => {
            let at = dice.below(list.len());
            list.get_mut(at)
        }
        Value::Object(fields) if deeper && !fields.is_empty() => {
            let at = dice.below(fields.len());
            fields.values_mut().nth(at)
        }
        _ => None,
    };
    match child {
        Some(child) => damage(child, dice),
        None => *value = odd(dice, value),
    }
}

fuzz_target!(|input: &[u8]| {
    let mut dice = Dice(input);
    let mut documents = DEVICES[dice.below(DEVICES.len())].clone();
    while !dice.is_spent() {
        let at = dice.below(documents.len());
        damage(&mut documents[at].1, &mut dice);
    }
    let mut tree = Tree::default();
    tree.documents = documents.into_iter().map(|(path, document)| (path, Arc::new(document))).collect();
    let (mut state, mut report) = (State::new(Duration::from_secs(3600)), fuzz::report());
    for poll in 0..2 {
        let at = 1_700_000_000_000 + poll * 60_000;
        let _ = RUNTIME.block_on(collect(&mut tree, &mut state, at, &mut report));
        fuzz::finish(&mut report);
    }
});
