//! Certificates: whom the client believes in each mode, and what it says where it does not.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

use super::*;

/// A certificate with its key, and the PEM form of the authority that it comes from.
struct Shown {
    der: CertificateDer<'static>,
    key: KeyPair,
    authority: String,
}

fn params(name: &str, host: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![host.into()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_after = rcgen::date_time_ymd(2095, 1, 1);
    params
}

fn self_signed(params: &CertificateParams) -> Shown {
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    Shown { der: certificate.der().clone(), key, authority: certificate.pem() }
}

fn issued(params: &CertificateParams) -> Shown {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.distinguished_name.push(DnType::CommonName, "Example CA");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let pem = authority.self_signed(&authority_key).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let der = params.signed_by(&key, &issuer).unwrap().der().clone();
    Shown { der, key, authority: pem }
}

async fn serve(shown: &Shown, versions: &[&'static rustls::SupportedProtocolVersion]) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(shown.key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![shown.der.clone()], key)
        .unwrap();
    let config = axum_server::tls_rustls::RustlsConfig::from_config(Arc::new(config));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let service = router(Arc::default(), |seen| open(&tree(), seen)).into_make_service();
    let server = axum_server::from_tcp_rustls(listener, config).unwrap();
    tokio::spawn(async move { server.serve(service).await });
    address
}

const BOTH: [&rustls::SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

async fn try_with(address: SocketAddr, tls: Tls) -> (Result<Arc<Value>, SourceError>, Client) {
    let mut client = client(&Target { tls, credentials: None, ..target(address) }).await;
    (client.get(ROOT).await, client)
}

fn pin(shown: &Shown) -> [u8; 32] {
    Sha256::digest(&shown.der).into()
}

fn file(folder: &Path, pem: &str) -> Tls {
    let path = folder.join("ca.pem");
    std::fs::write(&path, pem).unwrap();
    Tls::CaFile { path, sha256: None }
}

fn refused(result: Result<Arc<Value>, SourceError>, parts: &[&str]) {
    let error = result.unwrap_err();
    assert_eq!(error.reason, Reason::Tls, "{error}");
    for part in parts {
        assert!(error.detail.contains(part), "{part} is not in: {error}");
    }
}

#[tokio::test]
async fn a_self_signed_certificate_is_refused_unless_pinned_or_insecure() {
    let shown = self_signed(&params("idrac-ABC123", "127.0.0.1"));
    let address = serve(&shown, &BOTH).await;
    let print: String = pin(&shown).iter().map(|byte| format!("{byte:02x}")).collect();
    let (result, client) = try_with(address, Tls::Verify).await;
    let pinned = format!("tls: {{pinned_sha256: {print}}}");
    refused(result, &["idrac-ABC123 is self-signed", "tls: {ca_file: FILE}", &pinned, "tls: insecure"]);
    assert_eq!(client.certificate().unwrap().fingerprint_hex(), print);
    let (result, _) = try_with(address, Tls::Pinned([7; 32])).await;
    refused(result, &["not the pinned one", &print]);
    for tls in [Tls::Pinned(pin(&shown)), Tls::Insecure] {
        let (result, client) = try_with(address, tls).await;
        assert!(result.is_ok(), "{result:?}");
        // `date -u -d 2095-01-01 +%s`
        assert_eq!(client.certificate().unwrap().not_after, Some(3_944_678_400_000));
    }
}

#[tokio::test]
async fn an_authority_in_a_file_is_believed_for_the_right_name() {
    let folder = tempfile::tempdir().unwrap();
    let shown = issued(&params("bmc7", "127.0.0.1"));
    let address = serve(&shown, &BOTH).await;
    let (result, _) = try_with(address, Tls::Verify).await;
    refused(result, &["of bmc7 comes from Example CA, which is not trusted", "ca_file"]);
    let (result, _) = try_with(address, file(folder.path(), &shown.authority)).await;
    assert!(result.is_ok(), "{result:?}");
    let other = issued(&params("bmc8", "bmc8.example"));
    let address = serve(&other, &BOTH).await;
    let (result, _) = try_with(address, file(folder.path(), &other.authority)).await;
    refused(result, &["is for bmc8 and not for 127.0.0.1"]);
    let (result, _) = try_with(address, Tls::Pinned(pin(&other))).await;
    assert!(result.is_ok(), "a pinned certificate need not carry the name");
}

#[tokio::test]
async fn an_expired_certificate_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut params = params("bmc9", "127.0.0.1");
    (params.not_before, params.not_after) =
        (rcgen::date_time_ymd(2001, 1, 1), rcgen::date_time_ymd(2002, 1, 1));
    let shown = issued(&params);
    let address = serve(&shown, &BOTH).await;
    let (result, _) = try_with(address, file(folder.path(), &shown.authority)).await;
    refused(result, &["of bmc9 has expired"]);
}

#[tokio::test]
async fn tls_1_2_is_enough_and_what_speaks_no_tls_is_named() {
    let shown = self_signed(&params("old", "127.0.0.1"));
    let address = serve(&shown, &[&rustls::version::TLS12]).await;
    assert!(try_with(address, Tls::Pinned(pin(&shown))).await.0.is_ok());
    let plain = Server::start(|seen| open(&tree(), seen)).await;
    refused(try_with(plain.address, Tls::Verify).await.0, &["does not speak TLS"]);
}

#[tokio::test]
async fn a_pinned_certificate_without_its_key_is_refused() {
    let shown = self_signed(&params("stolen", "127.0.0.1"));
    let fake = Shown { key: KeyPair::generate().unwrap(), ..self_signed(&params("x", "127.0.0.1")) };
    let fake = Shown { der: shown.der.clone(), ..fake };
    let provider = rustls::crypto::ring::default_provider();
    let key = PrivateKeyDer::try_from(fake.key.serialize_der()).unwrap();
    let key = provider.key_provider.load_private_key(key).unwrap();
    let certified = Arc::new(rustls::sign::CertifiedKey::new(vec![fake.der.clone()], key));
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&BOTH)
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(Arc::unwrap_or_clone(certified))));
    let config = axum_server::tls_rustls::RustlsConfig::from_config(Arc::new(config));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let service = router(Arc::default(), |seen| open(&tree(), seen)).into_make_service();
    let server = axum_server::from_tcp_rustls(listener, config).unwrap();
    tokio::spawn(async move { server.serve(service).await });
    refused(try_with(address, Tls::Pinned(pin(&shown))).await.0, &[]);
}

#[test]
fn files_that_hold_no_authority_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Tls::CaFile { path: folder.path().join("none.pem"), sha256: None };
    let empty = file(folder.path(), "");
    let error = |tls: &Tls| tls::config(tls, Arc::default()).unwrap_err().to_string();
    assert!(error(&empty).contains("ca.pem: no certificate in PEM form"), "{}", error(&empty));
    assert!(error(&missing).contains("none.pem"), "{}", error(&missing));
    let broken = file(folder.path(), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert!(error(&broken).contains("ca.pem"), "{}", error(&broken));
}
