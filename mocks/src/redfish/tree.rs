//! The documents that a server serves, by path.
//!
//! Three sources: a folder in the DMTF mock-up layout (`redfish/v1/**/index.json`), a bundle (one
//! `bundle.json` with all documents of a tree), or code. A folder's documents are kept as the bytes
//! they are, valid JSON or not: real BMCs send both. Bytes are shared, so that a copy of a tree, with a
//! document or two changed, costs little.
//!
//! A bundle is an object of path to document. What follows from the path is left out of it and filled
//! in here: `@odata.id`, `Id`, and a collection's `Members` and count.
//!
//! A `live.json` beside either holds a list of [`Rule`]s.

use super::live::{self, Moment, Rule, RuleError, Scene};
use super::overrides::Override;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Documents in one tree: ten times what the largest known BMC shows, so that a wrong folder is noticed.
const MAX_DOCUMENTS: usize = 20_000;

/// The root of every Redfish tree: DSP0266, "Protocol version".
pub const ROOT: &str = "/redfish/v1";

/// Why a tree cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A file or folder cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A bundle or a `live.json` is not what it should be.
    #[error("{what} is wrong")]
    Parse {
        /// The file, or the built-in tree's name.
        what: String,
        /// Where, and what was expected.
        source: serde_json::Error,
    },
    /// A rule has no source.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// There is no service root.
    #[error("{} holds no Redfish tree: expected redfish/v1/index.json or bundle.json in it", path.display())]
    NoRoot {
        /// The folder.
        path: PathBuf,
    },
    /// Too many documents.
    #[error("{} holds more than {MAX_DOCUMENTS} documents; give the folder of one device", path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
    },
}

/// Documents by path, and the rules that move them.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    documents: BTreeMap<String, Bytes>,
    rules: Vec<Rule>,
}

impl Tree {
    /// Loads a folder: a bundle, or a mock-up whose `index.json` of `/redfish/v1` is in `folder`,
    /// `folder/v1` or `folder/redfish/v1`.
    pub fn load(folder: &Path) -> Result<Self, TreeError> {
        let bundle = folder.join("bundle.json");
        let live = folder.join("live.json");
        let mut tree = if bundle.is_file() {
            Self::from_bundle(&bundle.display().to_string(), &read(&bundle)?)?
        } else {
            Self::from_mockup(folder)?
        };
        if live.is_file() {
            tree = tree.with_rules_of(&live)?;
        }
        Ok(tree)
    }

    /// The tree with the rules of a file (as `live.json`) instead of its own.
    pub fn with_rules_of(self, file: &Path) -> Result<Self, TreeError> {
        self.with_rules(parse(&file.display().to_string(), &read(file)?)?)
    }

    /// The built-in server: a small, complete BMC.
    pub fn server() -> Result<Self, TreeError> {
        built_in(
            "server",
            include_bytes!("../../trees/server/bundle.json"),
            include_bytes!("../../trees/server/live.json"),
        )
    }

    /// The built-in rack PDU, three-phase, with metered outlets.
    pub fn pdu() -> Result<Self, TreeError> {
        built_in(
            "pdu",
            include_bytes!("../../trees/pdu/bundle.json"),
            include_bytes!("../../trees/pdu/live.json"),
        )
    }

    /// A tree of documents made in code.
    pub fn from_documents<P: Into<String>>(documents: impl IntoIterator<Item = (P, Value)>) -> Self {
        let mut tree = Self::default();
        for (path, document) in documents {
            tree.insert(path, document.to_string());
        }
        tree
    }

    /// Adds or replaces the document at `path`, JSON or not.
    pub fn insert(&mut self, path: impl Into<String>, document: impl Into<Bytes>) {
        self.documents.insert(path.into(), document.into());
    }

    /// Replaces one property of the document at `path` (JSON pointer); other trees that share the
    /// document keep theirs. False where there is no such property.
    pub fn set(&mut self, path: &str, pointer: &str, value: Value) -> bool {
        let Some(mut document) = self.parsed(path) else {
            return false;
        };
        let Some(property) = document.pointer_mut(pointer) else {
            return false;
        };
        *property = value;
        self.insert(path, document.to_string());
        true
    }

    /// The tree with these rules instead of its own.
    pub fn with_rules(mut self, rules: Vec<Rule>) -> Result<Self, TreeError> {
        live::check(&rules, &|path| self.parsed(path))?;
        self.rules = rules;
        Ok(self)
    }

    /// Every path, in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.documents.keys().map(String::as_str)
    }

    /// The document at `path` as it was loaded.
    pub fn document(&self, path: &str) -> Option<&Bytes> {
        self.documents.get(path)
    }

    /// The document at `path` with its readings as they are at that moment. Documents without rules,
    /// and those that are not JSON, are the loaded bytes.
    pub fn document_at(&self, path: &str, moment: &Moment) -> Option<Bytes> {
        self.document_with(path, moment, &[])
    }

    /// The same, with what is otherwise for a while.
    pub fn document_with(&self, path: &str, moment: &Moment, overrides: &[Override]) -> Option<Bytes> {
        let bytes = self.document(path)?;
        let source = |path: &str| self.parsed(path);
        let scene = Scene { rules: &self.rules, source: &source, overrides };
        if scene.touches(path)
            && let Some(mut document) = self.parsed(path)
        {
            scene.apply(path, &mut document, moment);
            return Some(document.to_string().into());
        }
        Some(bytes.clone())
    }

    fn parsed(&self, path: &str) -> Option<Value> {
        serde_json::from_slice(self.document(path)?).ok()
    }

    fn from_mockup(folder: &Path) -> Result<Self, TreeError> {
        let root = ["redfish/v1", "v1", ""]
            .iter()
            .map(|below| folder.join(below))
            .find(|folder| folder.join("index.json").is_file())
            .ok_or_else(|| TreeError::NoRoot { path: folder.to_owned() })?;
        let mut tree = Self::default();
        let mut open = vec![(root, ROOT.to_owned())];
        while let Some((folder, path)) = open.pop() {
            tree.read_folder(&folder, path, &mut open)?;
            if tree.documents.len() > MAX_DOCUMENTS {
                return Err(TreeError::TooMany { path: folder });
            }
        }
        Ok(tree)
    }

    /// Reads the document of one folder, and adds the folders in it to `open`.
    fn read_folder(
        &mut self,
        folder: &Path,
        path: String,
        open: &mut Vec<(PathBuf, String)>,
    ) -> Result<(), TreeError> {
        let failed = |source| TreeError::Read { path: folder.to_owned(), source };
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type().map_err(failed)?.is_dir() {
                open.push((entry.path(), format!("{path}/{name}")));
            } else if name == "index.json" || name == "index.xml" {
                self.insert(path.clone(), read(&entry.path())?);
            }
        }
        Ok(())
    }

    fn from_bundle(what: &str, bundle: &[u8]) -> Result<Self, TreeError> {
        let documents: BTreeMap<String, Map<String, Value>> = parse(what, bundle)?;
        Ok(Self::from_documents(documents.keys().map(|path| (path, complete(path, &documents)))))
    }
}

fn built_in(name: &str, bundle: &[u8], rules: &[u8]) -> Result<Tree, TreeError> {
    Tree::from_bundle(name, bundle)?.with_rules(parse(name, rules)?)
}

/// A bundle's document with what follows from its place. Log entries stand in their collection whole,
/// as `LogEntryCollection` wants; other members are linked to.
fn complete(path: &str, bundle: &BTreeMap<String, Map<String, Value>>) -> Value {
    let mut document = bundle.get(path).cloned().unwrap_or_default();
    document.insert("@odata.id".into(), json!(path));
    let kind = document.get("@odata.type").and_then(Value::as_str).unwrap_or_default();
    if !kind.ends_with("Collection") {
        let id = path.rsplit('/').next().unwrap_or_default();
        document.entry("Id").or_insert_with(|| json!(id));
        return Value::Object(document);
    }
    let whole = kind.ends_with("LogEntryCollection");
    let is_member = |member: &&String| member.rsplit_once('/').is_some_and(|(parent, _)| parent == path);
    let show = |member: &String| if whole { complete(member, bundle) } else { json!({"@odata.id": member}) };
    let members: Vec<Value> = bundle.keys().filter(is_member).map(show).collect();
    document.insert("Members@odata.count".into(), json!(members.len()));
    document.insert("Members".into(), Value::Array(members));
    Value::Object(document)
}

fn read(path: &Path) -> Result<Vec<u8>, TreeError> {
    std::fs::read(path).map_err(|source| TreeError::Read { path: path.to_owned(), source })
}

fn parse<T: serde::de::DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, TreeError> {
    serde_json::from_slice(bytes).map_err(|source| TreeError::Parse { what: what.to_owned(), source })
}
