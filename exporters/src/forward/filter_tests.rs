use super::*;
use model::{Metric, metric};

const MINUTE: i64 = 60_000;

fn series(metric: Metric, own: &str) -> Arc<StoredSeries> {
    let device = r#"site="fra1",host_name="pdu-a",device_type="pdu""#.into();
    Arc::new(StoredSeries { metric, device, own: own.into(), since: 0 })
}

fn batch(series: &Arc<StoredSeries>, points: &[(i64, f64)], ended: Option<i64>) -> Batch {
    let points: Vec<_> = points.iter().map(|&(at, value)| Point { at, value }).collect();
    let run = Run { series: Arc::clone(series), points: 0..points.len(), ended };
    Batch { entries: 4..9, runs: vec![run], points }
}

fn any(metric: &str) -> Selector {
    Selector { metric: metric.into(), labels: Vec::new() }
}

fn sieve(filter: Filter) -> Sieve {
    Sieve::new(Arc::new(filter))
}

fn thinned(summary: Summary) -> Sieve {
    let thin = vec![(any("*"), Duration::from_secs(300), summary)];
    sieve(Filter { thin, ..Filter::default() })
}

/// Times in minutes, values; a stale marker as -1.
fn sent(batch: &Batch) -> Vec<(f64, f64)> {
    let value = |value: f64| if value.to_bits() == STALE.to_bits() { -1.0 } else { value };
    batch.points.iter().map(|point| (point.at as f64 / MINUTE as f64, value(point.value))).collect()
}

#[test]
fn series_are_kept_and_dropped_by_metric_and_labels() {
    let with = |metric: &str, label: &str, value: &str| Selector {
        metric: metric.into(),
        labels: vec![(label.into(), value.into()), ("host_name".into(), "pdu-*".into())],
    };
    let mut sieve = self::sieve(Filter {
        keep: vec![with("hw_power_*", "hw_id", "o*"), with("hw.temperature", "site", "fra1")],
        drop: vec![with("*", "hw_id", "*2")],
        ..Filter::default()
    });
    for (metric, own, expected) in [
        (metric::HW_POWER, r#"hw_id="o1""#, 1),
        (metric::HW_POWER, r#"hw_id="o2""#, 0),
        (metric::HW_POWER, r#"hw_id="p1""#, 0),
        (metric::HW_POWER, "", 0),
        (metric::HW_TEMPERATURE, r#"hw_id="p1""#, 1),
        (metric::HW_TEMPERATURE, "", 1),
        (metric::HW_TEMPERATURE, r#"hw_id="p2""#, 0),
        (metric::HW_ENERGY, r#"hw_id="o1""#, 0),
    ] {
        let out = sieve.apply(&batch(&series(metric, own), &[(0, 1.0)], None));
        assert_eq!((out.points.len(), out.entries), (expected, 4..9), "{metric:?} {own}");
    }
}

#[test]
fn the_first_that_fits_counts_and_changes_before_intervals() {
    let minute = Duration::from_secs(60);
    let mut sieve = self::sieve(Filter {
        thin: vec![(any("hw_power_*"), minute, Summary::Max), (any("*"), 2 * minute, Summary::Last)],
        on_change: vec![(any("hw_status"), 60 * minute), (any("hw_*"), Duration::ZERO)],
        ..Filter::default()
    });
    let points = [(0, 1.0), (MINUTE / 2, 1.0), (MINUTE, 1.0), (3 * MINUTE, 1.0)];
    let mut count = |metric| sieve.apply(&batch(&series(metric, ""), &points, None)).points.len();
    assert_eq!(count(metric::HW_STATUS), 1, "hourly, for it never changes");
    assert_eq!(count(metric::HW_POWER), 4, "a heartbeat of no time is all");
    assert_eq!(count(metric::OOB_FORWARD_LAG), 1, "two stretches of two minutes, one of them over");
}

#[test]
fn one_sample_for_each_interval_across_batches() {
    let minutes = [(0, 5.0), (MINUTE, 3.0), (2 * MINUTE, 9.0), (4 * MINUTE, 7.0)];
    for (summary, expected) in [
        (Summary::Last, (4.0, 7.0)),
        (Summary::Min, (1.0, 3.0)),
        (Summary::Max, (2.0, 9.0)),
        (Summary::Mean, (4.0, 6.0)),
    ] {
        let series = series(metric::HW_POWER, "");
        let mut sieve = thinned(summary);
        assert_eq!(sent(&sieve.apply(&batch(&series, &minutes[..2], None))), []);
        assert_eq!(sent(&sieve.apply(&batch(&series, &minutes[2..], None))), []);
        let next = batch(&series, &[(5 * MINUTE, 9.0), (11 * MINUTE, 1.0)], None);
        assert_eq!(sent(&sieve.apply(&next)), [expected, (5.0, 9.0)], "{summary:?}");
        let mut rest = Batch::default();
        sieve.flush(&mut rest);
        assert_eq!(sent(&rest), [(11.0, 1.0)]);
    }
}

#[test]
fn a_counter_is_never_averaged() {
    let series = series(metric::HW_ENERGY, "");
    let mut sieve = thinned(Summary::Mean);
    let points = [(0, 10.0), (MINUTE, 20.0), (5 * MINUTE, 30.0)];
    assert_eq!(sent(&sieve.apply(&batch(&series, &points, None))), [(1.0, 20.0)]);
}

/// A state is there or not; which was there last is as good an answer as any.
#[test]
fn a_state_is_never_averaged() {
    let series = series(metric::HW_STATUS, r#"hw_state="failed""#);
    let mut sieve = thinned(Summary::Mean);
    let points = [(0, 1.0), (MINUTE, 0.0), (5 * MINUTE, 0.0)];
    assert_eq!(sent(&sieve.apply(&batch(&series, &points, None))), [(1.0, 0.0)]);
    let mut sieve = thinned(Summary::Max);
    assert_eq!(sent(&sieve.apply(&batch(&series, &points, None))), [(0.0, 1.0)], "it was asked for");
}

/// A device that died brings nothing any more: others tell that its five minutes are over.
#[test]
fn what_led_to_the_end_of_a_device_is_not_held_back() {
    let (dead, other) = (series(metric::HW_POWER, "dead"), series(metric::OOB_DEVICE_UP, "other"));
    let mut sieve = thinned(Summary::Max);
    assert_eq!(sent(&sieve.apply(&batch(&dead, &[(3 * MINUTE, 7.0), (4 * MINUTE, 5.0)], None))), []);
    assert_eq!(sent(&sieve.apply(&batch(&other, &[(7 * MINUTE, 1.0)], None))), [], "it may be late");
    assert_eq!(sent(&sieve.apply(&batch(&other, &[(8 * MINUTE, 1.0)], None))), [(3.0, 7.0)]);
    assert_eq!(sent(&sieve.apply(&batch(&other, &[(9 * MINUTE, 1.0)], None))), [], "once");
}

#[test]
fn what_goes_another_way_was_never_held_back() {
    let (power, other) = (series(metric::HW_POWER, "o1"), series(metric::OOB_DEVICE_UP, "other"));
    let mut sieve = thinned(Summary::Mean);
    sieve.apply(&batch(&power, &[(0, 1.0), (MINUTE, 3.0)], None));
    let later = batch(&power, &[(2 * MINUTE, 8.0), (5 * MINUTE, 9.0)], None);
    for _ in 0..2 {
        assert_eq!(sent(&sieve.apply(&later)), [(2.0, 4.0)]);
        sieve.take_back();
    }
    let much_later = batch(&other, &[(20 * MINUTE, 1.0)], None);
    for _ in 0..2 {
        assert_eq!(sent(&sieve.apply(&much_later)), [(1.0, 2.0)]);
        sieve.take_back();
    }
}

#[test]
fn changes_and_heartbeats() {
    let series = series(metric::HW_STATUS, "");
    let heartbeat = Duration::from_secs(600);
    let on_change = vec![(any("hw.status"), heartbeat)];
    let mut sieve = self::sieve(Filter { on_change, ..Filter::default() });
    let states = [(0, 1.0), (MINUTE, 1.0), (2 * MINUTE, 0.0), (3 * MINUTE, 1.0), (4 * MINUTE, 1.0)];
    let out = sent(&sieve.apply(&batch(&series, &states, None)));
    assert_eq!(out, [(0.0, 1.0), (2.0, 0.0), (3.0, 1.0)]);
    let quiet = [(12 * MINUTE, 1.0), (13 * MINUTE, 1.0), (14 * MINUTE, 1.0)];
    assert_eq!(sent(&sieve.apply(&batch(&series, &quiet, None))), [(13.0, 1.0)]);
}

#[test]
fn a_series_that_ends_has_a_marker_after_all_of_its_samples() {
    let power = series(metric::HW_POWER, "");
    let mut all = sieve(Filter::default());
    assert_eq!(sent(&all.apply(&batch(&power, &[(0, 5.0)], Some(MINUTE)))), [(0.0, 5.0), (1.0, -1.0)]);
    assert_eq!(sent(&all.apply(&batch(&power, &[], Some(MINUTE)))), [(1.0, -1.0)]);
    let same_time = all.apply(&batch(&power, &[(MINUTE, 5.0)], Some(MINUTE)));
    assert_eq!(same_time.points.last().map(|point| point.at), Some(MINUTE + 1));
    let mut reduced = thinned(Summary::Last);
    let out = reduced.apply(&batch(&power, &[(0, 5.0)], Some(MINUTE)));
    assert_eq!(sent(&out), [(0.0, 5.0), (1.0, -1.0)]);
    let mut none = sieve(Filter { drop: vec![any("*")], ..Filter::default() });
    assert_eq!(sent(&none.apply(&batch(&power, &[(0, 5.0)], Some(MINUTE)))), []);
}
