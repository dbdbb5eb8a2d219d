//! Firmware baselines with mistakes, and the exact words that they are answered with.
//!
//! What is said of each `firmware/NAME.yml` stands in `firmware/NAME.expected`. `UPDATE_EXPECT=1` writes those files
//! anew; read what changed.

use std::path::{Path, PathBuf};

use collector::firmware::baseline::Baseline;

#[test]
fn each_mistake_is_answered_with_its_words() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/firmware");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    cases.retain(|path| path.extension().is_some_and(|ending| ending == "yml"));
    cases.sort();
    assert!(cases.len() >= 5, "the cases are not there");
    let mut wrong = Vec::new();
    for case in cases {
        let name = case.file_name().unwrap().to_str().unwrap();
        let said = match Baseline::parse(name, &std::fs::read_to_string(&case).unwrap()) {
            Ok(baseline) => format!("fine: {} entries\n", baseline.len()),
            Err(problems) => format!("{}\n", problems.render()),
        };
        let expected = case.with_extension("expected");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&expected, &said).unwrap();
        }
        if std::fs::read_to_string(&expected).unwrap_or_default() != said {
            wrong.push(format!("{name} is answered with:\n{said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
