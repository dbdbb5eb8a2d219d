//! Limits from the thresholds of a sensor (section 35.9). The catalogue has no place for hysteresis.

pub(crate) use crate::driver::limits::metric;

/// The upper warning limit among `hw.limit_type`s.
pub(crate) const WARNING: &str = "high.degraded";

/// Names of the catalogue's limits, and the bits and bytes of Get Sensor Thresholds that tell them, the best
/// first: non-recoverable stands in where there is no critical one.
const THRESHOLDS: &[(&str, [u8; 2])] =
    &[("low.critical", [1, 2]), ("low.degraded", [0, 0]), (WARNING, [3, 3]), ("high.critical", [4, 5])];

/// The thresholds in a reply to Get Sensor Thresholds, raw. One that is not readable is absent.
pub(crate) fn raw(reply: &[u8]) -> Vec<(&'static str, u8)> {
    let Some((mask, values)) = reply.split_first() else { return Vec::new() };
    let raw = |bit: u8| values.get(usize::from(bit)).filter(|_| mask >> bit & 1 == 1);
    let one = |(kind, bits): &(&'static str, [u8; 2])| {
        bits.iter().find_map(|bit| raw(*bit)).map(|raw| (*kind, *raw))
    };
    THRESHOLDS.iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_readable_thresholds_are_limits() {
        let all = [0x3f, 8, 4, 2, 208, 224, 240];
        let expected =
            [("low.critical", 4), ("low.degraded", 8), ("high.degraded", 208), ("high.critical", 224)];
        assert_eq!(raw(&all), expected);
        assert_eq!(raw(&[0x20, 8, 4, 2, 208, 224, 240]), [("high.critical", 240)]);
        assert_eq!(raw(&[0x3f, 8]), [("low.degraded", 8)]);
        assert_eq!(raw(&[]), []);
    }
}
