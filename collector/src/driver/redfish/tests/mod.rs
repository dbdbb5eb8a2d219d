//! Tests over whole devices: what a device's documents become.

mod dedup;
mod gaps;
mod memory;
mod property;
mod quirks;
mod starting;
mod trees;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use model::{PollError, PollReport, Reason, ReportBuilder};
use serde_json::{Value, json};

use super::collect::collect;
use super::normalise::testing;
use super::source::{Source, SourceError};
use super::state::State;
use super::tree::Tree;

pub(super) const HOUR: i64 = 3_600_000;
/// 2023-11-14T22:13:20Z.
pub(super) const NOW: i64 = 1_700_000_000_000;

/// A device from its documents by path below `/redfish/v1/`. Each gets its `@odata.id`; collections and the
/// service root are made from the paths where they are not given.
pub(super) fn device(documents: Value) -> Tree {
    let mut tree = Tree::default();
    for (path, mut doc) in documents.as_object().cloned().unwrap_or_default() {
        let path = format!("/redfish/v1/{path}").trim_end_matches('/').to_owned();
        if let Some(fields) = doc.as_object_mut() {
            fields.entry("@odata.id").or_insert_with(|| json!(path));
        }
        tree.documents.insert(path, Arc::new(doc));
    }
    let given: Vec<String> = tree.documents.keys().cloned().collect();
    let mut collections: HashMap<String, Vec<Value>> = HashMap::new();
    let mut paths = given.clone();
    paths.sort();
    for path in &paths {
        let Some((parent, _)) = path.rsplit_once('/') else { continue };
        if !given.iter().any(|it| it == parent) && parent.len() > "/redfish/v1".len() {
            collections.entry(parent.to_owned()).or_default().push(json!({"@odata.id": path}));
        }
    }
    for (path, members) in collections {
        tree.documents.insert(path.clone(), Arc::new(json!({"@odata.id": path, "Members": members})));
    }
    let tops: HashSet<String> =
        tree.documents.keys().filter_map(|path| Some(path.split('/').nth(3)?.to_owned())).collect();
    let mut root = json!({"@odata.id": "/redfish/v1", "Name": "Root"});
    for top in tops {
        root[&top] = json!({"@odata.id": format!("/redfish/v1/{top}")});
    }
    tree.documents.entry("/redfish/v1".to_owned()).or_insert(Arc::new(root));
    tree
}

/// A source that notes what it is asked for, and fails where told to.
pub(super) struct Watched {
    pub(super) tree: Tree,
    pub(super) asked: Vec<String>,
    pub(super) failing: HashMap<String, (Option<u16>, Reason)>,
}

impl Watched {
    pub(super) fn new(tree: Tree) -> Self {
        Self { tree, asked: Vec::new(), failing: HashMap::new() }
    }

    pub(super) fn fail(&mut self, path: &str, status: u16, reason: Reason) {
        let path = format!("/redfish/v1/{path}").trim_end_matches('/').to_owned();
        self.failing.insert(path, (Some(status), reason));
    }

    /// Gives no answer for a path.
    pub(super) fn silence(&mut self, path: &str) {
        self.failing.insert(format!("/redfish/v1/{path}"), (None, Reason::Timeout));
    }

    fn check(&mut self, path: &str) -> Result<(), SourceError> {
        self.asked.push(path.to_owned());
        let Some((status, reason)) = self.failing.get(path) else { return Ok(()) };
        Err(SourceError { path: path.to_owned(), reason: *reason, status: *status, detail: "told to".into() })
    }

    /// How often a path below `/redfish/v1/` was asked for.
    pub(super) fn count(&self, path: &str) -> usize {
        let path = format!("/redfish/v1/{path}");
        self.asked.iter().filter(|asked| **asked == path).count()
    }
}

impl Source for Watched {
    async fn get(&mut self, path: &str) -> Result<Arc<Value>, SourceError> {
        self.check(path)?;
        self.tree.get(path).await
    }

    async fn members(
        &mut self,
        collection: &str,
    ) -> Result<Vec<Result<Arc<Value>, SourceError>>, SourceError> {
        self.check(collection)?;
        let mut members = self.tree.members(collection).await?;
        for member in &mut members {
            let path =
                member.as_ref().ok().and_then(|doc| super::value::path_of(doc)).unwrap_or("").to_owned();
            if let Err(error) = self.check(&path) {
                // As some devices write their links.
                *member = Err(SourceError { path: format!("{path}/"), ..error });
            }
        }
        Ok(members)
    }

    fn reads_each(&self, collection: &str) -> bool {
        let first = self.tree.documents.get(collection).and_then(|doc| doc.pointer("/Members/0"));
        first.is_some_and(super::logs::is_link)
    }
}

/// State with an inventory interval of one hour.
pub(super) fn state() -> State {
    State::new(Duration::from_secs(3600))
}

/// One poll of a fresh device.
pub(super) async fn poll(tree: Tree) -> Result<PollReport, PollError> {
    let (mut source, mut state, mut report) = (tree, state(), testing::report());
    collect(&mut source, &mut state, NOW, &mut report).await?;
    Ok(report.finish(NOW, Duration::ZERO, None))
}

/// Runs one poll and gives the lines that [`testing::lines`] makes, but for those of device and status.
pub(super) async fn readings(documents: Value) -> Vec<String> {
    let (mut source, mut state, mut report) = (device(documents), state(), testing::report());
    collect(&mut source, &mut state, NOW, &mut report).await.expect("the service root is there");
    quantities(&report)
}

/// What was read of a report: no states, no description of the device.
pub(super) fn quantities(report: &ReportBuilder) -> Vec<String> {
    let mut lines = testing::lines(report);
    lines.retain(|line| !line.starts_with("oob_device_") && !line.starts_with("hw_status"));
    lines
}
