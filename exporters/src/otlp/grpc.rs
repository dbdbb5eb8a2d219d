//! OTLP over gRPC: one method, called with messages that are encoded already.

use std::error::Error;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use prost::Message;
use tonic::client;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::MetadataMap;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};
use tonic::{Code, ConnectError, Request};

use super::Compression;
use super::answer::{Response, RetryInfo, Status};
use crate::forward::http::{MAX_CONNECT, header_map, parse_url, shorten, shown, words};
use crate::forward::tls::{Renewed, read_pem};
use crate::forward::{ConfigError, Endpoint, Outcome, Refusal, Tls};

const EXPORT: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

/// Largest answer that is read.
const MAX_ANSWER: usize = 64 << 10;

/// How tonic's words begin where no status of a receiver came, but some answer of a proxy or half of one.
const NO_STATUS: [&str; 4] = [
    "protocol error:",
    "grpc-status header missing",
    "Unexpected EOF decoding stream",
    "Error decompressing",
];

/// tonic's words where a success came without a message.
const NO_MESSAGE: &str = "Missing response message.";

pub(super) struct Grpc {
    client: Renewed<client::Grpc<Channel>>,
    headers: MetadataMap,
    endpoint: Endpoint,
    compression: Compression,
}

impl Grpc {
    pub(super) fn new(endpoint: &Endpoint, compression: Compression) -> Result<Self, ConfigError> {
        if let Some(proxy) = &endpoint.proxy {
            let detail = "gRPC takes no proxy: send OTLP over HTTP through it".into();
            return Err(ConfigError::Url { url: shown(proxy), detail });
        }
        parse_url(&endpoint.url)?;
        let client = Renewed::new(&endpoint.tls, || make_client(endpoint, compression))?;
        let headers = MetadataMap::from_headers(header_map(&endpoint.headers)?);
        Ok(Self { client, headers, endpoint: endpoint.clone(), compression })
    }

    pub(super) async fn deliver(&mut self, message: Bytes) -> Outcome {
        match tokio::time::timeout(self.endpoint.timeout, self.call(message)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                // A connection that a modem or a gateway forgot looks alive for a quarter of an hour: the next request
                // gets a new one.
                let again =
                    Renewed::new(&self.endpoint.tls, || make_client(&self.endpoint, self.compression));
                if let Ok(client) = again {
                    self.client = client;
                }
                Outcome::Unanswered { message: "no answer within the time allowed".into() }
            }
        }
    }

    async fn call(&mut self, message: Bytes) -> Outcome {
        let mut metadata = self.headers.clone().into_headers();
        match self.endpoint.auth.header() {
            Ok(Some(value)) => {
                metadata.insert(reqwest::header::AUTHORIZATION, value);
            }
            Ok(None) => {}
            Err(error) => return Outcome::Barred { message: error.to_string() },
        }
        let endpoint = &self.endpoint;
        let client = self.client.get(&endpoint.tls, || make_client(endpoint, self.compression));
        if let Err(error) = client.ready().await {
            return Outcome::Retry { after: None, message: words(&error) };
        }
        let mut request = Request::new(message);
        *request.metadata_mut() = MetadataMap::from_headers(metadata);
        match client.unary(request, PathAndQuery::from_static(EXPORT), Raw).await {
            Ok(response) => response.into_inner().outcome(),
            Err(status) => judge(&status),
        }
    }
}

/// Connects when it is asked for the first time.
fn make_client(endpoint: &Endpoint, compression: Compression) -> Result<client::Grpc<Channel>, ConfigError> {
    let mut channel = Channel::from_shared(endpoint.url.clone())
        .map_err(|error| ConfigError::Url { url: shown(&endpoint.url), detail: error.to_string() })?
        .user_agent(concat!("lightsout/", env!("CARGO_PKG_VERSION")))?
        .connect_timeout(endpoint.timeout.min(MAX_CONNECT));
    if channel.uri().scheme_str() == Some("https") {
        channel = channel.tls_config(tls_config(&endpoint.tls)?)?;
    }
    let client = client::Grpc::new(channel.connect_lazy())
        .max_decoding_message_size(MAX_ANSWER)
        .accept_compressed(CompressionEncoding::Gzip);
    Ok(match compression {
        Compression::None => client,
        Compression::Gzip => client.send_compressed(CompressionEncoding::Gzip),
        Compression::Zstd => client.send_compressed(CompressionEncoding::Zstd),
    })
}

fn tls_config(tls: &Tls) -> Result<ClientTlsConfig, ConfigError> {
    let mut config = ClientTlsConfig::new();
    config = match &tls.ca_file {
        Some(path) => config.ca_certificate(Certificate::from_pem(read_pem(path)?)),
        None => config.trust_anchors(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    };
    if let Some((certificates, key)) = &tls.client {
        config = config.identity(Identity::from_pem(read_pem(certificates)?, read_pem(key)?));
    }
    Ok(config)
}

fn judge(status: &tonic::Status) -> Outcome {
    // What went wrong below gRPC has a cause; what the receiver said has none.
    if let Some(cause) = status.source() {
        let message = words(cause);
        let mut causes = std::iter::successors(Some(cause), |&cause| cause.source());
        if causes.any(|cause| cause.is::<ConnectError>()) {
            return Outcome::Retry { after: None, message };
        }
        return Outcome::Unanswered { message };
    }
    if status.message() == NO_MESSAGE {
        return Outcome::Accepted;
    }
    let after = retry_delay(status);
    let message = format!("{:?}: {}", status.code(), shorten(status.message()));
    match status.code() {
        Code::Internal | Code::Unknown
            if NO_STATUS.iter().any(|words| status.message().starts_with(words)) =>
        {
            Outcome::Unanswered { message }
        }
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Outcome::Retry { after, message },
        Code::ResourceExhausted if after.is_some() => Outcome::Retry { after, message },
        // Without a time to try again it is the message that is too large.
        Code::ResourceExhausted => Outcome::Refused { refusal: Refusal::TooLarge, message },
        Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented => Outcome::Barred { message },
        _ => Outcome::Refused { refusal: Refusal::find(status.message()), message },
    }
}

/// The delay of `google.rpc.RetryInfo`, where the details of a status have one.
fn retry_delay(status: &tonic::Status) -> Option<Duration> {
    let details = Status::decode(status.details()).ok()?.details;
    let info = details.iter().find(|it| it.type_url.ends_with("/google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(&*info.value).ok()?.retry_delay.unwrap_or_default();
    let (seconds, nanos) = (u64::try_from(delay.seconds).ok()?, u32::try_from(delay.nanos).ok()?);
    Some(Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanos.into())))
}

/// Requests as they are; answers decoded.
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Response;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = tonic::Status;

    fn encode(&mut self, message: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), tonic::Status> {
        out.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Response;
    type Error = tonic::Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Response>, tonic::Status> {
        // As over HTTP: an answer that is no such message says nothing of any sample.
        Ok(Some(Response::decode(from.copy_to_bytes(from.remaining())).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `google.rpc.Status` with a `RetryInfo` of 90 s, as bytes.
    const RETRY_INFO: &[u8] =
        b"\x08\x08\x1a\x2e\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x02\x0a\x00";

    fn with_details(seconds: u8) -> Vec<u8> {
        let mut details = RETRY_INFO.to_vec();
        let end = details.len();
        details[3] += 2;
        details[end - 3] += 2;
        details[end - 1] += 2;
        details.extend([0x08, seconds]);
        details
    }

    #[test]
    fn only_what_the_specification_lists_is_sent_again() {
        use Code::*;
        for code in [Cancelled, DeadlineExceeded, Aborted, OutOfRange, Unavailable, DataLoss] {
            assert!(matches!(judge(&tonic::Status::new(code, "")), Outcome::Retry { .. }), "{code:?}");
        }
        for code in [InvalidArgument, NotFound, AlreadyExists, FailedPrecondition, Internal, Unknown] {
            assert!(matches!(judge(&tonic::Status::new(code, "")), Outcome::Refused { .. }), "{code:?}");
        }
        for code in [Unauthenticated, PermissionDenied, Unimplemented] {
            assert!(matches!(judge(&tonic::Status::new(code, "")), Outcome::Barred { .. }), "{code:?}");
        }
    }

    #[test]
    fn exhausted_is_sent_again_only_with_a_delay() {
        let exhausted = |details: Vec<u8>| {
            judge(&tonic::Status::with_details(Code::ResourceExhausted, "busy", details.into()))
        };
        let message = "ResourceExhausted: busy".to_owned();
        let after = Some(Duration::from_secs(90));
        assert_eq!(exhausted(with_details(90)), Outcome::Retry { after, message: message.clone() });
        assert_eq!(exhausted(Vec::new()), Outcome::Refused { refusal: Refusal::TooLarge, message });
    }

    #[test]
    fn an_address_that_is_none_is_told_at_once_and_without_its_secrets() {
        let told = |url| Grpc::new(&Endpoint::new(url), Compression::None).err().unwrap().to_string();
        assert_eq!(told("collector:4317"), "collector:4317: collector is neither http nor https");
        assert_eq!(told("ftp://user:hunter2@c/"), "c/: ftp is neither http nor https");
    }
}
