//! A pole: a device that is polled, its buffer, and its clock, which goes with the runtime's and can be put forward.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use exporters::buffer::{self, Boot, Buffer, Moment, Order, Reader, Trial};
use exporters::forward::Buffered;
use model::{Device, Labels, ReportBuilder, Timestamp, metric};
use tokio::time::Instant;

/// A PDU with a buffer. A poll begins when it is called for, and takes no time.
pub(crate) struct Pole {
    pub(crate) buffer: Buffer,
    start: Instant,
    booted: Timestamp,
    /// What the wall clock showed at the start, and by how much it was put forward since.
    wall: Arc<AtomicI64>,
    builder: ReportBuilder,
    folder: tempfile::TempDir,
    /// Values of a segment, if not as many as usual.
    segment_values: Option<u64>,
}

fn open(folder: &tempfile::TempDir, segment_values: Option<u64>) -> Buffer {
    let trial = Trial { segment_values, ..Trial::default() };
    Buffer::open_for_test(buffer::Options::new(folder.path().join("buffer")), trial).0
}

impl Pole {
    /// Starts when the wall clock shows `started`.
    pub(crate) fn new(started: Timestamp) -> Self {
        Self::start(started, None)
    }

    /// With segments of so many values, each poll counting 16 more.
    pub(crate) fn with_segments(started: Timestamp, values: u64) -> Self {
        Self::start(started, Some(values))
    }

    fn start(started: Timestamp, segment_values: Option<u64>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let buffer = open(&folder, segment_values);
        let device = Device {
            name: "pdu-a".into(),
            site: "pole-1".into(),
            rack: String::new(),
            device_type: "pdu".into(),
            description: model::device::Description::default(),
        };
        let builder = ReportBuilder::new(Arc::new(device));
        let wall = Arc::new(AtomicI64::new(started));
        Self {
            buffer,
            start: Instant::now(),
            booted: started - 3_600_000,
            wall,
            builder,
            folder,
            segment_values,
        }
    }

    /// The program ends and starts again; the machine does not.
    pub(crate) fn restart(self) -> Self {
        drop(self.buffer);
        let buffer = open(&self.folder, self.segment_values);
        Self { buffer, ..self }
    }

    /// Its clock, which never was wrong.
    pub(crate) fn clock(&self) -> impl Fn() -> Moment + Send + Sync + use<> {
        let (start, booted, wall) = (self.start, self.booted, Arc::clone(&self.wall));
        move || {
            let wall = wall.load(Ordering::Relaxed) + i64::try_from(start.elapsed().as_millis()).unwrap();
            let monotonic = Duration::from_millis(u64::try_from(wall - booted).unwrap());
            Moment { boot: Boot(1), monotonic, wall, synchronised: true }
        }
    }

    /// Puts the clock forward.
    pub(crate) fn pass(&self, ms: i64) {
        self.wall.fetch_add(ms, Ordering::Relaxed);
    }

    /// A destination's view of the buffer.
    pub(crate) fn source(
        &self,
        destination: &str,
        order: Order,
    ) -> Buffered<impl Fn() -> Moment + Send + Sync + use<>> {
        self.source_of(self.buffer.reader(destination, order))
    }

    /// As [`Pole::source`], for a forwarder that asks again for what the destination has.
    pub(crate) fn source_again(
        &self,
        destination: &str,
        order: Order,
    ) -> Buffered<impl Fn() -> Moment + Send + Sync + use<>> {
        self.source_of(self.buffer.reader_again(destination, order))
    }

    fn source_of(&self, reader: Reader) -> Buffered<impl Fn() -> Moment + Send + Sync + use<>> {
        Buffered::new(Arc::new(reader), self.clock())
    }

    /// How many files hold samples.
    pub(crate) fn files(&self) -> usize {
        let files = std::fs::read_dir(self.folder.path().join("buffer")).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".log") || name.ends_with(".segment")).count()
    }

    /// One poll: the power of each outlet, numbered by their place. When it was.
    pub(crate) fn poll(&mut self, power: &[f64]) -> Timestamp {
        let now = self.clock()();
        for (outlet, power) in power.iter().enumerate() {
            let id = format!("outlet-{outlet}");
            self.builder.record(metric::HW_POWER, &Labels::component(&id, &id), *power);
        }
        let report = self.builder.finish(now.wall, Duration::ZERO, None);
        assert_eq!((report.samples.len(), &*report.rejections), (power.len(), &[][..]));
        self.buffer.append(&Arc::new(report), &now);
        self.buffer.flush();
        now.wall
    }

    /// What waits for a destination, in samples.
    pub(crate) fn waiting(&self) -> u64 {
        self.buffer.figures(&self.clock()()).waiting
    }
}
