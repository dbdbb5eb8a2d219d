//! The reply to Get Sensor Reading (section 35.14).

use model::state::Status;

/// What a sensor says now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) raw: u8,
    /// Comparisons with thresholds, or the low states of a discrete sensor. Not all BMCs send them.
    low: Option<u8>,
    high: u8,
}

impl Reading {
    /// None where the sensor is not scanned, or has not been read since it was initialised.
    pub(crate) fn decode(reply: &[u8]) -> Option<Self> {
        let [raw, flags, states @ ..] = reply else { return None };
        let (scanned, unavailable) = (flags & 0x40 != 0, flags & 0x20 != 0);
        let (low, high) = (states.first().copied(), states.get(1).copied().unwrap_or(0));
        (scanned && !unavailable).then_some(Self { raw: *raw, low, high })
    }

    /// The states of a discrete sensor. Bit 15 is reserved.
    pub(crate) fn states(self) -> Option<u16> {
        self.low.map(|low| u16::from_le_bytes([low, self.high & 0x7f]))
    }

    /// How a threshold-based sensor compares with its thresholds.
    pub(crate) fn comparison(self) -> Option<Status> {
        // Bits: lower non-critical, critical, non-recoverable, then the same for the upper ones.
        self.low.map(|bits| match bits {
            bits if bits & 0b11_0110 != 0 => Status::Failed,
            bits if bits & 0b00_1001 != 0 => Status::Degraded,
            _ => Status::Ok,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sensors_that_are_not_scanned_or_not_yet_read_have_no_reading() {
        let raw = |reply: &[u8]| Reading::decode(reply).map(|reading| reading.raw);
        assert_eq!(raw(&[24, 0xc0, 0xc0]), Some(24));
        assert_eq!(raw(&[24, 0x40]), Some(24));
        assert_eq!(raw(&[0, 0x80, 0]), None, "scanning is disabled");
        assert_eq!(raw(&[0, 0xe0, 0]), None, "unavailable, or its initial update is in progress");
        assert_eq!(raw(&[0]), None);
    }

    #[test]
    fn states_and_comparisons_are_the_bytes_behind_the_flags() {
        let reading = |reply: &[u8]| Reading::decode(reply).unwrap();
        assert_eq!(reading(&[0, 0xc0, 0x81, 0x82]).states(), Some(0x0281));
        assert_eq!(reading(&[0, 0xc0, 0x81]).states(), Some(0x0081));
        assert_eq!(reading(&[0, 0xc0]).states(), None);
        assert_eq!(reading(&[0, 0xc0, 0xc0]).comparison(), Some(Status::Ok));
        assert_eq!(reading(&[0, 0xc0, 0xc1]).comparison(), Some(Status::Degraded));
        assert_eq!(reading(&[0, 0xc0, 0xc3]).comparison(), Some(Status::Failed));
        assert_eq!(reading(&[0, 0xc0, 0xc8]).comparison(), Some(Status::Degraded));
        assert_eq!(reading(&[0, 0xc0, 0xd8]).comparison(), Some(Status::Failed));
        assert_eq!(reading(&[0, 0xc0]).comparison(), None);
    }
}
