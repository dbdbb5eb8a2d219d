//! An agent in memory, with the faults that agents have.

use std::collections::BTreeMap;
use std::time::Duration;

use async_snmp::{ErrorStatus, Value as Raw};

use crate::driver::snmp::error::WireError;
use crate::driver::snmp::wire::{Answer, Ask, Bound, Wire};
use crate::profile::source::Oid;

pub(super) fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

pub(super) fn oids(texts: &[&str]) -> Vec<Oid> {
    texts.iter().map(|text| oid(text)).collect()
}

/// What an agent does wrong.
#[derive(Clone, Default)]
pub(super) struct Faults {
    /// Speaks SNMPv1.
    pub(super) v1: bool,
    /// Stays silent on GETBULK.
    pub(super) deaf_to_bulk: bool,
    /// Answers GETBULK with genErr.
    pub(super) refuses_bulk: bool,
    /// Most bindings of an answer; more are tooBig.
    pub(super) most: Option<usize>,
    /// Answers nothing after this many requests.
    pub(super) dies_after: Option<usize>,
    /// genErr when this is among the answer, without an index.
    pub(super) breaks_at: Option<Oid>,
    /// Sends garbage when this is among the answer.
    pub(super) garbles: Option<Oid>,
    /// What follows an instance, against the order.
    pub(super) follows: BTreeMap<Oid, Oid>,
    /// Numbers without end below this.
    pub(super) endless: Option<Oid>,
    /// Time that each answer takes.
    pub(super) takes: Duration,
}

/// An agent, and what it was asked.
pub(super) struct Agent {
    pub(super) rows: BTreeMap<Oid, Raw>,
    pub(super) faults: Faults,
    /// For each request: its kind, the columns, the repetitions.
    pub(super) asked: Vec<(char, usize, u32)>,
}

impl Agent {
    pub(super) fn new(faults: Faults) -> Self {
        Self { rows: BTreeMap::new(), faults, asked: Vec::new() }
    }

    /// With columns 1 to `columns` of the table `1.3.9.1`, rows 1 to `rows`; values are row * 100 + column.
    pub(super) fn with_table(columns: u32, rows: u32, faults: Faults) -> Self {
        let mut agent = Self::new(faults);
        for column in 1..=columns {
            for row in 1..=rows {
                let value = Raw::Gauge32(row * 100 + column);
                agent.rows.insert(Oid::new(vec![1, 3, 9, 1, column, row]), value);
            }
        }
        agent
    }

    fn next(&self, after: &Oid) -> Bound {
        if let Some(root) = &self.faults.endless
            && let Some(index) = after.strip_prefix(root)
        {
            let mut next = root.as_slice().to_vec();
            next.push(index.first().map_or(1, |index| index + 1));
            return Bound { oid: Oid::new(next), value: Raw::Integer(1) };
        }
        let next = match self.faults.follows.get(after) {
            Some(next) => self.rows.get_key_value(next),
            None => self.rows.range(after.clone()..).find(|(oid, _)| *oid != after),
        };
        match next {
            Some((oid, value)) => Bound { oid: oid.clone(), value: value.clone() },
            None => Bound { oid: after.clone(), value: Raw::EndOfMibView },
        }
    }

    fn answer(&self, ask: Ask<'_>) -> Vec<Bound> {
        match ask {
            Ask::Get(oids) => {
                let get = |oid: &Oid| self.rows.get(oid).cloned().unwrap_or(Raw::NoSuchInstance);
                oids.iter().map(|oid| Bound { oid: oid.clone(), value: get(oid) }).collect()
            }
            Ask::Next(oids) => oids.iter().map(|oid| self.next(oid)).collect(),
            Ask::Bulk(oids, repetitions) => {
                let mut bound: Vec<Bound> = Vec::new();
                for _ in 0..repetitions {
                    let from: Vec<Oid> = match bound.len() {
                        0 => oids.to_vec(),
                        len => bound[len - oids.len()..].iter().map(|bound| bound.oid.clone()).collect(),
                    };
                    bound.extend(from.iter().map(|oid| self.next(oid)));
                }
                bound
            }
        }
    }
}

impl Wire for Agent {
    async fn ask(&mut self, ask: Ask<'_>) -> Result<Answer, WireError> {
        let (kind, oids, repetitions) = match ask {
            Ask::Get(oids) => ('g', oids, 1),
            Ask::Next(oids) => ('n', oids, 1),
            Ask::Bulk(oids, repetitions) => ('b', oids, repetitions),
        };
        self.asked.push((kind, oids.len(), repetitions));
        let faults = &self.faults;
        let status = |status, index| Err(WireError::Status { status, index });
        let dead = faults.dies_after.is_some_and(|requests| self.asked.len() > requests);
        if dead || (kind == 'b' && faults.deaf_to_bulk) {
            return Err(WireError::Timeout { address: "agent".into(), waited: Duration::from_secs(1) });
        }
        if kind == 'b' && faults.refuses_bulk {
            return status(ErrorStatus::GenErr, None);
        }
        tokio::time::sleep(faults.takes).await;
        let bound = self.answer(ask);
        let holds =
            |oid: &Option<Oid>| oid.as_ref().is_some_and(|oid| bound.iter().any(|bound| bound.oid == *oid));
        if faults.most.is_some_and(|most| bound.len() > most) {
            return status(ErrorStatus::TooBig, None);
        }
        if holds(&faults.garbles) {
            return Err(WireError::Garbled { address: "agent".into() });
        }
        if holds(&faults.breaks_at) {
            return status(ErrorStatus::GenErr, None);
        }
        if let (true, Some(index)) = (faults.v1, bound.iter().position(|bound| bound.value.is_exception())) {
            return status(ErrorStatus::NoSuchName, Some(index));
        }
        Ok(Answer { bound, covered: oids.len() })
    }

    fn has_bulk(&self) -> bool {
        !self.faults.v1
    }
}
