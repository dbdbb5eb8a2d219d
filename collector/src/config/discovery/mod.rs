//! Targets from lists that others keep: files and HTTP, in the formats of Prometheus.
//!
//! A list is `[{"targets": ["host:port", …], "labels": {"name": "value", …}}, …]`. A bad entry is
//! refused with a reason and the others stay; a list that cannot be read keeps its last good targets.
//! Never changes the configuration: each source publishes what it found, and [`combine`] joins it.

pub mod files;
pub mod http;
pub mod labels;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::file::Settings;
use super::flaw::Flaw;
use super::rules::Rules;
use crate::target::Target;
use crate::yaml::{Document, Lenient, Problems};
use labels::Field;

/// Most refusals that are kept of one source: enough to see what is wrong.
const MAX_REFUSED: usize = 100;

/// What a source has found. Starts empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Discovered {
    /// Name of the source: `target_files[0]`.
    pub source: String,
    /// Good targets; names are unique within the source.
    pub targets: Vec<Target>,
    /// Entries that were refused, at most 100.
    pub refused: Vec<Refused>,
    /// Why a list could not be read, for each that could not; its last good targets are kept.
    pub errors: Vec<String>,
}

/// An entry of a list that makes no target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The entry as the list has it, or where it stands.
    pub entry: String,
    /// Why, and what to do.
    pub reason: String,
}

/// One group of a list.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Group {
    /// Addresses or names.
    targets: Vec<String>,
    /// Labels of them all.
    #[serde(default)]
    labels: BTreeMap<String, Option<String>>,
}

/// A list that could be read: its groups, and what is wrong with others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct List {
    groups: Vec<Group>,
    refused: Vec<Refused>,
}

impl List {
    /// Reads a list in JSON or YAML.
    fn parse(name: &str, text: &str) -> Result<Self, Problems> {
        let text = printable(text);
        let (groups, problems) = Document::parse(name, &text)?.decode_partly::<Vec<Lenient<Group>>>();
        let Some(groups) = groups else { return Err(problems) };
        let refused = problems
            .iter()
            .map(|problem| Refused { entry: problem.path.to_string(), reason: problem.to_string() });
        Ok(Self {
            refused: refused.collect(),
            groups: groups.into_iter().filter_map(|group| group.0).collect(),
        })
    }
}

/// The text with characters escaped that JSON takes in a string and YAML does not (its section 5.1),
/// so that one device's odd name does not cost the list.
fn printable(text: &str) -> Cow<'_, str> {
    let odd = |c: char| {
        (c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}'))
            || matches!(c, '\u{fffe}' | '\u{ffff}')
    };
    if !text.contains(odd) {
        return Cow::Borrowed(text);
    }
    let escape = |c: char| if odd(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    text.chars().map(escape).collect::<String>().into()
}

/// By what a source turns groups into targets.
#[derive(Debug)]
struct Origin {
    name: String,
    rules: Arc<Rules>,
    defaults: Settings,
    labels: BTreeMap<Field, String>,
}

impl Origin {
    fn discovered<'a>(&self, lists: impl Iterator<Item = &'a List>, errors: Vec<String>) -> Discovered {
        let mut found = Discovered { source: self.name.clone(), errors, ..Discovered::default() };
        let mut names = HashSet::new();
        for list in lists {
            found.refused.extend(list.refused.iter().cloned());
            for (group, entry) in
                list.groups.iter().flat_map(|g| g.targets.iter().map(move |entry| (g, entry)))
            {
                match self.target(entry, &group.labels) {
                    Ok(target) if names.insert(target.device.name.clone()) => found.targets.push(target),
                    Ok(target) => {
                        let reason = format!("the name {:?} is taken by another entry", target.device.name);
                        found.refused.push(Refused { entry: entry.clone(), reason });
                    }
                    Err(reason) => found.refused.push(Refused { entry: entry.clone(), reason }),
                }
            }
        }
        found.refused.truncate(MAX_REFUSED);
        found
    }

    fn target(&self, entry: &str, given: &BTreeMap<String, Option<String>>) -> Result<Target, String> {
        let mut flaws = Vec::new();
        let mut said = labels::settings(&self.labels, given, &mut flaws);
        let address = said.address.take().unwrap_or_else(|| entry.to_owned());
        let name = said.name.take().unwrap_or_else(|| host_of(entry).to_owned());
        if name.is_empty() {
            flaws.push(Flaw::new("name", "the name is empty", "give it a label name"));
        }
        match self.rules.target(&name, &address, said.settings.or(&self.defaults)) {
            Ok(target) if flaws.is_empty() => Ok(target),
            Ok(_) => Err(flaws),
            Err(more) => {
                flaws.extend(more);
                Err(flaws)
            }
        }
        .map_err(|flaws| {
            let texts = flaws.iter().map(|flaw| match flaw.help.as_str() {
                "" => format!("{}: {}", flaw.field, flaw.message),
                help => format!("{}: {} ({help})", flaw.field, flaw.message),
            });
            texts.collect::<Vec<_>>().join("; ")
        })
    }
}

/// An entry without its port.
fn host_of(entry: &str) -> &str {
    match entry.rsplit_once(':') {
        Some((host, port)) if port.chars().all(|c| c.is_ascii_digit()) && !host.contains(':') => host,
        Some((host, _)) if host.ends_with(']') => host.trim_matches(['[', ']']),
        _ => entry.trim_matches(['[', ']']),
    }
}

/// All targets: those of the configuration, then those of each source in order. A name that is taken
/// already is refused.
pub fn combine<'a>(
    own: &[Target],
    sources: impl IntoIterator<Item = &'a Discovered>,
) -> (Vec<Arc<Target>>, Vec<Refused>) {
    let mut all: Vec<Arc<Target>> = Vec::new();
    let mut refused = Vec::new();
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    for target in own {
        taken.insert(target.device.name.clone(), "the configuration".to_owned());
        all.push(Arc::new(target.clone()));
    }
    for found in sources {
        for target in &found.targets {
            let name = &target.device.name;
            if let Some(holder) = taken.get(name) {
                let reason = format!("{}: the name is taken by a target of {holder}", found.source);
                refused.push(Refused { entry: name.clone(), reason });
                continue;
            }
            taken.insert(name.clone(), found.source.clone());
            all.push(Arc::new(target.clone()));
        }
    }
    (all, refused)
}
