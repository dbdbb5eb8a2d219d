//! The seam below fetching: one request, one answer. A session is one; a test may be another.

use async_snmp::Value as Raw;

use super::error::WireError;
use crate::profile::source::Oid;

/// One request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ask<'a> {
    /// GET.
    Get(&'a [Oid]),
    /// GETNEXT.
    Next(&'a [Oid]),
    /// GETBULK without non-repeaters: the objects, and how often each.
    Bulk(&'a [Oid], u32),
}

/// One bound instance of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bound {
    pub(super) oid: Oid,
    pub(super) value: Raw,
}

/// What came back, in the device's order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Answer {
    pub(super) bound: Vec<Bound>,
    /// How many of the objects asked for this answers: fewer than asked where the device had to be
    /// asked in smaller requests, because its answer was too big.
    pub(super) covered: usize,
}

/// Something that answers requests.
pub(super) trait Wire: Send {
    /// Asks once. Retransmissions are the wire's business.
    fn ask(&mut self, ask: Ask<'_>) -> impl Future<Output = Result<Answer, WireError>> + Send;

    /// Whether the protocol version has GETBULK.
    fn has_bulk(&self) -> bool;
}
