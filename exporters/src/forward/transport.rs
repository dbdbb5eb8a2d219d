//! The seam between a forwarder and a protocol.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;

use crate::buffer::batch::Batch;

/// A protocol and a receiver: turns batches into requests, delivers those and judges the answers.
pub trait Transport: Send {
    /// One request that carries all samples of `batch`, as it will go over the link.
    fn encode(&mut self, batch: &Batch) -> Bytes;

    /// Sends one request with so many samples and waits for the answer, for as long as its own deadline allows.
    fn deliver(&mut self, request: Bytes, samples: u64) -> impl Future<Output = Outcome> + Send;
}

/// What became of a request. Texts are the receiver's or the network's words, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of its samples are the receiver's now.
    Accepted,
    /// The receiver took what it wanted and said how many samples it left; nothing is to be sent again.
    Partial {
        /// Samples that it left.
        rejected: u64,
        /// Why.
        message: String,
    },
    /// The receiver could not be reached, or said that it is busy or broken: the same request may succeed later.
    Retry {
        /// The receiver asks to be left alone for as long.
        after: Option<Duration>,
        /// Why.
        message: String,
    },
    /// The request went out and no answer came: the receiver may have stored it. To be sent again.
    Unanswered {
        /// Why.
        message: String,
    },
    /// It is the sender that is refused, whatever the samples: a login, an address, a permission. Someone
    /// has to change something; until then the samples stay in the buffer.
    Barred {
        /// Why.
        message: String,
    },
    /// At least one of its samples is refused for good.
    Refused {
        /// In a closed word.
        refusal: Refusal,
        /// Why.
        message: String,
    },
    /// The receiver speaks an older version of the protocol: encode and send again.
    Again,
}

/// Why samples are refused, and set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// Older than the newest of its series that the receiver has.
    OutOfOrder,
    /// Older than the receiver takes any.
    TooOld,
    /// Another value of the same series at the same time.
    Duplicate,
    /// The request is larger than the receiver takes, even with a single sample.
    TooLarge,
    /// Anything else.
    Invalid,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::OutOfOrder, Self::TooOld, Self::Duplicate, Self::TooLarge, Self::Invalid];

    /// Value of the label `outcome`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OutOfOrder => "out_of_order",
            Self::TooOld => "too_old",
            Self::Duplicate => "duplicate",
            Self::TooLarge => "too_large",
            Self::Invalid => "invalid",
        }
    }

    /// The refusal that a receiver's words speak of: those of Prometheus, and of Mimir, Thanos and Cortex, which
    /// write them with dashes in error codes.
    pub fn find(message: &str) -> Self {
        let words = message.to_ascii_lowercase().replace('-', " ");
        let known = [
            ("too old", Self::TooOld),
            ("out of bounds", Self::TooOld),
            ("out of order", Self::OutOfOrder),
            ("duplicate", Self::Duplicate),
        ];
        known.iter().find(|(text, _)| words.contains(text)).map_or(Self::Invalid, |known| known.1)
    }

    /// Whether the time of a sample is what's wrong with it: then older samples are wrong as well.
    pub(crate) const fn is_about_time(self) -> bool {
        matches!(self, Self::OutOfOrder | Self::TooOld | Self::Duplicate)
    }
}
