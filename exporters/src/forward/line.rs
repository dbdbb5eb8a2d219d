//! One lane of a destination: the batch on its way there, in pieces, and what its filter remembers.
//!
//! Pure: neither reads the log nor sends anything.

use std::ops::Range;
use std::sync::Arc;

use model::Timestamp;

use super::filter::{Filter, Sieve};
use crate::buffer::batch::Batch;

/// Samples that a receiver must have called out of order, each on its own, before all of the request that had no answer
/// count as stored.
const PROOFS: u32 = 3;

/// Most stretches of entries that are not acknowledged although they were passed. As many as a cursor takes.
const MAX_OWED: usize = 1_024;

/// A batch on its way: what is left of it, oldest last.
pub(super) struct Work {
    /// Acknowledged once nothing is left.
    pub(super) entries: Range<u64>,
    pub(super) pieces: Vec<Arc<Batch>>,
    pub(super) refusals: u32,
    /// Whether nothing of it was answered yet.
    pub(super) untouched: bool,
    /// The newest time that it brought, where the filter let nothing of it through.
    pub(super) left_out: Option<Timestamp>,
    /// The newest sample of a request that had no answer.
    unanswered: Option<Timestamp>,
    /// How many samples of that turned out to be with the receiver.
    found: u32,
}

impl Work {
    pub(super) fn of(batch: Batch, left_out: Option<Timestamp>) -> Self {
        let entries = batch.entries.clone();
        Self {
            entries,
            pieces: vec![Arc::new(batch)],
            refusals: 0,
            untouched: true,
            left_out,
            unanswered: None,
            found: 0,
        }
    }

    /// A piece was sent and there was no answer.
    pub(super) fn note_unanswered(&mut self, piece: &Batch) {
        self.unanswered = self.unanswered.max(newest(piece));
    }

    /// Whether a piece that comes out of order for a receiver which gets samples in order is there from a request that
    /// had no answer.
    pub(super) fn is_stored(&mut self, piece: &Batch) -> bool {
        if newest(piece) > self.unanswered {
            return false;
        }
        if piece.points.len() == 1 {
            self.found = self.found.saturating_add(1);
            return true;
        }
        self.found >= PROOFS
    }
}

fn newest(piece: &Batch) -> Option<Timestamp> {
    piece.points.iter().map(|point| point.at).max()
}

/// What is known of one lane.
pub(super) struct Line {
    pub(super) sieve: Sieve,
    pub(super) work: Option<Work>,
    /// The entry after the last one that it was given.
    next: u64,
    /// Entries from here on are needed again if the program ends now. All until it is known what was held back.
    pub(super) held: u64,
    /// Entries that were passed, of which something is held back.
    owed: Vec<Range<u64>>,
}

impl Line {
    pub(super) fn new(filter: Arc<Filter>) -> Self {
        Self { sieve: Sieve::new(filter), work: None, next: 0, held: 0, owed: Vec::new() }
    }

    /// Takes up what was acknowledged before the program started: what the filter had let through of it was sent.
    pub(super) fn take_again(&mut self, batch: &Batch) {
        let _ = self.sieve.apply(batch);
        self.next = batch.entries.end;
    }

    /// Entries of the backlog lie before those of a batch that is taken up again: what is held back may go on there, and
    /// nobody knows whether it was sent. Appends what cannot go on.
    pub(super) fn hand_over_at_gap(&mut self, backlog: &mut Self, batch: &Batch, over: &mut Batch) {
        if self.next < batch.entries.start {
            self.sieve.hand_over(&mut backlog.sieve, over);
        }
    }

    /// Has samples of entries sent that were acknowledged, and all entries stay until then.
    pub(super) fn send_again(&mut self, batch: Batch) {
        self.work = Some(Work::of(batch, None));
        self.held = 0;
    }

    /// All was taken up. Whether a state was sent is not known of it.
    pub(super) fn begin(&mut self) {
        self.sieve.say_again();
        self.settle();
    }

    /// The batch is with the receiver, with all that the filter let through so far.
    pub(super) fn settle(&mut self) {
        self.work = None;
        self.held = self.sieve.oldest();
    }

    /// The entry from which on the lane is to be given more.
    pub(super) fn from(&self) -> u64 {
        if self.owed.is_empty() { 0 } else { self.next }
    }

    /// Nothing of these entries is left to send but what is held back. Gives those to acknowledge now, of all that were
    /// passed: from the first on of which something is held back, none. Behind newer samples it would not be found again
    /// after a start: the log does not tell what was sent before what.
    pub(super) fn pass(&mut self, entries: Range<u64>) -> Vec<Range<u64>> {
        match self.owed.last_mut() {
            Some(last) if last.end == entries.start => last.end = entries.end,
            _ => self.owed.push(entries),
        }
        let most = if self.owed.len() > MAX_OWED { u64::MAX } else { self.held };
        let passed = std::mem::take(&mut self.owed);
        let before = |range: &Range<u64>| range.start..range.end.min(most);
        let after = |range: &Range<u64>| range.start.max(most)..range.end;
        self.owed = passed.iter().map(after).filter(|range| !range.is_empty()).collect();
        passed.iter().map(before).filter(|range| !range.is_empty()).collect()
    }

    /// A new batch takes the place of the one that there may be, which comes again in the other lane.
    pub(super) fn take(&mut self, batch: &Batch) {
        if self.work.is_some() {
            self.sieve.take_back();
        }
        // What is missing between goes in the other lane.
        if self.work.is_some() || self.next != batch.entries.start {
            self.sieve.say_again();
        }
        self.next = batch.entries.end;
        let filtered = self.sieve.apply(batch);
        let left_out = newest(batch).filter(|_| filtered.points.is_empty());
        self.work = Some(Work::of(filtered, left_out));
    }

    /// As [`Line::take`], of the backlog. Where it goes on where the live lane ended, so does what is held back: there is
    /// one sample for a stretch, and it is sent before its entries are passed.
    pub(super) fn take_after(&mut self, live: &mut Self, batch: &Batch) {
        let mut over = Batch::default();
        if live.work.is_none() && live.next <= batch.entries.start {
            live.sieve.hand_over(&mut self.sieve, &mut over);
            self.held = self.held.min(live.held);
            live.settle();
        }
        self.take(batch);
        if let Some(work) = self.work.as_mut().filter(|_| !over.points.is_empty()) {
            work.pieces.push(Arc::new(over));
        }
    }

    /// The backlog has nothing more. What is held back goes on in the live lane, or else is due: no sample comes that way
    /// which would show that its time is over.
    pub(super) fn end(&mut self, live: &mut Self) {
        let mut rest = Batch::default();
        if live.work.is_none() {
            self.sieve.hand_over(&mut live.sieve, &mut rest);
            live.held = live.held.min(self.held);
        }
        self.sieve.close(&mut rest);
        if rest.points.is_empty() {
            self.settle();
        } else {
            self.work = Some(Work::of(rest, None));
        }
    }

    /// Puts both halves of the present piece in its place. False where there are none.
    pub(super) fn replace(&mut self, halves: Option<(Batch, Batch)>) -> bool {
        let Some((older, newer)) = halves else { return false };
        self.drop_piece();
        if let Some(work) = &mut self.work {
            work.pieces.extend([newer, older].map(Arc::new));
        }
        true
    }

    /// The present piece is done.
    pub(super) fn drop_piece(&mut self) {
        if let Some(work) = &mut self.work {
            work.pieces.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::buffer::batch::{Point, Run, StoredSeries};
    use crate::forward::{Selector, Summary};
    use model::metric;

    const MINUTE: i64 = 60_000;

    /// Power is thinned to the last of five minutes, states are sent when they change.
    fn lines() -> [Line; 2] {
        let any = |metric: &str| Selector { metric: metric.into(), labels: Vec::new() };
        let filter = Arc::new(Filter {
            thin: vec![(any("hw_power_watts"), Duration::from_secs(300), Summary::Last)],
            on_change: vec![(any("hw_status"), Duration::from_secs(3_600))],
            ..Filter::default()
        });
        [(); 2].map(|()| Line::new(Arc::clone(&filter)))
    }

    fn series(metric: model::Metric) -> Arc<StoredSeries> {
        Arc::new(StoredSeries { metric, device: "".into(), own: "".into(), since: 0 })
    }

    /// Polls whose entries have the numbers of their minutes.
    fn batch(series: &Arc<StoredSeries>, minutes: Range<u64>) -> Batch {
        let point = |minute: u64| Point { at: minute as i64 * MINUTE, value: 1.0 };
        let points: Vec<_> = minutes.clone().map(point).collect();
        let run = Run { series: Arc::clone(series), points: 0..points.len(), ended: None };
        Batch { entries: minutes, runs: vec![run], points }
    }

    /// Minutes of the samples that are on their way.
    fn under_way(line: &Line) -> Vec<i64> {
        let pieces = line.work.iter().flat_map(|work| work.pieces.iter().rev());
        pieces.flat_map(|piece| piece.points.iter().map(|point| point.at / MINUTE)).collect()
    }

    #[test]
    fn entries_are_held_until_what_they_brought_has_arrived() {
        let ([mut line, _], power) = (lines(), series(metric::HW_POWER));
        line.take(&batch(&power, 0..3));
        line.settle();
        assert_eq!(line.held, 0);
        line.take(&batch(&power, 3..7));
        assert_eq!((under_way(&line), line.held), (vec![4], 0));
        line.settle();
        assert_eq!(line.held, 3, "a batch is held as a whole");
    }

    #[test]
    fn what_is_held_back_goes_with_the_entries() {
        let ([mut live, mut backlog], power) = (lines(), series(metric::HW_POWER));
        live.take(&batch(&power, 2..4));
        live.settle();
        backlog.held = 4;
        backlog.take_after(&mut live, &batch(&power, 4..6));
        assert_eq!((under_way(&backlog), backlog.held, live.held), (vec![4], 2, u64::MAX));
        backlog.settle();
        backlog.end(&mut live);
        assert_eq!((under_way(&backlog), backlog.held, live.held), (vec![], u64::MAX, 4));
        live.take(&batch(&power, 6..11));
        assert_eq!(under_way(&live), [9]);
    }

    #[test]
    fn what_cannot_go_on_is_sent_first() {
        let ([mut live, mut backlog], power) = (lines(), series(metric::HW_POWER));
        backlog.take(&batch(&power, 0..2));
        backlog.settle();
        live.take(&batch(&power, 6..7));
        live.settle();
        backlog.take_after(&mut live, &batch(&power, 8..11));
        assert_eq!(under_way(&backlog), [1, 9]);
    }

    /// Its request may fail, and then its entries come again with the backlog.
    #[test]
    fn nothing_goes_to_or_from_a_lane_that_is_at_work() {
        let ([mut live, mut backlog], power) = (lines(), series(metric::HW_POWER));
        live.take(&batch(&power, 0..6));
        backlog.take_after(&mut live, &batch(&power, 6..8));
        assert_eq!((under_way(&live), under_way(&backlog)), (vec![4], vec![]));
        backlog.settle();
        backlog.end(&mut live);
        assert_eq!((under_way(&live), under_way(&backlog)), (vec![4], vec![7]));
    }

    /// The device died in a time that the live lane saw the end of: nothing comes that would end it.
    #[test]
    fn what_newer_samples_have_passed_is_sent_at_the_end_of_the_backlog() {
        let ([mut live, mut backlog], [died, power]) = (lines(), [(); 2].map(|()| series(metric::HW_POWER)));
        backlog.take(&batch(&died, 0..4));
        backlog.settle();
        live.take(&batch(&power, 4..6));
        live.settle();
        backlog.end(&mut live);
        assert_eq!((under_way(&backlog), live.sieve.oldest()), (vec![3], 4));
    }

    /// Behind newer samples it is not the last in the log, where it is looked for after a start.
    #[test]
    fn of_the_backlog_what_is_held_back_is_not_acknowledged() {
        let ([mut live, mut backlog], power) = (lines(), series(metric::HW_POWER));
        let bounds = |ranges: Vec<Range<u64>>| ranges.iter().map(|it| [it.start, it.end]).collect::<Vec<_>>();
        let mut pass = |minutes: Range<u64>| {
            backlog.take(&batch(&power, minutes.clone()));
            backlog.settle();
            (bounds(backlog.pass(minutes)), backlog.from())
        };
        assert_eq!(pass(0..2), (vec![], 2));
        assert_eq!(pass(2..4), (vec![], 4));
        assert_eq!(pass(4..6), (vec![[0, 4]], 6), "the batch in which it begins stays as a whole");
        assert_eq!(pass(8..12), (vec![[4, 6]], 12), "what lies between is the live lane's");
        assert_eq!(pass(15..16), (vec![[8, 12]], 16));
        backlog.end(&mut live);
        assert_eq!((bounds(backlog.pass(0..0)), backlog.from()), (vec![[15, 16]], 0));
    }

    /// A cursor has no place for more.
    #[test]
    fn no_more_is_owed_than_a_cursor_takes() {
        let ([_, mut backlog], power) = (lines(), series(metric::HW_POWER));
        backlog.take(&batch(&power, 0..1));
        backlog.settle();
        let most = MAX_OWED as u64;
        assert!((0..most).all(|number| backlog.pass(number * 2..number * 2 + 1).is_empty()));
        assert_eq!(backlog.pass(most * 2..most * 2 + 1).len(), MAX_OWED + 1);
    }

    /// What is newer than the backlog stays where it is.
    #[test]
    fn older_entries_get_nothing() {
        let ([mut live, mut backlog], power) = (lines(), series(metric::HW_POWER));
        live.take(&batch(&power, 10..12));
        live.settle();
        backlog.take_after(&mut live, &batch(&power, 3..6));
        assert_eq!((under_way(&backlog), live.held), (vec![4], 10));
        backlog.settle();
        backlog.end(&mut live);
        assert_eq!((under_way(&backlog), live.held), (vec![5], 3));
    }

    /// The outage began after minute 4, with what the live lane held back; it ended before minute 9.
    #[test]
    fn after_a_start_what_was_held_back_before_an_outage_goes_on_with_the_backlog() {
        let ([mut live, mut backlog], power) = (lines(), series(metric::HW_POWER));
        let mut over = Batch::default();
        backlog.take_again(&batch(&power, 0..2));
        for minutes in [2..3, 3..4, 9..11] {
            let again = batch(&power, minutes);
            live.hand_over_at_gap(&mut backlog, &again, &mut over);
            live.take_again(&again);
        }
        backlog.begin();
        assert!(over.points.is_empty());
        backlog.take(&batch(&power, 4..6));
        assert_eq!((under_way(&backlog), live.sieve.oldest()), (vec![4], 9));
        let again = batch(&power, 20..21);
        live.hand_over_at_gap(&mut backlog, &again, &mut over);
        assert_eq!(over.points, [Point { at: 5 * MINUTE, value: 1.0 }]);
        backlog.send_again(over);
        assert_eq!((under_way(&backlog), backlog.held), (vec![5], 0));
    }

    #[test]
    fn states_are_said_again_after_a_start() {
        let ([mut line, _], status) = (lines(), series(metric::HW_STATUS));
        line.take_again(&batch(&status, 0..3));
        line.begin();
        line.take(&batch(&status, 3..5));
        assert_eq!(under_way(&line), [3]);
    }
}
