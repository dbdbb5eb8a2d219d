//! One exchange over HTTP: addressed at one device and no other, bounded in time, bytes and rate.
//!
//! Follows DSP0266 sections 6 and 7. Knows neither sessions nor documents, and never sends a
//! credential to another origin: redirects that leave it are not followed.

use std::sync::Arc;
use std::time::Duration;

use model::Reason;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode, Url, redirect};
use tokio::time::{Instant, timeout_at};

use super::tls::{self, Peer, TlsError};
use super::words::{self, Trouble};
use crate::driver::budget::Gate;
use crate::target::{Address, Target, Tls};

/// Largest body that is read, decompressed. The largest expanded collections known have 5 MB.
pub(super) const MAX_BODY: usize = 16 * 1024 * 1024;

/// Longest path that is followed.
const MAX_PATH: usize = 2048;

/// Redirects within a device that are followed: `/redfish/v1` to `/redfish/v1/` is one.
const MAX_REDIRECTS: usize = 3;

/// Most time for a connection to come up: no more than this even where a request may take longer.
const MAX_CONNECT: Duration = Duration::from_secs(10);

/// Idle connections are kept over the default interval: a handshake costs a BMC a second of work.
const KEEP_IDLE: Duration = Duration::from_secs(90);

/// DSP0266 section 7.5.
const ODATA_VERSION: HeaderName = HeaderName::from_static("odata-version");

/// What a device answered.
pub(super) struct Answer {
    /// Status.
    pub(super) status: StatusCode,
    /// Headers.
    pub(super) headers: HeaderMap,
    /// Decompressed body.
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// Value of a header, where it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// The HTTP client of one device.
pub(super) struct Wire {
    http: reqwest::Client,
    origin: Url,
    address: Address,
    tls: Tls,
    /// The certificate that the device shows.
    pub(super) peer: Arc<Peer>,
    gate: Gate,
    timeout: Duration,
}

/// One request.
pub(super) struct Request<'a> {
    /// Method.
    pub(super) method: Method,
    /// Path and query, or an absolute address within the device.
    pub(super) path: &'a str,
    /// Headers beside the usual ones.
    pub(super) headers: HeaderMap,
    /// Body, JSON.
    pub(super) body: Option<Vec<u8>>,
}

impl<'a> Request<'a> {
    /// A GET without headers of its own.
    pub(super) fn get(path: &'a str) -> Self {
        Self { method: Method::GET, path, headers: HeaderMap::new(), body: None }
    }
}

impl Wire {
    /// A client for one target. Connects to nothing yet.
    ///
    /// # Errors
    /// The configuration cannot be used.
    pub(super) fn new(target: &Target) -> Result<Self, TlsError> {
        let peer = Arc::new(Peer::default());
        let scheme = if target.tls == Tls::Plain { "http" } else { "https" };
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::config(&target.tls, Arc::clone(&peer))?)
            .redirect(redirect::Policy::custom(same_origin))
            .http1_only()
            .no_proxy()
            .referer(false)
            .connect_timeout(target.timeout.min(MAX_CONNECT))
            .pool_idle_timeout(KEEP_IDLE)
            .pool_max_idle_per_host(usize::try_from(target.budget.concurrency).unwrap_or(1))
            .user_agent(concat!("lightsout/", env!("CARGO_PKG_VERSION")))
            .default_headers(default_headers())
            .build()?;
        let origin =
            reqwest::Client::get(&http, format!("{scheme}://{}/", target.address)).build()?.url().clone();
        Ok(Self {
            http,
            origin,
            address: target.address.clone(),
            tls: target.tls.clone(),
            peer,
            gate: Gate::new(target.budget),
            timeout: target.timeout,
        })
    }

    /// One request and its answer, whatever its status, by `deadline` or sooner.
    ///
    /// # Errors
    /// There is no whole answer, or it is over a limit.
    pub(super) async fn exchange(
        &self,
        request: Request<'_>,
        deadline: Instant,
        patient: bool,
    ) -> Result<Answer, Trouble> {
        let url = self.locate(request.path)?;
        let late = || Trouble::new(Reason::Timeout, "the time for this poll is used up");
        let _slot = timeout_at(deadline, self.gate.acquire()).await.map_err(|_| late())?;
        let limit = if patient { deadline } else { deadline.min(Instant::now() + self.timeout) };
        if limit <= Instant::now() {
            return Err(late());
        }
        let mut builder = self.http.request(request.method, url).headers(request.headers);
        if let Some(body) = request.body {
            builder = builder.header(reqwest::header::CONTENT_TYPE, "application/json").body(body);
        }
        match timeout_at(limit, self.read(builder)).await {
            Ok(answer) => answer,
            Err(_) => Err(words::silent(&self.address)),
        }
    }

    async fn read(&self, request: reqwest::RequestBuilder) -> Result<Answer, Trouble> {
        let failed = |error: reqwest::Error| {
            words::transport(&error, &self.tls, self.peer.certificate().as_deref(), &self.address)
        };
        let mut response = request.send().await.map_err(failed)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len().saturating_add(chunk.len()) > MAX_BODY {
                let detail = format!("the body is larger than {MAX_BODY} bytes");
                return Err(Trouble::new(Reason::Limit, detail));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status: response.status(), headers: std::mem::take(response.headers_mut()), body })
    }

    /// Where a path leads. Paths come from the device, which must not lead elsewhere.
    fn locate(&self, path: &str) -> Result<Url, Trouble> {
        let wrong = |what: &str| Trouble::new(Reason::Protocol, format!("not followed: the link {what}"));
        if path.len() > MAX_PATH {
            return Err(wrong("is too long"));
        }
        let text = if path.starts_with('/') {
            format!("{}{}", self.origin.origin().ascii_serialization(), path)
        } else {
            path.to_owned()
        };
        let url = Url::parse(&text).map_err(|_| wrong("is no path and no address"))?;
        if url.origin() == self.origin.origin() { Ok(url) } else { Err(wrong("leads to another host")) }
    }
}

fn default_headers() -> HeaderMap {
    HeaderMap::from_iter([
        (ODATA_VERSION, HeaderValue::from_static("4.0")),
        (reqwest::header::ACCEPT, HeaderValue::from_static("application/json")),
    ])
}

fn same_origin(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let first = attempt.previous().first().map(Url::origin);
    if first == Some(attempt.url().origin()) && attempt.previous().len() <= MAX_REDIRECTS {
        attempt.follow()
    } else {
        attempt.stop()
    }
}
