//! Listening: plain HTTP, or TLS as the web configuration file says, with bounded connections.
//!
//! Certificates and keys are those that the files hold at each handshake.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::accept::Accept;
use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::connection::Connection;
use super::toolkit::WebConfig;

/// Connections at once; further ones are closed. Prometheus keeps one open, a browser six.
const MAX_CONNECTIONS: usize = 256;

/// Time in which a client must have sent its request's head; also how long a connection may idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// Time in which a TLS handshake must be done.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Largest head of a request.
const MAX_HEADER_BYTES: usize = 32 * 1024;

/// Most header lines of a request.
const MAX_HEADERS: usize = 64;

/// Requests at once on one HTTP/2 connection.
const MAX_STREAMS: u32 = 16;

/// Time that requests under way have after `shutdown`.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves `router` on `listener` until `shutdown` ends, with TLS where `web_config` has it.
///
/// # Errors
/// The listener fails.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    web_config: Option<Arc<WebConfig>>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let start = match &web_config {
        Some(config) => Some(config.current().await),
        None => None,
    };
    let http2 = start.as_ref().is_none_or(|config| config.http2);
    let tls = web_config.filter(|_| start.is_some_and(|config| config.tls.is_some()));
    let handle = Handle::new();
    let guard = AbortOnDrop(tokio::spawn(drain(shutdown, handle.clone())));
    let server = limited(axum_server::from_tcp(listener)?.handle(handle), http2);
    let result = match tls {
        Some(config) => {
            let acceptor = Tls { config, connections };
            server.acceptor(acceptor).serve(router.into_make_service()).await
        }
        None => server.acceptor(Plain { connections }).serve(router.into_make_service()).await,
    };
    drop(guard);
    result
}

async fn drain(shutdown: impl Future<Output = ()>, handle: Handle<SocketAddr>) {
    shutdown.await;
    handle.graceful_shutdown(Some(DRAIN_TIMEOUT));
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn limited(server: Server<SocketAddr>, http2: bool) -> Server<SocketAddr> {
    let mut server = if http2 { server } else { server.http1_only() };
    let builder = server.http_builder();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADER_BYTES)
        .max_headers(MAX_HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEADER_TIMEOUT)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_BYTES as u32);
    server
}

fn counted(stream: TcpStream, connections: &Arc<Semaphore>) -> io::Result<Connection> {
    match Arc::clone(connections).try_acquire_owned() {
        Ok(permit) => Ok(Connection::new(stream, permit)),
        Err(_) => {
            tracing::debug!(limit = MAX_CONNECTIONS, "connection refused: too many");
            Err(io::ErrorKind::ConnectionRefused.into())
        }
    }
}

#[derive(Clone)]
struct Plain {
    connections: Arc<Semaphore>,
}

impl<S> Accept<TcpStream, S> for Plain {
    type Stream = Connection;
    type Service = S;
    type Future = std::future::Ready<io::Result<(Connection, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        std::future::ready(counted(stream, &self.connections).map(|stream| (stream, service)))
    }
}

#[derive(Clone)]
struct Tls {
    config: Arc<WebConfig>,
    connections: Arc<Semaphore>,
}

impl Tls {
    async fn handshake(self, stream: TcpStream) -> io::Result<TlsStream<Connection>> {
        let stream = counted(stream, &self.connections)?;
        let current = self.config.current().await;
        let Some(tls) = current.tls.clone() else {
            return Err(io::Error::other("TLS was taken out of the web configuration file: restart"));
        };
        let handshake = TlsAcceptor::from(tls).accept(stream);
        match tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await {
            Ok(result) => result.inspect_err(|error| tracing::debug!(%error, "TLS handshake failed")),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for Tls {
    type Stream = TlsStream<Connection>;
    type Service = S;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, S)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let tls = self.clone();
        Box::pin(async move { Ok((tls.handshake(stream).await?, service)) })
    }
}
