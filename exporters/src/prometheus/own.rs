//! The program's own metrics, merged into a scrape so that no family appears twice.
//!
//! Takes the text that `prometheus-client` encodes of a registry (OpenMetrics, without exemplars) apart into
//! families. Families of the catalogue get the catalogue's head and stand beside the devices' samples.

use std::collections::BTreeMap;

use model::Metric;

use crate::prometheus::Format;
use crate::prometheus::family::write_comment;

/// Families of one encoded registry.
#[derive(Clone, Debug, Default)]
pub struct OwnMetrics {
    catalogue: BTreeMap<Metric, String>,
    others: BTreeMap<String, Family>,
}

#[derive(Clone, Debug, Default)]
struct Family {
    help: String,
    kind: String,
    unit: String,
    lines: String,
}

impl OwnMetrics {
    /// Takes the encoded text of a registry apart. What follows no `# HELP` or `# TYPE` is left out.
    pub fn parse(text: &str) -> Self {
        let mut families = BTreeMap::<String, Family>::new();
        let mut name = String::new();
        for line in text.lines() {
            match comment(line) {
                Some((word, subject, content)) => {
                    subject.clone_into(&mut name);
                    let family = families.entry(name.clone()).or_default();
                    match word {
                        "HELP" => content.clone_into(&mut family.help),
                        "TYPE" => content.clone_into(&mut family.kind),
                        _ => content.clone_into(&mut family.unit),
                    }
                }
                None => {
                    if let (false, Some(family)) = (line.starts_with('#'), families.get_mut(&name)) {
                        family.lines.push_str(line);
                        family.lines.push('\n');
                    }
                }
            }
        }
        let mut own = Self::default();
        for (name, family) in families {
            own.add(name, family);
        }
        own
    }

    fn add(&mut self, name: String, family: Family) {
        match Metric::find(&format!("{name}{}", suffix(&family.kind))) {
            Some(metric) => self.catalogue.entry(metric).or_default().push_str(&family.lines),
            None => {
                self.others.insert(name, family);
            }
        }
    }

    /// Sample lines of a family that the catalogue has.
    pub(crate) fn of_catalogue(&self, metric: Metric) -> Option<&str> {
        self.catalogue.get(&metric).map(String::as_str).filter(|lines| !lines.is_empty())
    }

    /// Appends the families that the catalogue doesn't have.
    pub(crate) fn write_others(&self, out: &mut Vec<u8>, format: Format) {
        for (name, family) in &self.others {
            let (name, kind) = match format {
                Format::OpenMetrics => (name.clone(), family.kind.as_str()),
                Format::Text => (format!("{name}{}", suffix(&family.kind)), text_kind(&family.kind)),
            };
            let unit = if format == Format::OpenMetrics { family.unit.as_str() } else { "" };
            for (word, content) in [("HELP", family.help.as_str()), ("TYPE", kind), ("UNIT", unit)] {
                if !content.is_empty() {
                    write_comment(out, word, &name);
                    out.extend_from_slice(content.as_bytes());
                    out.push(b'\n');
                }
            }
            out.extend_from_slice(family.lines.as_bytes());
        }
    }
}

/// `# WORD name content` of the three words that describe a family.
fn comment(line: &str) -> Option<(&str, &str, &str)> {
    let mut parts = line.strip_prefix("# ")?.splitn(3, ' ');
    let (word, name) = (parts.next()?, parts.next()?);
    matches!(word, "HELP" | "TYPE" | "UNIT").then_some((word, name, parts.next().unwrap_or("")))
}

/// What OpenMetrics adds to a family's name in its samples.
fn suffix(kind: &str) -> &'static str {
    match kind {
        "counter" => "_total",
        "info" => "_info",
        _ => "",
    }
}

/// The kinds of OpenMetrics that text 0.0.4 doesn't have.
fn text_kind(kind: &str) -> &str {
    match kind {
        "info" | "stateset" => "gauge",
        "unknown" => "untyped",
        other => other,
    }
}
