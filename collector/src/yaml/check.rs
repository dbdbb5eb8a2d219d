//! Compares a tree with a schema: makes the JSON value and notes every mistake on the way.
//!
//! An optional value with a mistake is left out; a list keeps `null` in the place of a bad entry, a
//! mapping of free names keeps the name, and the root keeps `null` for a required value that is bad or
//! missing. So what is right can be looked at further.

use std::collections::HashMap;

use regex_lite::Regex;
use serde_json::{Map, Value};

use super::node::{Content, Entry, Node, holds_login};
use super::path::Path;
use super::problem::{Place, Show};
use super::scalar;
use super::schema::Schema;
use super::suggest::{join, nearest};

/// A mistake, without the document around it.
pub(super) struct Found {
    pub(super) place: Place,
    pub(super) show: Show,
    pub(super) path: Path,
    pub(super) message: String,
    pub(super) help: String,
}

#[derive(Default)]
pub(super) struct Checker {
    patterns: HashMap<String, Option<Regex>>,
    pub(super) found: Vec<Found>,
}

impl Checker {
    /// The value of `node`; nothing where it is of no use.
    pub(super) fn check(&mut self, schema: Schema<'_>, node: &Node, path: &Path) -> Option<Value> {
        let variants = schema.variants();
        if !variants.is_empty() {
            return self.variant(schema, variants, node, path);
        }
        if !schema.words().is_empty() {
            return self.word(&schema.words(), schema, node, path);
        }
        let types = schema.types();
        let takes = |name: &str| types.is_empty() || types.contains(&name);
        match &node.content {
            Content::Map(map) if takes("object") => self.mapping(schema, map, node, path),
            Content::List(list) if takes("array") => self.list(schema, list, node, path),
            Content::Scalar { text, plain } => match typed(text, *plain, &types) {
                Some(value) => self.bounds(schema, value, node, path),
                None => self.mismatch(schema, node, path),
            },
            _ => self.mismatch(schema, node, path),
        }
    }

    pub(super) fn note(&mut self, node: &Node, path: &Path, message: String, help: String) {
        self.found.push(Found { place: node.place, show: Show::Line, path: path.clone(), message, help });
    }

    pub(super) fn mismatch(&mut self, schema: Schema<'_>, node: &Node, path: &Path) -> Option<Value> {
        let message = format!("expected {}, found {}", schema.expected(), describe(node, path));
        let quoted_other = match &node.content {
            Content::Scalar { text, plain: false } => {
                let types = schema.types();
                !types.contains(&"string") && typed(text, true, &types).is_some()
            }
            _ => false,
        };
        let help = if let Some(examples) = examples(schema) {
            format!("write for example {examples}")
        } else if quoted_other {
            "leave out the quotes".to_owned()
        } else {
            String::new()
        };
        self.note(node, path, message, help);
        None
    }

    fn bounds(&mut self, schema: Schema<'_>, value: Value, node: &Node, path: &Path) -> Option<Value> {
        let wrong = match &value {
            Value::String(text) => {
                if schema.text("pattern").is_some_and(|pattern| !self.matches(pattern, text)) {
                    return self.mismatch(schema, node, path);
                }
                let length = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
                match (schema.count("minLength"), schema.count("maxLength")) {
                    (Some(least), _) if length < least && length == 0 => {
                        return self.mismatch(schema, node, path);
                    }
                    (Some(least), _) if length < least => Some(format!("shorter than {least} characters")),
                    (_, Some(most)) if length > most => Some(format!("longer than {most} characters")),
                    _ => None,
                }
            }
            Value::Number(number) => number.as_f64().and_then(|number| out_of_range(schema, number)),
            _ => None,
        };
        let Some(wrong) = wrong else { return Some(value) };
        let help = examples(schema).map(|examples| format!("write for example {examples}"));
        self.note(node, path, format!("{} is {wrong}", describe(node, path)), help.unwrap_or_default());
        None
    }

    fn matches(&mut self, pattern: &str, text: &str) -> bool {
        let known = self.patterns.entry(pattern.to_owned()).or_insert_with(|| Regex::new(pattern).ok());
        known.as_ref().is_none_or(|regex| regex.is_match(text))
    }

    pub(super) fn word(
        &mut self,
        words: &[&Value],
        schema: Schema<'_>,
        node: &Node,
        path: &Path,
    ) -> Option<Value> {
        let Content::Scalar { text, plain } = &node.content else {
            return self.mismatch(schema, node, path);
        };
        let natural = natural_scalar(text, *plain);
        let as_text = Value::String(text.clone());
        if let Some(word) = words.iter().find(|word| ***word == natural || ***word == as_text) {
            return Some((*word).clone());
        }
        let known: Vec<&str> = words.iter().filter_map(|word| word.as_str()).collect();
        let help = word_help(text, &known);
        let expected = schema.text("x-expected").map_or_else(|| join(&known), str::to_owned);
        self.note(node, path, format!("expected {expected}, found {}", describe(node, path)), help);
        None
    }

    fn list(&mut self, schema: Schema<'_>, list: &[Node], node: &Node, path: &Path) -> Option<Value> {
        let count = u64::try_from(list.len()).unwrap_or(u64::MAX);
        if let Some(least) = schema.count("minItems").filter(|least| count < *least) {
            let message = format!("the list has {count} entries and needs at least {least}");
            self.note(node, path, message, String::new());
        }
        if let Some(most) = schema.count("maxItems").filter(|most| count > *most) {
            let message = format!("the list has {count} entries and takes at most {most}");
            self.note(node, path, message, String::new());
        }
        let prefix = schema.get("prefixItems").and_then(Value::as_array);
        let entry = |(index, node): (usize, &Node)| {
            let item = prefix.and_then(|prefix| prefix.get(index)).or_else(|| schema.get("items"));
            match item {
                Some(item) => self.check(schema.at(item), node, &path.index(index)).unwrap_or(Value::Null),
                None => natural(node),
            }
        };
        Some(Value::Array(list.iter().enumerate().map(entry).collect()))
    }

    fn mapping(&mut self, schema: Schema<'_>, map: &[Entry], node: &Node, path: &Path) -> Option<Value> {
        let required = schema.required();
        let at_root = path.steps().is_empty();
        let mut usable = true;
        let mut meant: Vec<&str> = Vec::new();
        let mut object = Map::new();
        for entry in map {
            let key = entry.key.text.as_str();
            let below = path.key(key);
            if let Some(property) = schema.property(key) {
                match self.check(property, &entry.value, &below) {
                    Some(value) => drop(object.insert(key.to_owned(), value)),
                    None if at_root => drop(object.insert(key.to_owned(), Value::Null)),
                    None => usable &= !required.contains(&key),
                }
            } else if let Some(free) = self.free_key(schema, key) {
                let value = free.map_or_else(
                    || natural(&entry.value),
                    |free| self.check(free, &entry.value, &below).unwrap_or(Value::Null),
                );
                object.insert(key.to_owned(), value);
            } else {
                meant.extend(self.unknown(schema, map, entry, path));
            }
        }
        for missing in required {
            if map.iter().any(|entry| entry.key.text == missing) {
                continue;
            }
            usable = at_root;
            object.insert(missing.to_owned(), Value::Null);
            if !meant.contains(&missing) {
                let said = schema.property_description(missing);
                let help = said.map(|said| format!("add it: {said}")).unwrap_or_default();
                self.note(node, path, format!("the key {missing:?} is missing"), help);
            }
        }
        usable.then_some(Value::Object(object))
    }

    /// What a key that is no property takes: nothing where it is refused, `Some(None)` where all is taken.
    fn free_key<'a>(&mut self, schema: Schema<'a>, key: &str) -> Option<Option<Schema<'a>>> {
        let patterns = schema.get("patternProperties").and_then(Value::as_object);
        for (pattern, value) in patterns.into_iter().flatten() {
            if self.matches(pattern, key) {
                return Some(Some(schema.at(value)));
            }
        }
        match schema.get("additionalProperties") {
            Some(Value::Bool(false)) => None,
            Some(Value::Bool(true)) | None => Some(None),
            Some(value) => Some(Some(schema.at(value))),
        }
    }

    /// Notes an unknown key; returns the one that was probably meant.
    fn unknown<'a>(
        &mut self,
        schema: Schema<'a>,
        map: &[Entry],
        entry: &Entry,
        path: &Path,
    ) -> Option<&'a str> {
        let key = entry.key.text.as_str();
        let taken = |name: &&str| !map.iter().any(|entry| entry.key.text == **name);
        let known = schema.property_names();
        let instead = schema.get("x-instead").and_then(|all| all.get(key)).and_then(Value::as_str);
        let meant = nearest(key, known.iter().copied().filter(taken)).filter(|_| instead.is_none());
        let help = match (instead, meant) {
            (Some(instead), _) => instead.to_owned(),
            (None, Some(meant)) => format!("did you mean {meant:?}?"),
            (None, None) if known.is_empty() => String::new(),
            (None, None) => format!("the keys here are {}", known.join(", ")),
        };
        self.refuse(entry, path, help);
        meant
    }

    pub(super) fn refuse(&mut self, entry: &Entry, path: &Path, help: String) {
        self.found.push(Found {
            place: entry.key.place,
            show: Show::Until(entry.key.range.end),
            path: path.key(&entry.key.text),
            message: "unknown key".to_owned(),
            help,
        });
    }
}

pub(super) fn word_help(text: &str, known: &[&str]) -> String {
    match nearest(text, known.iter().copied()) {
        Some(word) => format!("did you mean {word:?}?"),
        None => format!("write {}", join(known)),
    }
}

fn out_of_range(schema: Schema<'_>, number: f64) -> Option<String> {
    let outside = |keyword: &str, wrong: fn(f64, f64) -> bool, words: &str| {
        let bound = schema.number(keyword).filter(|bound| wrong(number, *bound))?;
        Some(format!("{words} {bound}"))
    };
    outside("minimum", |number, bound| number < bound, "less than the least allowed,")
        .or_else(|| outside("maximum", |number, bound| number > bound, "more than the most allowed,"))
        .or_else(|| outside("exclusiveMinimum", |number, bound| number <= bound, "not above"))
        .or_else(|| outside("exclusiveMaximum", |number, bound| number >= bound, "not below"))
}

fn examples(schema: Schema<'_>) -> Option<String> {
    let examples = schema.get("examples")?.as_array()?;
    let texts: Vec<String> =
        examples.iter().map(|e| e.as_str().map_or_else(|| e.to_string(), str::to_owned)).collect();
    (!texts.is_empty()).then(|| join(&texts))
}

/// The JSON value of a scalar as one of `types`. An unquoted number or boolean may stand for text.
pub(super) fn typed(text: &str, plain: bool, types: &[&str]) -> Option<Value> {
    let natural = natural_scalar(text, plain);
    let takes = |name: &str| types.is_empty() || types.contains(&name);
    let taken = match &natural {
        Value::Null => takes("null"),
        Value::Bool(_) => takes("boolean"),
        Value::Number(number) => takes("number") || (takes("integer") && !number.is_f64()),
        _ => takes("string"),
    };
    if taken {
        return Some(natural);
    }
    (takes("string") && !natural.is_null()).then(|| Value::String(text.to_owned()))
}

fn natural_scalar(text: &str, plain: bool) -> Value {
    if plain { scalar::resolve(text) } else { Value::String(text.to_owned()) }
}

/// The JSON value of a tree of which nothing particular is expected.
fn natural(node: &Node) -> Value {
    match &node.content {
        Content::Scalar { text, plain } => natural_scalar(text, *plain),
        Content::List(list) => Value::Array(list.iter().map(natural).collect()),
        Content::Map(map) => {
            let entry = |entry: &Entry| (entry.key.text.clone(), natural(&entry.value));
            Value::Object(map.iter().map(entry).collect())
        }
    }
}

pub(super) fn is_nothing(node: &Node) -> bool {
    matches!(&node.content, Content::Scalar { text, plain } if natural_scalar(text, *plain).is_null())
}

/// What stands at a place, in words; a secret's text is left out.
pub(super) fn describe(node: &Node, path: &Path) -> String {
    /// Longest value that is repeated in a message, in characters.
    const MAX_SHOWN_CHARS: usize = 60;
    match &node.content {
        Content::List(_) => "a list".to_owned(),
        Content::Map(_) => "a mapping".to_owned(),
        Content::Scalar { .. } if is_nothing(node) => "nothing".to_owned(),
        Content::Scalar { text, .. } if path.is_secret() || holds_login(text) => {
            "a value that is not shown".to_owned()
        }
        Content::Scalar { text, .. } if text.chars().count() > MAX_SHOWN_CHARS => {
            let shown: String = text.chars().take(MAX_SHOWN_CHARS).collect();
            format!("{:?}", shown + "…")
        }
        Content::Scalar { text, .. } => format!("{text:?}"),
    }
}
