//! Requests to a receiver, and what its answers mean.

use std::future::Future;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::encode::{Encoder, Version};
use crate::buffer::batch::Batch;
use crate::forward::http::{Answer, Endpoint, Poster};
use crate::forward::{ConfigError, Outcome, Refusal, Transport};

const VERSION: HeaderName = HeaderName::from_static("x-prometheus-remote-write-version");
const SAMPLES_WRITTEN: &str = "x-prometheus-remote-write-samples-written";

/// Every receiver of version 2.0 answers with at least one of these.
const WRITTEN: [&str; 3] = [
    SAMPLES_WRITTEN,
    "x-prometheus-remote-write-histograms-written",
    "x-prometheus-remote-write-exemplars-written",
];

/// A remote-write destination.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to, for example `https://metrics.example/api/v1/write`.
    pub endpoint: Endpoint,
    /// What is tried first. Version 2.0 falls back to 1.0 by itself; 1.0 stays.
    pub version: Version,
}

/// A receiver of remote-write.
pub struct RemoteWrite {
    poster: Poster,
    encoder: Encoder,
}

impl RemoteWrite {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// The configuration cannot be used.
    pub fn new(options: &Options) -> Result<Self, ConfigError> {
        Ok(Self { poster: Poster::new(&options.endpoint)?, encoder: Encoder::new(options.version) })
    }

    /// From now on requests of version 1.0. The receiver is not asked again: it would have to be restarted
    /// to know more, and so can this program be.
    fn fall_back(&mut self) -> Outcome {
        tracing::info!("the receiver does not know remote-write 2.0: sending 1.0");
        self.encoder = Encoder::new(Version::V1);
        Outcome::Again
    }

    fn judge(&mut self, answer: &Answer, samples: u64) -> Outcome {
        let second = self.encoder.version() == Version::V2;
        let confirmed = second && WRITTEN.iter().any(|&name| answer.headers.contains_key(name));
        let written = written(answer).filter(|_| second);
        match answer.status {
            status if status.is_success() && second && !confirmed => self.fall_back(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE if second => self.fall_back(),
            status if status.is_success() => partial(answer, samples, written.unwrap_or(samples)),
            // The receiver took what it could: sending the rest again changes nothing.
            status if status.is_client_error() && written.is_some_and(|written| written > 0) => {
                partial(answer, samples, written.unwrap_or_default())
            }
            _ => refusal(answer),
        }
    }
}

fn written(answer: &Answer) -> Option<u64> {
    answer.headers.get(SAMPLES_WRITTEN)?.to_str().ok()?.trim().parse().ok()
}

fn partial(answer: &Answer, samples: u64, written: u64) -> Outcome {
    match samples.saturating_sub(written) {
        0 => Outcome::Accepted,
        rejected => Outcome::Partial { rejected, message: answer.message() },
    }
}

/// What an answer without success means.
fn refusal(answer: &Answer) -> Outcome {
    let message = answer.message();
    let refusal = Refusal::find(&message);
    match answer.status.as_u16() {
        _ if answer.is_barred() => Outcome::Barred { message },
        413 => Outcome::Refused { refusal: Refusal::TooLarge, message },
        // Prometheus with an out-of-order window answers 500 to samples that are older than that.
        500 if refusal.is_about_time() => Outcome::Refused { refusal, message },
        408 | 425 | 429 | 500.. => Outcome::Retry { after: answer.retry_after(), message },
        _ => Outcome::Refused { refusal, message },
    }
}

impl Transport for RemoteWrite {
    fn encode(&mut self, batch: &Batch) -> Bytes {
        self.encoder.encode(batch).into()
    }

    fn deliver(&mut self, request: Bytes, samples: u64) -> impl Future<Output = Outcome> + Send {
        let (content_type, version) = match self.encoder.version() {
            Version::V1 => ("application/x-protobuf", "0.1.0"),
            Version::V2 => ("application/x-protobuf;proto=io.prometheus.write.v2.Request", "2.0.0"),
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("snappy"));
        headers.insert(VERSION, HeaderValue::from_static(version));
        async move {
            match self.poster.post(headers, request).await {
                Ok(answer) => self.judge(&answer, samples),
                Err(outcome) => outcome,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn transport(version: Version) -> RemoteWrite {
        RemoteWrite::new(&Options { endpoint: Endpoint::new("http://127.0.0.1:1/"), version }).unwrap()
    }

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Answer {
        let pair = |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        let headers = headers.iter().map(pair).collect();
        Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: body.into() }
    }

    #[test]
    fn version_2_falls_back_where_no_header_confirms_it() {
        for (status, after) in
            [(204, Version::V1), (200, Version::V1), (415, Version::V1), (503, Version::V2)]
        {
            let mut transport = transport(Version::V2);
            let outcome = transport.judge(&answer(status, &[], ""), 7);
            assert_eq!(transport.encoder.version(), after, "{status}");
            assert_eq!(outcome == Outcome::Again, after == Version::V1, "{status}");
        }
        let mut transport = transport(Version::V2);
        let confirmed = answer(204, &[(SAMPLES_WRITTEN, "7")], "");
        assert_eq!(transport.judge(&confirmed, 7), Outcome::Accepted);
        assert_eq!(transport.encoder.version(), Version::V2);
    }

    #[test]
    fn version_1_needs_no_header_and_has_nothing_to_fall_back_to() {
        let mut transport = transport(Version::V1);
        assert_eq!(transport.judge(&answer(204, &[], ""), 7), Outcome::Accepted);
        assert!(matches!(transport.judge(&answer(415, &[], ""), 7), Outcome::Refused { .. }));
    }

    #[test]
    fn what_a_receiver_of_version_2_left_is_not_sent_again() {
        let mut transport = transport(Version::V2);
        let partial = answer(400, &[(SAMPLES_WRITTEN, "5")], "out of order sample");
        let message = "400: out of order sample".to_owned();
        assert_eq!(transport.judge(&partial, 7), Outcome::Partial { rejected: 2, message: message.clone() });
        let nothing = answer(400, &[(SAMPLES_WRITTEN, "0")], "out of order sample");
        assert_eq!(transport.judge(&nothing, 7), Outcome::Refused { refusal: Refusal::OutOfOrder, message });
    }

    #[test]
    fn each_answer_has_its_meaning() {
        let mut transport = transport(Version::V1);
        let mut judge = |status, body| transport.judge(&answer(status, &[("retry-after", "9")], body), 7);
        for status in [429, 500, 502, 503, 504, 507, 408] {
            let Outcome::Retry { after, .. } = judge(status, "") else { panic!("{status}") };
            assert_eq!(after, Some(Duration::from_secs(9)), "{status}");
        }
        for status in [301, 401, 403, 404, 407] {
            assert!(matches!(judge(status, ""), Outcome::Barred { .. }), "{status}");
        }
        let refused = [
            (400, "out of order sample", Refusal::OutOfOrder),
            (400, "out of bounds", Refusal::TooOld),
            (500, "too old sample", Refusal::TooOld),
            (400, "duplicate sample for timestamp", Refusal::Duplicate),
            (409, "err-mimir-sample-out-of-order", Refusal::OutOfOrder),
            (413, "", Refusal::TooLarge),
            (422, "no", Refusal::Invalid),
        ];
        for (status, body, expected) in refused {
            let Outcome::Refused { refusal, .. } = judge(status, body) else { panic!("{status}") };
            assert_eq!(refusal, expected, "{status} {body}");
        }
    }
}
