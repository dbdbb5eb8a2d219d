//! Whole polls of this project's mock, which shares no codec with the driver, with each of its faults:
//! what is wrong is named, what is right is read, and the next poll is whole again.

use std::sync::Arc;
use std::time::Duration;

use mocks::snmp::{Agent, AgentOptions, Endless, ErrorStatus, Fault, FaultRule, Recording};
use model::{PollReport, Reason};

use super::support::{Polled, target, v2c};

/// What a poll comes to.
enum Outcome {
    /// As without the fault.
    Whole,
    /// Some of it, and one of these.
    Partly(&'static [Reason]),
    /// Nothing, and one of these.
    Down(&'static [Reason]),
}

fn agent() -> Agent {
    let text = concat!(env!("CARGO_MANIFEST_DIR"), "/../mocks/recordings/ups.snmprec");
    let recording = Recording::parse(&std::fs::read(text).unwrap()).unwrap();
    Agent::bind("127.0.0.1:0".parse().unwrap(), Arc::new(recording), AgentOptions::default()).unwrap()
}

fn reasons(report: &PollReport) -> Vec<Reason> {
    report.fault_counts.iter().map(|(reason, _)| *reason).collect()
}

/// Polls whole, with the fault, and whole again.
async fn try_fault(rule: FaultRule, outcome: Outcome) {
    let name = format!("{rule:?}");
    let agent = agent();
    let target = target("127.0.0.1", agent.local_addr().port(), v2c(), Duration::from_millis(300));
    let mut polled = Polled::new(target).await;
    let whole = polled.poll().await;
    assert_eq!((&whole.error, &whole.faults), (&None, &vec![]), "{name}");
    assert!(whole.samples.len() > 20, "{name}: {}", whole.samples.len());

    agent.set_faults(vec![rule]);
    let report = polled.poll().await;
    let found = reasons(&report);
    match outcome {
        Outcome::Whole => {
            assert_eq!((&report.error, found), (&None, vec![]), "{name}");
            assert_eq!(report.samples.len(), whole.samples.len(), "{name}");
        }
        Outcome::Partly(expected) => {
            assert_eq!(report.error, None, "{name}");
            assert!(
                !found.is_empty() && found.iter().all(|reason| expected.contains(reason)),
                "{name}: {found:?}"
            );
        }
        Outcome::Down(expected) => {
            let error = report.error.expect(&name);
            assert!(expected.contains(&error.reason), "{name}: {error}");
            assert!(report.samples.is_empty(), "{name}");
        }
    }

    agent.set_faults(Vec::new());
    let again = polled.poll().await;
    assert_eq!((&again.error, &again.faults), (&None, &vec![]), "{name}");
    assert_eq!(again.samples.len(), whole.samples.len(), "{name}");
}

#[tokio::test]
async fn silence_and_nonsense_are_a_device_that_is_down() {
    try_fault(Fault::Silent.into(), Outcome::Down(&[Reason::Timeout])).await;
    try_fault(Fault::Garbage.into(), Outcome::Down(&[Reason::Protocol])).await;
    try_fault(Fault::Truncated.into(), Outcome::Down(&[Reason::Protocol])).await;
    let mute = Outcome::Down(&[Reason::Timeout, Reason::Auth, Reason::Protocol]);
    try_fault(Fault::WrongRequestId.into(), mute).await;
}

#[tokio::test]
async fn a_device_that_refuses_everything_is_down_and_says_why() {
    for (status, reason) in [
        (ErrorStatus::GenErr, &[Reason::Refused]),
        (ErrorStatus::AuthorizationError, &[Reason::Refused]),
        (ErrorStatus::ResourceUnavailable, &[Reason::Busy]),
    ] {
        try_fault(Fault::ErrorStatus(status).into(), Outcome::Down(reason)).await;
    }
}

#[tokio::test]
async fn loss_delay_and_poor_agents_cost_nothing() {
    for fault in [
        Fault::Drop { every: 3 },
        Fault::Delay { ms: 20 },
        Fault::LateReply { ms: 350 },
        Fault::NoGetbulk,
        Fault::BulkSkips { above: 25 },
        Fault::InvalidUtf8,
    ] {
        try_fault(fault.into(), Outcome::Whole).await;
    }
}

#[tokio::test]
async fn a_walk_without_end_costs_its_table() {
    for (endless, reasons) in [
        (Endless::Repeat, &[Reason::Protocol]),
        (Endless::Loop, &[Reason::Protocol]),
        (Endless::Grow, &[Reason::Limit]),
    ] {
        let output = mocks::snmp::Oid::new(vec![1, 3, 6, 1, 2, 1, 33, 1, 4, 4, 1, 4]).unwrap();
        try_fault(Fault::EndlessWalk(endless).under(output), Outcome::Partly(reasons)).await;
    }
}

#[tokio::test]
async fn a_device_without_objects_is_there_and_has_no_profile() {
    try_fault(Fault::NoSuchInstance.into(), Outcome::Partly(&[Reason::Missing])).await;
}
