//! Every built-in profile against a small recording: `profiles/*/recording.snmprec` gives `expected.prom`.
//!
//! `UPDATE_EXPECT=1` writes what came out; read the difference before it is committed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may end here")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use collector::profile::{Profiles, recording};
use model::{Device, ReportBuilder};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles")
}

fn families() -> Vec<PathBuf> {
    let entries = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries.filter(|path| path.join("profile.yaml").exists()).collect();
    folders.sort();
    folders
}

fn builder() -> ReportBuilder {
    ReportBuilder::new(Arc::new(Device {
        name: "device".into(),
        site: "site".into(),
        rack: String::new(),
        device_type: String::new(),
        description: Default::default(),
    }))
}

/// The samples as sorted lines, and what was refused.
fn render(report: &model::PollReport) -> String {
    let mut lines: Vec<_> = report
        .samples
        .iter()
        .map(|sample| {
            let name = sample.series.metric.definition().prometheus;
            format!("{name}{{{}}} {}\n", sample.series.own_text(), sample.value)
        })
        .collect();
    lines.sort();
    for (rejection, count) in &report.rejections {
        lines.push(format!("# rejected {} {count}\n", rejection.as_str()));
    }
    lines.concat()
}

#[test]
fn each_family_reads_its_recording() {
    let profiles = Profiles::builtin().unwrap_or_else(|error| panic!("{error}"));
    let mut wrong = Vec::new();
    for folder in families() {
        let family = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(folder.join("recording.snmprec"))
            .unwrap_or_else(|error| panic!("{family}: recording.snmprec: {error}"));
        let (objects, mistakes) = recording::parse(&text);
        assert!(mistakes.is_empty(), "{family}: {mistakes:?}");
        let selection = profiles.select_for(&objects);
        assert!(
            selection.names().any(|name| name == family),
            "{family} is not selected for its own recording"
        );
        let mut report = builder();
        selection.evaluate(&objects, &mut report);
        let found = render(&report.finish(0, Duration::ZERO, None));
        let expected = folder.join("expected.prom");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&expected, &found).unwrap();
        }
        if fs::read_to_string(&expected).unwrap_or_default() != found {
            wrong.push(format!("{family}: got\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "{}\nUPDATE_EXPECT=1 accepts what came out", wrong.join("\n"));
}

#[test]
fn a_family_is_named_after_its_folder() {
    let profiles = Profiles::builtin().unwrap_or_else(|error| panic!("{error}"));
    let names: Vec<_> = profiles.names().map(|(name, _)| name.to_owned()).collect();
    let folders: Vec<_> =
        families().iter().map(|folder| folder.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(names, folders);
}
