//! Target lists of others: each entry is a target or is refused with a reason.

#![no_main]

use std::cell::OnceCell;
use std::path::PathBuf;

use collector::config::discovery::files::Source;
use collector::config::{Config, Surroundings};
use libfuzzer_sys::fuzz_target;

const CONFIG: &str = "site: {name: fuzz}\n\
    credentials: {public: {type: snmp_v2c, community_env: COMMUNITY}}\n\
    target_files: [{files: [list.json], defaults: {protocol: snmp, credentials: public}}]\n";

thread_local! {
    static LIST: OnceCell<(PathBuf, Source)> = const { OnceCell::new() };
}

/// A source that reads one file, in a folder of this process.
fn source() -> (PathBuf, Source) {
    let folder = std::env::temp_dir().join(format!("lightsout-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the list");
    let variable = |_: &str| Some("public".to_owned());
    let around = Surroundings { folder: &folder, variable: &variable };
    let config = Config::parse("config.yml", CONFIG, &around).expect("the configuration is good");
    let source = config.target_files.into_iter().next().expect("one source");
    (folder.join("list.json"), source)
}

fuzz_target!(|text: &[u8]| {
    LIST.with(|list| {
        let (path, source) = list.get_or_init(source);
        std::fs::write(path, text).expect("the list is written");
        let found = source.read();
        assert!(found.refused.iter().all(|refused| !refused.reason.is_empty()));
        assert!(found.targets.iter().all(|target| !target.device.name.is_empty()));
    });
});
