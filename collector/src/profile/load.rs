//! Loading: the profiles that are part of the program, and those of a user's folder.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    #[error("{text}")]
    Invalid {
        /// Every mistake, a line or more for each.
        text: String,
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
        let mut mistakes = Vec::new();
        let mut programs = self.programs.clone();
        let mut replaces = Vec::new();
        for (file, text) in texts {
            match parse(file, text) {
                Ok(program) => {
                    replaces.extend(program.replaces.iter().map(|name| (file, name.clone())));
                    programs.retain(|known| known.name != program.name);
                    programs.push(Arc::new(program));
                }
                Err(text) => mistakes.push(text),
            }
        }
        for (file, name) in replaces {
            if !programs.iter().any(|program| program.answers_to(&name)) {
                mistakes.push(format!("{file}: replaces: there is no profile or table {name:?}"));
            }
        }
        if !mistakes.is_empty() {
            return Err(ProfileError::Invalid { text: mistakes.join("\n") });
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

fn parse(file: &str, text: &str) -> Result<Program, String> {
    let profile: Profile = serde_saphyr::from_str(text).map_err(|error| format!("{file}: {error}"))?;
    compile(&profile).map_err(|mistakes| {
        let lines: Vec<_> =
            mistakes.iter().map(|mistake| format!("{file}: {}: {}", mistake.path, mistake.message)).collect();
        lines.join("\n")
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
