//! The pole's way to the centre: a link that goes down now and then, and a receiver that counts what arrives.
//!
//! The receiver takes every request and looks into none: it stands where a Prometheus would be.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use bytes::Bytes;
use tokio::task::JoinHandle;

use crate::link::{Link, Phase};

/// Largest request. Forwarders send a few hundred kilobytes.
const MAX_BODY: usize = 16 << 20;

/// How long the link is up and down in turn: long enough for a backlog that one sees, and for one to see it drain.
const UP: Duration = Duration::from_secs(40);
const DOWN: Duration = Duration::from_secs(45);

/// A link and what is behind it. Both end when dropped.
#[derive(Debug)]
pub struct Uplink {
    link: Arc<Link>,
    requests: Arc<AtomicU64>,
    receiver: JoinHandle<()>,
}

impl Uplink {
    /// Starts both on free ports of 127.0.0.1. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// No port is to be had.
    pub fn start() -> io::Result<Self> {
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = std::net::TcpListener::bind(local)?;
        listener.set_nonblocking(true)?;
        let behind = listener.local_addr()?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let requests = Arc::new(AtomicU64::new(0));
        let router = Router::new()
            .fallback(take)
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .with_state(Arc::clone(&requests));
        let receiver = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the receiver behind the uplink has ended");
            }
        });
        let link = Arc::new(Link::bind(local, behind, 1)?);
        Ok(Self { link, requests, receiver })
    }

    /// The link.
    pub fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// Requests that have arrived.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Takes the link down and up in turn, and calls `tell` with what happens.
    pub async fn come_and_go(&self, mut tell: impl FnMut(&str)) -> Infallible {
        loop {
            tokio::time::sleep(UP).await;
            self.link.set(Phase::Drop);
            tell("the uplink is down: readings wait in the buffer");
            tokio::time::sleep(DOWN).await;
            self.link.set(Phase::Up);
            tell("the uplink is back: the buffer drains");
        }
    }
}

impl Drop for Uplink {
    fn drop(&mut self) {
        self.receiver.abort();
    }
}

async fn take(State(requests): State<Arc<AtomicU64>>, _: Bytes) -> StatusCode {
    requests.fetch_add(1, Ordering::Relaxed);
    StatusCode::NO_CONTENT
}
