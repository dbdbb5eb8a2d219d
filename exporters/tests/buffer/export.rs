//! A log as OpenMetrics, which Prometheus' own tool takes and gives back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use exporters::buffer::export::{Exported, export, export_in_parts};
use exporters::buffer::inspect::{Depth, inspect};
use exporters::buffer::{Boot, Buffer, Moment, Order};
use model::{Device, Kind, Labels, ReportBuilder};

use crate::support::{Source, T0, at, killed, open_small};

#[test]
fn promtool_makes_blocks_of_it_that_hold_every_sample() {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, _) = open_small(folder.path(), 400);
    drop(buffer.reader("a", Order::InOrder));
    let mut sources = [Source::new("pdu \"1\""), Source::new("pdu-2")];
    let mut expected = BTreeMap::new();
    for time in 0..200_i64 {
        for (number, source) in sources.iter_mut().enumerate() {
            let now = at(time * 30_000 + number as i64);
            let values = [Some(time as f64 / 8.0), (time % 3 != 0).then_some(-5.5), Some(f64::from(u8::MAX))];
            for (sensor, value) in values.iter().enumerate() {
                if let Some(value) = value {
                    expected.insert((number, sensor, now.wall), value.to_string());
                }
            }
            buffer.append(&source.report(now.wall, &values), &now);
        }
    }
    drop(buffer);
    let mut text = Vec::new();
    let exported = export(folder.path(), &mut text).unwrap();
    assert_eq!(exported, Exported { samples: expected.len() as u64, ..Exported::default() });

    let work = tempfile::tempdir().unwrap();
    let (input, blocks) = (work.path().join("text"), work.path().join("blocks"));
    fs::write(&input, &text).unwrap();
    promtool(&[
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        input.to_str().unwrap(),
        blocks.to_str().unwrap(),
    ]);
    fs::create_dir(blocks.join("wal")).unwrap();
    let dumped = promtool(&["tsdb", "dump", blocks.to_str().unwrap()]);
    let found: BTreeMap<_, _> = dumped.lines().map(line).collect();
    assert_eq!(found, expected);
}

/// A line of `promtool tsdb dump`: `{__name__="…", …} value time`.
fn line(line: &str) -> ((usize, usize, i64), String) {
    assert!(line.contains("__name__=\"hw_temperature_celsius\""), "{line}");
    let device = usize::from(line.contains("host_name=\"pdu-2\""));
    assert_eq!(device == 0, line.contains(r#"host_name="pdu \"1\"""#), "{line}");
    let sensor = line.split_once("hw_id=\"t").unwrap().1[..1].parse().unwrap();
    let mut words = line.rsplit(' ');
    let time = words.next().unwrap().parse().unwrap();
    ((device, sensor, time), words.next().unwrap().to_owned())
}

fn promtool(arguments: &[&str]) -> String {
    let output =
        Command::new("promtool").args(arguments).output().expect("promtool, of the package prometheus");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_look_changes_nothing_and_tells_files_cursors_and_times() {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, _) = open_small(folder.path(), 200);
    let reader = buffer.reader("a", Order::InOrder);
    let mut source = Source::new("pdu");
    for time in 0..25 {
        let now = at(time * 1_000);
        buffer.append(&source.report(now.wall, &[Some(1.0), Some(2.0), Some(3.0), Some(4.0)]), &now);
    }
    buffer.flush();
    let batch = reader.backlog(20, &at(60_000)).unwrap();
    reader.acknowledge(batch.entries);
    buffer.flush();
    let copy = killed(folder.path());
    let before = contents(copy.path());
    let seen = inspect(copy.path(), Depth::Everything).unwrap();
    assert!(seen.is_whole());
    let files: Vec<_> =
        seen.files.iter().map(|file| (file.sealed, file.first, file.entries, file.samples)).collect();
    assert_eq!(files, [(true, 0, 10, 40), (true, 10, 10, 40), (false, 20, 5, 20)]);
    assert_eq!(seen.files[1].span, [Some(T0 + 10_000), Some(T0 + 19_000)]);
    let cursor = &seen.cursors[0];
    assert_eq!((cursor.destination.as_str(), cursor.acknowledged_below, cursor.waiting), ("a", 5, 80));
    assert_eq!(inspect(copy.path(), Depth::Summaries).unwrap(), seen);
    assert_eq!(contents(copy.path()), before);
    assert!(inspect(&copy.path().join("not there"), Depth::Summaries).is_err());
}

fn contents(folder: &std::path::Path) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn what_is_behind_a_damaged_place_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, _) = open_small(folder.path(), 10_000);
    let mut source = Source::new("pdu");
    for time in 0..100 {
        let now = at(time * 1_000);
        buffer.append(&source.report(now.wall, &[Some((time * time % 97) as f64)]), &now);
    }
    drop(buffer);
    let log = folder.path().join("0000000000000000.log");
    let mut bytes = fs::read(&log).unwrap();
    let later = bytes.len() * 3 / 4;
    bytes[later] ^= 1;
    fs::write(&log, bytes).unwrap();
    let exported = export(folder.path(), &mut Vec::new()).unwrap();
    assert!(exported.samples < 99 && exported.samples > 0, "{}", exported.samples);
    assert_eq!(exported.damage.len(), 1, "{exported:?}");
    assert!(exported.damage[0].contains("0000000000000000.log") && exported.damage[0].contains("samples"));
}

/// The program ended between sealing a log and removing it.
#[test]
fn a_log_beside_its_segment_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, _) = open_small(folder.path(), 200);
    let _reader = buffer.reader("a", Order::InOrder);
    let mut source = Source::new("pdu");
    let mut append = |time: i64, known: bool| {
        let now = Moment { synchronised: known, ..at(time * 1_000) };
        buffer.append(&source.report(now.wall, &[Some(1.0), Some(2.0), Some(3.0), Some(time as f64)]), &now);
        buffer.flush();
    };
    (0..9).for_each(|time| append(time, false));
    let copy = killed(folder.path());
    append(9, false);
    let segment = "0000000000000000.segment";
    fs::copy(folder.path().join(segment), copy.path().join(segment)).unwrap();
    let seen = inspect(copy.path(), Depth::Everything).unwrap();
    assert!(seen.is_whole());
    assert_eq!(seen.cursors[0].waiting, 40);
    assert_eq!(seen.files.iter().map(|file| file.samples).sum::<u64>(), 40);
    let exported = export(copy.path(), &mut Vec::new()).unwrap();
    assert_eq!((exported.undated, exported.damage), (40, vec![]));
    // The log counts where the segment is damaged.
    let mut bytes = fs::read(copy.path().join(segment)).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(copy.path().join(segment), bytes).unwrap();
    let exported = export(copy.path(), &mut Vec::new()).unwrap();
    assert_eq!(exported.undated, 36);
    assert_eq!(inspect(copy.path(), Depth::Everything).unwrap().cursors[0].waiting, 36);
}

/// A log that was begun when the power went, or a moment before somebody looks: nothing was in it.
#[test]
fn a_log_that_was_hardly_begun_is_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, _) = open_small(folder.path(), 200);
    let now = at(0);
    buffer.append(&Source::new("pdu").report(now.wall, &[Some(1.0)]), &now);
    drop(buffer);
    let log = fs::read(folder.path().join("0000000000000000.log")).unwrap();
    for length in [0, 1, 21] {
        fs::write(folder.path().join("0000000000000001.log"), &log[..length]).unwrap();
        let exported = export(folder.path(), &mut Vec::new()).unwrap();
        assert_eq!((exported.samples, exported.damage), (1, vec![]), "{length} bytes");
        assert!(inspect(folder.path(), Depth::Everything).unwrap().is_whole(), "{length} bytes");
    }
}

/// Reports that are written while somebody looks.
const REPORTS: u64 = 1_000;

/// Logs become segments all the time.
#[test]
fn a_log_that_is_being_written_is_looked_at_and_exported_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, _) = open_small(folder.path(), 40);
    let written = AtomicU64::new(0);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let mut source = Source::new("pdu");
            for time in 0..REPORTS {
                let now = at(time as i64 * 1_000);
                buffer.append(&source.report(now.wall, &[Some(1.0), Some(2.0)]), &now);
                buffer.flush();
                written.store(2 * (time + 1), Ordering::SeqCst);
            }
        });
        let mut before = 0;
        while before < 2 * REPORTS {
            before = written.load(Ordering::SeqCst);
            let seen = inspect(folder.path(), Depth::Everything).unwrap();
            let exported = export(folder.path(), &mut Vec::new()).unwrap();
            let after = written.load(Ordering::SeqCst) + 2;
            let damage: Vec<String> = seen.files.iter().filter_map(|file| file.damage.clone()).collect();
            assert_eq!((damage, exported.damage), (vec![], vec![]));
            for samples in [seen.files.iter().map(|file| file.samples).sum(), exported.samples] {
                assert!((before..=after).contains(&samples), "{samples} of {before} to {after}");
            }
        }
    });
}

/// Memory for a part of the samples only, as on a pole.
#[test]
fn the_text_is_the_same_in_however_many_parts() {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, _) = open_small(folder.path(), 200);
    fill_with_everything(&buffer, 0..30);
    drop(buffer);
    let mut whole = Vec::new();
    let exported = export(folder.path(), &mut whole).unwrap();
    assert!(exported.samples > 1_000 && exported.undated > 0, "{exported:?}");
    let lines = String::from_utf8(whole.clone()).unwrap();
    let heads: Vec<&str> = lines.lines().filter(|line| line.starts_with("# TYPE")).collect();
    assert_eq!(heads.len(), heads.iter().collect::<BTreeSet<_>>().len(), "a family is in one piece");
    for held in [0, 45, 1_000] {
        let mut text = Vec::new();
        assert_eq!(export_in_parts(folder.path(), held, &mut text).unwrap(), exported);
        assert_eq!(text, whole, "{held} samples at a time");
    }
}

/// Reports with each metric of the catalogue and labels of all kinds, by a clock that is not known at first and that is
/// set back under way so that times repeat.
fn fill_with_everything(buffer: &Buffer, seconds: std::ops::Range<i64>) {
    let name = "rack \"A\" \\ 1\nline {2}, \u{e9}=\u{1f50c} # EOF";
    let (site, rack, device_type) = ("s".into(), name.into(), "pdu".into());
    let description = model::device::Description::default();
    let device = Device { name: name.into(), site, rack, device_type, description };
    let mut builder = ReportBuilder::new(Arc::new(device));
    for second in seconds {
        let labels = Labels::component(name, name);
        for metric in model::Metric::all() {
            let definition = metric.definition();
            match definition.kind {
                Kind::Histogram => {}
                Kind::Status => builder.record_state(metric, &labels, "degraded"),
                Kind::StateSet(states) => builder.record_state(metric, &labels, states[0]),
                _ => builder.record(metric, &labels, if second % 2 == 0 { 1.0 } else { 0.125 }),
            }
        }
        let back = if second < 20 { 0 } else { 9_000 };
        let now = Moment { wall: T0 + second * 1_000 - back, synchronised: second > 4, ..at(second * 1_000) };
        let boot = if second < 3 { Boot(7) } else { now.boot };
        let now = Moment { boot, ..now };
        buffer.append(&Arc::new(builder.finish(now.wall, std::time::Duration::ZERO, None)), &now);
    }
    buffer.flush();
}

#[test]
fn promtool_takes_every_metric_of_the_catalogue() {
    let folder = tempfile::tempdir().unwrap();
    let (buffer, _) = open_small(folder.path(), 1_000);
    fill_with_everything(&buffer, 0..30);
    drop(buffer);
    let work = tempfile::tempdir().unwrap();
    let (input, blocks) = (work.path().join("text"), work.path().join("blocks"));
    let exported = export(folder.path(), &mut fs::File::create(&input).unwrap()).unwrap();
    let command = ["tsdb", "create-blocks-from", "openmetrics"];
    promtool(&[&command[..], &[input.to_str().unwrap(), blocks.to_str().unwrap()]].concat());
    fs::create_dir(blocks.join("wal")).unwrap();
    let dumped = promtool(&["tsdb", "dump", blocks.to_str().unwrap()]);
    assert_eq!(dumped.lines().count() as u64, exported.samples);
    let name = |line: &str| line.split('"').nth(1).unwrap().to_owned();
    let found: BTreeSet<String> = dumped.lines().map(name).collect();
    let kept = model::Metric::all().filter(|metric| metric.definition().kind != Kind::Histogram);
    let expected: BTreeSet<String> = kept.map(|metric| metric.definition().prometheus.to_owned()).collect();
    assert_eq!(found, expected);
}
