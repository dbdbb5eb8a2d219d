//! Sensors that cannot be read for a while, as those of a device that is off: their parts have not vanished.

use std::sync::Arc;
use std::time::Duration;

use model::{Label, PollReport, ReportBuilder, metric};

use super::polls::value;
use super::script::Script;
use crate::driver::ipmi::decode::sdr::{self, Record, Sensor};
use crate::driver::ipmi::normalise::summary::Summary;
use crate::driver::ipmi::sensors::Sensors;
use crate::driver::ipmi::wire::message::Request;
use crate::poll::task::tests::target;

const SENSOR: u8 = 0x04;

fn sensor(record: &[u8]) -> Sensor {
    let Some(Record::Sensors(mut sensors)) = sdr::decode(record) else { panic!("no sensor") };
    sensors.remove(0)
}

/// Sensor 1, the speed of a fan: a full record (section 43.1) in RPM.
fn fan() -> Sensor {
    let mut record = vec![1, 0, 0x51, 0x01, 0, 0x20, 0, 1, 0x1d, 1, 0x7f, 0x68, 0x04, 0x01];
    record.extend([0; 6]);
    record.extend([0x00, 18, 0, 0, 1, 0, 0, 0, 0, 0]);
    record.extend([0; 17]);
    record.extend(b"\xc4Fan1");
    sensor(&record)
}

/// Sensor 2, the states of a power supply: a compact record (section 43.2).
fn supply() -> Sensor {
    let mut record = vec![2, 0, 0x51, 0x02, 0, 0x20, 0, 2, 0x0a, 1, 0x7f, 0, 0x08, 0x6f];
    record.extend([0, 0, 0, 0, 0x0f, 0, 0xc0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    record.extend(b"\xc3PS1");
    sensor(&record)
}

/// Whether fan and power supply are there, as far as it is told.
fn present(report: &PollReport) -> [Option<f64>; 2] {
    ["Fan1", "power_supply 1"].map(|id| value(report, metric::OOB_COMPONENT_PRESENT, &[(Label::HwId, id)]))
}

#[tokio::test]
async fn parts_whose_sensors_sleep_have_not_vanished() {
    const BOTH: [Option<f64>; 2] = [Some(1.0), Some(1.0)];
    // Replies to Get Sensor Reading (table 35-15), or completion codes.
    let awake: [Result<&[u8], u8>; 2] = [Ok(&[24, 0xc0, 0xc0]), Ok(&[0, 0xc0, 0x01, 0x80])];
    let mut sensors = Sensors::of(vec![fan(), supply()], &[]);
    let mut report = ReportBuilder::new(Arc::clone(&target("bmc").device));
    for (replies, expected) in [
        (awake, BOTH),
        // Scanning is disabled; the initial update is in progress.
        ([Ok(&[0, 0x80, 0][..]), Ok(&[0, 0xe0, 0][..])], [None; 2]),
        // Not present; not possible in this state.
        ([Err(0xcb), Err(0xd5)], [None; 2]),
        (awake, BOTH),
        // The slot is read, and empty.
        ([Ok(&[24, 0xc0, 0xc0][..]), Ok(&[0, 0xc0, 0x00, 0x80][..])], [Some(1.0), Some(0.0)]),
    ] {
        let mut device = Script::new(move |request: &Request| match (request.netfn, request.command) {
            (SENSOR, 0x2d) => replies[usize::from(request.data[0] - 1)].map(<[u8]>::to_vec),
            _ => Err(0xc1),
        });
        sensors.read(&mut device, &mut report, &mut Summary::default()).await.unwrap();
        assert_eq!(present(&report.finish(0, Duration::ZERO, None)), expected, "{replies:?}");
    }
}
