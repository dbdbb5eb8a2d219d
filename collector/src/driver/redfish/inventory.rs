//! Slow resources: managers, processors, memory, storage, firmware, logs. Read on the inventory interval,
//! told from memory in between.

use std::sync::Arc;

use model::{Reason, Rejection};
use serde_json::Value;

use super::collect::Poll;
use super::logs::{MAX_FETCHED, MAX_LOGS, MAX_PAGES, is_link};
use super::normalise::ledger::Part;
use super::normalise::{component, log, system};
use super::source::Source;
use super::state::Family;
use super::value::{items, link, links, path_of, text};

/// Drives read of one storage subsystem.
const MAX_DRIVES: usize = 512;

/// Reads the managers, or tells them from memory. Gives back those that were read.
pub(crate) async fn managers<S: Source + Send>(poll: &mut Poll<'_, S>, root: &Value) -> Vec<Arc<Value>> {
    if !poll.state.begin(Family::Managers, poll.now) {
        poll.state.repeat(Family::Managers, poll.now, poll.ledger.report);
        return Vec::new();
    }
    let (before, mark) = (poll.ledger.report.len(), poll.lost.len());
    let docs = poll.linked(root, "Managers").await;
    let main = docs.iter().position(|doc| text(doc, "DateTime").is_some());
    for (index, doc) in docs.iter().enumerate() {
        system::manager(&mut poll.ledger, doc, main == Some(index), poll.now);
    }
    let whole = poll.is_whole_since(mark);
    settle(poll, Family::Managers, before, whole);
    docs
}

/// Keeps what a family brought. What it lost is told as it was last time: a part that could not be read once
/// is not gone.
fn settle<S>(poll: &mut Poll<'_, S>, family: Family, before: usize, whole: bool) {
    let samples = poll.ledger.report.samples().get(before..).unwrap_or_default();
    if whole {
        return poll.state.keep(family, samples, poll.now);
    }
    for sample in poll.state.keep_some(family, samples, poll.now) {
        poll.ledger.report.repeat(&sample);
    }
    poll.state.excuse(family, poll.ledger.report);
}

/// Reads the parts of the systems, family by family. `all` is whether those are all systems.
pub(crate) async fn systems<S: Source + Send>(poll: &mut Poll<'_, S>, systems: &[Arc<Value>], all: bool) {
    for family in [Family::Processors, Family::Memory, Family::Storage] {
        if !poll.state.begin(family, poll.now) {
            poll.state.repeat(family, poll.now, poll.ledger.report);
            continue;
        }
        let (before, mark) = (poll.ledger.report.len(), poll.lost.len());
        for system in systems {
            match family {
                Family::Processors => parts(poll, system, "Processors", component::processor_type).await,
                Family::Memory => parts(poll, system, "Memory", |_| "memory").await,
                _ => storage(poll, system).await,
            }
        }
        let whole = all && poll.is_whole_since(mark);
        settle(poll, family, before, whole);
    }
}

async fn parts<S: Source + Send>(
    poll: &mut Poll<'_, S>,
    system: &Value,
    key: &str,
    kind: fn(&Value) -> &'static str,
) {
    let Some(path) = link(system, key) else { return };
    let docs = poll.members(path).await.unwrap_or_default();
    let parent = Part::of(system, "");
    for doc in &docs {
        component::status(&mut poll.ledger, doc, &parent.id, kind(doc));
    }
}

async fn storage<S: Source + Send>(poll: &mut Poll<'_, S>, system: &Value) {
    // "Storages" is how some firmware misspells the link.
    let Some(path) = link(system, "Storage").or_else(|| link(system, "Storages")) else { return };
    let docs = poll.members(path).await.unwrap_or_default();
    for doc in &docs {
        let part = Part::of(doc, "");
        for controller in
            items(doc, "StorageControllers").filter(|controller| controller.get("Status").is_some())
        {
            component::status(&mut poll.ledger, controller, &part.id, "disk_controller");
        }
        for controller in poll.linked(doc, "Controllers").await {
            component::status(&mut poll.ledger, &controller, &part.id, "disk_controller");
        }
        // One link in the place of the list is that of a collection.
        let drives = match link(doc, "Drives") {
            Some(collection) => poll.members(collection).await.unwrap_or_default(),
            None => each(poll, links(doc, "Drives")).await,
        };
        for drive in &drives {
            component::drive(&mut poll.ledger, drive, &part.id);
        }
    }
}

async fn each<S: Source + Send>(
    poll: &mut Poll<'_, S>,
    paths: impl Iterator<Item = &str>,
) -> Vec<Arc<Value>> {
    let paths: Vec<&str> = paths.take(MAX_DRIVES).collect();
    let mut docs = Vec::new();
    for path in paths {
        docs.extend(poll.get(path).await);
    }
    docs
}

/// Reads the firmware inventory.
pub(crate) async fn firmware<S: Source + Send>(poll: &mut Poll<'_, S>, root: &Value) {
    if !poll.state.begin(Family::Firmware, poll.now) {
        return poll.state.repeat(Family::Firmware, poll.now, poll.ledger.report);
    }
    let (before, mark) = (poll.ledger.report.len(), poll.lost.len());
    if let Some(service) = poll.follow(root, "UpdateService").await {
        for doc in poll.linked(&service, "FirmwareInventory").await {
            component::firmware(&mut poll.ledger, &doc);
        }
    }
    let whole = poll.is_whole_since(mark);
    settle(poll, Family::Firmware, before, whole);
}

/// Looks for new entries in the logs of systems and managers.
pub(crate) async fn logs<'a, S: Source + Send>(
    poll: &mut Poll<'_, S>,
    owners: impl Iterator<Item = &'a Arc<Value>>,
) {
    let owners: Vec<_> = owners.cloned().collect();
    if !poll.state.begin(Family::Logs, poll.now) {
        return;
    }
    let mut services = Vec::new();
    for owner in &owners {
        services.extend(poll.linked(owner, "LogServices").await);
    }
    let events = services.iter().filter(|service| log::is_event_log(service));
    let paths: Vec<&str> = events.filter_map(|service| link(service, "Entries")).take(MAX_LOGS).collect();
    for path in paths {
        let (pages, all) = pages(poll, path).await;
        look(poll, path, &pages, all).await;
    }
}

/// The first pages of a log, and whether none of them was lost.
async fn pages<S: Source + Send>(poll: &mut Poll<'_, S>, path: &str) -> (Vec<Arc<Value>>, bool) {
    let mut pages: Vec<Arc<Value>> = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next.take().filter(|_| pages.len() < MAX_PAGES) {
        let Some(page) = poll.get(&path).await else { return (pages, false) };
        next = link(&page, "Members@odata.nextLink").map(str::to_owned);
        pages.push(page);
    }
    (pages, true)
}

/// Counts the entries of a log that are new.
async fn look<S: Source + Send>(poll: &mut Poll<'_, S>, log: &str, pages: &[Arc<Value>], all: bool) {
    if pages.is_empty() {
        return;
    }
    let entries: Vec<&Value> = pages.iter().flat_map(|page| items(page, "Members")).collect();
    let fresh = poll.state.logs.look(log, &entries, all);
    let mut fetched = 0_usize;
    for entry in fresh {
        let counted = if !is_link(entry) {
            poll.state.logs.count(entry)
        } else if fetched < MAX_FETCHED {
            fetched += 1;
            let Some(path) = path_of(entry) else { continue };
            poll.get(path).await.is_some_and(|entry| poll.state.logs.count(&entry))
        } else {
            poll.ledger.report.fault(Reason::Limit, log.to_owned(), "more new entries than are read at once");
            return;
        };
        if !counted {
            poll.ledger.reject(Rejection::Parse);
        }
    }
}
