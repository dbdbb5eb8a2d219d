//! What is wrong in a document, where, and what to write instead.

use std::fmt;
use std::sync::Arc;

use super::path::Path;

/// Longest part of a source line that is shown with a problem, in characters.
const MAX_SNIPPET_CHARS: usize = 160;

/// A position in a text; both from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// One mistake. Prints as `lightsout.yml:12:5: targets[3].interval: what is wrong; what to write`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Name of the file.
    pub file: Arc<str>,
    /// Where in it, unless the whole file is meant.
    pub place: Option<Place>,
    /// The value that it is about; empty for the whole document.
    pub path: Path,
    /// What is wrong.
    pub message: String,
    /// What to write instead; may be empty.
    pub help: String,
    /// The line at fault, with secrets masked and `column` adjusted to it.
    pub(super) snippet: Option<Snippet>,
}

/// A source line to show, and the column (from 1) at which its caret stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snippet {
    pub(super) text: String,
    pub(super) column: usize,
}

impl Problem {
    /// A problem of a whole file, as when it cannot be read.
    pub fn of_file(file: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            place: None,
            path: Path::root(),
            message: message.into(),
            help: help.into(),
            snippet: None,
        }
    }

    /// With the line at fault and a caret below it, where there is one. Several lines.
    pub fn render(&self) -> String {
        let mut text = self.to_string();
        if let (Some(place), Some(snippet)) = (self.place, &self.snippet) {
            let number = place.line.to_string();
            let margin = " ".repeat(number.len());
            let caret = " ".repeat(snippet.column.saturating_sub(1));
            text.push_str(&format!("\n  {number} | {}\n  {margin} | {caret}^", snippet.text));
        }
        text
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(Place { line, column }) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        if !self.path.steps().is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.message)?;
        if !self.help.is_empty() {
            write!(f, "; {}", self.help)?;
        }
        Ok(())
    }
}

/// All mistakes of one or several files, in the order of their places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// None so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        let at = self.0.partition_point(|known| Self::order(known) <= Self::order(&problem));
        self.0.insert(at, problem);
    }

    /// Adds all of `others`.
    pub fn extend(&mut self, others: impl IntoIterator<Item = Problem>) {
        self.0.extend(others);
        self.0.sort_by(|a, b| Self::order(a).cmp(&Self::order(b)));
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// In order.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }

    /// Whether something is wrong at `path` or below it.
    pub fn touch(&self, path: &Path) -> bool {
        self.0.iter().any(|problem| problem.path.starts_with(path))
    }

    /// `Ok` where there are none.
    ///
    /// # Errors
    /// These problems.
    pub fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }

    /// Every problem with its line and caret, separated by newlines.
    pub fn render(&self) -> String {
        self.0.iter().map(Problem::render).collect::<Vec<_>>().join("\n")
    }

    fn order(problem: &Problem) -> (&str, Option<Place>) {
        (&problem.file, problem.place)
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// How much of a line may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    /// All but the secrets.
    Line,
    /// Up to this byte of the text: what follows is the value of a key that is not known.
    Until(usize),
}

/// Cuts the line at `place` out of `text`, without the byte ranges in `secrets` (in order, disjoint).
pub(super) fn snippet(
    text: &str,
    place: Place,
    show: Show,
    secrets: &[std::ops::Range<usize>],
) -> Option<Snippet> {
    let line = text.split('\n').nth(place.line.checked_sub(1)?)?;
    let offset = (line.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    let mut shown = String::new();
    let mut column = place.column;
    let mut masked = false;
    for (position, (index, character)) in line.char_indices().enumerate() {
        let byte = offset.saturating_add(index);
        let cut = matches!(show, Show::Until(end) if byte >= end);
        if cut || shown.len() > MAX_SNIPPET_CHARS {
            shown.push('…');
            break;
        }
        if secrets.iter().any(|range| range.contains(&byte)) {
            if !masked {
                shown.push_str("***");
            }
            let replaced = if masked { 0 } else { 3 };
            if position.saturating_add(1) < place.column {
                column = column.saturating_add(replaced).saturating_sub(1);
            }
            masked = true;
        } else {
            masked = false;
            shown.push(if character.is_control() { ' ' } else { character });
        }
    }
    Some(Snippet { text: shown.trim_end().to_owned(), column })
}
