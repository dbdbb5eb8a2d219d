//! Chassis status and capabilities (sections 28.1 and 28.2).

use model::state::Status;

/// The chassis as Get Chassis Status tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chassis {
    pub(crate) is_on: bool,
    pub(crate) is_open: bool,
    /// Of power, drives and cooling together.
    pub(crate) status: Status,
}

/// Bits of the power state: overload, interlock, fault, and a fault of its control.
const POWER_FAULTS: u8 = 0b1_1110;

/// Bits of the miscellaneous state.
const INTRUSION: u8 = 1;
const DRIVE_OR_COOLING_FAULT: u8 = 0b1100;

impl Chassis {
    pub(crate) fn decode(reply: &[u8]) -> Option<Self> {
        let [power, _last_event, state] = *reply.first_chunk()?;
        let status = if power & POWER_FAULTS != 0 {
            Status::Failed
        } else if state & DRIVE_OR_COOLING_FAULT != 0 {
            Status::Degraded
        } else {
            Status::Ok
        };
        Some(Self { is_on: power & 1 == 1, is_open: state & INTRUSION != 0, status })
    }
}

/// Whether the chassis has an intrusion sensor, from Get Chassis Capabilities.
pub(crate) fn has_intrusion(reply: &[u8]) -> bool {
    reply.first().is_some_and(|flags| flags & INTRUSION != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_the_bits_of_table_28_3() {
        let chassis = |power, state| Chassis::decode(&[power, 0, state, 0]).unwrap();
        assert_eq!(chassis(0x21, 0x40), Chassis { is_on: true, is_open: false, status: Status::Ok });
        assert_eq!(chassis(0x60, 0x01), Chassis { is_on: false, is_open: true, status: Status::Ok });
        assert_eq!(chassis(0x01 | 1 << 3, 0).status, Status::Failed, "power fault");
        assert_eq!(chassis(1, 1 << 2).status, Status::Degraded, "drive fault");
        assert_eq!(chassis(1, 1 << 3).status, Status::Degraded, "cooling fault");
        assert_eq!(Chassis::decode(&[1, 0]), None);
        assert!(has_intrusion(&[1, 0x20]) && !has_intrusion(&[0x0e]) && !has_intrusion(&[]));
    }
}
