//! A small reader of both formats, written from the specifications and sharing nothing with the writer.
//! It fails on what they forbid: a family twice, a sample outside of its family, a bad escape, a blank line.

use std::collections::{BTreeMap, BTreeSet};

/// One sample: labels in the order they were written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) value: f64,
    pub(crate) timestamp: Option<String>,
}

/// One family.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) meta: BTreeMap<String, String>,
    pub(crate) samples: Vec<Sample>,
}

/// Reads a whole exposition.
pub(crate) fn parse(text: &str, openmetrics: bool) -> Result<Vec<Family>, String> {
    let body = match openmetrics {
        true => text.strip_suffix("# EOF\n").ok_or("no # EOF at the end")?,
        false => text,
    };
    let mut families: Vec<Family> = Vec::new();
    let mut seen = BTreeSet::new();
    for line in body.split_inclusive('\n') {
        let line = line.strip_suffix('\n').ok_or("the last line does not end")?;
        if let Some(comment) = line.strip_prefix("# ") {
            let mut parts = comment.splitn(3, ' ');
            let word = parts.next().ok_or("no word")?;
            let name = parts.next().ok_or("no name")?;
            let content = parts.next().ok_or("no content")?;
            if families.last().is_none_or(|family| family.name != name) {
                if !seen.insert(name.to_owned()) {
                    return Err(format!("family {name} appears twice"));
                }
                families.push(Family { name: name.to_owned(), ..Family::default() });
            }
            let family = families.last_mut().ok_or("no family")?;
            if !family.samples.is_empty() {
                return Err(format!("head after samples: {line}"));
            }
            if family.meta.insert(word.to_owned(), content.to_owned()).is_some() {
                return Err(format!("twice: {line}"));
            }
        } else {
            let sample = sample(line)?;
            let family = families.last_mut().ok_or("a sample before any family")?;
            let suffix =
                sample.name.strip_prefix(&family.name).ok_or(format!("outside of its family: {line}"))?;
            let kind = family.meta.get("TYPE").ok_or("no TYPE")?.as_str();
            let allowed: &[&str] = match (kind, openmetrics) {
                ("counter", true) => &["_total"],
                ("info", true) => &["_info"],
                ("histogram", _) => &["_bucket", "_sum", "_count"],
                _ => &[""],
            };
            if !allowed.contains(&suffix) {
                return Err(format!("{suffix} is no suffix of a {kind}: {line}"));
            }
            family.samples.push(sample);
        }
    }
    Ok(families)
}

fn sample(line: &str) -> Result<Sample, String> {
    let end = line.find(['{', ' ']).ok_or(format!("no value: {line}"))?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Vec::new();
    if let Some(mut inner) = rest.strip_prefix('{') {
        loop {
            let (label, after) = inner.split_once("=\"").ok_or(format!("no label: {line}"))?;
            let (value, after) = quoted(after).ok_or(format!("bad label value: {line}"))?;
            labels.push((label.to_owned(), value));
            match after.strip_prefix(',') {
                Some(next) => inner = next,
                None => {
                    rest = after.strip_prefix('}').ok_or(format!("no closing brace: {line}"))?;
                    break;
                }
            }
        }
    }
    let mut parts = rest.strip_prefix(' ').ok_or(format!("no space: {line}"))?.split(' ');
    let value = parts.next().unwrap_or_default();
    let value = value.parse().map_err(|_| format!("no number: {line}"))?;
    let timestamp = parts.next().map(str::to_owned);
    match parts.next() {
        None => Ok(Sample { name: name.to_owned(), labels, value, timestamp }),
        Some(_) => Err(format!("too many parts: {line}")),
    }
}

/// Reads up to the closing quote; only `\\`, `\"` and `\n` are escapes.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return text.get(at + 1..).map(|rest| (value, rest)),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                c @ ('\\' | '"') => value.push(c),
                _ => return None,
            },
            c => value.push(c),
        }
    }
    None
}
