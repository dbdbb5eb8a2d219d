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
    /// What is tried first.
    pub version: Version,
    /// Whether 1.0 is spoken to a receiver that turns out not to know 2.0.
    pub fall_back: bool,
}

/// A receiver of remote-write.
pub struct RemoteWrite {
    poster: Poster,
    encoder: Encoder,
    fall_back: bool,
    /// Whether the receiver ever confirmed 2.0.
    confirmed: bool,
}

impl RemoteWrite {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// The configuration cannot be used.
    pub fn new(options: &Options) -> Result<Self, ConfigError> {
        Ok(Self {
            poster: Poster::new(&options.endpoint)?,
            encoder: Encoder::new(options.version),
            fall_back: options.fall_back,
            confirmed: false,
        })
    }

    /// From now on requests of version 1.0, for as long as the receiver takes them: one that was upgraded still does.
    fn fall_back(&mut self) -> Outcome {
        tracing::info!("the receiver does not know remote-write 2.0: sending 1.0");
        self.encoder = Encoder::new(Version::V1);
        Outcome::Again
    }

    fn judge(&mut self, answer: &Answer, samples: u64) -> Outcome {
        if self.encoder.version() == Version::V1 {
            // What fell back and is not understood either may speak to another receiver by now: 2.0 is next.
            if answer.status == StatusCode::UNSUPPORTED_MEDIA_TYPE && self.fall_back {
                self.encoder = Encoder::new(Version::V2);
            }
            return judge(answer, samples, None);
        }
        let confirmed = WRITTEN.iter().any(|&name| answer.headers.contains_key(name));
        self.confirmed |= confirmed;
        match answer.status {
            _ if confirmed => judge(answer, samples, written(answer)),
            StatusCode::UNSUPPORTED_MEDIA_TYPE if self.fall_back => self.fall_back(),
            // It may be the message that it cannot read, and not a sample that it does not want.
            StatusCode::BAD_REQUEST if self.fall_back && !self.confirmed => self.fall_back(),
            status if !status.is_success() || answer.is_barred() => judge(answer, samples, None),
            _ if self.fall_back => self.fall_back(),
            _ => Outcome::Barred { message: "the receiver does not confirm remote-write 2.0".into() },
        }
    }
}

/// What an answer means to one who sent a version that the receiver knows, as far as its status does not deny that.
fn judge(answer: &Answer, samples: u64, written: Option<u64>) -> Outcome {
    if answer.is_barred() {
        return Outcome::Barred { message: answer.message() };
    }
    if answer.status.is_success() {
        return partial(answer, samples, written.unwrap_or(samples));
    }
    match (refusal(answer), written) {
        // The receiver took what it could: sending the rest again changes nothing.
        (Outcome::Refused { .. }, Some(written @ 1..)) => partial(answer, samples, written),
        (outcome, _) => outcome,
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

/// What an answer without success means to a sender that is welcome.
fn refusal(answer: &Answer) -> Outcome {
    let message = answer.message();
    // Some say it at the end of a long sentence.
    let refusal = Refusal::find(&String::from_utf8_lossy(&answer.body));
    match answer.status.as_u16() {
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
        let fall_back = version == Version::V2;
        RemoteWrite::new(&Options { endpoint: Endpoint::new("http://127.0.0.1:1/"), version, fall_back })
            .unwrap()
    }

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Answer {
        let pair = |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        let headers = headers.iter().map(pair).collect();
        Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: body.into() }
    }

    #[test]
    fn version_2_falls_back_where_no_header_confirms_it() {
        for (status, after) in [
            (204, Version::V1),
            (200, Version::V1),
            (415, Version::V1),
            (400, Version::V1),
            (503, Version::V2),
        ] {
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
        assert!(matches!(transport.judge(&answer(415, &[], ""), 7), Outcome::Barred { .. }));
        assert_eq!(transport.encoder.version(), Version::V1);
    }

    /// A receiver that has shown that it reads 2.0 means the samples with its 400.
    #[test]
    fn a_receiver_that_confirmed_version_2_is_not_sent_version_1_for_a_bad_sample() {
        let mut transport = transport(Version::V2);
        transport.judge(&answer(204, &[(SAMPLES_WRITTEN, "7")], ""), 7);
        let bad = transport.judge(&answer(400, &[], "out of order sample"), 7);
        assert!(matches!(bad, Outcome::Refused { refusal: Refusal::OutOfOrder, .. }), "{bad:?}");
        assert_eq!(transport.encoder.version(), Version::V2);
    }

    /// Neither is understood: nothing is given up, and a receiver that was exchanged meanwhile is found.
    #[test]
    fn a_receiver_of_version_2_alone_is_found_again() {
        let mut transport = transport(Version::V2);
        assert_eq!(transport.judge(&answer(204, &[], ""), 7), Outcome::Again);
        assert!(matches!(transport.judge(&answer(415, &[], ""), 7), Outcome::Barred { .. }));
        assert_eq!(transport.judge(&answer(204, &[(SAMPLES_WRITTEN, "7")], ""), 7), Outcome::Accepted);
    }

    #[test]
    fn version_2_that_is_asked_for_does_not_fall_back() {
        for (status, body) in [(204, ""), (200, ""), (415, "")] {
            let mut transport = RemoteWrite { fall_back: false, ..transport(Version::V2) };
            let outcome = transport.judge(&answer(status, &[], body), 7);
            assert!(matches!(outcome, Outcome::Barred { .. }), "{status}: {outcome:?}");
            assert_eq!(transport.encoder.version(), Version::V2);
        }
    }

    /// A gateway to the network that wants a login answers 200 to anything: its page is no receipt.
    #[test]
    fn a_web_page_is_no_success() {
        for version in [Version::V1, Version::V2] {
            let mut transport = transport(version);
            let page =
                answer(200, &[("content-type", "text/html; charset=utf-8")], "\n<!DOCTYPE html><html>");
            let outcome = transport.judge(&page, 7);
            let Outcome::Barred { message } = outcome else { panic!("{version:?}: {outcome:?}") };
            assert!(message.starts_with("200: a web page"), "{message}");
            assert_eq!(transport.encoder.version(), version);
        }
        let mut transport = transport(Version::V1);
        let plain = answer(200, &[("content-type", "text/html")], "OK");
        assert_eq!(transport.judge(&plain, 7), Outcome::Accepted);
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
    fn what_a_busy_receiver_of_version_2_left_is_sent_again() {
        let mut transport = transport(Version::V2);
        for status in [408, 425, 429, 500, 503] {
            let busy = answer(status, &[(SAMPLES_WRITTEN, "5")], "");
            assert!(matches!(transport.judge(&busy, 7), Outcome::Retry { .. }), "{status}");
        }
    }

    /// Mimir's words, whose code comes last.
    const MIMIR: &str = "failed pushing to ingester mimir-ingester-zone-a-0: user=poles: the sample has been rejected \
        because another sample with a more recent timestamp has already been ingested and this sample is beyond the \
        out-of-order time window (err-mimir-sample-timestamp-too-old). The affected sample has timestamp 1970-01-01";

    #[test]
    fn each_answer_has_its_meaning() {
        let mut transport = transport(Version::V1);
        let mut judge = |status, body| transport.judge(&answer(status, &[("retry-after", "9")], body), 7);
        for status in [429, 500, 502, 503, 504, 507, 408] {
            let Outcome::Retry { after, .. } = judge(status, "") else { panic!("{status}") };
            assert_eq!(after, Some(Duration::from_secs(9)), "{status}");
        }
        for status in [301, 308, 401, 402, 403, 404, 405, 407, 410, 415, 421, 451] {
            assert!(matches!(judge(status, ""), Outcome::Barred { .. }), "{status}");
        }
        let refused = [
            (400, "out of order sample", Refusal::OutOfOrder),
            (400, "out of bounds", Refusal::TooOld),
            (500, "too old sample", Refusal::TooOld),
            (400, "duplicate sample for timestamp", Refusal::Duplicate),
            (409, "err-mimir-sample-out-of-order", Refusal::OutOfOrder),
            (400, MIMIR, Refusal::TooOld),
            (413, "", Refusal::TooLarge),
            (422, "no", Refusal::Invalid),
        ];
        for (status, body, expected) in refused {
            let Outcome::Refused { refusal, .. } = judge(status, body) else { panic!("{status}") };
            assert_eq!(refusal, expected, "{status} {body}");
        }
    }
}
