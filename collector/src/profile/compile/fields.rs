//! Fields of scalars and tables: what each name reads.

use std::collections::BTreeMap;

use crate::yaml::Path;

use super::super::field::{Field, FieldId, Lookup, Origin, Steps};
use super::super::format::{Column, Condition, IndexPart, Join, Literal, LongColumn, PartKind, Profile, Table, Test};
use super::super::rows::{Check, Key, Link, Part, SCALARS};
use super::super::source::Oid;
use super::Compiler;

/// Most steps of a name such as `port.slot.name`. No device nests deeper.
const MAX_NAME_STEPS: usize = 8;

impl Compiler {
    /// Declares the fields of all tables, then resolves what refers to others.
    pub(super) fn fields(&mut self, profile: &Profile) {
        self.columns(SCALARS, None, &profile.scalars);
        for (name, table) in &profile.tables {
            let Some(at) = self.table(name) else { continue };
            self.parts(at, table.index.as_deref());
            let path = self.path(at);
            let entry = table.entry.as_ref().and_then(|text| self.oid(&path.key("entry"), text));
            if table.columns.is_empty() {
                self.mistake(&path.key("columns"), "no columns: readings of scalars belong under groups");
            }
            self.columns(at, entry.as_ref(), &table.columns);
        }
        for (name, table) in &profile.tables {
            let Some(at) = self.table(name) else { continue };
            self.joins(at, table, profile);
        }
        self.derived(SCALARS, &profile.scalars);
        for (name, table) in &profile.tables {
            let Some(at) = self.table(name) else { continue };
            self.derived(at, &table.columns);
            let conditions = self.conditions(at, &self.path(at).key("where"), &table.conditions);
            self.set_conditions(at, conditions);
        }
        for (name, group) in &profile.groups {
            let Some(at) = self.table(name) else { continue };
            let conditions = self.conditions(at, &self.path(at).key("where"), &group.conditions);
            self.set_conditions(at, conditions);
        }
    }

    pub(super) fn path(&self, table: usize) -> Path {
        self.paths.get(table).cloned().unwrap_or_default()
    }

    fn set_conditions(&mut self, table: usize, conditions: Vec<(FieldId, Check)>) {
        if let Some(shape) = self.shapes.get_mut(table) {
            shape.conditions = conditions;
        }
    }

    fn add(&mut self, table: usize, name: &str, origin: Origin) -> FieldId {
        let Some(shape) = self.shapes.get_mut(table) else { return 0 };
        let field = shape.fields.len();
        shape.fields.push(Field { origin, steps: None });
        if let Some(names) = self.names.get_mut(table) {
            names.insert(name.to_owned(), field);
        }
        field
    }

    fn parts(&mut self, table: usize, index: Option<&[IndexPart]>) {
        let path = self.path(table).key("index");
        let Some(index) = index else {
            self.push_part(table, &path, Some("index"), Part::Rest);
            return;
        };
        for (at, part) in index.iter().enumerate() {
            let path = path.index(at);
            let last = at + 1 == index.len();
            match part {
                IndexPart::Number(name) => self.push_part(table, &path, Some(name), Part::Number),
                IndexPart::Fixed(part) => self.push_part(table, &path, None, Part::Fixed(part.fixed)),
                IndexPart::Long(part) => {
                    let kind = match (part.kind, part.length.map(usize::from)) {
                        (PartKind::Numbers, Some(length)) => Part::Numbers(length),
                        (PartKind::Numbers, None) => Part::Rest,
                        (PartKind::Text, Some(length)) => Part::Text(length),
                        (PartKind::Text, None) => Part::CountedText,
                        (PartKind::ImpliedText, _) => Part::RestText,
                    };
                    if matches!(kind, Part::Rest | Part::RestText) && !last {
                        self.mistake(&path, "takes all that is left of the index: only the last part may");
                    }
                    self.push_part(table, &path, Some(&part.name), kind);
                }
            }
        }
    }

    fn push_part(&mut self, table: usize, path: &Path, name: Option<&str>, part: Part) {
        let Some(shape) = self.shapes.get_mut(table) else { return };
        let at = shape.parts.len();
        shape.parts.push(part);
        if let Some(name) = name {
            if self.names.get(table).is_some_and(|names| names.contains_key(name)) {
                self.mistake(path, format!("{name:?} is there twice"));
            }
            self.add(table, name, Origin::Index(at));
        }
    }

    fn columns(&mut self, table: usize, entry: Option<&Oid>, columns: &BTreeMap<String, Column>) {
        for (name, column) in columns {
            let path = self.columns_path(table).key(name);
            if self.names.get(table).is_some_and(|names| names.contains_key(name)) {
                self.mistake(&path, format!("{name:?} is a part of the index already"));
            }
            if name.is_empty() || name.contains(['.', '{', '}']) {
                self.mistake(&path, "a name has no dots and no braces");
            }
            let oid = match column {
                Column::Number(number) => self.column_oid(&path, entry, &Literal::Integer(i64::from(*number))),
                Column::Oid(text) => self.column_oid(&path, entry, &Literal::Text(text.clone())),
                Column::Long(long) => match (&long.oid, &long.from) {
                    (Some(oid), None) => self.column_oid(&path.key("oid"), entry, oid),
                    (None, Some(_)) => None,
                    _ => {
                        self.mistake(&path, "write either oid or from");
                        None
                    }
                },
            };
            let origin = match oid {
                Some(oid) => Origin::Cell(self.push_column(table, oid)),
                // Replaced by `derived`, or there is a mistake already.
                None => Origin::Field(FieldId::MAX),
            };
            let field = self.add(table, name, origin);
            self.declared.push((table, field, path));
        }
    }

    fn columns_path(&self, table: usize) -> Path {
        let path = self.path(table);
        if table == SCALARS { path } else { path.key("columns") }
    }

    fn push_column(&mut self, table: usize, oid: Oid) -> usize {
        let Some(shape) = self.shapes.get_mut(table) else { return 0 };
        let known = shape.columns.iter().position(|column| *column == oid);
        known.unwrap_or_else(|| {
            shape.columns.push(oid);
            shape.columns.len() - 1
        })
    }

    fn column_oid(&mut self, path: &Path, entry: Option<&Oid>, written: &Literal) -> Option<Oid> {
        let text = written.to_string();
        let Ok(number) = text.parse::<u32>() else { return self.oid(path, &text) };
        let Some(entry) = entry else {
            self.mistake(path, "a column by its number needs the table's entry; without it write the OID");
            return None;
        };
        let mut numbers = entry.as_slice().to_vec();
        numbers.push(number);
        Some(Oid::new(numbers))
    }

    fn joins(&mut self, at: usize, table: &Table, profile: &Profile) {
        let path = self.path(at).key("join");
        for (name, join) in &table.join {
            let path = path.key(name);
            let Some(target) = self.table(&join.table).filter(|_| profile.tables.contains_key(&join.table)) else {
                self.mistake(&path.key("table"), format!("there is no table {:?}", join.table));
                continue;
            };
            if let (Some(shape), Some(joins)) = (self.shapes.get_mut(at), self.joins.get_mut(at)) {
                joins.push(name.clone());
                shape.links.push(Link { table: target, keys: Vec::new() });
            }
        }
        for (name, join) in &table.join {
            let Some(link) = self.joins.get(at).and_then(|joins| joins.iter().position(|known| known == name)) else {
                continue;
            };
            let keys = self.keys(at, &path.key(name).key("index"), join);
            if let Some(link) = self.shapes.get_mut(at).and_then(|shape| shape.links.get_mut(link)) {
                link.keys = keys;
            }
        }
    }

    fn keys(&mut self, table: usize, path: &Path, join: &Join) -> Vec<Key> {
        let mut keys = Vec::new();
        for (at, key) in join.index.iter().enumerate() {
            let path = path.index(at);
            let text = key.to_string();
            if let Ok(number) = text.parse() {
                keys.push(Key::Number(number));
                continue;
            }
            let Some(field) = self.resolve(table, &path, &text) else { continue };
            let origin = self.shapes.get(table).and_then(|shape| shape.fields.get(field));
            keys.push(match origin {
                Some(Field { origin: Origin::Index(part), .. }) => Key::Index(*part),
                _ => Key::Field(field),
            });
        }
        keys
    }

    /// Completes the columns that say more than an OID.
    fn derived(&mut self, table: usize, columns: &BTreeMap<String, Column>) {
        for (name, column) in columns {
            let Column::Long(long) = column else { continue };
            let path = self.columns_path(table).key(name);
            let from = long.from.as_ref().and_then(|from| self.resolve(table, &path.key("from"), from));
            let steps = self.steps(&path, long);
            let Some(field) = self.names.get(table).and_then(|names| names.get(name)).copied() else { continue };
            if let Some(field) = self.shapes.get_mut(table).and_then(|shape| shape.fields.get_mut(field)) {
                field.steps = Some(Box::new(steps));
                if let Some(from) = from {
                    field.origin = Origin::Field(from);
                }
            }
        }
    }

    fn steps(&mut self, path: &Path, long: &LongColumn) -> Steps {
        let words = long.words.iter().map(|(key, word)| (key.clone(), word.to_string().into_boxed_str()));
        Steps {
            absent: long.absent.clone(),
            bit: long.bit,
            pattern: long.regex.as_ref().and_then(|text| self.regex(&path.key("regex"), text)),
            words: (!long.words.is_empty()).then(|| Lookup::new(words)),
        }
    }

    /// The conditions of a table or reading.
    pub(super) fn conditions(
        &mut self,
        table: usize,
        path: &Path,
        conditions: &BTreeMap<String, Condition>,
    ) -> Vec<(FieldId, Check)> {
        let mut checks = Vec::new();
        for (name, condition) in conditions {
            let path = path.key(name);
            let check = match condition {
                Condition::Is(literal) => Check { any: vec![literal.clone()], ..Check::default() },
                Condition::Any(literals) => Check { any: literals.clone(), ..Check::default() },
                Condition::Test(test) => self.check(&path, test),
            };
            if let Some(field) = self.resolve(table, &path, name) {
                checks.push((field, check));
            }
        }
        checks
    }

    fn check(&mut self, path: &Path, test: &Test) -> Check {
        Check {
            any: Vec::new(),
            none: test.not.as_ref().map(|not| not.as_slice().to_vec()).unwrap_or_default(),
            pattern: test.regex.as_ref().and_then(|text| self.regex(&path.key("regex"), text)),
            present: test.present,
            min: test.min,
            max: test.max,
            bit: test.bit,
        }
    }

    /// The field with this name, seen from a table.
    pub(super) fn resolve(&mut self, table: usize, path: &Path, name: &str) -> Option<FieldId> {
        let found = self.lookup(table, name, MAX_NAME_STEPS);
        match found {
            Some(field) => {
                self.used.insert((table, field));
            }
            None => {
                let known = self.known(table);
                self.mistake(path, format!("there is no field {name:?} here; there are: {known}"));
            }
        }
        found
    }

    fn lookup(&mut self, table: usize, name: &str, steps: usize) -> Option<FieldId> {
        if let Some(field) = self.names.get(table)?.get(name) {
            return Some(*field);
        }
        let origin = match name.split_once('.') {
            None if table == SCALARS => return None,
            None => {
                let field = *self.names.get(SCALARS)?.get(name)?;
                self.used.insert((SCALARS, field));
                Origin::Scalar(field)
            }
            Some((first, rest)) => {
                let steps = steps.checked_sub(1)?;
                let (target, link) = self.step(table, first)?;
                let field = self.lookup(target, rest, steps)?;
                self.used.insert((target, field));
                link.map_or(Origin::First(target, field), |link| Origin::Join(link, field))
            }
        };
        Some(self.add(table, name, origin))
    }

    /// Where the first step of `join.field` leads; among the scalars, `table.field` is its first row.
    fn step(&self, table: usize, name: &str) -> Option<(usize, Option<usize>)> {
        if table == SCALARS {
            return self.table(name).map(|target| (target, None));
        }
        let link = self.joins.get(table)?.iter().position(|join| join == name)?;
        let target = self.shapes.get(table)?.links.get(link)?.table;
        Some((target, Some(link)))
    }

    fn known(&self, table: usize) -> String {
        let of = |table: usize| self.names.get(table).into_iter().flat_map(|names| names.keys());
        let mut names: Vec<_> = of(table).chain(of(SCALARS)).filter(|name| !name.contains('.')).cloned().collect();
        names.extend(self.joins.get(table).into_iter().flatten().map(|join| format!("{join}.…")));
        names.sort();
        names.dedup();
        names.join(", ")
    }
}
