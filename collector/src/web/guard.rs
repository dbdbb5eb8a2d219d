//! What every request passes: time limit, the rules of the web configuration file, security headers.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue,
    REFERRER_POLICY, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::ANSWER_TIMEOUT;
use super::toolkit::WebConfig;

/// Nothing here is meant for other origins, frames or caches; the page itself allows its own style and script.
const HEADERS: [(HeaderName, &str); 6] = [
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Adds the security headers that a handler has not set itself.
pub(super) async fn security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Ends a request that has no answer in time.
pub(super) async fn time_limit(request: Request, next: Next) -> Response {
    match tokio::time::timeout(ANSWER_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "no answer in time\n").into_response(),
    }
}

/// Asks for a user and password, holds the rate limit and sets headers, as the web configuration file says.
pub(super) async fn web_config(
    State(config): State<Option<Arc<WebConfig>>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(config) = config else { return next.run(request).await };
    let current = config.current().await;
    let mut response = if !current.rate_limit_allows() {
        let wait = [(RETRY_AFTER, "1")];
        (StatusCode::TOO_MANY_REQUESTS, wait, "too many requests\n").into_response()
    } else if config.authenticates(&current, credentials(request.headers()).as_deref()).await {
        next.run(request).await
    } else {
        let challenge = [(WWW_AUTHENTICATE, "Basic realm=\"lightsout\", charset=\"UTF-8\"")];
        (StatusCode::UNAUTHORIZED, challenge, "user and password, please\n").into_response()
    };
    for (name, value) in current.headers() {
        response.headers_mut().insert(name.clone(), value.clone());
    }
    response
}

/// `user:password` of Basic authentication, RFC 7617.
fn credentials(headers: &HeaderMap) -> Option<Vec<u8>> {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let (scheme, encoded) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(encoded.trim()).ok()).flatten()
}
