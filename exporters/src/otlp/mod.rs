//! OTLP metrics, over HTTP (protobuf) and gRPC.
//!
//! Follows the OpenTelemetry Protocol specification 1.x and its environment variables. [`encode`] writes
//! requests and does no I/O; [`Otlp`] brings them to a receiver and judges its answers.

mod answer;
pub mod encode;
mod environment;
mod grpc;
mod http;

use bytes::Bytes;

use crate::buffer::batch::Batch;
use crate::forward::{ConfigError, Endpoint, Outcome, Transport};

/// How requests travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// One POST for each request, protobuf.
    Http,
    /// One call of `MetricsService/Export` for each request.
    Grpc,
}

/// How requests are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1952.
    Gzip,
    /// RFC 8878. Over gRPC only.
    Zstd,
}

/// An OTLP destination.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to: `https://collector.example:4318/v1/metrics` for HTTP, `https://collector.example:4317` for gRPC.
    /// gRPC takes no proxy.
    pub endpoint: Endpoint,
    /// How.
    pub protocol: Protocol,
    /// Compression.
    pub compression: Compression,
    /// Attributes of every resource beside those of the device, for example `service.name`.
    pub resource: Vec<(String, String)>,
}

/// A receiver of OTLP.
pub struct Otlp {
    encoder: encode::Encoder,
    wire: Wire,
}

enum Wire {
    Http(http::Http),
    Grpc(grpc::Grpc),
}

impl Otlp {
    /// Connects to nothing yet. Over gRPC it must be called within a Tokio runtime.
    ///
    /// # Errors
    /// The configuration cannot be used.
    pub fn new(options: &Options) -> Result<Self, ConfigError> {
        let wire = match options.protocol {
            Protocol::Http => Wire::Http(http::Http::new(&options.endpoint, options.compression)?),
            Protocol::Grpc => Wire::Grpc(grpc::Grpc::new(&options.endpoint, options.compression)?),
        };
        Ok(Self { encoder: encode::Encoder::new(&options.resource), wire })
    }
}

impl Transport for Otlp {
    fn encode(&mut self, batch: &Batch) -> Bytes {
        let message = self.encoder.encode(batch);
        match &self.wire {
            Wire::Http(http) => http.compress(message),
            Wire::Grpc(_) => message.into(),
        }
    }

    async fn deliver(&mut self, request: Bytes, _: u64) -> Outcome {
        match &mut self.wire {
            Wire::Http(http) => http.deliver(request).await,
            Wire::Grpc(grpc) => grpc.deliver(request).await,
        }
    }
}
