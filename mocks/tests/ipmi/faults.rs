//! Faults, as ipmitool sees them.

use mocks::ipmi::{BmcOptions, Fault, FaultRule, Suite};

use super::{bmc, good, ipmitool};

/// Whether `mc info` still works with the suite while this goes wrong.
async fn works(suite: u8, fault: impl Into<FaultRule>) -> bool {
    let agent = bmc(BmcOptions::default());
    agent.set_faults(vec![fault.into()]);
    ipmitool(&agent, suite, "monitor", "mc info").await.status.success()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in() {
    assert!(!works(3, Fault::SessionTableFull).await);
    let refused = Fault::RefuseSuite { suite: Suite::Sha1, status: 1 };
    assert!(!works(3, refused.clone()).await);
    assert!(works(17, refused).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_bad() {
    assert!(!works(17, Fault::CompletionCode { code: 0xc0 }.on(0x06, 0x01)).await);
    assert!(!works(17, Fault::Silent.on(0x06, 0x01)).await);
    assert!(!works(17, Fault::Truncated.on(0x06, 0x01)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_record_times_out() {
    let agent = bmc(BmcOptions::default());
    agent.set_faults(vec![Fault::LastSdrTimeout.into()]);
    let output = ipmitool(&agent, 17, "monitor", "sdr elist all").await;
    assert!(String::from_utf8_lossy(&output.stdout).contains("PSU 1"));
    agent.set_faults(vec![]);
    good(&ipmitool(&agent, 17, "monitor", "mc info").await);
}
