//! How a device's certificate is judged, and what is remembered of it.
//!
//! TLS 1.2 and 1.3 (RFC 5246, RFC 8446) by rustls on ring. One verifier stands in front of every mode,
//! so that the certificate is known for metrics and error words even where it is refused.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::certificate::Certificate;
use crate::target::Tls;

/// Largest file of certificate authorities. The public roots of a distribution take 250 KB.
const MAX_CA_FILE: u64 = 4 * 1024 * 1024;

/// Sessions kept for resumption: one device is one server.
const RESUMED_SESSIONS: usize = 2;

/// Why no TLS client could be made. Always a mistake in the configuration.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the texts say it")]
pub enum TlsError {
    #[error("{}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: larger than {MAX_CA_FILE} bytes: this is no file of certificate authorities", path.display())]
    TooLarge { path: PathBuf },
    #[error("{}: no certificate in PEM form in it (-----BEGIN CERTIFICATE-----)", path.display())]
    NoCertificate { path: PathBuf },
    #[error("{}: {detail}", path.display())]
    Malformed { path: PathBuf, detail: String },
    #[error("certificate authorities: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    #[error("TLS: {0}")]
    Config(#[from] rustls::Error),
    #[error("HTTP client: {0}")]
    Http(#[from] reqwest::Error),
}

/// The certificate that a device showed last.
#[derive(Debug, Default)]
pub struct Peer(Mutex<Option<Arc<Certificate>>>);

impl Peer {
    /// The certificate, once there was a handshake.
    pub fn certificate(&self) -> Option<Arc<Certificate>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn saw(&self, certificate: Certificate) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(certificate));
    }
}

/// A TLS client for one target. What it sees of the device goes to `peer`.
///
/// # Errors
/// A file of certificate authorities that cannot be used.
pub fn config(tls: &Tls, peer: Arc<Peer>) -> Result<ClientConfig, TlsError> {
    let provider = provider();
    let judgement = match tls {
        Tls::Verify | Tls::Plain => Judgement::Roots(roots_verifier(public_roots()?)?),
        Tls::CaFile { path, .. } => Judgement::Roots(roots_verifier(Arc::new(read_roots(path)?))?),
        Tls::Pinned(fingerprint) => Judgement::Pinned(*fingerprint),
        Tls::Insecure => Judgement::None,
    };
    let verifier = Verifier { judgement, provider: Arc::clone(&provider), peer };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12, &rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.resumption = Resumption::in_memory_sessions(RESUMED_SESSIONS);
    Ok(config)
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())))
}

fn roots_verifier(roots: Arc<RootCertStore>) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
    Ok(WebPkiServerVerifier::builder_with_provider(roots, provider()).build()?)
}

/// Mozilla's list, and the file that `SSL_CERT_FILE` names. Read once for the whole program.
fn public_roots() -> Result<Arc<RootCertStore>, TlsError> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    if let Some(roots) = ROOTS.get() {
        return Ok(Arc::clone(roots));
    }
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()) {
        roots.roots.extend(read_roots(Path::new(&path))?.roots);
    }
    Ok(Arc::clone(ROOTS.get_or_init(|| Arc::new(roots))))
}

fn read_roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let failed = |source| TlsError::Read { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(failed)?.len() > MAX_CA_FILE {
        return Err(TlsError::TooLarge { path: path.to_owned() });
    }
    let pem = std::fs::read(path).map_err(failed)?;
    let malformed = |detail: String| TlsError::Malformed { path: path.to_owned(), detail };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| malformed(error.to_string()))?;
        roots.add(certificate).map_err(|error| malformed(error.to_string()))?;
    }
    if roots.is_empty() { Err(TlsError::NoCertificate { path: path.to_owned() }) } else { Ok(roots) }
}

#[derive(Debug)]
enum Judgement {
    /// Chain, time and name, against these authorities.
    Roots(Arc<WebPkiServerVerifier>),
    /// This certificate and no other. Time and name don't count: the operator has seen it.
    Pinned([u8; 32]),
    /// Nothing is judged, the signatures of the handshake neither: old devices have keys that no
    /// library accepts any more, and without a known certificate a signature proves nothing.
    None,
}

#[derive(Debug)]
struct Verifier {
    judgement: Judgement,
    provider: Arc<CryptoProvider>,
    peer: Arc<Peer>,
}

impl Verifier {
    /// Judges a signature of the handshake by the algorithms of the provider.
    fn verify_signature(
        &self,
        verify: impl FnOnce(&WebPkiSupportedAlgorithms) -> Result<HandshakeSignatureValid, rustls::Error>,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match self.judgement {
            Judgement::None => Ok(HandshakeSignatureValid::assertion()),
            _ => verify(&self.provider.signature_verification_algorithms),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificate = Certificate::read(leaf);
        let fingerprint = certificate.fingerprint;
        self.peer.saw(certificate);
        match &self.judgement {
            Judgement::Roots(verifier) => verifier.verify_server_cert(leaf, intermediates, name, ocsp, now),
            Judgement::Pinned(pin) if *pin != fingerprint => {
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
            Judgement::Pinned(_) | Judgement::None => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verify_signature(|algorithms| verify_tls12_signature(message, leaf, signed, algorithms))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verify_signature(|algorithms| verify_tls13_signature(message, leaf, signed, algorithms))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.provider.signature_verification_algorithms.supported_schemes();
        if matches!(self.judgement, Judgement::None) {
            schemes.extend([SignatureScheme::RSA_PKCS1_SHA1, SignatureScheme::ECDSA_SHA1_Legacy]);
        }
        schemes
    }
}
