//! A writer that is killed, again and again: what it said was in the log is there, once, and nothing else.
//!
//! The writer is this same test program, started with its part in the environment.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use exporters::buffer::{Buffer, Fsync, Options, Order};

use crate::support::{Source, at, samples};

const ROUNDS: u64 = 200;
/// Where the writer keeps its log. Set for the writer alone.
const FOLDER: &str = "LIGHTSOUT_KILL_FOLDER";
const FIRST: &str = "LIGHTSOUT_KILL_FIRST";
/// Samples of a report.
const SAMPLES: u64 = 4;

/// Numbers that the writer says were written, received by a destination, and acknowledged.
#[derive(Default)]
struct Told {
    written: u64,
    received: Vec<u64>,
    acknowledged: u64,
}

/// Writes numbered samples, and takes and acknowledges some, until it is killed. It says each when it is so.
#[test]
#[ignore = "the part of the writer, which the test below starts"]
#[allow(clippy::print_stdout, reason = "what it is for")]
fn writer() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let (buffer, recovery) = open(Path::new(&folder));
    assert!(recovery.damage.is_empty(), "{:?}", recovery.damage);
    let reader = buffer.reader("a", Order::InOrder);
    let mut source = Source::new("pdu");
    for report in first.. {
        let now = at(report as i64);
        let values: Vec<_> =
            (0..SAMPLES).map(|number| Some(number_to_value(report * SAMPLES + number))).collect();
        buffer.append(&source.report(now.wall, &values), &now);
        if report % 3 == 0 {
            buffer.flush();
            println!("\nwritten {}", (report + 1) * SAMPLES);
        }
        if report % 5 == 0
            && let Some(batch) = reader.backlog(11, &now)
        {
            let numbers: Vec<String> =
                samples(&batch).iter().map(|sample| value_to_number(sample.2).to_string()).collect();
            println!("\nreceived {}", numbers.join(" "));
            reader.acknowledge(batch.entries);
            buffer.flush();
            println!("\nacknowledged {}", numbers.len());
        }
    }
}

/// Temperatures that are plausible, for numbers below three million.
fn number_to_value(number: u64) -> f64 {
    number as f64 / 10_000.0
}

fn value_to_number(value: f64) -> u64 {
    (value * 10_000.0).round() as u64
}

fn open(folder: &Path) -> (Buffer, exporters::buffer::Recovery) {
    let trial = exporters::buffer::Trial { segment_values: Some(500), ..Default::default() };
    Buffer::open_for_test(Options { fsync: Fsync::Never, ..Options::new(folder) }, trial)
}

/// Starts the writer and kills it after it said so many lines and this much time.
fn round(folder: &Path, first: u64, lines: usize, pause: Duration) -> Told {
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["kill::writer", "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut text = BufReader::new(writer.stdout.take().unwrap()).lines();
    let mut told = Told::default();
    let mut heard = 0;
    while let Some(Ok(line)) = text.next() {
        let numbers: Vec<u64> = line.split(' ').skip(1).filter_map(|number| number.parse().ok()).collect();
        match line.split(' ').next() {
            Some("written") => told.written = numbers[0],
            Some("received") => told.received.extend(numbers),
            Some("acknowledged") => told.acknowledged += numbers[0],
            _ => continue,
        }
        heard += 1;
        if heard == lines {
            std::thread::sleep(pause);
            writer.kill().unwrap();
        }
    }
    writer.wait().unwrap();
    assert!(heard >= lines, "the writer ended by itself");
    told
}

#[test]
fn two_hundred_kills_lose_nothing_that_was_written() {
    let folder = tempfile::tempdir().unwrap();
    // Numbers received, the counting receiver.
    let mut received: Vec<u64> = Vec::new();
    let (mut reports, mut acknowledged) = (0, 0);
    for number in 0..ROUNDS {
        let pause = Duration::from_micros(number * 37 % 900);
        let told = round(folder.path(), reports, 2 + (number * 7 % 13) as usize, pause);
        acknowledged += told.acknowledged;
        received.extend(told.received);
        // What is there beyond what was said: a part of what was appended later, in its order.
        let copy = crate::support::killed(folder.path());
        let (buffer, recovery) = open(copy.path());
        assert!(recovery.damage.is_empty() && recovery.unusable.is_none(), "round {number}: {recovery:?}");
        let reader = buffer.reader("a", Order::InOrder);
        let rest = crate::support::drain(&reader, 100, &at(10_000_000));
        let mut rest: Vec<u64> = rest.iter().map(|sample| value_to_number(sample.2)).collect();
        rest.sort_unstable();
        let end =
            rest.last().map_or(0, |last| last + 1).max(received.iter().max().map_or(0, |last| last + 1));
        assert!(end >= told.written, "round {number}: {end} of {} that were written", told.written);
        let from = *rest.first().unwrap_or(&end);
        assert_eq!(rest, (from..end).collect::<Vec<_>>(), "round {number}: each once and in a row");
        assert!(
            from <= acknowledged + 12 * (number + 1),
            "round {number}: acknowledged without being received"
        );
        let mut all: Vec<u64> = received.iter().copied().chain(rest).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all, (0..end).collect::<Vec<_>>(), "round {number}: nothing lost, nothing made up");
        assert_eq!(end % SAMPLES, 0, "round {number}: whole reports");
        reports = end / SAMPLES;
    }
    assert!(reports > ROUNDS * 3, "{reports} reports");
}
