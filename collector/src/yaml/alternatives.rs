//! Schemas with alternatives (`oneOf`, `anyOf`): which one a person meant, so that only its mistakes are told.

use serde_json::Value;

use super::check::{Checker, Found, describe, is_nothing, typed, word_help};
use super::node::{Content, Entry, Node};
use super::path::Path;
use super::schema::Schema;
use super::suggest::join;

impl Checker {
    /// The value of `node` as one of `variants`; nothing where it is of no use.
    pub(super) fn variant<'a>(
        &mut self,
        schema: Schema<'a>,
        mut variants: Vec<Schema<'a>>,
        node: &Node,
        path: &Path,
    ) -> Option<Value> {
        let nullable = variants.iter().any(|variant| variant.is_null());
        if nullable && is_nothing(node) {
            return Some(Value::Null);
        }
        variants.retain(|variant| !variant.is_null());
        if let Content::Map(map) = &node.content {
            if let Some(tag) = Schema::tag(&variants) {
                return self.tagged(tag, &variants, map, node, path);
            }
            let keyed = |variant: &Schema<'a>| {
                variant.sole_key().is_some_and(|key| map.iter().any(|entry| entry.key.text == key))
            };
            if let Some(variant) = variants.iter().find(|variant| keyed(variant)) {
                return self.check(*variant, node, path);
            }
            let mappings = variants.iter().filter(|variant| fits(**variant, node));
            let keys: Option<Vec<&str>> = mappings.map(|variant| variant.sole_key()).collect();
            let keys = keys.unwrap_or_default();
            if let Some(entry) = map.first().filter(|_| !keys.is_empty()) {
                self.refuse(entry, path, word_help(&entry.key.text, &keys));
                return None;
            }
        }
        variants.retain(|variant| fits(*variant, node));
        if !variants.is_empty() && variants.iter().all(|variant| !variant.words().is_empty()) {
            let words: Vec<&Value> = variants.iter().flat_map(|variant| variant.words()).collect();
            return self.word(&words, schema, node, path);
        }
        match variants.as_slice() {
            [] => self.mismatch(schema, node, path),
            [one] => self.check(*one, node, path),
            several => self.best(several, node, path),
        }
    }

    /// The alternative that the tag names.
    fn tagged(
        &mut self,
        tag: &str,
        variants: &[Schema<'_>],
        map: &[Entry],
        node: &Node,
        path: &Path,
    ) -> Option<Value> {
        let known: Vec<&str> = variants.iter().filter_map(|variant| variant.constant(tag)).collect();
        let Some(entry) = map.iter().find(|entry| entry.key.text == tag) else {
            let help = format!("add {tag:?}: {}", join(&known));
            self.note(node, path, format!("the key {tag:?} is missing"), help);
            return None;
        };
        let Content::Scalar { text, .. } = &entry.value.content else {
            let message = format!("expected {}, found {}", join(&known), describe(&entry.value, path));
            self.note(&entry.value, &path.key(tag), message, String::new());
            return None;
        };
        if let Some(variant) = variants.iter().find(|variant| variant.constant(tag) == Some(text)) {
            return self.check(*variant, node, path);
        }
        let words: Vec<Value> = known.iter().map(|word| Value::from(*word)).collect();
        let schema = variants.first()?.property(tag)?;
        let words: Vec<&Value> = words.iter().collect();
        self.word(&words, schema, &entry.value, &path.key(tag))
    }

    /// Tries alternatives of the same kind; reports the one with the fewest mistakes.
    fn best(&mut self, variants: &[Schema<'_>], node: &Node, path: &Path) -> Option<Value> {
        let mut best: Option<Vec<Found>> = None;
        for variant in variants {
            let before = self.found.len();
            let value = self.check(*variant, node, path);
            let found = self.found.split_off(before);
            if found.is_empty() {
                return value;
            }
            if best.as_ref().is_none_or(|best| found.len() < best.len()) {
                best = Some(found);
            }
        }
        self.found.extend(best.unwrap_or_default());
        None
    }
}

fn fits(schema: Schema<'_>, node: &Node) -> bool {
    let variants = schema.variants();
    if !variants.is_empty() {
        return variants.into_iter().any(|variant| fits(variant, node));
    }
    let types = schema.types();
    match &node.content {
        Content::Scalar { .. } if !schema.words().is_empty() => true,
        Content::Map(_) => types.is_empty() || types.contains(&"object"),
        Content::List(_) => types.is_empty() || types.contains(&"array"),
        Content::Scalar { text, plain } => typed(text, *plain, &types).is_some(),
    }
}
