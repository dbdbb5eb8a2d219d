//! Group keys and privilege levels, as ipmitool and FreeIPMI see them.

use mocks::ipmi::{BmcOptions, Fault};

use super::{bmc, freeipmi_as, good, ipmitool_as};

#[tokio::test(flavor = "multi_thread")]
async fn a_group_key_is_needed_where_there_is_one() {
    let agent = bmc(BmcOptions { group_key: Some(b"bmckey".to_vec()), ..BmcOptions::default() });
    for suite in [3, 17] {
        let with = |key: &str| format!("-U monitor -P monitor -L USER -R 1 {key}mc info");
        good(&ipmitool_as(&agent, suite, &with("-k bmckey ")).await);
        for key in ["-k other ", ""] {
            assert!(!ipmitool_as(&agent, suite, &with(key)).await.status.success(), "'{key}'");
        }
        let who = "-u monitor -p monitor -l USER --session-timeout=2000";
        good(&freeipmi_as(&agent, suite, "bmc-info", &format!("{who} -k bmckey")).await);
        let other = freeipmi_as(&agent, suite, "bmc-info", &format!("{who} -k other")).await;
        assert!(!other.status.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_more_than_their_level() {
    let agent = bmc(BmcOptions::default());
    for suite in [3, 17] {
        let ask = async |who: &str, level: &str| {
            let words = format!("-U {who} -P {who} -L {level} -R 1 mc info");
            ipmitool_as(&agent, suite, &words).await.status.success()
        };
        assert!(ask("monitor", "USER").await);
        assert!(!ask("monitor", "OPERATOR").await);
        for level in ["USER", "OPERATOR", "ADMINISTRATOR"] {
            assert!(ask("admin", level).await, "{level}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_may_need_a_level() {
    let agent = bmc(BmcOptions::default());
    agent.set_faults(vec![Fault::NeedsPrivilege { level: 3 }.on(0x06, 0x01)]);
    let refused = ipmitool_as(&agent, 17, "-U admin -P admin -L USER -R 1 mc info").await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("Insufficient privilege level"), "{said}");
    good(&ipmitool_as(&agent, 17, "-U admin -P admin -L OPERATOR -R 1 mc info").await);
    good(&ipmitool_as(&agent, 17, "-U admin -P admin -L USER -R 1 chassis status").await);
}
