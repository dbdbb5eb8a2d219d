//! Loading: the profiles that are part of the program, and those of a user's folder.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::yaml::{self, Document, Problems};

use super::compile::compile;
use super::format::Profile;
use super::program::{Head, Program};

/// The profiles that are part of the program: name of the file, and its text.
const BUILTIN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/profiles.rs"));

/// Largest profile that is read from a folder. The largest of the program's own has about 20 KiB.
const MAX_BYTES: u64 = 1 << 20;

/// Why profiles are refused.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// A file or folder cannot be read.
    #[error("cannot read profiles from {}: {source}", path.display())]
    Read {
        /// File or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is no valid profile.
    #[error("{problems}")]
    Invalid {
        /// Every mistake, each with its place.
        problems: Problems,
    },
}

/// A profile: what it is selected by, and its text. All but a few of them fit no device of a small site, so that the
/// program of a profile is made when a device needs it, and kept for as long as one does.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) head: Head,
    file: Cow<'static, str>,
    text: Cow<'static, str>,
    program: Mutex<Weak<Program>>,
}

impl Known {
    fn new(file: Cow<'static, str>, text: Cow<'static, str>) -> Result<Self, Problems> {
        let (head, _) = parse(&file, &text)?;
        Ok(Self { head, file, text, program: Mutex::default() })
    }

    pub(super) fn name(&self) -> &str {
        &self.head.name
    }

    /// Its program. Never none: the text had no mistake when it was loaded.
    pub(super) fn program(&self) -> Option<Arc<Program>> {
        let mut made = self.program.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = made.upgrade() {
            return Some(program);
        }
        let program = Arc::new(parse(&self.file, &self.text).ok()?.1);
        *made = Arc::downgrade(&program);
        Some(program)
    }

    /// What it replaces and nobody provides.
    fn unknown_replaces(&self, all: &[Arc<Self>]) -> Problems {
        let is_unknown = |name: &str| !all.iter().any(|profile| profile.head.answers_to(name));
        let path = yaml::Path::root().key("replaces");
        let mut problems = Problems::new();
        for (at, name) in self.head.replaces.iter().enumerate().filter(|(_, name)| is_unknown(name)) {
            let message = format!("there is no profile or table {name:?}");
            let document = Document::parse(&self.file, &self.text);
            problems.extend(document.map(|document| document.problem(&path.index(at), message, "")));
        }
        problems
    }
}

/// All profiles, by name.
#[derive(Clone, Debug, Default)]
pub struct Profiles {
    pub(super) known: Vec<Arc<Known>>,
}

impl Profiles {
    /// The profiles that are part of the program.
    ///
    /// # Errors
    /// All mistakes in them; none in a released program.
    pub fn builtin() -> Result<Self, ProfileError> {
        let mut profiles = Self::default();
        profiles.add(BUILTIN.iter().map(|&(file, text)| (file.into(), text.into())))?;
        Ok(profiles)
    }

    /// Profiles from texts, each with the name of its file for messages.
    ///
    /// # Errors
    /// All mistakes in all of them.
    pub fn from_texts<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, ProfileError> {
        let mut profiles = Self::default();
        profiles
            .add(texts.into_iter().map(|(file, text)| (file.to_owned().into(), text.to_owned().into())))?;
        Ok(profiles)
    }

    /// Adds those of a folder: `FOLDER/*/profile.yaml` and `FOLDER/*.yaml`. One with the name of another
    /// takes its place. After an error nothing has changed.
    ///
    /// # Errors
    /// The folder or a file cannot be read, or all mistakes in all files.
    pub fn load_dir(&mut self, folder: &Path) -> Result<(), ProfileError> {
        let read = |path: &Path| {
            read_bounded(path).map_err(|source| ProfileError::Read { path: path.to_owned(), source })
        };
        let mut texts = Vec::new();
        for path in files(folder).map_err(|source| ProfileError::Read { path: folder.to_owned(), source })? {
            texts.push((path.display().to_string().into(), read(&path)?.into()));
        }
        self.add(texts)
    }

    fn add(
        &mut self,
        texts: impl IntoIterator<Item = (Cow<'static, str>, Cow<'static, str>)>,
    ) -> Result<(), ProfileError> {
        let mut problems = Problems::new();
        let mut all = self.known.clone();
        let mut added = Vec::new();
        for (file, text) in texts {
            match Known::new(file, text) {
                Ok(profile) => {
                    let profile = Arc::new(profile);
                    all.retain(|known| known.name() != profile.name());
                    all.push(Arc::clone(&profile));
                    added.push(profile);
                }
                Err(found) => problems.extend(found),
            }
        }
        for profile in added {
            problems.extend(profile.unknown_replaces(&all));
        }
        if !problems.is_empty() {
            return Err(ProfileError::Invalid { problems });
        }
        all.sort_by(|left, right| left.name().cmp(right.name()));
        self.known = all;
        Ok(())
    }

    /// Names and descriptions, in order.
    pub fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.known.iter().map(|profile| (profile.name(), profile.head.description.as_str()))
    }
}

fn parse(file: &str, text: &str) -> Result<(Head, Program), Problems> {
    let document = Document::parse(file, text)?;
    let profile: Profile = document.decode()?;
    compile(&profile).map_err(|mistakes| {
        let mut problems = Problems::new();
        problems
            .extend(mistakes.into_iter().map(|mistake| document.problem(&mistake.path, mistake.message, "")));
        problems
    })
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let profile = path.join("profile.yaml");
        if profile.is_file() {
            files.push(profile);
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read_bounded(path: &Path) -> io::Result<String> {
    if std::fs::metadata(path)?.len() > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {MAX_BYTES} bytes")));
    }
    std::fs::read_to_string(path)
}
