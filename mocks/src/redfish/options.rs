//! A device's lasting habits: what it is told at start and keeps.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// The one account.
#[derive(Clone)]
pub struct Account {
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Which self-signed certificate to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Certificate {
    /// For `localhost` and the listening address, valid now.
    Valid,
    /// Like `Valid`, but it ended in 2001.
    Expired,
    /// For `bmc.invalid` only.
    WrongHost,
}

/// Where sessions live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SessionPlace {
    /// `/redfish/v1/SessionService/Sessions`.
    Standard,
    /// `/redfish/v1/Sessions`; the standard place answers 405 (iDRAC 7 and 8).
    Alternative,
    /// No sessions at all: 405 at the standard place, Basic only.
    None,
}

/// What happens to `$expand`, `$select`, `$top` and `$skip`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum QuerySupport {
    /// They work.
    Full,
    /// The whole document is sent as if they were not there.
    Ignored,
    /// 501, as DSP0266 ("Query parameters") wants of a service without them.
    Rejected,
}

/// What a [`Server`](super::Server) is told at start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 for any.
    pub listen: SocketAddr,
    /// Who may come in; `None` lets everybody in.
    pub account: Option<Account>,
    /// The certificate; `None` for plain HTTP.
    pub tls: Option<Certificate>,
    /// Whether Basic authentication is accepted.
    pub basic: bool,
    /// Whether a 401 says `WWW-Authenticate`; iDRAC 10 stays silent.
    pub challenge: bool,
    /// Where sessions live.
    pub session_place: SessionPlace,
    /// Open sessions at a time.
    pub session_limit: usize,
    /// A session unused for this long ends.
    pub session_timeout: Duration,
    /// Status of a login when the table is full: 503 with some vendors, 400 with others.
    pub session_full_status: u16,
    /// Wrong passwords in a row that lock the account; `None` for never.
    pub lockout: Option<u32>,
    /// Members on a page of a collection; `None` for all on one.
    pub page_size: Option<usize>,
    /// What happens to query parameters.
    pub query: QuerySupport,
    /// Tells this device's live readings and tokens from those of others with the same tree.
    pub seed: u64,
}

impl Default for Options {
    /// A well-behaved BMC without an account, over plain HTTP, on any port of 127.0.0.1.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            account: None,
            tls: None,
            basic: true,
            challenge: true,
            session_place: SessionPlace::Standard,
            session_limit: 8,
            session_timeout: Duration::from_secs(30 * 60),
            session_full_status: 503,
            lockout: None,
            page_size: None,
            query: QuerySupport::Full,
            seed: 0,
        }
    }
}
