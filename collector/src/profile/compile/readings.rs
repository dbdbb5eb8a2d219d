//! Readings: what a row gives, checked against the catalogue.

use std::collections::BTreeMap;

use model::state::status_states;
use model::{Definition, Kind, Label, Metric};

use crate::yaml::Path;

use super::super::field::{FieldId, Lookup};
use super::super::format::{Limit, LongLimit, OneOrMany, Profile, Reading, UnitChoice};
use super::super::program::{Input, Output, Rule, Scaling, UnitRule};
use super::super::units::{self, Conversion};
use super::Compiler;

impl Compiler {
    /// The readings of all tables and groups.
    pub(super) fn outputs(&mut self, profile: &Profile) {
        for (name, table) in &profile.tables {
            self.output(name, &table.labels, &table.metrics, true);
            self.unique_ids(name, table.unique_ids);
        }
        for (name, group) in &profile.groups {
            self.output(name, &group.labels, &group.metrics, false);
        }
    }

    fn output(
        &mut self,
        name: &str,
        labels: &BTreeMap<String, OneOrMany<String>>,
        metrics: &[Reading],
        rows: bool,
    ) {
        let Some(table) = self.table(name) else { return };
        let path = self.path(table);
        let shared = self.labels(table, &path.key("labels"), labels, None);
        let mut rules = Vec::new();
        for (at, reading) in metrics.iter().enumerate() {
            let path = path.key("metrics").index(at);
            let before = rules.len();
            self.reading(table, &path, reading, &mut rules);
            let Some(rule) = rules.get(before) else { continue };
            let metric = rule.metric;
            let has = |label: Label| {
                let own =
                    rules.get(before).is_some_and(|rule| rule.labels.iter().any(|(own, _)| *own == label));
                own || shared.iter().any(|(shared, _)| *shared == label)
            };
            if rows && needs_id(metric.definition()) && !has(Label::HwId) {
                self.mistake(&path, "the rows of a table need the label hw.id to tell their readings apart");
            }
            if !rows && reading.constant.is_some() && reading.conditions.is_empty() {
                self.mistake(
                    &path.key("constant"),
                    "invents a reading: say under which condition it is true",
                );
            }
        }
        if let Some(output) = self.outputs.get_mut(table) {
            *output = Output { labels: shared, rules, ..Output::default() };
        }
    }

    fn unique_ids(&mut self, name: &str, wanted: bool) {
        let Some(table) = self.table(name).filter(|_| wanted) else { return };
        let path = self.path(table).key("unique_ids");
        match self.outputs.get_mut(table) {
            Some(output) if output.labels.iter().any(|(label, _)| *label == Label::HwId) => {
                output.unique_ids = true;
            }
            _ => self.mistake(&path, "the table gives its rows no hw.id: add the label"),
        }
    }

    fn reading(&mut self, table: usize, path: &Path, reading: &Reading, rules: &mut Vec<Rule>) {
        let Some(metric) = Metric::find(&reading.metric) else {
            return self
                .mistake(&path.key("metric"), format!("the catalogue has no metric {:?}", reading.metric));
        };
        rules.extend(self.rule(table, path, reading, metric));
        for (kind, limit) in &reading.limits {
            let path = path.key("limits").key(kind);
            if !LIMIT_TYPES.contains(&kind.as_str()) {
                self.mistake(&path, format!("no such limit; write one of {}", LIMIT_TYPES.join(", ")));
            }
            let Some(metric) = Metric::find(&format!("{}.limit", metric.definition().otel)) else {
                self.mistake(&path, format!("the catalogue has no limits for {}", reading.metric));
                continue;
            };
            let reading = of_limit(reading, kind, limit);
            rules.extend(self.rule(table, &path, &reading, metric));
        }
    }

    fn rule(&mut self, table: usize, path: &Path, reading: &Reading, metric: Metric) -> Option<Rule> {
        let labels = self.labels(table, &path.key("labels"), &reading.labels, Some(metric));
        let conditions = self.conditions(table, &path.key("where"), &reading.conditions);
        let scaling = self.scaling(table, path, reading);
        let unit = self.unit(table, &path.key("unit"), reading, metric);
        let input = self.input(table, path, reading, metric);
        if matches!(input, Some(Input::State(..))) && (reading.unit.is_some() || reading.scale.is_some()) {
            self.mistake(path, "a state has no scale and no unit");
        }
        self.check_states(path, reading, metric);
        Some(Rule {
            metric,
            input: input?,
            scaling,
            unit: unit.unwrap_or(UnitRule::Fixed(Conversion::NONE)),
            absent: reading.absent.clone(),
            conditions,
            limit: labels.iter().any(|(label, _)| *label == Label::HwLimitType),
            required: required(metric, &labels),
            labels,
        })
    }

    fn field(&mut self, table: usize, path: &Path, key: &str, name: &Option<String>) -> Option<FieldId> {
        let name = name.as_ref()?;
        self.resolve(table, &path.key(key), name)
    }

    fn scaling(&mut self, table: usize, path: &Path, reading: &Reading) -> Scaling {
        let mut exponents = Vec::new();
        for name in reading.exponent.iter().flat_map(OneOrMany::as_slice) {
            let (name, sign) = name.strip_prefix('-').map_or((name.as_str(), 1.0), |name| (name, -1.0));
            exponents.extend(self.resolve(table, &path.key("exponent"), name).map(|field| (field, sign)));
        }
        Scaling {
            scale: reading.scale,
            exponents,
            multiplier: self.field(table, path, "multiplier", &reading.multiplier),
            divisor: self.field(table, path, "divisor", &reading.divisor),
            signed: self.field(table, path, "signed_scale", &reading.signed_scale),
            offset: reading.offset,
        }
    }

    fn unit(&mut self, table: usize, path: &Path, reading: &Reading, metric: Metric) -> Option<UnitRule> {
        match reading.unit.as_ref()? {
            UnitChoice::Name(name) => Some(UnitRule::Fixed(self.conversion(path, name, metric)?)),
            UnitChoice::Field(choice) => {
                let field = self.resolve(table, &path.key("field"), &choice.field);
                let mut known = Vec::new();
                for (value, name) in &choice.units {
                    let conversion = self.conversion(&path.key("units").key(value), name, metric);
                    known.extend(conversion.map(|conversion| (value.clone(), conversion)));
                }
                Some(UnitRule::Field(field?, Lookup::new(known)))
            }
        }
    }

    fn conversion(&mut self, path: &Path, name: &str, metric: Metric) -> Option<Conversion> {
        let Definition { unit, otel, .. } = metric.definition();
        let conversion = units::find(name, *unit);
        if conversion.is_none() {
            let names = units::names(*unit);
            self.mistake(path, format!("{name:?} is no unit of {otel}; write one of: {names}"));
        }
        conversion
    }

    fn input(&mut self, table: usize, path: &Path, reading: &Reading, metric: Metric) -> Option<Input> {
        let value = self.field(table, path, "value", &reading.value);
        let high = self.field(table, path, "high", &reading.high);
        let kind = metric.definition().kind;
        match (&reading.value, reading.constant) {
            (Some(_), Some(_)) => self.mistake(path, "write either value or constant"),
            (None, None) if kind != Kind::Info => {
                self.mistake(path, "says no value: write value or constant")
            }
            _ => {}
        }
        let states = matches!(kind, Kind::StateSet(_) | Kind::Status);
        if states == reading.states.is_empty() {
            let otel = metric.definition().otel;
            let message =
                if states { "is a state set: write states" } else { "is no state set: take states away" };
            self.mistake(path, format!("{otel} {message}"));
        }
        let constant = match kind {
            Kind::Info => Some(1.0),
            _ => reading.constant,
        };
        if let Some(constant) = constant {
            return Some(Input::Constant(constant));
        }
        let value = value?;
        Some(if states {
            let known =
                reading.states.iter().map(|(key, state)| (key.clone(), state.clone().into_boxed_str()));
            let otherwise = reading.otherwise.clone().map(String::into_boxed_str);
            Input::State(value, Lookup::new(known), otherwise)
        } else if !reading.values.is_empty() {
            Input::Mapped(value, Lookup::new(reading.values.clone()))
        } else if let Some(high) = high {
            Input::Halves(value, high)
        } else {
            Input::Number(value)
        })
    }

    fn check_states(&mut self, path: &Path, reading: &Reading, metric: Metric) {
        let known = match metric.definition().kind {
            Kind::StateSet(states) => states,
            // The component type may come from the device; the widest set is that of disks.
            Kind::Status => status_states("physical_disk"),
            _ => return,
        };
        for (key, state) in &reading.states {
            if !known.contains(&state.as_str()) {
                let path = path.key("states").key(key);
                self.mistake(&path, format!("no such state; write one of {}", known.join(", ")));
            }
        }
        if let Some(state) = &reading.otherwise
            && !known.contains(&state.as_str())
        {
            self.mistake(&path.key("otherwise"), format!("no such state; write one of {}", known.join(", ")));
        }
    }
}

/// Kinds of limits, as the hardware conventions name them.
const LIMIT_TYPES: [&str; 6] =
    ["low.critical", "low.degraded", "high.degraded", "high.critical", "max", "min"];

/// A whole device has one reading of its own; a component needs an identity.
fn needs_id(definition: &Definition) -> bool {
    definition.attributes.contains(&Label::HwId) && !definition.otel.starts_with("hw.host.")
}

/// An info metric says nothing without the labels that a person wrote for it.
fn required(metric: Metric, labels: &[(Label, super::super::program::Template)]) -> Vec<Label> {
    match metric.definition().kind {
        Kind::Info => {
            labels.iter().map(|(label, _)| *label).filter(|label| *label == Label::Version).collect()
        }
        _ => Vec::new(),
    }
}

fn of_limit(reading: &Reading, kind: &str, limit: &Limit) -> Reading {
    let mut reading = Reading { limits: BTreeMap::new(), ..reading.clone() };
    reading.labels.insert(Label::HwLimitType.otel().to_owned(), OneOrMany::One(kind.to_owned()));
    match limit {
        Limit::Field(value) => reading.value = Some(value.clone()),
        Limit::Long(LongLimit { value, scale, absent, conditions }) => {
            reading.value = Some(value.clone());
            reading.scale = scale.or(reading.scale);
            reading.absent = absent.clone().unwrap_or(reading.absent);
            reading.conditions.extend(conditions.clone());
        }
    }
    reading
}
