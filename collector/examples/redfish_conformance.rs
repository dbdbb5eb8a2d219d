//! Prints, for each recorded Redfish device of a folder, how many readings its documents hold and how many
//! of them the driver reports.
//!
//! `cargo run --example redfish_conformance -- FOLDER [TREE] [--samples] [--floor]`: a folder of trees in the
//! DMTF mock-up layout; with the name of one tree, also what is missing and what is extra; `--floor` fails
//! where all trees together fall below [`FLOOR_PERCENT`].
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use collector::driver::redfish::collect::collect;
use collector::driver::redfish::conformance::compare;
use collector::driver::redfish::source::{Source, SourceError};
use collector::driver::redfish::state::State;
use collector::driver::redfish::tree::Tree;
use model::{Device, PollReport, ReportBuilder};
use serde_json::Value;

/// Time of the poll: any will do, the recordings have no common one.
const NOW: i64 = 1_700_000_000_000;

/// Least share of the readings in all documents that are reported, with the value that they have or had.
const FLOOR_PERCENT: usize = 90;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let samples = arguments.iter().any(|it| it == "--samples");
    let floor = arguments.iter().any(|it| it == "--floor");
    arguments.retain(|it| !["--samples", "--floor"].contains(&it.as_str()));
    let folder = arguments.first().context("name a folder of Redfish trees")?;
    println!(
        "{:<26} {:<12} {:>6} {:>9} {:>6} {:>8} {:>8} {:>6}",
        "tree", "class", "found", "reported", "same", "drifted", "missing", "extra"
    );
    let mut trees: Vec<_> =
        std::fs::read_dir(folder).with_context(|| folder.clone())?.collect::<Result<_, _>>()?;
    trees.sort_by_key(std::fs::DirEntry::file_name);
    let (mut found, mut missing) = (0, 0);
    for tree in trees.iter().filter(|tree| tree.path().is_dir()) {
        let name = tree.file_name().to_string_lossy().into_owned();
        let wanted = arguments.get(1);
        if wanted.is_none_or(|wanted| *wanted == name) {
            let counts = show(&name, &tree.path(), wanted.is_some(), samples).await?;
            found += counts.0;
            missing += counts.1;
        }
    }
    println!("all trees: {found} readings found, {missing} missing; floor: {FLOOR_PERCENT} %");
    let is_held = found > 0 && 100 * (found - missing) >= FLOOR_PERCENT * found;
    anyhow::ensure!(!floor || is_held, "too many readings are missing");
    Ok(())
}

/// Counts what a device would be asked: one for a document or a collection, and one for each of its members
/// that is only a link.
struct Counted<'a> {
    tree: &'a mut Tree,
    requests: usize,
}

impl Source for Counted<'_> {
    async fn get(&mut self, path: &str) -> Result<Arc<Value>, SourceError> {
        self.requests += 1;
        self.tree.get(path).await
    }

    async fn members(&mut self, path: &str) -> Result<Vec<Result<Arc<Value>, SourceError>>, SourceError> {
        self.requests += 1;
        let members = self.tree.members(path).await?;
        let apart = |doc: &&Result<Arc<Value>, SourceError>| {
            let own = doc.as_ref().ok().and_then(|doc| doc.get("@odata.id")?.as_str());
            own.is_none_or(|own| self.tree.documents.contains_key(own))
        };
        self.requests += members.iter().filter(apart).count();
        Ok(members)
    }

    fn reads_each(&self, path: &str) -> bool {
        let listed =
            self.tree.documents.get(path).and_then(|doc| doc.pointer("/Members/0/@odata.id")?.as_str());
        listed.is_some_and(|member| self.tree.documents.contains_key(member))
    }
}

/// Prints one tree. Gives back how many readings it holds and how many of them are missing.
async fn show(name: &str, path: &Path, details: bool, samples: bool) -> anyhow::Result<(usize, usize)> {
    let mut all = (0, 0);
    let mut tree = Tree::load(path).with_context(|| path.display().to_string())?;
    let (report, requests) = poll(name, &mut tree).await?;
    for (class, row) in compare(&tree, &report) {
        let class = format!("{class:?}").to_lowercase();
        let (found, reported, same, drifted) = (row.found, row.reported, row.same, row.drifted.len());
        let (missing, extra) = (row.missing.len(), row.extra.len());
        all = (all.0 + found, all.1 + missing);
        println!(
            "{name:<26} {class:<12} {found:>6} {reported:>9} {same:>6} {drifted:>8} {missing:>8} {extra:>6}"
        );
        for line in row.missing.iter().filter(|_| details) {
            println!("    missing {line}");
        }
        for line in row.extra.iter().filter(|_| details) {
            println!("    extra   {line}");
        }
    }
    println!(
        "{name:<26} samples {}, requests {requests:?}, faults {:?}, rejected {:?}",
        report.samples.len(),
        report.fault_counts,
        report.rejections
    );
    for fault in report.faults.iter().filter(|_| details) {
        println!("    fault   {} {}: {}", fault.reason.as_str(), fault.subject, fault.detail);
    }
    for sample in report.samples.iter().filter(|_| samples) {
        println!(
            "{}{{{}}} {}",
            sample.series.metric.definition().prometheus,
            sample.series.own_text(),
            sample.value
        );
    }
    Ok(all)
}

/// Polls twice. Gives back the first report, and the requests of each poll.
async fn poll(name: &str, tree: &mut Tree) -> anyhow::Result<(PollReport, [usize; 2])> {
    let device = Device {
        name: name.to_owned(),
        site: "lab".to_owned(),
        rack: String::new(),
        device_type: "server".to_owned(),
        description: model::device::Description::default(),
    };
    let mut report = ReportBuilder::new(Arc::new(device));
    let mut state = State::new(Duration::from_secs(3600));
    let mut source = Counted { tree, requests: 0 };
    collect(&mut source, &mut state, NOW, &mut report).await?;
    let first = source.requests;
    let told = report.finish(NOW, Duration::ZERO, None);
    collect(&mut source, &mut state, NOW + 60_000, &mut report).await?;
    Ok((told, [first, source.requests - first]))
}
