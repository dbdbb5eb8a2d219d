//! The members of a collection: pages followed, loops guarded, `$expand` where it proved right.
//!
//! DSP0266 sections 7.3.5 (`$expand`) and 8.4 (collections). Expansion saves a BMC hundreds of
//! requests, and many get it wrong: for each collection it is compared with the plain listing and one
//! plain member first. The first difference ends its use for that device.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::Reason;
use serde_json::{Map, Value};
use tokio::task::JoinSet;

use super::documents::Documents;
use super::fault;
use crate::driver::redfish::source::SourceError;

/// Most pages of one collection. iDRAC pages by 50, others by 20 or fewer.
pub(super) const MAX_PAGES: usize = 200;

/// Most members of one collection: a chassis has hundreds of sensors, logs are read by page.
pub(super) const MAX_MEMBERS: usize = 5_000;

/// Collections of one device for which expansion is remembered as right.
const MAX_PROVEN: usize = 1_000;

/// The names under which the next page is announced; the first is DSP0266's.
const NEXT_LINKS: [&str; 5] =
    ["Members@odata.nextLink", "@odata.nextLink", "Members@odata.nextlink", "odata.nextLink", "nextLink"];

type Document = Result<Arc<Value>, SourceError>;

/// What is known of a device's `$expand`.
#[derive(Default)]
pub(super) struct Expansion {
    query: Option<&'static str>,
    failed: bool,
    proven: HashSet<String>,
}

impl Expansion {
    /// What the service root says of it (`ProtocolFeaturesSupported`).
    pub(super) fn learn(&mut self, root: &Value) {
        let can = |what| {
            let feature =
                root.get("ProtocolFeaturesSupported").and_then(|all| all.get("ExpandQuery")?.get(what));
            feature.and_then(Value::as_bool) == Some(true)
        };
        self.query = match (can("NoLinks"), can("Levels")) {
            (true, true) => Some("?$expand=.($levels=1)"),
            (true, false) => Some("?$expand=."),
            (false, _) => None,
        };
    }

    fn of(&self, documents: &Documents, collection: &str) -> Option<String> {
        let query = self.query.filter(|_| !self.failed && documents.rules().expand)?;
        (!collection.contains(['?', '#'])).then(|| format!("{collection}{query}"))
    }

    fn fail(&mut self, collection: &str, why: &str) {
        tracing::debug!(collection, why, "$expand is wrong on this device and not used any more");
        self.failed = true;
        self.proven.clear();
    }
}

/// All members of a collection, in the device's order.
///
/// # Errors
/// The collection itself cannot be read.
pub(super) async fn read(
    documents: &Arc<Documents>,
    expansion: &mut Expansion,
    collection: &str,
) -> Result<Vec<Document>, SourceError> {
    let expanded = expansion.of(documents, collection);
    if let Some(expanded) = &expanded
        && expansion.proven.contains(collection)
    {
        match list(documents, expanded).await {
            Ok(members) if members.iter().all(is_whole) => return Ok(as_documents(documents, members)),
            Ok(_) => expansion.fail(collection, "a member is not whole"),
            Err(error) => excuse(expansion, collection, error)?,
        }
    }
    let listed = list(documents, collection).await?;
    let Some(expanded) = expanded.filter(|_| !expansion.failed && listed.len() > 1) else {
        return Ok(read_each(documents, listed).await);
    };
    match list(documents, &expanded).await {
        Ok(members) => match differs(documents, &listed, &members).await {
            None => {
                if expansion.proven.len() < MAX_PROVEN {
                    expansion.proven.insert(collection.to_owned());
                }
                return Ok(as_documents(documents, members));
            }
            Some(why) => expansion.fail(collection, why),
        },
        Err(error) => excuse(expansion, collection, error)?,
    }
    Ok(read_each(documents, listed).await)
}

/// A device that is gone or busy says nothing about `$expand`; any other error speaks against it.
fn excuse(expansion: &mut Expansion, collection: &str, error: SourceError) -> Result<(), SourceError> {
    match error.reason {
        Reason::Busy | Reason::Unreachable | Reason::Dns | Reason::Auth | Reason::Tls => Err(error),
        _ => {
            expansion.fail(collection, &error.detail);
            Ok(())
        }
    }
}

/// Compares an expanded listing with the plain one, and its first member with that member read alone.
async fn differs(documents: &Documents, listed: &[Member], expanded: &[Member]) -> Option<&'static str> {
    let paths = |members: &[Member]| -> Vec<Option<String>> { members.iter().map(path_of).collect() };
    if paths(listed) != paths(expanded) {
        return Some("it lists other members");
    }
    if !expanded.iter().all(is_whole) {
        return Some("a member is not whole");
    }
    let (path, member) = (path_of(expanded.first()?)?, expanded.first()?.as_ref().ok()?);
    let alone = documents.get(&path).await.ok()?;
    let lacks_some = alone.as_object()?.keys().any(|key| !key.contains('@') && member.get(key).is_none());
    lacks_some.then_some("members lack fields that they have when read alone")
}

/// An element of `Members`, or why there are no more of them.
type Member = Result<Value, SourceError>;

fn path_of(member: &Member) -> Option<String> {
    let member = member.as_ref().ok()?;
    let path = member.as_str().or_else(|| member.get("@odata.id")?.as_str())?;
    (path.starts_with('/') || path.starts_with("http")).then(|| path.to_owned())
}

fn is_whole(member: &Member) -> bool {
    let fields = member.as_ref().ok().and_then(Value::as_object).map_or(0, Map::len);
    path_of(member).is_some() && fields > 2
}

fn as_documents(documents: &Documents, members: Vec<Member>) -> Vec<Document> {
    let rules = documents.rules();
    let allowed = |member: &Member| !path_of(member).is_some_and(|path| rules.is_forbidden(&path));
    members.into_iter().filter(allowed).map(|member| member.map(Arc::new)).collect()
}

/// The elements of `Members` over all pages. What goes wrong after the first page ends the list with
/// an error in its place.
async fn list(documents: &Documents, collection: &str) -> Result<Vec<Member>, SourceError> {
    let mut members = Vec::new();
    let mut seen = HashSet::new();
    let mut page = documents.get(collection).await?;
    let mut here = collection.to_owned();
    for _ in 0..MAX_PAGES {
        let next = next_link(&page, &here);
        add_members(&mut members, page);
        if members.len() > MAX_MEMBERS {
            members.truncate(MAX_MEMBERS);
            members.push(Err(fault(collection, Reason::Limit, format!("more than {MAX_MEMBERS} members"))));
            return Ok(members);
        }
        seen.insert(here);
        let Some(next) = next else { return Ok(members) };
        if seen.contains(&next) {
            members.push(Err(fault(&next, Reason::Protocol, "the pages of the collection go in a circle")));
            return Ok(members);
        }
        match documents.get(&next).await {
            Ok(document) => page = document,
            Err(error) => {
                members.push(Err(error));
                return Ok(members);
            }
        }
        here = next;
    }
    members.push(Err(fault(collection, Reason::Limit, format!("more than {MAX_PAGES} pages"))));
    Ok(members)
}

fn add_members(members: &mut Vec<Member>, page: Arc<Value>) {
    let Value::Object(mut page) = Arc::unwrap_or_clone(page) else { return };
    match page.remove("Members") {
        Some(Value::Array(found)) => members.extend(found.into_iter().map(Ok)),
        Some(found @ Value::Object(_)) => members.push(Ok(found)),
        _ => {}
    }
}

/// A path, a query on the page that it stands on, or a link object.
fn next_link(page: &Value, here: &str) -> Option<String> {
    let link = NEXT_LINKS.iter().find_map(|name| page.get(name))?;
    let link = link.as_str().or_else(|| link.get("@odata.id")?.as_str())?;
    match link.chars().next()? {
        '?' => Some(format!("{}{link}", here.split('?').next().unwrap_or_default())),
        _ => Some(link.to_owned()),
    }
}

/// Whether a plain listing holds the member itself, as log entries mostly stand there, and not only a
/// link to it or the few fields that some devices put beside the link.
fn is_inline(member: &Value) -> bool {
    const FIELDS_BESIDE_A_LINK: usize = 3;
    let fields = member.as_object().into_iter().flat_map(Map::keys);
    fields.filter(|name| !name.contains('@')).count() > FIELDS_BESIDE_A_LINK
}

/// Reads members one by one, as many at once as the device's budget has in flight.
async fn read_each(documents: &Arc<Documents>, members: Vec<Member>) -> Vec<Document> {
    let rules = documents.rules();
    let mut known = HashSet::new();
    let members: Vec<Member> = members
        .into_iter()
        .filter(|member| path_of(member).is_none_or(|path| !rules.is_forbidden(&path) && known.insert(path)))
        .collect();
    let members = Arc::new(members);
    let next = Arc::new(AtomicUsize::new(0));
    let mut readers = JoinSet::new();
    for _ in 0..documents.concurrency.min(members.len()) {
        let (documents, members, next) = (Arc::clone(documents), Arc::clone(&members), Arc::clone(&next));
        readers.spawn(async move {
            let mut read = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(member) = members.get(at) else { return read };
                read.push((at, read_one(&documents, member, at).await));
            }
        });
    }
    let mut read: Vec<(usize, Document)> = readers.join_all().await.into_iter().flatten().collect();
    read.sort_unstable_by_key(|(at, _)| *at);
    read.into_iter().map(|(_, document)| document).collect()
}

async fn read_one(documents: &Documents, member: &Member, at: usize) -> Document {
    if let Ok(member) = member
        && is_inline(member)
    {
        return Ok(Arc::new(member.clone()));
    }
    let Some(path) = path_of(member) else {
        return match member {
            Err(error) => Err(error.clone()),
            Ok(_) => Err(fault(&format!("member {at}"), Reason::Parse, "a member without @odata.id")),
        };
    };
    let document = documents.get(&path).await?;
    match path.split_once('#') {
        None => Ok(document),
        Some((_, pointer)) => match document.pointer(pointer) {
            Some(part) => Ok(Arc::new(part.clone())),
            None => Err(fault(&path, Reason::Missing, "the document has no such part")),
        },
    }
}
