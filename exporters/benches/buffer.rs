//! The edge buffer in numbers: bytes per sample in the open log and sealed, rates of appending and of reading back, and
//! the time to open. `cargo bench --bench buffer [-- PREFIX]`; `workload` says what PREFIX names. Without one, a week
//! of 300 series at 30 s is made.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark"
)]

mod workload;

use std::time::{Duration, Instant};

use exporters::buffer::inspect::{Depth, FileState, inspect};
use exporters::buffer::{Boot, Buffer, Fsync, Moment, Options, Order, Trial};

use workload::Workload;

/// Polls between two flushes: fewer reports than the queue holds.
const CHUNK: usize = 100;
/// Some time in September 2026.
const BEGAN: i64 = 1_790_000_000_000;
/// The log that is opened to see how long that takes.
const LARGE: u64 = 1 << 30;

fn now(workload: &Workload, poll: usize) -> Moment {
    let monotonic = Duration::from_secs(3_600 + 30 * poll as u64);
    Moment { boot: Boot(7), monotonic, wall: workload.at(poll) + 100, synchronised: true }
}

fn sizes(files: &[FileState], sealed: bool) -> (u64, u64) {
    let files = files.iter().filter(|file| file.sealed == sealed);
    files.fold((0, 0), |sum, file| (sum.0 + file.bytes, sum.1 + file.samples))
}

fn per_sample((bytes, samples): (u64, u64)) -> f64 {
    bytes as f64 / samples.max(1) as f64
}

/// Time of the clock on the wall, and of one processor.
#[derive(Clone, Copy)]
struct Clock(Instant, Duration);

impl Clock {
    fn start() -> Self {
        Self(Instant::now(), Self::processor())
    }

    /// Of all threads, as the kernel counts it in hundredths of a second: fields 14 and 15 of `/proc/self/stat`.
    fn processor() -> Duration {
        let text = std::fs::read_to_string("/proc/self/stat").unwrap();
        let fields = text.rsplit_once(')').unwrap().1.split_whitespace();
        let ticks: u64 = fields.skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }

    fn took(self) -> (Duration, Duration) {
        (self.0.elapsed(), Self::processor().saturating_sub(self.1))
    }
}

fn print_rate(what: &str, samples: usize, (wall, processor): (Duration, Duration)) {
    let rate = |took: Duration| samples as f64 / took.as_secs_f64() / 1e6;
    println!("{what:<23}{:>12.2} M samples/s, {:.2} of one core's time", rate(wall), rate(processor));
}

/// Appends everything, and says how many samples that was and how long it took. The open log is measured when it is
/// largest.
fn append(
    workload: &Workload,
    buffer: &Buffer,
    folder: Option<&std::path::Path>,
) -> (usize, (Duration, Duration), (u64, u64)) {
    let (mut samples, mut took, mut open) = (0, (Duration::ZERO, Duration::ZERO), (0, 0));
    for start in (0..workload.polls()).step_by(CHUNK) {
        let polls = start..(start + CHUNK).min(workload.polls());
        let reports: Vec<_> = polls
            .flat_map(|poll| workload.reports(poll).map(move |report| (report, now(workload, poll))))
            .collect();
        samples += reports.iter().map(|(report, _)| report.samples.len()).sum::<usize>();
        let clock = Clock::start();
        for (report, now) in &reports {
            buffer.append(report, now);
        }
        buffer.flush();
        let (wall, processor) = clock.took();
        took = (took.0 + wall, took.1 + processor);
        let log = folder.map(|folder| sizes(&inspect(folder, Depth::Summaries).unwrap().files, false));
        open = log.filter(|log| log.1 > open.1).unwrap_or(open);
    }
    (samples, took, open)
}

fn main() {
    let prefix = std::env::args().nth(1).filter(|argument| !argument.starts_with('-'));
    let workload =
        prefix.map_or_else(|| Workload::made(300, 20_160, BEGAN), |prefix| Workload::read(&prefix));
    let folder = tempfile::tempdir().unwrap();
    let options = Options { fsync: Fsync::Never, ..Options::new(folder.path()) };
    let (buffer, _) = Buffer::open(options.clone());
    let reader = buffer.reader("a", Order::InOrder);
    let (samples, took, open) = append(&workload, &buffer, Some(folder.path()));
    let last = now(&workload, workload.polls() - 1);
    let figures = buffer.figures(&last);
    assert_eq!((figures.waiting, figures.lost.len()), (samples as u64, 0));
    let sealed = sizes(&inspect(folder.path(), Depth::Summaries).unwrap().files, true);
    println!("samples                {samples:>12}");
    println!("open log               {:>12.3} B/sample of {} samples", per_sample(open), open.1);
    println!("sealed segments        {:>12.3} B/sample of {} samples", per_sample(sealed), sealed.1);
    println!("on disk                {:>12.3} MiB", figures.bytes as f64 / f64::from(1 << 20));
    print_rate("append, seal included", samples, took);

    let clock = Clock::start();
    let mut read = 0;
    while let Some(batch) = reader.backlog(5_000, &last) {
        read += batch.points.len();
        reader.acknowledge(batch.entries);
    }
    print_rate("read back", read, clock.took());
    assert_eq!(read, samples);
    drop((buffer, reader));
    append_alone(&workload);
    open_large(&workload);
}

/// Appends everything to one log that is never sealed.
fn append_alone(workload: &Workload) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { fsync: Fsync::Never, limit_bytes: LARGE, ..Options::new(folder.path()) };
    let trial = Trial { segment_values: Some(u64::MAX), ..Trial::default() };
    let (buffer, _) = Buffer::open_for_test(options, trial);
    let (samples, took, _) = append(workload, &buffer, None);
    print_rate("append alone", samples, took);
}

/// Makes a log of 1 GiB from copies of sealed segments with the workload's open log behind them, and opens it.
fn open_large(workload: &Workload) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let options = Options { fsync: Fsync::Never, limit_bytes: LARGE, ..Options::new(path) };
    let (buffer, _) = Buffer::open(options.clone());
    append(workload, &buffer, None);
    drop(buffer);
    let files = inspect(path, Depth::Summaries).unwrap().files;
    let (sealed, logs): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| file.sealed);
    let (mut next, mut bytes) = (logs[0].first + logs[0].entries, 0);
    while bytes < LARGE - (LARGE >> 4) {
        for file in &sealed {
            copy(path, file, next);
            next += file.entries;
            bytes += file.bytes;
        }
    }
    copy(path, &logs[0], next);
    std::fs::remove_file(path.join(&logs[0].name)).unwrap();
    let began = Instant::now();
    let (buffer, recovery) = Buffer::open(options);
    let took = began.elapsed();
    assert!(recovery.damage.is_empty());
    println!(
        "open {:>4.0} MiB          {:>12.0} ms, {} samples",
        buffer.figures(&now(workload, 0)).bytes as f64 / f64::from(1 << 20),
        took.as_secs_f64() * 1e3,
        recovery.samples
    );
}

/// Copies a segment to where it begins with another entry: that is in its name, and in its header with a checksum.
fn copy(folder: &std::path::Path, file: &FileState, first: u64) {
    let mut bytes = std::fs::read(folder.join(&file.name)).unwrap();
    bytes[10..18].copy_from_slice(&first.to_le_bytes());
    let sum = crc32c::crc32c(&bytes[..18]);
    bytes[18..22].copy_from_slice(&sum.to_le_bytes());
    let ending = file.name.split_once('.').unwrap().1;
    std::fs::write(folder.join(format!("{first:016x}.{ending}")), bytes).unwrap();
}
