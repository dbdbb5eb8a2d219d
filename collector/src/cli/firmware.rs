//! `lightsout firmware`: how a fleet stands to what is wanted, and a baseline from what it runs.
//!
//! Reads what a running program keeps in `state_dir`; asks no device.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::{ConfigFile, DONE, print};
use crate::calendar;
use crate::config::Config;
use crate::firmware::baseline::{Baseline, Subject};
use crate::firmware::draft;
use crate::firmware::store::{self, Change, Targets};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show what every device runs, what is wanted, and what has changed
    Report(Report),
    /// Print a baseline of wanted versions
    Baseline(Draft),
}

#[derive(Debug, Args)]
pub(super) struct Report {
    #[command(flatten)]
    file: ConfigFile,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For programs
    Json,
}

#[derive(Debug, Args)]
pub(super) struct Draft {
    #[command(flatten)]
    file: ConfigFile,
    /// Want what most devices of each model run
    #[arg(long, required = true)]
    from_fleet: bool,
    /// File to write, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long, requires = "output")]
    force: bool,
}

/// Runs the command.
pub(super) fn firmware(command: &Command) -> anyhow::Result<u8> {
    match command {
        Command::Report(Report { file, format }) => {
            let config = Config::load(&file.config)?;
            let targets = seen(&config)?;
            let baseline = config.firmware.map(|wanted| wanted.baseline).unwrap_or_default();
            let rows = rows(&targets, &baseline);
            match format {
                Format::Table => print(&table(&rows)),
                Format::Json => print(&format!("{}\n", serde_json::to_string_pretty(&rows)?)),
            }
        }
        Command::Baseline(Draft { file, output, force, .. }) => {
            let text = draft::draft(&seen(&Config::load(&file.config)?)?);
            match output {
                None => print(&text),
                Some(path) => write(path, &text, *force),
            }
        }
    }
}

/// What the running program has seen.
fn seen(config: &Config) -> anyhow::Result<Targets> {
    let folder = config.state_dir.as_deref().context(
        "the configuration has no state_dir: set it, so that a running program keeps there what it has seen",
    )?;
    let targets = store::read(&folder.join(store::FILE))?;
    if targets.is_empty() {
        anyhow::bail!("no firmware was seen yet: let `lightsout run` poll the devices first");
    }
    Ok(targets)
}

fn write(path: &Path, text: &str, force: bool) -> anyhow::Result<u8> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).create_new(!force);
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            anyhow::bail!("{} is there already: write another file, or say --force", path.display())
        }
        other => other.with_context(|| format!("cannot write {}", path.display()))?,
    }
    Ok(DONE)
}

/// One component; what is not known is absent.
#[derive(Debug, PartialEq, Serialize)]
struct Row<'a> {
    target: &'a str,
    vendor: &'a str,
    model: &'a str,
    component: &'a str,
    hw_id: &'a str,
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<Changed<'a>>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Changed<'a> {
    at: String,
    from: &'a str,
    authorized: bool,
}

impl<'a> From<&'a Change> for Changed<'a> {
    fn from(change: &'a Change) -> Self {
        Self { at: calendar::written(change.at), from: &change.from, authorized: change.authorized }
    }
}

fn rows<'a>(targets: &'a Targets, baseline: &'a Baseline) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    for (target, known) in targets {
        for component in &known.components {
            let (vendor, model) = (known.vendor.as_str(), known.model.as_str());
            let subject = Subject { vendor, model, component: &component.component, id: &component.id };
            let entry = baseline.find(&subject);
            rows.push(Row {
                target,
                vendor,
                model,
                component: &component.component,
                hw_id: &component.id,
                version: &component.version,
                baseline_version: entry.map(|entry| entry.wanted()),
                state: entry.map(|entry| entry.judge(&component.version).as_str()),
                changed: component.changed.as_ref().map(Changed::from),
            });
        }
    }
    rows
}

fn table(rows: &[Row<'_>]) -> String {
    let heading = ["TARGET", "COMPONENT", "VERSION", "WANTED", "STATE", "CHANGED"].map(str::to_owned);
    let mut lines = vec![heading];
    lines.extend(rows.iter().map(|row| {
        let changed = row.changed.as_ref().map(|changed| {
            let word = if changed.authorized { "authorized" } else { "unauthorized" };
            format!("{} from {}, {word}", changed.at, changed.from)
        });
        let known = |text: Option<&str>| text.unwrap_or("-").to_owned();
        [
            row.target.to_owned(),
            row.component.to_owned(),
            row.version.to_owned(),
            known(row.baseline_version),
            known(row.state),
            known(changed.as_deref()),
        ]
    }));
    let mut widths = [0; 6];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for line in &lines {
        let cells: Vec<String> =
            line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    let count = |state: &str| rows.iter().filter(|row| row.state == Some(state)).count();
    let (drifted, unknown) = (count("drifted"), count("unknown"));
    text.push_str(&format!("{} components, {drifted} drifted, {unknown} unknown\n", rows.len()));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firmware::store::{Component, Known};

    #[test]
    fn a_table_says_what_is_wanted_and_what_has_changed() {
        let component = |component: &str, version: &str, changed| Component {
            id: format!("FirmwareInventory/{component}"),
            component: component.into(),
            version: version.into(),
            changed,
        };
        let change = Change { from: "1.8.2".into(), at: 1_796_162_400_000, authorized: false };
        let components = vec![component("BIOS", "1.10.2", Some(change)), component("NIC", "20.1", None)];
        let known = Known { vendor: "Dell".into(), model: "R750".into(), seen: 0, components };
        let targets = Targets::from([("server-1".to_owned(), known)]);
        let baseline = Baseline::parse("b", "components: [{component: BIOS, at_most: 1.8.2}]").unwrap();
        let rows = rows(&targets, &baseline);
        let expected = "\
TARGET    COMPONENT  VERSION  WANTED    STATE    CHANGED
server-1  BIOS       1.10.2   <= 1.8.2  drifted  2026-12-01T22:00:00Z from 1.8.2, unauthorized
server-1  NIC        20.1     -         -        -
2 components, 1 drifted, 0 unknown
";
        assert_eq!(table(&rows), expected);
        let json = serde_json::to_value(&rows).unwrap();
        let changed = serde_json::json!({"at": "2026-12-01T22:00:00Z", "from": "1.8.2", "authorized": false});
        assert_eq!((&json[0]["state"], &json[0]["changed"]), (&"drifted".into(), &changed));
        assert!(json[1].get("state").is_none(), "what nobody wants has no state");
    }

    #[test]
    fn a_file_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.yml");
        assert_eq!(write(&path, "one, and long", false).unwrap(), DONE);
        assert!(write(&path, "two", false).unwrap_err().to_string().contains("--force"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one, and long");
        write(&path, "two", true).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
    }
}
