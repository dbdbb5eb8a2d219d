//! YAML that people write: decoded with every mistake reported at once, each with its place.
//!
//! The JSON Schema of a type is the one truth: it says which keys there are, what they take and what
//! to write instead. Configuration, profiles and everything else that people edit come through here.
//! JSON is YAML too. Follows YAML 1.2.2 with its core schema, plus `<<` of YAML 1.1; an unquoted
//! number where text is expected is taken as written. Never shows a value that may be a secret
//! (see [`Path::is_secret`]), and never grows beyond [`MAX_BYTES`], [`MAX_NODES`] and [`MAX_DEPTH`].

mod alternatives;
mod check;
mod duration;
mod node;
mod path;
mod problem;
mod scalar;
mod schema;
mod size;
mod suggest;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use schemars::{JsonSchema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

pub use duration::Duration;
pub use node::{MAX_BYTES, MAX_DEPTH, MAX_KEYS, MAX_NODES};
pub use path::{Path, Step, is_variable_name};
pub use problem::{Place, Problem, Problems};
pub use size::Size;
pub use suggest::nearest;

use problem::Show;

/// Most mistakes that are reported of one document: nobody reads further.
pub const MAX_PROBLEMS: usize = 200;

/// A document that was read and not yet decoded.
#[derive(Debug)]
pub struct Document {
    name: Arc<str>,
    text: Box<str>,
    root: node::Node,
    /// Bytes of values that may be secrets.
    secrets: Vec<Range<usize>>,
    /// Mistakes that did not end the reading, such as duplicate keys.
    problems: Problems,
}

impl Document {
    /// Reads `text`; `name` is the file's name in messages.
    ///
    /// # Errors
    /// The text is no YAML, or it is too large.
    pub fn parse(name: &str, text: &str) -> Result<Self, Problems> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let problem = |mistake: node::Mistake, snippet| Problem {
            file: name.into(),
            place: Some(mistake.place),
            path: Path::root(),
            message: mistake.message,
            help: mistake.help,
            snippet,
        };
        match node::parse(text) {
            // What is a secret cannot be told without a tree, so such a line is only shown where no key looks like one.
            Err(mistake) => {
                let show = !names_secrets(text);
                let snippet = show.then(|| problem::snippet(text, mistake.place, Show::Line, &[])).flatten();
                Err(problem(mistake, snippet).into())
            }
            Ok((root, mistakes)) => {
                let mut secrets = Vec::new();
                root.secrets(false, &mut secrets);
                let mut problems = Problems::new();
                problems.extend(mistakes.into_iter().map(|mistake| {
                    let snippet = problem::snippet(text, mistake.place, Show::Line, &secrets);
                    problem(mistake, snippet)
                }));
                Ok(Self { name: name.into(), text: text.into(), root, secrets, problems })
            }
        }
    }

    /// Decodes the document.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn decode<T: JsonSchema + DeserializeOwned>(&self) -> Result<T, Problems> {
        match self.decode_partly() {
            (Some(value), problems) => problems.into_result(value),
            (None, problems) => Err(problems),
        }
    }

    /// Decodes what can be, so that more can be said about it, and returns all mistakes so far.
    ///
    /// A bad optional value is left out. A bad entry of a list or a mapping becomes `null`: its type
    /// should be [`Lenient`].
    pub fn decode_partly<T: JsonSchema + DeserializeOwned>(&self) -> (Option<T>, Problems) {
        let mut problems = self.problems.clone();
        let root = SchemaGenerator::default().into_root_schema_for::<T>().to_value();
        let mut checker = check::Checker::default();
        let value = checker.check(schema::Schema::root(&root), &self.root, &Path::root());
        checker.found.truncate(MAX_PROBLEMS);
        problems
            .extend(checker.found.into_iter().map(|f| self.at(f.place, f.show, f.path, f.message, f.help)));
        let Some(value) = value else { return (None, problems) };
        match serde_path_to_error::deserialize(value) {
            Ok(value) => (Some(value), problems),
            Err(error) => {
                if problems.is_empty() {
                    let path = path_of(error.path());
                    let message = if path.is_secret() {
                        "the value does not fit".to_owned()
                    } else {
                        error.into_inner().to_string()
                    };
                    problems.push(self.problem(&path, message, ""));
                }
                (None, problems)
            }
        }
    }

    /// A problem with the value at `path`, for checks that go beyond the schema.
    pub fn problem(&self, path: &Path, message: impl Into<String>, help: impl Into<String>) -> Problem {
        self.at(self.place(path), Show::Line, path.clone(), message.into(), help.into())
    }

    /// Where the value at `path` stands, or its nearest ancestor.
    pub fn place(&self, path: &Path) -> Place {
        self.root.nearest(path).place
    }

    /// Whether something stands at `path`.
    pub fn has(&self, path: &Path) -> bool {
        path.steps().iter().try_fold(&self.root, |node, step| node.child(step)).is_some()
    }

    /// Name of the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn at(&self, place: Place, show: Show, path: Path, message: String, help: String) -> Problem {
        let snippet = problem::snippet(&self.text, place, show, &self.secrets);
        Problem { file: self.name.clone(), place: Some(place), path, message, help, snippet }
    }
}

/// Whether a line of `text` looks like a key with a secret behind it.
fn names_secrets(text: &str) -> bool {
    let keys = text.split([',', '{', '}', '[', ']', '\n', ' ', '"', '\'']);
    keys.filter_map(|word| word.split(':').next()).any(path::is_secret_key)
}

fn path_of(path: &serde_path_to_error::Path) -> Path {
    use serde_path_to_error::Segment;
    let step = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Map { key } => Some(Step::Key(key.clone())),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    Path::new(path.iter().filter_map(step).collect())
}

/// An entry of a list or mapping that is missing where it has mistakes (see [`Document::decode_partly`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lenient<T>(pub Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self)
    }
}

impl<T: JsonSchema> JsonSchema for Lenient<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }
}
