//! The request's body on its way to the provider: small ones whole, so that the call can be made
//! again, large ones and those of unknown length as a stream.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame};
use tenon_contract::egress::{BodyError, ForwardBody, StreamBody};
use tenon_http_kit::codes as kit;

use crate::failure::Failure;
use crate::settings::ProxySettings;

/// What a call carries.
pub(crate) enum Content {
    /// In memory: can be sent again.
    Whole(Bytes),
    /// Can be sent once.
    Stream { body: StreamBody, length: Option<u64> },
    /// The stream has been sent.
    Sent,
}

impl Content {
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self, Self::Whole(_))
    }

    /// What goes out; `None` when it went out before and cannot again.
    pub(crate) fn take(&mut self) -> Option<ForwardBody> {
        if let Self::Whole(bytes) = self {
            return Some(ForwardBody::Whole(bytes.clone()));
        }
        match std::mem::replace(self, Self::Sent) {
            Self::Stream { body, length } => Some(ForwardBody::Stream { body, length }),
            Self::Whole(_) | Self::Sent => None,
        }
    }
}

/// How much of a body came in, and whether that was the caller's fault.
#[derive(Debug, Default)]
pub(crate) struct Received {
    bytes: AtomicU64,
    is_over: AtomicBool,
    is_broken: AtomicBool,
}

impl Received {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// What the caller did wrong while the body came in.
    pub(crate) fn fault(&self) -> Option<Failure> {
        if self.is_over.load(Ordering::Relaxed) {
            return Some(Failure::new(&kit::BODY_TOO_LARGE));
        }
        self.is_broken.load(Ordering::Relaxed).then(|| Failure::new(&kit::BODY_INCOMPLETE))
    }
}

/// Takes a request's body in, as far as is needed before the call goes out, and settles its
/// content type.
pub(crate) async fn take(
    headers: &mut HeaderMap,
    mut body: Body,
    received: &Arc<Received>,
    settings: &ProxySettings,
) -> Result<Content, Failure> {
    if body.is_end_stream() {
        settle_content_type(headers, &[]);
        return Ok(Content::Whole(Bytes::new()));
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > settings.request_bytes_max) {
        return Err(Failure::new(&kit::BODY_TOO_LARGE));
    }
    let whole = length
        .and_then(|length| usize::try_from(length).ok())
        .filter(|length| *length <= settings.replay_bytes_max);
    let Some(whole) = whole else {
        let first = in_time(next_data(&mut body), settings).await?;
        let Some(first) = first else {
            settle_content_type(headers, &[]);
            return Ok(Content::Whole(Bytes::new()));
        };
        settle_content_type(headers, &first);
        let left = settings.request_bytes_max;
        let counted = Counted { body, first: Some(first), received: received.clone(), left };
        return Ok(Content::Stream { body: StreamBody::new(counted), length });
    };
    let bytes = in_time(collect(&mut body, whole), settings).await?;
    received.bytes.store(bytes.len() as u64, Ordering::Relaxed);
    settle_content_type(headers, &bytes);
    Ok(Content::Whole(bytes))
}

async fn in_time<T>(
    reading: impl Future<Output = Result<T, Failure>>,
    settings: &ProxySettings,
) -> Result<T, Failure> {
    let outcome = tokio::time::timeout(settings.body_timeout, reading).await;
    outcome.unwrap_or_else(|_| Err(Failure::new(&kit::BODY_TIMEOUT)))
}

async fn collect(body: &mut Body, length: usize) -> Result<Bytes, Failure> {
    let Some(first) = next_data(body).await? else { return Ok(Bytes::new()) };
    if first.len() >= length {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(length);
    whole.extend_from_slice(&first);
    while let Some(data) = next_data(body).await? {
        // hyper holds the body to its announced length; this holds hyper to it.
        if whole.len() + data.len() > length {
            return Err(Failure::new(&kit::BODY_TOO_LARGE));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

/// The next bytes; trailers are passed over.
async fn next_data(body: &mut Body) -> Result<Option<Bytes>, Failure> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Failure::new(&kit::BODY_INCOMPLETE))?;
        if let Ok(data) = frame.into_data()
            && !data.is_empty()
        {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// `auto`, and no content type at all, mean: look at the body.
fn settle_content_type(headers: &mut HeaderMap, start: &[u8]) {
    let given = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    if given.is_some_and(|given| !given.eq_ignore_ascii_case(b"auto")) {
        return;
    }
    let first = start.iter().find(|byte| !byte.is_ascii_whitespace());
    let settled = match first {
        _ if start.is_empty() => {
            headers.remove(CONTENT_TYPE);
            return;
        }
        Some(b'{' | b'[') => "application/json",
        _ => "application/octet-stream",
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(settled));
}

/// A streaming body that is counted and bounded.
struct Counted {
    body: Body,
    first: Option<Bytes>,
    received: Arc<Received>,
    left: u64,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let data = loop {
            if let Some(first) = this.first.take() {
                break first;
            }
            match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => {
                    // Trailers are of this connection only.
                    if let Ok(data) = frame.into_data() {
                        break data;
                    }
                }
                Some(Err(error)) => {
                    this.received.is_broken.store(true, Ordering::Relaxed);
                    return Poll::Ready(Some(Err(error.into())));
                }
                None => return Poll::Ready(None),
            }
        };
        let length = data.len() as u64;
        if length > this.left {
            this.received.is_over.store(true, Ordering::Relaxed);
            return Poll::Ready(Some(Err("the body is too large".into())));
        }
        this.left -= length;
        this.received.bytes.fetch_add(length, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(data))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(given: Option<&'static str>, start: &[u8]) -> Option<String> {
        let mut headers = HeaderMap::new();
        if let Some(given) = given {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(given));
        }
        settle_content_type(&mut headers, start);
        headers.get(CONTENT_TYPE).map(|value| value.to_str().expect("text").to_owned())
    }

    #[test]
    fn auto_means_to_look_at_the_body() {
        for given in [None, Some("auto"), Some("AUTO")] {
            assert_eq!(settled(given, b" \n{\"a\":1}").as_deref(), Some("application/json"));
            assert_eq!(settled(given, b"[1]").as_deref(), Some("application/json"));
            assert_eq!(settled(given, b"a=b").as_deref(), Some("application/octet-stream"));
            assert_eq!(settled(given, b"  ").as_deref(), Some("application/octet-stream"));
            assert_eq!(settled(given, b""), None);
        }
        assert_eq!(settled(Some("text/csv"), b"{").as_deref(), Some("text/csv"));
    }
}
