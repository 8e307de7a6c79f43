//! Answers on their way to the caller. On the SDK's route they are wrapped: `{"output": ...}`
//! around JSON and text, with the SDK's error members beside it where the provider's status is
//! one. A JSON answer is wrapped while it streams; a text one is read whole first, if it is small.
//! Everything else passes as it is: binary and encoded answers, parts (206), redirects.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use serde_json::json;
use tenon_contract::egress::{BodyError, StreamBody};

use crate::call::Guard;

/// Headers that describe the bytes of the body, which wrapping changes.
const BODY_HEADERS: [&str; 6] =
    ["content-length", "content-md5", "digest", "content-digest", "repr-digest", "accept-ranges"];
/// What closes the wrapping.
const SUFFIX: Bytes = Bytes::from_static(b"}");

/// How an answer is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Raw,
    Json,
    Text,
    /// An error without a body.
    Nothing,
}

/// The answer as the caller gets it. `guard` ends with the body.
pub(crate) async fn answer(
    response: Response<StreamBody>,
    method: &Method,
    is_wrapped: bool,
    text_bytes_max: usize,
    mut guard: Box<Guard>,
) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    guard.answered(parts.status);
    let form = if is_wrapped { form_of(&parts, method, &body) } else { Form::Raw };
    let passing = match form {
        Form::Raw => Passing::new(Source::stream(body), guard),
        Form::Json => {
            rewrite_headers(&mut parts.headers);
            Passing::new(Source::stream(body), guard).wrapped(prefix(parts.status), parts.status)
        }
        Form::Nothing => {
            rewrite_headers(&mut parts.headers);
            Passing::new(Source::default(), guard).wrapped(prefix(parts.status), parts.status)
        }
        Form::Text => match read_text(body, text_bytes_max).await {
            Ok(text) => {
                rewrite_headers(&mut parts.headers);
                let source = Source { read: [Bytes::from(text)].into(), stream: None };
                Passing::new(source, guard).wrapped(prefix(parts.status), parts.status)
            }
            Err(source) => Passing::new(source, guard),
        },
    };
    Response::from_parts(parts, Body::new(passing))
}

fn form_of(parts: &Parts, method: &Method, body: &StreamBody) -> Form {
    let status = parts.status;
    let is_error = status.is_client_error() || status.is_server_error();
    let is_other = !status.is_success() && !is_error;
    if *method == Method::HEAD || is_other || status == StatusCode::PARTIAL_CONTENT {
        return Form::Raw;
    }
    if body.is_end_stream() {
        return if is_error { Form::Nothing } else { Form::Raw };
    }
    if parts.headers.contains_key(CONTENT_ENCODING) {
        return Form::Raw;
    }
    let Some(given) = parts.headers.get(CONTENT_TYPE) else { return Form::Raw };
    let given = given.to_str().unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || essence.ends_with("+json") || essence == "text/json" {
        return Form::Json;
    }
    let is_text = essence.starts_with("text/") && essence != "text/event-stream"
        || matches!(essence.as_str(), "application/xml" | "application/x-www-form-urlencoded")
        || essence.ends_with("+xml") && !essence.starts_with("image/");
    if is_text { Form::Text } else { Form::Raw }
}

/// What opens the wrapping.
fn prefix(status: StatusCode) -> Bytes {
    if status.is_success() {
        return Bytes::from_static(b"{\"output\":");
    }
    let message = format!("the provider answered {status}");
    let members = json!({
        "code": "provider_error",
        "status": status.as_u16(),
        // The SDK's error has `meta` as its message, and the whole body beside it.
        "meta": { "isIntegrationError": true, "message": message },
        "message": message,
    });
    let mut text = members.to_string();
    text.pop();
    text.push_str(",\"output\":");
    Bytes::from(text)
}

fn rewrite_headers(headers: &mut HeaderMap) {
    for name in BODY_HEADERS {
        headers.remove(name);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
}

/// A small text as a JSON string; else what was read of it, and the rest.
async fn read_text(mut body: StreamBody, bytes_max: usize) -> Result<String, Source> {
    let mut read = VecDeque::new();
    let mut length = 0;
    while length <= bytes_max {
        let data = match body.frame().await {
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            // The rest of the body says so again, to whoever reads it.
            Some(Err(error)) => {
                let broken = StreamBody::new(Broken(Some(error)));
                return Err(Source { read, stream: Some(broken) });
            }
            None => {
                let whole: Vec<u8> = read.iter().flat_map(|data: &Bytes| data.to_vec()).collect();
                return match String::from_utf8(whole) {
                    Ok(text) => Ok(serde_json::Value::String(text).to_string()),
                    Err(_) => Err(Source { read, stream: None }),
                };
            }
        };
        length += data.len();
        read.push_back(data);
    }
    Err(Source { read, stream: Some(body) })
}

/// A body that has ended with an error.
struct Broken(Option<BodyError>);

impl HttpBody for Broken {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Poll::Ready(self.0.take().map(Err))
    }
}

/// What was read already, then what is still to come.
#[derive(Default)]
struct Source {
    read: VecDeque<Bytes>,
    stream: Option<StreamBody>,
}

impl Source {
    fn stream(body: StreamBody) -> Self {
        Self { read: VecDeque::new(), stream: Some(body) }
    }

    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            if let Some(data) = self.read.pop_front() {
                return Poll::Ready(Some(Ok(data)));
            }
            let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
            match ready!(Pin::new(stream).poll_frame(context)) {
                // Trailers are of the provider's connection only.
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
                Some(Err(error)) => {
                    self.stream = None;
                    return Poll::Ready(Some(Err(error)));
                }
                None => self.stream = None,
            }
        }
    }

    fn is_end(&self) -> bool {
        self.read.is_empty() && self.stream.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn exact(&self) -> Option<u64> {
        let read: u64 = self.read.iter().map(|data| data.len() as u64).sum();
        let rest = match &self.stream {
            Some(stream) => stream.size_hint().exact()?,
            None => 0,
        };
        Some(read + rest)
    }
}

/// Where a wrapped body is.
enum Wrapping {
    /// It passes as it is, or its end has been written.
    Off,
    /// Nothing was written yet.
    Before { prefix: Bytes, is_error: bool },
    /// The prefix was written.
    Inside,
}

/// An answer's body on its way to the caller.
struct Passing {
    source: Source,
    wrapping: Wrapping,
    held: Option<Bytes>,
    guard: Option<Box<Guard>>,
}

impl Passing {
    fn new(source: Source, guard: Box<Guard>) -> Self {
        let mut passing = Self { source, wrapping: Wrapping::Off, held: None, guard: Some(guard) };
        passing.end_if_over();
        passing
    }

    fn wrapped(mut self, prefix: Bytes, status: StatusCode) -> Self {
        self.wrapping = Wrapping::Before { prefix, is_error: !status.is_success() };
        self
    }

    fn is_over(&self) -> bool {
        let is_written = match self.wrapping {
            Wrapping::Off => true,
            Wrapping::Before { is_error, .. } => !is_error,
            Wrapping::Inside => false,
        };
        is_written && self.held.is_none() && self.source.is_end()
    }

    /// The call is over with its last byte, not with the connection.
    fn end_if_over(&mut self) {
        if self.is_over()
            && let Some(guard) = &mut self.guard
        {
            guard.complete();
        }
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        if let Some(held) = self.held.take() {
            return Poll::Ready(Some(Ok(held)));
        }
        let next = ready!(self.source.poll_data(context));
        match (next, std::mem::replace(&mut self.wrapping, Wrapping::Off)) {
            (Some(Ok(data)), Wrapping::Before { prefix, .. }) => {
                self.wrapping = Wrapping::Inside;
                self.held = Some(data);
                Poll::Ready(Some(Ok(prefix)))
            }
            (Some(Ok(data)), wrapping) => {
                self.wrapping = wrapping;
                Poll::Ready(Some(Ok(data)))
            }
            (None, Wrapping::Inside) => Poll::Ready(Some(Ok(SUFFIX))),
            (None, Wrapping::Before { prefix, is_error: true }) => {
                self.held = Some(Bytes::from_static(b"null}"));
                Poll::Ready(Some(Ok(prefix)))
            }
            (next, _) => Poll::Ready(next),
        }
    }
}

impl HttpBody for Passing {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let next = ready!(this.poll_next(context));
        if let (Some(Ok(data)), Some(guard)) = (&next, &mut this.guard) {
            guard.passed(data.len());
        }
        match &next {
            Some(Err(_)) => this.guard = None,
            Some(Ok(_)) | None => this.end_if_over(),
        }
        Poll::Ready(next.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        let Some(inner) = self.source.exact() else { return SizeHint::default() };
        let around = match &self.wrapping {
            Wrapping::Off => 0,
            Wrapping::Inside => SUFFIX.len(),
            Wrapping::Before { is_error: false, .. } if inner == 0 => 0,
            Wrapping::Before { prefix, .. } if inner == 0 => prefix.len() + "null}".len(),
            Wrapping::Before { prefix, .. } => prefix.len() + SUFFIX.len(),
        };
        let held = self.held.as_ref().map_or(0, Bytes::len);
        SizeHint::with_exact(inner + (around + held) as u64)
    }
}
