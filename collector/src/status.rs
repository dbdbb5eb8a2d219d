//! What is known of each target, and of the buffer and its destinations, for people and scripts: the status page
//! and `/api/v1/targets`.
//!
//! Values only, without secrets. The runtime makes these; the web layer shows them.

use std::sync::Arc;
use std::time::Duration;

use model::{Device, PollError, Timestamp};

use crate::target::Protocol;

/// How a target is doing. Order is from worst to best, the order in which people want to see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TargetState {
    /// The last poll brought nothing.
    Down,
    /// The login was refused. Accounts are tried a few times and then hourly, so that none is locked.
    LoginRefused,
    /// The last poll brought readings, and some things could not be read.
    Degraded,
    /// No poll has ended yet.
    NeverPolled,
    /// The last poll brought everything.
    Up,
}

impl TargetState {
    /// Every state, from worst to best.
    pub const ALL: [Self; 5] = [Self::Down, Self::LoginRefused, Self::Degraded, Self::NeverPolled, Self::Up];

    /// The word in addresses and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::LoginRefused => "login-refused",
            Self::Degraded => "degraded",
            Self::NeverPolled => "never-polled",
            Self::Up => "up",
        }
    }

    /// The words for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::LoginRefused => "login refused",
            Self::NeverPolled => "never polled",
            other => other.as_str(),
        }
    }

    /// Whether somebody should look at it.
    pub const fn needs_attention(self) -> bool {
        matches!(self, Self::Down | Self::LoginRefused | Self::Degraded)
    }

    /// The state of this word.
    pub fn find(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// One target at one moment.
#[derive(Clone, Debug)]
pub struct TargetStatus {
    /// Identity: name, site, rack, device type.
    pub device: Arc<Device>,
    /// Protocol.
    pub protocol: Protocol,
    /// Where it answers, as `host:port`.
    pub address: String,
    /// How it is doing.
    pub state: TargetState,
    /// Why the last poll failed, or the first thing that it could not read; `None` if all was well.
    pub last_error: Option<PollError>,
    /// When the last poll began.
    pub last_poll: Option<Timestamp>,
    /// When the last poll that brought readings began.
    pub last_success: Option<Timestamp>,
    /// When the next poll is due.
    pub next_poll: Option<Timestamp>,
    /// Time from one poll to the next.
    pub interval: Duration,
    /// How long the last poll took.
    pub duration: Option<Duration>,
    /// Series that the last successful poll brought.
    pub series: usize,
    /// Things that the last poll could not read.
    pub faults: usize,
}

/// The buffer and its destinations at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BufferStatus {
    /// Bytes on disk.
    pub bytes: u64,
    /// The budget for them.
    pub limit: u64,
    /// Samples that some destination never gets, since the start.
    pub lost: u64,
    /// Why new samples are kept in memory alone, where they are.
    pub in_memory: Option<String>,
    /// Whether the clock is known to be right, or was since the boot: nothing is sent before.
    pub clock_known: bool,
    /// By name.
    pub destinations: Vec<DestinationStatus>,
}

/// One destination at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DestinationStatus {
    /// Name.
    pub name: String,
    /// How it is, in words.
    pub words: String,
    /// Whether the last request failed.
    pub in_trouble: bool,
    /// Samples that wait for it.
    pub waiting: u64,
    /// Most that waited since nothing did.
    pub peak: u64,
    /// Age of the oldest of them, where its time is known.
    pub oldest: Option<Duration>,
    /// Samples that arrived in a second, of late.
    pub rate: f64,
    /// When nothing waits any more if that goes on; `None` where the backlog does not shrink.
    pub drained_in: Option<Duration>,
}
