//! One POST to a receiver: bounded in time and in what is read of the answer.
//!
//! Knows no protocol. Redirects are not followed: a request carries a login, and is no page. Proxies come from
//! the configuration only.

use std::error::Error;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Proxy, StatusCode, Url, redirect};
use secrecy::{ExposeSecret, SecretString};

use super::secret::Auth;
use super::tls::{ConfigError, Renewed, Tls};
use super::transport::Outcome;

/// Largest part of an answer that is read: a message for people, or how many samples were left.
const MAX_ANSWER: usize = 64 << 10;

/// Most of a receiver's words that is passed on, in characters.
const MAX_WORDS: usize = 200;

/// Most time for a connection to come up, where a request as a whole may take longer. A cellular modem that
/// wakes up takes some seconds.
pub(crate) const MAX_CONNECT: Duration = Duration::from_secs(15);

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
    client: Renewed<Client>,
    url: Url,
    endpoint: Endpoint,
    headers: HeaderMap,
}

impl Poster {
    /// Connects to nothing yet. `headers`: those of the protocol.
    ///
    /// # Errors
    /// The configuration cannot be used.
    pub(crate) fn new(endpoint: &Endpoint) -> Result<Self, ConfigError> {
        let url = parse_url(&endpoint.url)?;
        let client = Renewed::new(&endpoint.tls, || make_client(endpoint))?;
        let headers = header_map(&endpoint.headers)?;
        Ok(Self { client, url, endpoint: endpoint.clone(), headers })
    }

    /// One request and its answer, whatever its status.
    ///
    /// # Errors
    /// What to make of it where there was no answer.
    pub(crate) async fn post(&mut self, protocol: HeaderMap, body: Bytes) -> Result<Answer, Outcome> {
        let authorization =
            self.endpoint.auth.header().map_err(|error| Outcome::Barred { message: error.to_string() })?;
        let endpoint = &self.endpoint;
        let client = self.client.get(&endpoint.tls, || make_client(endpoint));
        let mut headers = self.headers.clone();
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value);
        }
        let request = client.post(self.url.clone()).headers(headers).headers(protocol);
        let failed = |error: reqwest::Error| match words(&error) {
            message if error.is_connect() => Outcome::Retry { after: None, message },
            message => Outcome::Unanswered { message },
        };
        let mut response = request.body(body).send().await.map_err(failed)?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let mut body = Vec::new();
        // The status is the answer. What was stored would come again for ever where a body breaks off or never ends.
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(chunk.get(..MAX_ANSWER.saturating_sub(body.len())).unwrap_or(&chunk));
            if body.len() >= MAX_ANSWER {
                break;
            }
        }
        Ok(Answer { status, headers, body })
    }
}

fn make_client(endpoint: &Endpoint) -> Result<Client, ConfigError> {
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
    Ok(builder.build()?)
}

/// A URL of HTTP.
pub(crate) fn parse_url(text: &str) -> Result<Url, ConfigError> {
    let wrong = |detail: String| ConfigError::Url { url: shown(text), detail };
    let url = Url::parse(text).map_err(|error| wrong(error.to_string()))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(wrong(format!("{other} is neither http nor https"))),
    }
}

/// A URL without the password that it may hold.
pub(crate) fn shown(url: &str) -> String {
    url.rsplit('@').next().unwrap_or_default().to_owned()
}

/// Headers as reqwest takes them, all marked as sensitive. Of two with one name the later counts: the configuration's,
/// where a variable of the environment has it too.
pub(crate) fn header_map(headers: &[(String, SecretString)]) -> Result<HeaderMap, ConfigError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let wrong = |detail: &str| ConfigError::Header { name: name.clone(), detail: detail.into() };
        let key = HeaderName::try_from(name).map_err(|_| wrong("no name of a header"))?;
        let mut value = HeaderValue::try_from(value.expose_secret())
            .map_err(|_| wrong("its value holds control characters"))?;
        value.set_sensitive(true);
        map.insert(key, value);
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
        if self.is_page() {
            let status = self.status.as_u16();
            return format!(
                "{status}: a web page and no receiver's answer, as of a network that wants a login"
            );
        }
        let words = shorten(&String::from_utf8_lossy(&self.body));
        format!("{}: {words}", self.status.as_u16()).trim_end_matches([':', ' ']).to_owned()
    }

    /// Whether the sender is refused and not the samples: no login, no permission, nothing is paid, nothing at this
    /// address, or nothing that speaks this protocol.
    pub(crate) fn is_barred(&self) -> bool {
        matches!(self.status.as_u16(), 401..=407 | 410 | 415 | 421 | 426 | 431 | 451)
            || self.status.is_redirection()
            || self.is_page()
    }

    /// Whether somebody between answered success to a request that no receiver has seen.
    fn is_page(&self) -> bool {
        let kind = self.headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        self.status.is_success()
            && kind.to_ascii_lowercase().starts_with(b"text/html")
            && self.body.trim_ascii_start().starts_with(b"<")
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
