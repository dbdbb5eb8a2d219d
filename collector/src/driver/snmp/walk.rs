//! Walks columns: those of one table side by side, by GETBULK where the agent can, by GETNEXT where not
//! (RFC 3416, sections 4.2.2 and 4.2.3).
//!
//! Each column ends by itself: at the end of its subtree, at its row limit, or where the device begins
//! to repeat itself. Rows out of order are taken, since some agents order indexes their own way; a row
//! that comes again after a later one is a loop.

use std::collections::{BTreeMap, VecDeque};

use async_snmp::{ErrorStatus, Value as Raw};
use model::Reason;

use super::error::WireError;
use super::fetch::Fetch;
use super::habits::Bulk;
use super::wire::{Answer, Ask, Bound, Wire};
use crate::profile::source::Oid;

/// A column on its way.
struct Column {
    root: Oid,
    /// The instance that was read last.
    cursor: Oid,
    rows: usize,
}

/// Columns that are walked side by side, and how they are asked for at the moment.
struct Walk {
    open: VecDeque<Column>,
    /// Most columns in one request.
    width: usize,
    /// Most instances in one answer.
    instances: usize,
    /// Why the next request is a GETNEXT although GETBULK may work.
    trial: Option<Trial>,
}

/// What a GETBULK met, so that a GETNEXT is tried to see if GETBULK was the trouble.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trial {
    /// No answer.
    Silence,
    /// An error, or an answer that makes no sense.
    Nonsense,
}

/// What one bound instance means for its column.
enum Step {
    Row,
    End,
    Fault(Reason, String),
}

/// How the columns were asked for.
#[derive(Clone, Copy)]
struct Asked {
    columns: usize,
    /// Rows asked for by GETBULK; none for a GETNEXT.
    bulk: Option<u32>,
}

impl<W: Wire> Fetch<'_, W> {
    /// Walks columns, table by table.
    pub(super) async fn columns(&mut self, columns: &[Oid]) {
        for table in tables(columns) {
            for group in table.chunks(self.habits.width.max(1)) {
                self.walk(group).await;
            }
        }
    }

    async fn walk(&mut self, columns: &[Oid]) {
        let mut walk = Walk {
            open: columns.iter().map(Column::new).collect(),
            width: self.habits.width.max(1),
            instances: self.habits.instances,
            trial: None,
        };
        while !walk.open.is_empty() && self.stopped.is_none() {
            self.step(&mut walk).await;
        }
        if let (Some(column), Some(stop)) = (walk.open.front(), &self.stopped) {
            let subject = match walk.open.len() {
                1 => column.root.to_string(),
                columns => format!("{} and {} more columns", column.root, columns.saturating_sub(1)),
            };
            let (reason, detail) = (stop.reason(), format!("not read to its end: {stop}"));
            self.fault(reason, subject, detail);
        }
    }

    /// One request and what follows from it.
    async fn step(&mut self, walk: &mut Walk) {
        let columns = walk.width.clamp(1, walk.open.len().max(1));
        let cursors: Vec<Oid> = walk.open.iter().take(columns).map(|column| column.cursor.clone()).collect();
        let may_bulk = self.habits.bulk != Bulk::Broken && walk.trial.is_none();
        let bulk = may_bulk.then(|| self.habits.repetitions(columns, walk.instances));
        let asked = Asked { columns, bulk };
        let answer = match bulk {
            Some(repetitions) => self.ask(Ask::Bulk(&cursors, repetitions)).await,
            None => self.ask(Ask::Next(&cursors)).await,
        };
        match answer {
            Ok(answer) if answer.bound.is_empty() => {
                let error = WireError::Garbled { address: "the device".into() };
                self.setback(walk, asked, &error);
            }
            Ok(answer) => {
                self.learn(walk, asked, &answer);
                self.take(walk, asked, answer);
                self.show_progress();
            }
            Err(error) => self.setback(walk, asked, &error),
        }
    }

    /// An answer came: remembers what that says of the agent.
    fn learn(&mut self, walk: &mut Walk, asked: Asked, answer: &Answer) {
        if asked.bulk.is_some() {
            self.habits.bulk = Bulk::Works;
        } else if let Some(trial) = walk.trial.take() {
            // GETNEXT is answered where GETBULK was not.
            let halved = walk.instances / 2;
            match (self.habits.bulk, trial) {
                (Bulk::Works, Trial::Nonsense) => walk.instances = halved.max(1),
                (Bulk::Works, Trial::Silence) if halved > 0 => {
                    walk.instances = halved;
                    self.habits.instances = halved;
                }
                _ => self.habits.bulk = Bulk::Broken,
            }
        }
        if answer.covered < asked.columns {
            self.habits.width = answer.covered.max(1);
            walk.width = answer.covered.max(1);
        }
    }

    /// Puts an answer's instances to their columns.
    fn take(&mut self, walk: &mut Walk, asked: Asked, answer: Answer) {
        let columns = answer.covered.clamp(1, asked.columns);
        let rows = usize::try_from(asked.bulk.unwrap_or(1)).unwrap_or(1);
        let mut ended = vec![false; columns];
        let bound = answer.bound.into_iter().take(columns.saturating_mul(rows));
        for (bound, at) in bound.zip((0..columns).cycle()) {
            let (Some(column), Some(ended)) = (walk.open.get_mut(at), ended.get_mut(at)) else { continue };
            if *ended || self.stopped.is_some() {
                continue;
            }
            match self.judge(column, &bound) {
                Step::Row => {
                    column.cursor = bound.oid.clone();
                    column.rows = column.rows.saturating_add(1);
                    self.keep(bound);
                }
                Step::End => *ended = true,
                Step::Fault(reason, detail) => {
                    *ended = true;
                    let subject = column.root.to_string();
                    self.fault(reason, subject, detail);
                }
            }
        }
        let mut ended = ended.into_iter();
        walk.open.retain(|_| !ended.next().unwrap_or(false));
    }

    fn judge(&self, column: &Column, bound: &Bound) -> Step {
        let is_exception = matches!(bound.value, Raw::EndOfMibView | Raw::NoSuchObject | Raw::NoSuchInstance);
        if is_exception || bound.oid.strip_prefix(&column.root).is_none() {
            return Step::End;
        }
        if bound.oid <= column.cursor && (bound.oid == column.cursor || self.rows.contains_key(&bound.oid)) {
            return Step::Fault(
                Reason::Protocol,
                format!(
                    "the device repeats itself: {} comes again after {}; the {} rows before are kept",
                    bound.oid, column.cursor, column.rows
                ),
            );
        }
        if column.rows >= self.limits.rows {
            let detail = format!("more than {} rows: the rest is not read", self.limits.rows);
            return Step::Fault(Reason::Limit, detail);
        }
        Step::Row
    }

    /// No answer came, or an error: asks in another way, or gives a column up.
    ///
    /// Each branch asks for less than before or closes a column, so that a walk always ends.
    fn setback(&mut self, walk: &mut Walk, asked: Asked, error: &WireError) {
        if self.stopped.is_some() {
            return;
        }
        match error {
            WireError::Status { status: ErrorStatus::NoSuchName, index } => {
                self.end_of_view(walk, asked, *index);
            }
            WireError::Status { status: ErrorStatus::TooBig, .. } | WireError::TooLarge => {
                self.too_big(walk, asked, error);
            }
            WireError::Status { index, .. } => self.refused(walk, asked, *index, error),
            WireError::Timeout { .. } if asked.bulk.is_some() => walk.trial = Some(Trial::Silence),
            _ if asked.bulk.is_some() => walk.trial = Some(Trial::Nonsense),
            _ => {
                walk.trial = None;
                if asked.columns > 1 {
                    walk.width = 1;
                } else {
                    self.give_up(walk, 0, error);
                }
            }
        }
    }

    /// How v1 says that nothing follows (RFC 1157, section 4.1.3).
    fn end_of_view(&mut self, walk: &mut Walk, asked: Asked, index: Option<usize>) {
        match index.filter(|index| *index < asked.columns) {
            Some(index) => {
                walk.open.remove(index);
            }
            None if asked.columns > 1 => walk.width = 1,
            None => {
                walk.open.pop_front();
            }
        }
    }

    fn too_big(&mut self, walk: &mut Walk, asked: Asked, error: &WireError) {
        if asked.bulk.is_some_and(|repetitions| repetitions > 1) {
            let repetitions = usize::try_from(asked.bulk.unwrap_or(1)).unwrap_or(1);
            walk.instances = (repetitions / 2).max(1).saturating_mul(asked.columns);
            self.habits.instances = walk.instances;
        } else if asked.columns > 1 {
            walk.width = asked.columns / 2;
            self.habits.width = walk.width;
        } else {
            self.give_up(walk, 0, error);
        }
    }

    /// The agent answers with an error: finds the column that it is about.
    fn refused(&mut self, walk: &mut Walk, asked: Asked, index: Option<usize>, error: &WireError) {
        let culprit = index.filter(|index| *index < asked.columns && asked.bulk.is_none());
        if let Some(culprit) = culprit {
            self.give_up(walk, culprit, error);
        } else if asked.columns > 1 {
            walk.width = 1;
        } else if asked.bulk.is_some_and(|repetitions| repetitions > 1) {
            let repetitions = usize::try_from(asked.bulk.unwrap_or(1)).unwrap_or(1);
            walk.instances = (repetitions / 2).max(1);
        } else if asked.bulk.is_some() && self.habits.bulk == Bulk::Untried {
            walk.trial = Some(Trial::Nonsense);
        } else {
            self.give_up(walk, 0, error);
        }
    }

    fn give_up(&mut self, walk: &mut Walk, index: usize, error: &WireError) {
        walk.instances = self.habits.instances;
        walk.trial = None;
        if let Some(column) = walk.open.remove(index) {
            let detail = format!("{error}; the {} rows before are kept", column.rows);
            self.fault(error.reason(), column.root.to_string(), detail);
        }
    }
}

impl Column {
    fn new(root: &Oid) -> Self {
        Self { root: root.clone(), cursor: root.clone(), rows: 0 }
    }
}

/// Columns by their table entry, which is what they have in common but for the last number.
fn tables(columns: &[Oid]) -> Vec<Vec<Oid>> {
    let mut tables: BTreeMap<&[u32], Vec<Oid>> = BTreeMap::new();
    for column in columns {
        let entry = column.as_slice().split_last().map_or(&[][..], |(_, entry)| entry);
        tables.entry(entry).or_default().push(column.clone());
    }
    tables
        .into_values()
        .map(|mut table| {
            table.sort_unstable();
            table.dedup();
            table
        })
        .collect()
}
