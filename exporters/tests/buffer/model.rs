//! Whatever is done to the log in whatever order, two destinations get what a list in memory would give them.

use exporters::buffer::{Buffer, Order, Reader};
use proptest::prelude::*;

use crate::support::{Source, at, killed, open_small, samples};

#[derive(Clone, Debug)]
enum Step {
    /// A report of one of two devices with some of its series.
    Report { device: usize, present: [bool; 4] },
    /// A destination takes so many samples, of the live lane where there is one, and acknowledges them or not.
    Take { live_first: bool, live: bool, samples: usize, acknowledged: bool },
    /// The program ends and starts again, in good order or not.
    Restart { killed: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..2_usize, any::<[bool; 4]>()).prop_map(|(device, present)| Step::Report { device, present }),
        5 => (any::<bool>(), any::<bool>(), 1..60_usize, 0..4).prop_map(|(live_first, live, samples, acknowledged)| {
            Step::Take { live_first, live, samples, acknowledged: acknowledged > 0 }
        }),
        1 => any::<bool>().prop_map(|killed| Step::Restart { killed }),
    ]
}

type Sample = (String, i64, f64);

/// The log, its destinations, and what each of these has to get.
struct World {
    folder: tempfile::TempDir,
    open: Option<(Buffer, Reader, Reader)>,
    segment: u64,
    sources: [Source; 2],
    pending: [Vec<Sample>; 2],
    time: i64,
}

impl World {
    fn new(segment: u64) -> Self {
        let sources = [Source::new("a"), Source::new("b")];
        let folder = tempfile::tempdir().unwrap();
        let mut world = Self { folder, open: None, segment, sources, pending: Default::default(), time: 0 };
        world.start();
        world
    }

    fn start(&mut self) {
        let (buffer, recovery) = open_small(self.folder.path(), self.segment);
        assert_eq!((recovery.damage, recovery.torn_bytes), (Vec::new(), 0));
        let readers = (buffer.reader("in-order", Order::InOrder), buffer.reader("live", Order::LiveFirst));
        self.open = Some((buffer, readers.0, readers.1));
    }

    fn open(&self) -> &(Buffer, Reader, Reader) {
        self.open.as_ref().unwrap()
    }

    fn report(&mut self, device: usize, present: [bool; 4]) {
        self.time += 1_000;
        let now = at(self.time);
        let value = |number: usize| (self.time / 100 + 2 * number as i64 + device as i64) as f64 / 100.0;
        let values: Vec<_> = (0..4).map(|number| present[number].then(|| value(number))).collect();
        let report = self.sources[device].report(now.wall, &values);
        self.open().0.append(&report, &now);
        let samples = (0..4).filter_map(|number| Some((format!("t{number}"), self.time, values[number]?)));
        let samples: Vec<Sample> = samples.collect();
        self.pending.iter_mut().for_each(|pending| pending.extend(samples.iter().cloned()));
    }

    fn take(&mut self, live_first: bool, live: bool, most: usize, acknowledged: bool) -> bool {
        let (buffer, in_order, newest) = self.open();
        buffer.flush();
        let now = at(self.time + 1);
        let reader = if live_first { newest } else { in_order };
        let batch = if live { reader.live(most, &now) } else { reader.backlog(most, &now) };
        let Some(batch) = batch else { return false };
        let mut found = samples(&batch);
        found.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        assert!(found.len() <= most.max(4));
        if acknowledged {
            reader.acknowledge(batch.entries);
        }
        let pending = &mut self.pending[usize::from(live_first)];
        let from = match live_first {
            false => 0,
            true => pending.iter().position(|sample| Some(sample) == found.first()).unwrap_or_default(),
        };
        assert_eq!(found, pending[from..from + found.len()]);
        if acknowledged {
            pending.drain(from..from + found.len());
        }
        true
    }

    fn restart(&mut self, kill: bool) {
        self.open().0.flush();
        let copy = killed(self.folder.path());
        self.open = None;
        if kill {
            self.folder = copy;
        }
        self.start();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn two_destinations_get_what_a_list_would_give(
        steps in proptest::collection::vec(step(), 1..120),
        segment in 30_u64..400,
    ) {
        let mut world = World::new(segment);
        for step in steps {
            match step {
                Step::Report { device, present } => world.report(device, present),
                Step::Take { live_first, live, samples, acknowledged } => {
                    world.take(live_first, live, samples, acknowledged);
                }
                Step::Restart { killed } => world.restart(killed),
            }
        }
        world.restart(false);
        for live_first in [false, true] {
            // The backlog ends before what is live.
            while world.take(live_first, live_first, 50, true) || world.take(live_first, false, 50, true) {}
            prop_assert_eq!(world.pending[usize::from(live_first)].len(), 0);
        }
    }
}
