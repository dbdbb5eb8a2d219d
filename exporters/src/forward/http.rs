//! One POST to a receiver: bounded in time and in what is read of the answer.
//!
//! Knows no protocol. Redirects are not followed: a request carries a login, and is no page. Proxies come from
//! the configuration only.

use std::error::Error;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Proxy, StatusCode, Url, redirect};
use secrecy::{ExposeSecret, SecretString};

use super::secret::Auth;
use super::tls::{ConfigError, Tls};
use super::transport::Outcome;

/// Largest part of an answer that is read: a message for people, or how many samples were left.
const MAX_ANSWER: usize = 64 << 10;

/// Most of a receiver's words that is passed on, in characters.
const MAX_WORDS: usize = 200;

/// Most time for a connection to come up, where a request as a whole may take longer. A cellular modem that
/// wakes up takes some seconds.
const MAX_CONNECT: Duration = Duration::from_secs(15);

/// Where requests go, and as whom.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Absolute URL, `http` or `https`.
    pub url: String,
    /// Trust and identity, for `https`.
    pub tls: Tls,
    /// Login.
    pub auth: Auth,
    /// Headers of every request. Their values may be secrets.
    pub headers: Vec<(String, SecretString)>,
    /// URL of an HTTP proxy.
    pub proxy: Option<String>,
    /// Time for one request and its answer. Default 30 s: a full batch over a slow cellular link.
    pub timeout: Duration,
}

impl Endpoint {
    /// An endpoint without login and headers.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            tls: Tls::default(),
            auth: Auth::None,
            headers: Vec::new(),
            proxy: None,
            timeout: Duration::from_secs(30),
        }
    }
}

/// An answer, or as much of it as is read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Sends requests to one URL.
pub(crate) struct Poster {
    client: Client,
    url: Url,
    auth: Auth,
    headers: HeaderMap,
}

impl Poster {
    /// Connects to nothing yet. `headers`: those of the protocol.
    ///
    /// # Errors
    /// The configuration cannot be used.
    pub(crate) fn new(endpoint: &Endpoint) -> Result<Self, ConfigError> {
        let url = parse_url(&endpoint.url)?;
        let mut builder = Client::builder()
            .tls_backend_preconfigured(endpoint.tls.config()?)
            .redirect(redirect::Policy::none())
            .http1_only()
            .no_proxy()
            .referer(false)
            .timeout(endpoint.timeout)
            .connect_timeout(endpoint.timeout.min(MAX_CONNECT))
            .pool_max_idle_per_host(1)
            .user_agent(concat!("lightsout/", env!("CARGO_PKG_VERSION")));
        if let Some(proxy) = &endpoint.proxy {
            builder = builder.proxy(Proxy::all(parse_url(proxy)?)?);
        }
        let headers = header_map(&endpoint.headers)?;
        Ok(Self { client: builder.build()?, url, auth: endpoint.auth.clone(), headers })
    }

    /// One request and its answer, whatever its status.
    ///
    /// # Errors
    /// What to make of it where there was no answer.
    pub(crate) async fn post(&self, protocol: HeaderMap, body: Bytes) -> Result<Answer, Outcome> {
        let authorization =
            self.auth.header().map_err(|error| Outcome::Barred { message: error.to_string() })?;
        let mut request = self.client.post(self.url.clone()).headers(self.headers.clone()).headers(protocol);
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value);
        }
        let failed = |error: reqwest::Error| Outcome::Retry { after: None, message: words(&error) };
        let mut response = request.body(body).send().await.map_err(failed)?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            body.extend_from_slice(chunk.get(..MAX_ANSWER.saturating_sub(body.len())).unwrap_or(&chunk));
            if body.len() >= MAX_ANSWER {
                break;
            }
        }
        Ok(Answer { status, headers, body })
    }
}

fn parse_url(text: &str) -> Result<Url, ConfigError> {
    // A URL may hold a password: only its place is named.
    let shown = || text.split_once('@').map_or(text, |(_, host)| host).to_owned();
    let url =
        Url::parse(text).map_err(|error| ConfigError::Url { url: shown(), detail: error.to_string() })?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(ConfigError::Url { url: shown(), detail: format!("{other} is neither http nor https") }),
    }
}

/// Headers as reqwest takes them, all marked as sensitive.
pub(crate) fn header_map(headers: &[(String, SecretString)]) -> Result<HeaderMap, ConfigError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let wrong = |detail: &str| ConfigError::Header { name: name.clone(), detail: detail.into() };
        let key = HeaderName::try_from(name).map_err(|_| wrong("no name of a header"))?;
        let mut value = HeaderValue::try_from(value.expose_secret())
            .map_err(|_| wrong("its value holds control characters"))?;
        value.set_sensitive(true);
        map.append(key, value);
    }
    Ok(map)
}

/// The innermost cause says what happened; the outer ones say that something did.
pub(crate) fn words(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&cause| {
        let wrapped = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        wrapped.map(|wrapped| wrapped as &(dyn Error + 'static)).or_else(|| cause.source())
    });
    causes.last().map_or_else(String::new, |cause| shorten(&cause.to_string()))
}

/// A text of somebody else in one short line.
pub(crate) fn shorten(text: &str) -> String {
    let line = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    line.take(MAX_WORDS).collect()
}

impl Answer {
    /// Status and the receiver's words.
    pub(crate) fn message(&self) -> String {
        let words = shorten(&String::from_utf8_lossy(&self.body));
        format!("{}: {words}", self.status.as_u16()).trim_end_matches([':', ' ']).to_owned()
    }

    /// Whether the sender is refused and not the samples: no login, no permission, nothing at this address.
    pub(crate) fn is_barred(&self) -> bool {
        matches!(self.status.as_u16(), 401 | 403 | 404 | 405 | 407 | 410) || self.status.is_redirection()
    }

    /// How long the receiver asks to be left alone: RFC 9110, 10.2.3. A date is taken against the answer's
    /// own, for our clock may be wrong.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let text = |name| self.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let after = text(&RETRY_AFTER)?.trim();
        if let Ok(seconds) = after.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = |text| httpdate::parse_http_date(text).ok();
        let (until, now): (SystemTime, SystemTime) = (date(after)?, date(text(&DATE)?)?);
        Some(until.duration_since(now).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry_after(headers: &[(HeaderName, &'static str)]) -> Option<u64> {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        let answer = Answer { status: StatusCode::OK, headers: headers.collect(), body: Vec::new() };
        answer.retry_after().map(|after| after.as_secs())
    }

    #[test]
    fn retry_after_in_seconds_or_as_a_date() {
        let date = "Fri, 31 Dec 1999 23:57:00 GMT";
        let later = "Fri, 31 Dec 1999 23:59:00 GMT";
        assert_eq!(retry_after(&[]), None);
        assert_eq!(retry_after(&[(RETRY_AFTER, "120")]), Some(120));
        assert_eq!(retry_after(&[(RETRY_AFTER, later), (DATE, date)]), Some(120));
        assert_eq!(retry_after(&[(RETRY_AFTER, date), (DATE, later)]), Some(0));
        assert_eq!(retry_after(&[(RETRY_AFTER, later)]), None);
        assert_eq!(retry_after(&[(RETRY_AFTER, "-1")]), None);
        assert_eq!(retry_after(&[(RETRY_AFTER, "soon"), (DATE, date)]), None);
    }

    #[test]
    fn what_cannot_be_used_is_named_without_its_secrets() {
        let wrong = Endpoint::new("ftp://user:hunter2@metrics.example/");
        let error = Poster::new(&wrong).err().unwrap().to_string();
        assert_eq!(error, "metrics.example/: ftp is neither http nor https");
        let mut wrong = Endpoint::new("http://metrics.example/");
        wrong.headers.push(("X-Token".into(), "hunter2\n".into()));
        let error = Poster::new(&wrong).err().unwrap().to_string();
        assert_eq!(error, "header X-Token: its value holds control characters");
    }
}
