//! Query parameters and pages: `$expand`, `$select`, `$top`, `$skip`, and `Members@odata.nextLink`.
//!
//! Follows DSP0266, "Query parameters" and "Resource collection responses". Pure.

use super::options::QuerySupport;
use serde_json::{Map, Value, json};

/// `$levels` at most: what the service root of the built-in trees declares as `MaxLevels`.
const MAX_LEVELS: u32 = 6;

/// Documents put into one answer at most: links go in circles, and levels multiply.
const MAX_EXPANDED: usize = 2_000;

/// What a request asks for behind its `?`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    expand: Option<Expand>,
    select: Vec<String>,
    top: Option<usize>,
    skip: Option<usize>,
}

#[derive(Debug, PartialEq, Eq)]
struct Expand {
    links: bool,
    others: bool,
    levels: u32,
}

/// A query that the service does not understand (400) or does not support (501).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum QueryError {
    Malformed(String),
    Unsupported(String),
}

impl Query {
    /// Reads the part behind `?`. Parameters without `$` are ignored, as it wants.
    pub(super) fn parse(query: &str, support: QuerySupport) -> Result<Self, QueryError> {
        let mut parsed = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name), decode(value));
            let known = match (support, name.as_str()) {
                (_, name) if !name.starts_with('$') => continue,
                // always: the next links of a paged collection use it
                (_, "$skip") => number(&value).map(|skip| parsed.skip = Some(skip)),
                (QuerySupport::Ignored, _) => continue,
                (QuerySupport::Full, "$top") => number(&value).map(|top| parsed.top = Some(top)),
                (QuerySupport::Full, "$expand") => {
                    Expand::parse(&value).map(|expand| parsed.expand = Some(expand))
                }
                (QuerySupport::Full, "$select") => {
                    parsed.select = value.split(',').map(|name| name.trim().to_owned()).collect();
                    Some(())
                }
                _ => return Err(QueryError::Unsupported(name)),
            };
            known.ok_or_else(|| QueryError::Malformed(format!("{name}={value}")))?;
        }
        Ok(parsed)
    }

    /// Whether the answer is the document as it is.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Changes a document into the answer. `get` gives the documents that are linked to.
    pub(super) fn apply(
        &self,
        document: &mut Value,
        path: &str,
        page_size: Option<usize>,
        get: &dyn Fn(&str) -> Option<Value>,
    ) {
        self.page(document, path, page_size);
        if let Some(expand) = &self.expand {
            let mut room = MAX_EXPANDED;
            expand.walk(document, false, expand.levels, &mut room, get);
        }
        if !self.select.is_empty()
            && let Value::Object(members) = document
        {
            members.retain(|name, _| name.starts_with('@') || self.selects(name));
        }
    }

    fn selects(&self, name: &str) -> bool {
        self.select.iter().any(|select| select.split('/').next() == Some(name))
    }

    /// Cuts a collection's members to the page that was asked for.
    fn page(&self, document: &mut Value, path: &str, page_size: Option<usize>) {
        let Some(Value::Array(members)) = document.get_mut("Members") else {
            return;
        };
        let total = members.len();
        let skip = self.skip.unwrap_or(0).min(total);
        let wanted = self.top.unwrap_or(usize::MAX).min(total - skip);
        let size = wanted.min(page_size.unwrap_or(usize::MAX).max(1));
        members.truncate(skip + size);
        members.drain(..skip);
        if size < wanted {
            let top = self.top.map(|top| format!("&$top={}", top - size)).unwrap_or_default();
            let next = format!("{path}?$skip={}{top}", skip + size);
            if let Value::Object(collection) = document {
                collection.insert("Members@odata.nextLink".into(), json!(next));
            }
        }
    }
}

impl Expand {
    /// `.` (all but links), `~` (links), `*` (both), each with `($levels=n)` or alone.
    fn parse(value: &str) -> Option<Self> {
        let (kind, levels) = match value.split_once('(') {
            Some((kind, levels)) => (kind, levels.strip_prefix("$levels=")?.strip_suffix(')')?.parse().ok()?),
            None => (value, 1),
        };
        let (links, others) = match kind {
            "." => (false, true),
            "~" => (true, false),
            "*" => (true, true),
            _ => return None,
        };
        (1..=MAX_LEVELS).contains(&levels).then_some(Self { links, others, levels })
    }

    fn walk(
        &self,
        value: &mut Value,
        in_links: bool,
        levels: u32,
        room: &mut usize,
        get: &dyn Fn(&str) -> Option<Value>,
    ) {
        match value {
            Value::Array(items) => {
                items.iter_mut().for_each(|item| self.walk(item, in_links, levels, room, get))
            }
            Value::Object(members) => {
                for (name, member) in members.iter_mut() {
                    self.visit(member, in_links || name == "Links", levels, room, get);
                }
            }
            _ => {}
        }
    }

    fn visit(
        &self,
        value: &mut Value,
        in_links: bool,
        levels: u32,
        room: &mut usize,
        get: &dyn Fn(&str) -> Option<Value>,
    ) {
        if let Value::Array(items) = value {
            return items.iter_mut().for_each(|item| self.visit(item, in_links, levels, room, get));
        }
        let Some(target) = value.as_object().and_then(reference) else {
            return self.walk(value, in_links, levels, room, get);
        };
        let wanted = if in_links { self.links } else { self.others };
        if wanted
            && *room > 0
            && let Some(mut document) = get(target)
        {
            *room -= 1;
            if levels > 1 {
                self.walk(&mut document, false, levels - 1, room, get);
            }
            *value = document;
        }
    }
}

/// The path that an object points to, where it is nothing but a reference.
fn reference(object: &Map<String, Value>) -> Option<&str> {
    (object.len() == 1).then(|| object.get("@odata.id")?.as_str()).flatten()
}

fn number(value: &str) -> Option<usize> {
    value.parse().ok()
}

/// Percent-decodes; what is not valid stays as it is.
pub(super) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = text.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(code) if *byte == b'%' => {
                decoded.push(code);
                at += 3;
            }
            _ => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str) -> Option<Value> {
        match path {
            "/a" => Some(
                json!({"@odata.id": "/a", "Name": "A", "Deep": {"@odata.id": "/b"}, "Links": {"Up": {"@odata.id": "/b"}}}),
            ),
            "/b" => Some(json!({"@odata.id": "/b", "Name": "B", "Back": {"@odata.id": "/a"}})),
            _ => None,
        }
    }

    fn shown(query: &str, page_size: Option<usize>, mut document: Value) -> Value {
        let query = Query::parse(query, QuerySupport::Full).unwrap();
        query.apply(&mut document, "/c", page_size, &get);
        document
    }

    fn members(count: usize) -> Value {
        let members: Vec<Value> = (0..count).map(|n| json!({"@odata.id": format!("/m/{n}")})).collect();
        json!({"Name": "C", "Members@odata.count": count, "Members": members})
    }

    #[test]
    fn expand_replaces_references_but_not_those_in_links() {
        let collection = || json!({"Members": [{"@odata.id": "/a"}, {"@odata.id": "/gone"}]});
        let one = shown("$expand=.($levels=1)", None, collection());
        assert_eq!(one, json!({"Members": [get("/a").unwrap(), {"@odata.id": "/gone"}]}));
        let two = shown("$expand=.(%24levels=2)", None, collection());
        assert_eq!(two["Members"][0]["Deep"]["Name"], "B");
        assert_eq!(two["Members"][0]["Links"]["Up"], json!({"@odata.id": "/b"}));
        let all = shown("$expand=*($levels=2)", None, collection());
        assert_eq!(all["Members"][0]["Links"]["Up"]["Name"], "B");
    }

    #[test]
    fn a_large_expansion_stops_at_its_limit() {
        let document = json!({"Members": vec![json!({"@odata.id": "/a"}); MAX_EXPANDED + 5]});
        let answer = shown("$expand=.", None, document);
        let expanded = answer["Members"].as_array().unwrap().iter().filter(|m| m.get("Name").is_some());
        assert_eq!(expanded.count(), MAX_EXPANDED);
    }

    #[test]
    fn pages_lead_through_the_whole_collection() {
        let (mut seen, mut query) = (0, String::new());
        for _ in 0..10 {
            let page = shown(&query, Some(3), members(7));
            seen += page["Members"].as_array().unwrap().len();
            assert_eq!(page["Members@odata.count"], 7);
            match page.get("Members@odata.nextLink") {
                Some(next) => query = next.as_str().unwrap().strip_prefix("/c?").unwrap().to_owned(),
                None => break,
            }
        }
        assert_eq!((seen, query.as_str()), (7, "$skip=6"));
    }

    #[test]
    fn top_skip_and_select_cut() {
        let answer = shown("$top=2&$skip=4&$select=Members", None, members(7));
        assert_eq!(answer, json!({"Members": [{"@odata.id": "/m/4"}, {"@odata.id": "/m/5"}]}));
        assert_eq!(shown("$skip=99", None, members(7))["Members"], json!([]));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        use QueryError::{Malformed, Unsupported};
        let parse = |query, support| Query::parse(query, support).unwrap_err();
        assert_eq!(parse("$filter=x", QuerySupport::Full), Unsupported("$filter".into()));
        assert_eq!(parse("$expand=.", QuerySupport::Rejected), Unsupported("$expand".into()));
        assert_eq!(
            parse("$expand=.($levels=7)", QuerySupport::Full),
            Malformed("$expand=.($levels=7)".into())
        );
        assert_eq!(parse("$top=-1", QuerySupport::Full), Malformed("$top=-1".into()));
        assert!(Query::parse("$expand=.&other=1", QuerySupport::Ignored).unwrap().is_empty());
    }
}
