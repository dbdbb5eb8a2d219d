//! A recorded device as a source: a directory tree in the layout of DMTF mock-ups, where the document of
//! `/redfish/v1/Chassis` is `redfish/v1/Chassis/index.json`.
//!
//! For tests and conformance. Reads files only below its directory.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::Reason;
use serde_json::Value;

use super::logs::is_link;
use super::source::{Source, SourceError};
use super::value::path_of;

/// Directories below each other; the layout's paths are far shorter.
const MAX_DEPTH: usize = 32;

/// The documents of one recorded device.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Documents by their path, for example `/redfish/v1/Chassis`.
    pub documents: HashMap<String, Arc<Value>>,
    /// Files that are no JSON.
    pub broken: Vec<PathBuf>,
}

impl Tree {
    /// Reads all documents below `root`.
    ///
    /// # Errors
    /// A directory or file that cannot be read. Files that are no JSON are listed instead.
    pub fn load(root: &Path) -> std::io::Result<Self> {
        let mut tree = Self::default();
        tree.load_below(root, "", 0)?;
        Ok(tree)
    }

    fn load_below(&mut self, directory: &Path, path: &str, depth: usize) -> std::io::Result<()> {
        for entry in std::fs::read_dir(directory)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_dir() {
                if depth < MAX_DEPTH {
                    self.load_below(&entry.path(), &format!("{path}/{name}"), depth + 1)?;
                }
            } else if name == "index.json" {
                match serde_json::from_slice(&std::fs::read(entry.path())?) {
                    Ok(doc) => {
                        self.documents.insert(path.to_owned(), Arc::new(doc));
                    }
                    Err(_) => self.broken.push(entry.path()),
                }
            }
        }
        Ok(())
    }

    fn find(&self, path: &str) -> Result<Arc<Value>, SourceError> {
        let path = path.trim_end_matches('/');
        self.documents.get(path).cloned().ok_or_else(|| SourceError {
            path: path.to_owned(),
            reason: Reason::Missing,
            status: Some(404),
            detail: "no such resource".to_owned(),
        })
    }
}

impl Source for Tree {
    async fn get(&mut self, path: &str) -> Result<Arc<Value>, SourceError> {
        self.find(path)
    }

    async fn members(
        &mut self,
        collection: &str,
    ) -> Result<Vec<Result<Arc<Value>, SourceError>>, SourceError> {
        let collection = self.find(collection)?;
        let members = collection.get("Members").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let read = |member: &Value| match path_of(member) {
            Some(path) if is_link(member) => self.find(path),
            _ => Ok(Arc::new(member.clone())),
        };
        Ok(members.iter().map(read).collect())
    }
}
