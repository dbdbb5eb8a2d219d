//! All targets of a program: starts, changes and ends their tasks.
//!
//! A reload touches only the targets that it changes: the others keep their sessions, their ticks and
//! what they have learned. Targets share no permits and no queue: a poll that waits for a silent device holds
//! no answers yet, so that any number of dead devices costs little memory and delays nobody. What a poll holds
//! at most is limited by its driver; ticks that are spread over the interval keep most polls apart.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::wall_clock;
use crate::driver::Driver;
use crate::firmware::Firmware;
use crate::poll::task::{Outcome, Poller};
use crate::schedule::Schedule;
use crate::target::Target;
use crate::telemetry::Telemetry;

/// Longest wait for a device to confirm that its session is closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Where outcomes go. Must not block: a poll waits for nobody.
pub trait Outlet: Send + Sync {
    /// A poll ended. `next` is when the next one is due.
    fn publish(&self, target: &Target, outcome: &Outcome, next: std::time::Instant);

    /// A target is gone.
    fn remove(&self, name: &str);
}

/// What all tasks share.
struct Shared {
    outlet: Arc<dyn Outlet>,
    telemetry: Telemetry,
}

struct Running {
    target: Arc<Target>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// The running targets.
pub struct Fleet {
    shared: Arc<Shared>,
    running: HashMap<String, Running>,
    firmware: Option<Arc<Firmware>>,
}

/// What a reload did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Targets that are new.
    pub added: usize,
    /// Targets that are gone.
    pub removed: usize,
    /// Targets whose settings changed: they start anew.
    pub changed: usize,
    /// Targets that run on undisturbed.
    pub unchanged: usize,
}

impl Fleet {
    /// No targets yet.
    pub fn new(outlet: Arc<dyn Outlet>, telemetry: Telemetry) -> Self {
        let shared = Shared { outlet, telemetry };
        Self { shared: Arc::new(shared), running: HashMap::new(), firmware: None }
    }

    /// Follows the firmware of its targets.
    pub fn following(mut self, firmware: Arc<Firmware>) -> Self {
        self.firmware = Some(firmware);
        self
    }

    /// Makes the running targets be these. `driver` is called for those that are new or changed.
    pub async fn apply<D, F>(&mut self, targets: Vec<Arc<Target>>, mut driver: F) -> Changes
    where
        D: Driver + Send + 'static,
        F: FnMut(&Arc<Target>) -> D,
    {
        let mut changes = Changes::default();
        let mut wanted: HashMap<String, Arc<Target>> =
            targets.into_iter().map(|target| (target.device.name.clone(), target)).collect();
        let mut ended = Vec::new();
        let mut kept = HashMap::new();
        for (name, running) in self.running.drain() {
            match wanted.get(&name) {
                Some(target) if **target == *running.target => {
                    changes.unchanged += 1;
                    wanted.remove(&name);
                    kept.insert(name, running);
                }
                Some(_) => {
                    changes.changed += 1;
                    ended.push((name, running, false));
                }
                None => {
                    changes.removed += 1;
                    ended.push((name, running, true));
                }
            }
        }
        self.running = kept;
        self.end(ended).await;
        changes.added = wanted.len() - changes.changed;
        for (name, target) in wanted {
            let mut poller = Poller::new(Arc::clone(&target), driver(&target));
            if let Some(firmware) = &self.firmware {
                poller = poller.following(firmware);
            }
            self.running.insert(name, start(poller, Arc::clone(&self.shared)));
        }
        changes
    }

    /// Ends all targets and their sessions.
    pub async fn shutdown(&mut self) {
        let ended = self.running.drain().map(|(name, running)| (name, running, false)).collect();
        self.end(ended).await;
    }

    async fn end(&self, ended: Vec<(String, Running, bool)>) {
        for (_, running, _) in &ended {
            running.stop.cancel();
        }
        for (name, running, forget) in ended {
            if let Err(error) = running.task.await {
                tracing::error!(target = name, %error, "the target's task ended badly");
            }
            if forget {
                self.shared.outlet.remove(&name);
            }
        }
    }
}

fn start<D: Driver + Send + 'static>(poller: Poller<D>, shared: Arc<Shared>) -> Running {
    let target = Arc::clone(poller.target());
    let stop = CancellationToken::new();
    let task = tokio::spawn(run(poller, shared, stop.clone()));
    Running { target, stop, task }
}

/// Polls at each tick until told to stop.
async fn run<D: Driver>(mut poller: Poller<D>, shared: Arc<Shared>, stop: CancellationToken) {
    let target = Arc::clone(poller.target());
    let unix = Duration::from_millis(u64::try_from(wall_clock()).unwrap_or(0));
    let now = Instant::now().into_std();
    let mut schedule = Schedule::new(&target.device.name, target.interval, now, unix);
    let polls = async {
        loop {
            tokio::time::sleep_until(schedule.next().into()).await;
            // On the heap: a poll's state is far larger than that of a task that waits for its tick.
            let outcome = Box::pin(poller.poll(wall_clock())).await;
            let now = Instant::now().into_std();
            let next = schedule.finished(now, outcome.readings.error.is_none(), fastrand::f64());
            let (protocol, kind) = (target.protocol.as_str(), &target.device.device_type);
            shared.telemetry.polled(protocol, kind, outcome.readings.duration, next.overruns);
            shared.outlet.publish(&target, &outcome, next.at);
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = polls => {}
    }
    if tokio::time::timeout(CLOSE_TIMEOUT, Box::pin(poller.close())).await.is_err() {
        tracing::debug!(target = target.device.name, "the device did not confirm that its session is closed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Site;
    use crate::poll::task::tests::target;
    use crate::target::Protocol;
    use model::{PollError, ReportBuilder};
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Default)]
    struct Board {
        polls: Mutex<HashMap<String, usize>>,
        removed: Mutex<Vec<String>>,
    }

    impl Outlet for Board {
        fn publish(&self, target: &Target, _outcome: &Outcome, _next: std::time::Instant) {
            *self.polls.lock().unwrap().entry(target.device.name.clone()).or_default() += 1;
        }

        fn remove(&self, name: &str) {
            self.removed.lock().unwrap().push(name.to_owned());
        }
    }

    #[derive(Clone, Default)]
    struct Counted {
        made: Arc<AtomicUsize>,
        closed: Arc<AtomicUsize>,
    }

    impl Driver for Counted {
        async fn poll(&mut self, _report: &mut ReportBuilder) -> Result<(), PollError> {
            Ok(())
        }

        async fn close(&mut self) {
            self.closed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn slower(name: &str) -> Arc<Target> {
        Arc::new(Target { interval: Duration::from_secs(120), ..(*target(name)).clone() })
    }

    #[tokio::test(start_paused = true)]
    async fn a_reload_touches_only_what_it_changes() {
        let board = Arc::new(Board::default());
        let (telemetry, _registry) = Telemetry::new(&Site::default(), "");
        let mut fleet = Fleet::new(Arc::clone(&board) as Arc<dyn Outlet>, telemetry);
        let driver = Counted::default();
        let make = |_: &Arc<Target>| {
            driver.made.fetch_add(1, Ordering::Relaxed);
            driver.clone()
        };
        let first = fleet.apply(vec![target("a"), target("b"), target("c")], make).await;
        assert_eq!(first, Changes { added: 3, ..Changes::default() });
        let second = fleet.apply(vec![target("a"), slower("b"), target("d")], make).await;
        assert_eq!(second, Changes { added: 1, removed: 1, changed: 1, unchanged: 1 });
        assert_eq!(driver.made.load(Ordering::Relaxed), 5);
        assert_eq!(driver.closed.load(Ordering::Relaxed), 2);
        assert_eq!(*board.removed.lock().unwrap(), ["c"]);
        fleet.shutdown().await;
        assert_eq!(driver.closed.load(Ordering::Relaxed), 5);
    }

    /// Answers within a second, or never.
    struct Answers(bool);

    impl Driver for Answers {
        async fn poll(&mut self, _report: &mut ReportBuilder) -> Result<(), PollError> {
            if !self.0 {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(())
        }

        async fn close(&mut self) {}
    }

    #[tokio::test(start_paused = true)]
    async fn silent_devices_delay_nobody() {
        let board = Arc::new(Board::default());
        let (telemetry, _registry) = Telemetry::new(&Site::default(), "");
        let overruns = telemetry.clone();
        let mut fleet = Fleet::new(Arc::clone(&board) as Arc<dyn Outlet>, telemetry);
        let fleet_of = |range: std::ops::Range<usize>, protocol| {
            range.map(move |number| {
                let target = (*target(&format!("device-{number}"))).clone();
                Arc::new(Target { protocol, interval: Duration::from_secs(30), ..target })
            })
        };
        let targets = fleet_of(0..100, Protocol::Snmp).chain(fleet_of(100..2_000, Protocol::Redfish));
        fleet.apply(targets.collect(), |target| Answers(target.protocol == Protocol::Snmp)).await;
        // And two seconds, for who is polled at the end of each interval.
        tokio::time::sleep(Duration::from_secs(30 * 60 + 2)).await;
        fleet.shutdown().await;

        assert_eq!(overruns.overruns()["snmp"], 0);
        let polls = board.polls.lock().unwrap();
        for live in 0..100 {
            let polls = polls[&format!("device-{live}")];
            assert!((60..=61).contains(&polls), "device-{live} was polled {polls} times in 60 intervals");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_target_is_polled_at_its_own_interval() {
        let board = Arc::new(Board::default());
        let (telemetry, _registry) = Telemetry::new(&Site::default(), "");
        let mut fleet = Fleet::new(Arc::clone(&board) as Arc<dyn Outlet>, telemetry);
        let driver = Counted::default();
        fleet.apply(vec![target("a"), slower("b")], |_| driver.clone()).await;
        tokio::time::sleep(Duration::from_secs(3600)).await;
        fleet.shutdown().await;
        let polls = board.polls.lock().unwrap();
        assert!((60..=61).contains(&polls["a"]), "{polls:?}");
        assert!((30..=31).contains(&polls["b"]), "{polls:?}");
    }
}
