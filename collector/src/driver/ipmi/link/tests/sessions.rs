//! Getting a session, keeping it, losing it and ending it.

use super::*;

#[tokio::test]
async fn both_suites_bring_the_same_with_and_without_group_key() {
    for suite in Suite::ALL {
        for group_key in [None, Some("bmckey")] {
            let key = group_key.map(|key| key.as_bytes().to_vec());
            let agent = bmc(BmcOptions { suites: vec![suite], group_key: key, ..BmcOptions::default() });
            let credentials = login("monitor", group_key, Privilege::User);
            Poller::new(target(&agent, credentials)).await.whole().await;
        }
    }
}

#[tokio::test]
async fn a_suite_that_the_bmc_lacks_is_told_from_a_full_table() {
    for suite in Suite::ALL {
        for status in [0x01, 0x11] {
            survives(Fault::RefuseSuite { suite, status }).await;
        }
        survives(Fault::IgnoreSuite { suite }).await;
    }
}

#[tokio::test]
async fn never_less_than_the_two_suites() {
    let agent = bmc(BmcOptions { suites: vec![], ..BmcOptions::default() });
    let error = Poller::new(target(&agent, monitor("monitor"))).await.poll().await.unwrap_err();
    assert_eq!(error.reason, Reason::Refused);
    assert!(error.detail.contains("neither cipher suite 17 nor 3"), "{error}");
    assert_eq!(agent.stats().opened, 0);
}

#[tokio::test]
async fn keys_made_with_the_privilege_of_the_open_session_request_are_taken() {
    survives(Fault::WrongPrivilege).await;
}

#[tokio::test]
async fn a_full_session_table_is_busy_and_waited_out() {
    let (agent, mut poller) = with(Fault::SessionTableFull).await;
    for _ in 0..5 {
        let error = poller.poll().await.unwrap_err();
        assert_eq!(error.reason, Reason::Busy);
        assert!(error.detail.contains("session table is full"), "{error}");
    }
    agent.set_faults(vec![]);
    poller.whole().await;
}

#[tokio::test]
async fn a_session_is_kept_between_polls_and_closed_at_the_end() {
    let agent = bmc(BmcOptions::default());
    let mut poller = Poller::new(target(&agent, monitor("monitor"))).await;
    for _ in 0..3 {
        poller.whole().await;
    }
    assert_eq!((agent.stats().established, agent.stats().active), (1, 1));
    poller.driver.close().await;
    assert_eq!((agent.stats().closed, agent.stats().active), (1, 0));
}

#[tokio::test]
async fn a_session_that_the_bmc_would_forget_is_closed_after_each_poll() {
    let agent = bmc(BmcOptions::default());
    let often = Target::clone(&target(&agent, monitor("monitor")));
    let rarely = Target { interval: Duration::from_secs(60), ..often };
    let mut poller = Poller::new(Arc::new(rarely)).await;
    for polls in 1..=2 {
        poller.whole().await;
        assert_eq!((agent.stats().closed, agent.stats().active), (polls, 0));
    }
}

#[tokio::test]
async fn a_reset_between_polls_costs_nothing() {
    let agent = bmc(BmcOptions::default());
    let mut poller = Poller::new(target(&agent, monitor("monitor"))).await;
    for _ in 0..3 {
        poller.whole().await;
        agent.reset();
    }
    assert_eq!(agent.stats().established, 3);
}

#[tokio::test]
async fn a_reset_in_the_middle_of_a_poll_costs_nothing() {
    let agent = bmc(BmcOptions::default());
    let mut poller = Poller::new(target(&agent, monitor("monitor"))).await;
    poller.whole().await;
    agent.set_faults(vec![FaultRule { times: Some(1), ..on_readings(Fault::Reboot) }]);
    poller.whole().await;
    assert_eq!((agent.stats().established, agent.stats().active), (2, 1));
}

#[tokio::test]
async fn a_session_without_an_answer_frees_its_place() {
    let agent = bmc(BmcOptions { max_sessions: 2, ..BmcOptions::default() });
    let mut poller = Poller::new(target(&agent, monitor("monitor"))).await;
    for _ in 0..4 {
        agent.set_faults(vec![on_readings(Fault::Silent)]);
        assert!(!poller.poll().await.unwrap().faults.is_empty());
        agent.set_faults(vec![]);
        poller.whole().await;
    }
    assert_eq!(agent.stats().active, 1);
}

#[tokio::test]
async fn ipv6_and_two_bmcs_behind_one_address() {
    let bind = |address: &str| {
        Agent::bind(address.parse().unwrap(), Bmc::parse(BMC).unwrap(), BmcOptions::default()).unwrap()
    };
    let agents = ["[::1]:0", "127.0.0.1:0", "127.0.0.1:0"].map(bind);
    let common = Arc::new(Ipmi::bind(Breakers::in_memory([0; 16]), || NOW, system_entropy).unwrap());
    let [mut v6, mut first, mut second] = agents.each_ref().map(|agent| {
        let target = target(agent, monitor("monitor"));
        let report = ReportBuilder::new(Arc::clone(&target.device));
        Poller { driver: IpmiDriver::new(Arc::clone(&common), target).unwrap(), report }
    });
    tokio::join!(v6.whole(), first.whole(), second.whole());
    assert!(agents.iter().all(|agent| agent.stats().established == 1));
}
