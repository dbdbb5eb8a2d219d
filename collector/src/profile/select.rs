//! Selection: which profiles a device has, what to ask it, and what its answers mean.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::ReportBuilder;

use super::evaluate::{Description, Trace, evaluate, frames};
use super::field::Seen;
use super::load::{Known, Profiles};
use super::memory::Memory;
use super::program::{Alternative, Head, Program};
use super::rows::{SCALARS, Shape};
use super::source::{Objects, Oid, Request, Value};

/// sysDescr.0 (SNMPv2-MIB, RFC 3418).
const SYS_DESCR: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 1, 0];
/// sysObjectID.0.
const SYS_OBJECT_ID: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 2, 0];

/// The profiles of one device.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The most specific first, so that its readings count where two have the same identity.
    chosen: Vec<Chosen>,
}

#[derive(Clone, Debug)]
struct Chosen {
    profile: Arc<Known>,
    program: Arc<Program>,
    /// For each shape, whether it is evaluated.
    enabled: Vec<bool>,
}

impl Profiles {
    /// Objects whose presence matters for the selection: each is present if the device has it, or anything below it.
    pub fn probes(&self) -> BTreeSet<&Oid> {
        let alternatives = self.known.iter().flat_map(|profile| &profile.head.alternatives);
        alternatives.filter_map(|alternative| alternative.present.as_ref()).collect()
    }

    /// The profiles for a device that says this of itself.
    pub fn select(
        &self,
        sys_object_id: Option<&Oid>,
        sys_descr: &str,
        present: impl Fn(&Oid) -> bool,
    ) -> Selection {
        let mut matching: Vec<(usize, &Arc<Known>)> = Vec::new();
        for profile in &self.known {
            let ranks = profile.head.alternatives.iter();
            let rank = ranks.filter_map(|one| one.rank(sys_object_id, sys_descr, &present)).max();
            matching.extend(rank.map(|rank| (rank, profile)));
        }
        matching.sort_by(|left, right| right.0.cmp(&left.0).then_with(|| left.1.name().cmp(right.1.name())));
        let replaced: BTreeSet<&str> =
            matching.iter().flat_map(|(_, profile)| &profile.head.replaces).map(String::as_str).collect();
        let chosen = matching
            .iter()
            .filter(|(_, profile)| !replaced.contains(profile.name()))
            .filter_map(|(_, profile)| Chosen::of(profile, &replaced))
            .collect();
        Selection { chosen }
    }
}

impl Profiles {
    /// The profiles for a device of which everything is known, as in a recording.
    pub fn select_for(&self, objects: &Objects) -> Selection {
        let get = |numbers: &[u32]| objects.get(&Oid::new(numbers));
        let id = match get(SYS_OBJECT_ID) {
            Some(Value::Oid(oid)) => Some(oid),
            _ => None,
        };
        let descr = get(SYS_DESCR).map(|value| {
            let mut text = String::new();
            Seen::of(value).write(&mut text);
            text
        });
        self.select(id, descr.as_deref().unwrap_or(""), |oid| objects.has(oid))
    }
}

impl Alternative {
    /// How specific the match is: the length of the sysObjectID prefix. None where it doesn't match.
    fn rank(&self, id: Option<&Oid>, descr: &str, present: &impl Fn(&Oid) -> bool) -> Option<usize> {
        let prefixes =
            self.object_ids.iter().filter(|prefix| id.is_some_and(|id| id.strip_prefix(prefix).is_some()));
        let rank = prefixes.map(|prefix| prefix.as_slice().len()).max();
        let rank = if self.object_ids.is_empty() { 0 } else { rank? };
        let matches = self.descr.as_ref().is_none_or(|pattern| pattern.is_match(descr))
            && self.present.as_ref().is_none_or(present);
        matches.then_some(rank)
    }
}

impl Head {
    /// Whether a `replaces` entry means this profile or a table of it.
    pub(super) fn answers_to(&self, name: &str) -> bool {
        match name.split_once('/') {
            None => self.name == name,
            Some((profile, table)) => self.name == profile && self.tables.iter().any(|own| own == table),
        }
    }
}

impl Chosen {
    /// All of a profile but what others replace.
    fn of(profile: &Arc<Known>, replaced: &BTreeSet<&str>) -> Option<Self> {
        let program = profile.program()?;
        let name = |shape: &Shape| format!("{}/{}", profile.name(), shape.name);
        let enabled = program.shapes.iter().map(|shape| !replaced.contains(name(shape).as_str())).collect();
        Some(Self { profile: Arc::clone(profile), program, enabled })
    }

    /// The shapes whose objects are needed: those that are evaluated, and those they are joined to.
    fn needed(&self) -> Vec<&Shape> {
        let shapes = &self.program.shapes;
        let mut needed = self.enabled.clone();
        // A join leads one table further; there are no more steps than tables.
        for _ in 0..shapes.len() {
            for (at, shape) in shapes.iter().enumerate() {
                if needed.get(at).copied().unwrap_or(false) {
                    for link in &shape.links {
                        if let Some(target) = needed.get_mut(link.table) {
                            *target = true;
                        }
                    }
                }
            }
        }
        shapes.iter().zip(needed).filter(|(_, needed)| *needed).map(|(shape, _)| shape).collect()
    }
}

impl Selection {
    /// Names of the profiles, the most specific first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.chosen.iter().map(|chosen| chosen.profile.name())
    }

    /// Whether nothing matched.
    pub fn is_empty(&self) -> bool {
        self.chosen.is_empty()
    }

    /// What to ask the device at each poll.
    pub fn request(&self) -> Request {
        let mut scalars = BTreeSet::new();
        let mut columns = BTreeSet::new();
        for chosen in &self.chosen {
            scalars.extend(
                chosen.program.shapes.get(SCALARS).into_iter().flat_map(|shape| shape.columns.clone()),
            );
            for shape in chosen.needed().into_iter().filter(|shape| !shape.name.is_empty()) {
                columns.extend(shape.columns.iter().cloned());
            }
        }
        Request { scalars: scalars.into_iter().collect(), columns: columns.into_iter().collect() }
    }

    /// Records what the answers mean, and gives what the device says of itself.
    pub fn evaluate(&self, objects: &Objects, report: &mut ReportBuilder) -> Description {
        self.evaluate_each(objects, report, None, None)
    }

    /// As [`evaluate`](Self::evaluate), with the same result, and spares what has not changed since the last
    /// time. A memory belongs to one selection.
    pub fn evaluate_again(
        &self,
        memory: &mut Memory,
        objects: &Objects,
        report: &mut ReportBuilder,
    ) -> Description {
        self.evaluate_each(objects, report, None, Some(memory))
    }

    /// As [`evaluate`](Self::evaluate), and tells `trace` of each sample and its origin.
    pub fn evaluate_traced(
        &self,
        objects: &Objects,
        report: &mut ReportBuilder,
        trace: Option<Trace<'_>>,
    ) -> Description {
        self.evaluate_each(objects, report, trace, None)
    }

    fn evaluate_each(
        &self,
        objects: &Objects,
        report: &mut ReportBuilder,
        mut trace: Option<Trace<'_>>,
        mut memory: Option<&mut Memory>,
    ) -> Description {
        let mut description = Description::default();
        for (at, chosen) in self.chosen.iter().enumerate() {
            let frames = frames(&chosen.program, objects);
            let enabled = |table: usize| chosen.enabled.get(table).copied().unwrap_or(false);
            let trace = trace.as_mut().map(|trace| &mut **trace as Trace<'_>);
            let memory = memory.as_mut().map(|memory| memory.tables(at, &chosen.program, report));
            evaluate(&chosen.program, &frames, enabled, report, trace, memory);
            description.complete(&chosen.program, &frames);
        }
        if !self.chosen.is_empty() {
            description.record(report);
        }
        description
    }
}
