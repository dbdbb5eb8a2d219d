//! What the states of discrete sensors mean (IPMI v2.0 rev. 1.1, tables 42-2 and 42-3): data, and how it is read.
//!
//! A state that is not listed tells neither good nor bad: it is no part of a status.

use model::state::Status::{self, Degraded, Failed, Ok, PredictedFailure};

/// Event/reading types (table 42-1).
const THRESHOLD: u8 = 0x01;
const SENSOR_SPECIFIC: u8 = 0x6f;

/// What a state means for the part that the sensor watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Status(Status),
    /// The part is there.
    Present,
    /// The part is not there.
    Absent,
    /// `oob.redundancy.state`.
    Redundancy(&'static str),
    /// A contact is open: its kind.
    Open(&'static str),
    /// `oob.device.power_state`.
    Power(&'static str),
}

use Meaning::{Absent, Open, Power, Present, Redundancy};

const OK: Meaning = Meaning::Status(Ok);
const DEGRADED: Meaning = Meaning::Status(Degraded);
const PREDICTED: Meaning = Meaning::Status(PredictedFailure);
const FAILED: Meaning = Meaning::Status(Failed);
const TAMPER: Meaning = Open("tamper");

/// States with a meaning, by their offset.
type States = &'static [(u8, Meaning)];

/// Table 42-2, by event/reading type.
#[rustfmt::skip]
const GENERIC: &[(u8, States)] = &[
    (0x04, &[(0, OK), (1, PREDICTED)]),
    (0x05, &[(0, OK), (1, DEGRADED)]),
    (0x06, &[(0, OK), (1, DEGRADED)]),
    // Severity: the state that was gone to.
    (0x07, &[(0, OK), (1, DEGRADED), (2, FAILED), (3, FAILED), (4, DEGRADED), (5, FAILED), (6, FAILED), (7, OK), (8, OK)]),
    (0x08, &[(0, Absent), (1, Present)]),
    // Availability: running, on line, degraded, install error.
    (0x0a, &[(0, OK), (3, OK), (6, DEGRADED), (8, FAILED)]),
    (0x0b, &[
        (0, Redundancy("full")), (1, Redundancy("lost")), (2, Redundancy("degraded")), (3, Redundancy("lost")),
        (4, Redundancy("lost")), (5, Redundancy("lost")), (6, Redundancy("degraded")), (7, Redundancy("degraded")),
    ]),
];

/// Table 42-3, by sensor type, for sensor-specific states.
#[rustfmt::skip]
const SPECIFIC: &[(u8, States)] = &[
    // Physical security: chassis, drive bay, card area, processor area, fan area. A lost LAN is no contact.
    (0x05, &[(0, TAMPER), (1, TAMPER), (2, TAMPER), (3, TAMPER), (5, TAMPER), (6, TAMPER)]),
    // Platform security violations.
    (0x06, &[(0, DEGRADED), (1, DEGRADED), (2, DEGRADED), (3, DEGRADED), (4, DEGRADED), (5, DEGRADED)]),
    // Processor: internal error, thermal trip, three self-test failures, configuration, uncorrectable; there;
    // disabled; throttled; machine checks.
    (0x07, &[
        (0, FAILED), (1, FAILED), (2, FAILED), (3, FAILED), (4, FAILED), (5, FAILED), (6, FAILED), (7, Present),
        (8, DEGRADED), (10, DEGRADED), (11, FAILED), (12, DEGRADED),
    ]),
    // Power supply: there; failure; predicted; input lost; input lost or out of range; out of range; configuration.
    (0x08, &[(0, Present), (1, FAILED), (2, PREDICTED), (3, FAILED), (4, FAILED), (5, DEGRADED), (6, DEGRADED)]),
    // Power unit: 240 VA, interlock, input lost, soft control, unit failure, predicted.
    (0x09, &[(2, FAILED), (3, FAILED), (4, FAILED), (5, FAILED), (6, FAILED), (7, PREDICTED)]),
    // Memory: correctable, uncorrectable, parity, scrub, disabled, logging limit; there; configuration;
    // throttled; overheated.
    (0x0c, &[
        (0, DEGRADED), (1, FAILED), (2, FAILED), (3, FAILED), (4, DEGRADED), (5, DEGRADED), (6, Present),
        (7, DEGRADED), (9, DEGRADED), (10, FAILED),
    ]),
    // Drive slot: there; fault; predicted; in a critical array, in a failed one, rebuild, rebuild aborted.
    (0x0d, &[(0, Present), (1, FAILED), (2, PREDICTED), (5, DEGRADED), (6, FAILED), (7, DEGRADED), (8, DEGRADED)]),
    // POST memory resize is silent; firmware progress: error, hang.
    (0x0f, &[(0, FAILED), (1, FAILED)]),
    // Event logging: what is switched off, full, almost full. A log that was cleared is none of these.
    (0x10, &[(0, DEGRADED), (1, DEGRADED), (3, DEGRADED), (4, DEGRADED), (5, DEGRADED), (6, DEGRADED)]),
    // Watchdog 1: resets, shutdowns, NMI, expiry, warning.
    (0x11, &[
        (0, FAILED), (1, FAILED), (2, FAILED), (3, FAILED), (4, FAILED), (5, DEGRADED), (6, DEGRADED), (7, DEGRADED),
    ]),
    // System event: undetermined hardware failure.
    (0x12, &[(2, FAILED)]),
    // Critical interrupt: NMIs, bus errors.
    (0x13, &[
        (0, DEGRADED), (1, FAILED), (2, FAILED), (3, DEGRADED), (4, FAILED), (5, FAILED), (6, FAILED),
        (7, DEGRADED), (8, FAILED), (9, FAILED), (10, FAILED), (11, DEGRADED),
    ]),
    // Button: a latch that is open; pressed ones tell nothing of health.
    (0x14, &[(3, Open("door"))]),
    // Chip set: soft power control, thermal trip.
    (0x19, &[(0, FAILED), (1, FAILED)]),
    // Cable: connected, wrong.
    (0x1b, &[(0, OK), (1, FAILED)]),
    // Boot error: no media, no diskette, no PXE server, invalid sector, timeout.
    (0x1e, &[(0, FAILED), (1, FAILED), (2, FAILED), (3, FAILED), (4, FAILED)]),
    // Operating system stop: at load, at run time, agent silent.
    (0x20, &[(0, FAILED), (1, FAILED), (5, DEGRADED)]),
    // Slot: fault; there.
    (0x21, &[(0, FAILED), (2, Present)]),
    // ACPI: S0; S1 to S3; off in all its ways; S1 to S3 or G1 without more; overridden; without ACPI.
    (0x22, &[
        (0, Power("on")), (1, Power("standby")), (2, Power("standby")), (3, Power("standby")), (4, Power("off")),
        (5, Power("off")), (6, Power("off")), (7, Power("off")), (8, Power("standby")), (9, Power("standby")),
        (10, Power("off")), (11, Power("on")), (12, Power("off")), (14, Power("unknown")),
    ]),
    // Watchdog 2: expired, reset, power down, power cycle, interrupt.
    (0x23, &[(0, DEGRADED), (1, FAILED), (2, FAILED), (3, FAILED), (8, DEGRADED)]),
    // Entity presence. A disabled one is neither.
    (0x25, &[(0, Present), (1, Absent)]),
    // LAN heartbeat: lost, there.
    (0x27, &[(0, FAILED), (1, OK)]),
    // Management subsystem: sensors, controllers, FRUs that cannot be read.
    (0x28, &[(0, DEGRADED), (1, DEGRADED), (2, DEGRADED), (3, FAILED), (4, DEGRADED), (5, FAILED)]),
    // Battery: low, failed, there.
    (0x29, &[(0, DEGRADED), (1, FAILED), (2, Present)]),
    // Session audit: a wrong name or password.
    (0x2a, &[(3, DEGRADED)]),
    // FRU state: not installed; communication lost.
    (0x2c, &[(0, Absent), (7, FAILED)]),
];

/// The states with a meaning of a sensor of this type. `None` for a vendor's own type.
fn states(kind: u8, reading: u8) -> Option<States> {
    let find = |table: &[(u8, States)], key| -> States {
        table.iter().find(|(of, _)| *of == key).map_or(&[][..], |(_, states)| states)
    };
    match reading {
        SENSOR_SPECIFIC if kind < 0xc0 => Some(find(SPECIFIC, kind)),
        0x02..=0x0c => Some(find(GENERIC, reading)),
        _ => None,
    }
}

/// What a discrete sensor tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// The worst of the states; `Ok` where it can tell what is wrong and tells nothing.
    pub(crate) status: Option<Status>,
    /// Whether the part is there, if the sensor knows.
    pub(crate) present: Option<bool>,
    pub(crate) redundancy: Option<&'static str>,
    /// Kind of the contact, and whether it is open.
    pub(crate) contact: Option<(&'static str, bool)>,
    pub(crate) power: Option<&'static str>,
}

/// Whether a sensor of this type, with these possible states, can tell anything.
pub(crate) fn is_telling(kind: u8, reading: u8, possible: u16) -> bool {
    states(kind, reading).is_some_and(|states| states.iter().any(|(offset, _)| has(possible, *offset)))
}

/// What asserted states tell. States that the sensor cannot have are not believed.
pub(crate) fn told(kind: u8, reading: u8, possible: u16, asserted: u16) -> Told {
    let mut told = Told::default();
    let asserted = asserted & possible;
    // Whether the sensor has a state for "good", for "there" and for "not there".
    let (mut says_good, mut says_present, mut says_absent) = (false, None, None);
    let known = states(kind, reading).unwrap_or_default().iter();
    for (offset, meaning) in known.filter(|(offset, _)| has(possible, *offset)) {
        let is_on = has(asserted, *offset);
        match *meaning {
            Meaning::Status(status) => {
                says_good |= status == Ok;
                told.status = told.status.max(Some(if is_on { status } else { Ok }));
            }
            Present => says_present = Some(is_on),
            Absent => says_absent = Some(is_on),
            Redundancy(state) if is_on => told.redundancy = worse(told.redundancy, state),
            Open(kind) => told.contact = Some((kind, is_on || told.contact == Some((kind, true)))),
            Power(state) if is_on => told.power = told.power.or(Some(state)),
            Redundancy(_) | Power(_) => {}
        }
    }
    if says_good && asserted == 0 {
        told.status = None;
    }
    told.present = match (says_present, says_absent) {
        (_, Some(true)) => Some(false),
        (Some(true), _) => Some(true),
        (Some(false), Some(false)) | (None, None) => None,
        (Some(false), None) => Some(false),
        (None, Some(false)) => Some(true),
    };
    told
}

fn worse(known: Option<&'static str>, state: &'static str) -> Option<&'static str> {
    let rank = |state: &str| ["full", "degraded", "lost"].iter().position(|of| *of == state);
    known.filter(|known| rank(known) >= rank(state)).or(Some(state))
}

const fn has(states: u16, offset: u8) -> bool {
    offset < 15 && states >> offset & 1 == 1
}

/// How severe an event is: index into `ok`, `warning`, `critical`. `None` for a vendor's own events.
pub(crate) fn severity(kind: u8, reading: u8, offset: u8, is_deasserted: bool) -> Option<usize> {
    if reading == THRESHOLD {
        // Non-critical low and high, then critical and non-recoverable; then the same for the upper ones.
        return match (offset, is_deasserted) {
            (0..=11, true) => Some(0),
            (0 | 1 | 6 | 7, false) => Some(1),
            (2..=5 | 8..=11, false) => Some(2),
            _ => None,
        };
    }
    let meaning = states(kind, reading)?.iter().find(|(of, _)| *of == offset).map(|(_, meaning)| *meaning);
    Some(match (meaning, is_deasserted) {
        (Some(Present), true) | (Some(Absent), false) => 1,
        (_, true) => 0,
        (Some(Meaning::Status(Failed) | Redundancy("lost") | Open(_)), _) => 2,
        (Some(Meaning::Status(Degraded | PredictedFailure) | Redundancy("degraded")), _) => 1,
        _ => 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specific(kind: u8, asserted: u16) -> Told {
        told(kind, SENSOR_SPECIFIC, 0x7fff, asserted)
    }

    #[test]
    fn a_power_supply_is_there_has_failed_or_lost_its_input() {
        let is = |status, present| Told { status, present, ..Told::default() };
        assert_eq!(specific(0x08, 0b0000_0001), is(Some(Ok), Some(true)));
        assert_eq!(specific(0x08, 0b0000_0011), is(Some(Failed), Some(true)));
        assert_eq!(specific(0x08, 0b0000_0101), is(Some(PredictedFailure), Some(true)));
        assert_eq!(specific(0x08, 0b0000_1001), is(Some(Failed), Some(true)), "input lost");
        assert_eq!(specific(0x08, 0b0010_0001), is(Some(Degraded), Some(true)), "input out of range");
        assert_eq!(specific(0x08, 0), is(Some(Ok), Some(false)));
        assert_eq!(told(0x08, SENSOR_SPECIFIC, 0b10, 0), is(Some(Ok), None), "presence is not told");
    }

    #[test]
    fn states_of_the_other_parts_are_those_of_table_42_3() {
        for (kind, asserted, status, present) in [
            (0x07, 1 << 7, Some(Ok), Some(true)),
            (0x07, 1 << 7 | 1 << 1, Some(Failed), Some(true)),
            (0x0c, 1 << 6 | 1, Some(Degraded), Some(true)),
            (0x0c, 1 << 6 | 1 << 1, Some(Failed), Some(true)),
            (0x0d, 1 | 1 << 2, Some(PredictedFailure), Some(true)),
            (0x0d, 1 | 1 << 7, Some(Degraded), Some(true)),
            (0x1b, 1, Some(Ok), None),
            (0x1b, 2, Some(Failed), None),
            (0x1b, 0, None, None),
            (0x23, 0, Some(Ok), None),
            (0x23, 1 << 1, Some(Failed), None),
            (0x25, 1, None, Some(true)),
            (0x25, 2, None, Some(false)),
            (0x29, 1 << 2 | 1, Some(Degraded), Some(true)),
        ] {
            let told = specific(kind, asserted);
            assert_eq!((told.status, told.present), (status, present), "{kind:#04x} {asserted:#06x}");
        }
        assert_eq!(specific(0x05, 1).contact, Some(("tamper", true)));
        assert_eq!(specific(0x05, 1 << 6).contact, Some(("tamper", true)));
        assert_eq!(specific(0x05, 1 << 4).contact, Some(("tamper", false)), "a LAN leash is no contact");
        assert_eq!(specific(0x14, 1).contact, Some(("door", false)), "a pressed power button");
        assert_eq!(specific(0x14, 1 << 3).contact, Some(("door", true)));
        for (offset, state) in
            [(0, "on"), (1, "standby"), (5, "off"), (6, "off"), (11, "on"), (14, "unknown")]
        {
            assert_eq!(specific(0x22, 1 << offset).power, Some(state), "{offset}");
        }
        assert_eq!(specific(0x22, 0).power, None);
        assert_eq!(specific(0xc5, 3), Told::default(), "a vendor's own type");
    }

    #[test]
    fn generic_states_are_those_of_table_42_2() {
        let generic = |reading, asserted| told(0x04, reading, 0x7fff, asserted);
        for (offset, state) in ["full", "lost", "degraded", "lost", "lost", "lost", "degraded", "degraded"]
            .into_iter()
            .enumerate()
        {
            assert_eq!(generic(0x0b, 1 << offset).redundancy, Some(state), "{offset}");
        }
        assert_eq!(generic(0x0b, 0).redundancy, None);
        assert_eq!(generic(0x07, 1 << 2).status, Some(Failed));
        assert_eq!(generic(0x07, 0).status, None);
        assert_eq!(generic(0x04, 2).status, Some(PredictedFailure));
        assert_eq!(generic(0x08, 1).present, Some(false));
        assert_eq!(generic(0x08, 2).present, Some(true));
        assert_eq!(generic(0x03, 2), Told::default(), "asserted: what, only the vendor knows");
    }

    #[test]
    fn illegal_states_are_not_believed() {
        // The record says that only presence and failure are possible; the reading asserts all.
        assert_eq!(told(0x08, SENSOR_SPECIFIC, 0b11, 0x7fff & !2).status, Some(Ok));
        // Redundant and not at once: the worse counts.
        assert_eq!(told(0x08, 0x0b, 0x7fff, 0b011).redundancy, Some("lost"));
        assert_eq!(told(0x08, 0x0b, 0x7fff, 0b101).redundancy, Some("degraded"));
        // There and not there at once; neither.
        assert_eq!(specific(0x25, 0b11).present, Some(false));
        assert_eq!(specific(0x25, 0b100).present, None);
    }

    #[test]
    fn events_have_the_severity_of_their_state() {
        assert_eq!(severity(1, 1, 7, false), Some(1), "upper non-critical");
        assert_eq!(severity(1, 1, 9, false), Some(2), "upper critical");
        assert_eq!(severity(1, 1, 4, false), Some(2), "lower non-recoverable");
        assert_eq!(severity(1, 1, 9, true), Some(0));
        assert_eq!(severity(1, 1, 12, false), None);
        assert_eq!(severity(0x08, SENSOR_SPECIFIC, 3, false), Some(2), "input lost");
        assert_eq!(severity(0x08, SENSOR_SPECIFIC, 3, true), Some(0));
        assert_eq!(severity(0x08, SENSOR_SPECIFIC, 0, true), Some(1), "a supply was taken out");
        assert_eq!(severity(0x0d, SENSOR_SPECIFIC, 2, false), Some(1));
        assert_eq!(severity(0x08, 0x0b, 1, false), Some(2), "redundancy lost");
        assert_eq!(severity(0x05, SENSOR_SPECIFIC, 0, false), Some(2));
        assert_eq!(severity(0x1d, SENSOR_SPECIFIC, 0, false), Some(0), "system boot");
        assert_eq!(severity(0xc1, SENSOR_SPECIFIC, 0, false), None);
        assert_eq!(severity(0x08, 0x70, 0, false), None);
    }
}
