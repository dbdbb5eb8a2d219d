//! Why a login fails: the status codes of RMCP+ (table 13-15), and what this program notices itself.

use model::Reason;

/// Why there is no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LoginError {
    #[error(
        "no answer to the login: the device is down, a firewall is in between, or IPMI over LAN is switched off"
    )]
    Silence,
    #[error("no answer to the login, only to a ping: IPMI over LAN is switched off, or the BMC is starting")]
    Mute,
    #[error("the device has begun to answer the login and fell silent: it is overloaded, or was restarted")]
    Stuck,
    #[error("the device speaks IPMI 1.5 only, which does not encrypt: it cannot be polled over IPMI")]
    Legacy,
    #[error("the password is wrong: correct it here or on the device")]
    Password,
    #[error(
        "the password is right, but the session keys differ: give the device's K_g as group_key_file, or none if it has none"
    )]
    GroupKey,
    #[error(
        "the device knows no such user, or it may not log in over LAN: check its name and channel access"
    )]
    User,
    #[error(
        "the user lacks the privilege level on this channel: grant it on the device, or ask for a lower one"
    )]
    Privilege,
    #[error("the device's session table is full: it frees places by itself after a minute without use")]
    Full,
    #[error("the device takes neither cipher suite 17 nor 3: enable one of them on the device")]
    Suites,
    #[error("the device refuses the login with status {0:#04x}")]
    Status(u8),
    #[error("the device's answer to the login is no valid one")]
    Malformed,
}

impl LoginError {
    /// Of a status code that is not success.
    pub(crate) const fn of_status(status: u8) -> Self {
        match status {
            0x01 | 0x0b => Self::Full,
            0x03..=0x07 | 0x10 | 0x11 => Self::Suites,
            0x09 | 0x0a => Self::Privilege,
            0x0c | 0x0d => Self::User,
            0x0f => Self::Password,
            status => Self::Status(status),
        }
    }

    pub(crate) const fn reason(self) -> Reason {
        match self {
            Self::Silence | Self::Mute | Self::Stuck => Reason::Timeout,
            Self::Password | Self::GroupKey | Self::User => Reason::Auth,
            Self::Full => Reason::Busy,
            Self::Privilege | Self::Suites | Self::Status(_) | Self::Legacy => Reason::Refused,
            Self::Malformed => Reason::Protocol,
        }
    }
}
