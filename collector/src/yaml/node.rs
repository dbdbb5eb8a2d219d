//! A document as a tree in which every key and value knows its place.
//!
//! Aliases are expanded and `<<` is merged while the tree is built, within [`MAX_NODES`] and
//! [`MAX_DEPTH`]. Never resolves what a scalar means: that depends on what is expected of it.

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span};

use super::path::{Path, Step, is_secret_key, is_variable_name};
use super::problem::Place;

/// Most bytes of a document: a target list of 50,000 devices has about 10 MiB.
pub const MAX_BYTES: usize = 16 << 20;
/// Most values of a document, aliases expanded: 20 for each of 20,000 targets. Stops alias bombs.
pub const MAX_NODES: usize = 400_000;
/// Deepest nesting, aliases expanded: what people write stays below 10.
pub const MAX_DEPTH: usize = 48;

/// Most keys of one mapping: named credentials and words of an enumeration stay below some hundred.
pub const MAX_KEYS: usize = 2_000;

/// A value.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    /// Bytes of the document.
    pub(super) range: Range<usize>,
    pub(super) content: Content,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    /// `plain`: neither quoted nor a block, so that it may be a number, a boolean or nothing.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value. The keys of a mapping are unique.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) value: Node,
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) place: Place,
    pub(super) range: Range<usize>,
}

/// Whether a text is a URL with a user in it, and so maybe with a password.
pub(super) fn holds_login(text: &str) -> bool {
    let authority =
        text.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or(rest));
    authority.is_some_and(|authority| authority.contains('@'))
}

/// A mistake found while reading, without the document around it.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) place: Place,
    pub(super) message: String,
    pub(super) help: String,
}

impl Mistake {
    fn new(place: Place, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { place, message: message.into(), help: help.into() }
    }
}

impl Node {
    /// The child that one step leads to.
    pub(super) fn child(&self, step: &Step) -> Option<&Self> {
        match (&self.content, step) {
            (Content::List(list), Step::Index(index)) => list.get(*index),
            (Content::Map(map), Step::Key(key)) => {
                map.iter().find(|entry| entry.key.text == *key).map(|entry| &entry.value)
            }
            _ => None,
        }
    }

    /// The value at `path`, or its nearest ancestor.
    pub(super) fn nearest(&self, path: &Path) -> &Self {
        let mut node = self;
        for step in path.steps() {
            match node.child(step) {
                Some(child) => node = child,
                None => break,
            }
        }
        node
    }

    /// Adds the byte ranges of all values that may be secrets.
    pub(super) fn secrets(&self, below_secret: bool, ranges: &mut Vec<Range<usize>>) {
        match &self.content {
            Content::Scalar { text, .. } if below_secret || holds_login(text) => {
                ranges.push(self.range.clone());
            }
            Content::Scalar { .. } => {}
            Content::List(list) => list.iter().for_each(|node| node.secrets(below_secret, ranges)),
            Content::Map(map) => map.iter().for_each(|entry| {
                let key = &entry.key.text;
                let misplaced = key.ends_with("_env") && !entry.value.is_variable_name();
                entry.value.secrets(below_secret || misplaced || is_secret_key(key), ranges);
            }),
        }
    }

    fn is_variable_name(&self) -> bool {
        matches!(&self.content, Content::Scalar { text, .. } if is_variable_name(text))
    }

    /// Number of values and depth.
    fn size(&self) -> (usize, usize) {
        let children: Vec<(usize, usize)> = match &self.content {
            Content::Scalar { .. } => Vec::new(),
            Content::List(list) => list.iter().map(Self::size).collect(),
            Content::Map(map) => map.iter().map(|entry| entry.value.size()).collect(),
        };
        children.into_iter().fold((1, 1), |(count, depth), (more, below)| {
            (count.saturating_add(more), depth.max(below.saturating_add(1)))
        })
    }
}

/// The tree of a text with one document, and the mistakes that did not end it.
///
/// # Errors
/// A mistake after which nothing can be understood.
pub(super) fn parse(text: &str) -> Result<(Node, Vec<Mistake>), Mistake> {
    let start = Place { line: 1, column: 1 };
    if text.len() > MAX_BYTES {
        return Err(Mistake::new(start, format!("the document is larger than {MAX_BYTES} bytes"), ""));
    }
    let options = granit_parser::options! {
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder::default();
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| {
            let message = error.info();
            let help = if message.contains("tab") { "indent with spaces" } else { "" };
            Mistake::new(place(&Span::empty(*error.marker())), message, help)
        })?;
        builder.event(event, &span)?;
    }
    let empty =
        || Node { place: start, range: 0..0, content: Content::Scalar { text: String::new(), plain: true } };
    Ok((builder.root.unwrap_or_else(empty), builder.mistakes))
}

fn place(span: &Span) -> Place {
    Place { line: span.start.line().max(1), column: span.start.col().saturating_add(1) }
}

/// A collection whose end has not come yet.
struct Open {
    node: Node,
    anchor: usize,
    key: Option<Key>,
}

#[derive(Default)]
struct Builder {
    root: Option<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, usize, usize)>,
    nodes: usize,
    documents: usize,
    mistakes: Vec<Mistake>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), Mistake> {
        let at = place(span);
        let range = span.byte_range().unwrap_or(0..0);
        let node = |content| Node { place: at, range: range.clone(), content };
        if let Some(tag) = event.tag().filter(|tag| !tag.is_yaml_core_schema()) {
            let message = format!("the tag {} means nothing here", tag.original());
            self.mistakes.push(Mistake::new(at, message, "leave it out"));
        }
        match event {
            Event::DocumentStart(..) => {
                self.documents = self.documents.saturating_add(1);
                if self.documents > 1 {
                    return Err(Mistake::new(at, "a second document begins", "write one document per file"));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let forced = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                let plain = style == ScalarStyle::Plain && !forced;
                let node = node(Content::Scalar { text: text.into_owned(), plain });
                self.count(at, 1, 1)?;
                self.finish(node, anchor)?;
            }
            Event::SequenceStart(_, anchor, _) => self.begin(node(Content::List(Vec::new())), anchor)?,
            Event::MappingStart(_, anchor, _) => self.begin(node(Content::Map(Vec::new())), anchor)?,
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(mut open) = self.open.pop() {
                    open.node.range.end = range.end.max(open.node.range.start);
                    self.finish(open.node, open.anchor)?;
                }
            }
            Event::Alias(anchor) => {
                let Some((target, count, depth)) = self.anchors.get(&anchor).cloned() else {
                    return Err(Mistake::new(at, "an alias stands within its own anchor", "write the value"));
                };
                self.count(at, count, depth)?;
                self.finish(target, 0)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, node: Node, anchor: usize) -> Result<(), Mistake> {
        self.count(node.place, 1, 1)?;
        self.open.push(Open { node, anchor, key: None });
        Ok(())
    }

    fn count(&mut self, at: Place, nodes: usize, depth: usize) -> Result<(), Mistake> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MAX_NODES {
            return Err(Mistake::new(at, format!("the document has more than {MAX_NODES} values"), ""));
        }
        if self.open.len().saturating_add(depth) > MAX_DEPTH {
            return Err(Mistake::new(at, format!("values are nested more than {MAX_DEPTH} deep"), ""));
        }
        Ok(())
    }

    /// Puts a complete value where it belongs.
    fn finish(&mut self, mut node: Node, anchor: usize) -> Result<(), Mistake> {
        if let Content::Map(map) = &mut node.content {
            merge(map);
        }
        if anchor != 0 {
            let (count, depth) = node.size();
            self.count(node.place, count, 0)?;
            self.anchors.insert(anchor, (node.clone(), count, depth));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.node.content {
            Content::List(list) => list.push(node),
            Content::Map(map) => match open.key.take() {
                None => open.key = Some(key(node)?),
                Some(key) if map.len() >= MAX_KEYS => {
                    let message = format!("the mapping has more than {MAX_KEYS} keys");
                    return Err(Mistake::new(key.place, message, ""));
                }
                Some(key) => match map.iter().find(|entry| entry.key.text == key.text && key.text != "<<") {
                    None => map.push(Entry { key, value: node }),
                    Some(first) => {
                        let message =
                            format!("the key {:?} stands in line {} already", key.text, first.key.place.line);
                        self.mistakes.push(Mistake::new(key.place, message, "keep one of the two"));
                    }
                },
            },
            Content::Scalar { .. } => {}
        }
        Ok(())
    }
}

fn key(node: Node) -> Result<Key, Mistake> {
    match node.content {
        Content::Scalar { text, .. } => Ok(Key { text, place: node.place, range: node.range }),
        _ => {
            Err(Mistake::new(node.place, "a list or mapping stands where a key is expected", "write a name"))
        }
    }
}

/// Takes the keys of the mappings below `<<` (YAML 1.1 merge) that the mapping has not itself.
fn merge(map: &mut Vec<Entry>) {
    let (merges, own): (Vec<Entry>, Vec<Entry>) =
        std::mem::take(map).into_iter().partition(|entry| entry.key.text == "<<");
    *map = own;
    for entry in merges {
        let sources = match entry.value.content {
            Content::List(list) => list,
            _ => vec![entry.value],
        };
        for source in sources {
            let Content::Map(inherited) = source.content else { continue };
            for entry in inherited {
                if map.len() < MAX_KEYS && !map.iter().any(|own| own.key.text == entry.key.text) {
                    map.push(entry);
                }
            }
        }
    }
}
