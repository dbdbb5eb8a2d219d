//! What a BMC answers that it should not, and what it does not answer.

use super::*;

fn once(fault: Fault) -> FaultRule {
    FaultRule { times: Some(1), ..on_readings(fault) }
}

#[tokio::test]
async fn a_late_reply_is_told_from_the_reply_to_the_next_request() {
    survives(on_readings(Fault::LateReply { ms: 250 })).await;
}

#[tokio::test]
async fn a_replayed_reply_is_dropped() {
    survives(Fault::ReplayedReply).await;
}

#[tokio::test]
async fn a_wrong_checksum_in_a_packet_that_is_proved_costs_nothing() {
    survives(Fault::WrongChecksum).await;
}

#[tokio::test]
async fn a_reply_to_another_request_is_dropped() {
    survives(once(Fault::WrongRequestNumber)).await;
    brings_no_readings(Fault::WrongRequestNumber, Reason::Timeout).await;
}

#[tokio::test]
async fn a_sequence_number_counts_once() {
    survives(once(Fault::UsedSequenceNumber)).await;
    brings_no_readings(Fault::UsedSequenceNumber, Reason::Timeout).await;
}

#[tokio::test]
async fn a_packet_that_is_not_proved_is_dropped() {
    survives(once(Fault::BadIntegrity)).await;
    brings_no_readings(Fault::BadIntegrity, Reason::Timeout).await;
}

#[tokio::test]
async fn garbage_and_halves_of_packets_are_dropped() {
    for fault in [Fault::Garbage, Fault::Truncated, Fault::TruncatedPayload] {
        survives(fault.clone().times(1)).await;
        survives(once(fault)).await;
    }
}

#[tokio::test]
async fn a_lost_packet_is_sent_again() {
    survives(Fault::Drop { every: 5 }).await;
}

#[tokio::test]
async fn a_slow_bmc_is_waited_for() {
    survives(on_readings(Fault::Slow { ms: 80 })).await;
}

#[tokio::test]
async fn a_wrong_count_of_records_is_not_believed() {
    for off in [-2, 5] {
        survives(Fault::WrongSdrCount { off }).await;
    }
}

#[tokio::test]
async fn without_the_last_record_the_others_are_read() {
    let (_agent, mut poller) = with(Fault::LastSdrTimeout).await;
    let report = poller.poll().await.unwrap();
    assert_eq!(values(&report, metric::HW_TEMPERATURE), [-12.0, 23.0]);
    // By the BMC's own count it is the only one that is missing: that is how these BMCs are, and no fault.
    assert_eq!(report.faults, []);
}

#[tokio::test]
async fn a_bmc_without_dcmi_lacks_nothing_else() {
    let (_agent, mut poller) = with(Fault::NoDcmi).await;
    let report = poller.poll().await.unwrap();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    assert_eq!(values(&report, metric::HW_TEMPERATURE), [-12.0, 23.0]);
    assert_eq!(values(&report, metric::HW_HOST_POWER), [0.0; 0]);
}

#[tokio::test]
async fn a_busy_bmc_costs_the_readings_and_says_so() {
    brings_no_readings(Fault::CompletionCode { code: 0xc0 }, Reason::Busy).await;
}

#[tokio::test]
async fn silence_is_asked_a_few_times_and_told_from_ipmi_that_is_switched_off() {
    for (fault, expected) in [
        (Fault::Silent, "no answer to the login: the device is down"),
        (Fault::OnlyPings, "no answer to the login, only to a ping"),
    ] {
        let (agent, mut poller) = with(fault).await;
        let error = poller.poll().await.unwrap_err();
        assert_eq!(error.reason, Reason::Timeout);
        assert!(error.detail.contains(expected), "{error}");
        // A greeting and two suites, each sent four times at most, and one ping.
        let sent = agent.stats().datagrams;
        assert!((4..=13).contains(&sent), "{sent}");
        agent.set_faults(vec![]);
        poller.whole().await;
    }
}
