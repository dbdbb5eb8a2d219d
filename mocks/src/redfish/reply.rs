//! Answers before they are sent: a status, headers and a body in one piece.
//!
//! Error bodies follow DSP0266 ("Error responses") and the messages of the Base registry (DSP8011).

use axum::body::Body;
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LINK, RETRY_AFTER,
};
use axum::http::{HeaderMap, Response, StatusCode};
use bytes::Bytes;
use serde_json::{Value, json};
use std::hash::{DefaultHasher, Hash, Hasher};

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Reply {
    fn bare(status: StatusCode, body: impl Into<Bytes>) -> Self {
        let mut reply = Self { status, headers: HeaderMap::new(), body: body.into() };
        reply.set(HeaderName::from_static("odata-version"), "4.0");
        reply.set(CACHE_CONTROL, "no-cache");
        reply
    }

    /// A document with its ETag.
    pub(super) fn document(content_type: &str, body: Bytes) -> Self {
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        let mut reply = Self::bare(StatusCode::OK, body);
        reply.set(CONTENT_TYPE, content_type);
        reply.set(ETAG, &format!("\"{:016x}\"", hasher.finish()));
        reply.set(ALLOW, "GET, HEAD");
        if let Some(kind) = schema(&reply.body) {
            reply.set(LINK, &format!("<http://redfish.dmtf.org/schemas/v1/{kind}.json>; rel=describedby"));
        }
        reply
    }

    /// A JSON value with its ETag.
    pub(super) fn json(value: &Value) -> Self {
        Self::document(JSON, value.to_string().into())
    }

    /// A status without a body.
    pub(super) fn empty(status: StatusCode) -> Self {
        Self::bare(status, Bytes::new())
    }

    /// An error, by the name of its message in the Base registry.
    pub(super) fn error(status: StatusCode, message_id: &str, message: &str) -> Self {
        let message_id = format!("Base.1.18.{message_id}");
        let detail = json!({
            "@odata.type": "#Message.v1_2_1.Message", "MessageId": message_id, "Message": message,
            "MessageArgs": [], "MessageSeverity": "Critical", "Resolution": "None",
        });
        let body = json!({"error": {
            "code": message_id, "message": message, "@Message.ExtendedInfo": [detail],
        }});
        let mut reply = Self::bare(status, body.to_string());
        reply.set(CONTENT_TYPE, JSON);
        reply
    }

    /// 404 for a path that is not there.
    pub(super) fn not_found(path: &str) -> Self {
        let message = format!("The resource at the URI '{path}' was not found.");
        Self::error(StatusCode::NOT_FOUND, "ResourceMissingAtURI", &message)
    }

    /// 405, with what is allowed.
    pub(super) fn not_allowed(allowed: &'static str) -> Self {
        let mut reply = Self::error(
            StatusCode::METHOD_NOT_ALLOWED,
            "OperationNotAllowed",
            "The HTTP method is not allowed on this resource.",
        );
        reply.set(ALLOW, allowed);
        reply
    }

    /// 503, with when to try again.
    pub(super) fn booting(seconds: u64) -> Self {
        let message = format!("The service is temporarily unavailable. Retry in {seconds} seconds.");
        let mut reply =
            Self::error(StatusCode::SERVICE_UNAVAILABLE, "ServiceTemporarilyUnavailable", &message);
        reply.set(RETRY_AFTER, &seconds.to_string());
        reply
    }

    /// Sets a header; a value that cannot stand in a header is left out.
    pub(super) fn set(&mut self, name: HeaderName, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
    }

    /// The answer with another body.
    pub(super) fn into_response(self, body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// What DSP0266 ("Response headers") wants of JSON.
pub(super) const JSON: &str = "application/json;charset=utf-8";

/// What DSP0266 ("OData $metadata") wants of the metadata document.
pub(super) const XML: &str = "application/xml;charset=utf-8";

/// The schema that the first `@odata.type` in a document names, such as `Chassis.v1_25_1`.
fn schema(body: &[u8]) -> Option<&str> {
    const TYPE: &[u8] = b"\"@odata.type\"";
    let at = body.windows(TYPE.len()).position(|window| window == TYPE)?;
    let rest = body.get(at + TYPE.len()..)?;
    let start = rest.iter().position(|byte| *byte == b'#')? + 1;
    let length = rest.get(start..)?.iter().position(|byte| *byte == b'"')?;
    let name = std::str::from_utf8(rest.get(start..start + length)?).ok()?;
    Some(name.rsplit_once('.')?.0)
}
