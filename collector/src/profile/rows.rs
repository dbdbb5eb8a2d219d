//! Rows: the answered columns of a table, side by side, for the time of one evaluation.

use std::borrow::Cow;

use super::field::{Field, FieldId, Origin, Seen};
use super::format::Literal;
use super::source::{MAX_SUBIDENTIFIERS, Objects, Oid, Value};

/// How one part of an index is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Part {
    /// One number.
    Number,
    /// One number that must be this one.
    Fixed(u32),
    /// So many numbers, joined by dots.
    Numbers(usize),
    /// So many characters.
    Text(usize),
    /// Characters after a number that says how many.
    CountedText,
    /// All that is left, joined by dots.
    Rest,
    /// All that is left, as characters.
    RestText,
}

impl Part {
    /// Splits the part off the front of an index; none where it isn't such a part.
    fn split(self, index: &[u32]) -> Option<(&[u32], &[u32])> {
        match self {
            Self::Number => index.split_at_checked(1),
            Self::Fixed(number) => index.split_at_checked(1).filter(|(part, _)| *part == [number]),
            Self::Numbers(length) | Self::Text(length) => index.split_at_checked(length),
            Self::CountedText => {
                let (length, rest) = index.split_first()?;
                rest.split_at_checked(usize::try_from(*length).ok()?)
            }
            Self::Rest | Self::RestText => Some((index, &[])),
        }
    }

    fn see(self, part: &[u32]) -> Seen<'static> {
        match (self, part) {
            (Self::Text(_) | Self::CountedText | Self::RestText, part) => {
                let octets: Vec<u8> = part.iter().map(|&id| u8::try_from(id).unwrap_or(b'?')).collect();
                Seen::Text(Cow::Owned(super::field::text(&octets).into_owned()))
            }
            (_, [number]) => Seen::Integer(i128::from(*number)),
            (_, part) => {
                let numbers: Vec<_> = part.iter().map(u32::to_string).collect();
                Seen::Text(Cow::Owned(numbers.join(".")))
            }
        }
    }
}

/// A part of the index under which a joined row is found.
#[derive(Debug)]
pub(super) enum Key {
    /// A number.
    Number(u32),
    /// The numbers of a part of the own index.
    Index(usize),
    /// A field that holds a number.
    Field(FieldId),
}

/// A way to a row of another table.
#[derive(Debug)]
pub(super) struct Link {
    /// The other table.
    pub(super) table: usize,
    /// Its index.
    pub(super) keys: Vec<Key>,
}

/// What rows of a table are made of.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// Name, for messages and for `replaces`.
    pub(super) name: String,
    /// Columns (or instances, for the scalars).
    pub(super) columns: Vec<Oid>,
    /// Parts of the index.
    pub(super) parts: Vec<Part>,
    /// Fields.
    pub(super) fields: Vec<Field>,
    /// Ways to other tables.
    pub(super) links: Vec<Link>,
    /// Which rows count.
    pub(super) conditions: Vec<(FieldId, Check)>,
}

/// A condition on a field.
#[derive(Debug, Default)]
pub(super) struct Check {
    pub(super) any: Vec<Literal>,
    pub(super) none: Vec<Literal>,
    pub(super) pattern: Option<regex_lite::Regex>,
    pub(super) present: Option<bool>,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) bit: Option<u32>,
}

/// The rows of one table.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    indexes: Vec<&'a [u32]>,
    cells: Vec<Option<&'a Value>>,
    width: usize,
}

impl<'a> Frame<'a> {
    /// The rows that have a cell in any of the columns, in order; those whose index has another shape are left out.
    pub(super) fn gather(shape: &'a Shape, objects: &'a Objects) -> Self {
        if shape.columns.is_empty() {
            return Self { indexes: vec![&[]], cells: Vec::new(), width: 0 };
        }
        let mut indexes: Vec<&[u32]> = Vec::new();
        for column in &shape.columns {
            indexes.extend(objects.column(column).map(|(index, _)| index));
        }
        indexes.sort();
        indexes.dedup();
        indexes.retain(|index| fits(&shape.parts, index));
        let width = shape.columns.len();
        let mut cells = vec![None; width * indexes.len()];
        for (position, column) in shape.columns.iter().enumerate() {
            let mut from = 0;
            for (index, value) in objects.column(column) {
                let Some(left) = indexes.get(from..) else { break };
                from += left.partition_point(|row| *row < index);
                if indexes.get(from) == Some(&index)
                    && let Some(cell) = cells.get_mut(from * width + position)
                {
                    *cell = Some(value);
                }
            }
        }
        Self { indexes, cells, width }
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.indexes.len()
    }

    fn find(&self, index: &[u32]) -> Option<usize> {
        self.indexes.binary_search(&index).ok()
    }
}

fn fits(parts: &[Part], index: &[u32]) -> bool {
    let rest = parts.iter().try_fold(index, |left, part| part.split(left).map(|(_, rest)| rest));
    rest.is_some_and(<[u32]>::is_empty)
}

/// One row, with the tables around it.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    shapes: &'a [Shape],
    frames: &'a [Frame<'a>],
    table: usize,
    at: usize,
}

/// The table of scalars is the first one.
pub(super) const SCALARS: usize = 0;

impl<'a> Row<'a> {
    /// A row of a table.
    pub(super) fn new(shapes: &'a [Shape], frames: &'a [Frame<'a>], table: usize, at: usize) -> Self {
        Self { shapes, frames, table, at }
    }

    fn shape(&self) -> Option<&'a Shape> {
        self.shapes.get(self.table)
    }

    /// The sub-identifiers that tell the row from others of its table.
    pub(super) fn index(&self) -> &'a [u32] {
        self.frames.get(self.table).and_then(|frame| frame.indexes.get(self.at)).copied().unwrap_or(&[])
    }

    pub(super) fn part(&self, position: usize) -> Option<(Part, &'a [u32])> {
        let mut left = self.index();
        for (at, part) in self.shape()?.parts.iter().enumerate() {
            let (numbers, rest) = part.split(left)?;
            if at == position {
                return Some((*part, numbers));
            }
            left = rest;
        }
        None
    }

    pub(super) fn cell(&self, column: usize) -> Option<&'a Value> {
        let frame = self.frames.get(self.table)?;
        *frame.cells.get(self.at * frame.width + column)?
    }

    pub(super) fn scalars(&self) -> Self {
        Self { table: SCALARS, at: 0, ..*self }
    }

    /// The row that a link leads to.
    pub(super) fn follow(&self, link: usize) -> Option<Self> {
        let link = self.shape()?.links.get(link)?;
        let mut index = [0; MAX_SUBIDENTIFIERS];
        let mut length = 0;
        let mut push = |numbers: &[u32]| -> Option<()> {
            index.get_mut(length..length + numbers.len())?.copy_from_slice(numbers);
            length += numbers.len();
            Some(())
        };
        for key in &link.keys {
            match key {
                Key::Number(number) => push(&[*number])?,
                Key::Index(part) => push(self.part(*part)?.1)?,
                Key::Field(field) => push(&[whole(self.see(*field)?.number()?)?])?,
            }
        }
        let at = self.frames.get(link.table)?.find(index.get(..length)?)?;
        Some(Self { table: link.table, at, ..*self })
    }

    /// A field of the table.
    pub(super) fn field(&self, field: FieldId) -> Option<&'a Field> {
        self.shape()?.fields.get(field)
    }

    /// What a field shows here.
    pub(super) fn see(&self, field: FieldId) -> Option<Seen<'a>> {
        self.field(field)?.see(self)
    }

    /// What an origin holds, before any step.
    pub(super) fn raw(&self, origin: &'a Origin) -> Option<Seen<'a>> {
        match *origin {
            Origin::Cell(column) => self.cell(column).map(Seen::of),
            Origin::Index(part) => self.part(part).map(|(part, numbers)| part.see(numbers)),
            Origin::Scalar(field) => self.scalars().see(field),
            Origin::Join(link, field) => self.follow(link)?.see(field),
            Origin::Field(field) => self.see(field),
            Origin::First(table, field) => self.first(table, field)?.see(field),
        }
    }

    fn first(&self, table: usize, field: FieldId) -> Option<Self> {
        let rows = self.frames.get(table)?.len();
        (0..rows)
            .map(|at| Self { table, at, ..*self })
            .find(|row| row.counts() && row.see(field).is_some_and(|seen| seen.is_something()))
    }

    /// The value as the wire brought it, where the origin is one.
    pub(super) fn value(&self, origin: &Origin) -> Option<&'a Value> {
        self.source_of(origin).map(|(value, _, _)| value)
    }

    /// The instance that a field reads, and its value.
    pub(super) fn source(&self, field: FieldId) -> Option<Oid> {
        let field = self.shape()?.fields.get(field)?;
        let (_, column, index) = self.source_of(&field.origin)?;
        let mut numbers = column.as_slice().to_vec();
        numbers.extend_from_slice(index);
        Some(Oid::new(numbers))
    }

    fn source_of(&self, origin: &Origin) -> Option<(&'a Value, &'a Oid, &'a [u32])> {
        let deeper = |row: Self, field: FieldId| {
            let field: &'a Field = row.shape()?.fields.get(field)?;
            row.source_of(&field.origin)
        };
        match *origin {
            Origin::Cell(column) => {
                Some((self.cell(column)?, self.shape()?.columns.get(column)?, self.index()))
            }
            Origin::Index(_) => None,
            Origin::Scalar(field) => deeper(self.scalars(), field),
            Origin::Join(link, field) => deeper(self.follow(link)?, field),
            Origin::Field(field) => deeper(*self, field),
            Origin::First(table, field) => deeper(self.first(table, field)?, field),
        }
    }

    /// Whether the row is one that the table's conditions let count.
    pub(super) fn counts(&self) -> bool {
        self.shape().is_some_and(|shape| self.passes(&shape.conditions))
    }

    /// Whether all conditions hold.
    pub(super) fn passes<'c>(&self, conditions: impl IntoIterator<Item = &'c (FieldId, Check)>) -> bool {
        conditions.into_iter().all(|(field, check)| check.passes(self, *field))
    }
}

fn whole(number: f64) -> Option<u32> {
    let valid = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
    valid.then_some(number as u32)
}

impl Check {
    fn passes(&self, row: &Row<'_>, field: FieldId) -> bool {
        let seen = row.see(field).filter(Seen::is_something);
        if self.present.is_some_and(|present| present != seen.is_some()) {
            return false;
        }
        if let Some(number) = self.bit
            && !self.has_bit(row, field, number)
        {
            return false;
        }
        let Some(seen) = seen else { return !self.needs_a_value() };
        let is = |literal: &Literal| seen.is(literal);
        let number = seen.number();
        (self.any.is_empty() || self.any.iter().any(is))
            && !self.none.iter().any(is)
            && self.min.is_none_or(|min| number.is_some_and(|number| number >= min))
            && self.max.is_none_or(|max| number.is_some_and(|number| number <= max))
            && self.pattern.as_ref().is_none_or(|pattern| matches(pattern, &seen))
    }

    fn needs_a_value(&self) -> bool {
        !self.any.is_empty() || self.min.is_some() || self.max.is_some() || self.pattern.is_some()
    }

    fn has_bit(&self, row: &Row<'_>, field: FieldId, number: u32) -> bool {
        let origin = row.shape().and_then(|shape| shape.fields.get(field)).map(|field| &field.origin);
        let value = origin.and_then(|origin| row.value(origin));
        value.and_then(|value| super::field::bit(value, number)).unwrap_or(false)
    }
}

fn matches(pattern: &regex_lite::Regex, seen: &Seen<'_>) -> bool {
    match seen {
        Seen::Text(text) => pattern.is_match(text),
        other => {
            let mut text = String::new();
            other.write(&mut text);
            pattern.is_match(&text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(rows: &[(&str, i64)]) -> Objects {
        let mut objects = Objects::default();
        for (oid, value) in rows {
            objects.insert(oid.parse().unwrap(), Value::Integer(*value));
        }
        objects
    }

    #[test]
    fn cells_of_a_row_stand_side_by_side_and_may_be_missing() {
        let objects =
            objects(&[("1.3.1.1", 11), ("1.3.1.3", 13), ("1.3.2.2", 22), ("1.3.2.3", 23), ("1.3.2.3.9", 0)]);
        let shape = Shape {
            columns: vec!["1.3.1".parse().unwrap(), "1.3.2".parse().unwrap()],
            parts: vec![Part::Number],
            ..Shape::default()
        };
        let frame = Frame::gather(&shape, &objects);
        assert_eq!(frame.indexes, [&[1], &[2], &[3]]);
        let number = |cell: &Option<&Value>| cell.map(|value| Seen::of(value).number().unwrap());
        let cells: Vec<_> = frame.cells.iter().map(number).collect();
        assert_eq!(cells, [Some(11.0), None, None, Some(22.0), Some(13.0), Some(23.0)]);
    }

    #[test]
    fn an_index_is_read_as_rfc_2578_writes_it() {
        let letters = |text: &str| text.bytes().map(u32::from).collect::<Vec<_>>();
        let counted: Vec<u32> = [vec![7, 2], letters("ab"), vec![9]].concat();
        let parts = [Part::Number, Part::CountedText, Part::Fixed(9)];
        assert!(fits(&parts, &counted));
        assert!(!fits(&[Part::Number, Part::CountedText, Part::Fixed(8)], &counted));
        assert!(!fits(&parts, counted.get(..4).unwrap()));
        assert!(!fits(&parts, &[7, 200, 1]));
        assert!(fits(&[Part::Number, Part::Rest], &[7]));
        assert_eq!(Part::RestText.see(&letters("eth0")), Seen::Text("eth0".into()));
        assert_eq!(Part::Numbers(2).see(&[10, 1]), Seen::Text("10.1".into()));
        assert_eq!(Part::Number.see(&[10]), Seen::Integer(10));
    }
}
