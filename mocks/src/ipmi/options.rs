//! How a BMC lets people in: users, cipher suites, sessions.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::keys::Suite;

/// Octets of a password and of a group key, IPMI 2.0 rev 1.1 section 13.31.
const KEY: usize = 20;

/// Privilege levels, IPMI 2.0 rev 1.1 section 6.8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Privilege {
    /// The least.
    Callback = 1,
    /// May read.
    User = 2,
    /// May act on the machine.
    Operator = 3,
    /// May do anything.
    Administrator = 4,
}

impl Privilege {
    /// The level with a number.
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        let all = [Self::Callback, Self::User, Self::Operator, Self::Administrator];
        all.into_iter().find(|level| *level as u8 == number)
    }
}

/// Someone who may log in.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    pub(crate) name: String,
    password: String,
    pub(crate) privilege: Privilege,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("name", &self.name).field("privilege", &self.privilege).finish()
    }
}

/// A user that is not understood.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// Not NAME:PASSWORD or NAME:PASSWORD:PRIVILEGE.
    #[error(
        "expected NAME:PASSWORD or NAME:PASSWORD:PRIVILEGE with PRIVILEGE of user, operator, administrator"
    )]
    Form,
    /// Longer than the protocol carries.
    #[error("a name is at most 16 octets and a password at most 20")]
    Length,
}

impl User {
    /// A user with a name of at most 16 octets and a password of at most 20.
    pub fn new(name: &str, password: &str, privilege: Privilege) -> Result<Self, UserError> {
        if name.len() > 16 || password.len() > KEY {
            return Err(UserError::Length);
        }
        Ok(Self { name: name.into(), password: password.into(), privilege })
    }

    /// The password, filled up with zeros.
    pub(crate) fn key(&self) -> [u8; KEY] {
        let mut key = [0; KEY];
        key.iter_mut().zip(self.password.bytes()).for_each(|(octet, letter)| *octet = letter);
        key
    }
}

impl FromStr for User {
    type Err = UserError;

    fn from_str(text: &str) -> Result<Self, UserError> {
        let (name, rest) = text.split_once(':').ok_or(UserError::Form)?;
        let (password, privilege) = match rest.rsplit_once(':') {
            None => (rest, Privilege::User),
            Some((password, "user")) => (password, Privilege::User),
            Some((password, "operator")) => (password, Privilege::Operator),
            Some((password, "administrator")) => (password, Privilege::Administrator),
            Some(_) => return Err(UserError::Form),
        };
        Self::new(name, password, privilege)
    }
}

/// How a BMC is asked.
#[derive(Clone, Debug)]
pub struct BmcOptions {
    /// Who may log in.
    pub users: Vec<User>,
    /// The group key K_g; the user's password stands for it when there is none.
    pub group_key: Option<Vec<u8>>,
    /// The cipher suites that are offered.
    pub suites: Vec<Suite>,
    /// The most sessions at a time, those that are being set up with them.
    pub max_sessions: usize,
    /// How long a session may idle.
    pub session_timeout: Duration,
    /// So many wrong passwords lock a user for good; `None` never does.
    pub lock_after: Option<u32>,
    /// The most octets of an SDR in one answer.
    pub max_sdr_read: u8,
    /// The BMC's clock when it begins, in seconds since 1970.
    pub epoch: u32,
    /// The BMC's number: of its GUID, its live values and its serials. A fleet counts up from it.
    pub seed: u64,
}

impl Default for BmcOptions {
    fn default() -> Self {
        let user = |name: &str, password: &str, privilege| User {
            name: name.into(),
            password: password.into(),
            privilege,
        };
        Self {
            users: vec![
                user("admin", "admin", Privilege::Administrator),
                user("monitor", "monitor", Privilege::User),
            ],
            group_key: None,
            suites: Suite::ALL.into(),
            max_sessions: 16,
            session_timeout: Duration::from_secs(60),
            lock_after: None,
            max_sdr_read: 32,
            epoch: 1_767_225_600,
            seed: 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users() {
        let user: User = "ops:a:b:operator".parse().unwrap();
        assert_eq!(user, User::new("ops", "a:b", Privilege::Operator).unwrap());
        assert_eq!("m:p".parse::<User>().unwrap(), User::new("m", "p", Privilege::User).unwrap());
        assert!("nobody".parse::<User>().is_err());
        assert!("m:123456789012345678901".parse::<User>().is_err());
        assert!(!format!("{user:?}").contains("a:b"));
    }
}
