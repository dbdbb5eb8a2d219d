//! Limits from the thresholds of a sensor (section 35.9). The catalogue has no place for hysteresis.

pub(crate) use crate::driver::limits::metric;

/// A kind of limit that the catalogue has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    LowCritical,
    LowDegraded,
    HighDegraded,
    HighCritical,
}

impl Kind {
    /// `hw.limit_type`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::LowCritical => "low.critical",
            Self::LowDegraded => "low.degraded",
            Self::HighDegraded => "high.degraded",
            Self::HighCritical => "high.critical",
        }
    }
}

/// Bits and bytes of Get Sensor Thresholds that tell a limit, the best first: non-recoverable stands in where
/// there is no critical one.
const THRESHOLDS: &[(Kind, [u8; 2])] = &[
    (Kind::LowCritical, [1, 2]),
    (Kind::LowDegraded, [0, 0]),
    (Kind::HighDegraded, [3, 3]),
    (Kind::HighCritical, [4, 5]),
];

/// The thresholds in a reply to Get Sensor Thresholds, raw. One that is not readable is absent.
pub(crate) fn raw(reply: &[u8]) -> Vec<(Kind, u8)> {
    let Some((mask, values)) = reply.split_first() else { return Vec::new() };
    let raw = |bit: u8| values.get(usize::from(bit)).filter(|_| mask >> bit & 1 == 1);
    let one = |(kind, bits): &(Kind, [u8; 2])| bits.iter().find_map(|bit| raw(*bit)).map(|raw| (*kind, *raw));
    THRESHOLDS.iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_readable_thresholds_are_limits() {
        let raw = |reply: &[u8]| -> Vec<_> {
            super::raw(reply).into_iter().map(|(kind, raw)| (kind.as_str(), raw)).collect()
        };
        let all = [0x3f, 8, 4, 2, 208, 224, 240];
        let expected =
            [("low.critical", 4), ("low.degraded", 8), ("high.degraded", 208), ("high.critical", 224)];
        assert_eq!(raw(&all), expected);
        assert_eq!(raw(&[0x20, 8, 4, 2, 208, 224, 240]), [("high.critical", 240)]);
        assert_eq!(raw(&[0x3f, 8]), [("low.degraded", 8)]);
        assert_eq!(raw(&[]), []);
    }
}
