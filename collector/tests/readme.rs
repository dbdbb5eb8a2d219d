//! What README.md and CONTRIBUTING.md tell people to write and to run: it is accepted as it stands there.
//!
//! A fenced block `yaml config` is a configuration, `yaml firmware` a baseline, a `yaml` block with `scrape_configs`
//! is Prometheus's, and a `sh` block holds commands. Profiles in CONTRIBUTING.md are checked by the tests of the profiles.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

use collector::config::{Config, Surroundings};
use collector::firmware::baseline::Baseline;

const DOCUMENTS: [&str; 2] = ["README.md", "CONTRIBUTING.md"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The texts of the fenced blocks whose first line is exactly `fence`.
fn blocks(document: &str, fence: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(document)).unwrap();
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(opening) = lines.next() {
        let Some(info) = opening.trim_start().strip_prefix("```") else { continue };
        let body: Vec<&str> = lines.by_ref().take_while(|line| line.trim_start() != "```").collect();
        if info == fence {
            found.push(body.join("\n") + "\n");
        }
    }
    found
}

/// Makes the files that a configuration names as secrets or authorities.
fn make_files(text: &str, folder: &Path) {
    let certificate = rcgen::generate_simple_self_signed(["bmc".to_owned()]).unwrap().cert.pem();
    for (key, rest) in text.match_indices("_file: ").map(|(at, key)| (&text[..at], &text[at + key.len()..])) {
        let name = rest.split([',', '}', '\n', ' ']).next().unwrap();
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let is_authority = key.ends_with("ca");
        std::fs::write(path, if is_authority { certificate.as_str() } else { "a-secret" }).unwrap();
    }
}

#[test]
fn configurations_are_accepted() {
    let mut targets = 0;
    for document in DOCUMENTS {
        for text in blocks(document, "yaml config") {
            let folder = tempfile::tempdir().unwrap();
            make_files(&text, folder.path());
            let variable = |_: &str| Some("a-long-enough-secret".to_owned());
            let around = Surroundings { folder: folder.path(), variable: &variable };
            let config = Config::parse(document, &text, &around);
            targets += config.unwrap_or_else(|problems| panic!("{}", problems.render())).targets.len();
        }
    }
    assert!(targets > 0, "README.md shows no configuration: a block `yaml config`");
}

#[test]
fn baselines_are_accepted() {
    let baselines = blocks("README.md", "yaml firmware");
    assert!(!baselines.is_empty(), "README.md shows no baseline: a block `yaml firmware`");
    for text in baselines {
        let baseline = Baseline::parse("README.md", &text);
        assert!(!baseline.unwrap_or_else(|problems| panic!("{}", problems.render())).is_empty());
    }
}

#[test]
fn prometheus_accepts_what_it_is_given() {
    let mut checked = 0;
    for text in blocks("README.md", "yaml").iter().filter(|text| text.contains("scrape_configs:")) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, text).unwrap();
        std::os::unix::fs::symlink(root().join("alert-rules"), folder.path().join("alert-rules")).unwrap();
        let output = Command::new("promtool").args(["check", "config"]).arg(file).output();
        let output = output.unwrap_or_else(|error| {
            panic!("this test needs promtool (Debian: apt install prometheus): {error}")
        });
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}\n{said}");
        checked += 1;
    }
    assert!(checked > 0, "README.md shows no scrape configuration");
}

/// The commands of a document, without comments.
fn commands(document: &str) -> Vec<String> {
    let lines = blocks(document, "sh").join("");
    let bare = lines.lines().map(|line| line.split(" #").next().unwrap_or_default().trim().to_owned());
    bare.filter(|line| !line.is_empty()).collect()
}

/// Whether `lightsout` knows the command and every option: `--help` comes last, so all else is read first.
fn assert_understood(arguments: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lightsout"));
    let output = command.args(arguments.split_whitespace()).arg("--help").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "lightsout {arguments}: {said}");
}

#[test]
fn commands_exist() {
    let all = DOCUMENTS.map(commands).concat();
    for wanted in ["cargo run --release -- demo", "./test.sh"] {
        assert!(all.iter().any(|line| line == wanted), "README.md does not name {wanted}");
    }
    for line in &all {
        if let Some(arguments) = line.strip_prefix("lightsout ") {
            assert_understood(arguments.split(" > ").next().unwrap());
        } else if let Some((_, arguments)) =
            line.split_once(" -- ").filter(|(cargo, _)| cargo.starts_with("cargo run"))
        {
            assert_understood(arguments);
        } else if line.starts_with("./") {
            let mode = std::fs::metadata(root().join(line)).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o111 != 0, "{line}");
        } else {
            let known = ["cargo ", "pip install ", "rustup target add "];
            assert!(known.iter().any(|known| line.starts_with(known)), "this test does not know {line:?}");
        }
    }
}

#[test]
fn cargo_run_finds_the_program() {
    let arguments = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let defaults = metadata["workspace_default_members"].as_array().unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let programs: Vec<&str> = packages
        .filter(|package| defaults.contains(&package["id"]))
        .flat_map(|package| package["targets"].as_array().unwrap())
        .filter(|target| target["kind"][0] == "bin")
        .map(|target| target["name"].as_str().unwrap())
        .collect();
    assert_eq!(programs, ["lightsout"], "`cargo run` would ask which program is meant");
}
