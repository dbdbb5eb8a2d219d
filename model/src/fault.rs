//! What went wrong, in closed words: the same in logs, labels and errors.

use std::borrow::Cow;

/// Cause of a fault or of a failed poll. The word is a label value: the list is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// No answer within the time allowed.
    Timeout,
    /// The address refuses connections, or nothing is there.
    Unreachable,
    /// The name does not resolve.
    Dns,
    /// Wrong user, password, community or key; or the breaker that guards the account is open.
    Auth,
    /// The certificate is not trusted, or the handshake fails.
    Tls,
    /// The device says that it is busy, booting or out of sessions.
    Busy,
    /// The device refuses: no licence, no privilege, or an error of its own.
    Refused,
    /// What came back is no valid answer of the protocol.
    Protocol,
    /// One value or document could not be understood.
    Parse,
    /// A named limit of this program stopped it: rows, bytes, pages, series.
    Limit,
    /// The device lacks what every device of its kind has.
    Missing,
    /// A mistake in the configuration or a profile.
    Config,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 12] = [
        Self::Timeout,
        Self::Unreachable,
        Self::Dns,
        Self::Auth,
        Self::Tls,
        Self::Busy,
        Self::Refused,
        Self::Protocol,
        Self::Parse,
        Self::Limit,
        Self::Missing,
        Self::Config,
    ];

    /// Value of `error.type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Dns => "dns",
            Self::Auth => "auth",
            Self::Tls => "tls",
            Self::Busy => "busy",
            Self::Refused => "refused",
            Self::Protocol => "protocol",
            Self::Parse => "parse",
            Self::Limit => "limit",
            Self::Missing => "missing",
            Self::Config => "config",
        }
    }
}

/// Why one reading was dropped. The word is a label value: the list is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rejection {
    /// Not available, not a number, infinite, or a device's word for "no reading".
    Na,
    /// Outside of what can be true.
    Range,
    /// A unit that is not understood.
    Unit,
    /// Not a number or not a known state.
    Parse,
    /// A second reading with the identity of an earlier one in the same poll.
    Duplicate,
    /// Over the device's limit of series.
    Limit,
}

impl Rejection {
    /// Every rejection.
    pub const ALL: [Self; 6] = [Self::Na, Self::Range, Self::Unit, Self::Parse, Self::Duplicate, Self::Limit];

    /// Value of `reason`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Na => "na",
            Self::Range => "range",
            Self::Unit => "unit",
            Self::Parse => "parse",
            Self::Duplicate => "duplicate",
            Self::Limit => "limit",
        }
    }
}

/// Something that could not be read, beside others that could.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Cause.
    pub reason: Reason,
    /// What: a table, an OID, a path.
    pub subject: Cow<'static, str>,
    /// In words, without secrets.
    pub detail: String,
}

/// A poll that brought nothing: the device is down, or as good as.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct PollError {
    /// Cause.
    pub reason: Reason,
    /// In words, without secrets: what is wrong, and what to do.
    pub detail: String,
}

impl PollError {
    /// A failed poll.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}
