//! The session table: RMCP+ Open Session, RAKP messages 1 to 4, and what a session remembers.
//!
//! IPMI 2.0 rev 1.1 sections 13.17 and 13.18 (Open Session), 13.19 to 13.23 (RAKP), 13.31 (session integrity
//! key), 6.12.13 (sequence numbers), 6.12.15 (inactivity). Knows no clock and no socket.

use std::sync::Arc;
use std::time::Duration;

use super::faults::{Fault, FaultSet};
use super::keys::{SessionKeys, Suite};
use super::live::mix;
use super::options::{BmcOptions, Privilege};
use super::packet::take;

/// How far a sequence number may lie from the highest seen, section 6.12.13.
const WINDOW: u32 = 16;

/// RMCP+ and RAKP status codes, table 13-15.
mod status {
    pub(super) const DONE: u8 = 0x00;
    pub(super) const INSUFFICIENT_RESOURCES: u8 = 0x01;
    pub(super) const INVALID_SESSION: u8 = 0x02;
    pub(super) const INVALID_ROLE: u8 = 0x09;
    pub(super) const UNAUTHORISED_ROLE: u8 = 0x0a;
    pub(super) const UNAUTHORISED_NAME: u8 = 0x0d;
    pub(super) const INVALID_CHECK_VALUE: u8 = 0x0f;
    pub(super) const NO_SUITE_MATCH: u8 = 0x11;
}

/// How the tries to log in went so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Logins {
    pub(crate) opened: u64,
    pub(crate) established: u64,
    pub(crate) challenged: u64,
}

/// What the RAKP messages have said so far.
#[derive(Debug)]
struct Exchange {
    console_random: [u8; 16],
    managed_random: [u8; 16],
    /// The role as digested, and as it was sent.
    role: u8,
    name: Vec<u8>,
    user: usize,
}

#[derive(Debug)]
enum Stage {
    Opened,
    Challenged(Exchange),
    Active(Active),
}

/// A session that stands.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) keys: SessionKeys,
    pub(crate) user: usize,
    /// The most that the session may have.
    pub(crate) limit: Privilege,
    pub(crate) privilege: Privilege,
    received: Window,
    sent: u32,
    /// The last packet sent.
    pub(crate) last_sent: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: u32,
    pub(crate) console: u32,
    suite: Suite,
    asked: Privilege,
    used: Duration,
    stage: Stage,
}

/// Sequence numbers that were seen, section 6.12.13.
#[derive(Debug, Default)]
struct Window {
    highest: u32,
    /// Bit n: `highest` less n was seen.
    seen: u32,
}

impl Window {
    /// Whether the number is new and near enough.
    fn admit(&mut self, number: u32) -> bool {
        let ahead = number.wrapping_sub(self.highest);
        let behind = self.highest.wrapping_sub(number);
        if (1..WINDOW).contains(&ahead) {
            self.seen = self.seen << ahead | 1;
            self.highest = number;
            return true;
        }
        let new = number != 0 && behind < WINDOW && self.seen >> behind & 1 == 0;
        if new {
            self.seen |= 1 << behind;
        }
        new
    }
}

impl Active {
    /// The next sequence number to send with.
    pub(crate) fn next_sequence(&mut self) -> u32 {
        self.sent = self.sent.checked_add(1).unwrap_or(1);
        self.sent
    }

    /// The sequence number of the last packet sent.
    pub(crate) fn last_sequence(&self) -> u32 {
        self.sent
    }

    /// Whether a packet with this sequence number is new.
    pub(crate) fn admit(&mut self, sequence: u32) -> bool {
        self.received.admit(sequence)
    }
}

/// All sessions of one BMC.
#[derive(Debug)]
pub(crate) struct Sessions {
    options: Arc<BmcOptions>,
    guid: [u8; 16],
    table: Vec<Session>,
    /// By user: challenges since the last right password.
    failures: Vec<u32>,
    random: u64,
    pub(crate) logins: Logins,
}

/// A message of the set-up and its answer's payload.
type Reply = Option<Vec<u8>>;

impl Sessions {
    pub(crate) fn new(options: Arc<BmcOptions>, guid: [u8; 16], seed: u64) -> Self {
        let failures = vec![0; options.users.len()];
        Self { options, guid, table: Vec::new(), failures, random: mix(seed), logins: Logins::default() }
    }

    /// Octets that were not given before.
    pub(crate) fn random(&mut self) -> [u8; 16] {
        let mut draw = || {
            self.random = self.random.wrapping_add(1);
            mix(self.random).to_be_bytes()
        };
        let [a, b] = [draw(), draw()];
        let mut octets = [0; 16];
        octets.iter_mut().zip(a.into_iter().chain(b)).for_each(|(octet, random)| *octet = random);
        octets
    }

    /// Forgets every session.
    pub(crate) fn clear(&mut self) {
        self.table.clear();
    }

    pub(crate) fn close(&mut self, id: u32) -> bool {
        let before = self.table.len();
        self.table.retain(|session| session.id != id);
        self.table.len() != before
    }

    /// Sessions that stand.
    pub(crate) fn active(&self) -> usize {
        self.table.iter().filter(|session| matches!(session.stage, Stage::Active(_))).count()
    }

    /// Users whose passwords were wrong too often.
    pub(crate) fn locked(&self, user: usize) -> bool {
        let failures = self.failures.get(user).copied().unwrap_or(0);
        self.options.lock_after.is_some_and(|most| failures >= most)
    }

    /// Forgets the sessions that were idle for too long.
    pub(crate) fn expire(&mut self, now: Duration) {
        let timeout = self.options.session_timeout;
        self.table.retain(|session| now.saturating_sub(session.used) <= timeout);
    }

    /// A session that stands, with the console's id for it; counts as use.
    pub(crate) fn find(&mut self, id: u32, now: Duration) -> Option<(u32, &mut Active)> {
        let session = self.table.iter_mut().find(|session| session.id == id)?;
        let Stage::Active(active) = &mut session.stage else { return None };
        session.used = now;
        Some((session.console, active))
    }

    /// Answers an Open Session Request, sections 13.17 and 13.18.
    pub(crate) fn open(&mut self, message: &[u8], faults: &FaultSet, now: Duration) -> Reply {
        let mut rest = message;
        let [tag, role, _, _] = take(&mut rest)?;
        let console: [u8; 4] = take(&mut rest)?;
        let mut algorithms = [0; 3];
        for algorithm in &mut algorithms {
            [_, _, _, _, *algorithm, _, _, _] = take(&mut rest)?;
        }
        let role = role & 0x0f;
        let is_ignored = |suite| faults.strikes(None, &Fault::IgnoreSuite { suite });
        if Suite::ALL.into_iter().any(|suite| suite.algorithms() == algorithms && is_ignored(suite)) {
            return None;
        }
        let refused = |status| Some([&[tag, status, 0, 0], &console[..]].concat());
        let suite = Suite::ALL.into_iter().find(|suite| suite.algorithms() == algorithms);
        let Some(suite) = suite.filter(|suite| self.options.suites.contains(suite)) else {
            return refused(status::NO_SUITE_MATCH);
        };
        let asked = if role == 0 { Some(Privilege::Administrator) } else { Privilege::from_number(role) };
        let Some(asked) = asked else { return refused(status::INVALID_ROLE) };
        let refusal = faults.pick(None, |fault| match fault {
            Fault::RefuseSuite { suite: other, status } if *other == suite => Some(*status),
            Fault::SessionTableFull => Some(status::INSUFFICIENT_RESOURCES),
            _ => None,
        });
        let full = self.table.len() >= self.options.max_sessions;
        if let Some(status) = refusal.or(full.then_some(status::INSUFFICIENT_RESOURCES)) {
            return refused(status);
        }
        self.logins.opened += 1;
        let id = self.unused_id();
        let (console_id, stage) = (u32::from_le_bytes(console), Stage::Opened);
        self.table.push(Session { id, console: console_id, suite, asked, used: now, stage });
        let mut reply = vec![tag, status::DONE, asked as u8, 0];
        reply.extend(console);
        reply.extend(id.to_le_bytes());
        for (kind, algorithm) in (0..).zip(algorithms) {
            reply.extend([kind, 0, 0, 8, algorithm, 0, 0, 0]);
        }
        Some(reply)
    }

    fn unused_id(&mut self) -> u32 {
        loop {
            let [a, b, c, d, ..] = self.random();
            let id = u32::from_le_bytes([a, b, c, d]);
            if id != 0 && self.table.iter().all(|session| session.id != id) {
                return id;
            }
        }
    }

    /// Answers RAKP message 1 with message 2, sections 13.20 and 13.21.
    pub(crate) fn challenge(&mut self, message: &[u8], faults: &FaultSet, now: Duration) -> Reply {
        let mut rest = message;
        let [tag, _, _, _] = take(&mut rest)?;
        let id = u32::from_le_bytes(take(&mut rest)?);
        let console_random: [u8; 16] = take(&mut rest)?;
        let [role, _, _, length] = take(&mut rest)?;
        let name = rest.get(..length.into())?;
        let managed_random = self.random();
        let Some(at) = self.table.iter().position(|session| session.id == id) else {
            return Some(vec![tag, status::INVALID_SESSION, 0, 0, 0, 0, 0, 0]);
        };
        let console = self.table.get(at)?.console;
        let user = match self.authorise(role, name) {
            Ok(user) => user,
            Err(status) => {
                self.table.remove(at);
                return Some([&[tag, status, 0, 0], &console.to_le_bytes()[..]].concat());
            }
        };
        let password = self.options.users.get(user)?.key();
        let session = self.table.get_mut(at)?;
        let digested = if faults.strikes(None, &Fault::WrongPrivilege) {
            role & 0xf0 | session.asked as u8
        } else {
            role
        };
        let ids = [console.to_le_bytes(), id.to_le_bytes()].concat();
        let code = session.suite.digest(
            &password,
            &[&ids, &console_random, &managed_random, &self.guid, &[digested, length], name],
        );
        let exchange = Exchange { console_random, managed_random, role: digested, name: name.to_vec(), user };
        // A console with another password may well say no more: each challenge counts as a wrong password until
        // a right one answers it, so that nobody escapes the lock by falling silent.
        if matches!(session.stage, Stage::Opened) {
            self.logins.challenged += 1;
            self.failures.iter_mut().skip(user).take(1).for_each(|failures| *failures += 1);
        }
        session.stage = Stage::Challenged(exchange);
        session.used = now;
        let head = [tag, status::DONE, 0, 0];
        Some([&head[..], &console.to_le_bytes(), &managed_random, &self.guid, &code].concat())
    }

    /// The user who may log in so.
    fn authorise(&self, role: u8, name: &[u8]) -> Result<usize, u8> {
        let user = self.options.users.iter().position(|user| user.name.as_bytes() == name);
        let user = user.filter(|user| !self.locked(*user)).ok_or(status::UNAUTHORISED_NAME)?;
        let limit = self.options.users.get(user).map(|user| user.privilege);
        match Privilege::from_number(role & 0x0f) {
            _ if role & 0x0f == 0 => Ok(user),
            None => Err(status::INVALID_ROLE),
            asked if asked > limit => Err(status::UNAUTHORISED_ROLE),
            Some(_) => Ok(user),
        }
    }

    /// Answers RAKP message 3 with message 4, sections 13.22 and 13.23.
    pub(crate) fn establish(&mut self, message: &[u8], now: Duration) -> Reply {
        let mut rest = message;
        let [tag, console_status, _, _] = take(&mut rest)?;
        let id = u32::from_le_bytes(take(&mut rest)?);
        let refused =
            |status, console: u32| Some([&[tag, status, 0, 0], &console.to_le_bytes()[..]].concat());
        let Some(at) = self.table.iter().position(|session| session.id == id) else {
            return refused(status::INVALID_SESSION, 0);
        };
        let session = self.table.get_mut(at)?;
        let Stage::Challenged(exchange) = &session.stage else { return None };
        let user = exchange.user;
        let account = self.options.users.get(user)?;
        let (password, console) = (account.key(), session.console);
        let header = [exchange.role, u8::try_from(exchange.name.len()).ok()?];
        let expected = session
            .suite
            .digest(&password, &[&exchange.managed_random, &console.to_le_bytes(), &header, &exchange.name]);
        if console_status != status::DONE || rest != expected {
            self.table.remove(at);
            return if console_status == status::DONE {
                refused(status::INVALID_CHECK_VALUE, console)
            } else {
                None
            };
        }
        let group = self.options.group_key.as_deref().map_or(password.to_vec(), <[u8]>::to_vec);
        let parts = [&exchange.console_random[..], &exchange.managed_random, &header, &exchange.name];
        let key = session.suite.digest(&group, &parts);
        let code =
            session.suite.check_value(&key, &[&exchange.console_random, &id.to_le_bytes(), &self.guid]);
        let role = Privilege::from_number(exchange.role & 0x0f).unwrap_or(account.privilege);
        session.stage = Stage::Active(Active {
            keys: SessionKeys::new(session.suite, &key),
            user,
            limit: role.min(account.privilege),
            privilege: role.min(Privilege::User),
            received: Window::default(),
            sent: 0,
            last_sent: Vec::new(),
        });
        session.used = now;
        self.logins.established += 1;
        self.failures.iter_mut().skip(user).take(1).for_each(|failures| *failures = 0);
        Some([&[tag, status::DONE, 0, 0], &console.to_le_bytes()[..], &code].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_takes_each_number_once() {
        let mut window = Window::default();
        let taken: Vec<_> =
            [1, 1, 3, 2, 2, 18, 2, 3, 19, 100, 0].into_iter().map(|number| window.admit(number)).collect();
        assert_eq!(taken, [true, false, true, true, false, true, false, false, true, false, false]);
    }
}
