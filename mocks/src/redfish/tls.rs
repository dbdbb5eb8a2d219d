//! The self-signed certificate that a BMC shows.
//!
//! It stands for itself, as end entity and trust anchor: a client trusts it by PEM or by fingerprint.

use super::door::hex;
use super::options::Certificate;
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::sync::Arc;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// It cannot be made.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// rustls does not take it.
    #[error("cannot set up TLS")]
    Rustls(#[from] rustls::Error),
}

/// A certificate and the set-up that shows it.
pub(super) struct Identity {
    pub(super) config: Arc<ServerConfig>,
    pub(super) pem: String,
    /// SHA-256 of the DER form, `AA:BB:…`.
    pub(super) fingerprint: String,
}

/// Makes a key and a certificate for a server that listens at `address`.
pub(super) fn identity(kind: Certificate, address: IpAddr) -> Result<Identity, TlsError> {
    let names = match kind {
        Certificate::WrongHost => vec!["bmc.invalid".to_owned()],
        _ => vec!["localhost".to_owned(), address.to_string()],
    };
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "lightsout mock BMC");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = match kind {
        Certificate::Expired => date_time_ymd(2001, 1, 1),
        _ => date_time_ymd(2100, 1, 1),
    };
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Identity {
        config: Arc::new(config),
        pem: certificate.pem(),
        fingerprint: hex(&Sha256::digest(certificate.der()), ":"),
    })
}
