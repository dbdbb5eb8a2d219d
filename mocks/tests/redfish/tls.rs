//! TLS: the certificate can be trusted by PEM, and only by those who do.

use super::{client, install_provider, start};
use base64::Engine;
use mocks::redfish::{Certificate, Server};
use reqwest::{Client, StatusCode};
use sha2::{Digest, Sha256};

/// Asks a server as a client that trusts its certificate and no other.
async fn trusting(server: &Server) -> reqwest::Result<StatusCode> {
    install_provider();
    let pem = reqwest::Certificate::from_pem(server.certificate_pem().unwrap().as_bytes()).unwrap();
    let client = Client::builder().no_proxy().tls_certs_only([pem]).build().unwrap();
    Ok(client.get(server.url() + "/redfish/v1").send().await?.status())
}

#[tokio::test]
async fn a_valid_certificate_is_trusted_by_its_pem_only() {
    let server = start(|options| options.tls = Some(Certificate::Valid));
    assert!(server.url().starts_with("https://127.0.0.1:"));
    assert_eq!(trusting(&server).await.unwrap(), StatusCode::OK);
    assert!(client().get(server.url() + "/redfish/v1").send().await.is_err());
}

#[tokio::test]
async fn an_expired_certificate_or_one_for_another_host_is_refused() {
    for (kind, reason) in [(Certificate::Expired, "expired"), (Certificate::WrongHost, "notvalidforname")] {
        let server = start(|options| options.tls = Some(kind));
        let error = format!("{:?}", trusting(&server).await.unwrap_err());
        assert!(error.to_lowercase().contains(reason), "{kind:?}: {error}");
    }
}

#[tokio::test]
async fn the_fingerprint_is_that_of_the_certificate() {
    let server = start(|options| options.tls = Some(Certificate::Valid));
    let pem = server.certificate_pem().unwrap();
    let code: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(code).unwrap();
    let expected: Vec<String> = Sha256::digest(der).iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(server.certificate_fingerprint().unwrap(), expected.join(":"));
}
