//! What a JSON Schema says, as far as types of this program use it (draft 2020-12 of `schemars`).
//!
//! Besides the standard keywords a schema may carry `x-expected` ("a duration"), which names what
//! is expected in messages, and `x-instead` (a mapping from a refused key to what to write).

use serde_json::Value;

use super::suggest::join;

/// Longest chain of `$ref`.
const MAX_REFS: usize = 16;

/// A schema within its root, references followed.
#[derive(Clone, Copy)]
pub(super) struct Schema<'a> {
    root: &'a Value,
    value: &'a Value,
}

impl<'a> Schema<'a> {
    pub(super) fn root(root: &'a Value) -> Self {
        Self { root, value: root }.resolved()
    }

    pub(super) fn at(self, value: &'a Value) -> Self {
        Self { root: self.root, value }.resolved()
    }

    fn resolved(mut self) -> Self {
        for _ in 0..MAX_REFS {
            let Some(name) = self.value.get("$ref").and_then(Value::as_str) else { break };
            let Some(target) = name.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer)) else {
                break;
            };
            self.value = target;
        }
        self
    }

    pub(super) fn get(self, keyword: &str) -> Option<&'a Value> {
        self.value.get(keyword)
    }

    pub(super) fn text(self, keyword: &str) -> Option<&'a str> {
        self.get(keyword).and_then(Value::as_str)
    }

    pub(super) fn number(self, keyword: &str) -> Option<f64> {
        self.get(keyword).and_then(Value::as_f64)
    }

    pub(super) fn count(self, keyword: &str) -> Option<u64> {
        self.get(keyword).and_then(Value::as_u64)
    }

    fn list(self, keyword: &str) -> &'a [Value] {
        self.get(keyword).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The alternatives of `oneOf` or `anyOf`; empty where there are none.
    pub(super) fn variants(self) -> Vec<Self> {
        let mut variants = self.list("oneOf");
        if variants.is_empty() {
            variants = self.list("anyOf");
        }
        variants.iter().map(|variant| self.at(variant)).collect()
    }

    /// The values of `enum` or `const`; empty where any value may stand.
    pub(super) fn words(self) -> Vec<&'a Value> {
        match self.get("const") {
            Some(word) => vec![word],
            None => self.list("enum").iter().collect(),
        }
    }

    /// Names of the JSON types that are taken; empty where any is.
    pub(super) fn types(self) -> Vec<&'a str> {
        match self.get("type") {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ if self.get("properties").is_some() => vec!["object"],
            _ if matches!(self.get("const"), Some(Value::String(_))) => vec!["string"],
            _ => Vec::new(),
        }
    }

    pub(super) fn property(self, name: &str) -> Option<Self> {
        self.get("properties").and_then(|all| all.get(name)).map(|value| self.at(value))
    }

    pub(super) fn property_names(self) -> Vec<&'a str> {
        let all = self.get("properties").and_then(Value::as_object);
        all.map(|all| all.keys().map(String::as_str).collect()).unwrap_or_default()
    }

    pub(super) fn required(self) -> Vec<&'a str> {
        self.list("required").iter().filter_map(Value::as_str).collect()
    }

    /// The first sentence of what is said about a property, where it is used or where it is defined.
    pub(super) fn property_description(self, name: &str) -> Option<&'a str> {
        let used = self.get("properties").and_then(|all| all.get(name));
        let description = used
            .and_then(|used| used.get("description"))
            .and_then(Value::as_str)
            .or_else(|| self.property(name).and_then(|property| property.text("description")))?;
        let line = description.split("\n\n").next().unwrap_or(description);
        Some(line.split(". ").next().unwrap_or(line).trim_end_matches('.'))
    }

    /// What stands here, with its article: `a duration`, `a whole number`, `text`.
    pub(super) fn expected(self) -> String {
        if let Some(expected) = self.text("x-expected") {
            return expected.to_owned();
        }
        let variants = self.variants();
        let mut names: Vec<String> = if variants.is_empty() {
            self.types().into_iter().filter(|name| *name != "null").map(type_name).collect()
        } else {
            let some = variants.into_iter().filter(|variant| !variant.is_null());
            some.map(Self::expected).collect()
        };
        names.dedup();
        if names.is_empty() { "a value".to_owned() } else { join(&names) }
    }

    pub(super) fn is_null(self) -> bool {
        self.types() == ["null"]
    }

    /// The property by whose constant value the alternatives of an internally tagged type are told apart.
    pub(super) fn tag(variants: &[Self]) -> Option<&'a str> {
        let first = variants.first()?;
        let is_constant = |variant: &Self, name: &str| {
            variant.required().contains(&name)
                && variant.property(name).is_some_and(|property| property.words().len() == 1)
        };
        first
            .property_names()
            .into_iter()
            .find(|name| variants.iter().all(|variant| is_constant(variant, name)))
    }

    /// The one value that a property takes, if it is text.
    pub(super) fn constant(self, property: &str) -> Option<&'a str> {
        self.property(property)?.words().first()?.as_str()
    }

    /// The one key of an alternative of an externally tagged type.
    pub(super) fn sole_key(self) -> Option<&'a str> {
        match (self.property_names().as_slice(), self.required().as_slice()) {
            ([name], [required]) if name == required => Some(name),
            _ => None,
        }
    }
}

fn type_name(name: &str) -> String {
    match name {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "a mapping",
        other => other,
    }
    .to_owned()
}
