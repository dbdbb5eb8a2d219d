//! Devices that report, and a clock that is told what to say.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use exporters::buffer::batch::Batch;
use exporters::buffer::{Boot, Buffer, Moment, Options, Reader, Recovery, Trial};
use model::{Device, Labels, PollReport, ReportBuilder, Timestamp, metric};

/// A day in November 2026.
pub(crate) const T0: Timestamp = 1_795_000_000_000;

/// A synchronised clock, so many milliseconds after [`T0`], on a machine that was started an hour before that.
pub(crate) fn at(ms: i64) -> Moment {
    let monotonic = Duration::from_millis(u64::try_from(3_600_000 + ms).unwrap());
    Moment { boot: Boot(1), monotonic, wall: T0 + ms, synchronised: true }
}

/// Opens a log with small segments.
pub(crate) fn open_small(folder: &Path, segment_values: u64) -> (Buffer, Recovery) {
    let trial = Trial { segment_values: Some(segment_values), ..Trial::default() };
    Buffer::open_for_test(Options::new(folder), trial)
}

/// The folder as `kill -9` leaves it: what was handed to the kernel, nothing that ends a program in good order.
pub(crate) fn killed(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    copy
}

/// One device.
pub(crate) struct Source {
    builder: ReportBuilder,
}

impl Source {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            builder: ReportBuilder::new(Arc::new(Device {
                name: name.into(),
                site: "pole-1".into(),
                rack: String::new(),
                device_type: "pdu".into(),
                description: model::device::Description::default(),
            })),
        }
    }

    /// A report of temperature sensors, numbered by their place; `None` where one gives nothing.
    pub(crate) fn report(&mut self, at: Timestamp, values: &[Option<f64>]) -> Arc<PollReport> {
        for (number, value) in values.iter().enumerate() {
            if let Some(value) = value {
                let id = format!("t{number}");
                self.builder.record(metric::HW_TEMPERATURE, &Labels::component(&id, &id), *value);
            }
        }
        Arc::new(self.builder.finish(at, Duration::ZERO, None))
    }
}

/// Samples as (own labels, time since [`T0`], value), and the times at which series ended, in the batch's order.
pub(crate) fn samples(batch: &Batch) -> Vec<(String, i64, f64)> {
    let runs = batch.runs.iter();
    runs.flat_map(|run| {
        let points = batch.points_of(run).iter();
        points.map(|point| (id(&run.series.own), point.at - T0, point.value))
    })
    .collect()
}

/// Takes and acknowledges everything that there is, so many samples at a time.
pub(crate) fn drain(reader: &Reader, most: usize, now: &Moment) -> Vec<(String, i64, f64)> {
    let mut all = Vec::new();
    while let Some(batch) = reader.backlog(most, now) {
        all.extend(samples(&batch));
        reader.acknowledge(batch.entries);
    }
    all
}

/// Temperatures that nothing compresses: xorshift, from 20 to 40 °C with all the digits there are.
pub(crate) fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        20.0 * f64::from_bits(0x3ff << 52 | state >> 12)
    }
}

/// What the files of a folder take on disk.
pub(crate) fn size_on_disk(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().blocks() * 512).sum()
}

/// Series that ended, and when.
pub(crate) fn ends(batch: &Batch) -> Vec<(String, i64)> {
    batch.runs.iter().filter_map(|run| Some((id(&run.series.own), run.ended? - T0))).collect()
}

fn id(own: &str) -> String {
    own.split('"').nth(1).unwrap().to_owned()
}
