//! Evaluation: from a device's answer to readings in the catalogue.
//!
//! Never invents a value: what is absent, unreadable or without an identity is not recorded, and
//! what the device sent and cannot be used is counted by cause.

use std::collections::HashSet;
use std::hash::RandomState;
use std::ops::Range;

use model::{Identity, Label, Labels, Metric, Rejection, ReportBuilder, metric};

use super::field::{FieldId, Seen};
use super::memory::{Step, Table, fingerprint};
use super::program::{Input, Output, Program, Rule, Template, UnitRule};
use super::rows::{Frame, Row};
use super::source::{Objects, Oid};

/// What a sample was made of, for those who compare.
#[derive(Clone, Debug, PartialEq)]
pub struct Traced<'a> {
    /// Metric.
    pub metric: Metric,
    /// The instance that held the value; none for constants.
    pub source: Option<Oid>,
    /// Kind of limit, if it is one.
    pub limit: Option<&'a str>,
    /// What was recorded.
    pub reading: Reading<'a>,
}

/// A recorded value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading<'a> {
    /// A number in the catalogue's unit.
    Number(f64),
    /// A state.
    State(&'a str),
}

/// Is told of each recorded sample.
pub type Trace<'t> = &'t mut dyn FnMut(&Traced<'_>);

/// Evaluates those tables of a profile that are not switched off. A memory of them spares what has not changed.
pub(super) fn evaluate(
    program: &Program,
    frames: &[Frame<'_>],
    enabled: impl Fn(usize) -> bool,
    report: &mut ReportBuilder,
    trace: Option<Trace<'_>>,
    mut memory: Option<(&RandomState, &mut [Table])>,
) {
    let mut pen = Pen { report, trace, twin: false, text: String::new(), spans: Vec::new() };
    let (mut scratch, mut steps) = (Vec::new(), Vec::new());
    for (table, output) in program.outputs.iter().enumerate() {
        if output.rules.is_empty() || !enabled(table) {
            continue;
        }
        let rows = frames.get(table).map_or(0, Frame::len);
        let mut known = memory.as_mut().and_then(|(key, memory)| Some((&**key, memory.get_mut(table)?)));
        if let Some((_, known)) = &mut known {
            known.truncate(rows);
        }
        let twins = output.twins((0..rows).map(|at| Row::new(&program.shapes, frames, table, at)));
        for at in 0..rows {
            let row = Row::new(&program.shapes, frames, table, at);
            pen.twin = twins.contains(row.index());
            let Some((key, known)) = &mut known else {
                pen.row(output, &row, None);
                continue;
            };
            let inputs = fingerprint(key, &output.inputs, &row, pen.twin, &mut scratch);
            if let Some(steps) = known.steps(at, inputs, pen.report) {
                pen.follow(steps, output, &row);
            } else {
                steps.clear();
                pen.row(output, &row, Some(&mut steps));
                known.learn(at, inputs, &steps);
            }
        }
    }
}

/// The rows of all tables of a profile.
pub(super) fn frames<'a>(program: &'a Program, objects: &'a Objects) -> Vec<Frame<'a>> {
    program.shapes.iter().map(|shape| Frame::gather(shape, objects)).collect()
}

impl Output {
    /// Indexes of the rows whose identity an earlier row has, where such rows are told apart.
    fn twins<'a>(&self, rows: impl Iterator<Item = Row<'a>>) -> HashSet<&'a [u32]> {
        let identity = self.labels.iter().find(|(label, _)| self.unique_ids && *label == Label::HwId);
        let Some((_, identity)) = identity else { return HashSet::new() };
        let mut known = HashSet::new();
        let is_twin = |row: &Row<'a>| {
            let mut text = String::new();
            row.counts() && identity.write(row, &mut text) && !known.insert(text)
        };
        rows.filter(is_twin).map(|row| row.index()).collect()
    }
}

/// Writes labels into one text and records what they belong to.
struct Pen<'p, 't> {
    report: &'p mut ReportBuilder,
    trace: Option<Trace<'t>>,
    /// Whether the row's identity needs its index.
    twin: bool,
    text: String,
    spans: Vec<(Label, Range<usize>)>,
}

impl Pen<'_, '_> {
    /// Evaluates a row in full; notes in `steps` what that takes when only its numbers change.
    fn row(&mut self, output: &Output, row: &Row<'_>, mut steps: Option<&mut Vec<Step>>) {
        if !row.counts() {
            return;
        }
        self.start(output, row);
        for (number, rule) in output.rules.iter().enumerate() {
            if !row.passes(rule.conditions.iter().filter(|(field, _)| !rule.measures(*field))) {
                continue;
            }
            let (before, rejected) = (self.report.len(), self.report.rejected());
            self.rule(output, rule, row);
            if let Some(steps) = &mut steps {
                let recorded = self.report.samples().get(before..);
                let recorded = recorded.filter(|_| self.report.rejected() == rejected);
                rule.steps(number, recorded, self.report, steps);
            }
        }
    }

    /// Does again what a row took before.
    fn follow(&mut self, steps: &[Step], output: &Output, row: &Row<'_>) {
        let mut started = false;
        for step in steps {
            match *step {
                Step::State(place, present) => {
                    self.report.record_at(place, f64::from(u8::from(present)));
                }
                Step::Number(number, place) => {
                    let Some(rule) = output.rules.get(usize::from(number)) else { continue };
                    if !rule.may_count(row) {
                        continue;
                    }
                    match rule.reading(row) {
                        Ok(Some(Reading::Number(value))) => {
                            self.report.record_at(place, value);
                        }
                        Ok(_) => {}
                        Err(rejection) => self.report.reject(rejection),
                    }
                }
                Step::Whole(number) => {
                    let Some(rule) = output.rules.get(usize::from(number)) else { continue };
                    if !std::mem::replace(&mut started, true) {
                        self.start(output, row);
                    }
                    self.rule(output, rule, row);
                }
            }
        }
    }

    /// Writes the labels of a row.
    fn start(&mut self, output: &Output, row: &Row<'_>) {
        self.text.clear();
        self.spans.clear();
        self.write(&output.labels, row);
    }

    fn write(&mut self, labels: &[(Label, Template)], row: &Row<'_>) {
        for (label, template) in labels {
            let start = self.text.len();
            let written = template.write(row, &mut self.text);
            if self.twin && written && *label == Label::HwId {
                self.text.push('#');
                self.text.push_str(&row.index().iter().map(u32::to_string).collect::<Vec<_>>().join("."));
            }
            self.spans.push((*label, start..self.text.len()));
        }
    }

    /// Evaluates a rule whose other conditions hold, after the labels of its row.
    fn rule(&mut self, output: &Output, rule: &Rule, row: &Row<'_>) {
        self.spans.truncate(output.labels.len());
        self.text.truncate(self.spans.last().map_or(0, |(_, span)| span.end));
        if !rule.may_count(row) {
            return;
        }
        match rule.reading(row) {
            Ok(Some(value)) => {
                self.write(&rule.labels, row);
                self.record(rule, row, &value);
            }
            Ok(None) => {}
            Err(rejection) => self.report.reject(rejection),
        }
    }

    fn record(&mut self, rule: &Rule, row: &Row<'_>, value: &Reading<'_>) {
        let mut labels = Labels::new();
        for (label, span) in &self.spans {
            labels.set(*label, self.text.get(span.clone()).unwrap_or(""));
        }
        let identified =
            |label: Label| !self.spans.iter().any(|(own, _)| *own == label) || labels.get(label).is_some();
        if !identified(Label::HwId) || !rule.required.iter().all(|label| identified(*label)) {
            return;
        }
        let before = self.report.len();
        match value {
            Reading::Number(number) => self.report.record(rule.metric, &labels, *number),
            Reading::State(state) => self.report.record_state(rule.metric, &labels, state),
        }
        if self.report.len() > before
            && let Some(trace) = &mut self.trace
        {
            let source = rule.input.field().and_then(|field| row.source(field));
            let limit = labels.get(Label::HwLimitType);
            trace(&Traced { metric: rule.metric, source, limit, reading: *value });
        }
    }
}

impl Input {
    fn field(&self) -> Option<FieldId> {
        match self {
            Self::Number(field)
            | Self::Halves(field, _)
            | Self::Mapped(field, _)
            | Self::State(field, ..) => Some(*field),
            Self::Constant(_) => None,
        }
    }
}

impl Rule {
    /// Whether the conditions on what the rule itself measures hold.
    fn may_count(&self, row: &Row<'_>) -> bool {
        row.passes(self.conditions.iter().filter(|(field, _)| self.measures(*field)))
    }

    /// As [`value`](Self::value). A limit that is not available or cannot be true is none.
    fn reading(&self, row: &Row<'_>) -> Result<Option<Reading<'_>>, Rejection> {
        let (low, high) = self.metric.definition().range;
        match self.value(row) {
            Err(Rejection::Na) if self.limit => Ok(None),
            Ok(Some(Reading::Number(number))) if self.limit && !(low..=high).contains(&number) => Ok(None),
            reading => reading,
        }
    }

    /// What the row gives: a value, nothing, or something that cannot be used.
    fn value(&self, row: &Row<'_>) -> Result<Option<Reading<'_>>, Rejection> {
        let Some(field) = self.input.field() else {
            return Ok(match self.input {
                Input::Constant(number) => Some(Reading::Number(number)),
                _ => None,
            });
        };
        let Some(seen) = row.see(field) else { return Ok(None) };
        let special = seen == Seen::Absent || self.absent.iter().any(|literal| seen.is(literal));
        if special || !seen.is_something() {
            return Err(Rejection::Na);
        }
        match &self.input {
            Input::Mapped(_, numbers) => {
                let number = numbers.get(&seen).ok_or(Rejection::Parse)?;
                Ok(Some(Reading::Number(*number)))
            }
            Input::State(_, states, otherwise) => {
                let state = states.get(&seen).or(otherwise.as_ref()).ok_or(Rejection::Parse)?;
                Ok(Some(Reading::State(state)))
            }
            Input::Number(_) | Input::Halves(..) | Input::Constant(_) => self.number(row, &seen).map(Some),
        }
    }

    fn number(&self, row: &Row<'_>, seen: &Seen<'_>) -> Result<Reading<'static>, Rejection> {
        let mut number = seen.number().ok_or(Rejection::Parse)?;
        if let Input::Halves(_, high) = self.input {
            let high = row.see(high).and_then(|seen| seen.number()).ok_or(Rejection::Na)?;
            number += high * 4_294_967_296.0;
        }
        let number = self.scaling.apply(row, number).ok_or(Rejection::Na)?;
        let conversion = match &self.unit {
            UnitRule::Fixed(conversion) => *conversion,
            UnitRule::Field(field, known) => {
                let seen = row.see(*field).ok_or(Rejection::Unit)?;
                *known.get(&seen).ok_or(Rejection::Unit)?
            }
        };
        Ok(Reading::Number(conversion.apply(number)))
    }
}

/// What a device says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Manufacturer.
    pub vendor: String,
    /// Model name.
    pub model: String,
    /// Serial number.
    pub serial: String,
    /// Version of the firmware.
    pub firmware: String,
}

impl Description {
    /// Fills in what a profile knows and others before it did not.
    pub(super) fn complete(&mut self, program: &Program, frames: &[Frame<'_>]) {
        let row = Row::new(&program.shapes, frames, super::rows::SCALARS, 0);
        for (text, template) in [
            (&mut self.vendor, &program.device.vendor),
            (&mut self.model, &program.device.model),
            (&mut self.serial, &program.device.serial),
            (&mut self.firmware, &program.device.firmware),
        ] {
            if text.is_empty() {
                template.write(&row, text);
            }
        }
    }

    /// Tells the report, which adds what the operator declared.
    pub(super) fn record(&self, report: &mut ReportBuilder) {
        report.identify(&Identity {
            vendor: &self.vendor,
            model: &self.model,
            serial: &self.serial,
            protocol: "snmp",
            ..Identity::default()
        });
        if !self.firmware.is_empty() {
            let labels = Labels::new().with(Label::Component, "device").with(Label::Version, &self.firmware);
            report.record(metric::OOB_FIRMWARE_INFO, &labels, 1.0);
        }
    }
}
