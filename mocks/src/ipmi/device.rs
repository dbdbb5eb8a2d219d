//! One BMC behind its socket: from a datagram to the answer, if any.
//!
//! Ties packets, sessions, commands and faults together; IPMI 2.0 rev 1.1 section 13. Does no I/O and reads no
//! clock: the time since the BMC began is an argument, waiting is left to the caller.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::bmc::{Bmc, Event};
use super::commands::{self, Context, Memory, code, net_fn};
use super::faults::{Fault, FaultRule, FaultSet};
use super::live::{Moment, mix};
use super::options::BmcOptions;
use super::packet::{self, OPEN_SESSION_REQUEST, Packet, RAKP_1, Request};
use super::sdr;
use super::session::Sessions;

/// The most events that a BMC takes while it runs.
const MAX_EVENTS: usize = 256;

/// What a BMC that sends [`Fault::Garbage`] sends.
const GARBAGE: &[u8] = b"\x06\x00\xff\x07\x06\xc0\xff\xff\xff\xffHTTP/1.1 400 Bad Request\0\x81\xfe";

/// What is the same for all BMCs of a fleet.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) bmc: Bmc,
    pub(crate) records: Vec<Vec<u8>>,
    pub(crate) options: Arc<BmcOptions>,
}

impl Shared {
    pub(crate) fn new(bmc: Bmc, options: BmcOptions) -> Self {
        Self { records: sdr::repository(&bmc), bmc, options: Arc::new(options) }
    }

    /// The GUID of the BMC with a number.
    pub(crate) fn guid_of(&self, seed: u64) -> [u8; 16] {
        let number = u128::from(mix(seed)) << 64 | u128::from(mix(!seed));
        commands::guid(number.to_be_bytes())
    }
}

/// What a BMC was asked so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Datagrams.
    pub datagrams: u64,
    /// Datagrams that are no packet, or whose integrity, sequence number or checksums are wrong.
    pub rejected: u64,
    /// Sessions begun to be set up.
    pub opened: u64,
    /// Sessions set up.
    pub established: u64,
    /// Sessions closed by their console.
    pub closed: u64,
    /// Challenges (RAKP message 2) that no right password has answered.
    pub wrong_passwords: u64,
    /// Whether any user is locked.
    pub locked: bool,
    /// Sessions that stand.
    pub active: usize,
    /// Commands within sessions.
    pub commands: u64,
    /// Sensors read.
    pub readings: u64,
    /// Requests for SDRs.
    pub sdr_reads: u64,
}

/// Answers and when they go out.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    /// In their order.
    pub(crate) packets: Vec<Vec<u8>>,
    /// How long requests behind this one wait too.
    pub(crate) hold: Duration,
    /// How long only this answer waits.
    pub(crate) late: Duration,
}

/// One BMC.
#[derive(Debug)]
pub(crate) struct Device {
    shared: Arc<Shared>,
    seed: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    faults: FaultSet,
    sessions: Sessions,
    memory: Memory,
    stats: Stats,
}

/// What was asked, and the packets to send back.
type Exchange = (Option<(u8, u8)>, Vec<Vec<u8>>);

impl Device {
    pub(crate) fn new(shared: Arc<Shared>, seed: u64) -> Self {
        let sessions = Sessions::new(shared.options.clone(), shared.guid_of(seed), seed);
        let (faults, memory, stats) = (FaultSet::default(), Memory::default(), Stats::default());
        Self { shared, seed, state: Mutex::new(State { faults, sessions, memory, stats }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_faults(&self, rules: Vec<FaultRule>) {
        let mut state = self.state();
        let faults = FaultSet::new(rules);
        if faults.contains(&Fault::Reset) && !state.faults.contains(&Fault::Reset) {
            state.reset();
        }
        state.faults = faults;
    }

    pub(crate) fn reset(&self) {
        self.state().reset();
    }

    pub(crate) fn log(&self, event: Event) {
        let events = &mut self.state().memory.events;
        if events.len() < MAX_EVENTS {
            events.push(event);
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        let state = self.state();
        let logins = state.sessions.logins;
        Stats {
            opened: logins.opened,
            established: logins.established,
            wrong_passwords: logins.challenged.saturating_sub(logins.established),
            locked: (0..self.shared.options.users.len()).any(|user| state.sessions.locked(user)),
            active: state.sessions.active(),
            ..state.stats
        }
    }

    /// What a datagram that arrives at `now` is answered with.
    pub(crate) fn answer(&self, datagram: &[u8], now: Duration) -> Option<Answer> {
        let mut state = self.state();
        state.stats.datagrams += 1;
        state.sessions.expire(now);
        let is_ping = matches!(Packet::decode(datagram), Some(Packet::Ping(_)));
        let is_lost = state.faults.loses(None, is_ping);
        let exchange = if is_lost { None } else { self.dispatch(&mut state, datagram, now) };
        let answer = exchange
            .filter(|(_, packets)| !packets.is_empty())
            .map(|(asked, packets)| state.faults.deliver(asked, packets));
        state.faults.settle();
        answer
    }

    fn dispatch(&self, state: &mut State, datagram: &[u8], now: Duration) -> Option<Exchange> {
        let Some(packet) = Packet::decode(datagram) else {
            state.stats.rejected += 1;
            return None;
        };
        let packets = match packet {
            Packet::Ping(tag) => vec![packet::pong(tag)],
            Packet::Plain { plus, message } => {
                let response = self.outside(message)?;
                vec![if plus {
                    packet::open(packet::PAYLOAD_IPMI, &response)
                } else {
                    packet::plain(&response)
                }]
            }
            Packet::Setup { kind, message } => {
                let reply = match kind {
                    OPEN_SESSION_REQUEST => state.sessions.open(message, &state.faults, now),
                    RAKP_1 => state.sessions.challenge(message, &state.faults, now),
                    _ => state.sessions.establish(message, now),
                };
                // Each answer's payload type is its request's and one more.
                vec![packet::open(kind + 1, &reply?)]
            }
            Packet::Session { session, sequence, covered } => {
                return self.inside(state, session, sequence, covered, now);
            }
        };
        Some((None, packets))
    }

    /// Commands that need no session.
    fn outside(&self, message: &[u8]) -> Option<Vec<u8>> {
        let request = Request::decode(message)?;
        let options = &self.shared.options;
        let outcome = match (request.net_fn, request.command) {
            (net_fn::APP, 0x38) => commands::authentication_capabilities(options, &request),
            (net_fn::APP, 0x54) => commands::cipher_suites(options, &request),
            (net_fn::APP, 0x37) => Ok(self.shared.guid_of(self.seed).to_vec()),
            _ => Err(code::INSUFFICIENT_PRIVILEGE),
        };
        Some(request.response(&commands::octets(outcome)))
    }

    /// Commands within a session.
    fn inside(
        &self,
        state: &mut State,
        id: u32,
        sequence: u32,
        covered: &[u8],
        now: Duration,
    ) -> Option<Exchange> {
        let vector = state.sessions.random();
        let payload = state.sessions.find(id, now).and_then(|(_, active)| {
            let payload = packet::unsealed(&active.keys, covered)?;
            active.admit(sequence).then_some(payload)
        });
        let request = payload.as_deref().and_then(Request::decode);
        let Some(request) = request else {
            state.stats.rejected += 1;
            return None;
        };
        let asked = Some((request.net_fn, request.command));
        if state.faults.strikes(asked, &Fault::Reboot) {
            state.reset();
            return None;
        }
        if state.faults.loses(asked, false) {
            return None;
        }
        state.stats.count(&request);
        let outcome = self.execute(state, id, &request, now);
        let closing = outcome.is_ok() && asked == Some((net_fn::APP, 0x3c));
        let mut message = request.response(&commands::octets(outcome));
        state.faults.spoil_message(asked, &mut message);
        let (console, active) = state.sessions.find(id, now)?;
        let encrypted = active.keys.encrypt(vector, &message)?;
        let number = if state.faults.strikes(asked, &Fault::UsedSequenceNumber) {
            active.last_sequence()
        } else {
            active.next_sequence()
        };
        let mut sealed = packet::sealed(&active.keys, console, number, &encrypted);
        let previous = std::mem::replace(&mut active.last_sent, sealed.clone());
        if closing {
            state.sessions.close(id);
            state.stats.closed += 1;
        }
        let mut packets = Vec::new();
        if !previous.is_empty() && state.faults.strikes(asked, &Fault::ReplayedReply) {
            packets.push(previous);
        }
        if state.faults.strikes(asked, &Fault::BadIntegrity) {
            sealed.iter_mut().last().into_iter().for_each(|octet| *octet ^= 0x01);
        }
        packets.push(sealed);
        Some((asked, packets))
    }

    fn execute(&self, state: &mut State, id: u32, request: &Request<'_>, now: Duration) -> commands::Outcome {
        let options = &self.shared.options;
        let count = state.sessions.active();
        let needed = state.faults.pick(Some((request.net_fn, request.command)), |fault| match fault {
            Fault::NeedsPrivilege { level } => Some(*level),
            _ => None,
        });
        let (_, active) = state.sessions.find(id, now).ok_or(code::NOT_PRESENT)?;
        if needed.is_some_and(|level| (active.privilege as u8) < level) {
            return Err(code::INSUFFICIENT_PRIVILEGE);
        }
        match (request.net_fn, request.command) {
            (net_fn::APP, 0x38) => commands::authentication_capabilities(options, request),
            (net_fn::APP, 0x54) => commands::cipher_suites(options, request),
            (net_fn::APP, 0x3b) => {
                active.privilege = commands::set_privilege(request, active.limit, active.privilege)?;
                Ok(vec![active.privilege as u8])
            }
            // A session closes itself only.
            (net_fn::APP, 0x3c) if request.data == id.to_le_bytes() => Ok(Vec::new()),
            (net_fn::APP, 0x3c) => Err(0x87),
            (net_fn::APP, 0x3d) => {
                commands::session_info(options, request, count, active.user, active.privilege)
            }
            _ => {
                let moment = Moment { seed: self.seed, elapsed: now };
                let State { memory, faults, .. } = state;
                Context { shared: &self.shared, memory, faults, moment }.execute(request)
            }
        }
    }
}

impl State {
    fn reset(&mut self) {
        self.sessions.clear();
        self.memory.sdr_reservation = 0;
        self.memory.sel_reservation = 0;
    }
}

impl Stats {
    fn count(&mut self, request: &Request<'_>) {
        self.commands += 1;
        match (request.net_fn, request.command) {
            (net_fn::SENSOR, 0x2d) => self.readings += 1,
            (net_fn::STORAGE, 0x23) => self.sdr_reads += 1,
            _ => {}
        }
    }
}

impl FaultSet {
    /// What faults do to a message before it is encrypted.
    fn spoil_message(&self, asked: Option<(u8, u8)>, message: &mut Vec<u8>) {
        if self.strikes(asked, &Fault::WrongChecksum) {
            message.iter_mut().last().into_iter().for_each(|octet| *octet ^= 0x55);
        }
        if self.strikes(asked, &Fault::WrongRequestNumber) {
            packet::renumber(message);
        }
        if self.strikes(asked, &Fault::TruncatedPayload) {
            message.truncate(message.len() / 2);
        }
    }

    /// What faults do to packets on their way.
    fn deliver(&self, asked: Option<(u8, u8)>, mut packets: Vec<Vec<u8>>) -> Answer {
        if self.strikes(asked, &Fault::Garbage) {
            packets = vec![GARBAGE.to_vec()];
        }
        if self.strikes(asked, &Fault::Truncated) {
            packets.iter_mut().for_each(|packet| packet.truncate(packet.len() / 2));
        }
        let wait = |wait: Option<u64>| Duration::from_millis(wait.unwrap_or(0));
        let slow = |fault: &Fault| if let Fault::Slow { ms } = fault { Some(*ms) } else { None };
        let late = |fault: &Fault| if let Fault::LateReply { ms } = fault { Some(*ms) } else { None };
        Answer { packets, hold: wait(self.pick(asked, slow)), late: wait(self.pick(asked, late)) }
    }
}
