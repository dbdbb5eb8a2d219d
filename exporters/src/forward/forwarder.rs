//! The task of one destination.
//!
//! One request at a time. What fails for a reason that may pass is tried for ever: only the log's budget and age
//! drop samples. What the receiver refuses for good is split until the bad samples are known; those are counted
//! and set aside, the rest goes on. Entries are acknowledged once the receiver has answered for all of them.

use std::future::Future;
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tracing::{info, warn};

use super::STALE;
use super::line::{Line, Work};
use super::options::{Options, Stop};
use super::pace::{Backoff, Bucket, Share};
use super::series::SeriesMap;
use super::source::{Lane, Source};
use super::split::{self, By};
use super::status::{ACKED, PARTIAL, Status};
use super::transport::{Outcome, Refusal, Transport};
use crate::buffer::Order;
use crate::buffer::batch::{Batch, Point, Run};

/// Failures in a row after which a request is sent in halves: a link that cannot carry it in time never will.
const HALVE_AFTER: u32 = 3;

/// Smaller requests are not halved: it is not their size.
const SMALL_REQUEST: usize = 16 << 10;

/// By what part the size that the link carries is taken for larger after it carried one: to find out costs three
/// requests that run into their deadline, and may come after every dozen that don't.
const GROWTH: usize = 64;

/// From one look for samples that only have to wait for the clock to the next.
const IDLE: Duration = Duration::from_secs(10);

/// From one log line about refused samples to the next.
const REPORT_EVERY: Duration = Duration::from_secs(60);

/// Longest wait where it is the sender that is refused: as rare as one may knock, for a login locks after some.
const BARRED_WAIT: Duration = Duration::from_secs(300);

/// Serves one destination.
pub struct Forwarder<S, T> {
    options: Options,
    source: S,
    transport: T,
    status: Status,
    random: fastrand::Rng,
    live: Line,
    backlog: Line,
    /// Whether the filter has again what it held back when the program ended, or there is none.
    is_taken_up: bool,
    share: Share,
    bucket: Option<Bucket>,
    failures: u32,
    /// Whether the newest samples had the link last.
    live_last: bool,
    /// Bytes of a request that the link seems to carry in time.
    carried: usize,
    paused: Instant,
    reported: Option<Instant>,
    unreported: u64,
    /// Series that the receiver believes to go on, and the times of their last samples.
    current: SeriesMap<Timestamp>,
}

impl<S: Source, T: Transport> Forwarder<S, T> {
    /// A forwarder that has sent nothing yet. `random` spreads its waits.
    pub fn new(options: Options, source: S, transport: T, random: fastrand::Rng) -> Self {
        let filter = Arc::new(options.filter.clone());
        let line = || Line::new(Arc::clone(&filter));
        let now = Instant::now();
        Self {
            share: Share::new(options.backfill_share, now),
            bucket: options.bytes_per_second.map(|limit| Bucket::new(limit, now)),
            live: line(),
            backlog: line(),
            is_taken_up: options.filter.thin.is_empty(),
            status: Status::default(),
            failures: 0,
            live_last: false,
            carried: usize::MAX,
            paused: now,
            reported: None,
            unreported: 0,
            current: SeriesMap::default(),
            options,
            source,
            transport,
            random,
        }
    }

    /// Its figures.
    pub fn status(&self) -> Status {
        self.status.clone()
    }

    /// Forwards until `stop` is ready; then ends the request on its way and tries once more, for a while.
    pub async fn run(mut self, stop: impl Future<Output = impl Into<Stop>> + Send) {
        let mut stop = pin!(stop);
        let last_try = self.options.last_try;
        let (why, end) = loop {
            let lane = tokio::select! {
                biased;
                why = &mut stop => break (why, Instant::now() + last_try),
                lane = self.ready() => lane,
            };
            let mut request = pin!(self.advance(lane));
            tokio::select! {
                biased;
                () = &mut request => {}
                why = &mut stop => {
                    let end = Instant::now() + last_try;
                    let _ = timeout_at(end, request).await;
                    break (why, end);
                }
            }
        };
        if why.into() == Stop::Replaced {
            self.options.end_series_at_shutdown = false;
        }
        if !timeout_at(end, self.finish()).await.unwrap_or(false) {
            info!(
                destination = self.options.name,
                "not everything was forwarded; what is left stays in the buffer"
            );
        }
    }

    /// Waits for something to send, and says in which lane. Dropped half-way, it has lost nothing.
    async fn ready(&mut self) -> Lane {
        let live_first = self.source.order() == Order::LiveFirst;
        if !std::mem::replace(&mut self.is_taken_up, true) {
            self.take_up().await;
        }
        loop {
            sleep_until(self.paused).await;
            // Where there is always something newer, the backlog has its turn in between; after a failure it has none.
            let backlog_first = self.live_last && self.failures == 0 && self.share.next() <= Instant::now();
            if live_first && backlog_first {
                self.live_last = false;
                if self.fill(Lane::Backlog).await {
                    return Lane::Backlog;
                }
            }
            if live_first && self.fill(Lane::Live).await {
                return Lane::Live;
            }
            let backlog_from = if live_first { self.share.next() } else { Instant::now() };
            if backlog_from > Instant::now() {
                self.more(backlog_from).await;
            } else if self.fill(Lane::Backlog).await {
                return Lane::Backlog;
            } else {
                self.more(Instant::now() + IDLE).await;
            }
        }
    }

    /// Waits for more samples, at most until then; and where they come, for those that come with them.
    async fn more(&mut self, until: Instant) {
        if timeout_at(until, self.source.wait()).await.is_ok() {
            sleep(self.options.linger).await;
        }
    }

    fn line(&mut self, lane: Lane) -> &mut Line {
        match lane {
            Lane::Live => &mut self.live,
            Lane::Backlog => &mut self.backlog,
        }
    }

    /// Whether there is something to send in a lane; takes it out of the log if need be.
    async fn fill(&mut self, lane: Lane) -> bool {
        let held = self.line(lane).work.as_ref();
        // What failed in the live lane makes way for what is newer, and comes again with the backlog.
        if held.is_some_and(|work| lane == Lane::Backlog || !work.untouched) {
            return true;
        }
        let from = self.line(lane).from();
        let Some(batch) = self.source.next(lane, from, self.options.batch_samples).await else {
            if lane == Lane::Backlog && self.source.order() == Order::LiveFirst {
                self.backlog.end(&mut self.live);
                if self.backlog.work.is_none() {
                    self.pass(lane, 0..0);
                }
            }
            return self.line(lane).work.is_some();
        };
        match lane {
            Lane::Live => self.live.take(&batch),
            Lane::Backlog => self.backlog.take_after(&mut self.live, &batch),
        }
        true
    }

    /// Sends the oldest piece of a lane's batch and does what the answer calls for.
    async fn advance(&mut self, lane: Lane) {
        let Some(piece) = self.next_piece(lane) else { return };
        let samples = piece.points.len() as u64;
        let request = self.transport.encode(&piece);
        let bytes = request.len();
        let most = self.options.most_bytes().min(self.carried);
        if bytes > most && self.line(lane).replace(split::any_halves(&piece, By::Time)) {
            return;
        }
        if let Some(bucket) = &mut self.bucket {
            sleep_until(Instant::now() + bucket.wait(Instant::now())).await;
            bucket.take(bytes);
        }
        self.status.sent(bytes);
        self.live_last = lane == Lane::Live;
        let start = Instant::now();
        let outcome = self.transport.deliver(request, samples).await;
        if lane == Lane::Backlog {
            let paced = self.options.bytes_per_second.map_or(0.0, |limit| bytes as f64 / limit.max(1) as f64);
            let paced = Duration::try_from_secs_f64(paced).unwrap_or_default();
            self.share.used(start, Instant::now().max(start + paced));
        }
        self.conclude(lane, &piece, bytes, outcome);
    }

    /// The oldest piece that has samples; acknowledges the batch where there is none left.
    fn next_piece(&mut self, lane: Lane) -> Option<Arc<Batch>> {
        let work = self.line(lane).work.as_mut()?;
        while work.pieces.pop_if(|piece| piece.points.is_empty()).is_some() {}
        if let Some(piece) = work.pieces.last() {
            return Some(Arc::clone(piece));
        }
        let (entries, left_out) = (work.entries.clone(), work.left_out);
        self.line(lane).settle();
        // It lags behind nothing that it does not want.
        self.status.arrived(left_out);
        self.pass(lane, entries);
        None
    }

    /// Nothing of these entries is left to send but what the filter holds back.
    fn pass(&mut self, lane: Lane, entries: Range<u64>) {
        let passed = match (lane, self.source.order()) {
            (Lane::Backlog, Order::LiveFirst) => self.backlog.pass(entries),
            _ => vec![entries],
        };
        passed
            .into_iter()
            .filter(|entries| !entries.is_empty())
            .for_each(|entries| self.source.acknowledge(entries));
        self.hold();
    }

    /// Takes up what the filter held back when the program ended: it is in samples that were acknowledged.
    async fn take_up(&mut self) {
        let mut over = Batch::default();
        for lane in [Lane::Backlog, Lane::Live] {
            let mut from = 0;
            while let Some(batch) = self.source.again(lane, from, self.options.batch_samples).await {
                from = batch.entries.end;
                if lane == Lane::Live {
                    self.live.hand_over_at_gap(&mut self.backlog, &batch, &mut over);
                }
                self.line(lane).take_again(&batch);
            }
        }
        self.live.begin();
        self.backlog.begin();
        if !over.points.is_empty() {
            self.backlog.send_again(over);
        }
        self.hold();
    }

    fn hold(&mut self) {
        if !self.options.filter.thin.is_empty() {
            self.source.hold(self.live.held.min(self.backlog.held));
        }
    }

    fn conclude(&mut self, lane: Lane, piece: &Batch, bytes: usize, outcome: Outcome) {
        if matches!(outcome, Outcome::Accepted) && bytes > self.carried / 2 {
            self.carried = self.carried.saturating_add(self.carried / GROWTH);
        }
        match outcome {
            Outcome::Again => {}
            Outcome::Retry { after, message } => {
                self.retry(lane, piece, bytes, after, &message);
            }
            Outcome::Unanswered { message } => {
                if let Some(work) = &mut self.line(lane).work {
                    work.note_unanswered(piece);
                }
                if self.retry(lane, piece, bytes, None, &message) {
                    self.carried = (bytes / 2).max(SMALL_REQUEST);
                }
            }
            Outcome::Barred { message } => self.fail(None, true, &message),
            Outcome::Accepted => self.arrived(lane, piece, 0, ""),
            Outcome::Partial { rejected, message } => self.arrived(lane, piece, rejected, &message),
            Outcome::Refused { refusal, message } => self.refused(lane, piece, refusal, &message),
        }
    }

    /// Whether the request becomes smaller.
    fn retry(
        &mut self,
        lane: Lane,
        piece: &Batch,
        bytes: usize,
        after: Option<Duration>,
        message: &str,
    ) -> bool {
        self.fail(after, false, message);
        self.failures.is_multiple_of(HALVE_AFTER)
            && bytes > SMALL_REQUEST
            && self.line(lane).replace(split::any_halves(piece, By::Time))
    }

    /// The receiver answered for a piece: it is done.
    fn arrived(&mut self, lane: Lane, piece: &Batch, rejected: u64, message: &str) {
        self.answered(lane);
        self.line(lane).drop_piece();
        let samples = piece.points.len() as u64;
        let rejected = rejected.min(samples);
        self.status.count(ACKED, samples - rejected);
        self.status.arrived(piece.points.iter().map(|point| point.at).max());
        if rejected > 0 {
            self.set_aside(PARTIAL, rejected, message);
        }
        if self.options.end_series_at_shutdown {
            self.remember(piece);
        }
        // The last piece of a batch acknowledges it.
        self.next_piece(lane);
    }

    fn refused(&mut self, lane: Lane, piece: &Batch, refusal: Refusal, message: &str) {
        let in_order = refusal == Refusal::OutOfOrder && self.source.order() == Order::InOrder;
        let is_stored = |work: &mut Work| work.is_stored(piece);
        if in_order && self.line(lane).work.as_mut().is_some_and(is_stored) {
            return self.arrived(lane, piece, 0, "");
        }
        self.answered(lane);
        let refusals = self.line(lane).work.as_mut().map_or(0, |work| {
            work.refusals = work.refusals.saturating_add(1);
            work.refusals
        });
        let halves = split::refused(piece, refusal, refusals);
        if !self.line(lane).replace(halves) {
            self.line(lane).drop_piece();
            self.set_aside(refusal.as_str(), piece.points.len() as u64, message);
            self.next_piece(lane);
        }
    }

    fn answered(&mut self, lane: Lane) {
        self.failures = 0;
        if let Some(work) = self.line(lane).work.as_mut() {
            work.untouched = false;
        }
        if self.status.answered() {
            info!(destination = self.options.name, "the receiver answers again");
        }
    }

    fn fail(&mut self, after: Option<Duration>, barred: bool, message: &str) {
        self.failures = self.failures.saturating_add(1);
        let random = self.random.f64();
        // A login that is tried too often is locked: there the lower half of the wait is always waited.
        let (backoff, random) = if barred {
            let first = self.options.backoff.most;
            (Backoff { first, most: BARRED_WAIT.max(first), ..self.options.backoff }, 0.5 + random / 2.0)
        } else {
            (self.options.backoff, random)
        };
        let wait = backoff.wait(self.failures, random, after);
        self.paused = Instant::now() + wait;
        let was_barred = self.status.failed(self.failures, barred, self.paused, message);
        if self.failures == 1 || barred != was_barred {
            warn!(
                destination = self.options.name,
                error = message,
                "forwarding fails; samples wait in the buffer"
            );
        }
    }

    fn set_aside(&mut self, outcome: &'static str, samples: u64, message: &str) {
        self.status.count(outcome, samples);
        self.status.note_error(message);
        self.source.set_aside(samples);
        self.unreported = self.unreported.saturating_add(samples);
        let now = Instant::now();
        if self.reported.is_none_or(|last| now.saturating_duration_since(last) >= REPORT_EVERY) {
            let samples = std::mem::take(&mut self.unreported);
            warn!(destination = self.options.name, outcome, samples, error = message, "samples are refused");
            self.reported = Some(now);
        }
    }

    fn remember(&mut self, piece: &Batch) {
        for run in &piece.runs {
            let Some(last) = piece.points_of(run).last() else { continue };
            if last.value.to_bits() == STALE.to_bits() {
                self.current.remove(&run.series);
            } else {
                let newest = self.current.get(&run.series, |_| last.at);
                *newest = last.at.max(*newest);
            }
        }
    }

    /// The last try: what was begun, what is newest, what filters held back, and the end of all series. Whether it
    /// succeeded.
    async fn finish(&mut self) -> bool {
        self.paused = Instant::now();
        self.failures = 0;
        let lane = if self.source.order() == Order::LiveFirst { Lane::Live } else { Lane::Backlog };
        while self.fill(lane).await {
            self.advance(lane).await;
            if self.failures > 0 {
                return false;
            }
        }
        let mut last = Batch::default();
        self.live.sieve.flush(&mut last);
        self.backlog.sieve.flush(&mut last);
        if self.options.end_series_at_shutdown {
            self.remember(&last);
            for (series, at) in self.current.drain() {
                let end = Point { at: at.saturating_add(1), value: STALE };
                split::push(&mut last, &Run { series, points: 0..0, ended: None }, &[end]);
            }
        }
        self.line(lane).work = Some(Work::of(last, None));
        for lane in [lane, Lane::Backlog] {
            while self.line(lane).work.is_some() && self.failures == 0 {
                self.advance(lane).await;
            }
        }
        if self.failures == 0 {
            self.backlog.settle();
            self.pass(Lane::Backlog, 0..0);
        }
        self.failures == 0
    }
}
