//! The web configuration file: users, TLS with client certificates, headers, rereading, mistakes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use collector::status::TargetState;
use collector::web::toolkit::WebConfig;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::{Certificate, Client, Identity, StatusCode, Version};
use tempfile::TempDir;

use crate::server::{Server, client, start_with, target};

fn write(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

async fn serve(path: &Path) -> Server {
    let config = Arc::new(WebConfig::open(path).unwrap_or_else(|problems| panic!("{problems}")));
    start_with(vec![target("pdu-a", TargetState::Up, None)], Some(config)).await
}

/// Problems of a file with this text, as printed, without its folder.
fn problems(text: &str) -> String {
    let folder = TempDir::new().unwrap();
    let path = write(&folder, "web.yml", text);
    let printed = match WebConfig::open(&path) {
        Ok(_) => String::new(),
        Err(problems) => problems.render(),
    };
    printed.replace(&format!("{}/", folder.path().display()), "")
}

fn users(password: &str) -> String {
    format!("basic_auth_users:\n  anna: {}\n", bcrypt::hash(password, 4).unwrap())
}

async fn status(server: &Server, login: Option<(&str, &str)>) -> StatusCode {
    let request = client().get(server.url("/-/healthy"));
    let request = match login {
        Some((user, password)) => request.basic_auth(user, Some(password)),
        None => request,
    };
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn only_the_right_password_opens() {
    let folder = TempDir::new().unwrap();
    let server = serve(&write(&folder, "web.yml", &users("right"))).await;
    for (login, expected) in [
        (None, StatusCode::UNAUTHORIZED),
        (Some(("anna", "wrong")), StatusCode::UNAUTHORIZED),
        (Some(("anna", "")), StatusCode::UNAUTHORIZED),
        (Some(("otto", "right")), StatusCode::UNAUTHORIZED),
        (Some(("", "")), StatusCode::UNAUTHORIZED),
        (Some(("anna", "right")), StatusCode::OK),
        (Some(("anna", "right")), StatusCode::OK),
        (Some(("anna", "wrong")), StatusCode::UNAUTHORIZED),
    ] {
        assert_eq!(status(&server, login).await, expected, "{login:?}");
    }
    let answer = client().get(server.url("/metrics")).send().await.unwrap();
    assert!(answer.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic realm="));
    for garbage in ["Basic ???", "Basic", "Bearer abc", "Basic OjpvdHRv/w=="] {
        let request = client().get(server.url("/")).header("authorization", garbage);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::UNAUTHORIZED, "{garbage}");
    }
}

#[tokio::test]
async fn a_changed_file_counts_at_once_and_a_wrong_one_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let path = write(&folder, "web.yml", &users("first"));
    let server = serve(&path).await;
    assert_eq!(status(&server, Some(("anna", "first"))).await, StatusCode::OK);
    write(&folder, "web.yml", &format!("{}# changed\n", users("second")));
    assert_eq!(status(&server, Some(("anna", "first"))).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&server, Some(("anna", "second"))).await, StatusCode::OK);
    write(&folder, "web.yml", "basic_auth_user: {}\n");
    assert_eq!(status(&server, None).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&server, Some(("anna", "second"))).await, StatusCode::OK);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(status(&server, None).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn headers_and_rate_limit_are_held() {
    let folder = TempDir::new().unwrap();
    let text = "http_server_config:\n  headers:\n    X-Frame-Options: SAMEORIGIN\n    \
        Strict-Transport-Security: max-age=31536000\nrate_limit:\n  interval: 1h\n  burst: 2\n";
    let server = serve(&write(&folder, "web.yml", text)).await;
    let mut found = Vec::new();
    for _ in 0..3 {
        let answer = client().get(server.url("/-/healthy")).send().await.unwrap();
        assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
        assert_eq!(answer.headers()["x-frame-options"], "SAMEORIGIN");
        found.push(answer.status());
    }
    assert_eq!(found, [StatusCode::OK, StatusCode::OK, StatusCode::TOO_MANY_REQUESTS]);
}

/// An authority that signs certificates for tests.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// Certificate and key, as PEM.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    fn client(&self, identity: Option<&(String, String)>) -> Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let root = Certificate::from_pem(self.pem().as_bytes()).unwrap();
        let builder = Client::builder().no_proxy().tls_certs_only([root]);
        let builder = match identity {
            Some((certificate, key)) => {
                builder.identity(Identity::from_pem(format!("{certificate}{key}").as_bytes()).unwrap())
            }
            None => builder,
        };
        builder.build().unwrap()
    }
}

fn write_tls(folder: &TempDir, authority: &Authority, name: &str, rest: &str) -> PathBuf {
    let (certificate, key) = authority.sign(name);
    write(folder, "server.pem", &certificate);
    write(folder, "server.key", &key);
    write(folder, "ca.pem", &authority.pem());
    let text = format!("tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n{rest}");
    write(folder, "web.yml", &text)
}

async fn over_tls(server: &Server, client: &Client, host: &str) -> Result<StatusCode, reqwest::Error> {
    let url = format!("https://{host}:{}/-/healthy", server.address.port());
    client.get(url).send().await.map(|answer| answer.status())
}

#[tokio::test]
async fn http2_is_offered_unless_it_is_switched_off() {
    for (rest, version) in
        [("", Version::HTTP_2), ("http_server_config:\n  http2: false\n", Version::HTTP_11)]
    {
        let (folder, authority) = (TempDir::new().unwrap(), Authority::new());
        let server = serve(&write_tls(&folder, &authority, "127.0.0.1", rest)).await;
        let url = format!("https://{}/-/healthy", server.address);
        let answer = authority.client(None).get(url).send().await.unwrap();
        assert_eq!((answer.status(), answer.version()), (StatusCode::OK, version));
    }
}

#[tokio::test]
async fn client_certificates_are_demanded_and_verified() {
    let (folder, authority) = (TempDir::new().unwrap(), Authority::new());
    let rest = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n";
    let server = serve(&write_tls(&folder, &authority, "127.0.0.1", rest)).await;
    let (own, foreign) = (authority.sign("prometheus"), Authority::new().sign("prometheus"));
    let allowed = over_tls(&server, &authority.client(Some(&own)), "127.0.0.1").await;
    assert_eq!(allowed.unwrap(), StatusCode::OK);
    assert!(over_tls(&server, &authority.client(None), "127.0.0.1").await.is_err());
    assert!(over_tls(&server, &authority.client(Some(&foreign)), "127.0.0.1").await.is_err());
    assert!(client().get(server.url("/-/healthy")).send().await.is_err(), "plain HTTP was answered");
}

#[tokio::test]
async fn a_renewed_certificate_is_used_by_the_next_handshake() {
    let (folder, authority) = (TempDir::new().unwrap(), Authority::new());
    let rest = "  min_version: TLS13\n  curve_preferences: [CurveP256]\n";
    let server = serve(&write_tls(&folder, &authority, "127.0.0.1", rest)).await;
    assert!(over_tls(&server, &authority.client(None), "127.0.0.1").await.is_ok());
    assert!(over_tls(&server, &authority.client(None), "localhost").await.is_err());
    write(&folder, "server.key", "no key at all");
    assert!(over_tls(&server, &authority.client(None), "127.0.0.1").await.is_ok(), "half a renewal");
    write_tls(&folder, &authority, "localhost", rest);
    assert!(over_tls(&server, &authority.client(None), "localhost").await.is_ok());
    assert!(over_tls(&server, &authority.client(None), "127.0.0.1").await.is_err());
}

#[test]
fn mistakes_are_named_with_their_place() {
    let text = "basic_auth_users:\n  anna: hunter2\n  otto: $2y$99$abc\nhttp_server_config:\n  headers:\n    \
        'a b': c\n";
    let printed = problems(text);
    for expected in [
        "web.yml:2:9: basic_auth_users.anna: the password is not a bcrypt hash",
        "web.yml:3:9: basic_auth_users.otto: the password is not a bcrypt hash",
        "web.yml:6:12: http_server_config.headers[\"a b\"]: this is no valid HTTP header",
    ] {
        assert!(printed.contains(expected), "{expected} is not in\n{printed}");
    }
    assert!(!printed.contains("hunter2"), "{printed}");
}

#[test]
fn what_is_not_supported_is_refused() {
    let tls = |rest: &str| {
        let (folder, authority) = (TempDir::new().unwrap(), Authority::new());
        let path = write_tls(&folder, &authority, "localhost", rest);
        WebConfig::open(path).err().map(|problems| problems.to_string()).unwrap_or_default()
    };
    for (rest, expected) in [
        ("  client_auth_type: RequireAnyClientCert\n", "RequireAndVerifyClientCert"),
        ("  client_auth_type: RequireAndVerifyClientCert\n", "name the authorities in client_ca_file"),
        ("  client_allowed_sans: [a]\n", "client_allowed_sans"),
        ("  min_version: TLS10\n", "TLS12"),
        ("  min_version: TLS13\n  max_version: TLS12\n", "min_version is above max_version"),
        ("  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
        (
            "  client_ca_file: server.key\n  client_auth_type: VerifyClientCertIfGiven\n",
            "holds no PEM certificate",
        ),
    ] {
        let printed = tls(rest);
        assert!(printed.contains(expected), "{rest}: {printed}");
    }
    let suites = "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]\n";
    assert_eq!(tls(suites), "");
    assert_eq!(tls("  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.pem\n"), "");
    let printed = problems("tls_server_config:\n  cert_file: missing.pem\n  key_file: missing.key\n");
    assert!(printed.contains("tls_server_config.cert_file: cannot read missing.pem"), "{printed}");
    assert!(printed.contains("No such file"), "{printed}");
    assert!(WebConfig::open("/nonexistent/web.yml").is_err());
}
