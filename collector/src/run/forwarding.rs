//! The buffer and its destinations while the program runs: opened once, destinations come and go with reloads.
//!
//! A destination's task shares nothing with the others but the log that it reads.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use exporters::buffer::{Buffer, Fsync, Options, Reader, Recovery, Storage};
use exporters::forward::{ACKED, Buffered, Condition, Figures, Forwarder, Status, Stop, Transport};
use exporters::{forward, otlp, remote_write};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::config;
use crate::config::forwarding::{Destination, Protocol};
use crate::status::{BufferStatus, DestinationStatus};

/// The buffer, open.
pub(super) struct Forwarding {
    settings: config::forwarding::Buffer,
    shared: Arc<Shared>,
    tasks: Vec<Task>,
}

/// What the status page asks while tasks come and go.
pub(super) struct Shared {
    pub(super) buffer: Arc<Buffer>,
    pub(super) clock: Clock,
    followers: Mutex<Vec<Follower>>,
}

/// The task of one destination.
struct Task {
    name: String,
    written: String,
    stop: oneshot::Sender<Stop>,
    handle: JoinHandle<()>,
}

/// What is known of one destination.
struct Follower {
    name: String,
    reader: Arc<Reader>,
    status: Status,
    /// When it was looked at last, with the samples that waited and that had arrived.
    seen: Option<(Instant, u64, u64)>,
    peak: u64,
    rate: f64,
    drained_in: Option<Duration>,
}

impl Forwarding {
    /// Opens the buffer, and says in the log what was found in it.
    pub(super) async fn open(settings: config::forwarding::Buffer) -> anyhow::Result<Self> {
        let clock = Clock::new(settings.clock_floor);
        let options = Options {
            folder: settings.dir.clone(),
            limit_bytes: settings.limit_bytes,
            max_age: settings.max_age,
            fsync: if settings.sync.is_zero() { Fsync::Always } else { Fsync::Interval(settings.sync) },
        };
        let (buffer, recovery) = tokio::task::spawn_blocking(move || Buffer::open(options)).await?;
        tell(&recovery, &settings.dir);
        if !clock.now().synchronised {
            tracing::warn!(
                "the kernel says that nothing keeps the clock right: readings wait in the buffer until NTP has set \
                 it; where there is none, `buffer.clock_floor` says from which day on the clock is believed"
            );
        }
        let shared = Shared { buffer: Arc::new(buffer), clock, followers: Mutex::default() };
        Ok(Self { settings, shared: Arc::new(shared), tasks: Vec::new() })
    }

    /// What was opened.
    pub(super) fn settings(&self) -> &config::forwarding::Buffer {
        &self.settings
    }

    /// The buffer, the clock and what is known of destinations.
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Makes these the destinations: those that are written as before go on undisturbed.
    ///
    /// # Errors
    /// A destination cannot be used. The others are served.
    pub(super) async fn take(&mut self, destinations: Vec<Destination>) -> anyhow::Result<()> {
        let names: Vec<&str> = destinations.iter().map(|wanted| wanted.name.as_str()).collect();
        let is_wanted = |task: &Task| destinations.iter().any(|wanted| wanted.written == task.written);
        let (kept, ended): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.tasks).into_iter().partition(is_wanted);
        self.tasks = kept;
        let why = |name: &str| if names.contains(&name) { Stop::Replaced } else { Stop::Ended };
        self.end(ended, why).await;
        self.shared.buffer.keep(&names);
        let mut outcome = Ok(());
        for wanted in &destinations {
            if self.tasks.iter().all(|task| task.written != wanted.written)
                && let Err(error) = self.start(wanted)
            {
                outcome = Err(error);
            }
        }
        outcome
    }

    fn start(&mut self, wanted: &Destination) -> anyhow::Result<()> {
        let unusable = |error| anyhow::anyhow!("the destination {:?} cannot be used: {error}", wanted.name);
        match &wanted.protocol {
            Protocol::RemoteWrite(options) => {
                self.serve(wanted, remote_write::RemoteWrite::new(options).map_err(unusable)?);
            }
            Protocol::Otlp(options) => self.serve(wanted, otlp::Otlp::new(options).map_err(unusable)?),
        }
        Ok(())
    }

    fn serve<T: Transport + Send + 'static>(&mut self, wanted: &Destination, transport: T) {
        // The filter takes up again what it held back when the program ended.
        let buffer = &self.shared.buffer;
        let reader = Arc::new(match wanted.filter.thin.is_empty() {
            true => buffer.reader(&wanted.name, wanted.order),
            false => buffer.reader_again(&wanted.name, wanted.order),
        });
        let clock = self.shared.clock;
        let source = Buffered::new(Arc::clone(&reader), move || clock.now());
        let options = forward::Options {
            name: wanted.name.clone(),
            request_bytes: usize::try_from(wanted.batch_bytes).unwrap_or(usize::MAX),
            bytes_per_second: wanted.bytes_per_second,
            backfill_share: wanted.backfill_share,
            end_series_at_shutdown: wanted.end_series_at_shutdown,
            filter: wanted.filter.clone(),
            ..forward::Options::default()
        };
        let forwarder = Forwarder::new(options, source, transport, fastrand::Rng::new());
        let name = wanted.name.clone();
        let status = forwarder.status();
        self.shared.followers().push(Follower {
            name: name.clone(),
            reader,
            status,
            seen: None,
            peak: 0,
            rate: 0.0,
            drained_in: None,
        });
        let (stop, stopped) = oneshot::channel();
        let handle = tokio::spawn(forwarder.run(async move { stopped.await.unwrap_or(Stop::Ended) }));
        self.tasks.push(Task { name, written: wanted.written.clone(), stop, handle });
    }

    /// Sends what can be sent at once, and closes the buffer. What is left is there at the next start.
    pub(super) async fn close(mut self) {
        let shared = Arc::clone(&self.shared);
        let _ = tokio::task::spawn_blocking(move || shared.buffer.flush()).await;
        let tasks = std::mem::take(&mut self.tasks);
        self.end(tasks, |_| Stop::Ended).await;
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }

    async fn end(&self, tasks: Vec<Task>, why: impl Fn(&str) -> Stop) {
        let stop = |task: Task| {
            // A task that is gone ended badly: its handle says so.
            let _ = task.stop.send(why(&task.name));
            (task.name, task.handle)
        };
        // All are told before one is waited for.
        let ending: Vec<_> = tasks.into_iter().map(stop).collect();
        for (name, handle) in ending {
            if let Err(error) = handle.await {
                tracing::error!(destination = name, %error, "the destination's task ended badly");
            }
            self.shared.followers().retain(|follower| follower.name != name);
        }
    }
}

impl Shared {
    /// Looks how fast the backlogs shrink. Asked at a steady pace.
    pub(super) fn measure(&self) {
        let now = self.clock.now();
        let instant = Instant::now();
        for follower in self.followers().iter_mut() {
            let waiting = follower.reader.lag(&now).samples;
            let arrived = follower.status.figures().samples.get(ACKED).copied().unwrap_or(0);
            follower.measure(instant, waiting, arrived);
        }
    }

    /// Figures of all destinations by name, with the age of what waits for each.
    pub(super) fn destinations(&self) -> Vec<(String, Figures, Option<Duration>)> {
        let now = self.clock.now();
        let figures =
            |each: &Follower| (each.name.clone(), each.status.figures(), each.reader.lag(&now).oldest);
        self.followers().iter().map(figures).collect()
    }

    /// What the status page shows.
    pub(super) fn status(&self) -> BufferStatus {
        let now = self.clock.now();
        let figures = self.buffer.figures(&now);
        let mut destinations: Vec<_> =
            self.followers().iter_mut().map(|follower| follower.show(&now)).collect();
        destinations.sort_by(|a, b| a.name.cmp(&b.name));
        BufferStatus {
            bytes: figures.bytes,
            limit: figures.limit,
            lost: figures.lost.values().sum(),
            in_memory: match figures.storage {
                Storage::Disk => None,
                Storage::Memory { cause } => Some(cause),
            },
            clock_known: figures.dated,
            destinations,
        }
    }

    fn followers(&self) -> MutexGuard<'_, Vec<Follower>> {
        self.followers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Follower {
    fn measure(&mut self, now: Instant, waiting: u64, arrived: u64) {
        if let Some((then, waited, had)) = self.seen {
            let seconds = now.saturating_duration_since(then).as_secs_f64();
            if seconds <= 0.0 {
                return;
            }
            self.rate = arrived.saturating_sub(had) as f64 / seconds;
            let shrinks = waited.saturating_sub(waiting) as f64 / seconds;
            let left = Duration::try_from_secs_f64(waiting as f64 / shrinks).ok();
            self.drained_in = left.filter(|left| !left.is_zero());
        }
        self.seen = Some((now, waiting, arrived));
    }

    fn show(&mut self, now: &exporters::buffer::Moment) -> DestinationStatus {
        let lag = self.reader.lag(now);
        let figures = self.status.figures();
        self.peak = if lag.samples == 0 { 0 } else { self.peak.max(lag.samples) };
        // What was measured before says nothing of a link that is down now.
        let well = figures.condition == Condition::Well;
        DestinationStatus {
            name: self.name.clone(),
            words: figures.to_string(),
            in_trouble: !well,
            waiting: lag.samples,
            peak: self.peak,
            oldest: lag.oldest,
            rate: if well { self.rate } else { 0.0 },
            drained_in: self.drained_in.filter(|_| well && lag.samples > 0),
        }
    }
}

fn tell(recovery: &Recovery, folder: &Path) {
    let folder = folder.display();
    if let Some(cause) = &recovery.unusable {
        tracing::error!(%folder, cause, "the buffer's folder cannot be used: readings wait in memory alone");
        return;
    }
    if let Some(first) = recovery.left.first() {
        let files = recovery.left.len();
        tracing::warn!(%folder, files, first, "the buffer has files that cannot be read: they stay until their room is needed");
    }
    if let Some(first) = recovery.damage.first() {
        let (files, samples) = (recovery.damage.len(), recovery.corrupt_samples);
        tracing::warn!(%folder, files, samples, first, "damaged files of the buffer are left out: as many samples or more are lost; nothing is to be done, but look at the disk if it was no power cut");
    }
    let Recovery { entries, samples, torn_bytes, .. } = recovery;
    tracing::info!(%folder, entries, samples, torn_bytes, "buffer opened");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follower(buffer: &Buffer) -> Follower {
        Follower {
            name: "central".into(),
            reader: Arc::new(buffer.reader("central", exporters::buffer::Order::InOrder)),
            status: Status::default(),
            seen: None,
            peak: 0,
            rate: 0.0,
            drained_in: None,
        }
    }

    /// Each line that is logged of a recovery.
    fn told(recovery: &Recovery) -> Vec<String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        let log = Arc::new(file.reopen().unwrap());
        let logger = tracing_subscriber::fmt().with_writer(log).with_ansi(false).without_time().finish();
        tracing::subscriber::with_default(logger, || tell(recovery, Path::new("/spool")));
        std::fs::read_to_string(file.path())
            .unwrap()
            .lines()
            .map(|line| line.trim_start().to_owned())
            .collect()
    }

    #[test]
    fn what_damage_has_cost_is_a_warning() {
        let whole = told(&Recovery { torn_bytes: 12, ..Recovery::default() });
        assert!(whole.len() == 1 && whole[0].starts_with("INFO"), "{whole:?}");
        assert!(
            whole[0].ends_with("buffer opened folder=/spool entries=0 samples=0 torn_bytes=12"),
            "{whole:?}"
        );
        let damage =
            vec!["7.log: 30 samples or more".to_owned(), "9.sealed: its summary is damaged".to_owned()];
        let lost = told(&Recovery { corrupt_samples: 30, damage, ..Recovery::default() });
        assert_eq!(lost.len(), 2, "{lost:?}");
        let words = ["/spool", "files=2", "samples=30", "7.log: 30 samples or more", "nothing is to be done"];
        assert!(lost[0].starts_with("WARN") && words.iter().all(|word| lost[0].contains(word)), "{lost:?}");
    }

    #[test]
    fn the_time_to_drain_is_that_at_which_the_backlog_shrinks() {
        let folder = tempfile::tempdir().unwrap();
        let (buffer, _) = Buffer::open(Options::new(folder.path()));
        let mut follower = follower(&buffer);
        let start = Instant::now();
        follower.measure(start, 10_000, 0);
        follower.measure(start + Duration::from_secs(10), 8_000, 2_500);
        assert_eq!((follower.rate, follower.drained_in), (250.0, Some(Duration::from_secs(40))));
        follower.measure(start + Duration::from_secs(20), 9_000, 2_500);
        assert_eq!((follower.rate, follower.drained_in), (0.0, None));
        follower.measure(start + Duration::from_secs(30), 0, 11_500);
        assert_eq!(
            (follower.rate, follower.drained_in),
            (900.0, None),
            "what comes next is not measured yet"
        );
    }
}

#[cfg(test)]
#[path = "forwarding_tests.rs"]
mod reload_tests;
