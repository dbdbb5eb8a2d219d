//! Templates: `outlet{outlet}` to text and fields.

use std::collections::BTreeMap;

use model::{Label, Metric};

use crate::yaml::Path;

use super::super::format::OneOrMany;
use super::super::program::{Piece, Template};
use super::Compiler;

impl Compiler {
    /// A template with its alternatives.
    pub(super) fn template(&mut self, table: usize, path: &Path, texts: &[String]) -> Template {
        if texts.is_empty() {
            self.mistake(path, "an empty list gives no text");
        }
        let alternatives = texts.iter().map(|text| self.pieces(table, path, text)).collect();
        Template { alternatives }
    }

    fn pieces(&mut self, table: usize, path: &Path, text: &str) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            let Some((name, after)) = after.split_once('}') else {
                self.mistake(path, format!("a brace is not closed in {text:?}"));
                return pieces;
            };
            pieces.extend(self.resolve(table, path, name).map(Piece::Field));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        pieces
    }

    /// Labels of a table, or of a reading (which then must take them).
    pub(super) fn labels(
        &mut self,
        table: usize,
        path: &Path,
        labels: &BTreeMap<String, OneOrMany<String>>,
        metric: Option<Metric>,
    ) -> Vec<(Label, Template)> {
        let mut compiled = Vec::new();
        for (name, texts) in labels {
            let path = path.key(name);
            let template = self.template(table, &path, texts.as_slice());
            let Some(label) = Label::find(name) else {
                self.mistake(&path, format!("the catalogue has no label {name:?}"));
                continue;
            };
            let takes = |metric: &Metric| metric.definition().attributes.contains(&label);
            if let Some(metric) = metric.filter(|metric| !takes(metric)) {
                let keys: Vec<_> = metric.definition().attributes.iter().map(|label| label.otel()).collect();
                let otel = metric.definition().otel;
                self.mistake(&path, format!("{otel} takes no {name}; it takes: {}", keys.join(", ")));
            }
            compiled.push((label, template));
        }
        compiled
    }
}
