//! `lightsout buffer`: what waits on disk for destinations, whether it is whole, and all of it as text.
//!
//! Reads files only, also while the program runs: then the newest report may be there in part.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use exporters::buffer::export::export;
use exporters::buffer::inspect::{CursorState, Depth, FileState, Inspection, inspect};

use super::{ConfigFile, DONE, FAILED, print};
use crate::calendar::written;
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show files, time span and destinations
    Inspect(Place),
    /// Read every byte; exit code 1 where something is damaged
    Verify(Place),
    /// Write all samples as OpenMetrics, for `promtool tsdb create-blocks-from openmetrics`
    Export(Export),
}

#[derive(Debug, Args)]
pub(super) struct Place {
    /// Folder of the buffer, instead of the one that the configuration names
    dir: Option<PathBuf>,
    #[command(flatten)]
    file: ConfigFile,
}

#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(flatten)]
    place: Place,
    /// File to write, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Place {
    fn dir(&self) -> anyhow::Result<PathBuf> {
        if let Some(dir) = &self.dir {
            return Ok(dir.clone());
        }
        let buffer = Config::load(&self.file.config)?.buffer;
        buffer
            .map(|buffer| buffer.dir)
            .ok_or_else(|| anyhow!("the configuration has no buffer: name its folder"))
    }

    fn inspect(&self, depth: Depth) -> anyhow::Result<Inspection> {
        let dir = self.dir()?;
        inspect(&dir, depth).with_context(|| format!("cannot read the folder {}", dir.display()))
    }
}

/// Runs the command.
pub(super) fn buffer(command: &Command) -> anyhow::Result<u8> {
    match command {
        Command::Inspect(place) => print(&overview(&place.inspect(Depth::Summaries)?)),
        Command::Verify(place) => {
            let found = place.inspect(Depth::Everything)?;
            print(&verdict(&found))?;
            Ok(if found.is_whole() { DONE } else { FAILED })
        }
        Command::Export(options) => write(options),
    }
}

#[allow(clippy::print_stderr, reason = "standard output is the text")]
fn write(options: &Export) -> anyhow::Result<u8> {
    let dir = options.place.dir()?;
    let mut out: Box<dyn Write> = match &options.output {
        Some(path) => {
            Box::new(File::create(path).with_context(|| format!("cannot write {}", path.display()))?)
        }
        None => Box::new(io::stdout().lock()),
    };
    let mut out = BufWriter::new(&mut out);
    let exported = export(&dir, &mut out).with_context(|| format!("cannot export {}", dir.display()))?;
    out.flush()?;
    for damage in &exported.damage {
        eprintln!("left out: {damage}");
    }
    if exported.undated > 0 {
        eprintln!("left out: {} samples from before the clock was known", exported.undated);
    }
    eprintln!("{} samples", exported.samples);
    Ok(if exported.damage.is_empty() { DONE } else { FAILED })
}

/// Files, then destinations, then what there is in all.
fn overview(found: &Inspection) -> String {
    let mut text = String::new();
    text += &columns(
        &["FILE", "FORM", "ENTRIES", "SAMPLES", "BYTES", "FROM", "TO"],
        found.files.iter().map(file),
    );
    if let Some(why) = &found.no_cursors {
        text += &format!("\nno destinations: {why}\n");
    } else {
        text += "\n";
        text += &columns(
            &["DESTINATION", "ACKNOWLEDGED BELOW", "RANGES ABOVE", "WAITING"],
            found.cursors.iter().map(cursor),
        );
    }
    let sum = |of: fn(&FileState) -> u64| found.files.iter().map(of).fold(0, u64::saturating_add);
    let (samples, bytes) = (sum(|file| file.samples), sum(|file| file.bytes));
    text += &format!("\n{} files, {samples} samples, {bytes} bytes\n", found.files.len());
    text + &damages(found)
}

/// What is damaged or was not read, or that nothing is.
fn verdict(found: &Inspection) -> String {
    let damages = damages(found);
    if damages.is_empty() { format!("{} files, all whole\n", found.files.len()) } else { damages }
}

fn damages(found: &Inspection) -> String {
    let line = |file: &FileState| match &file.damage {
        Some(damage) => format!("{}: {damage}\n", file.name),
        None if file.torn_bytes > 0 => {
            format!("{}: the last {} bytes are a write that had not ended\n", file.name, file.torn_bytes)
        }
        None => file.later_version.map_or_else(String::new, |version| {
            format!("{}: it has format version {version}: a later lightsout reads it\n", file.name)
        }),
    };
    found.files.iter().map(line).collect()
}

fn file(file: &FileState) -> Vec<String> {
    let time = |at: Option<_>| at.map_or_else(|| "-".to_owned(), written);
    let form = if file.sealed { "sealed" } else { "log" };
    let [from, to] = file.span.map(time);
    let counts = [file.entries, file.samples, file.bytes].map(|count| count.to_string());
    [vec![file.name.clone(), form.to_owned()], counts.to_vec(), vec![from, to]].concat()
}

fn cursor(cursor: &CursorState) -> Vec<String> {
    let counts =
        [cursor.acknowledged_below, u64::try_from(cursor.ranges).unwrap_or(u64::MAX), cursor.waiting];
    [vec![cursor.destination.clone()], counts.map(|count| count.to_string()).to_vec()].concat()
}

/// A table with a heading, its columns as wide as they need to be.
fn columns(heading: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let heading = heading.iter().map(|&word| word.to_owned()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(heading).chain(rows).collect();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(column, cell)| format!("{cell:0$}", width(column)));
        let line = cells.collect::<Vec<_>>().join("  ");
        format!("{}\n", line.trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(damage: Option<&str>, torn_bytes: u64) -> Inspection {
        let file = FileState {
            name: "0000000000000010.log".into(),
            sealed: false,
            later_version: None,
            first: 16,
            entries: 3,
            samples: 300,
            bytes: 1_234,
            span: [Some(1_796_162_400_000), None],
            torn_bytes,
            damage: damage.map(str::to_owned),
        };
        let cursor =
            CursorState { destination: "head".into(), acknowledged_below: 17, ranges: 0, waiting: 200 };
        Inspection { files: vec![file], cursors: vec![cursor], no_cursors: None }
    }

    #[test]
    fn an_overview_has_files_destinations_and_sums() {
        let expected = "\
FILE                  FORM  ENTRIES  SAMPLES  BYTES  FROM                  TO
0000000000000010.log  log   3        300      1234   2026-12-01T22:00:00Z  -

DESTINATION  ACKNOWLEDGED BELOW  RANGES ABOVE  WAITING
head         17                  0             200

1 files, 300 samples, 1234 bytes
";
        assert_eq!(overview(&found(None, 0)), expected);
    }

    #[test]
    fn a_verdict_names_each_damaged_file() {
        assert_eq!(verdict(&found(None, 0)), "1 files, all whole\n");
        assert_eq!(verdict(&found(Some("bad"), 0)), "0000000000000010.log: bad\n");
        assert!(verdict(&found(None, 7)).contains("7 bytes are a write that had not ended"));
        let mut later = found(None, 0);
        later.files[0].later_version = Some(2);
        let expected = "0000000000000010.log: it has format version 2: a later lightsout reads it\n";
        assert_eq!((verdict(&later).as_str(), later.is_whole()), (expected, true));
        assert!(overview(&later).ends_with(expected));
    }
}
