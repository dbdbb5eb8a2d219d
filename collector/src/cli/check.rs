//! `lightsout check`: every mistake at once, and what the configuration amounts to.

use std::path::Path;

use super::{DONE, print};
use crate::config::{Config, discovery};
use crate::profile::{ProfileError, Profiles};
use crate::web::toolkit::WebConfig;
use crate::yaml::Problems;

/// Checks a configuration, its target files, its profiles and its web configuration.
pub(super) fn check(path: &Path) -> anyhow::Result<u8> {
    let config = Config::load(path)?;
    let mut problems = Problems::new();
    let mut profiles = Profiles::builtin()?;
    for folder in &config.profile_dirs {
        if let Err(error) = profiles.load_dir(folder) {
            collect(&mut problems, error.into())?;
        }
    }
    if let Some(Err(error)) = config.web.config_file.as_ref().map(WebConfig::open) {
        problems.extend(error);
    }
    problems.into_result(())?;
    let found: Vec<_> = config.target_files.iter().map(|source| source.read()).collect();
    let (targets, refused) = discovery::combine(&config.targets, &found);
    let mut text = format!(
        "{}: {} targets ({} from files), {} HTTP lists, {} profiles\n",
        path.display(),
        targets.len(),
        targets.len() - config.targets.len(),
        config.target_http.len(),
        profiles.names().count(),
    );
    for entry in found.iter().flat_map(|list| &list.refused).chain(&refused) {
        text.push_str(&format!("refused: {}: {}\n", entry.entry, entry.reason));
    }
    for list in &found {
        list.errors.iter().for_each(|error| text.push_str(&format!("unread: {}: {error}\n", list.source)));
    }
    print(&text)?;
    Ok(DONE)
}

/// Mistakes in files that people write, if that is what went wrong.
pub(super) fn problems(error: &anyhow::Error) -> Option<&Problems> {
    if let Some(ProfileError::Invalid { problems }) = error.downcast_ref() {
        return Some(problems);
    }
    error.downcast_ref::<Problems>()
}

fn collect(problems: &mut Problems, error: anyhow::Error) -> anyhow::Result<()> {
    match error.downcast::<ProfileError>()? {
        ProfileError::Invalid { problems: more } => {
            problems.extend(more);
            Ok(())
        }
        other => Err(other.into()),
    }
}
