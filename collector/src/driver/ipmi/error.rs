//! What goes wrong between this program and a BMC.

use std::time::Duration;

use model::Reason;

use super::wire::status::LoginError;
use crate::target::Address;

/// Why a command brought nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum WireError {
    #[error("{detail}")]
    Login { error: LoginError, detail: String },
    #[error(
        "{failures} logins were refused: the password is tried again once an hour, or at once when it was changed here"
    )]
    Guarded { failures: u32 },
    #[error("no answer within {timeout:?}")]
    Timeout { timeout: Duration },
    #[error("the time for this poll is over")]
    Deadline,
    #[error("the device refuses command {command:#04x} with completion code {code:#04x}")]
    Completion { code: u8, command: u8 },
    #[error("{address} cannot be reached: {detail}")]
    Unreachable { address: String, detail: String },
    #[error("the name {host} does not resolve: {detail}")]
    Dns { host: String, detail: String },
    #[error("this system gives no random numbers")]
    Entropy,
    #[error("{0}")]
    Malformed(&'static str),
    #[error("{0}")]
    Limit(&'static str),
}

impl WireError {
    pub(crate) const fn reason(&self) -> Reason {
        match self {
            Self::Login { error, .. } => error.reason(),
            Self::Guarded { .. } => Reason::Auth,
            Self::Timeout { .. } | Self::Deadline => Reason::Timeout,
            // Node busy, and out of space or resources for now.
            Self::Completion { code: 0xc0 | 0xc3, .. } => Reason::Busy,
            Self::Completion { .. } => Reason::Refused,
            Self::Unreachable { .. } | Self::Entropy => Reason::Unreachable,
            Self::Dns { .. } => Reason::Dns,
            Self::Malformed(_) => Reason::Protocol,
            Self::Limit(_) => Reason::Limit,
        }
    }

    /// The completion code, where the device has given one.
    pub(crate) const fn code(&self) -> Option<u8> {
        match self {
            Self::Completion { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether the device refused the name, the password or the group key: to try that again and again locks an
    /// account, or fills the device's session table.
    pub(crate) const fn is_refused_login(&self) -> bool {
        use LoginError::{GroupKey, Password, User};
        matches!(self, Self::Login { error: Password | GroupKey | User, .. })
    }

    /// Whether the device has answered no part of a login.
    pub(crate) const fn is_silence(&self) -> bool {
        matches!(self, Self::Login { error: LoginError::Silence, .. })
    }

    /// The error of a login, with the place.
    pub(crate) fn at(self, address: &Address) -> Self {
        match self {
            Self::Login { error, .. } => Self::Login { error, detail: format!("{address} (UDP): {error}") },
            other => other,
        }
    }
}

impl From<LoginError> for WireError {
    fn from(error: LoginError) -> Self {
        Self::Login { error, detail: error.to_string() }
    }
}

impl From<std::io::Error> for WireError {
    fn from(error: std::io::Error) -> Self {
        Self::Unreachable { address: "the device".into(), detail: error.to_string() }
    }
}
