//! One device behind its socket: from a datagram to the answer, if any.
//!
//! Ties communities and USM, the recording and the faults together. Does no I/O and reads no clock: the time
//! since the device began is an argument, waiting is left to the caller.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use snmp2::snmp;

use super::codec::{CodecError, Message, Pdu, Request, Scoped, V3Message};
use super::engine::{Engine, Exchange, Incoming};
use super::faults::{ErrorStatus, Fault, FaultRule, FaultSet};
use super::live::Moment;
use super::oid::Oid;
use super::overrides::{Override, Overrides};
use super::recording::Recording;
use super::respond::{View, failure, respond};
use super::user::User;

/// What a datagram holds without fragments on Ethernet, the usual limit of small agents.
pub const DEFAULT_MAX_RESPONSE: usize = 1_472;

/// The least that every sender takes, RFC 3412 section 6.2.
const MIN_MAX_SIZE: usize = 484;

/// What lengths and padding of the layers around the bindings add at most: 2 octets for each of 7 nested
/// lengths that outgrow their short form, and 7 octets of DES padding.
const LAYERS: usize = 21;

/// What an agent that sends [`Fault::Garbage`] sends.
const GARBAGE: &[u8] = b"\x30\x82\xff\xff<html>502 Bad Gateway</html>\0\x81\xfe";

/// How an agent is asked.
#[derive(Clone, Debug)]
pub struct AgentOptions {
    /// The communities of v1 and v2c: `None` takes any, an empty list none.
    pub communities: Option<Vec<String>>,
    /// The users of v3.
    pub users: Arc<[User]>,
    /// The largest response, in octets.
    pub max_response: usize,
    /// The agent's number: of its engine id, its live values and its suffixes. A fleet counts up from it.
    pub seed: u64,
}

impl Default for AgentOptions {
    fn default() -> Self {
        Self { communities: None, users: Arc::new([]), max_response: DEFAULT_MAX_RESPONSE, seed: 1 }
    }
}

/// What an agent was asked so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// GET requests.
    pub get: u64,
    /// GETNEXT requests.
    pub get_next: u64,
    /// GETBULK requests.
    pub get_bulk: u64,
    /// SET and other requests, all refused.
    pub other: u64,
    /// Reports sent: discoveries and refusals of v3.
    pub reports: u64,
    /// Requests with a community that the agent does not know.
    pub wrong_community: u64,
    /// Datagrams that are no message.
    pub malformed: u64,
    /// Requests left without an answer by a fault.
    pub unanswered: u64,
}

#[derive(Debug, Default)]
struct Counters {
    get: AtomicU64,
    get_next: AtomicU64,
    get_bulk: AtomicU64,
    other: AtomicU64,
    reports: AtomicU64,
    wrong_community: AtomicU64,
    malformed: AtomicU64,
    unanswered: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// An answer and when it goes out.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) message: Vec<u8>,
    /// How long requests behind this one wait too.
    pub(crate) hold: Duration,
    /// How long only this answer waits.
    pub(crate) late: Duration,
}

/// One device.
#[derive(Debug)]
pub(crate) struct Device {
    recording: Arc<Recording>,
    options: Arc<AgentOptions>,
    seed: u64,
    counters: Counters,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    faults: FaultSet,
    overrides: Overrides,
    engine: Engine,
    generation: u32,
}

/// What goes around the response.
enum Envelope<'a> {
    Community { version: i64, community: &'a [u8] },
    V3 { exchange: Exchange<'a>, engine: Vec<u8>, context: Vec<u8> },
}

impl Device {
    pub(crate) fn new(recording: Arc<Recording>, options: Arc<AgentOptions>, seed: u64) -> Self {
        let engine = Engine::new(seed, 0, options.users.clone(), Duration::ZERO);
        let (faults, overrides) = (FaultSet::default(), Overrides::default());
        let state = Mutex::new(State { faults, overrides, engine, generation: 0 });
        Self { recording, options, seed, counters: Counters::default(), state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_faults(&self, rules: Vec<FaultRule>, now: Duration) {
        let mut state = self.state();
        let faults = FaultSet::new(rules);
        let replaced =
            faults.contains(&Fault::ReplacedEngine) && !state.faults.contains(&Fault::ReplacedEngine);
        state.faults = faults;
        drop(state);
        if replaced {
            self.replace_engine(now);
        }
    }

    pub(crate) fn set_overrides(&self, overrides: impl IntoIterator<Item = (Oid, Override)>) {
        self.state().overrides = Overrides::new(overrides);
    }

    pub(crate) fn replace_engine(&self, now: Duration) {
        let mut state = self.state();
        state.generation = state.generation.wrapping_add(1);
        state.engine = Engine::new(self.seed, state.generation, self.options.users.clone(), now);
    }

    pub(crate) fn reboot_engine(&self, now: Duration) {
        self.state().engine.reboot(now);
    }

    pub(crate) fn engine_id(&self) -> Vec<u8> {
        self.state().engine.id().to_vec()
    }

    pub(crate) fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            get: read(&self.counters.get),
            get_next: read(&self.counters.get_next),
            get_bulk: read(&self.counters.get_bulk),
            other: read(&self.counters.other),
            reports: read(&self.counters.reports),
            wrong_community: read(&self.counters.wrong_community),
            malformed: read(&self.counters.malformed),
            unanswered: read(&self.counters.unanswered),
        }
    }

    /// What a datagram that arrives at `now` is answered with.
    pub(crate) fn answer(&self, datagram: &[u8], now: Duration) -> Option<Answer> {
        let mut state = self.state();
        let answer = self.dispatch(&mut state, datagram, now).unwrap_or_else(|error| {
            tracing::debug!(%error, octets = datagram.len(), "datagram dropped");
            count(&self.counters.malformed);
            None
        });
        state.faults.settle();
        answer
    }

    fn dispatch(
        &self,
        state: &mut State,
        datagram: &[u8],
        now: Duration,
    ) -> Result<Option<Answer>, CodecError> {
        match Message::decode(datagram)? {
            Message::Community { version, community, pdu } => {
                let request = Request::decode(pdu)?;
                if !self.knows(community) {
                    count(&self.counters.wrong_community);
                    return Ok(None);
                }
                Ok(self.respond(state, Envelope::Community { version, community }, &request, false, now))
            }
            Message::V3(message) => self.dispatch_v3(state, datagram, &message, now),
        }
    }

    fn dispatch_v3(
        &self,
        state: &mut State,
        datagram: &[u8],
        message: &V3Message<'_>,
        now: Duration,
    ) -> Result<Option<Answer>, CodecError> {
        match state.engine.accept(datagram, message, now) {
            Incoming::Ignored => Ok(None),
            Incoming::Refused(report) => {
                count(&self.counters.reports);
                Ok(if self.is_silent(state, &[], 0) { None } else { Some(spoil(&state.faults, &[], report)) })
            }
            Incoming::Genuine { exchange, scoped, below } => {
                let scoped = Scoped::decode(&scoped)?;
                let request = Request::decode(scoped.pdu)?;
                let (engine, context) = (scoped.engine.to_vec(), scoped.context.to_vec());
                Ok(self.respond(state, Envelope::V3 { exchange, engine, context }, &request, below, now))
            }
        }
    }

    fn knows(&self, community: &[u8]) -> bool {
        let known = self.options.communities.as_ref();
        known.is_none_or(|known| known.iter().any(|known| known.as_bytes() == community))
    }

    fn respond(
        &self,
        state: &mut State,
        envelope: Envelope<'_>,
        request: &Request<'_>,
        below: bool,
        now: Duration,
    ) -> Option<Answer> {
        count(match request.tag {
            snmp::MSG_GET => &self.counters.get,
            snmp::MSG_GET_NEXT => &self.counters.get_next,
            snmp::MSG_GET_BULK => &self.counters.get_bulk,
            _ => &self.counters.other,
        });
        let v1 = matches!(envelope, Envelope::Community { version: 0, .. });
        let answerable = matches!(request.tag, snmp::MSG_GET | snmp::MSG_GET_NEXT | snmp::MSG_SET)
            || request.tag == snmp::MSG_GET_BULK && !v1;
        if !answerable || self.is_silent(state, &request.names, request.tag) {
            return None;
        }
        let State { faults, overrides, engine, .. } = state;
        let moment = Moment { seed: self.seed, elapsed: now };
        let view = View { recording: &self.recording, faults, overrides, moment, v1 };
        let empty = Pdu {
            tag: snmp::MSG_RESPONSE,
            id: request.id,
            error_status: 0,
            error_index: 0,
            bindings: vec![],
        };
        let around = envelope.seal(engine, &empty, now)?.len().saturating_add(LAYERS);
        let room = envelope.max_size(&self.options).saturating_sub(around);
        let mut pdu = match below {
            true => failure(view, request, ErrorStatus::AuthorizationError, 0),
            false => respond(view, request, room),
        };
        let wrong_id = |fault: &Fault| (*fault == Fault::WrongRequestId).then_some(());
        if faults.on_request(&request.names, wrong_id).is_some() {
            pdu.id = i64::from(!(pdu.id as i32));
        }
        Some(spoil(faults, &request.names, envelope.seal(engine, &pdu, now)?))
    }

    fn is_silent(&self, state: &State, names: &[Oid], tag: u8) -> bool {
        let silent = |fault: &Fault| match fault {
            Fault::Silent => Some(()),
            Fault::NoGetbulk if tag == snmp::MSG_GET_BULK => Some(()),
            _ => None,
        };
        let silent = state.faults.drops(names) || state.faults.on_request(names, silent).is_some();
        if silent {
            count(&self.counters.unanswered);
        }
        silent
    }
}

impl Envelope<'_> {
    fn max_size(&self, options: &AgentOptions) -> usize {
        match self {
            Self::Community { .. } => options.max_response,
            Self::V3 { exchange, .. } => options.max_response.min(exchange.max_size.max(MIN_MAX_SIZE)),
        }
    }

    fn seal(&self, engine: &mut Engine, pdu: &Pdu, now: Duration) -> Option<Vec<u8>> {
        match self {
            Self::Community { version, community } => Some(pdu.in_community(*version, community)),
            Self::V3 { exchange, engine: scope, context } => {
                engine.seal(exchange, &pdu.in_scope(scope, context), now)
            }
        }
    }
}

/// Applies the faults of messages and of time.
fn spoil(faults: &FaultSet, names: &[Oid], mut message: Vec<u8>) -> Answer {
    let garbage = |fault: &Fault| (*fault == Fault::Garbage).then_some(());
    let truncated = |fault: &Fault| (*fault == Fault::Truncated).then_some(());
    if faults.on_request(names, garbage).is_some() {
        message = GARBAGE.to_vec();
    }
    if faults.on_request(names, truncated).is_some() {
        message.truncate(message.len() / 2);
    }
    let hold = faults.on_request(names, |fault| match fault {
        Fault::Delay { ms } => Some(Duration::from_millis(*ms)),
        _ => None,
    });
    let late = faults.on_request(names, |fault| match fault {
        Fault::LateReply { ms } => Some(Duration::from_millis(*ms)),
        _ => None,
    });
    Answer { message, hold: hold.unwrap_or_default(), late: late.unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snmp::codec::{V3Header, push_binding};
    use crate::snmp::value::Value;

    fn device() -> Device {
        let recording = Recording::parse(b"1.3.6.1.2.1.1.5.0|4|pdu\n").unwrap();
        let options = AgentOptions { users: Arc::new([User::new("guest")]), ..AgentOptions::default() };
        Device::new(Arc::new(recording), Arc::new(options), 1)
    }

    /// A GETBULK of version 3 without authentication.
    fn bulk(device: &Device) -> Vec<u8> {
        let engine = device.engine_id();
        let mut bindings = Vec::new();
        push_binding(&mut bindings, &"1.3.6".parse().unwrap(), &Value::Null);
        let pdu = Pdu { tag: snmp::MSG_GET_BULK, id: 9, error_status: 0, error_index: 5, bindings };
        let header = V3Header {
            id: 1,
            flags: snmp::V3_MSG_FLAGS_REPORTABLE,
            engine: &engine,
            boots: 1,
            time: 0,
            user: b"guest",
            digest_length: 0,
            salt: &[],
        };
        header.message(&pdu.in_scope(&engine, b""))
    }

    /// Every octet of a request changed to every value: an answer, a report or silence, and the device goes on.
    #[test]
    fn damaged_requests_do_no_harm() {
        let device = device();
        let good = bulk(&device);
        let whole = device.answer(&good, Duration::ZERO).unwrap();
        for position in 0..good.len() {
            let mut damaged = good.clone();
            for octet in 0..=255 {
                damaged[position] = octet;
                device.answer(&damaged, Duration::ZERO);
            }
            device.answer(&good[..position], Duration::ZERO);
        }
        let stats = device.stats();
        assert!(stats.malformed > 0 && stats.reports > 0 && stats.get_bulk > 1, "{stats:?}");
        assert_eq!(device.answer(&good, Duration::ZERO), Some(whole));
    }

    #[test]
    fn delays_are_told_to_the_caller() {
        let device = device();
        let wait = |fault: Fault| {
            device.set_faults(vec![fault.into()], Duration::ZERO);
            let answer = device.answer(&bulk(&device), Duration::ZERO).unwrap();
            (answer.hold.as_millis(), answer.late.as_millis())
        };
        assert_eq!(wait(Fault::Delay { ms: 500 }), (500, 0));
        assert_eq!(wait(Fault::LateReply { ms: 700 }), (0, 700));
    }
}
