//! Arguments of `lightsout-mock redfish`, and its run: a server, and a faults file that is watched.

use super::{Account, Certificate, Fault, Options, QuerySupport, Server, SessionPlace, Tree};
use anyhow::{Context, bail};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How often the faults file is looked at.
const FAULTS_PERIOD: Duration = Duration::from_secs(1);

/// Serve a tree of documents over Redfish.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder of a DMTF mock-up or a bundle; or `server` or `pdu` for a built-in tree.
    #[arg(long, value_name = "DIR")]
    tree: PathBuf,
    /// JSON file with rules for readings that move, instead of the tree's own `live.json`.
    #[arg(long, value_name = "FILE")]
    live: Option<PathBuf>,
    /// Where to listen; port 0 for any.
    #[arg(long, default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// Plain HTTP instead of TLS.
    #[arg(long)]
    plain: bool,
    /// Which self-signed certificate to show over TLS.
    #[arg(long, value_enum, default_value = "valid", conflicts_with = "plain")]
    certificate: Certificate,
    /// Write the certificate to this file, in PEM.
    #[arg(long, value_name = "FILE", conflicts_with = "plain")]
    certificate_out: Option<PathBuf>,
    /// The account's name; without it, everybody may come in.
    #[arg(long, requires = "password_file")]
    user: Option<String>,
    /// File with the account's password (its first line).
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// Refuse Basic authentication.
    #[arg(long)]
    no_basic: bool,
    /// Leave WWW-Authenticate out of a 401, as iDRAC 10 does.
    #[arg(long)]
    no_challenge: bool,
    /// Wrong passwords in a row that lock the account.
    #[arg(long, value_name = "N")]
    lockout: Option<u32>,
    /// Open sessions at a time.
    #[arg(long, value_name = "N", default_value_t = 8)]
    sessions: usize,
    /// Seconds after which an unused session ends.
    #[arg(long, value_name = "SECONDS", default_value_t = 1800)]
    session_timeout: u64,
    /// Where sessions live.
    #[arg(long, value_enum, default_value = "standard")]
    session_place: SessionPlace,
    /// Status of a login when the session table is full.
    #[arg(long, value_name = "STATUS", default_value_t = 503, value_parser = clap::value_parser!(u16).range(400..600))]
    session_full_status: u16,
    /// Members on a page of a collection.
    #[arg(long, value_name = "N")]
    page_size: Option<usize>,
    /// What happens to $expand, $select, $top and $skip.
    #[arg(long, value_enum, default_value = "full")]
    query: QuerySupport,
    /// Makes live readings and tokens differ from those of other mocks with the same tree.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// JSON file with a list of faults; read again when it changes.
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
}

/// Runs until interrupted.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut tree = match arguments.tree.to_str() {
        Some("server") if !arguments.tree.exists() => Tree::server()?,
        Some("pdu") if !arguments.tree.exists() => Tree::pdu()?,
        _ => Tree::load(&arguments.tree)?,
    };
    if let Some(live) = &arguments.live {
        tree = tree.with_rules_of(live)?;
    }
    let documents = tree.paths().count();
    let server = Server::start(Arc::new(tree), options(&arguments)?)?;
    if let (Some(file), Some(pem)) = (&arguments.certificate_out, server.certificate_pem()) {
        std::fs::write(file, pem).with_context(|| format!("cannot write {}", file.display()))?;
    }
    tracing::info!(
        url = %server.url(),
        documents,
        certificate_sha256 = server.certificate_fingerprint().unwrap_or("none"),
        "serving"
    );
    tokio::select! {
        never = watch(arguments.faults.as_deref(), &server) => never?,
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot wait for an interrupt")?,
    }
    let stats = server.stats();
    tracing::info!(
        requests = stats.total(),
        logins_ok = stats.logins_ok,
        logins_failed = stats.logins_failed,
        "stopped"
    );
    server.shutdown().await.context("the server failed")
}

fn options(arguments: &Arguments) -> anyhow::Result<Options> {
    let account = match (&arguments.user, &arguments.password_file) {
        (Some(user), Some(file)) => Some(Account { user: user.clone(), password: password(file)? }),
        _ => None,
    };
    Ok(Options {
        listen: arguments.listen,
        account,
        tls: (!arguments.plain).then_some(arguments.certificate),
        basic: !arguments.no_basic,
        challenge: !arguments.no_challenge,
        session_place: arguments.session_place,
        session_limit: arguments.sessions,
        session_timeout: Duration::from_secs(arguments.session_timeout),
        session_full_status: arguments.session_full_status,
        lockout: arguments.lockout,
        page_size: arguments.page_size,
        query: arguments.query,
        seed: arguments.seed,
    })
}

fn password(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    match text.lines().next() {
        Some(password) if !password.is_empty() => Ok(password.to_owned()),
        _ => bail!("{} holds no password: write it on the first line", file.display()),
    }
}

/// Takes over the faults of a file whenever it changes. A wrong file changes nothing and is logged;
/// a wrong file at the start ends the run.
async fn watch(file: Option<&Path>, server: &Server) -> anyhow::Result<()> {
    let Some(file) = file else {
        return std::future::pending().await;
    };
    let mut watched = Watched { file, seen: None };
    server.set_faults(watched.changed().unwrap_or(Ok(Vec::new()))?);
    let mut clock = tokio::time::interval(FAULTS_PERIOD);
    loop {
        clock.tick().await;
        match watched.changed() {
            None => {}
            Some(Ok(faults)) => {
                tracing::info!(faults = faults.len(), "faults read again");
                server.set_faults(faults);
            }
            Some(Err(error)) => tracing::warn!(error = format!("{error:#}"), "faults kept as they were"),
        }
    }
}

/// A faults file, and what it looked like when it was last read: time of change and size.
struct Watched<'a> {
    file: &'a Path,
    seen: Option<(Option<SystemTime>, u64)>,
}

impl Watched<'_> {
    /// The faults, where the file is not what it was.
    fn changed(&mut self) -> Option<anyhow::Result<Vec<Fault>>> {
        let metadata = std::fs::metadata(self.file).ok();
        let now = metadata.map_or((None, 0), |metadata| (metadata.modified().ok(), metadata.len()));
        (self.seen.replace(now) != Some(now)).then(|| faults(self.file))
    }
}

fn faults(file: &Path) -> anyhow::Result<Vec<Fault>> {
    let text = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no list of faults", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redfish::Kind;

    #[test]
    fn a_faults_file_is_read_once_for_each_change() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("faults.json");
        let mut watched = Watched { file: &file, seen: None };
        let error = format!("{:#}", watched.changed().unwrap().unwrap_err());
        assert!(error.starts_with("cannot read ") && error.contains("faults.json"), "{error}");
        assert!(watched.changed().is_none(), "a missing file is reported once");

        std::fs::write(&file, r#"[{"fault": "hang"}]"#).unwrap();
        assert_eq!(watched.changed().unwrap().unwrap(), [Fault::new(Kind::Hang)]);
        assert!(watched.changed().is_none());
        std::fs::write(&file, r#"[{"fault": "hangs"}]"#).unwrap();
        let error = format!("{:#}", watched.changed().unwrap().unwrap_err());
        assert!(error.contains("is no list of faults") && error.contains("hangs"), "{error}");
    }

    #[test]
    fn a_password_is_the_first_line_and_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "right\nnot this\n").unwrap();
        assert_eq!(password(&file).unwrap(), "right");
        std::fs::write(&file, "\n").unwrap();
        assert!(password(&file).unwrap_err().to_string().contains("holds no password"));
    }
}
