//! Refuses profiles whose fields lead back to themselves, so that evaluation always ends.

use std::collections::HashMap;

use super::super::field::{FieldId, Origin};
use super::super::rows::{Key, SCALARS};
use super::Compiler;

/// Most fields that one may lead through. Real profiles have three or four.
const MAX_CHAIN: usize = 24;

type Node = (usize, FieldId);

impl Compiler {
    pub(super) fn refuse_circles(&mut self) {
        let mut done = HashMap::new();
        for (table, field, path) in self.declared.clone() {
            if !self.ends((table, field), 0, &mut done) {
                self.mistake(&path, "leads back to itself, or through too many fields");
            }
        }
        for table in 0..self.shapes.len() {
            let fields = self.shapes.get(table).map_or(0, |shape| shape.fields.len());
            if !(0..fields).all(|field| self.ends((table, field), 0, &mut done)) {
                let path = self.path(table);
                self.mistake(&path, "a join leads back to itself, or through too many fields");
            }
        }
    }

    /// Whether reading a field comes to an end. A field that is being looked at is in `done` as false.
    fn ends(&self, node: Node, depth: usize, done: &mut HashMap<Node, bool>) -> bool {
        if let Some(ends) = done.get(&node) {
            return *ends;
        }
        done.insert(node, false);
        let ends =
            depth < MAX_CHAIN && self.next(node).into_iter().all(|next| self.ends(next, depth + 1, done));
        done.insert(node, ends);
        ends
    }

    fn next(&self, (table, field): Node) -> Vec<Node> {
        let Some(shape) = self.shapes.get(table) else { return Vec::new() };
        let Some(field) = shape.fields.get(field) else { return Vec::new() };
        match field.origin {
            Origin::Cell(_) | Origin::Index(_) => Vec::new(),
            Origin::Scalar(field) => vec![(SCALARS, field)],
            Origin::Field(field) => vec![(table, field)],
            Origin::First(table, field) => {
                let conditions = self.shapes.get(table).map(|shape| &shape.conditions);
                let read = conditions.into_iter().flatten().map(|(field, _)| (table, *field));
                read.chain([(table, field)]).collect()
            }
            Origin::Join(link, field) => {
                let Some(link) = shape.links.get(link) else { return Vec::new() };
                let keys = link.keys.iter().filter_map(|key| match key {
                    Key::Field(field) => Some((table, *field)),
                    Key::Number(_) | Key::Index(_) => None,
                });
                keys.chain([(link.table, field)]).collect()
            }
        }
    }
}
