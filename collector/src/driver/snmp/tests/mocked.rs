//! Whole polls of this project's mock, which shares no codec with the driver, with each of its faults:
//! what is wrong is named, what is right is read, and the next poll is whole again.

use std::sync::Arc;
use std::time::Duration;

use mocks::snmp::{Agent, AgentOptions, Endless, ErrorStatus, Fault, FaultRule, Recording};
use model::{PollReport, Reason};

use super::support::{Polled, target, v2c};
use crate::target::Target;

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

/// UPS-MIB: all of it.
fn ups() -> mocks::snmp::Oid {
    mocks::snmp::Oid::new(vec![1, 3, 6, 1, 2, 1, 33]).unwrap()
}

/// Polls with the fault and then without, of a target with these intervals: how many samples there are.
async fn then_without(fault: Fault, interval: Duration, inventory_interval: Duration) -> [usize; 2] {
    let agent = agent();
    let target = target("127.0.0.1", agent.local_addr().port(), v2c(), Duration::from_millis(300));
    let mut polled = Polled::new(Target { interval, inventory_interval, ..target }).await;
    agent.set_faults(vec![fault.under(ups())]);
    let before = polled.poll().await;
    agent.set_faults(Vec::new());
    tokio::time::sleep(interval.min(inventory_interval) * 10).await;
    let after = polled.poll().await;
    assert_eq!((&before.error, &after.error), (&None, &None));
    [before, after].map(|report| report.samples.len())
}

#[tokio::test]
async fn parts_that_are_new_are_found_after_the_inventory_interval() {
    let (soon, hour) = (Duration::from_millis(1), Duration::from_secs(3600));
    let [before, after] = then_without(Fault::NoSuchInstance, hour, soon).await;
    assert!(before < 10 && after > 20, "{before}, then {after}");
    let [before, after] = then_without(Fault::NoSuchInstance, soon, hour).await;
    assert!(before < 10 && after == before, "{before}, then {after}");
}

#[tokio::test]
async fn an_answer_that_was_lost_does_not_hide_parts_for_long() {
    let (soon, hour) = (Duration::from_millis(1), Duration::from_secs(3600));
    let [before, after] = then_without(Fault::Silent, soon, hour).await;
    assert!(before < 10 && after > 20, "{before}, then {after}");
}

#[tokio::test]
async fn parts_that_are_silent_for_a_while_are_not_forgotten() {
    let agent = agent();
    let target = target("127.0.0.1", agent.local_addr().port(), v2c(), Duration::from_millis(300));
    let mut polled = Polled::new(Target { inventory_interval: Duration::ZERO, ..target }).await;
    assert_eq!(reasons(&polled.poll().await), []);
    agent.set_faults(vec![Fault::Silent.under(ups())]);
    assert_eq!(reasons(&polled.poll().await), [Reason::Timeout]);
}
