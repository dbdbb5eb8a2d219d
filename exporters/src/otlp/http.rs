//! OTLP over HTTP, protobuf.

use std::io::Write;

use bytes::Bytes;
use flate2::write::GzEncoder;
use prost::Message;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};

use super::Compression;
use super::answer::{Response, Status};
use crate::forward::http::{Answer, Poster, shorten};
use crate::forward::{ConfigError, Endpoint, Outcome, Refusal};

pub(super) struct Http {
    poster: Poster,
    gzip: bool,
}

impl Http {
    pub(super) fn new(endpoint: &Endpoint, compression: Compression) -> Result<Self, ConfigError> {
        let gzip = match compression {
            Compression::None => false,
            Compression::Gzip => true,
            Compression::Zstd => {
                let detail = "OTLP over HTTP has gzip and no zstd".into();
                return Err(ConfigError::Compression { detail });
            }
        };
        Ok(Self { poster: Poster::new(endpoint)?, gzip })
    }

    pub(super) fn compress(&self, message: Vec<u8>) -> Bytes {
        if !self.gzip {
            return message.into();
        }
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
        // Writing into memory never fails; an empty body is refused visibly.
        let written = encoder.write_all(&message).and_then(|()| encoder.finish());
        written.unwrap_or_default().into()
    }

    pub(super) async fn deliver(&mut self, request: Bytes) -> Outcome {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        if self.gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        match self.poster.post(headers, request).await {
            Ok(answer) => judge(&answer),
            Err(outcome) => outcome,
        }
    }
}

fn judge(answer: &Answer) -> Outcome {
    // A body that is no such message says nothing of any sample.
    let response = || Response::decode(&*answer.body).unwrap_or_default();
    match answer.status.as_u16() {
        _ if answer.is_barred() => Outcome::Barred { message: message(answer) },
        200..300 => response().outcome(),
        // From 520 on it is a proxy that has not reached the receiver.
        408 | 429 | 502..=504 | 520..=530 => {
            Outcome::Retry { after: answer.retry_after(), message: message(answer) }
        }
        413 => Outcome::Refused { refusal: Refusal::TooLarge, message: message(answer) },
        _ => {
            let refusal = Refusal::find(&String::from_utf8_lossy(&answer.body));
            Outcome::Refused { refusal, message: message(answer) }
        }
    }
}

/// The text in a `Status`, or the body as it is.
fn message(answer: &Answer) -> String {
    match Status::decode(&*answer.body) {
        Ok(status) if !status.message.is_empty() => {
            format!("{}: {}", answer.status.as_u16(), shorten(&status.message))
        }
        _ => answer.message(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use opentelemetry_proto::tonic::collector::metrics::v1::{
        ExportMetricsPartialSuccess, ExportMetricsServiceResponse,
    };
    use reqwest::StatusCode;

    fn answer(status: u16, body: Vec<u8>) -> Answer {
        let headers = [(reqwest::header::RETRY_AFTER, HeaderValue::from_static("9"))].into_iter().collect();
        Answer { status: StatusCode::from_u16(status).unwrap(), headers, body }
    }

    fn partial(rejected_data_points: i64) -> Outcome {
        let error_message = "too many".into();
        let partial_success = Some(ExportMetricsPartialSuccess { rejected_data_points, error_message });
        judge(&answer(200, ExportMetricsServiceResponse { partial_success }.encode_to_vec()))
    }

    #[test]
    fn a_partial_success_is_final() {
        assert_eq!(partial(3), Outcome::Partial { rejected: 3, message: "too many".into() });
        assert_eq!(partial(0), Outcome::Accepted);
        assert_eq!(judge(&answer(200, Vec::new())), Outcome::Accepted);
        assert_eq!(judge(&answer(200, b"<html>".to_vec())), Outcome::Accepted);
    }

    #[test]
    fn only_what_the_specification_lists_is_sent_again() {
        for status in [429, 502, 503, 504, 521, 522, 530] {
            let Outcome::Retry { after, .. } = judge(&answer(status, Vec::new())) else { panic!("{status}") };
            assert_eq!(after, Some(Duration::from_secs(9)));
        }
        for status in [400, 422, 500, 501] {
            assert!(matches!(judge(&answer(status, Vec::new())), Outcome::Refused { .. }), "{status}");
        }
        assert!(matches!(judge(&answer(401, Vec::new())), Outcome::Barred { .. }));
    }

    /// `google.rpc.Status` with code 3 and the message "bad name".
    #[test]
    fn the_text_of_a_status_is_shown() {
        let body = b"\x08\x03\x12\x08bad name".to_vec();
        let expected = Outcome::Refused { refusal: Refusal::Invalid, message: "400: bad name".into() };
        assert_eq!(judge(&answer(400, body)), expected);
    }
}
