//! Both forms give back, bit for bit, what was put in; damage never gives anything else than less.

use super::*;
use model::{Metric, metric};
use proptest::prelude::*;

use crate::buffer::row::Shape;

/// What a series may say: readings, counters, steps, and what is no reading at all.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-2_000_i64..2_000).prop_map(|tenths| tenths as f64 / 10.0),
        2 => (0_u64..1 << 60).prop_map(|count| count as f64),
        2 => (-1_000_000_i64..1_000_000, 0_i32..12).prop_map(|(digits, places)| digits as f64 / 10_f64.powi(places)),
        1 => any::<u64>().prop_map(f64::from_bits),
        1 => prop_oneof![Just(f64::NAN), Just(-0.0), Just(0.0), Just(f64::INFINITY), Just(f64::NEG_INFINITY)],
    ]
}

fn stamp() -> impl Strategy<Value = Stamp> {
    (0_u128..3, -(1_i64 << 52)..1 << 52, -(1_i64 << 40)..1 << 40, any::<bool>()).prop_map(
        |(boot, time, offset, synchronised)| Stamp {
            boot: Boot(boot << 100 | boot),
            time,
            offset: if synchronised { offset / 1_000 * 1_000 } else { 0 },
            synchronised,
        },
    )
}

/// A device's series by shape: some of twelve.
fn shapes(names: &Names) -> Vec<Arc<Shape>> {
    let metrics = [metric::HW_TEMPERATURE, metric::HW_POWER, metric::HW_ENERGY];
    let series = |number: usize| {
        let metric: Metric = metrics[number % metrics.len()];
        names.series(metric, "host_name=\"a\"", &format!("hw_id=\"é{number}\""), number as i64 * 1_000)
    };
    [0..12_usize, 0..0, 3..9, 11..12]
        .into_iter()
        .map(|range| Arc::new(Shape { series: range.rev().map(series).collect() }))
        .collect()
}

prop_compose! {
    fn rows()(
        script in proptest::collection::vec((stamp(), 0_usize..4, proptest::collection::vec(value(), 12), 0_usize..9), 1..40),
    ) -> Vec<(Stamp, usize, Vec<f64>, bool)> {
        script.into_iter().map(|(stamp, shape, values, ended)| (stamp, shape, values, ended == 0)).collect()
    }
}

fn build(script: &[(Stamp, usize, Vec<f64>, bool)], names: &Names) -> Vec<Arc<Row>> {
    let shapes = shapes(names);
    let row = |(stamp, shape, values, ended): &(Stamp, usize, Vec<f64>, bool)| {
        let shape = Arc::clone(&shapes[*shape]);
        let values = values[..shape.series.len()].iter().map(|&value| (value, 0)).collect();
        let ended = if *ended { shapes[3].series.clone() } else { Box::default() };
        Arc::new(Row { stamp: *stamp, shape, values, ended })
    };
    script.iter().map(row).collect()
}

/// A row as what tells two apart: values by their bits.
type Plain = (Stamp, Vec<(StoredSeriesName, u64)>, Vec<StoredSeriesName>);
type StoredSeriesName = (Metric, String, String, i64);

fn plain(rows: &[Arc<Row>]) -> Vec<Plain> {
    let name = |series: &Arc<crate::buffer::batch::StoredSeries>| {
        (series.metric, series.device.to_string(), series.own.to_string(), series.since)
    };
    let values = |row: &Row| {
        let values = row.values.iter().map(|value| value.to_bits());
        row.shape.series.iter().map(name).zip(values).collect()
    };
    rows.iter().map(|row| (row.stamp, values(row), row.ended.iter().map(name).collect())).collect()
}

fn log(first: u64, rows: &[Arc<Row>]) -> (Vec<u8>, Vec<usize>) {
    let mut bytes = header(Form::Log, first);
    let mut codec = LogCodec::default();
    let mut ends = Vec::new();
    for row in rows {
        codec.write(row, &Boots::default(), &mut bytes);
        ends.push(bytes.len());
    }
    (bytes, ends)
}

fn sealed(first: u64, rows: &[Arc<Row>]) -> Vec<u8> {
    seal(&Summary::of(first, rows, &Boots::default()).unwrap(), rows).unwrap()
}

proptest! {
    #[test]
    fn both_forms_give_back_what_was_put_in(script in rows(), first in any::<u32>()) {
        let names = Names::default();
        let rows = build(&script, &names);
        let expected = plain(&rows);
        let (bytes, _) = log(first.into(), &rows);
        let replay = replay(&bytes, &Names::default()).unwrap();
        prop_assert_eq!((replay.first, replay.whole_bytes, replay.lost_rows), (first.into(), bytes.len(), 0));
        prop_assert_eq!(plain(&replay.rows), expected.clone());
        let bytes = sealed(first.into(), &rows);
        prop_assert_eq!(plain(&unseal(&bytes, &Names::default()).unwrap()), expected);
        prop_assert!(read_summary(&bytes[..bytes.len().min(SUMMARY_BYTES)]).is_ok());
    }
}

#[test]
fn metrics_of_another_version_are_passed_over() {
    let names = Names::default();
    let shapes = shapes(&names);
    let stamp = Stamp { boot: Boot(1), time: 5, offset: 0, synchronised: true };
    let row = |shape: usize| {
        let shape = Arc::clone(&shapes[shape]);
        let values = shape.series.iter().enumerate().map(|each| (each.0 as f64 + 0.5, 1)).collect();
        Arc::new(Row { stamp, ended: shape.series.clone(), shape, values })
    };
    let rows = [row(0), row(2), row(0)];
    let (mut known, mut other) = (Dictionary::default(), Vec::new());
    rows.iter().for_each(|row| known.add(row, &mut other));
    let at = other.windows(8).position(|window| window == b"hw_power").unwrap();
    other[at + 3..at + 8].copy_from_slice(b"xxxxx");
    let mut bytes = header(Form::Log, 0);
    put_frame(&mut bytes, kind::NAMES, &other);
    let mut codec = RowCodec::default();
    for row in &rows {
        let mut content = vec![row.values.len() as u8];
        codec.write(row, &known, &mut content);
        put_frame(&mut bytes, kind::ROW, &content);
    }
    let replay = replay(&bytes, &Names::default()).unwrap();
    let without = |plain: Vec<Plain>| -> Vec<Plain> {
        let kept = |name: &StoredSeriesName| name.0 != metric::HW_POWER;
        let row = |(stamp, values, ended): Plain| {
            let values = values.into_iter().filter(|value| kept(&value.0)).collect();
            (stamp, values, ended.into_iter().filter(kept).collect())
        };
        plain.into_iter().map(row).collect()
    };
    assert_eq!(replay.rows.len(), 3);
    assert_eq!(plain(&replay.rows), without(plain(&rows)));
}
