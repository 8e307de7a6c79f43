//! A request on its way out: one that can be sent again, or one whose body streams.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request};
use hyper::body::{Body, Frame, SizeHint};
use tenon_contract::egress::{BodyError, StreamBody};
use tokio::time::Instant;

/// A request as every connection can send it.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) target: PathAndQuery,
    pub(crate) headers: HeaderMap,
    pub(crate) body: OutgoingBody,
}

impl Outgoing {
    /// Whether its body is in memory.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.body, OutgoingBody::Whole(_))
    }

    /// As hyper takes it, without its target.
    pub(crate) fn into_request(self) -> (Request<OutgoingBody>, PathAndQuery) {
        let Self { method, target, headers, body } = self;
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        (request, target)
    }

    /// A copy, for a request that may be sent twice (RFC 9110, 9.2.2).
    pub(crate) fn spare(&self) -> Option<Self> {
        let OutgoingBody::Whole(body) = &self.body else { return None };
        self.method.is_idempotent().then(|| Self {
            method: self.method.clone(),
            target: self.target.clone(),
            headers: self.headers.clone(),
            body: OutgoingBody::Whole(body.clone()),
        })
    }
}

/// What a request carries.
pub(crate) enum OutgoingBody {
    /// In memory; empty for none, and once it was taken.
    Whole(Bytes),
    /// Comes in while it goes out.
    Stream(Box<Streaming>),
}

/// A body that comes in while it goes out.
pub(crate) struct Streaming {
    body: StreamBody,
    /// Bytes that are still to come, where their number was announced.
    left: Option<u64>,
    progress: Arc<Progress>,
}

/// The body did not have the length that was announced.
#[derive(Debug, thiserror::Error)]
#[error("the request's body is not as long as announced")]
pub(crate) struct WrongLength;

/// The body of the request ended early, by the fault of whoever sent it.
#[derive(Debug, thiserror::Error)]
#[error("the request's body broke off")]
pub(crate) struct BrokenOff(#[source] pub(crate) BodyError);

impl Streaming {
    pub(crate) fn new(body: StreamBody, length: Option<u64>) -> (Self, Arc<Progress>) {
        let progress = Arc::new(Progress::default());
        (Self { body, left: length, progress: progress.clone() }, progress)
    }

    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                self.progress.touch();
                if let (Some(data), Some(left)) = (frame.data_ref(), &mut self.left) {
                    match left.checked_sub(data.len() as u64) {
                        Some(less) => *left = less,
                        None => return Poll::Ready(Some(Err(WrongLength.into()))),
                    }
                }
            }
            None if self.left.is_some_and(|left| left > 0) => {
                return Poll::Ready(Some(Err(WrongLength.into())));
            }
            Some(Err(_)) | None => {}
        }
        if frame.is_none() || self.left == Some(0) || self.body.is_end_stream() {
            self.progress.finish();
        }
        Poll::Ready(frame.map(|frame| frame.map_err(|error| BrokenOff(error).into())))
    }
}

impl Body for OutgoingBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(streaming) => streaming.poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Stream(streaming) => streaming.left == Some(0) || streaming.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(streaming) => match streaming.left {
                Some(left) => SizeHint::with_exact(left),
                None => SizeHint::default(),
            },
        }
    }
}

/// How far a streaming body has come; seen by whoever waits for the answer.
#[derive(Debug)]
pub(crate) struct Progress {
    started: Instant,
    moved_ms: AtomicU64,
    is_done: AtomicBool,
}

impl Default for Progress {
    fn default() -> Self {
        Self { started: Instant::now(), moved_ms: AtomicU64::new(0), is_done: false.into() }
    }
}

impl Progress {
    fn touch(&self) {
        let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved_ms.store(ms, Ordering::Relaxed);
    }

    fn finish(&self) {
        self.touch();
        self.is_done.store(true, Ordering::Release);
    }

    /// When the last frame moved.
    pub(crate) fn moved_at(&self) -> Instant {
        self.started + Duration::from_millis(self.moved_ms.load(Ordering::Relaxed))
    }

    /// Whether the whole body was taken.
    pub(crate) fn is_done(&self) -> bool {
        self.is_done.load(Ordering::Acquire)
    }
}
