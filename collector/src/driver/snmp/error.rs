//! Why a device could not be asked, or what it answered instead: in words that say what to do.

use std::time::Duration;

use async_snmp::{Error, ErrorStatus};
use model::Reason;

/// What an agent reports instead of an answer (RFC 3414, section 5, and RFC 3412).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UsmReport {
    /// usmStatsUnsupportedSecLevels.
    SecurityLevel,
    /// usmStatsNotInTimeWindows.
    TimeWindow,
    /// usmStatsUnknownUserNames.
    UnknownUser,
    /// usmStatsUnknownEngineIDs.
    UnknownEngine,
    /// usmStatsWrongDigests.
    WrongDigest,
    /// usmStatsDecryptionErrors.
    Decryption,
    /// Anything else, such as an unknown context.
    Other,
}

impl UsmReport {
    /// By the counter's last arc below `usmStats`.
    pub(super) fn from_arc(arc: u8) -> Option<Self> {
        Some(match arc {
            1 => Self::SecurityLevel,
            2 => Self::TimeWindow,
            3 => Self::UnknownUser,
            4 => Self::UnknownEngine,
            5 => Self::WrongDigest,
            6 => Self::Decryption,
            _ => return None,
        })
    }

    fn from_status(status: &async_snmp::v3::ReportStatus) -> Self {
        use async_snmp::v3::ReportStatus;
        match status {
            ReportStatus::UnsupportedSecurityLevel { .. } => Self::SecurityLevel,
            ReportStatus::NotInTimeWindow { .. } => Self::TimeWindow,
            ReportStatus::UnknownUserName { .. } => Self::UnknownUser,
            ReportStatus::UnknownEngineId { .. } => Self::UnknownEngine,
            ReportStatus::WrongDigest { .. } => Self::WrongDigest,
            ReportStatus::DecryptionError { .. } => Self::Decryption,
            _ => Self::Other,
        }
    }

    /// Whether discovering the engine again may help: the device was replaced, reset or restarted.
    pub(super) fn is_about_engine(self) -> bool {
        matches!(self, Self::TimeWindow | Self::UnknownEngine)
    }

    fn words(self) -> &'static str {
        match self {
            Self::SecurityLevel => {
                "the device refuses this security level for this user: set authentication and privacy as the device has them"
            }
            Self::TimeWindow => "the device says that the message is outside of its time window",
            Self::UnknownUser => "the device does not know this user: check the SNMPv3 user name",
            Self::UnknownEngine => "the device says that its engine id is another one",
            Self::WrongDigest => {
                "the device refuses the authentication: check the authentication password and protocol"
            }
            Self::Decryption => {
                "the device cannot decrypt the request: check the privacy password and protocol"
            }
            Self::Other => {
                "the device refuses the SNMPv3 request with a report: check the context name and the user's rights"
            }
        }
    }
}

/// One exchange with a device that brought no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum WireError {
    #[error("{host} does not resolve ({detail}): check the name and this host's resolver")]
    Dns { host: String, detail: String },
    #[error("{address}: {detail}")]
    Unreachable { address: String, detail: String },
    #[error("no answer from {address} within {:.1} s", waited.as_secs_f64())]
    Timeout { address: String, waited: Duration },
    #[error("the time for this poll is over")]
    Deadline,
    #[error("{address}: {}", report.words())]
    Report { address: String, report: UsmReport },
    #[error("{address} sent an answer that is no valid SNMP")]
    Garbled { address: String },
    #[error("{}", status_words(*status))]
    Status { status: ErrorStatus, index: Option<usize> },
    #[error("the request is larger than the device takes")]
    TooLarge,
    #[error("the device has more than the {instances} values that are kept of one poll")]
    Full { instances: usize },
    #[error("{0}")]
    Config(String),
    #[error("the SNMP socket is closed")]
    Closed,
}

impl WireError {
    /// From the library's error. `report` is what the tap saw.
    pub(super) fn new(error: &Error, address: &str, report: Option<UsmReport>) -> Self {
        let address = address.to_owned();
        if let Some(report) = report {
            return Self::Report { address, report };
        }
        match error.exchange_source() {
            Error::Timeout { elapsed, .. } => Self::Timeout { address, waited: *elapsed },
            Error::Network { source, .. } => Self::Unreachable { address, detail: source.to_string() },
            Error::Snmp { status, index, .. } => Self::Status {
                status: *status,
                index: usize::try_from(*index).ok().and_then(|index| index.checked_sub(1)),
            },
            Error::Report { status, .. } => Self::Report { address, report: UsmReport::from_status(status) },
            Error::OutboundMessageTooLarge { .. } => Self::TooLarge,
            Error::Config(_) | Error::InvalidOid(_) | Error::InvalidMessage(_) => {
                Self::Config(error.to_string())
            }
            Error::Closed { .. } => Self::Closed,
            _ => Self::Garbled { address },
        }
    }

    /// Cause, as the closed word.
    pub(super) fn reason(&self) -> Reason {
        match self {
            Self::Dns { .. } => Reason::Dns,
            Self::Unreachable { .. } | Self::Closed => Reason::Unreachable,
            Self::Timeout { .. } | Self::Deadline => Reason::Timeout,
            Self::Report { report, .. } if report.is_about_engine() => Reason::Protocol,
            Self::Report { .. } => Reason::Auth,
            Self::Garbled { .. } => Reason::Protocol,
            Self::Status { status: ErrorStatus::ResourceUnavailable, .. } => Reason::Busy,
            Self::Status { status: ErrorStatus::TooBig, .. } | Self::TooLarge | Self::Full { .. } => {
                Reason::Limit
            }
            Self::Status { .. } => Reason::Refused,
            Self::Config(_) => Reason::Config,
        }
    }

    /// Whether asking for something else is of no use either.
    pub(super) fn is_final(&self) -> bool {
        !matches!(
            self,
            Self::Timeout { .. }
                | Self::Garbled { .. }
                | Self::Status { .. }
                | Self::TooLarge
                | Self::Config(_)
        )
    }
}

fn status_words(status: ErrorStatus) -> String {
    let name = status.as_str().map_or_else(|| format!("error {}", status.as_i32()), str::to_owned);
    match status {
        ErrorStatus::NoAccess | ErrorStatus::AuthorizationError => {
            format!(
                "the device refuses access ({name}): give this user or community a view that holds the object"
            )
        }
        ErrorStatus::ResourceUnavailable => format!("the device is out of resources ({name})"),
        _ => format!("the device answers with {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usm_counters_are_numbered_as_in_rfc_3414() {
        let reports: Vec<_> = (0..8).map(UsmReport::from_arc).collect();
        assert_eq!(reports[0], None);
        assert_eq!(reports[3], Some(UsmReport::UnknownUser));
        assert_eq!(reports[5], Some(UsmReport::WrongDigest));
        assert_eq!(reports[7], None);
    }

    #[test]
    fn error_status_has_a_reason_and_words() {
        let of = |status| WireError::Status { status, index: None };
        assert_eq!(of(ErrorStatus::AuthorizationError).reason(), Reason::Refused);
        assert_eq!(of(ErrorStatus::ResourceUnavailable).reason(), Reason::Busy);
        assert_eq!(of(ErrorStatus::Unknown(99)).to_string(), "the device answers with error 99");
    }
}
