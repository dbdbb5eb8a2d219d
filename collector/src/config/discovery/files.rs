//! Target lists in files, in the format of Prometheus's file_sd, watched for changes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecursiveMode, Watcher};
use tokio::sync::{mpsc, watch};

use super::{Discovered, List, Origin};
use crate::config::file;
use crate::config::flaw::Flaw;
use crate::config::{read_text, rules::Rules};
use crate::glob;

/// Time after which files are read again without a notice: network file systems send none.
pub(crate) const DEFAULT_REFRESH: Duration = Duration::from_secs(300);
/// Shortest time from one reading to the next that a configuration may ask for.
const MIN_REFRESH: Duration = Duration::from_secs(1);
/// Rest after a change, so that a file that is being written is read once.
pub(crate) const SETTLE: Duration = Duration::from_millis(200);
/// Most files of one source.
const MAX_FILES: usize = 1_000;
/// Endings of files that hold target lists.
const ENDINGS: [&str; 3] = ["json", "yml", "yaml"];

/// Files with target lists.
#[derive(Debug)]
pub struct Source {
    origin: Origin,
    patterns: Vec<PathBuf>,
    refresh: Duration,
}

impl Source {
    pub(in crate::config) fn new(
        written: file::FileSource,
        name: String,
        rules: Arc<Rules>,
    ) -> Result<Self, Vec<Flaw>> {
        let mut flaws = Vec::new();
        let refresh = written.refresh_interval.map_or(DEFAULT_REFRESH, |written| written.0);
        if refresh < MIN_REFRESH {
            flaws.push(Flaw::new(
                "refresh_interval",
                "the interval is shorter than 1s",
                "write for example 5m",
            ));
        }
        for pattern in &written.files {
            if let Some((message, help)) = wrong_pattern(Path::new(pattern)) {
                flaws.push(Flaw::new("files", format!("{pattern:?} {message}"), help));
            }
        }
        if !flaws.is_empty() {
            return Err(flaws);
        }
        let patterns = written.files.iter().map(|pattern| rules.folder.join(pattern)).collect();
        let origin = Origin { name, rules, defaults: written.defaults, labels: written.labels };
        Ok(Self { origin, patterns, refresh })
    }

    /// Name of the source: `target_files[0]`.
    pub fn name(&self) -> &str {
        &self.origin.name
    }

    /// Reads all files once. Blocks on the file system.
    pub fn read(&self) -> Discovered {
        self.reread(&mut BTreeMap::new())
    }

    /// Reads the files; what cannot be read keeps what `known` has of it.
    fn reread(&self, known: &mut BTreeMap<PathBuf, List>) -> Discovered {
        let mut errors = Vec::new();
        let files = self.files(&mut errors);
        known.retain(|path, _| files.contains(path));
        for path in &files {
            let name = path.display().to_string();
            let list = match read_text(path) {
                Ok(text) => List::parse(&name, &text).map_err(|problems| problems.to_string()),
                Err((message, help)) => Err(format!("{name}: {message}; {help}")),
            };
            match list {
                Ok(list) => drop(known.insert(path.clone(), list)),
                Err(error) => errors.push(error),
            }
        }
        self.origin.discovered(known.values(), errors)
    }

    /// The files that the patterns name now, sorted.
    fn files(&self, errors: &mut Vec<String>) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for pattern in &self.patterns {
            let name = pattern.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if !name.contains('*') {
                files.push(pattern.clone());
                continue;
            }
            let folder = pattern.parent().unwrap_or(Path::new("."));
            let entries = match std::fs::read_dir(folder) {
                Ok(entries) => entries,
                Err(error) => {
                    errors.push(format!("cannot read the folder {}: {error}", folder.display()));
                    continue;
                }
            };
            let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
            let fits = |path: &PathBuf| {
                path.file_name().and_then(|file| file.to_str()).is_some_and(|file| glob::fits(name, file))
            };
            files.extend(paths.filter(fits).take(MAX_FILES));
        }
        files.sort();
        files.dedup();
        if files.len() > MAX_FILES {
            errors.push(format!("more than {MAX_FILES} files; the others are left out"));
            files.truncate(MAX_FILES);
        }
        files
    }

    /// Publishes what the files say, now and on every change, until nobody listens any more.
    pub async fn watch(self, out: watch::Sender<Discovered>) {
        let (notice, mut notices) = mpsc::channel(1);
        let _watcher = watcher(self.name(), &self.patterns, notice);
        let source = Arc::new(self);
        let mut known = BTreeMap::new();
        loop {
            let reader = Arc::clone(&source);
            let mut lists = std::mem::take(&mut known);
            let task = tokio::task::spawn_blocking(move || {
                let found = reader.reread(&mut lists);
                (found, lists)
            });
            if let Ok((found, lists)) = task.await {
                known = lists;
                out.send_if_modified(|current| std::mem::replace(current, found.clone()) != found);
            }
            tokio::select! {
                () = out.closed() => return,
                () = tokio::time::sleep(source.refresh) => {}
                Some(()) = notices.recv() => {
                    tokio::time::sleep(SETTLE).await;
                    // Whatever came while the files settled is read now.
                    while notices.try_recv().is_ok() {}
                }
            }
        }
    }
}

/// Notices changes in the folders of files, until dropped. Where that fails, the slow reading goes on.
pub(crate) fn watcher<'a>(
    source: &str,
    files: impl IntoIterator<Item = &'a PathBuf>,
    notice: mpsc::Sender<()>,
) -> Option<notify::RecommendedWatcher> {
    let changed = move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            // A full channel holds a notice already.
            let _ = notice.try_send(());
        }
    };
    let failed = |error: &notify::Error| {
        tracing::warn!(source, %error, "cannot watch files; reading them now and then");
    };
    let mut watcher = notify::recommended_watcher(changed).inspect_err(failed).ok()?;
    let folders: std::collections::BTreeSet<&Path> =
        files.into_iter().filter_map(|file| file.parent()).collect();
    for folder in folders {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let _ = watcher.watch(folder, RecursiveMode::NonRecursive).inspect_err(failed);
    }
    Some(watcher)
}

fn wrong_pattern(pattern: &Path) -> Option<(&'static str, &'static str)> {
    let ending = pattern.extension().and_then(|ending| ending.to_str());
    if !ending.is_some_and(|ending| ENDINGS.contains(&ending)) {
        return Some(("is no list of targets", "name files that end in .json, .yml or .yaml"));
    }
    let folder = pattern.parent().map(Path::to_string_lossy).unwrap_or_default();
    folder.contains('*').then_some(("has * in a folder", "write * in the last part only"))
}
