//! How a system event log is followed, and what becomes of DCMI where a BMC refuses it.

use std::sync::{Arc, Mutex};

use model::{Labels, ReportBuilder, Sample, metric};

use super::script::Script;
use crate::driver::ipmi::dcmi::Dcmi;
use crate::driver::ipmi::events::EventLog;
use crate::driver::ipmi::normalise::summary::Summary;
use crate::driver::ipmi::wire::message::Request;
use crate::poll::task::tests::target;

const STORAGE: u8 = 0x0a;

/// A log with entries of one kind (a power supply has failed), by id.
#[derive(Default)]
struct Log {
    /// Ids, with the time of each.
    entries: Vec<(u16, u8)>,
    erased: u8,
}

impl Log {
    fn answer(&self, request: &Request) -> Result<Vec<u8>, u8> {
        match (request.netfn, request.command, request.data.as_slice()) {
            (STORAGE, 0x40, _) => {
                let [low, high] = (self.entries.len() as u16).to_le_bytes();
                let last = self.entries.last().map_or(0, |(_, time)| *time);
                Ok(vec![0x51, low, high, 0, 0, last, 0, 0, 0, self.erased, 0, 0, 0, 2])
            }
            (STORAGE, 0x43, &[0, 0, i0, i1, 0, 0xff]) => {
                let index = match u16::from_le_bytes([i0, i1]) {
                    0 => 0,
                    0xffff => self.entries.len().checked_sub(1).ok_or(0xcb_u8)?,
                    id => self.entries.iter().position(|(of, _)| *of == id).ok_or(0xcb_u8)?,
                };
                let (id, time) = *self.entries.get(index).ok_or(0xcb_u8)?;
                let next = self.entries.get(index + 1).map_or(0xffff, |(id, _)| *id);
                let mut reply = [next.to_le_bytes(), id.to_le_bytes()].concat();
                reply.extend([2, time, 0, 0, 0, 0x20, 0, 4, 0x08, 1, 0x6f, 1, 0xff, 0xff]);
                Ok(reply)
            }
            _ => Err(0xc1),
        }
    }
}

fn builder() -> ReportBuilder {
    ReportBuilder::new(Arc::clone(&target("bmc").device))
}

/// The critical events so far, after one look.
async fn look(events: &mut EventLog, log: &Mutex<Log>) -> f64 {
    let mut report = builder();
    let mut device = Script::new(|request: &Request| log.lock().unwrap().answer(request));
    events.look(&mut device, &mut report).await.unwrap();
    let critical = |sample: &&Sample| sample.series.own_text().contains("critical");
    report.samples().iter().find(critical).unwrap().value
}

#[tokio::test]
async fn a_log_that_begins_empty_counts_from_its_first_entry() {
    let log = Mutex::new(Log::default());
    let mut events = EventLog::default();
    assert_eq!(look(&mut events, &log).await, 0.0);
    log.lock().unwrap().entries = vec![(1, 1), (2, 2)];
    assert_eq!(look(&mut events, &log).await, 2.0);
    assert_eq!(look(&mut events, &log).await, 2.0);
}

#[tokio::test]
async fn a_cleared_log_is_recognised_by_its_erasure_or_a_missing_entry() {
    let log = Mutex::new(Log { entries: vec![(1, 1), (2, 2), (3, 3)], erased: 0 });
    let mut events = EventLog::default();
    assert_eq!(look(&mut events, &log).await, 0.0);
    // Erased, and filled again to the same size with the same ids.
    *log.lock().unwrap() = Log { entries: vec![(1, 5), (2, 6), (3, 7)], erased: 4 };
    assert_eq!(look(&mut events, &log).await, 3.0);
    // A BMC without a time of erasure: fewer entries.
    log.lock().unwrap().entries = vec![(1, 8)];
    assert_eq!(look(&mut events, &log).await, 4.0);
    // Overwritten in a ring: what was seen last is gone.
    log.lock().unwrap().entries = vec![(9, 9)];
    assert_eq!(look(&mut events, &log).await, 5.0);
    // Cleared and empty.
    *log.lock().unwrap() = Log { entries: vec![], erased: 10 };
    assert_eq!(look(&mut events, &log).await, 5.0);
    log.lock().unwrap().entries = vec![(1, 11)];
    assert_eq!(look(&mut events, &log).await, 6.0);
}

#[tokio::test]
async fn old_entries_that_a_starting_device_does_not_show_are_no_news_when_they_are_back() {
    let full = || Log { entries: vec![(1, 1), (2, 2), (3, 3)], erased: 1 };
    // The time of the erasure as ever; none, as the log is not read yet.
    for erased in [1, 0] {
        let log = Mutex::new(full());
        let mut events = EventLog::default();
        assert_eq!(look(&mut events, &log).await, 0.0);
        for _ in 0..5 {
            *log.lock().unwrap() = Log { entries: vec![], erased };
            assert_eq!(look(&mut events, &log).await, 0.0);
        }
        *log.lock().unwrap() = full();
        assert_eq!(look(&mut events, &log).await, 0.0, "erased at {erased}");
        // What came while it started is news.
        log.lock().unwrap().entries = vec![];
        assert_eq!(look(&mut events, &log).await, 0.0);
        *log.lock().unwrap() = full();
        log.lock().unwrap().entries.push((4, 4));
        assert_eq!(look(&mut events, &log).await, 1.0);
    }
}

#[tokio::test]
async fn a_cleared_log_is_recognised_without_a_clock_or_a_time_of_erasure() {
    // Without a clock: entries have no time, and look the same. Only the erasure tells that they are others.
    let log = Mutex::new(Log { entries: vec![(1, 0)], erased: 1 });
    let mut events = EventLog::default();
    assert_eq!(look(&mut events, &log).await, 0.0);
    *log.lock().unwrap() = Log { entries: vec![], erased: 2 };
    assert_eq!(look(&mut events, &log).await, 0.0);
    log.lock().unwrap().entries = vec![(1, 0)];
    assert_eq!(look(&mut events, &log).await, 1.0);
    // Without a time of erasure: the entry has another time.
    let log = Mutex::new(Log { entries: vec![(1, 1)], erased: 0 });
    let mut events = EventLog::default();
    assert_eq!(look(&mut events, &log).await, 0.0);
    for (entries, told) in [(vec![], 0.0), (vec![(1, 2)], 1.0)] {
        log.lock().unwrap().entries = entries;
        assert_eq!(look(&mut events, &log).await, told);
    }
}

#[tokio::test]
async fn an_entry_that_was_removed_makes_no_other_one_news() {
    let log = Mutex::new(Log { entries: vec![(1, 1), (2, 2), (3, 3)], erased: 1 });
    let mut events = EventLog::default();
    look(&mut events, &log).await;
    log.lock().unwrap().entries.remove(1);
    assert_eq!(look(&mut events, &log).await, 0.0);
}

#[tokio::test]
async fn a_flood_of_entries_is_read_over_several_polls() {
    let log = Mutex::new(Log { entries: vec![(1, 1)], erased: 0 });
    let mut events = EventLog::default();
    look(&mut events, &log).await;
    log.lock().unwrap().entries = (1..=151).map(|id| (id, 2)).collect();
    // The first entry's time has changed: it is another one, so all are new.
    assert_eq!(look(&mut events, &log).await, 64.0);
    assert_eq!(look(&mut events, &log).await, 128.0);
    assert_eq!(look(&mut events, &log).await, 151.0);
    assert_eq!(look(&mut events, &log).await, 151.0);
}

#[tokio::test]
async fn quirk_no_dcmi_is_remembered_and_not_asked_again() {
    let mut report = builder();
    let mut device = Script::new(|_: &Request| Err(0xc1));
    let mut dcmi = Dcmi::default();
    for _ in 0..5 {
        dcmi.read(&mut device, &mut report, &mut Summary::default()).await.unwrap();
    }
    assert_eq!((device.asked(0x2c, 0x01), device.asked(0x2c, 0x02)), (1, 0));
    assert!(report.samples().is_empty());
}

#[tokio::test]
async fn dcmi_without_power_is_remembered_and_a_busy_one_asked_again() {
    let mut report = builder();
    let mut busy = 2;
    let mut device = Script::new(|request: &Request| match request.command {
        0x01 if busy > 0 => {
            busy -= 1;
            Err(0xc0)
        }
        0x01 => Ok(vec![0xdc, 1, 5, 2, 0, 1, 0, 7]),
        _ => Err(0xc1),
    });
    let mut dcmi = Dcmi::default();
    for _ in 0..5 {
        let _ = dcmi.read(&mut device, &mut report, &mut Summary::default()).await;
    }
    assert_eq!((device.asked(0x2c, 0x01), device.asked(0x2c, 0x02)), (3, 1));
}

#[tokio::test]
async fn host_power_is_told_once_though_a_sensor_tells_it_too() {
    let mut report = builder();
    let mut device = Script::new(|request: &Request| match request.command {
        0x01 => Ok(vec![0xdc, 1, 5, 2, 0, 1, 1, 7]),
        _ => Ok([&[0xdc, 44, 1][..], &[0; 14], &[0x40]].concat()),
    });
    let mut summary = Summary::default();
    Dcmi::default().read(&mut device, &mut report, &mut summary).await.unwrap();
    assert!(!summary.is_first_power(), "a sensor of the same is left out");
    let expected = Labels::component("host", "host");
    report.record(metric::HW_HOST_POWER, &expected, 1.0);
    assert_eq!((report.samples().len(), report.samples()[0].value), (1, 300.0));
}
