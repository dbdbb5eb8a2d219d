//! A log as OpenMetrics, which Prometheus' own tool takes and gives back.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use exporters::buffer::Order;
use exporters::buffer::export::{Exported, export};
use exporters::buffer::inspect::{Depth, inspect};

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
