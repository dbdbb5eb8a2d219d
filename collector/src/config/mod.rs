//! The configuration: one YAML file, read, checked and turned into targets.
//!
//! Every mistake is reported at once with its place. Secrets come from files or the environment and
//! are never repeated. Reading is pure apart from the files that the configuration names: nothing is
//! polled, resolved in DNS or kept here. Relative paths start at the folder of the configuration.
//!
//! A reload is [`Config::load`] again: where it fails nothing has changed, and where it succeeds
//! targets that are equal to the running ones, secrets included, can be left alone.

mod address;
mod credentials;
pub mod discovery;
mod fallback;
mod file;
mod flaw;
pub mod forwarding;
mod logins;
mod resolve;
mod rules;
mod secret;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::SchemaGenerator;
use serde_json::Value;

pub use address::{AddressError, parse_address};
pub use rules::{
    DEFAULT_INTERVAL, DEFAULT_INVENTORY_INTERVAL, DEFAULT_TIMEOUT, MAX_DEFAULT_DEADLINE, ad_hoc,
    default_budget,
};
pub use secret::Surroundings;

use crate::firmware::baseline::Baseline;
use crate::target::Target;
use crate::yaml::{Document, MAX_BYTES, Problem, Problems};

/// Address that is listened on where the configuration names none: this machine only.
pub const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9808);

/// A checked configuration.
#[derive(Debug)]
pub struct Config {
    /// The site.
    pub site: Site,
    /// The web endpoint.
    pub web: Web,
    /// Folder for what outlives a restart.
    pub state_dir: Option<PathBuf>,
    /// Folders with device profiles of the user's own.
    pub profile_dirs: Vec<PathBuf>,
    /// Wanted firmware, if any is declared.
    pub firmware: Option<WantedFirmware>,
    /// Targets that the file itself names; names are unique.
    pub targets: Vec<Target>,
    /// Target lists in files.
    pub target_files: Vec<discovery::files::Source>,
    /// Target lists over HTTP.
    pub target_http: Vec<discovery::http::Source>,
    /// The buffer on disk, which destinations need.
    pub buffer: Option<forwarding::Buffer>,
    /// Receivers of all readings; names are unique.
    pub destinations: Vec<forwarding::Destination>,
    /// Start of the SHA-256 of the file's text, in hexadecimal.
    pub hash: String,
}

/// The site that is watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// Name.
    pub name: String,
    /// Kind, such as `dc` or `pole`; may be empty.
    pub kind: String,
    /// Region; may be empty.
    pub region: String,
}

/// The firmware that is wanted.
#[derive(Clone, Debug)]
pub struct WantedFirmware {
    /// File that declares it, to be watched.
    pub path: PathBuf,
    /// What it said when the configuration was read.
    pub baseline: Arc<Baseline>,
}

/// The web endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// Address and port.
    pub listen: SocketAddr,
    /// TLS and users, in the format of Prometheus's exporter-toolkit.
    pub config_file: Option<PathBuf>,
    /// Whether readings in `/metrics` carry the time of their measurement.
    pub timestamps: bool,
}

impl Config {
    /// Reads and checks a file; secrets come from the environment of this process and from files.
    /// Blocks on the file system.
    ///
    /// # Errors
    /// Every mistake in the file.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        let name = path.display().to_string();
        let text = read_text(path).map_err(|(message, help)| Problem::of_file(&name, message, help))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let variable = |name: &str| std::env::var(name).ok();
        Self::parse(&name, &text, &Surroundings { folder, variable: &variable })
    }

    /// Checks a text; `name` is the file's name in messages.
    ///
    /// # Errors
    /// Every mistake in the text.
    pub fn parse(name: &str, text: &str, around: &Surroundings<'_>) -> Result<Self, Problems> {
        let document = Document::parse(name, text)?;
        let (file, problems) = document.decode_partly::<file::File>();
        match file {
            Some(file) => resolve::resolve(file, text, &document, problems, around),
            None => Err(problems),
        }
    }
}

/// JSON Schema of the configuration file, for editors.
pub fn schema() -> Value {
    SchemaGenerator::default().into_root_schema_for::<file::File>().to_value()
}

/// The text of a file that people write, or what is wrong and what to do.
pub(crate) fn read_text(path: &Path) -> Result<String, (String, &'static str)> {
    let read = || {
        let mut bytes = Vec::new();
        let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
        fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|error: std::io::Error| {
        (
            format!("cannot read the file: {error}"),
            "name a file that the user that runs this program can read",
        )
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        (format!("byte {at} is no UTF-8 text"), "save the file as UTF-8")
    })
}
