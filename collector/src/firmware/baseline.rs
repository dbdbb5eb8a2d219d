//! What firmware is wanted: a file that people write, checked, and how a version stands to it.
//!
//! Every mistake is reported at once with its place. A change is authorised while a window is open and at no other
//! time, whether or not the baseline wants the new version: the one says that somebody was expected to work there, the
//! other what he was to install.

use std::cmp::Ordering;
use std::path::Path as FilePath;

use schemars::SchemaGenerator;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::format;
use super::version;
use super::window::Window;
use crate::calendar;
use crate::config::read_text;
use crate::glob::Glob;
use crate::yaml::{Document, Lenient, MAX_PROBLEMS, Path, Problem, Problems};

/// How a component stands to the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compliance {
    /// The version is one that is wanted.
    Compliant,
    /// It is another one.
    Drifted,
    /// It has no version, or one that cannot be compared.
    Unknown,
}

impl Compliance {
    /// As the catalogue writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compliant => "compliant",
            Self::Drifted => "drifted",
            Self::Unknown => "unknown",
        }
    }
}

/// A component that firmware runs on. Empty texts are not known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    /// Manufacturer of the device.
    pub vendor: &'a str,
    /// Model of the device.
    pub model: &'a str,
    /// Name of the component.
    pub component: &'a str,
    /// `hw.id` of the component.
    pub id: &'a str,
}

/// The last part of an `hw.id`.
pub(super) fn last_part(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    OneOf(Vec<String>),
    Range { least: Option<String>, most: Option<String> },
}

/// What is wanted of some components.
#[derive(Debug)]
pub struct Entry {
    /// Of vendor, model and component.
    patterns: [Option<Glob>; 3],
    wanted: Wanted,
    label: String,
    windows: Vec<Window>,
}

impl Entry {
    fn fits(&self, subject: &Subject<'_>) -> bool {
        let [vendor, model, component] = &self.patterns;
        let fits =
            |pattern: &Option<Glob>, name: &str| pattern.as_ref().is_none_or(|pattern| pattern.fits(name));
        fits(vendor, subject.vendor)
            && fits(model, subject.model)
            && (fits(component, subject.component) || fits(component, last_part(subject.id)))
    }

    /// What is wanted, in words of one line: `2.78`, `2.78 | 2.80`, `>= 2.78, <= 3.00`.
    pub fn wanted(&self) -> &str {
        &self.label
    }

    /// How a version stands to what is wanted.
    pub fn judge(&self, installed: &str) -> Compliance {
        if !version::is_told(installed) {
            return Compliance::Unknown;
        }
        let good = match &self.wanted {
            Wanted::OneOf(wanted) => Some(wanted.iter().any(|wanted| version::same(installed, wanted))),
            Wanted::Range { least, most } => {
                let within = |bound: &Option<String>, wrong: Ordering| match bound {
                    None => Some(true),
                    Some(bound) => version::compare(installed, bound).map(|order| order != wrong),
                };
                match (within(least, Ordering::Less), within(most, Ordering::Greater)) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                }
            }
        };
        match good {
            Some(true) => Compliance::Compliant,
            Some(false) => Compliance::Drifted,
            None => Compliance::Unknown,
        }
    }
}

/// The wanted firmware of a fleet.
#[derive(Debug, Default)]
pub struct Baseline {
    windows: Vec<Window>,
    entries: Vec<Entry>,
    /// SHA-256 of its text; zeros where there is none.
    hash: [u8; 32],
}

impl Baseline {
    /// Reads and checks a file. Blocks on the file system.
    ///
    /// # Errors
    /// Every mistake in the file.
    pub fn load(path: &FilePath) -> Result<Self, Problems> {
        let name = path.display().to_string();
        let text = read_text(path).map_err(|(message, help)| Problem::of_file(&name, message, help))?;
        Self::parse(&name, &text)
    }

    /// Checks a text; `name` is the file's name in messages.
    ///
    /// # Errors
    /// Every mistake in the text.
    pub fn parse(name: &str, text: &str) -> Result<Self, Problems> {
        let document = Document::parse(name, text)?;
        let (file, problems) = document.decode_partly::<format::File>();
        let Some(file) = file else { return Err(problems) };
        let mut checker = Checker { document: &document, problems };
        let windows = checker.windows(file.windows, &Path::root());
        let mut known: Vec<([Option<Glob>; 3], usize)> = Vec::new();
        let mut entries = Vec::new();
        for (index, entry) in file.components.into_iter().enumerate() {
            let Some(entry) = entry.0 else { continue };
            let path = Path::root().key("components").index(index);
            let patterns = [&entry.vendor, &entry.model, &entry.component]
                .map(|pattern| pattern.as_ref().map(|text| Glob::new(text)));
            match known.iter().find(|(other, _)| *other == patterns) {
                Some((_, first)) => {
                    let message = format!("components[{first}] is for the same components already");
                    checker.note(&path, message, "the first one counts: keep one of the two");
                }
                None => known.push((patterns.clone(), index)),
            }
            entries.extend(checker.entry(entry, patterns, &path));
        }
        checker.problems.into_result(Self { windows, entries, hash: hash(text) })
    }

    /// The entry that counts for a component.
    pub fn find(&self, subject: &Subject<'_>) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.fits(subject))
    }

    /// Whether it was made of this text.
    pub fn is_of(&self, text: &str) -> bool {
        self.hash == hash(text)
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The windows for components that `entry` counts for.
    pub fn windows<'a>(&'a self, entry: Option<&'a Entry>) -> impl Iterator<Item = &'a Window> {
        self.windows.iter().chain(entry.into_iter().flat_map(|entry| &entry.windows))
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// JSON Schema of the baseline, for editors.
pub fn schema() -> Value {
    SchemaGenerator::default().into_root_schema_for::<format::File>().to_value()
}

struct Checker<'a> {
    document: &'a Document,
    problems: Problems,
}

impl Checker<'_> {
    fn note(&mut self, path: &Path, message: impl Into<String>, help: &str) {
        if self.problems.len() < MAX_PROBLEMS && !self.problems.touch(path) {
            self.problems.push(self.document.problem(path, message, help));
        }
    }

    fn entry(&mut self, written: format::Entry, patterns: [Option<Glob>; 3], path: &Path) -> Option<Entry> {
        let windows = self.windows(written.windows, path);
        let said = [
            ("exact", written.exact.is_some()),
            ("one_of", written.one_of.is_some()),
            ("at_least", written.at_least.is_some()),
            ("at_most", written.at_most.is_some()),
        ];
        let said: Vec<&str> = said.into_iter().filter_map(|(key, said)| said.then_some(key)).collect();
        match said.as_slice() {
            [] => {
                self.note(path, "no version is wanted here", "add exact, one_of, at_least or at_most");
                return None;
            }
            [_] | ["at_least", "at_most"] => {}
            [first, second, ..] => {
                let message = format!("{first} and {second} do not go together");
                self.note(&path.key(second), message, "write one of exact, one_of, or at_least with at_most");
                return None;
            }
        }
        let (wanted, label) = match (written.exact, written.one_of) {
            (Some(exact), _) => {
                self.told(&exact, &path.key("exact"));
                (Wanted::OneOf(vec![exact.clone()]), exact)
            }
            (None, Some(versions)) => {
                for (index, version) in versions.iter().enumerate() {
                    self.told(version.0.as_deref().unwrap_or(""), &path.key("one_of").index(index));
                }
                let versions: Vec<String> = versions.into_iter().filter_map(|version| version.0).collect();
                let label = versions.join(" | ");
                (Wanted::OneOf(versions), label)
            }
            (None, None) => self.range(written.at_least, written.at_most, path),
        };
        Some(Entry { patterns, wanted, label, windows })
    }

    fn told(&mut self, version: &str, path: &Path) {
        if !version::is_told(version) {
            let message = format!("{version:?} is what devices say that have no version");
            self.note(path, message, "write a version");
        }
    }

    fn range(&mut self, least: Option<String>, most: Option<String>, path: &Path) -> (Wanted, String) {
        for (key, bound) in [("at_least", &least), ("at_most", &most)] {
            if bound.as_ref().is_some_and(|bound| !version::has_order(bound)) {
                let message =
                    format!("{:?} is a version of which no order is known", bound.as_deref().unwrap_or(""));
                self.note(&path.key(key), message, "write exact or one_of");
            }
        }
        if let (Some(least), Some(most)) = (&least, &most) {
            let wrong = match version::compare(least, most) {
                Some(Ordering::Greater) => Some(format!("no version is at least {least} and at most {most}")),
                None => Some(format!("{most:?} cannot be compared with {least:?}")),
                _ => None,
            };
            if let Some(message) = wrong {
                self.note(&path.key("at_most"), message, "write a later version of the same kind");
            }
        }
        let parts = [
            least.as_ref().map(|bound| format!(">= {bound}")),
            most.as_ref().map(|bound| format!("<= {bound}")),
        ];
        let label = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
        (Wanted::Range { least, most }, label)
    }

    fn windows(&mut self, written: Vec<Lenient<format::Window>>, path: &Path) -> Vec<Window> {
        let mut windows = Vec::new();
        for (index, window) in written.into_iter().enumerate() {
            let Some(window) = window.0 else { continue };
            windows.extend(self.window(window, &path.key("windows").index(index)));
        }
        windows
    }

    fn window(&mut self, written: format::Window, path: &Path) -> Vec<Window> {
        match written {
            format::Window { start: Some(start), end: Some(end), days: None, from: None, to: None } => {
                let times = [("start", start), ("end", end)].map(|(key, text)| {
                    let help = "write for example 2026-12-01T22:00:00Z";
                    self.read(calendar::time(&text), &text, "a time with its zone", &path.key(key), help)
                });
                let [Some(start), Some(end)] = times else { return Vec::new() };
                if end <= start {
                    self.note(&path.key("end"), "the window ends before it begins", "write a later time");
                }
                vec![Window::Once { start, end }]
            }
            format::Window { start: None, end: None, days: Some(days), from: Some(from), to: Some(to) } => {
                let times = [("from", from), ("to", to)].map(|(key, text)| {
                    let help = "write for example 22:00";
                    self.read(calendar::clock(&text), &text, "a time of day in UTC", &path.key(key), help)
                });
                let [Some(from), Some(to)] = times else { return Vec::new() };
                if from == to {
                    let help = "write 00:00 and 24:00 for a whole day";
                    self.note(&path.key("to"), "the window ends when it begins", help);
                }
                days.into_iter().filter_map(|day| Some(Window::weekly(day.0? as i64, from, to))).collect()
            }
            _ => {
                let help = "write start and end, or days, from and to";
                self.note(path, "this is no whole window", help);
                Vec::new()
            }
        }
    }

    fn read(
        &mut self,
        found: Option<i64>,
        text: &str,
        expected: &str,
        path: &Path,
        help: &str,
    ) -> Option<i64> {
        if found.is_none() {
            self.note(path, format!("expected {expected}, found {text:?}"), help);
        }
        found
    }
}

#[cfg(test)]
#[path = "baseline_tests.rs"]
mod tests;
