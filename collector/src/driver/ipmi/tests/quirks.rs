//! What is known to go wrong with BMCs in the field, and the tests that hold the driver to it.

use std::time::Duration;

use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::driver::ipmi::wire::Next;
use crate::driver::ipmi::wire::login::{Login, Nonce};
use crate::driver::ipmi::wire::rakp::Account;
use crate::driver::ipmi::wire::status::LoginError;
use crate::target::Privilege;

/// A quirk, where it was told of, and its tests.
type Quirk = (&'static str, &'static str, &'static [&'static str]);

#[rustfmt::skip]
const QUIRKS: &[Quirk] = &[
    ("a BMC with cipher suite 17 only says \"insufficient resources\" to suite 3", "FreeIPMI workarounds", &[
        "a_suite_that_the_bmc_lacks_is_told_from_a_full_table",
        "both_suites_are_proposed_and_a_full_table_is_told_from_a_refused_suite",
    ]),
    ("session keys are computed from the wrong privilege", "FreeIPMI workarounds", &[
        "keys_made_with_the_privilege_of_the_open_session_request_are_taken",
    ]),
    ("bad checksums", "FreeIPMI workarounds", &[
        "a_wrong_checksum_in_a_packet_that_is_proved_costs_nothing",
        "an_area_with_a_wrong_checksum_is_not_believed_and_the_others_are",
    ]),
    ("IPMI 1.5 is absent", "FreeIPMI workarounds", &["quirk_a_bmc_without_ipmi_1_5_is_logged_in_to"]),
    ("illegal sensor states", "FreeIPMI workarounds", &["illegal_states_are_not_believed"]),
    ("completion code C3h on the last SDR", "FreeIPMI workarounds", &[
        "quirk_c3_on_the_last_sdr_keeps_the_others",
        "quirk_c3_on_the_last_sdr_and_wrong_sdr_counts_cost_nothing",
    ]),
    ("RAKP ends in \"insufficient resources\" when the session table is full", "ipmi_exporter#243", &[
        "a_full_session_table_is_busy_and_waited_out",
    ]),
    ("a wrong SDR count", "FreeIPMI, of Fujitsu", &[
        "quirk_wrong_sdr_count_does_not_matter",
        "quirk_c3_on_the_last_sdr_and_wrong_sdr_counts_cost_nothing",
    ]),
    ("no DCMI", "ipmi_exporter#1", &[
        "quirk_no_dcmi_is_remembered_and_not_asked_again",
        "quirk_no_dcmi_costs_the_host_power_only",
    ]),
    ("garbage values over time", "bmc_exporter#29", &[
        "quirk_garbage_values_stay_plausible_and_pass_with_the_fault",
        "garbage_names_are_tamed_and_stay_apart",
    ]),
    ("garbage values under concurrent access", "bmc_exporter#29", &[
        "a_late_reply_is_told_from_the_reply_to_the_next_request",
        "a_replayed_reply_is_dropped",
        "a_reply_to_another_request_is_dropped",
    ]),
];

/// Where those tests are.
const SOURCES: &[&str] = &[
    include_str!("quirks.rs"),
    include_str!("records.rs"),
    include_str!("logs.rs"),
    include_str!("mocked.rs"),
    include_str!("../link/tests/faults.rs"),
    include_str!("../link/tests/sessions.rs"),
    include_str!("../decode/discrete.rs"),
    include_str!("../decode/fru.rs"),
    include_str!("../wire/proposal.rs"),
];

#[test]
fn every_quirk_has_its_tests() {
    for (quirk, source, tests) in QUIRKS {
        assert!(!tests.is_empty(), "{quirk} ({source}) has no test");
        for test in *tests {
            let head = format!("fn {test}() {{");
            let is_test = |source: &str| {
                let lines: Vec<&str> = source.lines().map(str::trim).collect();
                lines.windows(2).any(|pair| {
                    pair[0].starts_with("#[") && pair[0].contains("test") && pair[1].ends_with(&head)
                })
            };
            assert!(
                SOURCES.iter().any(|source| is_test(source)),
                "{quirk} ({source}): there is no test {test}"
            );
        }
    }
}

/// The answer to Get Channel Authentication Capabilities (table 22-15) in a packet of IPMI 1.5 (section 13.6).
fn capabilities(code: u8, data: &[u8]) -> Vec<u8> {
    let sum = |bytes: &[u8]| bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_neg();
    let (head, body) = ([0x81, 0x1c], [&[0x20, 0, 0x38, code], data].concat());
    let message = [&head[..], &[sum(&head)], &body, &[sum(&body)]].concat();
    [&[6, 0, 0xff, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, message.len() as u8], &message[..]].concat()
}

/// What the login sends after this answer, and after silence where there is none: the type of its payload.
fn after(answer: Option<&[u8]>) -> Result<u8, LoginError> {
    let key = Zeroizing::new(b"secret".to_vec());
    let account = Account { user: b"monitor".to_vec(), key, group_key: None, privilege: Privilege::User };
    let nonce = Nonce { console: 1, random: [7; 16] };
    let mut now = Instant::now();
    let mut login = Login::new(&account, nonce, None, now, Duration::from_secs(8));
    let Next::Send(first) = login.next(now)? else { panic!("nothing is sent") };
    assert_eq!(first[4], 0, "asked as IPMI 1.5 does");
    if let Some(answer) = answer {
        login.receive(answer, now)?;
    }
    loop {
        match login.next(now)? {
            // Authentication type RMCP+: the type of the payload follows.
            Next::Send(packet) if packet[4] == 6 => return Ok(packet[5]),
            Next::Send(_) => {}
            Next::Wait(until) => now = until,
            Next::Silence => panic!("the login gives up"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn quirk_a_bmc_without_ipmi_1_5_is_logged_in_to() {
    const OPEN_SESSION: Result<u8, LoginError> = Ok(0x10);
    // Extended capabilities, of IPMI 2.0 alone; no authentication type of IPMI 1.5.
    assert_eq!(after(Some(&capabilities(0, &[1, 0x80, 0x04, 0x02, 0, 0, 0, 0]))), OPEN_SESSION);
    // The BMC has no such command, knows no extended capabilities, or does not answer packets of IPMI 1.5 at all.
    assert_eq!(after(Some(&capabilities(0xc1, &[]))), OPEN_SESSION);
    assert_eq!(after(Some(&capabilities(0, &[1, 0x00, 0x04, 0x00, 0, 0, 0, 0]))), OPEN_SESSION);
    assert_eq!(after(None), OPEN_SESSION);
    // One with IPMI 1.5 alone is told at once.
    assert_eq!(after(Some(&capabilities(0, &[1, 0x97, 0x04, 0x01, 0, 0, 0, 0]))), Err(LoginError::Legacy));
}
