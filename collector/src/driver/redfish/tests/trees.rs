//! Recordings of real devices, where they are there: what an independent count finds is reported.

use std::path::PathBuf;
use std::time::Duration;

use model::PollReport;

use super::{NOW, Watched, poll, state};
use crate::driver::redfish::collect::collect;
use crate::driver::redfish::conformance::{Class, compare};
use crate::driver::redfish::normalise::testing;
use crate::driver::redfish::tree::Tree;

/// The recorded trees; none, with a word about it, where there are no recordings.
#[allow(clippy::print_stdout, reason = "a check that is left out says so")]
pub(super) fn captured() -> Vec<(String, Tree)> {
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/captures"));
    let folder = std::env::var_os("LIGHTSOUT_CAPTURES").map_or(beside, PathBuf::from).join("redfish");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("left out: no recordings in {}", folder.display());
        return Vec::new();
    };
    let mut trees: Vec<(String, Tree)> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_dir())
        .map(|entry| {
            let tree = Tree::load(&entry.path()).expect("a readable recording");
            (entry.file_name().to_string_lossy().into_owned(), tree)
        })
        .collect();
    trees.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(!trees.is_empty(), "{} holds no recording", folder.display());
    trees
}

/// Differences that have a reason: tree, class, missing, extra.
const EXPLAINED: &[(&str, Class, usize, usize)] = &[
    // A temperature in a vendor's own document, which no standard link leads to.
    ("dell-r750-idrac9-6.00", Class::Temperature, 1, 0),
    // The mock-up names one sensor for several outlets and phases, each a circuit of its own; its sensors
    // of the transfer switch disagree with the excerpts of them in outlets and branches, which are told.
    ("dmtf-public-pdu", Class::Voltage, 0, 2),
    ("dmtf-public-pdu", Class::Current, 12, 0),
    ("dmtf-public-pdu", Class::Power, 1, 7),
    ("dmtf-public-pdu", Class::Energy, 6, 0),
    // A heater's own metrics and a cell of a battery are no rows of the catalogue's.
    ("dmtf-public-rackmount1", Class::Temperature, 1, 0),
    ("dmtf-public-rackmount1", Class::Voltage, 1, 0),
    // The older Power shows another supply, in the same bay, than PowerSubsystem does; CPU1Power is in no
    // collection; rail power and heaters have no row in the catalogue.
    ("dmtf-public-rackmount1", Class::Power, 6, 0),
    ("dmtf-public-rackmount1", Class::Supply, 1, 0),
    // One current is named by a supply's input and, with another value, by a sensor of the same path.
    ("dmtf-public-rackmount1", Class::Current, 0, 1),
    // In the folder, and in no collection.
    ("dmtf-public-rackmount1", Class::Firmware, 1, 0),
];

#[tokio::test]
async fn recordings_yield_what_their_documents_hold() {
    let mut wrong = Vec::new();
    for (name, tree) in captured() {
        let report = poll(tree.clone()).await.expect("a service root");
        for (class, row) in compare(&tree, &report) {
            let explained = EXPLAINED.iter().find(|it| it.0 == name && it.1 == class);
            let allowed = explained.map_or((0, 0), |it| (it.2, it.3));
            if row.missing.len() > allowed.0 || row.extra.len() > allowed.1 {
                wrong.push(format!("{name} {class:?}: missing {:#?}, extra {:#?}", row.missing, row.extra));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn recordings_bring_no_duplicates_and_stable_identities() {
    for (name, tree) in captured() {
        let (first, second) = (poll(tree.clone()).await, poll(tree).await);
        let (first, second) = (first.expect("a root"), second.expect("a root"));
        let duplicates = first.rejections.iter().find(|(why, _)| *why == model::Rejection::Duplicate);
        assert_eq!(duplicates, None, "{name}");
        assert_eq!(first.samples, second.samples, "{name}");
    }
}

/// Samples as text, sorted.
fn sorted(report: &PollReport) -> Vec<String> {
    let line = |sample: &model::Sample| {
        format!("{:?} {} {}", sample.series.metric, sample.series.own_text(), sample.value)
    };
    let mut lines: Vec<String> = report.samples.iter().map(line).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn a_poll_between_surveys_tells_the_same_with_fewer_requests() {
    for (name, tree) in captured() {
        let (mut source, mut state, mut report) = (Watched::new(tree), state(), testing::report());
        let mut told = Vec::new();
        let mut asked = Vec::new();
        for minute in 0..2 {
            collect(&mut source, &mut state, NOW + minute * 60_000, &mut report).await.expect("a root");
            told.push(report.finish(NOW, Duration::ZERO, None));
            asked.push(std::mem::take(&mut source.asked).len());
        }
        assert_eq!(sorted(&told[0]), sorted(&told[1]), "{name}");
        assert!(asked[1] < asked[0], "{name}: {asked:?}");
    }
}
