//! Faults, as ipmitool and FreeIPMI see them.

use std::net::UdpSocket;
use std::time::Duration;

use mocks::ipmi::{Agent, BmcOptions, Fault, FaultRule, Suite};

use super::{bmc, freeipmi_as, good, ipmitool, ipmitool_as};

/// Get Device ID.
const DEVICE_ID: (u8, u8) = (0x06, 0x01);

fn with(fault: impl Into<FaultRule>) -> Agent {
    let agent = bmc(BmcOptions::default());
    agent.set_faults(vec![fault.into()]);
    agent
}

fn on_device_id(fault: Fault) -> FaultRule {
    fault.on(DEVICE_ID.0, DEVICE_ID.1)
}

/// Whether `mc info` of ipmitool still works with the suite while this goes wrong.
async fn works(suite: u8, fault: impl Into<FaultRule>) -> bool {
    ipmitool(&with(fault), suite, "monitor", "mc info").await.status.success()
}

/// Whether FreeIPMI's `bmc-info`, which checks more than ipmitool, works while this goes wrong.
async fn works_with_freeipmi(fault: impl Into<FaultRule>) -> bool {
    let who = "-u monitor -p monitor -l USER --session-timeout=1500 --retransmission-timeout=400";
    freeipmi_as(&with(fault), 17, "bmc-info --get-device-id", who).await.status.success()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in() {
    assert!(!works(3, Fault::SessionTableFull).await);
    assert!(!works(17, Fault::Silent).await);
    assert!(!works(17, Fault::OnlyPings).await);
    for fault in
        [Fault::RefuseSuite { suite: Suite::Sha1, status: 1 }, Fault::IgnoreSuite { suite: Suite::Sha1 }]
    {
        assert!(!works(3, fault.clone()).await, "{fault:?}");
        assert!(works(17, fault).await);
    }
}

/// The ping of section 13.2.3, byte for byte.
#[tokio::test(flavor = "multi_thread")]
async fn pings_are_answered_where_nothing_else_is() {
    let agent = with(Fault::OnlyPings);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket.send_to(&[0x06, 0, 0xff, 0x06, 0, 0, 0x11, 0xbe, 0x80, 0x42, 0, 0], agent.local_addr()).unwrap();
    let mut pong = [0; 64];
    let length = socket.recv(&mut pong).unwrap();
    assert_eq!(pong[..12], [0x06, 0, 0xff, 0x06, 0, 0, 0x11, 0xbe, 0x40, 0x42, 0, 16]);
    assert_eq!(length, 28);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_late_lost_or_said_twice_is_borne() {
    for fault in [Fault::Slow { ms: 100 }, Fault::LateReply { ms: 100 }, Fault::ReplayedReply] {
        assert!(works(17, fault.clone()).await, "{fault:?}");
        assert!(works_with_freeipmi(fault.clone()).await, "{fault:?}");
    }
    let agent = with(Fault::Drop { every: 4 });
    good(&ipmitool_as(&agent, 17, "-U monitor -P monitor -L USER -R 4 mc info").await);
}

/// FreeIPMI has a name for what such a BMC does, and asks with other levels in the two messages. ipmitool asks with
/// the same one and does not notice.
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_with_the_level_of_the_open_session_request() {
    assert!(works(17, Fault::WrongPrivilege).await);
    assert!(!works_with_freeipmi(Fault::WrongPrivilege).await);
    let who = "-u monitor -p monitor -l USER -W opensesspriv --session-timeout=4000";
    good(&freeipmi_as(&with(Fault::WrongPrivilege), 17, "bmc-info --get-device-id", who).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_bad() {
    for fault in [Fault::CompletionCode { code: 0xc0 }, Fault::Silent, Fault::Truncated, Fault::Reboot] {
        assert!(!works(17, on_device_id(fault.clone())).await, "{fault:?}");
    }
    for fault in [
        Fault::Garbage,
        Fault::TruncatedPayload,
        Fault::WrongChecksum,
        Fault::BadIntegrity,
        Fault::WrongRequestNumber,
        Fault::UsedSequenceNumber,
    ] {
        assert!(!works_with_freeipmi(on_device_id(fault.clone())).await, "{fault:?}");
    }
    assert!(works_with_freeipmi(Fault::NoDcmi).await, "without a fault it works");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reboot_forgets_every_session() {
    let agent = with(on_device_id(Fault::Reboot));
    assert!(!ipmitool(&agent, 17, "monitor", "mc info").await.status.success());
    assert_eq!(agent.stats().active, 0);
    agent.set_faults(vec![]);
    good(&ipmitool(&agent, 17, "monitor", "mc info").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_record_times_out() {
    let agent = with(Fault::LastSdrTimeout);
    let output = ipmitool(&agent, 17, "monitor", "sdr elist all").await;
    assert!(String::from_utf8_lossy(&output.stdout).contains("PSU 1"));
    agent.set_faults(vec![]);
    good(&ipmitool(&agent, 17, "monitor", "mc info").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_and_readings_are_not_what_they_should_be() {
    let ask = async |fault: Fault, command: &str| {
        let output = ipmitool(&with(fault), 17, "monitor", command).await;
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let count = |text: &str| -> i32 {
        let line = text.lines().find_map(|line| line.strip_prefix("Record Count")).unwrap();
        line.trim_start_matches([' ', ':']).parse().unwrap()
    };
    let right = count(&ask(Fault::NoDcmi, "sdr info").await);
    assert_eq!(count(&ask(Fault::WrongSdrCount { off: 5 }, "sdr info").await), right + 5);
    assert_eq!(count(&ask(Fault::WrongSdrCount { off: -2 }, "sdr info").await), right - 2);
    assert!(!ask(Fault::GarbageNames, "sdr elist full").await.contains("PCH Temp"));
    // PCH Temp stays at 47 otherwise.
    let mut readings = std::collections::BTreeSet::new();
    for _ in 0..4 {
        readings.insert(ask(Fault::GarbageReadings, "sdr type Temperature").await);
    }
    assert!(readings.len() > 1, "{readings:?}");
    assert!(!ask(Fault::NoDcmi, "dcmi power reading").await.contains("Watts"));
}
