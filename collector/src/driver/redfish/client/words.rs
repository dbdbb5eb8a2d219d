//! From what went wrong on the wire to a reason and to words that tell the operator what to do.
//!
//! Never holds secrets: neither credentials nor tokens reach this module.

use std::error::Error;

use model::Reason;
use reqwest::StatusCode;
use rustls::{AlertDescription, CertificateError};
use serde_json::Value;

use super::certificate::Certificate;
use crate::target::{Address, Tls};

/// Longest text of a device that is passed on, in characters.
const MAX_DEVICE_TEXT: usize = 200;

/// What went wrong with one request, before it is known what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// Cause.
    pub(super) reason: Reason,
    /// HTTP status, where there was one.
    pub(super) status: Option<u16>,
    /// In words.
    pub(super) detail: String,
}

impl Trouble {
    /// Without a status.
    pub(super) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, status: None, detail: detail.into() }
    }
}

/// Names what failed below HTTP. `certificate` is the one that the device at `address` showed.
pub(super) fn transport(
    error: &reqwest::Error,
    tls: &Tls,
    certificate: Option<&Certificate>,
    address: &Address,
) -> Trouble {
    let host = &address.host;
    if let Some(error) = chain(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        return Trouble::new(Reason::Tls, tls_words(error, tls, certificate, host));
    }
    if error.is_timeout() {
        return silent(address);
    }
    if chain(error).any(|cause| cause.to_string() == "dns error") {
        return Trouble::new(Reason::Dns, format!("the name {host} does not resolve"));
    }
    if error.is_connect() {
        let cause = chain(error).last().map(ToString::to_string).unwrap_or_default();
        return Trouble::new(Reason::Unreachable, format!("no connection to {address}: {cause}"));
    }
    let detail = match chain(error).last() {
        Some(cause) => format!("the answer of {address} broke off or is no HTTP: {cause}"),
        None => format!("the answer of {address} broke off or is no HTTP"),
    };
    Trouble::new(Reason::Protocol, detail)
}

/// No answer came in time.
pub(super) fn silent(address: &Address) -> Trouble {
    Trouble::new(Reason::Timeout, format!("no answer from {address} within the time allowed"))
}

/// The causes of an error. I/O errors don't name what they wrap as their source: it is taken out.
fn chain<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| {
        let wrapped = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        wrapped.map(|wrapped| wrapped as &(dyn Error + 'static)).or_else(|| cause.source())
    })
}

fn tls_words(error: &rustls::Error, tls: &Tls, certificate: Option<&Certificate>, host: &str) -> String {
    match error {
        rustls::Error::InvalidCertificate(why) => match certificate {
            Some(certificate) => certificate_words(why, tls, certificate, host),
            None => format!("the certificate is refused: {why}"),
        },
        rustls::Error::InvalidMessage(_) => {
            "what answers there does not speak TLS: is the port right, or is this a device for `http`?".into()
        }
        rustls::Error::AlertReceived(
            AlertDescription::ProtocolVersion
            | AlertDescription::HandshakeFailure
            | AlertDescription::InsufficientSecurity,
        )
        | rustls::Error::PeerIncompatible(_) => format!(
            "no common TLS version or cipher ({error}): TLS 1.2 with an ECDHE cipher is the least; update the device's firmware or switch its TLS 1.2 on"
        ),
        other => format!("TLS handshake: {other}"),
    }
}

fn certificate_words(why: &CertificateError, tls: &Tls, certificate: &Certificate, host: &str) -> String {
    let fingerprint = certificate.fingerprint_hex();
    let subject = or_nameless(&certificate.subject);
    if matches!(tls, Tls::Pinned(_)) {
        return format!(
            "the certificate is not the pinned one: the device shows {subject} with SHA-256 {fingerprint}; if the device was replaced or its certificate renewed, pin this one"
        );
    }
    let issuer = or_nameless(&certificate.issuer);
    let what = match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("the certificate of {subject} has expired")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("the certificate of {subject} is not valid yet: is the clock of this machine right?")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!(
                "the certificate is for {subject} and not for {host}: use the name that it is for as the address"
            )
        }
        _ if certificate.self_signed => format!("the certificate of {subject} is self-signed"),
        CertificateError::UnknownIssuer => {
            format!("the certificate of {subject} comes from {issuer}, which is not trusted")
        }
        other => format!("the certificate of {subject} from {issuer} is refused: {other}"),
    };
    format!(
        "{what}; set tls: {{ca_file: FILE}} (the authority's certificate), tls: {{pinned_sha256: {fingerprint}}} (this certificate and no other) or tls: insecure"
    )
}

fn or_nameless(name: &str) -> &str {
    if name.is_empty() { "a nameless owner" } else { name }
}

/// Names an answer that is an error by its status. `body` is the decoded body, if it is JSON.
pub(super) fn status(status: StatusCode, body: Option<&Value>) -> Trouble {
    let code = status.as_u16();
    let (reason, what) = match code {
        401 => (Reason::Auth, "the device wants a login for this"),
        403 => {
            (Reason::Refused, "the device refuses: the user's role or the device's licence does not allow it")
        }
        404 | 410 => (Reason::Missing, "not there"),
        429 => (Reason::Busy, "the device says that it is asked too much"),
        502..=504 => (Reason::Busy, "the device is busy or booting"),
        300..=399 => (Reason::Protocol, "redirected to another address, which is not followed"),
        400 => (
            Reason::Refused,
            "the device calls the request bad; some check the Host header: try its IP address",
        ),
        500..=599 => (Reason::Refused, "the device reports an error of its own"),
        _ => (Reason::Protocol, "an unexpected answer"),
    };
    let mut detail = format!("{what} (HTTP {code})");
    if let Some(message) = body.and_then(message) {
        detail.push_str(": ");
        detail.push_str(&message);
    }
    Trouble { reason, status: Some(code), detail }
}

/// The messages of a Redfish error (DSP0266 section 8.6), or of an answer that carries them beside.
fn extended_info(body: &Value) -> impl Iterator<Item = &Value> {
    let lists = [body.pointer("/error/@Message.ExtendedInfo"), body.get("@Message.ExtendedInfo")];
    lists.into_iter().flatten().flat_map(|list| match list {
        Value::Array(messages) => messages.as_slice(),
        single => std::slice::from_ref(single),
    })
}

/// Whether a Redfish error has a message with this key, whatever its registry and version.
pub(super) fn has_message(body: &Value, key: &str) -> bool {
    let code = body.pointer("/error/code").into_iter();
    let ids = extended_info(body).filter_map(|message| message.get("MessageId"));
    code.chain(ids).filter_map(Value::as_str).any(|id| id.rsplit('.').next() == Some(key))
}

fn message(body: &Value) -> Option<String> {
    let first = extended_info(body).filter_map(|message| message.get("Message")).find_map(Value::as_str);
    let text = first.or_else(|| body.pointer("/error/message").and_then(Value::as_str))?;
    Some(text.chars().filter(|c| !c.is_control()).take(MAX_DEVICE_TEXT).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn certificate(subject: &str, issuer: &str) -> Certificate {
        Certificate {
            fingerprint: [0xab; 32],
            not_after: None,
            subject: subject.into(),
            issuer: issuer.into(),
            self_signed: subject == issuer,
        }
    }

    #[test]
    fn a_refused_certificate_names_itself_and_the_three_ways_out() {
        let own = certificate("idrac-X", "idrac-X");
        let words = certificate_words(&CertificateError::UnknownIssuer, &Tls::Verify, &own, "10.0.0.1");
        for part in ["idrac-X is self-signed", "{ca_file: ", "{pinned_sha256: abab", "tls: insecure"] {
            assert!(words.contains(part), "{words}");
        }
        let issued = certificate("bmc7", "Example CA");
        for (why, part) in [
            (CertificateError::UnknownIssuer, "comes from Example CA, which is not trusted"),
            (CertificateError::NotValidForName, "is for bmc7 and not for 10.0.0.1"),
            (CertificateError::Expired, "of bmc7 has expired"),
            (CertificateError::NotValidYet, "clock of this machine"),
        ] {
            let words = certificate_words(&why, &Tls::Verify, &issued, "10.0.0.1");
            assert!(words.contains(part) && words.contains("ca_file"), "{words}");
        }
        let pinned = certificate_words(
            &CertificateError::ApplicationVerificationFailure,
            &Tls::Pinned([0; 32]),
            &issued,
            "10.0.0.1",
        );
        assert!(pinned.contains("not the pinned one") && pinned.contains("abab"), "{pinned}");
    }

    #[test]
    fn each_status_has_its_reason() {
        for (code, reason) in [
            (302, Reason::Protocol),
            (400, Reason::Refused),
            (401, Reason::Auth),
            (403, Reason::Refused),
            (404, Reason::Missing),
            (405, Reason::Protocol),
            (410, Reason::Missing),
            (429, Reason::Busy),
            (500, Reason::Refused),
            (501, Reason::Refused),
            (502, Reason::Busy),
            (503, Reason::Busy),
            (504, Reason::Busy),
        ] {
            let trouble = status(StatusCode::from_u16(code).unwrap(), None);
            assert_eq!((trouble.reason, trouble.status), (reason, Some(code)), "{code}");
            assert!(trouble.detail.ends_with(&format!("(HTTP {code})")));
        }
    }

    #[test]
    fn the_device_s_own_words_are_added_clean_and_short() {
        let long = "x".repeat(1000);
        let body = json!({"error": {"@Message.ExtendedInfo": [{
            "MessageId": "SMC.1.0.OemLicenseNotPassed",
            "Message": format!("Not licensed\r\n\u{1b}[2J{long}"),
        }]}});
        let detail = status(StatusCode::FORBIDDEN, Some(&body)).detail;
        assert!(detail.contains("(HTTP 403): Not licensed[2Jxxx") && detail.len() < 400, "{detail}");
        assert!(has_message(&body, "OemLicenseNotPassed"));
        assert!(!has_message(&body, "SessionLimitExceeded"));
        let single = json!({"error": {"code": "Base.1.8.SessionLimitExceeded", "message": "full"}});
        assert!(has_message(&single, "SessionLimitExceeded"));
    }
}
