//! A compiled profile: names resolved to positions, texts to expressions, checked and ready to evaluate.

use std::collections::HashMap;

use model::{Label, Metric};
use regex_lite::Regex;

use super::field::{FieldId, Lookup};
use super::format::Literal;
use super::rows::{Check, Row, Shape};
use super::source::Oid;
use super::units::Conversion;

/// What a profile is known and selected by.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) alternatives: Vec<Alternative>,
    /// Names of profiles, or `profile/table`.
    pub(super) replaces: Vec<String>,
    /// Names of its tables and groups.
    pub(super) tables: Vec<String>,
}

/// A profile, ready to evaluate.
#[derive(Debug)]
pub(super) struct Program {
    /// The scalars first, then tables and groups.
    pub(super) shapes: Vec<Shape>,
    /// For each shape, what its rows give.
    pub(super) outputs: Vec<Output>,
    pub(super) device: DeviceTemplates,
}

/// One alternative of a match.
#[derive(Debug, Default)]
pub(super) struct Alternative {
    pub(super) object_ids: Vec<Oid>,
    pub(super) descr: Option<Regex>,
    pub(super) present: Option<Oid>,
}

/// Where the parts of a device's description come from; read among the scalars.
#[derive(Debug, Default)]
pub(super) struct DeviceTemplates {
    pub(super) vendor: Template,
    pub(super) model: Template,
    pub(super) serial: Template,
    pub(super) firmware: Template,
}

/// What the rows of a table give.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) labels: Vec<(Label, Template)>,
    /// Whether rows with the same identity are told apart.
    pub(super) unique_ids: bool,
    pub(super) rules: Vec<Rule>,
    /// What decides on anything but numbers.
    pub(super) inputs: Vec<FieldId>,
}

/// Text with fields in it; alternatives, of which the first complete one counts.
#[derive(Debug, Default)]
pub(super) struct Template {
    pub(super) alternatives: Vec<Vec<Piece>>,
}

/// A part of a template.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    Text(String),
    Field(FieldId),
}

impl Template {
    /// Appends the text; says whether there was any.
    pub(super) fn write(&self, row: &Row<'_>, out: &mut String) -> bool {
        let start = out.len();
        for pieces in &self.alternatives {
            if pieces.iter().all(|piece| piece.write(row, out)) && out.len() > start {
                return true;
            }
            out.truncate(start);
        }
        false
    }
}

impl Piece {
    fn write(&self, row: &Row<'_>, out: &mut String) -> bool {
        match self {
            Self::Text(text) => {
                out.push_str(text);
                true
            }
            Self::Field(field) => match row.see(*field) {
                Some(seen) if seen.is_something() => {
                    seen.write(out);
                    true
                }
                _ => false,
            },
        }
    }
}

/// How a row gives one metric.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) metric: Metric,
    pub(super) input: Input,
    pub(super) scaling: Scaling,
    pub(super) unit: UnitRule,
    pub(super) absent: Vec<Literal>,
    pub(super) conditions: Vec<(FieldId, Check)>,
    pub(super) labels: Vec<(Label, Template)>,
    /// Whether it reads a limit. What a device sends where there is none is no reading that was lost.
    pub(super) limit: bool,
    /// Labels without which nothing is recorded.
    pub(super) required: Vec<Label>,
}

/// What a rule reads.
#[derive(Debug)]
pub(super) enum Input {
    /// A number.
    Number(FieldId),
    /// A counter in two halves: lower and upper 32 bits.
    Halves(FieldId, FieldId),
    /// A value that is looked up as a number.
    Mapped(FieldId, Lookup<f64>),
    /// A value that is looked up as a state, and the state for one that isn't listed.
    State(FieldId, Lookup<Box<str>>, Option<Box<str>>),
    /// Always the same.
    Constant(f64),
}

/// Factors of a number.
#[derive(Debug, Default)]
pub(super) struct Scaling {
    pub(super) scale: Option<f64>,
    /// Fields with their sign: +1 or -1.
    pub(super) exponents: Vec<(FieldId, f64)>,
    pub(super) multiplier: Option<FieldId>,
    pub(super) divisor: Option<FieldId>,
    pub(super) signed: Option<FieldId>,
    pub(super) offset: Option<f64>,
}

/// How the unit is known.
#[derive(Debug)]
pub(super) enum UnitRule {
    Fixed(Conversion),
    Field(FieldId, Lookup<Conversion>),
}

impl Scaling {
    /// The number scaled; none where a field that it needs says nothing.
    pub(super) fn apply(&self, row: &Row<'_>, number: f64) -> Option<f64> {
        let of = |field: FieldId| row.see(field)?.number();
        let mut number = number;
        if let Some(scale) = self.scale {
            number = scaled(number, scale);
        }
        let mut exponent = 0.0;
        for (field, sign) in &self.exponents {
            exponent += of(*field)? * sign;
        }
        if exponent != 0.0 {
            number = power_of_ten(number, exponent);
        }
        if let Some(field) = self.multiplier {
            number *= of(field)?;
        }
        if let Some(field) = self.divisor {
            number /= Some(of(field)?).filter(|&divisor| divisor != 0.0)?;
        }
        if let Some(field) = self.signed {
            let factor = of(field)?;
            number = if factor < 0.0 { number / -factor } else { number * factor };
        }
        Some(number + self.offset.unwrap_or(0.0))
    }
}

/// Dividing by 10 gives the nearest number to a decimal fraction; multiplying by 0.1 does not always.
fn scaled(number: f64, scale: f64) -> f64 {
    let inverse = (1.0 / scale).round();
    if scale.abs() < 1.0 && (1.0 / inverse) == scale { number / inverse } else { number * scale }
}

fn power_of_ten(number: f64, exponent: f64) -> f64 {
    let factor = 10_f64.powf(exponent.abs());
    if exponent < 0.0 { number / factor } else { number * factor }
}

/// Names of fields to their positions, for one shape.
pub(super) type Names = HashMap<String, FieldId>;
