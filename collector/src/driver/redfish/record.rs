//! Records a device: every document that links lead to, scrubbed, in the layout of DMTF's mock-ups.
//!
//! The document of `/redfish/v1/Chassis` becomes `redfish/v1/Chassis/index.json`. Only reads. Leaves
//! out what is about people and not about hardware: accounts, sessions, subscriptions, log entries.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::scrub::Scrubber;
use super::source::{Source, SourceError};

/// Most documents of one recording. A GPU rack has about 6,000.
pub const MAX_DOCUMENTS: usize = 10_000;

/// Most links that wait to be followed.
const MAX_WAITING: usize = 100_000;

/// Faults that are kept: what could not be read is told, but not without bound.
const MAX_FAULTS: usize = 1_000;

/// Longest name of a folder.
const MAX_NAME: usize = 200;

const ROOT: &str = "/redfish/v1";

/// Parts of paths that are not recorded: people, secrets, schemas (which DMTF publishes), and downloads.
const LEFT_OUT: [&str; 9] = [
    "/AccountService",
    "/SessionService/Sessions",
    "/Sessions",
    "/EventService/Subscriptions",
    "/Certificates",
    "/JsonSchemas",
    "/Registries",
    "/Entries",
    "/$metadata",
];

/// The documents of one device.
#[derive(Debug, Default)]
pub struct Recording {
    /// Documents by path.
    pub documents: BTreeMap<String, Value>,
    /// What could not be read.
    pub faults: Vec<SourceError>,
    /// Whether there was more than is recorded.
    pub is_cut: bool,
}

/// Follows all links from the service root, each once. `progress` is told how many documents are read
/// and how many links wait.
///
/// # Errors
/// The service root cannot be read.
pub async fn record<S: Source>(
    source: &mut S,
    mut progress: impl FnMut(usize, usize),
) -> Result<Recording, SourceError> {
    let root = source.get(ROOT).await?;
    let mut recording = Recording::default();
    let mut known = HashSet::from([ROOT.to_owned()]);
    let mut waiting = VecDeque::new();
    find_links(&root, &mut known, &mut waiting);
    recording.documents.insert(ROOT.to_owned(), Value::clone(&root));
    while let Some(path) = waiting.pop_front() {
        if recording.documents.len() >= MAX_DOCUMENTS || waiting.len() >= MAX_WAITING {
            recording.is_cut = true;
            break;
        }
        match source.get(&path).await {
            Ok(document) => {
                find_links(&document, &mut known, &mut waiting);
                recording.documents.insert(path, Value::clone(&document));
            }
            Err(error) if recording.faults.len() < MAX_FAULTS => recording.faults.push(error),
            Err(_) => {}
        }
        progress(recording.documents.len(), waiting.len());
    }
    Ok(recording)
}

/// Links are strings under `@odata.id`, and the pages that follow.
fn find_links(document: &Value, known: &mut HashSet<String>, waiting: &mut VecDeque<String>) {
    match document {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(link) if name == "@odata.id" || name.ends_with("nextLink") => {
                        add(link, known, waiting)
                    }
                    Some(_) => {}
                    None => find_links(value, known, waiting),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| find_links(item, known, waiting)),
        _ => {}
    }
}

fn add(link: &str, known: &mut HashSet<String>, waiting: &mut VecDeque<String>) {
    let path = link.split('#').next().unwrap_or_default().trim_end_matches('/');
    let is_wanted = path.starts_with("/redfish/v1/") && !LEFT_OUT.iter().any(|part| path.contains(part));
    if is_wanted && known.len() < MAX_WAITING && known.insert(path.to_owned()) {
        waiting.push_back(path.to_owned());
    }
}

impl Recording {
    /// Replaces what tells devices, people and networks from others, the same by the same everywhere.
    pub fn scrub(&mut self) {
        let mut scrubber = Scrubber::default();
        self.documents.values().for_each(|document| scrubber.learn(document));
        let documents = std::mem::take(&mut self.documents);
        self.documents = documents
            .into_iter()
            .map(|(path, mut document)| {
                scrubber.scrub(&mut document);
                (scrubber.text(&path), document)
            })
            .collect();
        for fault in &mut self.faults {
            fault.path = scrubber.text(&fault.path);
            fault.detail = scrubber.text(&fault.detail);
        }
    }

    /// Writes the documents below a folder, and says how many. Paths that make no file names are left out.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(&self, folder: &Path) -> std::io::Result<usize> {
        let mut written = 0;
        for (path, document) in &self.documents {
            let Some(place) = place(path) else { continue };
            let folder = folder.join(place);
            std::fs::create_dir_all(&folder)?;
            std::fs::write(folder.join("index.json"), format!("{document:#}\n"))?;
            written += 1;
        }
        Ok(written)
    }
}

/// Where a path's document lies. Paths come from a device: none leads out of the folder.
fn place(path: &str) -> Option<PathBuf> {
    let safe = |name: &str| {
        !name.is_empty()
            && name.len() <= MAX_NAME
            && name.chars().any(|c| c != '.')
            && !name.contains(['\\', '\0'])
    };
    let names: Vec<&str> = path.trim_matches('/').split('/').collect();
    names.iter().all(|name| safe(name)).then(|| names.iter().collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::Reason;
    use serde_json::json;

    use super::*;

    struct Memory(BTreeMap<&'static str, Value>);

    impl Source for Memory {
        async fn get(&mut self, path: &str) -> Result<Arc<Value>, SourceError> {
            self.0.get(path).cloned().map(Arc::new).ok_or_else(|| SourceError {
                path: path.into(),
                reason: Reason::Missing,
                status: Some(404),
                detail: "not there".into(),
            })
        }

        async fn members(&mut self, _: &str) -> Result<Vec<Result<Arc<Value>, SourceError>>, SourceError> {
            Ok(Vec::new())
        }
    }

    fn device() -> Memory {
        let link = |path: &str| json!({"@odata.id": path});
        Memory(BTreeMap::from([
            (
                ROOT,
                json!({
                    "@odata.id": "/redfish/v1/", "UUID": "4C4C4544-0034-5310-8047-B6C04F4E3332",
                    "Chassis": link("/redfish/v1/Chassis/"), "AccountService": link("/redfish/v1/AccountService"),
                    "Out": link("/etc/passwd"), "Up": link("/redfish/v1/../../etc"),
                }),
            ),
            (
                "/redfish/v1/Chassis",
                json!({"Members": [link("/redfish/v1/Chassis/ABCD123"), link("/redfish/v1/Chassis/gone#/Fans/0")],
                       "Members@odata.nextLink": "/redfish/v1/Chassis?$skip=2"}),
            ),
            ("/redfish/v1/Chassis?$skip=2", json!({"Members": [link("/redfish/v1")]})),
            (
                "/redfish/v1/Chassis/ABCD123",
                json!({"@odata.id": "/redfish/v1/Chassis/ABCD123", "SerialNumber": "ABCD123", "PowerState": "On"}),
            ),
            ("/redfish/v1/../../etc", json!({"a": 1})),
            ("/redfish/v1/AccountService", json!({"a": 1})),
        ]))
    }

    #[tokio::test]
    async fn each_document_is_read_once_scrubbed_and_stays_in_the_folder() {
        let mut steps = 0;
        let mut recording = record(&mut device(), |_, _| steps += 1).await.unwrap();
        assert_eq!(steps, 5);
        assert_eq!(recording.faults.len(), 1);
        assert!(!recording.documents.contains_key("/redfish/v1/AccountService"));
        recording.scrub();
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(recording.write(folder.path()).unwrap(), 4);
        let chassis = std::fs::read_to_string(folder.path().join("redfish/v1/Chassis/index.json")).unwrap();
        let chassis: Value = serde_json::from_str(&chassis).unwrap();
        let link = chassis["Members"][0]["@odata.id"].as_str().unwrap();
        assert!(!link.contains("ABCD123"), "{link}");
        let member = folder.path().join(link.trim_start_matches('/')).join("index.json");
        let member: Value = serde_json::from_str(&std::fs::read_to_string(member).unwrap()).unwrap();
        assert_eq!((&member["PowerState"], &member["@odata.id"]), (&json!("On"), &json!(link)));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
