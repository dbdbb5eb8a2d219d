//! A JSON file of faults that a running mock follows.

use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;

/// How often the file is looked at.
const POLL: Duration = Duration::from_secs(1);

/// Reads the file whenever its time of change is another, and hands its faults to `set`; never returns.
pub(crate) async fn follow<T: DeserializeOwned>(path: Option<&Path>, set: impl Fn(&[T])) {
    let Some(path) = path else { return std::future::pending().await };
    let mut applied = None;
    loop {
        let changed = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        if changed != applied {
            applied = changed;
            apply(path, changed, &set);
        }
        tokio::time::sleep(POLL).await;
    }
}

/// A file that cannot be read or understood leaves the faults as they are; one that is gone ends them.
fn apply<T: DeserializeOwned>(path: &Path, changed: Option<SystemTime>, set: impl Fn(&[T])) {
    if changed.is_none() {
        tracing::info!(path = %path.display(), "no faults file: no faults");
        return set(&[]);
    }
    match read::<T>(path) {
        Ok(faults) => {
            tracing::info!(path = %path.display(), faults = faults.len(), "faults applied");
            set(&faults);
        }
        Err(error) => tracing::warn!(path = %path.display(), %error, "faults left as they are"),
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<T>> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}
