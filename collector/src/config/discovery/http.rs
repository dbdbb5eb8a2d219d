//! Target lists over HTTP, in the format of Prometheus's HTTP SD.
//!
//! Never follows a redirect, so that a token goes nowhere else, and never reads more than
//! [`MAX_BYTES`] of an answer.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{StatusCode, Url, header};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;

use super::{Discovered, List, Origin};
use crate::config::file;
use crate::config::flaw::Flaw;
use crate::config::rules::{Rules, resolve_tls};
use crate::config::secret::{self, Surroundings};
use crate::target::Tls;
use crate::yaml::MAX_BYTES;

/// Time from one request to the next where the configuration says none, as in Prometheus.
const DEFAULT_REFRESH: Duration = Duration::from_secs(60);
/// Shortest time from one request to the next that a configuration may ask for.
const MIN_REFRESH: Duration = Duration::from_secs(5);
/// Time for a request: NetBox takes seconds for thousands of devices.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// Header that tells the server how often it is asked.
const REFRESH_HEADER: &str = "X-Prometheus-Refresh-Interval-Seconds";

/// A target list over HTTP.
#[derive(Debug)]
pub struct Source {
    origin: Origin,
    pub(super) url: Url,
    pub(super) refresh: Duration,
    timeout: Duration,
    /// Value of the Authorization header.
    authorization: Option<SecretString>,
    tls: Tls,
}

/// Why a list could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No answer, or none that is HTTP.
    #[error("{url}: {}", chain(source))]
    Request {
        /// What was asked.
        url: Url,
        /// Why.
        source: reqwest::Error,
    },
    /// An answer that is no list.
    #[error("{url}: the server answered {status}; {}", advice(*status))]
    Status {
        /// What was asked.
        url: Url,
        /// What was answered.
        status: StatusCode,
    },
    /// The answer is too long.
    #[error(
        "{url}: the answer is longer than {MAX_BYTES} bytes; ask for fewer devices, for example with a filter"
    )]
    TooLong {
        /// What was asked.
        url: Url,
    },
    /// The answer is no UTF-8 text.
    #[error("{url}: the answer is no UTF-8 text")]
    NotText {
        /// What was asked.
        url: Url,
    },
    /// The answer is no list of targets.
    #[error("{0}")]
    NotAList(crate::yaml::Problems),
}

fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn advice(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "check token_file or token_env, and token_type",
        StatusCode::NOT_FOUND => "check the path of the URL",
        status if status.is_redirection() => "write the URL that it redirects to",
        _ => "look into the server's log",
    }
}

impl Source {
    pub(in crate::config) fn new(
        written: file::HttpSource,
        name: String,
        rules: Arc<Rules>,
        around: &Surroundings<'_>,
    ) -> Result<Self, Vec<Flaw>> {
        let mut flaws = Vec::new();
        let url = url(&written.url).map_err(|flaw| flaws.push(flaw));
        let refresh = written.refresh_interval.map_or(DEFAULT_REFRESH, |written| written.0);
        if refresh < MIN_REFRESH {
            flaws.push(Flaw::new(
                "refresh_interval",
                "the interval is shorter than 5s",
                "write for example 60s",
            ));
        }
        let timeout = written.timeout.map_or(DEFAULT_TIMEOUT, |written| written.0);
        if timeout.is_zero() {
            flaws.push(Flaw::new("timeout", "the timeout is zero", "write for example 30s"));
        }
        let authorization = authorization(&written, around).map_err(|flaw| flaws.push(flaw));
        let tls = written.tls.as_ref().map_or(Ok(Tls::Verify), |tls| resolve_tls(tls, &rules.folder));
        let tls = tls.map_err(|flaw| flaws.push(flaw));
        match (url, authorization, tls) {
            (Ok(url), Ok(authorization), Ok(tls)) if flaws.is_empty() => {
                let origin = Origin { name, rules, defaults: written.defaults, labels: written.labels };
                Ok(Self { origin, url, refresh, timeout, authorization, tls })
            }
            _ => Err(flaws),
        }
    }

    /// Name of the source: `target_http[0]`.
    pub fn name(&self) -> &str {
        &self.origin.name
    }

    /// How the server's certificate is judged.
    pub fn tls(&self) -> &Tls {
        &self.tls
    }

    /// Asks once.
    ///
    /// # Errors
    /// The server gave no list.
    pub async fn read(&self, client: &reqwest::Client) -> Result<Discovered, FetchError> {
        Ok(self.origin.discovered([self.fetch(client).await?].iter(), Vec::new()))
    }

    /// Publishes what the server says, now and at each interval, until nobody listens any more.
    pub async fn watch(self, client: reqwest::Client, out: watch::Sender<Discovered>) {
        let mut known = List::default();
        loop {
            let errors = match self.fetch(&client).await {
                Ok(list) => {
                    known = list;
                    Vec::new()
                }
                Err(error) => vec![error.to_string()],
            };
            let found = self.origin.discovered([&known].into_iter(), errors);
            out.send_if_modified(|current| std::mem::replace(current, found.clone()) != found);
            tokio::select! {
                () = out.closed() => return,
                () = tokio::time::sleep(self.refresh) => {}
            }
        }
    }

    async fn fetch(&self, client: &reqwest::Client) -> Result<List, FetchError> {
        let failed = |source: reqwest::Error| FetchError::Request {
            url: self.url.clone(),
            source: source.without_url(),
        };
        let mut request = client
            .get(self.url.clone())
            .timeout(self.timeout)
            .header(header::ACCEPT, "application/json")
            .header(REFRESH_HEADER, self.refresh.as_secs());
        if let Some(authorization) = &self.authorization {
            let mut value = header::HeaderValue::from_str(authorization.expose_secret())
                .unwrap_or_else(|_| header::HeaderValue::from_static(""));
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let mut response = request.send().await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status { url: self.url.clone(), status: response.status() });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BYTES {
                return Err(FetchError::TooLong { url: self.url.clone() });
            }
        }
        let text = String::from_utf8(body).map_err(|_| FetchError::NotText { url: self.url.clone() })?;
        List::parse(self.url.as_str(), &text).map_err(FetchError::NotAList)
    }
}

/// A client for target lists, with the TLS that a source asks for.
///
/// # Errors
/// The TLS configuration is not usable.
pub fn client(tls: rustls::ClientConfig) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("lightsout/", env!("CARGO_PKG_VERSION")))
        .build()
}

fn url(text: &str) -> Result<Url, Flaw> {
    let help = "write for example https://netbox.example/api/plugins/prometheus-sd/devices/";
    let url = Url::parse(text).map_err(|error| Flaw::new("url", format!("this is no URL: {error}"), help))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Flaw::new("url", format!("{} is neither http nor https", url.scheme()), help));
    }
    if url.password().is_some() || !url.username().is_empty() {
        let help = "leave user and password out; write token_file or token_env";
        return Err(Flaw::new("url", "a URL holds no secrets here", help));
    }
    Ok(url)
}

fn authorization(
    written: &file::HttpSource,
    around: &Surroundings<'_>,
) -> Result<Option<SecretString>, Flaw> {
    if written.token_file.is_none() && written.token_env.is_none() {
        return match &written.token_type {
            None => Ok(None),
            Some(_) => Err(Flaw::new("token_type", "there is no token", "add token_file or token_env")),
        };
    }
    let reference = secret::Reference {
        file: (written.token_file.as_deref(), "token_file"),
        variable: (written.token_env.as_deref(), "token_env"),
    };
    let token = secret::read(&reference, around)?;
    let value = format!("{} {}", written.token_type.as_deref().unwrap_or("Bearer"), token.expose_secret());
    if header::HeaderValue::from_str(&value).is_err() {
        let field = if written.token_file.is_some() { "token_file" } else { "token_env" };
        let help = "store the token alone, in one line of plain characters";
        return Err(Flaw::new(field, "the token cannot stand in a header", help));
    }
    Ok(Some(value.into()))
}
