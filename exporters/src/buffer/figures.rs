//! What the buffer says of itself: how full it is, what waits, and what was lost and why.
//!
//! Values only.

use std::collections::BTreeMap;
use std::time::Duration;

/// Why samples did not reach a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loss {
    /// The byte budget, or the memory ring while the disk fails, needed their place.
    Full,
    /// They were older than the age limit.
    Expired,
    /// What was read back was damaged.
    Corrupt,
    /// Their boot ended before its clock was known.
    Undated,
    /// The disk was so slow that the queue in front of it was full.
    Busy,
    /// The destination refused them for good.
    Rejected,
}

impl Loss {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Full, Self::Expired, Self::Corrupt, Self::Undated, Self::Busy, Self::Rejected];

    /// The word for metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Expired => "expired",
            Self::Corrupt => "corrupt",
            Self::Undated => "undated",
            Self::Busy => "busy",
            Self::Rejected => "rejected",
        }
    }
}

/// Samples lost, by cause.
pub type Losses = BTreeMap<Loss, u64>;

/// Where new entries go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// To disk.
    Disk,
    /// To a bounded ring in memory, because of this; the disk is tried again and again.
    Memory {
        /// What the disk said last.
        cause: String,
    },
}

/// The buffer at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Samples that the slowest destination lacks.
    pub waiting: u64,
    /// Bytes on disk, in whole blocks of the file system.
    pub bytes: u64,
    /// The budget for them.
    pub limit: u64,
    /// Age of the oldest sample that waits, if any waits and its age is known.
    pub oldest: Option<Duration>,
    /// Whether what comes now can be dated: the clock is right, or was at some time since the boot.
    pub dated: bool,
    /// Samples that some destination never gets, since the start; one sample that two destinations lack counts
    /// twice.
    pub lost: Losses,
    /// Where new entries go.
    pub storage: Storage,
}

/// What one destination lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Samples that wait for it. Exact, but in proportion where a sealed segment is acknowledged in part.
    pub samples: u64,
    /// Age of the oldest of them, where it is known: of this boot always, of another one if its clock was.
    pub oldest: Option<Duration>,
}

/// What was found at the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Entries that are there.
    pub entries: u64,
    /// Samples that are there.
    pub samples: u64,
    /// Bytes cut from torn tails: writes that had not ended.
    pub torn_bytes: u64,
    /// Samples lost to damage, as far as what is left tells.
    pub corrupt_samples: u64,
    /// What could not be used and was removed, and why, one line for each file.
    pub damage: Vec<String>,
    /// What could not be used and stays until its room is needed, and why, one line for each file.
    pub left: Vec<String>,
    /// Why the folder could not be used at all, if so: entries are kept in memory until it can.
    pub unusable: Option<String>,
}
