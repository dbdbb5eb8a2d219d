//! Configurations with mistakes, and the exact words that they are answered with.
//!
//! Each `config/NAME.yml` is read with the folder `config` around it, and what is said of it stands in
//! `config/NAME.expected`. `UPDATE_EXPECT=1` writes those files anew; read what changed.

use std::path::{Path, PathBuf};

use collector::config::{Config, Surroundings};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config")
}

fn variable(name: &str) -> Option<String> {
    match name {
        "COMMUNITY" => Some("tomato-soup".to_owned()),
        "PASSPHRASE" => Some("long-enough-phrase".to_owned()),
        "SHORT" => Some("short".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

fn said(name: &str, text: &str) -> String {
    let folder = folder();
    let around = Surroundings { folder: &folder, variable: &variable };
    match Config::parse(name, text, &around) {
        Ok(_) => "fine\n".to_owned(),
        Err(problems) => {
            let shown = folder.display().to_string();
            format!("{}\n", problems.render().replace(&format!("{shown}/"), ""))
        }
    }
}

#[test]
fn each_mistake_is_answered_with_its_words() {
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder()).unwrap().map(|e| e.unwrap().path()).collect();
    cases.retain(|path| path.extension().is_some_and(|ending| ending == "yml"));
    cases.sort();
    assert!(cases.len() > 10, "the cases are not there");
    let mut wrong = Vec::new();
    for case in cases {
        let name = case.file_name().unwrap().to_str().unwrap();
        let said = said(name, &std::fs::read_to_string(&case).unwrap());
        let expected = case.with_extension("expected");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&expected, &said).unwrap();
        }
        if std::fs::read_to_string(&expected).unwrap_or_default() != said {
            wrong.push(format!("{name} is answered with:\n{said}"));
        }
        for secret in ["tomato", "long-enough", "hunter2"] {
            assert!(!said.contains(secret), "{name} shows a secret:\n{said}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
