//! Polls one device over SNMP: is it there, what is it, what do its profiles ask for, what does it mean.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use model::{Fault, PollError, Reason, ReportBuilder};
use tokio::time::Instant;

use super::diagnose::Finding;
use super::error::WireError;
use super::fetch::{Fetch, POLL_LIMITS};
use super::habits::{Bulk, Habits};
use super::identity::Identity;
use super::session::{Security, Session};
use super::transport::Snmp;
use super::wire::{Ask, Bound, Wire};
use crate::driver::Driver;
use crate::profile::source::{Objects, Oid, Request};
use crate::profile::{Memory, Profiles, Selection};
use crate::target::Target;

/// The part of a poll, one in so many, that is kept for a second look at a device that doesn't answer:
/// without it a poll shorter than its retries would end without a cause.
const SECOND_LOOK: u32 = 4;

/// Longest time for which a selection of profiles stands, whatever the target asks for.
const MAX_SELECTION: Duration = Duration::from_secs(24 * 60 * 60);

/// Intervals after which a device is looked at again that did not answer all of the questions for profiles:
/// most have lost a packet, some never answer one of them.
const LOOK_AGAIN: u32 = 5;

/// Longest time for one poll, so that deadlines stay representable.
const MAX_DEADLINE: Duration = Duration::from_secs(60 * 60);

/// Polls one device over SNMP.
pub struct SnmpDriver {
    target: Arc<Target>,
    profiles: Arc<Profiles>,
    session: Session,
    habits: Habits,
    known: Option<Known>,
}

/// A device that was identified.
struct Known {
    identity: Identity,
    generation: u64,
    /// When the profiles are selected anew at the latest: a card that was plugged in is found then.
    until: Instant,
    selection: Selection,
    memory: Memory,
    request: Request,
}

impl SnmpDriver {
    /// For one target. Asks nothing yet.
    ///
    /// # Errors
    /// [`Reason::Config`]: the credentials cannot be used.
    pub fn new(snmp: Arc<Snmp>, target: Arc<Target>, profiles: Arc<Profiles>) -> Result<Self, PollError> {
        let session =
            Session::new(snmp, &target).map_err(|error| PollError::new(error.reason(), error.to_string()))?;
        let habits = Habits::new(session.has_bulk(), target.max_repetitions);
        Ok(Self { target, profiles, session, habits, known: None })
    }

    /// The name of the target, for logs.
    fn name(&self) -> &str {
        &self.target.device.name
    }

    /// Asks the device what it is.
    async fn greet(&mut self, deadline: Instant) -> Result<Vec<Bound>, WireError> {
        let objects = Identity::objects();
        let patience = deadline.saturating_duration_since(Instant::now());
        let waited = patience.saturating_sub(patience / SECOND_LOOK);
        let silence = WireError::Timeout { address: self.session.address(), waited };
        let greeting = self.session.ask(Ask::Get(&objects));
        let answer = tokio::time::timeout(waited, greeting).await;
        let refusal = match answer.unwrap_or(Err(silence)) {
            Ok(answer) if answer.covered == objects.len() => return Ok(answer.bound),
            Ok(_) => None,
            Err(error @ WireError::Status { .. }) => Some(error),
            Err(error) => return Err(error),
        };
        // It lives, and lacks one of them (v1), or takes no three at once.
        let mut fetch = Fetch::new(&mut self.session, &mut self.habits, deadline, POLL_LIMITS);
        fetch.scalars(&objects).await;
        let failed = fetch.stopped.take().or(refusal.filter(|_| !fetch.faults.is_empty()));
        match failed {
            Some(error) if fetch.rows.is_empty() => Err(error),
            _ => Ok(fetch.rows.into_iter().map(|(oid, value)| Bound { oid, value }).collect()),
        }
    }

    /// Why the device is down, after a second look where that can tell.
    async fn explain(&mut self, error: WireError, deadline: Instant) -> PollError {
        let finding = match error {
            WireError::Timeout { .. } => {
                let look = self.session.diagnose();
                tokio::time::timeout_at(deadline, look).await.unwrap_or(Finding::Silent)
            }
            _ => Finding::Silent,
        };
        self.session.forget_address();
        explain(&error, finding, &self.session)
    }

    /// Selects the profiles anew if this may be another device than before, or has other parts by now.
    async fn identify(&mut self, identity: Identity, deadline: Instant) {
        let generation = self.session.generation();
        match &mut self.known {
            Some(known) if known.generation == generation && known.identity.continues_as(&identity) => {
                known.identity = identity.clone();
                if Instant::now() < known.until {
                    return;
                }
            }
            _ => {
                self.habits = Habits::new(self.session.has_bulk(), self.target.max_repetitions);
                self.known = None;
            }
        }
        let (present, whole) = self.probe(deadline).await;
        let is_present = |oid: &Oid| present.column(oid).next().is_some();
        let selection = self.profiles.select(identity.object_id.as_ref(), &identity.descr, is_present);
        // What was not answered may be there.
        let soon = if whole { MAX_SELECTION } else { self.target.interval.saturating_mul(LOOK_AGAIN) };
        let until = Instant::now() + self.target.inventory_interval.min(soon).min(MAX_SELECTION);
        if let Some(known) = &mut self.known
            && (!whole || selection.names().eq(known.selection.names()))
        {
            known.until = until;
            return;
        }
        tracing::info!(
            target_name = self.name(),
            object_id = identity.object_id.as_ref().map(ToString::to_string),
            descr = identity.descr,
            profiles = selection.names().collect::<Vec<_>>().join(" "),
            "identified a device over SNMP"
        );
        let request = selection.request();
        self.known =
            Some(Known { identity, generation, until, selection, memory: Memory::default(), request });
    }

    /// Which of the objects that profiles ask about the device has, and whether it answered to the end. An
    /// object that it fails at counts as absent.
    async fn probe(&mut self, deadline: Instant) -> (Objects, bool) {
        let probes: BTreeSet<Oid> = self.profiles.probes().into_iter().cloned().collect();
        let (scalars, subtrees): (Vec<_>, Vec<_>) =
            probes.into_iter().partition(|oid| oid.as_slice().last() == Some(&0));
        let mut fetch = Fetch::new(&mut self.session, &mut self.habits, deadline, POLL_LIMITS);
        fetch.scalars(&scalars).await;
        fetch.firsts(&subtrees).await;
        let whole =
            fetch.stopped.is_none() && !fetch.faults.iter().any(|fault| fault.reason == Reason::Timeout);
        (fetch.finish().0, whole)
    }

    /// Reads what the profiles ask for; what the greeting has brought is not asked again.
    async fn read(&mut self, greeting: Vec<Bound>, deadline: Instant) -> (Objects, Vec<Fault>) {
        let before = self.habits;
        let mut fetch = Fetch::new(&mut self.session, &mut self.habits, deadline, POLL_LIMITS);
        greeting.into_iter().for_each(|bound| fetch.keep(bound));
        if let Some(Known { request, .. }) = &self.known {
            fetch.run(request).await;
        }
        let read = fetch.finish();
        if self.habits.bulk == Bulk::Broken && before.bulk != Bulk::Broken {
            tracing::warn!(target_name = self.name(), "the device fails at GETBULK: reading it by GETNEXT");
        } else if self.habits != before {
            tracing::debug!(target_name = self.name(), habits = ?self.habits, "learned how the device likes to be asked");
        }
        read
    }
}

impl Driver for SnmpDriver {
    async fn poll(&mut self, report: &mut ReportBuilder) -> Result<(), PollError> {
        let deadline = Instant::now() + self.target.deadline.min(MAX_DEADLINE);
        self.session.begin();
        let greeting = match self.greet(deadline).await {
            Ok(greeting) => greeting,
            Err(error) => return Err(self.explain(error, deadline).await),
        };
        self.identify(Identity::from_bound(&greeting), deadline).await;
        let (objects, faults) = self.read(greeting, deadline).await;
        for Fault { reason, subject, detail } in faults {
            report.fault(reason, subject, detail);
        }
        match &mut self.known {
            Some(known) if !known.selection.is_empty() => {
                known.selection.evaluate_again(&mut known.memory, &objects, report);
            }
            _ => report.fault(Reason::Missing, "profile", "no device profile matches this device"),
        }
        Ok(())
    }

    async fn close(&mut self) {
        self.session.forget_address();
    }
}

/// The words for a device that is down.
fn explain(error: &WireError, finding: Finding, session: &Session) -> PollError {
    let address = session.address();
    let (reason, words) = match (finding, session.security()) {
        (Finding::Refused, _) => (
            Reason::Unreachable,
            format!(
                "nothing listens at {address} (UDP): switch SNMP on at the device, or correct the address and port"
            ),
        ),
        (Finding::Garbage, _) => (
            Reason::Protocol,
            format!(
                "what answers at {address} doesn't speak SNMP: correct the address and port, or restart the agent"
            ),
        ),
        (Finding::Agent, Security::Community) => (
            Reason::Auth,
            format!(
                "the agent at {address} is there and stays silent: check the community, the device's list of \
                 allowed addresses, and that this SNMP version is switched on"
            ),
        ),
        (Finding::Agent, Security::Private) => (
            Reason::Auth,
            format!(
                "the agent at {address} is there and stays silent: check the privacy password and protocol \
                 (agents cannot read a request that is encrypted otherwise), and the device's list of allowed addresses"
            ),
        ),
        (Finding::Agent, Security::Plain) => (
            Reason::Timeout,
            format!(
                "{error}, though its SNMPv3 engine answers: check the device's list of allowed addresses, or raise \
                 the timeout"
            ),
        ),
        (Finding::Silent, Security::Community) if matches!(error, WireError::Timeout { .. }) => (
            Reason::Timeout,
            format!(
                "{error}: the device is down, a firewall is in between, or the community is wrong (agents stay \
                 silent then)"
            ),
        ),
        (Finding::Silent, _) if matches!(error, WireError::Timeout { .. }) => (
            Reason::Timeout,
            format!("{error}: the device is down, a firewall is in between, or SNMPv3 is switched off"),
        ),
        (Finding::Silent, _) => (error.reason(), error.to_string()),
    };
    PollError::new(reason, words)
}
