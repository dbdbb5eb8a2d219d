//! Prints the most heap that a pole's buffer and two forwarders take: 300 series at 30 s while both receivers are dead,
//! then while both catch up, one oldest first over remote-write, one newest first over OTLP with gzip. The program's own
//! part is measured; sockets and TLS are not.
//!
//! `cargo run --release -p lightsout-exporters --example pole_memory [-- HOURS]`

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "prints its result")]

#[allow(dead_code, reason = "benchmarks use more of it")]
#[path = "../benches/workload/mod.rs"]
mod workload;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use exporters::buffer::batch::Batch;
use exporters::buffer::{Boot, Buffer, Fsync, Moment, Options, Order};
use exporters::forward::{self, Buffered, Forwarder, Outcome, Transport};
use exporters::remote_write::encode::Version;
use exporters::{otlp, remote_write};
use flate2::write::GzEncoder;
use tokio::time::sleep;

use workload::Workload;

/// Some time in September 2026.
const BEGAN: i64 = 1_790_000_000_000;

/// Counts the bytes that are allocated, and the most that ever were.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

#[allow(unsafe_code, reason = "hands everything on to the system's allocator")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MOST.fetch_max(NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Prints what is held above `base` now and what was held at most since the last call, in KiB.
fn tell(what: &str, base: usize) {
    let now = NOW.load(Ordering::Relaxed);
    let most = MOST.swap(now, Ordering::Relaxed);
    let above = |bytes: usize| bytes.saturating_sub(base) >> 10;
    println!("{what:<44} {:>7} KiB now, {:>7} KiB at most", above(now), above(most));
}

/// Encodes a batch as it goes over the link.
type Encode = Box<dyn FnMut(&Batch) -> Vec<u8> + Send>;

fn remote_write() -> Encode {
    let mut encoder = remote_write::encode::Encoder::new(Version::V2);
    Box::new(move |batch| encoder.encode(batch))
}

fn otlp_with_gzip() -> Encode {
    let mut encoder = otlp::encode::Encoder::new(&[]);
    Box::new(move |batch| {
        let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&encoder.encode(batch)).unwrap();
        gzip.finish().unwrap()
    })
}

/// Hands over to nobody.
struct Receiver {
    encode: Encode,
    up: Arc<AtomicBool>,
}

impl Transport for Receiver {
    fn encode(&mut self, batch: &Batch) -> Bytes {
        (self.encode)(batch).into()
    }

    async fn deliver(&mut self, _: Bytes, _: u64) -> Outcome {
        sleep(Duration::from_millis(1)).await;
        match self.up.load(Ordering::Relaxed) {
            true => Outcome::Accepted,
            false => Outcome::Retry { after: None, message: "down".into() },
        }
    }
}

fn now(workload: &Workload, poll: usize) -> Moment {
    let monotonic = Duration::from_secs(3_600 + 30 * poll as u64);
    Moment { boot: Boot(7), monotonic, wall: workload.at(poll) + 100, synchronised: true }
}

/// Where the outage is.
struct Pole {
    buffer: Buffer,
    clock: Arc<Mutex<Moment>>,
    up: Arc<AtomicBool>,
}

impl Pole {
    fn forward(&self, name: &str, order: Order, encode: Encode) {
        let clock = Arc::clone(&self.clock);
        let source = Buffered::new(Arc::new(self.buffer.reader(name, order)), move || *clock.lock().unwrap());
        let transport = Receiver { encode, up: Arc::clone(&self.up) };
        let random = fastrand::Rng::with_seed(1);
        let forwarder = Forwarder::new(forward::Options::default(), source, transport, random);
        tokio::spawn(forwarder.run(std::future::pending::<()>()));
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let hours: usize = std::env::args().nth(1).map_or(168, |hours| hours.parse().unwrap());
    let workload = Workload::made(300, hours * 120, BEGAN);
    tokio::time::pause();
    let folder = tempfile::tempdir().unwrap();
    let base = NOW.load(Ordering::Relaxed);
    MOST.store(base, Ordering::Relaxed);
    let (buffer, _) = Buffer::open(Options { fsync: Fsync::Never, ..Options::new(folder.path()) });
    tell("buffer opened", base);

    let clock = Arc::new(Mutex::new(now(&workload, 0)));
    let pole = Pole { buffer, clock, up: Arc::default() };
    pole.forward("one", Order::InOrder, remote_write());
    pole.forward("two", Order::LiveFirst, otlp_with_gzip());
    for poll in 0..workload.polls() {
        let now = now(&workload, poll);
        *pole.clock.lock().unwrap() = now;
        workload.reports(poll).for_each(|report| pole.buffer.append(&report, &now));
        pole.buffer.flush();
        sleep(Duration::from_secs(30)).await;
    }
    tell("polls while both receivers are dead", base);
    let last = now(&workload, workload.polls() - 1);
    let figures = pole.buffer.figures(&last);
    println!("{} samples wait in {} KiB on disk", figures.waiting, figures.bytes >> 10);
    pole.up.store(true, Ordering::Relaxed);
    while pole.buffer.figures(&last).waiting > 0 {
        sleep(Duration::from_secs(1)).await;
    }
    tell("both receivers catch up", base);
}
