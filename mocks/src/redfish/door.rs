//! Who may come in: one account, its sessions, and the lock after too many wrong passwords.
//!
//! Follows DSP0266, "Authentication" and "Redfish session login authentication". Pure: the time is passed in.
//! A locked account refuses the right password too, as real BMCs do, until [`Door::reset`].

use super::options::{Account, Options};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::Duration;

/// One open session.
#[derive(Debug)]
pub(super) struct Session {
    token: String,
    last_used: Duration,
}

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Wrong user or password, or a locked account: a BMC does not say which.
    Password,
    /// No room for another session.
    Full,
}

/// The account and its sessions.
#[derive(Debug)]
pub(super) struct Door {
    account: Option<Account>,
    lockout: Option<u32>,
    limit: usize,
    timeout: Duration,
    seed: u64,
    sessions: BTreeMap<u64, Session>,
    next_id: u64,
    wrong_in_a_row: u32,
    pub(super) accepted: u64,
    pub(super) refused: u64,
}

impl Door {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            account: options.account.clone(),
            lockout: options.lockout,
            limit: options.session_limit,
            timeout: options.session_timeout,
            seed: options.seed,
            sessions: BTreeMap::new(),
            next_id: 1,
            wrong_in_a_row: 0,
            accepted: 0,
            refused: 0,
        }
    }

    /// Whether the account is locked.
    pub(super) fn locked(&self) -> bool {
        self.lockout.is_some_and(|limit| self.wrong_in_a_row >= limit)
    }

    /// Whether everybody may come in.
    pub(super) fn is_open(&self) -> bool {
        self.account.is_none()
    }

    /// Checks a password, and counts.
    pub(super) fn admits(&mut self, user: &str, password: &str) -> bool {
        let right =
            self.account.as_ref().is_none_or(|account| user == account.user && password == account.password);
        if right && !self.locked() {
            self.wrong_in_a_row = 0;
            self.accepted += 1;
            return true;
        }
        self.wrong_in_a_row = self.wrong_in_a_row.saturating_add(1);
        self.refused += 1;
        false
    }

    /// Opens a session: its number and its token.
    pub(super) fn open(
        &mut self,
        user: &str,
        password: &str,
        now: Duration,
    ) -> Result<(u64, String), Refusal> {
        if !self.admits(user, password) {
            return Err(Refusal::Password);
        }
        self.expire(now);
        if self.sessions.len() >= self.limit {
            return Err(Refusal::Full);
        }
        let id = self.next_id;
        self.next_id += 1;
        let token = hex(&Sha256::digest([self.seed.to_be_bytes(), id.to_be_bytes()].concat()), "");
        self.sessions.insert(id, Session { token: token.clone(), last_used: now });
        Ok((id, token))
    }

    /// Whether a token belongs to an open session; using it keeps the session open.
    pub(super) fn knows(&mut self, token: &str, now: Duration) -> bool {
        self.expire(now);
        let session = self.sessions.values_mut().find(|session| session.token == token);
        session.map(|session| session.last_used = now).is_some()
    }

    /// Closes a session; false where there is none.
    pub(super) fn close(&mut self, id: u64) -> bool {
        self.sessions.remove(&id).is_some()
    }

    /// Numbers of the open sessions.
    pub(super) fn open_sessions(&mut self, now: Duration) -> Vec<u64> {
        self.expire(now);
        self.sessions.keys().copied().collect()
    }

    /// The account's name.
    pub(super) fn user(&self) -> &str {
        self.account.as_ref().map_or("anybody", |account| &account.user)
    }

    /// Forgets the sessions and the wrong passwords, as a BMC does when it restarts.
    pub(super) fn reset(&mut self) {
        self.sessions.clear();
        self.wrong_in_a_row = 0;
    }

    fn expire(&mut self, now: Duration) {
        self.sessions.retain(|_, session| now.saturating_sub(session.last_used) < self.timeout);
    }
}

/// Bytes in hexadecimal, with a separator between them.
pub(super) fn hex(bytes: &[u8], separator: &str) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn door(change: impl FnOnce(&mut Options)) -> Door {
        let account = Some(Account { user: "admin".into(), password: "right".into() });
        let mut options = Options { account, ..Options::default() };
        change(&mut options);
        Door::new(&options)
    }

    #[test]
    fn a_locked_account_refuses_the_right_password() {
        let mut door = door(|options| options.lockout = Some(3));
        for _ in 0..2 {
            assert!(!door.admits("admin", "wrong"));
        }
        assert!(door.admits("admin", "right"), "two wrong ones are forgiven");
        for _ in 0..3 {
            assert!(!door.admits("admin", "wrong"));
        }
        assert!(door.locked());
        assert!(!door.admits("admin", "right"));
        door.reset();
        assert!(door.admits("admin", "right"));
        assert_eq!((door.accepted, door.refused), (2, 6));
    }

    #[test]
    fn the_table_has_a_limit_and_closing_makes_room() {
        let mut door = door(|options| options.session_limit = 2);
        let (first, _) = door.open("admin", "right", SECOND).unwrap();
        door.open("admin", "right", SECOND).unwrap();
        assert_eq!(door.open("admin", "right", SECOND), Err(Refusal::Full));
        assert!(door.close(first));
        assert!(!door.close(first));
        let (third, _) = door.open("admin", "right", SECOND).unwrap();
        assert_eq!(door.open_sessions(SECOND), [2, third]);
    }

    #[test]
    fn an_idle_session_ends_and_a_used_one_does_not() {
        let mut door = door(|options| options.session_timeout = 300 * SECOND);
        let (_, idle) = door.open("admin", "right", SECOND).unwrap();
        let (_, used) = door.open("admin", "right", SECOND).unwrap();
        assert_ne!(idle, used);
        assert!(door.knows(&used, 200 * SECOND));
        assert!(door.knows(&used, 400 * SECOND));
        assert!(!door.knows(&idle, 400 * SECOND));
        assert!(!door.knows("made up", 400 * SECOND));
    }
}
