//! TLS of the server, from the configuration to rustls.
//!
//! The cipher suites of TLS 1.3 are not configurable, as in Go: `cipher_suites` narrows those of TLS 1.2.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedCipherSuite};

use super::file::{ClientAuth, Curve, TlsServerConfig, Version, read};

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    #[error("{detail}")]
    File { key: &'static str, detail: String },
    #[error("{path} holds no PEM {what}")]
    NoPem { key: &'static str, path: PathBuf, what: &'static str },
    #[error("the certificate and the key do not fit: {source}")]
    Pair { source: rustls::Error },
    #[error("client certificates are to be verified: name the authorities in client_ca_file")]
    NoClientCa,
    #[error("the authorities cannot be used: {detail}")]
    ClientCa { detail: String },
    #[error("min_version is above max_version")]
    Versions,
    #[error("{name} is not supported: these are: {supported}")]
    CipherSuite { name: String, supported: String },
}

impl TlsError {
    /// The key of `tls_server_config` that is at fault.
    pub(super) const fn key(&self) -> &'static str {
        match self {
            Self::File { key, .. } | Self::NoPem { key, .. } => key,
            Self::Pair { .. } => "key_file",
            Self::NoClientCa => "client_auth_type",
            Self::ClientCa { .. } => "client_ca_file",
            Self::Versions => "min_version",
            Self::CipherSuite { .. } => "cipher_suites",
        }
    }
}

/// What handshakes work with.
pub(super) fn server_config(config: &TlsServerConfig, http2: bool) -> Result<ServerConfig, TlsError> {
    let chain = certificates("cert_file", &config.cert_file)?;
    let bytes = file("key_file", &config.key_file)?;
    let key = PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| TlsError::NoPem {
        key: "key_file",
        path: config.key_file.clone(),
        what: "private key",
    })?;
    let provider = Arc::new(provider(config)?);
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(config)?)
        .map_err(|source| TlsError::Pair { source })?;
    let builder = match config.client_auth_type {
        ClientAuth::NoClientCert => builder.with_no_client_auth(),
        kind => builder.with_client_cert_verifier(verifier(config, kind, provider)?),
    };
    let mut server = builder.with_single_cert(chain, key).map_err(|source| TlsError::Pair { source })?;
    server.ignore_client_order = config.prefer_server_cipher_suites;
    let protocols: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    server.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(server)
}

fn file(key: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    read(path).map_err(|detail| TlsError::File { key, detail })
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = file(key, path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(TlsError::NoPem { key, path: path.to_owned(), what: "certificate" }),
    }
}

fn versions(config: &TlsServerConfig) -> Result<Vec<&'static rustls::SupportedProtocolVersion>, TlsError> {
    let all = [(Version::Tls13, &rustls::version::TLS13), (Version::Tls12, &rustls::version::TLS12)];
    let wanted = config.min_version..=config.max_version;
    let versions: Vec<_> =
        all.into_iter().filter(|(version, _)| wanted.contains(version)).map(|(_, version)| version).collect();
    if versions.is_empty() { Err(TlsError::Versions) } else { Ok(versions) }
}

fn verifier(
    config: &TlsServerConfig,
    kind: ClientAuth,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, TlsError> {
    let path = config.client_ca_file.as_deref().ok_or(TlsError::NoClientCa)?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates("client_ca_file", path)? {
        roots.add(certificate).map_err(|error| TlsError::ClientCa { detail: error.to_string() })?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = match kind {
        ClientAuth::VerifyClientCertIfGiven => builder.allow_unauthenticated(),
        _ => builder,
    };
    builder.build().map_err(|error| TlsError::ClientCa { detail: error.to_string() })
}

fn provider(config: &TlsServerConfig) -> Result<CryptoProvider, TlsError> {
    let mut provider = ring::default_provider();
    if !config.cipher_suites.is_empty() {
        provider.cipher_suites = cipher_suites(&config.cipher_suites, &provider.cipher_suites)?;
    }
    if !config.curve_preferences.is_empty() {
        provider.kx_groups = config.curve_preferences.iter().map(|curve| group(*curve)).collect();
    }
    Ok(provider)
}

const fn group(curve: Curve) -> &'static dyn SupportedKxGroup {
    match curve {
        Curve::CurveP256 => ring::kx_group::SECP256R1,
        Curve::CurveP384 => ring::kx_group::SECP384R1,
        Curve::X25519 => ring::kx_group::X25519,
    }
}

fn cipher_suites(
    names: &[String],
    all: &[SupportedCipherSuite],
) -> Result<Vec<SupportedCipherSuite>, TlsError> {
    let (mut suites, tls12): (Vec<_>, Vec<_>) =
        all.iter().copied().partition(|suite| suite.version() == &rustls::version::TLS13);
    for name in names {
        if suites.iter().any(|suite| go_name(suite) == *name) {
            continue;
        }
        match tls12.iter().find(|suite| go_name(suite) == *name) {
            Some(suite) => suites.push(*suite),
            None => {
                let supported: Vec<_> = all.iter().map(go_name).collect();
                return Err(TlsError::CipherSuite { name: name.clone(), supported: supported.join(", ") });
            }
        }
    }
    Ok(suites)
}

/// The name that Go, and so the exporter-toolkit, has for a suite: that of IANA.
fn go_name(suite: &SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1)
}
