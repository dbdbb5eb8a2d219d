//! How the sensor data records of a BMC that misbehaves are read.

use std::time::Duration;

use model::Reason;

use super::script::Script;
use crate::driver::ipmi::error::WireError;
use crate::driver::ipmi::link::Ask;
use crate::driver::ipmi::repository::Repository;
use crate::driver::ipmi::wire::message::Request;

const STORAGE: u8 = 0x0a;
const PATIENCE: Duration = Duration::from_secs(3600);

/// A BMC with some compact records.
#[derive(Clone, Copy)]
struct Bmc {
    records: u16,
    /// What it says of their number.
    told: u16,
    stamp: u8,
    /// The record that leads back to the first one.
    circle: Option<u16>,
    /// Records from this one on end in completion code C3h.
    silent: Option<u16>,
    /// Most bytes of one answer, completion code and next id included.
    message: usize,
    reservation: u16,
}

impl Bmc {
    fn new(records: u16) -> Self {
        Self { records, told: records, stamp: 1, circle: None, silent: None, message: 64, reservation: 0 }
    }

    fn record(number: u16) -> Vec<u8> {
        let [low, high] = number.to_le_bytes();
        let mut record = vec![low, high, 0x51, 0x02, 0, 0x20, 0, low, 7, 1, 0, 0, 0x25, 0x6f];
        record.extend([3, 0, 3, 0, 3, 0, 0xc0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xc3]);
        record.extend(format!("s{number:02}").bytes());
        record[4] = (record.len() - 5) as u8;
        record
    }

    fn answer(&mut self, request: &Request) -> Result<Vec<u8>, u8> {
        let [low, high] = self.told.to_le_bytes();
        match (request.netfn, request.command, request.data.as_slice()) {
            (STORAGE, 0x20, _) => {
                let mut info = vec![0x51, low, high, 0xff, 0xff];
                info.extend([self.stamp, 0, 0, 0, self.stamp, 0, 0, 0, 2]);
                Ok(info)
            }
            (STORAGE, 0x22, _) => {
                self.reservation += 1;
                Ok(self.reservation.to_le_bytes().to_vec())
            }
            (STORAGE, 0x23, &[r0, r1, i0, i1, offset, count]) => {
                if u16::from_le_bytes([r0, r1]) != self.reservation {
                    return Err(0xc5);
                }
                let id = u16::from_le_bytes([i0, i1]).max(1);
                if usize::from(count) + 3 > self.message {
                    return Err(0xca);
                }
                if self.silent.is_some_and(|silent| id >= silent) {
                    return Err(0xc3);
                }
                let next = if self.circle == Some(id) { 1 } else { id + 1 };
                let next = if id >= self.records && self.circle != Some(id) { 0xffff } else { next };
                let record = Self::record(id);
                let part = record.iter().skip(offset.into()).take(count.into());
                Ok(next.to_le_bytes().iter().chain(part).copied().collect())
            }
            _ => Err(0xc1),
        }
    }
}

/// A device for which a poll has time for so many more questions.
struct Hurried<F> {
    script: Script<F>,
    left: usize,
}

impl<F: FnMut(&Request) -> Result<Vec<u8>, u8> + Send> Ask for Hurried<F> {
    async fn ask(&mut self, request: Request) -> Result<Vec<u8>, WireError> {
        self.left = self.left.checked_sub(1).ok_or(WireError::Deadline)?;
        self.script.ask(request).await
    }
}

async fn read(mut bmc: Bmc) -> (usize, Option<Reason>) {
    let mut repository = Repository::default();
    let mut device = Script::new(|request: &Request| bmc.answer(request));
    let found = repository.refresh(&mut device, PATIENCE).await.unwrap().unwrap();
    (found.sensors.len(), repository.gap().map(|(reason, _)| reason))
}

#[tokio::test]
async fn quirk_wrong_sdr_count_does_not_matter() {
    assert_eq!(read(Bmc::new(20)).await, (20, None));
    assert_eq!(read(Bmc { told: 5, ..Bmc::new(20) }).await, (20, None));
    assert_eq!(read(Bmc { told: 500, ..Bmc::new(20) }).await, (20, None));
    assert_eq!(read(Bmc { told: 0, ..Bmc::new(20) }).await, (20, None));
}

#[tokio::test]
async fn quirk_c3_on_the_last_sdr_keeps_the_others() {
    assert_eq!(read(Bmc { silent: Some(20), ..Bmc::new(20) }).await, (19, None));
    // In the middle it is a gap that is told.
    assert_eq!(read(Bmc { silent: Some(10), ..Bmc::new(20) }).await, (9, Some(Reason::Busy)));
}

#[tokio::test]
async fn records_that_go_round_in_a_circle_or_never_end_are_given_up() {
    assert_eq!(read(Bmc { circle: Some(7), ..Bmc::new(20) }).await, (7, Some(Reason::Protocol)));
    assert_eq!(read(Bmc::new(60_000)).await, (2_000, Some(Reason::Limit)));
}

#[tokio::test]
async fn records_are_read_in_parts_that_fit_the_message_buffer() {
    assert_eq!(read(Bmc { message: 12, ..Bmc::new(20) }).await, (20, None));
    let mut bmc = Bmc { message: 6, ..Bmc::new(20) };
    let mut device = Script::new(|request: &Request| bmc.answer(request));
    Repository::default().refresh(&mut device, PATIENCE).await.unwrap_err();
}

#[tokio::test]
async fn a_cancelled_reservation_is_made_anew_and_not_for_ever() {
    for (every, expected) in [(20, true), (2, false)] {
        let mut bmc = Bmc::new(20);
        let mut asked = 0;
        let mut device = Script::new(move |request: &Request| {
            asked += 1;
            // Another console reserves the repository.
            bmc.reservation += u16::from(request.command == 0x23 && asked % every == 0);
            bmc.answer(request)
        });
        let mut repository = Repository::default();
        let result = repository.refresh(&mut device, PATIENCE).await;
        let found = result.ok().map(|found| found.unwrap().sensors.len());
        assert_eq!(found, expected.then_some(20));
        assert!(device.asked(STORAGE, 0x22) <= 8);
    }
}

#[tokio::test(start_paused = true)]
async fn records_are_read_again_when_their_timestamps_change_and_not_before() {
    let bmc = std::sync::Mutex::new(Bmc::new(5));
    let mut device = Script::new(|request: &Request| bmc.lock().unwrap().answer(request));
    let mut repository = Repository::default();
    assert!(repository.refresh(&mut device, PATIENCE).await.unwrap().is_some());
    let reads = device.asked(STORAGE, 0x23);
    tokio::time::advance(PATIENCE * 24).await;
    assert!(repository.refresh(&mut device, PATIENCE).await.unwrap().is_none());
    assert_eq!(device.asked(STORAGE, 0x23), reads);
    *bmc.lock().unwrap() = Bmc { stamp: 2, ..Bmc::new(6) };
    let found = repository.refresh(&mut device, PATIENCE).await.unwrap();
    assert_eq!(found.unwrap().sensors.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn missing_records_are_tried_again_after_the_inventory_interval() {
    let bmc = std::sync::Mutex::new(Bmc { silent: Some(3), ..Bmc::new(5) });
    let mut device = Script::new(|request: &Request| bmc.lock().unwrap().answer(request));
    let mut repository = Repository::default();
    repository.refresh(&mut device, PATIENCE).await.unwrap();
    bmc.lock().unwrap().silent = None;
    assert!(repository.refresh(&mut device, PATIENCE).await.unwrap().is_none());
    assert!(repository.gap().is_some());
    tokio::time::advance(PATIENCE).await;
    let found = repository.refresh(&mut device, PATIENCE).await.unwrap();
    assert_eq!((found.unwrap().sensors.len(), repository.gap()), (5, None));
}

#[tokio::test]
async fn records_that_take_longer_than_a_poll_are_read_in_several() {
    let mut bmc = Bmc::new(50);
    let mut repository = Repository::default();
    let mut asked = Vec::new();
    let found = loop {
        assert!(asked.len() < 20, "no poll goes on where the one before ended: {asked:?}");
        let script = Script::new(|request: &Request| bmc.answer(request));
        let mut device = Hurried { script, left: 40 };
        let result = repository.refresh(&mut device, PATIENCE).await;
        asked.push(device.script.asked(STORAGE, 0x23));
        match result {
            Ok(found) => break found.unwrap(),
            Err(error) => assert!(matches!(error, WireError::Deadline), "{error}"),
        }
    };
    assert_eq!((found.sensors.len(), repository.gap()), (50, None));
    let names: std::collections::HashSet<_> = found.sensors.iter().map(|sensor| &sensor.name).collect();
    assert_eq!(names.len(), 50);
    assert!(
        repository
            .refresh(&mut Script::new(|request: &Request| bmc.answer(request)), PATIENCE)
            .await
            .unwrap()
            .is_none()
    );
}
