//! Batches in two: to fit a receiver's limits, and to find the samples that it refuses.
//!
//! Pure. What it hands out are batches of their own, each series' samples in order.

use super::transport::Refusal;
use crate::buffer::batch::{Batch, Point, Run};

/// Refused requests after which a batch is split one way only, to single series or single times: as many find some
/// 40 scattered samples. Where more is wrong than that, good samples of a bad series or time may go with it.
const MAX_REFUSALS: u32 = 1_000;

/// Samples that are too old for the receiver are not told apart within this, in milliseconds. What is too old is
/// so by its time alone, and there may be a week of it; the price is the good part of one such stretch.
const TOO_OLD_GRAIN: i64 = 60_000;

/// Along what a batch is split first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// Older samples before newer ones: no series then goes back in time.
    Time,
    /// Some series before the others.
    Series,
}

/// Both halves, the older one first. `None` where all samples have one time, or are of one series.
fn halves(batch: &Batch, by: By) -> Option<(Batch, Batch)> {
    match by {
        By::Time => by_time(batch),
        By::Series => by_series(batch),
    }
}

/// Both halves one way, or else the other. `None` for a single sample.
pub(super) fn any_halves(batch: &Batch, first: By) -> Option<(Batch, Batch)> {
    let other = if first == By::Time { By::Series } else { By::Time };
    halves(batch, first).or_else(|| halves(batch, other))
}

/// Both halves of what a receiver refuses, so as to find the bad samples; `None` for what is to be set aside.
/// `refusals`: of the whole batch by now.
pub(super) fn refused(piece: &Batch, refusal: Refusal, refusals: u32) -> Option<(Batch, Batch)> {
    let by = if refusal.is_about_time() { By::Time } else { By::Series };
    match refusal {
        Refusal::TooOld if span(piece) < TOO_OLD_GRAIN => None,
        Refusal::TooLarge => any_halves(piece, By::Time),
        _ if refusals > MAX_REFUSALS => halves(piece, by),
        _ => any_halves(piece, by),
    }
}

/// From the oldest sample to the newest, in milliseconds.
fn span(piece: &Batch) -> i64 {
    let times = || piece.points.iter().map(|point| point.at);
    times().max().unwrap_or(0).saturating_sub(times().min().unwrap_or(0))
}

fn by_series(batch: &Batch) -> Option<(Batch, Batch)> {
    let runs: Vec<&Run> = batch.runs.iter().filter(|run| !batch.points_of(run).is_empty()).collect();
    let (first, second) = runs.split_at(runs.len() / 2);
    let gather = |runs: &[&Run]| {
        let mut half = Batch { entries: batch.entries.clone(), ..Batch::default() };
        runs.iter().for_each(|run| push(&mut half, run, batch.points_of(run)));
        half
    };
    (!first.is_empty()).then(|| (gather(first), gather(second)))
}

/// Cuts at a time that leaves about as many samples on either side; `None` where all have the same time.
fn by_time(batch: &Batch) -> Option<(Batch, Batch)> {
    let points = batch.runs.iter().flat_map(|run| batch.points_of(run));
    let mut times: Vec<_> = points.map(|point| point.at).collect();
    times.sort_unstable();
    let middle = *times.get(times.len() / 2)?;
    let oldest = *times.first()?;
    // The newer half begins at the middle, or at what comes after it where that is the oldest time.
    let cut = if middle > oldest { middle } else { times.iter().copied().find(|&at| at > oldest)? };
    let empty = || Batch { entries: batch.entries.clone(), ..Batch::default() };
    let (mut older, mut newer) = (empty(), empty());
    for run in &batch.runs {
        let points = batch.points_of(run);
        let (before, after) = points.split_at(points.partition_point(|point| point.at < cut));
        push(&mut older, run, before);
        push(&mut newer, run, after);
    }
    Some((older, newer))
}

/// Appends samples of a series; nothing where there are none.
pub(super) fn push(batch: &mut Batch, run: &Run, points: &[Point]) {
    if points.is_empty() {
        return;
    }
    let start = batch.points.len();
    batch.points.extend_from_slice(points);
    let points = start..batch.points.len();
    batch.runs.push(Run { series: std::sync::Arc::clone(&run.series), points, ended: run.ended });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::buffer::batch::StoredSeries;
    use model::metric;

    /// One series for each list of times; the value tells the series.
    fn batch(series: &[&[i64]]) -> Batch {
        let mut batch = Batch::default();
        for (index, times) in series.iter().enumerate() {
            let own = format!("hw_id=\"{index}\"").into();
            let stored = StoredSeries { metric: metric::HW_POWER, device: "".into(), own, since: 0 };
            let run = Run { series: Arc::new(stored), points: 0..0, ended: None };
            let points: Vec<_> = times.iter().map(|&at| Point { at, value: index as f64 }).collect();
            push(&mut batch, &run, &points);
        }
        batch
    }

    fn shape(batch: &Batch) -> Vec<(String, Vec<i64>)> {
        let times = |run| batch.points_of(run).iter().map(|point| point.at).collect();
        batch
            .runs
            .iter()
            .map(|run| (run.series.own.replace(['"', '='], "").replace("hw_id", ""), times(run)))
            .collect()
    }

    /// Times by series.
    type Half = Vec<(String, Vec<i64>)>;

    fn split(series: &[&[i64]], by: By) -> Option<[Half; 2]> {
        any_halves(&batch(series), by).map(|(first, second)| [shape(&first), shape(&second)])
    }

    #[test]
    fn by_time_the_older_samples_of_all_series_come_first() {
        let [older, newer] = split(&[&[1, 2, 3, 4], &[2, 9]], By::Time).unwrap();
        assert_eq!(older, [("0".to_owned(), vec![1, 2]), ("1".to_owned(), vec![2])]);
        assert_eq!(newer, [("0".to_owned(), vec![3, 4]), ("1".to_owned(), vec![9])]);
    }

    #[test]
    fn by_series_each_keeps_its_samples() {
        let [first, second] = split(&[&[1, 2], &[1], &[3]], By::Series).unwrap();
        assert_eq!(first, [("0".to_owned(), vec![1, 2])]);
        assert_eq!(second, [("1".to_owned(), vec![1]), ("2".to_owned(), vec![3])]);
    }

    #[test]
    fn what_cannot_be_split_one_way_is_split_the_other() {
        let one_time = split(&[&[5], &[5]], By::Time).unwrap();
        assert_eq!(one_time, [vec![("0".to_owned(), vec![5])], vec![("1".to_owned(), vec![5])]]);
        let one_series = split(&[&[5, 5, 6]], By::Series).unwrap();
        assert_eq!(one_series, [vec![("0".to_owned(), vec![5, 5])], vec![("0".to_owned(), vec![6])]]);
        assert_eq!(split(&[&[5]], By::Time), None);
        assert_eq!(split(&[], By::Series), None);
    }

    #[test]
    fn splitting_ends_at_single_samples_and_loses_none() {
        for by in [By::Time, By::Series] {
            let mut open = vec![batch(&[&[1, 2, 3, 3], &[3], &[7, 8, 9]])];
            let mut single = Vec::new();
            while let Some(batch) = open.pop() {
                match any_halves(&batch, by) {
                    Some((first, second)) => open.extend([second, first]),
                    None => single.extend(batch.points.iter().map(|point| (point.at, point.value as i64))),
                }
            }
            single.sort_unstable();
            assert_eq!(single, [(1, 0), (2, 0), (3, 0), (3, 0), (3, 1), (7, 2), (8, 2), (9, 2)], "{by:?}");
        }
    }
}
