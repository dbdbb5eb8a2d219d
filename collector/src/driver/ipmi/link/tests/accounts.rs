//! Passwords, group keys and privilege levels: nobody is locked out.

use super::*;

#[tokio::test]
async fn a_wrong_password_is_tried_three_times_over_restarts_and_locks_nobody() {
    let agent = bmc(BmcOptions { lock_after: Some(5), ..BmcOptions::default() });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("breakers.json");
    let mut details = Vec::new();
    for _restart in 0..4 {
        let (breakers, error) = Breakers::open(&path, [7; 16]);
        assert!(error.is_none());
        let mut poller = Poller::with(target(&agent, monitor("wrong")), breakers).await;
        for _ in 0..2 {
            let error = poller.poll().await.unwrap_err();
            assert_eq!(error.reason, Reason::Auth, "{error}");
            details.push(error.detail);
        }
    }
    let tried = details.iter().filter(|detail| detail.contains("the password is wrong")).count();
    assert_eq!(tried, 3, "{details:?}");
    assert_eq!((agent.stats().wrong_passwords, agent.stats().locked), (3, false));
    let (breakers, _) = Breakers::open(&path, [7; 16]);
    Poller::with(target(&agent, monitor("monitor")), breakers).await.whole().await;
}

#[tokio::test]
async fn another_group_key_is_told_from_a_wrong_password_and_tried_no_more_often() {
    for (device, here) in [(Some("bmckey"), None), (None, Some("bmckey")), (Some("bmckey"), Some("other"))] {
        let group_key = device.map(|key: &str| key.as_bytes().to_vec());
        let agent = bmc(BmcOptions { group_key, ..BmcOptions::default() });
        let credentials = login("monitor", here, Privilege::User);
        let mut poller = Poller::new(target(&agent, credentials)).await;
        for attempt in 0..5 {
            let error = poller.poll().await.unwrap_err();
            assert_eq!(error.reason, Reason::Auth, "{error}");
            assert_eq!(error.detail.contains("K_g"), attempt < 3, "{error}");
        }
        // Not sessions opened: a request for one that waits for its answer is sent again, which is no try.
        let stats = agent.stats();
        assert_eq!((stats.established, stats.wrong_passwords), (3, 0), "the password is right");
    }
}

#[tokio::test]
async fn an_operator_reads_what_a_user_may_not() {
    let fault = Fault::NeedsPrivilege { level: 3 };
    brings_no_readings(fault.clone(), Reason::Refused).await;
    let agent = bmc(BmcOptions::default());
    agent.set_faults(vec![on_readings(fault)]);
    let credentials = login("admin", None, Privilege::Operator);
    Poller::new(target(&agent, credentials)).await.whole().await;
}

#[tokio::test]
async fn a_user_who_is_no_operator_is_told_so() {
    let agent = bmc(BmcOptions::default());
    let credentials = login("monitor", None, Privilege::Operator);
    let error = Poller::new(target(&agent, credentials)).await.poll().await.unwrap_err();
    assert_eq!(error.reason, Reason::Refused);
    assert!(error.detail.contains("privilege"), "{error}");
}

#[tokio::test]
async fn secrets_are_in_no_error() {
    let agent = bmc(BmcOptions { group_key: Some(b"bmckey".to_vec()), ..BmcOptions::default() });
    let credentials = login("monitor", Some("hush-hush"), Privilege::User);
    let target = target(&agent, credentials);
    assert!(!format!("{target:?}").contains("hush-hush"));
    let error = Poller::new(target).await.poll().await.unwrap_err();
    assert!(!error.to_string().contains("hush-hush"));
}
