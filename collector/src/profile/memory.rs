//! What need not be worked out again at each poll: for each row, which rules apply, in which states it is,
//! and where its series are kept.
//!
//! From one poll to the next mostly numbers change. Conditions, labels and states follow from other cells,
//! the inputs of a row, whose fingerprint is compared with that of the poll before. While it is the same, only
//! numbers are read, and their series are found by their place. Never changes a result: what is not sure to
//! come out the same is evaluated in full. Fingerprints are small, since thousands of devices have thousands
//! of rows; with their random key, a change stays unnoticed once in 2^64.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use model::{DeviceLabels, Place, ReportBuilder, Sample};

use super::field::{FieldId, Origin, Seen};
use super::program::{Input, Output, Piece, Program, Rule, Template};
use super::rows::{Row, Shape};
use super::source::Value;

/// What is remembered of one device, from poll to poll.
#[derive(Debug, Default)]
pub struct Memory {
    /// Whose places these are.
    owner: Option<Arc<DeviceLabels>>,
    /// Of the fingerprints.
    key: RandomState,
    /// By profile and table.
    tables: Vec<Vec<Table>>,
}

/// What is remembered of the rows of one table, by their position.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Remembered>,
}

#[derive(Debug, Default)]
struct Remembered {
    inputs: u64,
    steps: Box<[Step]>,
}

/// One thing to do with a row, in the order of the rules. Rules that don't apply have none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    /// A rule that is evaluated in full.
    Whole(u16),
    /// A rule that gives a number, and the place of its series.
    Number(u16, Place),
    /// A state of a set, and whether it is the present one.
    State(Place, bool),
}

impl Memory {
    /// The key of fingerprints, and the tables of one profile. Forgets everything where places were another
    /// report's.
    pub(super) fn tables(
        &mut self,
        at: usize,
        program: &Program,
        report: &ReportBuilder,
    ) -> (&RandomState, &mut [Table]) {
        if !self.owner.as_ref().is_some_and(|owner| Arc::ptr_eq(owner, report.device_labels())) {
            *self = Self { owner: Some(Arc::clone(report.device_labels())), ..Self::default() };
        }
        if self.tables.len() <= at {
            self.tables.resize_with(at.saturating_add(1), Vec::new);
        }
        let Some(tables) = self.tables.get_mut(at) else { return (&self.key, &mut []) };
        if tables.len() != program.outputs.len() {
            tables.resize_with(program.outputs.len(), Table::default);
        }
        (&self.key, tables)
    }
}

impl Table {
    /// Keeps no more rows than the table has now.
    pub(super) fn truncate(&mut self, rows: usize) {
        self.rows.truncate(rows);
    }

    /// What to do with a row whose inputs are these, if that is known and its series are all there.
    pub(super) fn steps(&self, at: usize, inputs: u64, report: &ReportBuilder) -> Option<&[Step]> {
        let row = self.rows.get(at).filter(|row| row.inputs == inputs)?;
        let stands = |step: &Step| match step {
            Step::Whole(_) => true,
            Step::Number(_, place) | Step::State(place, _) => report.holds(*place),
        };
        row.steps.iter().all(stands).then_some(&*row.steps)
    }

    /// Remembers what to do with a row.
    pub(super) fn learn(&mut self, at: usize, inputs: u64, steps: &[Step]) {
        if self.rows.len() <= at {
            self.rows.resize_with(at.saturating_add(1), Remembered::default);
        }
        if let Some(row) = self.rows.get_mut(at) {
            *row = Remembered { inputs, steps: steps.into() };
        }
    }
}

/// Fields on which the labels, conditions and states of a table's rows depend.
pub(super) fn inputs(shape: &Shape, output: &Output) -> Vec<FieldId> {
    let mut inputs: Vec<FieldId> = shape.conditions.iter().map(|(field, _)| *field).collect();
    let labels = output.rules.iter().flat_map(|rule| &rule.labels).chain(&output.labels);
    inputs.extend(labels.flat_map(|(_, template)| template.fields()));
    for rule in &output.rules {
        let fixed = rule.conditions.iter().filter(|(field, _)| !rule.measures(*field));
        inputs.extend(fixed.map(|(field, _)| *field));
        if let Input::State(field, ..) = rule.input {
            inputs.push(field);
        }
    }
    inputs.sort_unstable();
    inputs.dedup();
    inputs
}

/// The fingerprint of a row's inputs and of whether it is a twin, which are written to `scratch`.
pub(super) fn fingerprint(
    key: &RandomState,
    inputs: &[FieldId],
    row: &Row<'_>,
    twin: bool,
    scratch: &mut Vec<u8>,
) -> u64 {
    scratch.clear();
    scratch.push(u8::from(twin));
    inputs.iter().for_each(|field| row.write_input(*field, scratch));
    key.hash_one(&*scratch)
}

impl Rule {
    /// Whether the rule reads its number there, which may be another one at each poll.
    pub(super) fn measures(&self, field: FieldId) -> bool {
        match self.input {
            Input::Number(own) | Input::Mapped(own, _) => own == field,
            Input::Halves(low, high) => low == field || high == field,
            Input::State(..) | Input::Constant(_) => false,
        }
    }

    /// What to do in the next poll, where the rule has recorded these samples in this one and dropped
    /// nothing, or else `None`.
    pub(super) fn steps(
        &self,
        number: usize,
        recorded: Option<&[Sample]>,
        report: &ReportBuilder,
        steps: &mut Vec<Step>,
    ) {
        let Ok(number) = u16::try_from(number) else { return };
        let place = |sample: &Sample| report.place(&sample.series);
        let known: Option<Vec<Step>> = match (&self.input, recorded) {
            (Input::State(..), Some(samples)) => {
                samples.iter().map(|sample| Some(Step::State(place(sample)?, sample.value == 1.0))).collect()
            }
            (_, Some([sample])) => place(sample).map(|place| vec![Step::Number(number, place)]),
            _ => None,
        };
        steps.extend(known.unwrap_or_else(|| vec![Step::Whole(number)]));
    }
}

impl Template {
    fn fields(&self) -> impl Iterator<Item = FieldId> {
        self.alternatives.iter().flatten().filter_map(|piece| match piece {
            Piece::Field(field) => Some(*field),
            Piece::Text(_) => None,
        })
    }
}

impl Row<'_> {
    /// Appends what a field is made of, so that different values are different octets.
    fn write_input(&self, field: FieldId, out: &mut Vec<u8>) {
        let Some(field) = self.field(field) else { return };
        match field.origin {
            Origin::Cell(column) => write_value(self.cell(column), out),
            Origin::Index(part) => {
                let numbers = self.part(part).map_or(&[][..], |(_, numbers)| numbers);
                write_head(1, numbers.len(), out);
                out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            }
            Origin::Scalar(field) => self.scalars().write_input(field, out),
            Origin::Field(field) => self.write_input(field, out),
            Origin::Join(link, field) => match self.follow(link) {
                Some(row) => row.write_input(field, out),
                None => write_head(2, 0, out),
            },
            Origin::First(..) => {
                let mut text = String::new();
                let seen = self.raw(&field.origin);
                let kind = seen.as_ref().map_or(2, Seen::kind);
                seen.into_iter().for_each(|seen| seen.write(&mut text));
                write_head(kind, text.len(), out);
                out.extend(text.as_bytes());
            }
        }
    }
}

impl Seen<'_> {
    fn kind(&self) -> u8 {
        match self {
            Self::Integer(_) => 3,
            Self::Float(_) => 4,
            Self::Text(_) => 5,
            Self::Absent => 6,
        }
    }
}

/// A kind and a length, so that no value can be taken for the end of another.
fn write_head(kind: u8, length: usize, out: &mut Vec<u8>) {
    out.push(kind);
    out.extend(length.to_le_bytes());
}

fn write_value(value: Option<&Value>, out: &mut Vec<u8>) {
    match value {
        None => write_head(2, 0, out),
        Some(Value::Integer(number)) => {
            out.push(7);
            out.extend(number.to_le_bytes());
        }
        Some(Value::Unsigned(number)) => {
            out.push(8);
            out.extend(number.to_le_bytes());
        }
        Some(Value::Float(number)) => {
            out.push(9);
            out.extend(number.to_bits().to_le_bytes());
        }
        Some(Value::Bytes(bytes)) => {
            write_head(10, bytes.len(), out);
            out.extend(&**bytes);
        }
        Some(Value::Oid(oid)) => {
            write_head(11, oid.as_slice().len(), out);
            out.extend(oid.as_slice().iter().flat_map(|number| number.to_le_bytes()));
        }
    }
}
