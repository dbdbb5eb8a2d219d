//! From request to answer: faults first, then who asks, then sessions and documents.
//!
//! Follows DSP0266, "Service requests" and "Authentication" (with the paths that need none).

use super::door::Refusal;
use super::faults::{self, Kind};
use super::mangle;
use super::options::SessionPlace;
use super::pattern::visit;
use super::query::{Query, QueryError, decode};
use super::reply::{JSON, Reply, XML};
use super::server::Shared;
use super::tree::ROOT;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, ETAG, HeaderName, IF_NONE_MATCH, LOCATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use base64::Engine;
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const STANDARD_SESSIONS: &str = "/redfish/v1/SessionService/Sessions";
const ALTERNATIVE_SESSIONS: &str = "/redfish/v1/Sessions";
const X_AUTH_TOKEN: HeaderName = HeaderName::from_static("x-auth-token");
const ODATA_VERSION: HeaderName = HeaderName::from_static("odata-version");

/// The least that DSP0266 ("OData $metadata") wants of the OData metadata document.
const METADATA: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0">
  <edmx:Reference Uri="http://redfish.dmtf.org/schemas/v1/ServiceRoot_v1.xml">
    <edmx:Include Namespace="ServiceRoot"/><edmx:Include Namespace="ServiceRoot.v1_17_0"/>
  </edmx:Reference>
  <edmx:DataServices>
    <Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace="Service">
      <EntityContainer Name="Service" Extends="ServiceRoot.v1_17_0.ServiceContainer"/>
    </Schema>
  </edmx:DataServices>
</edmx:Edmx>
"#;

/// Paths that anybody may GET: DSP0266, "Resource and operation authentication requirements".
const OPEN_PATHS: [&str; 5] =
    ["/redfish", ROOT, "/redfish/v1/odata", "/redfish/v1/$metadata", "/redfish/v1/openapi.yaml"];

/// Bytes of a request's body: a login is far smaller, and nothing else is taken.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// A request, with its path without trailing slash.
struct Ask {
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Ask {
    fn is_read(&self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }

    fn is_open(&self) -> bool {
        self.is_read() && OPEN_PATHS.contains(&self.path.as_str())
    }

    fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Answers one request.
pub(super) async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().trim_end_matches('/').to_owned();
    let _in_flight = shared.count(parts.method.as_str(), &path);
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY_BYTES).await else {
        return mangle::send(bad_request("The request body is too large."), &[], &path, false);
    };
    let ask = Ask { method: parts.method, path, query, headers: parts.headers, body };
    let faults = faults::take(&mut shared.faults(), ask.method.as_str(), &ask.path);
    let mut early = None;
    for fault in &faults {
        early = early.or(instead(&shared, &ask, fault).await);
    }
    let reply = early.unwrap_or_else(|| answer(&shared, &ask));
    tracing::debug!(method = %ask.method, path = %ask.path, status = reply.status.as_u16(), "answered");
    mangle::send(reply, &faults, &ask.path, ask.query.contains("expand="))
}

/// What a fault answers in the server's place, after as long as it wants.
async fn instead(shared: &Shared, ask: &Ask, fault: &Kind) -> Option<Reply> {
    match fault {
        Kind::Latency { ms } => tokio::time::sleep(Duration::from_millis(*ms)).await,
        Kind::Hang => std::future::pending().await,
        Kind::Booting { retry_after } => return Some(Reply::booting(*retry_after)),
        Kind::Status { code, retry_after } => {
            let status = StatusCode::from_u16(*code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut reply = Reply::error(status, "GeneralError", "A general error has occurred.");
            if let Some(seconds) = retry_after {
                reply.set(axum::http::header::RETRY_AFTER, &seconds.to_string());
            }
            return Some(reply);
        }
        Kind::UnauthorizedUntilReset if !ask.is_open() => return Some(unauthorized(shared)),
        Kind::SessionTableFull if is_login(shared, ask) => return Some(table_full(shared)),
        Kind::Redirect { origin } => {
            let mut reply = Reply::empty(StatusCode::TEMPORARY_REDIRECT);
            reply.set(LOCATION, &format!("{origin}{}", ask.path));
            return Some(reply);
        }
        _ => {}
    }
    None
}

/// The answer of a BMC without faults.
fn answer(shared: &Shared, ask: &Ask) -> Reply {
    if is_login(shared, ask) {
        return login(shared, ask);
    }
    if session_place(shared) != Some(STANDARD_SESSIONS) && ask.path.starts_with(STANDARD_SESSIONS) {
        return Reply::not_allowed("HEAD");
    }
    if ask.header(ODATA_VERSION).is_some_and(|version| version != "4.0") {
        let message = "The service supports OData-Version 4.0 only.";
        return Reply::error(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", message);
    }
    if !ask.is_open() && !authenticated(shared, ask) {
        return unauthorized(shared);
    }
    if let Some(reply) = sessions(shared, ask) {
        return reply;
    }
    if !ask.is_read() {
        return Reply::not_allowed("GET, HEAD");
    }
    let reply = document(shared, ask);
    let same = ask.header(IF_NONE_MATCH).zip(reply.headers.get(ETAG).and_then(|tag| tag.to_str().ok()));
    if same.is_some_and(|(known, tag)| known.split(',').any(|known| known.trim() == tag)) {
        return Reply { body: Bytes::new(), status: StatusCode::NOT_MODIFIED, ..reply };
    }
    reply
}

fn bad_request(message: &str) -> Reply {
    Reply::error(StatusCode::BAD_REQUEST, "MalformedJSON", message)
}

fn unauthorized(shared: &Shared) -> Reply {
    let message = "While accessing the resource, authentication failed.";
    let mut reply = Reply::error(StatusCode::UNAUTHORIZED, "NoValidSession", message);
    if shared.options.challenge && shared.options.basic {
        reply.set(WWW_AUTHENTICATE, "Basic realm=\"Redfish\"");
    }
    reply
}

fn table_full(shared: &Shared) -> Reply {
    let status = StatusCode::from_u16(shared.options.session_full_status);
    let message = "The session establishment failed due to the number of simultaneous sessions exceeding \
                   the limit of the implementation.";
    Reply::error(status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE), "SessionLimitExceeded", message)
}

/// Whether the request has a valid token, or else a right password.
fn authenticated(shared: &Shared, ask: &Ask) -> bool {
    let mut door = shared.door();
    if door.is_open() {
        return true;
    }
    if let Some(token) = ask.header(X_AUTH_TOKEN) {
        return door.knows(token, shared.elapsed());
    }
    let basic = ask.header(AUTHORIZATION).and_then(basic).filter(|_| shared.options.basic);
    basic.is_some_and(|(user, password)| door.admits(&user, &password))
}

/// User and password of a Basic `Authorization` header, RFC 7617.
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, code) = header.split_once(' ')?;
    let code = base64::engine::general_purpose::STANDARD.decode(code.trim()).ok()?;
    let text = String::from_utf8(code).ok()?;
    let (user, password) = text.split_once(':')?;
    scheme.eq_ignore_ascii_case("basic").then(|| (user.to_owned(), password.to_owned()))
}

/// Where this device keeps its sessions.
fn session_place(shared: &Shared) -> Option<&'static str> {
    match shared.options.session_place {
        SessionPlace::Standard => Some(STANDARD_SESSIONS),
        SessionPlace::Alternative => Some(ALTERNATIVE_SESSIONS),
        SessionPlace::None => None,
    }
}

fn is_login(shared: &Shared, ask: &Ask) -> bool {
    let place = session_place(shared);
    // DSP0266, "POST (create)": a collection's Members take what the collection takes
    let path = ask.path.strip_suffix("/Members").unwrap_or(&ask.path);
    ask.method == Method::POST && place == Some(path)
}

fn login(shared: &Shared, ask: &Ask) -> Reply {
    let body: Value = match serde_json::from_slice(&ask.body) {
        Ok(body) => body,
        Err(_) => return bad_request("The request body is no valid JSON."),
    };
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let Some((user, password)) = text("UserName").zip(text("Password")) else {
        let message = "UserName and Password are required.";
        return Reply::error(StatusCode::BAD_REQUEST, "PropertyMissing", message);
    };
    let opened = shared.door().open(user, password, shared.elapsed());
    let (id, token) = match opened {
        Ok(opened) => opened,
        Err(Refusal::Password) => return unauthorized(shared),
        Err(Refusal::Full) => return table_full(shared),
    };
    let place = session_place(shared).unwrap_or(STANDARD_SESSIONS);
    let mut reply = Reply::json(&session(place, id, user));
    reply.status = StatusCode::CREATED;
    reply.set(X_AUTH_TOKEN, &token);
    reply.set(LOCATION, &format!("{place}/{id}"));
    reply
}

fn session(place: &str, id: u64, user: &str) -> Value {
    json!({
        "@odata.id": format!("{place}/{id}"), "@odata.type": "#Session.v1_7_0.Session",
        "Id": id.to_string(), "Name": "User Session", "UserName": user,
    })
}

/// The session collection and its members.
fn sessions(shared: &Shared, ask: &Ask) -> Option<Reply> {
    let place = session_place(shared)?;
    let rest = ask.path.strip_prefix(place)?;
    let mut door = shared.door();
    let open = door.open_sessions(shared.elapsed());
    if rest.is_empty() && ask.is_read() {
        let members: Vec<Value> =
            open.iter().map(|id| json!({"@odata.id": format!("{place}/{id}")})).collect();
        let mut reply = Reply::json(&json!({
            "@odata.id": place, "@odata.type": "#SessionCollection.SessionCollection",
            "Name": "Sessions", "Members@odata.count": members.len(), "Members": members,
        }));
        reply.set(axum::http::header::ALLOW, "GET, HEAD, POST");
        return Some(reply);
    }
    let id = rest.strip_prefix('/').and_then(|id| id.parse().ok()).filter(|id| open.contains(id));
    Some(match (id, &ask.method) {
        (None, _) if rest.is_empty() => Reply::not_allowed("GET, HEAD, POST"),
        (None, _) => Reply::not_found(&ask.path),
        (Some(id), &Method::DELETE) => {
            door.close(id);
            Reply::empty(StatusCode::NO_CONTENT)
        }
        (Some(id), _) if ask.is_read() => {
            let mut reply = Reply::json(&session(place, id, door.user()));
            reply.set(axum::http::header::ALLOW, "GET, HEAD, DELETE");
            reply
        }
        _ => Reply::not_allowed("GET, HEAD, DELETE"),
    })
}

/// A document of the tree, as the query wants it.
fn document(shared: &Shared, ask: &Ask) -> Reply {
    let query = match Query::parse(&ask.query, shared.options.query) {
        Ok(query) => query,
        Err(QueryError::Malformed(what)) => {
            let message = format!("The value of the query parameter {what} is not understood.");
            return Reply::error(StatusCode::BAD_REQUEST, "QueryParameterValueFormatError", &message);
        }
        Err(QueryError::Unsupported(what)) => {
            let message = format!("The query parameter {what} is not supported.");
            return Reply::error(StatusCode::NOT_IMPLEMENTED, "QueryNotSupported", &message);
        }
    };
    // some recordings hold a page of a collection under its whole link
    let recorded = format!("{}?{}", ask.path, decode(&ask.query));
    if let Some(body) = find(shared, &recorded).filter(|_| !ask.query.is_empty()) {
        return Reply::document(JSON, body);
    }
    let Some(body) = find(shared, &ask.path) else {
        return well_known(shared, &ask.path).unwrap_or_else(|| Reply::not_found(&ask.path));
    };
    let moved_sessions = ask.path == ROOT && shared.options.session_place == SessionPlace::Alternative;
    if query.is_empty() && shared.options.page_size.is_none() && !moved_sessions {
        let content_type = if ask.path.ends_with("/$metadata") { XML } else { JSON };
        return Reply::document(content_type, body);
    }
    let Ok(mut document) = serde_json::from_slice::<Value>(&body) else {
        return Reply::document(JSON, body);
    };
    if moved_sessions {
        visit(&mut document, "/Links/Sessions/@odata.id", &mut |_, link| *link = json!(ALTERNATIVE_SESSIONS));
    }
    let get = |path: &str| serde_json::from_slice(&find(shared, path.trim_end_matches('/'))?).ok();
    query.apply(&mut document, &ask.path, shared.options.page_size, &get);
    Reply::json(&document)
}

/// The document at a path, or at that path percent-decoded.
fn find(shared: &Shared, path: &str) -> Option<Bytes> {
    let moment = shared.moment();
    let overrides = shared.overrides();
    let get = |path: &str| shared.tree.document_with(path, &moment, &overrides);
    get(path).or_else(|| get(&decode(path)))
}

/// The documents that every service has, where the tree does not: DSP0266, "Redfish-defined URIs".
fn well_known(shared: &Shared, path: &str) -> Option<Reply> {
    let root: Value = serde_json::from_slice(shared.tree.document(ROOT)?).ok()?;
    match path {
        "/redfish" => Some(Reply::json(&json!({"v1": "/redfish/v1/"}))),
        "/redfish/v1/odata" => {
            let link = |(name, value): (&String, &Value)| {
                let url = value.get("@odata.id")?.clone();
                Some(json!({"name": name, "kind": "Singleton", "url": url}))
            };
            let links: Vec<Value> = root.as_object()?.iter().filter_map(link).collect();
            Some(Reply::json(&json!({"@odata.context": "/redfish/v1/$metadata", "value": links})))
        }
        "/redfish/v1/$metadata" => Some(Reply::document(XML, METADATA.into())),
        _ => None,
    }
}
