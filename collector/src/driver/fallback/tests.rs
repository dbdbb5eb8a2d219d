//! Two protocols of one device: scripted drivers, and this project's mock server beside its mock BMC.

mod devices;

use std::collections::VecDeque;

use model::{PollReport, Rejection};

use super::*;
use crate::poll::task::tests::target;

/// What one poll brings: readings by metric, id and name, or why there is none.
type Said = Result<Vec<(Metric, &'static str, &'static str, f64)>, Reason>;

/// Answers one poll after the other; the last answer for ever.
struct Scripted {
    answers: VecDeque<Said>,
    polls: usize,
    closed: usize,
}

impl Scripted {
    fn new(answers: impl IntoIterator<Item = Said>) -> Self {
        Self { answers: answers.into_iter().collect(), polls: 0, closed: 0 }
    }
}

impl Driver for Scripted {
    async fn poll(&mut self, report: &mut ReportBuilder) -> Result<(), PollError> {
        self.polls += 1;
        let answer = self.answers.front().cloned().unwrap();
        if self.answers.len() > 1 {
            self.answers.pop_front();
        }
        for (metric, id, name, value) in answer.map_err(|reason| PollError::new(reason, "scripted"))? {
            report.record(metric, &Labels::component(id, name), value);
        }
        Ok(())
    }

    async fn close(&mut self) {
        self.closed += 1;
    }
}

/// A device with the login `users` over each protocol, and its builder.
fn pair(
    users: [&str; 2],
    first: impl IntoIterator<Item = Said>,
    second: impl IntoIterator<Item = Said>,
) -> (Pair<Scripted, Scripted>, ReportBuilder) {
    let target = |protocol, user: &str| {
        let credentials = Some(Credentials::Password { user: user.into(), password: "secret".into() });
        Target { protocol, credentials, ..(*target("server-1")).clone() }
    };
    let [first_target, second_target] =
        [target(Protocol::Redfish, users[0]), target(Protocol::Ipmi, users[1])];
    let builder = ReportBuilder::new(Arc::clone(&first_target.device));
    (Pair::new(&first_target, &second_target, Scripted::new(first), Scripted::new(second)), builder)
}

async fn poll(pair: &mut Pair<Scripted, Scripted>, report: &mut ReportBuilder) -> PollReport {
    let error = pair.poll(report).await.err();
    report.finish(0, Duration::ZERO, error)
}

fn lines(report: &PollReport) -> Vec<String> {
    let line = |sample: &Sample| format!("{} {}", sample.series.own_text(), sample.value);
    report.samples.iter().map(line).collect()
}

const TEMPERATURE: Metric = metric::HW_TEMPERATURE;

#[tokio::test(start_paused = true)]
async fn parts_keep_the_names_of_the_first_protocol_and_what_cannot_be_compared_is_left_out() {
    let redfish = vec![
        (TEMPERATURE, "Sensors/1", "CPU 1 Temperature", 50.0),
        (TEMPERATURE, "Sensors/2", "DIMM Temp", 40.0),
        (metric::HW_HOST_POWER, "System/1", "Server", 400.0),
        (metric::HW_HOST_ENERGY, "System/1", "Server", 1e9),
    ];
    let ipmi = vec![
        (TEMPERATURE, "CPU1 Temp", "CPU1 Temp", 51.0),
        (TEMPERATURE, "DIMM Temp", "DIMM Temp", 41.0),
        (TEMPERATURE, "DIMM Temp #2", "DIMM Temp", 42.0),
        (TEMPERATURE, "PCH Temp", "PCH Temp", 43.0),
        (metric::HW_HOST_POWER, "host", "host", 401.0),
        (metric::HW_HOST_ENERGY, "host", "host", 5.0),
        (metric::OOB_COMPONENT_PRESENT, "disk 1", "disk 1", 1.0),
        (metric::OOB_FIRMWARE_INFO, "bmc", "BMC", 1.0),
    ];
    let first = [Ok(redfish.clone()), Err(Reason::Timeout), Ok(redfish)];
    let (mut pair, mut report) = pair(["monitor", "monitor"], first, [Ok(ipmi)]);
    let before = poll(&mut pair, &mut report).await;
    assert_eq!((&before.protocols, pair.second.polls), (&vec![("redfish", true)], 0));

    let during = poll(&mut pair, &mut report).await;
    assert_eq!(during.error, None);
    assert_eq!(
        lines(&during),
        [
            r#"hw_id="System/1",hw_name="Server" 401"#,
            r#"hw_id="Sensors/1",hw_name="CPU 1 Temperature" 51"#,
            // Which of the two would be Redfish's? Both stay.
            r#"hw_id="DIMM Temp",hw_name="DIMM Temp" 41"#,
            r#"hw_id="DIMM Temp #2",hw_name="DIMM Temp" 42"#,
            r#"hw_id="PCH Temp",hw_name="PCH Temp" 43"#,
        ]
    );
    assert_eq!(
        (during.fault_counts, during.protocols),
        (vec![(Reason::Timeout, 1)], vec![("redfish", false), ("ipmi", true)])
    );
    assert_eq!(during.faults[0].detail, "scripted; read over ipmi instead");

    let after = poll(&mut pair, &mut report).await;
    assert_eq!((lines(&after), after.faults), (lines(&before), vec![]));
    assert_eq!((after.protocols, pair.second.closed), (vec![("redfish", true), ("ipmi", true)], 1));
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_part_does_not_make_names_forgotten() {
    let names = ["a", "b", "c"];
    let all = |ids: [&'static str; 3], count: usize| {
        ids.into_iter()
            .zip(names)
            .take(count)
            .map(|(id, name)| (TEMPERATURE, id, name, 20.0))
            .collect::<Vec<_>>()
    };
    let (mut pair, mut report) =
        pair(["x", "y"], [Ok(all(["1", "2", "3"], 3))], [Ok(all(["k", "l", "m"], 3))]);
    poll(&mut pair, &mut report).await;
    report.fault(Reason::Timeout, "c", "no answer");
    pair.first.answers = [Ok(all(["1", "2", "3"], 2)), Err(Reason::Timeout)].into();
    poll(&mut pair, &mut report).await;
    let told = lines(&poll(&mut pair, &mut report).await);
    assert!(told.iter().all(|line| !line.contains("hw_id=\"m\"")), "{told:?}");
    // One that answers in full without it no longer has it.
    pair.first.answers = [Ok(all(["1", "2", "3"], 2)), Err(Reason::Timeout)].into();
    poll(&mut pair, &mut report).await;
    let told = lines(&poll(&mut pair, &mut report).await);
    assert!(told.iter().any(|line| line.contains("hw_id=\"m\"")), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_login_that_was_refused_is_not_tried_over_the_other_protocol() {
    // The first refuses: the second is never asked.
    let (mut one, mut report) = pair(["monitor", "monitor"], [Err(Reason::Auth)], [Ok(vec![])]);
    let error = poll(&mut one, &mut report).await.error.unwrap();
    assert_eq!((error.reason, one.second.polls), (Reason::Auth, 0));
    assert_eq!(error.detail, "scripted; ipmi is not tried: it has the same login");
    // The second refuses while the first is silent: asked once in an inventory interval.
    let (mut one, mut report) = pair(["monitor", "monitor"], [Err(Reason::Timeout)], [Err(Reason::Auth)]);
    for _ in 0..5 {
        let error = poll(&mut one, &mut report).await.error.unwrap();
        assert_eq!((error.reason, one.second.polls), (Reason::Timeout, 1));
    }
    tokio::time::advance(Duration::from_secs(3600)).await;
    poll(&mut one, &mut report).await;
    assert_eq!(one.second.polls, 2);
    // Another account is not at risk; its own breaker guards it.
    let (mut one, mut report) = pair(["monitor", "operator"], [Err(Reason::Auth)], [Ok(vec![])]);
    assert_eq!(poll(&mut one, &mut report).await.error, None);
}

#[tokio::test(start_paused = true)]
async fn the_second_protocol_is_tried_once_in_an_inventory_interval_while_the_first_answers() {
    let (mut pair, mut report) = pair(["a", "b"], [Ok(vec![])], [Ok(vec![]), Err(Reason::Refused)]);
    let mut seen = Vec::new();
    for _ in 0..4 {
        let protocols = poll(&mut pair, &mut report).await.protocols;
        seen.push((pair.second.polls, protocols.get(1).map(|(_, is_up)| *is_up)));
        tokio::time::advance(Duration::from_secs(1800)).await;
    }
    assert_eq!(seen, [(0, None), (1, Some(true)), (1, Some(true)), (2, Some(false))]);
    assert_eq!(pair.second.closed, 2, "no session is left behind");
}

#[tokio::test(start_paused = true)]
async fn a_device_that_is_silent_over_both_is_down_and_says_both_causes() {
    let (mut pair, mut report) = pair(["a", "b"], [Err(Reason::Timeout)], [Err(Reason::Dns)]);
    let polled = poll(&mut pair, &mut report).await;
    assert_eq!(polled.error.unwrap().to_string(), "scripted; and over ipmi: scripted");
    assert_eq!(polled.protocols, [("redfish", false), ("ipmi", false)]);
}

#[tokio::test(start_paused = true)]
async fn faults_and_dropped_readings_of_the_second_protocol_are_told() {
    let out_of_range = vec![(TEMPERATURE, "a", "a", 1e9), (TEMPERATURE, "b", "b", 20.0)];
    let (mut pair, mut report) = pair(["a", "b"], [Err(Reason::Timeout)], [Ok(out_of_range)]);
    let polled = poll(&mut pair, &mut report).await;
    assert_eq!((polled.samples.len(), polled.rejections), (1, vec![(Rejection::Range, 1)]));
}
