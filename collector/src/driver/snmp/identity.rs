//! What a device says that it is, asked at the start of each poll (RFC 3418, the system group).
//!
//! One small request: it tells a dead device from a living one before anything else is asked, and a
//! replaced or restarted one from the one that was polled before.

use super::value::{Folded, fold};
use super::wire::Bound;
use crate::profile::source::{Oid, Value};

/// sysDescr.0, sysObjectID.0, sysUpTime.0.
const OBJECTS: [[u32; 9]; 3] =
    [[1, 3, 6, 1, 2, 1, 1, 1, 0], [1, 3, 6, 1, 2, 1, 1, 2, 0], [1, 3, 6, 1, 2, 1, 1, 3, 0]];

/// What a device says that it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Identity {
    /// sysDescr; bytes that are no UTF-8 are replaced.
    pub(super) descr: String,
    /// sysObjectID.
    pub(super) object_id: Option<Oid>,
    /// sysUpTime, in hundredths of a second.
    pub(super) uptime: Option<u64>,
}

impl Identity {
    /// The objects to ask for.
    pub(super) fn objects() -> Vec<Oid> {
        OBJECTS.iter().map(|oid| Oid::new(oid.to_vec())).collect()
    }

    /// From an answer. Whatever is missing or of another type stays empty.
    pub(super) fn from_bound<'a>(bound: impl IntoIterator<Item = &'a Bound>) -> Self {
        let mut identity = Self::default();
        let [descr, object_id, uptime] = OBJECTS;
        for Bound { oid, value } in bound {
            let Folded::Value(value) = fold(value) else { continue };
            let name = oid.as_slice();
            match value {
                Value::Bytes(text) if name == descr => {
                    identity.descr = String::from_utf8_lossy(&text).trim_end_matches('\0').to_owned();
                }
                Value::Oid(id) if name == object_id => identity.object_id = Some(id),
                Value::Unsigned(ticks) if name == uptime => identity.uptime = Some(ticks),
                _ => {}
            }
        }
        identity
    }

    /// Whether `later` is the same device without a restart in between. A wrap of sysUpTime after
    /// 497 days counts as a restart: it costs one more identification.
    pub(super) fn continues_as(&self, later: &Self) -> bool {
        let runs_on = match (self.uptime, later.uptime) {
            (Some(before), Some(now)) => now >= before,
            _ => true,
        };
        runs_on && self.descr == later.descr && self.object_id == later.object_id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_snmp::Value as Raw;

    fn of(descr: &'static [u8], id: &[u32], uptime: u32) -> Identity {
        let values = [
            Raw::OctetString(bytes::Bytes::from_static(descr)),
            Raw::ObjectIdentifier(async_snmp::Oid::from_slice(id)),
            Raw::TimeTicks(uptime),
        ];
        let bound: Vec<_> =
            Identity::objects().into_iter().zip(values).map(|(oid, value)| Bound { oid, value }).collect();
        Identity::from_bound(&bound)
    }

    #[test]
    fn a_restart_a_replacement_and_an_upgrade_are_seen() {
        let before = of(b"PDU 1.0", &[1, 3, 6, 1, 4, 1, 318], 5000);
        assert!(before.continues_as(&of(b"PDU 1.0", &[1, 3, 6, 1, 4, 1, 318], 9000)));
        assert!(!before.continues_as(&of(b"PDU 1.0", &[1, 3, 6, 1, 4, 1, 318], 100)));
        assert!(!before.continues_as(&of(b"PDU 1.1", &[1, 3, 6, 1, 4, 1, 318], 9000)));
        assert!(!before.continues_as(&of(b"PDU 1.0", &[1, 3, 6, 1, 4, 1, 13742], 9000)));
    }

    #[test]
    fn text_that_is_no_utf_8_is_kept_readable() {
        assert_eq!(of(b"PDU \xb0C\0", &[1, 3], 1).descr, "PDU \u{fffd}C");
    }
}
