//! Both cipher suites, every kind of command, by tools that nobody here wrote. Expected values are those that
//! `bmcs/server.json` says.

use mocks::ipmi::{BmcOptions, Suite};

use super::{bmc, freeipmi, good, ipmitool};

fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no '{part}' in:\n{text}");
    }
}

/// The columns of a sensor's line.
fn columns<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    let columns = |line: &'t str| line.split('|').map(str::trim).collect::<Vec<_>>();
    text.lines().map(columns).find(|columns| columns.contains(&name)).unwrap_or_else(|| panic!("no {name}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn ipmitool_identity_and_logs() {
    let agent = bmc(BmcOptions::default());
    for suite in [3, 17] {
        let text = good(&ipmitool(&agent, suite, "monitor", "mc info").await);
        assert_has(&text, &["Firmware Revision         : 2.14", "Manufacturer ID           : 32473"]);
        let text = good(&ipmitool(&agent, suite, "monitor", "chassis status").await);
        assert_has(&text, &["System Power         : on", "Chassis Intrusion    : inactive"]);
        let text = good(&ipmitool(&agent, suite, "monitor", "sel elist").await);
        assert_has(&text, &["Drive 3 | Drive Fault | Asserted", "PS2 Status | Power Supply AC lost"]);
        assert_eq!(text.lines().count(), 4);
        let text = good(&ipmitool(&agent, suite, "monitor", "dcmi power reading").await);
        assert_has(&text, &["Minimum during sampling period:                347 Watts"]);
        let text = good(&ipmitool(&agent, suite, "monitor", "fru").await);
        let fields = ["MB-X2 R1", "1234-567.8", "SN000042-1", "Rack Mount Chassis", "PSU 1100W"];
        assert_has(&text, &fields);
    }
    assert_eq!((agent.stats().active, agent.stats().rejected), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn ipmitool_sensors() {
    let agent = bmc(BmcOptions::default());
    for suite in [3, 17] {
        let text = good(&ipmitool(&agent, suite, "monitor", "sensor").await);
        for (name, value) in [
            ("Outdoor Temp", "-12.000"),
            ("Probe Temp", "-5.000"),
            ("PCH Temp", "47.000"),
            ("P5V", "5.025"),
            ("M12V", "-12.000"),
            ("Airflow", "148.000"),
            ("Lin Ln", "2.996"),
            ("Lin Log10", "1.699"),
            ("Lin Log2", "6.000"),
            ("Lin Exp", "7.389"),
            ("Lin Exp10", "1000.000"),
            ("Lin Exp2", "32.000"),
            ("Lin Recip", "0.050"),
            ("Lin Square", "400.000"),
            ("Lin Cube", "1000.000"),
            ("Lin Sqrt", "12.000"),
            ("Lin Cbrt", "4.000"),
            ("DIMM B4 Temp", "na"),
            ("GPU Temp", "na"),
            ("VRM Temp", "na"),
            ("PS2 Status", "0x9"),
        ] {
            assert_eq!(columns(&text, name)[1], value, "{name}");
        }
        assert_eq!(columns(&text, "CPU1 Temp")[7..], ["90.000", "95.000", "100.000"]);
        assert_eq!(columns(&text, "Inlet Temp")[5..8], ["-7.000", "3.000", "42.000"]);
        let text = good(&ipmitool(&agent, suite, "monitor", "sdr elist all").await);
        assert_has(&text, &["Example BMC", "Event-Only", "Drive Fault", "PSU 1"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn freeipmi_tools() {
    let agent = bmc(BmcOptions::default());
    for suite in [3, 17] {
        let text = good(&freeipmi(&agent, suite, "ipmi-dcmi --get-system-power-statistics").await);
        assert_has(&text, &["347 watts", "397 watts"]);
        assert_has(&good(&freeipmi(&agent, suite, "bmc-info").await), &["Firmware Revision", "2.14"]);
        let text = good(&freeipmi(&agent, suite, "ipmi-fru --quiet-cache").await);
        assert_has(&text, &["Example Server 2U", "SN000042-1", "MB-X2 R1"]);
        let text = good(&freeipmi(&agent, suite, "ipmi-sel --quiet-cache").await);
        assert_has(&text, &["Drive 3", "Drive Fault"]);
        let text = good(&freeipmi(&agent, suite, "ipmi-sensors --quiet-cache").await);
        for (name, value) in [("Outdoor Temp", "-12.00"), ("Probe Temp", "-5.00"), ("M12V", "-12.00")] {
            assert_eq!(columns(&text, name)[3], value, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_lock() {
    let agent = bmc(BmcOptions { lock_after: Some(2), suites: vec![Suite::Sha256], ..BmcOptions::default() });
    for tries in 1..=2 {
        assert!(!ipmitool(&agent, 17, "wrong", "mc info").await.status.success());
        assert_eq!(agent.stats().wrong_passwords, tries);
    }
    assert!(agent.stats().locked);
    assert!(!ipmitool(&agent, 17, "monitor", "mc info").await.status.success());
    assert_eq!(agent.stats().established, 0);
}
