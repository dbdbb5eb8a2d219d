//! How columns and scalars are read from agents with faults.

use std::time::Duration;

use async_snmp::Value as Raw;
use model::{Fault, Reason};
use tokio::time::Instant;

use super::agent::{Agent, Faults, oid, oids};
use crate::driver::snmp::fetch::{Fetch, Limits, POLL_LIMITS};
use crate::driver::snmp::habits::{Bulk, Habits};
use crate::driver::snmp::wire::Wire;
use crate::profile::source::{Objects, Oid, Request, Value};

const MINUTE: Duration = Duration::from_secs(60);

struct Read {
    objects: Objects,
    faults: Vec<Fault>,
    habits: Habits,
}

async fn read_within(agent: &mut Agent, request: &Request, limits: Limits, time: Duration) -> Read {
    let mut habits = Habits::new(agent.has_bulk(), None);
    let mut fetch = Fetch::new(agent, &mut habits, Instant::now() + time, limits);
    fetch.run(request).await;
    let (objects, faults) = fetch.finish();
    Read { objects, faults, habits }
}

async fn read(agent: &mut Agent, request: &Request) -> Read {
    read_within(agent, request, POLL_LIMITS, MINUTE).await
}

fn table(columns: u32) -> Request {
    let columns = (1..=columns).map(|column| Oid::new(vec![1, 3, 9, 1, column])).collect();
    Request { scalars: Vec::new(), columns }
}

fn scalars(texts: &[&str]) -> Request {
    Request { scalars: oids(texts), columns: Vec::new() }
}

fn reasons(faults: &[Fault]) -> Vec<(Reason, &str)> {
    faults.iter().map(|fault| (fault.reason, fault.subject.as_ref())).collect()
}

/// Every value stands at its own instance: row * 100 + column.
fn assert_in_place(objects: &Objects, columns: u32) {
    for column in 1..=columns {
        for (index, value) in objects.column(&Oid::new(vec![1, 3, 9, 1, column])) {
            assert_eq!(*value, Value::Unsigned(u64::from(index[0] * 100 + column)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn columns_of_a_table_are_read_side_by_side() {
    let mut agent = Agent::with_table(6, 24, Faults::default());
    let read = read(&mut agent, &table(6)).await;
    assert_eq!((read.objects.len(), read.faults.len()), (6 * 24, 0));
    assert_in_place(&read.objects, 6);
    // 40 instances in an answer make 6 rows of 6 columns: four for 24 rows, one to see the end.
    assert_eq!(agent.asked, [('b', 6, 6); 5]);
    assert_eq!(read.habits.bulk, Bulk::Works);
}

#[tokio::test(start_paused = true)]
async fn columns_of_different_length_end_by_themselves() {
    let mut agent = Agent::with_table(3, 20, Faults::default());
    agent.rows.retain(|oid, _| oid.as_slice()[4] != 2 || oid.as_slice()[5] <= 3);
    agent.rows.insert(oid("1.3.9.1.9.1"), Raw::Gauge32(1));
    let read = read(&mut agent, &table(3)).await;
    assert_eq!((read.objects.len(), read.faults.len()), (43, 0));
    assert_in_place(&read.objects, 3);
}

#[tokio::test(start_paused = true)]
async fn a_v1_agent_is_read_by_getnext_to_the_end_of_its_view() {
    let mut agent = Agent::with_table(3, 5, Faults { v1: true, ..Faults::default() });
    let read = read(&mut agent, &table(3)).await;
    assert_eq!((read.objects.len(), read.faults.len()), (15, 0));
    assert!(agent.asked.iter().all(|(kind, ..)| *kind == 'n'));
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_fails_at_getbulk_is_read_by_getnext_and_that_is_learned() {
    for faults in [
        Faults { deaf_to_bulk: true, ..Faults::default() },
        Faults { refuses_bulk: true, ..Faults::default() },
    ] {
        let mut agent = Agent::with_table(2, 5, faults);
        let read = read(&mut agent, &table(2)).await;
        assert_eq!((read.objects.len(), read.faults.len()), (10, 0));
        assert_eq!(read.habits.bulk, Bulk::Broken);
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_too_big_are_asked_for_in_parts() {
    for most in [1, 3, 7] {
        let mut agent = Agent::with_table(8, 12, Faults { most: Some(most), ..Faults::default() });
        let read = read(&mut agent, &table(8)).await;
        assert_eq!((read.objects.len(), read.faults.len()), (96, 0), "at most {most}");
        assert_in_place(&read.objects, 8);
        let failed = agent.asked.iter().filter(|(_, columns, rows)| columns * *rows as usize > most).count();
        assert!(failed <= 8, "{failed} requests were too big with at most {most}: {:?}", agent.asked);
    }
}

#[tokio::test(start_paused = true)]
async fn a_loop_ends_its_column_alone() {
    let mut agent = Agent::with_table(3, 10, Faults::default());
    agent.faults.follows.insert(oid("1.3.9.1.2.7"), oid("1.3.9.1.2.4"));
    let read = read(&mut agent, &table(3)).await;
    assert_eq!(reasons(&read.faults), [(Reason::Protocol, "1.3.9.1.2")]);
    assert_eq!(read.objects.len(), 10 + 7 + 10);
    assert_in_place(&read.objects, 3);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_follows_itself_is_a_loop() {
    let mut agent = Agent::with_table(1, 10, Faults::default());
    agent.faults.follows.insert(oid("1.3.9.1.1.5"), oid("1.3.9.1.1.5"));
    let read = read(&mut agent, &table(1)).await;
    assert_eq!(reasons(&read.faults), [(Reason::Protocol, "1.3.9.1.1")]);
    assert_eq!(read.objects.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn rows_out_of_order_are_read() {
    let mut agent = Agent::with_table(1, 4, Faults::default());
    for (from, to) in
        [("1.3.9.1.1", "1.3.9.1.1.3"), ("1.3.9.1.1.3", "1.3.9.1.1.1"), ("1.3.9.1.1.2", "1.3.9.1.1.4")]
    {
        agent.faults.follows.insert(oid(from), oid(to));
    }
    let read = read(&mut agent, &table(1)).await;
    assert_eq!((read.objects.len(), read.faults.len()), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn an_endless_column_is_cut_and_the_next_is_read() {
    let endless = Some(oid("1.3.9.1.1"));
    let mut agent = Agent::with_table(2, 5, Faults { endless, ..Faults::default() });
    let limits = Limits { rows: 100, ..POLL_LIMITS };
    let read = read_within(&mut agent, &table(2), limits, MINUTE).await;
    assert_eq!(reasons(&read.faults), [(Reason::Limit, "1.3.9.1.1")]);
    assert_eq!(read.objects.len(), 100 + 5);
}

#[tokio::test(start_paused = true)]
async fn a_poll_is_bounded_in_all() {
    let mut agent = Agent::with_table(3, 100, Faults::default());
    let limits = Limits { instances: 50, ..POLL_LIMITS };
    let read = read_within(&mut agent, &table(3), limits, MINUTE).await;
    assert_eq!(read.objects.len(), 50);
    assert_eq!(reasons(&read.faults), [(Reason::Limit, "1.3.9.1.1 and 2 more columns")]);

    let mut agent = Agent::new(Faults::default());
    for row in 0..100 {
        let text = bytes::Bytes::from(vec![b'x'; 1000]);
        agent.rows.insert(Oid::new(vec![1, 3, 9, 1, 1, row]), Raw::OctetString(text));
    }
    let limits = Limits { octets: 30_000, ..POLL_LIMITS };
    let read = read_within(&mut agent, &table(1), limits, MINUTE).await;
    assert_eq!(read.objects.len(), 30);
    assert_eq!(reasons(&read.faults), [(Reason::Limit, "1.3.9.1.1")]);
}

#[tokio::test(start_paused = true)]
async fn one_instance_that_cannot_be_read_costs_the_rest_of_its_column() {
    let culprit = Some(oid("1.3.9.1.2.3"));
    for faults in [
        Faults { breaks_at: culprit.clone(), ..Faults::default() },
        Faults { garbles: culprit.clone(), ..Faults::default() },
        Faults { breaks_at: culprit.clone(), v1: true, ..Faults::default() },
    ] {
        let mut agent = Agent::with_table(3, 5, faults);
        let read = read(&mut agent, &table(3)).await;
        assert_eq!(read.objects.len(), 5 + 2 + 5, "{:?}", read.faults);
        assert_in_place(&read.objects, 3);
        let subjects: Vec<_> = read.faults.iter().map(|fault| fault.subject.as_ref()).collect();
        assert_eq!(subjects, ["1.3.9.1.2"]);
        assert!(agent.asked.len() < 40, "{} requests", agent.asked.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_that_stops_answering_is_left_alone_and_what_it_gave_is_kept() {
    let mut agent = Agent::with_table(2, 100, Faults { dies_after: Some(3), ..Faults::default() });
    let mut request = table(2);
    request.scalars = oids(&["1.3.8.0"]);
    agent.rows.insert(oid("1.3.8.0"), Raw::Integer(7));
    request.columns.extend((1..=50).map(|table| Oid::new(vec![1, 3, 10, table, 1, 1])));
    let read = read(&mut agent, &request).await;
    assert_eq!(agent.asked.len(), 5, "two silences are enough: {:?}", agent.asked);
    assert_eq!(read.objects.len(), 1 + 2 * 40);
    assert_eq!(read.faults.len(), 51, "one fault for each table");
    assert!(read.faults.iter().all(|fault| fault.reason == Reason::Timeout));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_kept_and_what_was_read_before_it() {
    let mut agent = Agent::with_table(1, 1000, Faults { takes: Duration::from_secs(1), ..Faults::default() });
    let start = Instant::now();
    let read = read_within(&mut agent, &table(1), POLL_LIMITS, Duration::from_millis(3500)).await;
    assert_eq!(start.elapsed(), Duration::from_millis(3500));
    assert_eq!(read.objects.len(), 3 * 25);
    assert_eq!(reasons(&read.faults), [(Reason::Timeout, "1.3.9.1.1")]);
}

#[tokio::test(start_paused = true)]
async fn scalars_that_are_missing_are_absent_and_the_others_read() {
    for v1 in [false, true] {
        let mut agent = Agent::new(Faults { v1, ..Faults::default() });
        agent.rows.insert(oid("1.3.1.0"), Raw::Integer(1));
        agent.rows.insert(oid("1.3.4.0"), Raw::Integer(4));
        let read = read(&mut agent, &scalars(&["1.3.1.0", "1.3.2.0", "1.3.3.0", "1.3.4.0"])).await;
        assert_eq!((read.objects.len(), read.faults.len()), (2, 0), "v1: {v1}");
        assert_eq!(read.objects.get(&oid("1.3.4.0")), Some(&Value::Integer(4)));
    }
}

#[tokio::test(start_paused = true)]
async fn one_scalar_that_cannot_be_read_costs_itself() {
    let culprit = Some(oid("1.3.5.0"));
    for faults in [
        Faults { breaks_at: culprit.clone(), ..Faults::default() },
        Faults { garbles: culprit.clone(), ..Faults::default() },
        Faults { most: Some(3), ..Faults::default() },
    ] {
        let spoils = usize::from(faults.most.is_none());
        let mut agent = Agent::new(faults);
        let names: Vec<_> = (1..=16).map(|n| format!("1.3.{n}.0")).collect();
        agent.rows.extend(names.iter().map(|name| (oid(name), Raw::Integer(1))));
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let read = read(&mut agent, &scalars(&names)).await;
        assert_eq!((read.objects.len(), read.faults.len()), (16 - spoils, spoils));
        assert!(agent.asked.len() <= 9 + 4, "{:?}", agent.asked);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_value_is_a_fault_and_not_a_number() {
    let mut agent = Agent::new(Faults::default());
    agent.rows.insert(oid("1.3.1.0"), Raw::Unknown { tag: 0x5a, data: bytes::Bytes::new() });
    agent.rows.insert(oid("1.3.2.0"), Raw::Null);
    let read = read(&mut agent, &scalars(&["1.3.1.0", "1.3.2.0"])).await;
    assert!(read.objects.is_empty());
    assert_eq!(reasons(&read.faults), [(Reason::Parse, "1.3.1.0")]);
}

#[tokio::test(start_paused = true)]
async fn presence_is_the_first_instance_below() {
    let mut agent = Agent::with_table(2, 2, Faults::default());
    let mut habits = Habits::new(true, None);
    let mut fetch = Fetch::new(&mut agent, &mut habits, Instant::now() + MINUTE, POLL_LIMITS);
    fetch.firsts(&oids(&["1.3.9", "1.3.9.1.2", "1.3.9.1.3", "1.3.8"])).await;
    let (objects, faults) = fetch.finish();
    assert!(faults.is_empty());
    for (oid, present) in [("1.3.9", true), ("1.3.9.1.2", true), ("1.3.9.1.3", false), ("1.3.8", false)] {
        assert_eq!(objects.column(&super::agent::oid(oid)).next().is_some(), present, "{oid}");
    }
}
