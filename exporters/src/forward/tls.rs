//! How a receiver's certificate is judged and ours is shown: TLS 1.2 and 1.3 by rustls on ring.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::secret::read_limited;

/// Largest file of certificates. The public roots of a distribution take 250 KB.
const MAX_CERTIFICATES: u64 = 4 << 20;

/// Trust and identity towards one receiver. Receivers are always verified.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// PEM file of the authorities that may have signed the receiver's certificate; the public ones, as
    /// Mozilla lists them, where there is none.
    pub ca_file: Option<PathBuf>,
    /// PEM files of the client's own certificate, its chain included, and of its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// What cannot be used of a destination's configuration.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the texts say it")]
pub enum ConfigError {
    #[error("{}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: {detail}", path.display())]
    Pem { path: PathBuf, detail: String },
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    #[error("HTTP client: {0}")]
    Http(#[from] reqwest::Error),
    #[error("{url}: {detail}")]
    Url { url: String, detail: String },
    #[error("header {name}: {detail}")]
    Header { name: String, detail: String },
    #[error("{name}: {detail}")]
    Variable { name: &'static str, detail: String },
    #[error("compression: {detail}")]
    Compression { detail: String },
    #[error("gRPC: {0}")]
    Grpc(#[from] tonic::transport::Error),
}

impl Tls {
    /// The client's side of TLS.
    ///
    /// # Errors
    /// A file that cannot be read or used.
    pub(super) fn config(&self) -> Result<ClientConfig, ConfigError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS12, &rustls::version::TLS13])?
            .with_root_certificates(self.roots()?);
        let Some((certificates, key)) = &self.client else { return Ok(builder.with_no_client_auth()) };
        let pem = read_pem(key)?;
        let private = PrivateKeyDer::from_pem_slice(&pem);
        let private = private.map_err(|error| unusable(key, format!("no private key: {error}")))?;
        Ok(builder.with_client_auth_cert(read_certificates(certificates)?, private)?)
    }

    /// What tells that one of the files was renewed: device, inode, size and time of change of each that there is.
    fn state(&self) -> Vec<Option<[i128; 5]>> {
        let client = self.client.iter().flat_map(|(certificates, key)| [certificates, key]);
        let state = |path: &PathBuf| {
            let it = std::fs::metadata(path).ok()?;
            Some([
                it.dev().into(),
                it.ino().into(),
                it.size().into(),
                it.mtime().into(),
                it.mtime_nsec().into(),
            ])
        };
        self.ca_file.iter().chain(client).map(state).collect()
    }

    fn roots(&self) -> Result<RootCertStore, ConfigError> {
        let Some(path) = &self.ca_file else {
            return Ok(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() });
        };
        let mut roots = RootCertStore::empty();
        for certificate in read_certificates(path)? {
            roots.add(certificate).map_err(|error| unusable(path, error.to_string()))?;
        }
        Ok(roots)
    }
}

/// What was made with the files of a [`Tls`], and is made anew once one of them was renewed: certificates of a few
/// hours are usual, and nobody restarts a program for them.
pub(crate) struct Renewed<T> {
    made: T,
    state: Vec<Option<[i128; 5]>>,
}

impl<T> Renewed<T> {
    /// # Errors
    /// It cannot be made.
    pub(crate) fn new(tls: &Tls, make: impl FnOnce() -> Result<T, ConfigError>) -> Result<Self, ConfigError> {
        let state = tls.state();
        Ok(Self { made: make()?, state })
    }

    /// The one of the present files; that of the earlier ones while these cannot be used, as when a certificate was
    /// written and its key was not yet.
    pub(crate) fn get(&mut self, tls: &Tls, make: impl FnOnce() -> Result<T, ConfigError>) -> &mut T {
        let state = tls.state();
        if state != self.state {
            self.state = state;
            match make() {
                Ok(made) => self.made = made,
                Err(error) => tracing::warn!(%error, "certificates were changed and cannot be used yet"),
            }
        }
        &mut self.made
    }
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let pem = read_pem(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|error| unusable(path, error.to_string()))?;
    if certificates.is_empty() {
        return Err(unusable(path, "no certificate in PEM form in it (-----BEGIN CERTIFICATE-----)".into()));
    }
    Ok(certificates)
}

/// A file of certificates or a key.
pub(crate) fn read_pem(path: &Path) -> Result<Vec<u8>, ConfigError> {
    read_limited(path, MAX_CERTIFICATES).map_err(|source| ConfigError::Read { path: path.to_owned(), source })
}

fn unusable(path: &Path, detail: String) -> ConfigError {
    ConfigError::Pem { path: path.to_owned(), detail }
}
