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
    let before = poll.ledger.report.len();
    let found = match link(root, "Managers") {
        Some(path) => poll.members(path).await,
        None => Some(Vec::new()),
    };
    let docs = found.as_deref().unwrap_or_default();
    let main = docs.iter().position(|doc| text(doc, "DateTime").is_some());
    for (index, doc) in docs.iter().enumerate() {
        system::manager(&mut poll.ledger, doc, main == Some(index), poll.now);
    }
    settle(poll, Family::Managers, before, found.is_some());
    found.unwrap_or_default()
}

/// Keeps what a family brought, or repeats what it brought last time if it failed.
fn settle<S>(poll: &mut Poll<'_, S>, family: Family, before: usize, read: bool) {
    if read {
        let samples = poll.ledger.report.samples().get(before..).unwrap_or_default();
        poll.state.keep(family, samples, poll.now);
    } else {
        poll.state.repeat(family, poll.now, poll.ledger.report);
    }
}

/// Reads the parts of the systems, family by family.
pub(crate) async fn systems<S: Source + Send>(poll: &mut Poll<'_, S>, systems: &[Arc<Value>]) {
    for family in [Family::Processors, Family::Memory, Family::Storage] {
        if !poll.state.begin(family, poll.now) {
            poll.state.repeat(family, poll.now, poll.ledger.report);
            continue;
        }
        let before = poll.ledger.report.len();
        let mut read = true;
        for system in systems {
            read &= match family {
                Family::Processors => parts(poll, system, "Processors", component::processor_type).await,
                Family::Memory => parts(poll, system, "Memory", |_| "memory").await,
                _ => storage(poll, system).await,
            };
        }
        settle(poll, family, before, read || poll.ledger.report.len() > before);
    }
}

async fn parts<S: Source + Send>(
    poll: &mut Poll<'_, S>,
    system: &Value,
    key: &str,
    kind: fn(&Value) -> &'static str,
) -> bool {
    let Some(path) = link(system, key) else { return true };
    let Some(docs) = poll.members(path).await else { return false };
    let parent = Part::of(system, "");
    for doc in &docs {
        component::status(&mut poll.ledger, doc, &parent.id, kind(doc));
    }
    true
}

async fn storage<S: Source + Send>(poll: &mut Poll<'_, S>, system: &Value) -> bool {
    // "Storages" is how some firmware misspells the link.
    let Some(path) = link(system, "Storage").or_else(|| link(system, "Storages")) else { return true };
    let Some(docs) = poll.members(path).await else { return false };
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
    true
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
    let before = poll.ledger.report.len();
    let service = match link(root, "UpdateService") {
        Some(path) => poll.get(path).await,
        None => None,
    };
    let found = match service.as_deref().and_then(|service| link(service, "FirmwareInventory")) {
        Some(path) => poll.members(path).await,
        None => None,
    };
    for doc in found.iter().flatten() {
        component::firmware(&mut poll.ledger, doc);
    }
    settle(poll, Family::Firmware, before, found.is_some());
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
        let pages = pages(poll, path).await;
        look(poll, path, &pages).await;
    }
}

/// The first pages of a log.
async fn pages<S: Source + Send>(poll: &mut Poll<'_, S>, path: &str) -> Vec<Arc<Value>> {
    let mut pages: Vec<Arc<Value>> = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next.take().filter(|_| pages.len() < MAX_PAGES) {
        let Some(page) = poll.get(&path).await else { break };
        next = link(&page, "Members@odata.nextLink").map(str::to_owned);
        pages.push(page);
    }
    pages
}

/// Counts the entries of a log that are new.
async fn look<S: Source + Send>(poll: &mut Poll<'_, S>, log: &str, pages: &[Arc<Value>]) {
    if pages.is_empty() {
        return;
    }
    let entries: Vec<&Value> = pages.iter().flat_map(|page| items(page, "Members")).collect();
    let fresh = poll.state.logs.look(log, &entries);
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
