//! From the web configuration file to [`Current`]: decoded, checked, its certificates read.
//!
//! Keys are those of the exporter-toolkit's `web-configuration.md`. Not supported, and refused: inline
//! certificates, `client_allowed_sans`, client certificates that are asked for and not verified, TLS below 1.2.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;

use super::auth::{Users, is_hash};
use super::rate::RateLimit;
use super::{Current, tls};
use crate::yaml::{self, Document, Problem, Problems};

/// Largest file read: a bundle of all public authorities has about 220 KB.
pub(super) const MAX_FILE_BYTES: u64 = 1024 * 1024;

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct File {
    tls_server_config: Option<TlsServerConfig>,
    #[serde(default)]
    http_server_config: HttpServerConfig,
    #[serde(default)]
    basic_auth_users: BTreeMap<String, String>,
    rate_limit: Option<Rate>,
}

/// TLS of the server. Relative paths start at the file's folder.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsServerConfig {
    pub(super) cert_file: PathBuf,
    pub(super) key_file: PathBuf,
    #[serde(default)]
    pub(super) client_auth_type: ClientAuth,
    pub(super) client_ca_file: Option<PathBuf>,
    #[serde(default)]
    pub(super) min_version: Version,
    #[serde(default = "Version::newest")]
    pub(super) max_version: Version,
    #[serde(default)]
    pub(super) cipher_suites: Vec<String>,
    #[serde(default = "yes")]
    pub(super) prefer_server_cipher_suites: bool,
    #[serde(default)]
    pub(super) curve_preferences: Vec<Curve>,
}

/// What is asked of a client's certificate.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
pub(super) enum ClientAuth {
    #[default]
    NoClientCert,
    VerifyClientCertIfGiven,
    RequireAndVerifyClientCert,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    #[default]
    #[serde(rename = "TLS12")]
    Tls12,
    #[serde(rename = "TLS13")]
    Tls13,
}

impl Version {
    const fn newest() -> Self {
        Self::Tls13
    }
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
pub(super) enum Curve {
    CurveP256,
    CurveP384,
    X25519,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct HttpServerConfig {
    #[serde(default = "yes")]
    http2: bool,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

impl Default for HttpServerConfig {
    fn default() -> Self {
        Self { http2: true, headers: BTreeMap::new() }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rate {
    interval: yaml::Duration,
    #[schemars(range(min = 1, max = 1_000_000))]
    burst: u32,
}

const fn yes() -> bool {
    true
}

/// Reads the file and everything it names.
pub(super) fn load(path: &Path) -> Result<Current, Problems> {
    let name = path.display().to_string();
    let text = read(path)
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "the file is not UTF-8".to_owned()))
        .map_err(|error| Problem::of_file(&name, error, "name a file that this program may read"))?;
    let document = Document::parse(&name, &text)?;
    let file: File = document.decode()?;
    let mut problems = Problems::new();
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut files = vec![path.to_owned()];
    let tls = file.tls_server_config.map(|mut config| {
        for path in
            [&mut config.cert_file, &mut config.key_file].into_iter().chain(&mut config.client_ca_file)
        {
            *path = folder.join(&path);
            files.push(path.clone());
        }
        tls::server_config(&config, file.http_server_config.http2)
    });
    let tls = match tls.transpose() {
        Ok(tls) => tls.map(Arc::new),
        Err(error) => {
            let place = yaml::Path::root().key("tls_server_config").key(error.key());
            problems.push(document.problem(&place, error.to_string(), ""));
            None
        }
    };
    let headers = headers(&document, &file.http_server_config.headers, &mut problems);
    check_users(&document, &file.basic_auth_users, &mut problems);
    problems.into_result(Current {
        tls,
        http2: file.http_server_config.http2,
        headers,
        users: Users::new(file.basic_auth_users),
        rate_limit: file.rate_limit.map(|rate| RateLimit::new(rate.interval.0, rate.burst)),
        files,
    })
}

/// Reads a file that may not be larger than [`MAX_FILE_BYTES`].
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("{} is larger than {MAX_FILE_BYTES} bytes", path.display()));
    }
    Ok(bytes)
}

fn headers(
    document: &Document,
    headers: &BTreeMap<String, String>,
    problems: &mut Problems,
) -> Vec<(HeaderName, HeaderValue)> {
    let parent = yaml::Path::root().key("http_server_config").key("headers");
    let mut found = Vec::new();
    for (name, value) in headers {
        match (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            (Ok(name), Ok(value)) => found.push((name, value)),
            _ => problems.push(document.problem(&parent.key(name), "this is no valid HTTP header", "")),
        }
    }
    found
}

/// The line is not shown with these: a hash is better kept out of logs, and a password in its place more so.
fn check_users(document: &Document, users: &BTreeMap<String, String>, problems: &mut Problems) {
    for (user, hash) in users {
        if !is_hash(hash) {
            let path = yaml::Path::root().key("basic_auth_users").key(user);
            let help = "write what `htpasswd -nBC 10 \"\"` prints after the colon";
            let mut problem = Problem::of_file(document.name(), "the password is not a bcrypt hash", help);
            problem.place = Some(document.place(&path));
            problem.path = path;
            problems.push(problem);
        }
    }
}
