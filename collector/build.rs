//! Lists the profiles of `profiles/*/profile.yaml` in a table, so that they are part of the program.

use std::env;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("profiles");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut families = Vec::new();
    for entry in fs::read_dir(&root)? {
        let folder = entry?.path();
        let file = folder.join("profile.yaml");
        if file.is_file() {
            println!("cargo::rerun-if-changed={}", file.display());
            families.push(file);
        }
    }
    families.sort();
    let out = PathBuf::from(env::var("OUT_DIR")?).join("profiles.rs");
    fs::write(out, table(&families)?)?;
    Ok(())
}

fn table(files: &[PathBuf]) -> Result<String, std::fmt::Error> {
    let mut text = String::from("&[\n");
    for file in files {
        let family = file.parent().and_then(Path::file_name).unwrap_or_default();
        let name = Path::new("profiles").join(family).join("profile.yaml");
        writeln!(
            text,
            "    ({:?}, include_str!({:?})),",
            name.display().to_string(),
            file.display().to_string()
        )?;
    }
    text.push(']');
    Ok(text)
}
