//! Loading: the profiles that are part of the program, and those of a user's folder.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::yaml::{self, Document, Problem, Problems};

use super::compile::compile;
use super::format::Profile;
use super::program::Program;

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

/// All profiles, by name.
#[derive(Clone, Debug, Default)]
pub struct Profiles {
    pub(super) programs: Vec<Arc<Program>>,
}

impl Profiles {
    /// The profiles that are part of the program.
    ///
    /// # Errors
    /// All mistakes in them; none in a released program.
    pub fn builtin() -> Result<Self, ProfileError> {
        Self::from_texts(BUILTIN.iter().copied())
    }

    /// Profiles from texts, each with the name of its file for messages.
    ///
    /// # Errors
    /// All mistakes in all of them.
    pub fn from_texts<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, ProfileError> {
        let mut profiles = Self::default();
        profiles.add(texts)?;
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
            texts.push((path.display().to_string(), read(&path)?));
        }
        self.add(texts.iter().map(|(name, text)| (name.as_str(), text.as_str())))
    }

    fn add<'a>(&mut self, texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<(), ProfileError> {
        let mut problems = Problems::new();
        let mut programs = self.programs.clone();
        let mut replacing = Vec::new();
        for (file, text) in texts {
            match parse(file, text) {
                Ok((document, program)) => {
                    let program = Arc::new(program);
                    programs.retain(|known| known.name != program.name);
                    programs.push(Arc::clone(&program));
                    replacing.push((document, program));
                }
                Err(found) => problems.extend(found),
            }
        }
        for (document, program) in replacing {
            problems.extend(unknown_replaces(&document, &program, &programs));
        }
        if !problems.is_empty() {
            return Err(ProfileError::Invalid { problems });
        }
        programs.sort_by(|left, right| left.name.cmp(&right.name));
        self.programs = programs;
        Ok(())
    }

    /// Names and descriptions, in order.
    pub fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.programs.iter().map(|program| (program.name.as_str(), program.description.as_str()))
    }
}

fn parse(file: &str, text: &str) -> Result<(Document, Program), Problems> {
    let document = Document::parse(file, text)?;
    let profile: Profile = document.decode()?;
    match compile(&profile) {
        Ok(program) => Ok((document, program)),
        Err(mistakes) => {
            let mut problems = Problems::new();
            problems
                .extend(mistakes.into_iter().map(|mistake| document.problem(&mistake.path, mistake.message, "")));
            Err(problems)
        }
    }
}

/// What a profile replaces and nobody provides.
fn unknown_replaces(document: &Document, program: &Program, programs: &[Arc<Program>]) -> Vec<Problem> {
    let unknown = |name: &str| !programs.iter().any(|program| program.answers_to(name));
    let named = program.replaces.iter().enumerate().filter(|(_, name)| unknown(name));
    let path = yaml::Path::root().key("replaces");
    named
        .map(|(at, name)| {
            document.problem(&path.index(at), format!("there is no profile or table {name:?}"), "")
        })
        .collect()
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
