//! What receivers answer with, over either protocol.

use crate::forward::Outcome;
use crate::forward::http::shorten;

/// `ExportMetricsServiceResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Response {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

/// `ExportMetricsPartialSuccess`.
#[derive(Clone, PartialEq, prost::Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_data_points: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// `google.rpc.Status`: the body of a failure over HTTP, and details of one over gRPC.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(super) details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Any {
    #[prost(string, tag = "1")]
    pub(super) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    pub(super) retry_delay: Option<Delay>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Delay {
    #[prost(int64, tag = "1")]
    pub(super) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(super) nanos: i32,
}

impl Response {
    /// A partial success is final: what was rejected must not be sent again. Without rejected points it is
    /// a warning.
    pub(super) fn outcome(self) -> Outcome {
        let Some(partial) = self.partial_success else { return Outcome::Accepted };
        let message = shorten(&partial.error_message);
        match u64::try_from(partial.rejected_data_points) {
            Ok(rejected @ 1..) => Outcome::Partial { rejected, message },
            _ => {
                if !message.is_empty() {
                    tracing::debug!(message, "the receiver of OTLP warns");
                }
                Outcome::Accepted
            }
        }
    }
}
