//! A disk on which anything may fail at any time, starts and ends of the program among it: each sample arrives once or is
//! counted as lost once.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use exporters::buffer::folder::{Faults, Operation};
use exporters::buffer::{Buffer, Fsync, Options, Order, Reader, Storage, Trial};
use proptest::prelude::*;

use crate::support::{Source, at, samples};

/// Values of a segment here, and of the ring in memory: more than all reports have, so that none is lost to room.
const SEGMENT: u64 = 400;

/// Operations fail as often as they are told to, of 256, by chance. Reading does not: where cursors cannot be read for a
/// minute, samples come twice.
#[derive(Debug, Default)]
struct Chance {
    state: AtomicU64,
    of_256: AtomicU64,
}

impl Faults for Chance {
    fn allow(&self, operation: Operation, bytes: usize) -> io::Result<usize> {
        let mut state = self.state.load(Ordering::SeqCst);
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.state.store(state, Ordering::SeqCst);
        let can_fail = operation != Operation::Read;
        match can_fail && state >> 20 & 255 < self.of_256.load(Ordering::SeqCst) {
            true if operation == Operation::Write && state & 1 == 0 => Ok(bytes / 2),
            true => Err(io::Error::from_raw_os_error(5)),
            false => Ok(bytes),
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// So many reports, so many milliseconds apart.
    Reports { count: i64, apart: i64 },
    /// A batch is taken, and acknowledged or not.
    Take { samples: usize, acknowledged: bool },
    /// How often operations fail from now on.
    Fail(u64),
    /// The program ends while the disk works, and starts while it fails as before.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..12_i64, prop_oneof![Just(100_i64), Just(2_000)])
            .prop_map(|(count, apart)| Step::Reports { count, apart }),
        4 => (1..40_usize, any::<bool>()).prop_map(|(samples, acknowledged)| Step::Take { samples, acknowledged }),
        2 => prop_oneof![Just(0_u64), Just(16), Just(64), Just(256)].prop_map(Step::Fail),
        1 => Just(Step::Restart),
    ]
}

struct World {
    folder: tempfile::TempDir,
    faults: Arc<Chance>,
    open: Option<(Buffer, Reader)>,
    source: Source,
    time: i64,
    appended: u64,
    lost: u64,
    received: Vec<u64>,
}

impl World {
    fn new(seed: u64) -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let faults = Arc::new(Chance { state: AtomicU64::new(seed | 1), ..Chance::default() });
        let (source, received) = (Source::new("pdu"), Vec::new());
        let folder = folder.unwrap();
        let mut world = Self { folder, faults, open: None, source, time: 0, appended: 0, lost: 0, received };
        world.start();
        world
    }

    fn start(&mut self) {
        let options = Options { fsync: Fsync::Always, ..Options::new(self.folder.path()) };
        let faults = Arc::clone(&self.faults) as Arc<dyn Faults>;
        let trial = Trial { faults: Some(faults), segment_values: Some(SEGMENT) };
        let (buffer, recovery) = Buffer::open_for_test(options, trial);
        assert_eq!(recovery.damage, Vec::<String>::new());
        let reader = buffer.reader("a", Order::InOrder);
        self.open = Some((buffer, reader));
    }

    fn open(&self) -> &(Buffer, Reader) {
        self.open.as_ref().unwrap()
    }

    fn reports(&mut self, count: i64, apart: i64) {
        for _ in 0..count {
            self.time += apart;
            let now = at(self.time);
            // Temperatures that are plausible, and tell two numbers below a million apart.
            let value = |number: u64| Some((self.appended + number) as f64 / 1_000.0);
            let report = self.source.report(now.wall, &[value(0), value(1)]);
            self.appended += 2;
            self.open().0.append(&report, &now);
            self.open().0.flush();
        }
    }

    fn take(&mut self, most: usize, acknowledged: bool) -> bool {
        let now = at(self.time + 1);
        let Some(batch) = self.open().1.backlog(most, &now) else { return false };
        if acknowledged {
            let numbers = samples(&batch).into_iter().map(|sample| (sample.2 * 1_000.0).round() as u64);
            self.received.extend(numbers);
            self.open().1.acknowledge(batch.entries);
        }
        true
    }

    fn restart(&mut self) {
        let often = self.faults.of_256.swap(0, Ordering::SeqCst);
        let (buffer, reader) = self.open.take().unwrap();
        buffer.flush();
        drop(buffer);
        self.lost += reader.lost().values().sum::<u64>();
        self.faults.of_256.store(often, Ordering::SeqCst);
        self.start();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn each_sample_arrives_once_or_is_lost_once(
        steps in proptest::collection::vec(step(), 1..60),
        seed in any::<u64>(),
    ) {
        let mut world = World::new(seed);
        for step in steps {
            match step {
                Step::Reports { count, apart } => world.reports(count, apart),
                Step::Take { samples, acknowledged } => drop(world.take(samples, acknowledged)),
                Step::Fail(often) => world.faults.of_256.store(often, Ordering::SeqCst),
                Step::Restart => world.restart(),
            }
        }
        world.faults.of_256.store(0, Ordering::SeqCst);
        // Two minutes, so that whatever was left alone is tried again.
        world.reports(20, 6_000);
        prop_assert_eq!(&world.open().0.figures(&at(0)).storage, &Storage::Disk);
        world.restart();
        while world.take(100, true) {}
        world.restart();
        prop_assert!(!world.take(100, true), "progress is kept");
        let mut received = std::mem::take(&mut world.received);
        received.sort_unstable();
        prop_assert!(received.is_sorted_by(|a, b| a < b), "sent twice: {received:?}");
        prop_assert_eq!(received.len() as u64 + world.lost, world.appended);
    }
}
