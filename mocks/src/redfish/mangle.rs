//! How a fault changes an answer: its JSON, its bytes, or the way it is sent.
//!
//! Large and endless bodies are made while they are sent: no fault holds more than a chunk of its own.

use super::faults::Kind;
use super::pattern::visit;
use super::reply::Reply;
use axum::body::{Body, HttpBody};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{Response, StatusCode};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body::Frame;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;

/// Size of the chunks that a huge body is sent in.
const CHUNK_BYTES: usize = 64 * 1024;

/// Sends an answer as the faults want it.
pub(super) fn send(mut reply: Reply, faults: &[Kind], path: &str, expands: bool) -> Response<Body> {
    for fault in faults {
        if let Ok(mut document) = serde_json::from_slice::<Value>(&reply.body)
            && change_json(fault, &mut document, path)
        {
            reply.body = document.to_string().into();
        }
    }
    for fault in faults {
        change_bytes(fault, &mut reply, expands);
    }
    let body = faults.iter().find_map(|fault| streamed(fault, &mut reply));
    let body = body.unwrap_or_else(|| Body::from(reply.body.clone()));
    reply.into_response(body)
}

/// Faults of content; false where the fault is of another sort.
fn change_json(fault: &Kind, document: &mut Value, path: &str) -> bool {
    match fault {
        Kind::DropProperty { name } => everywhere(document, &|value| {
            if let Value::Object(members) = value {
                members.remove(name);
            }
        }),
        Kind::EmptyArrayForNull => everywhere(document, &|value| {
            if value.is_null() {
                *value = json!([]);
            }
        }),
        Kind::StringsForNumbers => everywhere(document, &|value| {
            if value.is_number() {
                *value = Value::String(value.to_string());
            }
        }),
        Kind::NullMembers => visit(document, "/Members", &mut |_, members| *members = Value::Null),
        Kind::SelfNextLink => {
            if let Value::Object(collection) = document
                && collection.contains_key("Members")
            {
                collection.insert("Members@odata.nextLink".into(), json!(path));
            }
        }
        Kind::Set { pointer, value } => visit(document, pointer, &mut |_, own| *own = value.clone()),
        _ => return false,
    }
    true
}

/// Changes a value and all that is in it.
fn everywhere(value: &mut Value, change: &dyn Fn(&mut Value)) {
    change(value);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| everywhere(item, change)),
        Value::Object(members) => members.values_mut().for_each(|member| everywhere(member, change)),
        _ => {}
    }
}

/// Faults of bytes and headers.
fn change_bytes(fault: &Kind, reply: &mut Reply, expands: bool) {
    match fault {
        Kind::Html => {
            reply.status = StatusCode::OK;
            reply.set(CONTENT_TYPE, "text/html");
            reply.body = "<!DOCTYPE html><html><head><title>Login</title></head><body></body></html>".into();
        }
        Kind::EmptyBody => reply.body = Bytes::new(),
        Kind::EmptyObject => {
            reply.status = StatusCode::OK;
            reply.body = "{}".into();
        }
        Kind::BrokenJson => reply.body.truncate(reply.body.len() / 2),
        Kind::RawCr => reply.body = insert_in_text(&reply.body, b"\r"),
        Kind::InvalidUtf8 => reply.body = insert_in_text(&reply.body, b"\xff\xfe"),
        Kind::WrongContentType { content_type } => reply.set(CONTENT_TYPE, content_type),
        Kind::GzipGarbage => {
            reply.set(CONTENT_ENCODING, "gzip");
            reply.body = "\u{1f}\u{8b}this is no gzip".into();
        }
        Kind::ExpandUnsafe if expands => {
            let message = "The request failed because a required license is not available.";
            let error = Reply::error(StatusCode::FORBIDDEN, "InsufficientPrivilege", message);
            reply.body = [error.body, reply.body.clone()].concat().into();
        }
        _ => {}
    }
}

/// The body with `garbage` at the start of the value of `Name`, or else of the first string value.
fn insert_in_text(body: &Bytes, garbage: &[u8]) -> Bytes {
    let find = |from: usize, needle: &[u8]| {
        let at = body.get(from..)?.windows(needle.len()).position(|window| window == needle)?;
        Some(from + at + needle.len())
    };
    let start = find(0, b"\"Name\"").unwrap_or(0);
    let Some(at) = find(start, b":").and_then(|colon| find(colon, b"\"")) else {
        return body.clone();
    };
    let (before, after) = body.split_at(at);
    [before, garbage, after].concat().into()
}

/// Faults of sending: a body that is made on the way.
fn streamed(fault: &Kind, reply: &mut Reply) -> Option<Body> {
    let body = reply.body.clone();
    match *fault {
        Kind::HugeBody { bytes } => Some(pipe(move |sender| huge(sender, bytes))),
        Kind::GzipBomb { bytes } => {
            reply.set(CONTENT_ENCODING, "gzip");
            Some(pipe(move |sender| bomb(sender, bytes)))
        }
        Kind::Endless { every_ms } => Some(pipe(|sender| endless(sender, Duration::from_millis(every_ms)))),
        Kind::Drip { chunk_bytes, every_ms } => {
            Some(pipe(move |sender| drip(sender, body, chunk_bytes, Duration::from_millis(every_ms))))
        }
        Kind::CloseMidBody => {
            reply.set(CONTENT_LENGTH, &body.len().to_string());
            Some(pipe(move |sender| close_midway(sender, body)))
        }
        _ => None,
    }
}

type Sender = mpsc::Sender<io::Result<Bytes>>;

/// Sending fails when the client is gone; then there is nothing left to do.
type Sent = Result<(), mpsc::error::SendError<io::Result<Bytes>>>;

/// A JSON object of `bytes` bytes, which is one long string, in chunks.
fn object(bytes: u64) -> impl Iterator<Item = Bytes> + Send {
    let (head, tail) = (r#"{"Name":""#, r#""}"#);
    let chunk = Bytes::from(vec![b'x'; CHUNK_BYTES]);
    let mut left = bytes.saturating_sub((head.len() + tail.len()) as u64);
    let text = std::iter::from_fn(move || {
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK_BYTES);
        left -= size as u64;
        (size > 0).then(|| chunk.slice(..size))
    });
    std::iter::once(head.into()).chain(text).chain(std::iter::once(tail.into()))
}

async fn huge(sender: Sender, bytes: u64) -> Sent {
    for chunk in object(bytes) {
        sender.send(Ok(chunk)).await?;
    }
    Ok(())
}

async fn bomb(sender: Sender, bytes: u64) -> Sent {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for chunk in object(bytes) {
        let packed = encoder.write_all(&chunk).map(|()| Bytes::from(std::mem::take(encoder.get_mut())));
        sender.send(packed).await?;
    }
    sender.send(encoder.finish().map(Bytes::from)).await
}

async fn endless(sender: Sender, every: Duration) -> Sent {
    sender.send(Ok("{".into())).await?;
    loop {
        tokio::time::sleep(every).await;
        sender.send(Ok(" ".into())).await?;
    }
}

async fn drip(sender: Sender, mut body: Bytes, chunk_bytes: usize, every: Duration) -> Sent {
    while !body.is_empty() {
        let size = chunk_bytes.clamp(1, body.len());
        sender.send(Ok(body.split_to(size))).await?;
        tokio::time::sleep(every).await;
    }
    Ok(())
}

async fn close_midway(sender: Sender, body: Bytes) -> Sent {
    sender.send(Ok(body.slice(..body.len() / 2))).await?;
    sender.send(Err(io::ErrorKind::ConnectionReset.into())).await
}

/// A body that comes out of a task; the task ends when nobody reads any more.
fn pipe<F>(produce: impl FnOnce(Sender) -> F) -> Body
where
    F: Future<Output = Sent> + Send + 'static,
{
    let (sender, chunks) = mpsc::channel(1);
    tokio::spawn(produce(sender));
    Body::new(Pipe { chunks })
}

struct Pipe {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
}

impl HttpBody for Pipe {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.chunks.poll_recv(context).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }
}
