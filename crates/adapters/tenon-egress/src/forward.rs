//! Passes a call through: bodies stream in both directions, at the pace of the slower side.
//!
//! Nothing here buffers: a frame is read from the provider when the reader asks for it. Whoever
//! stalls longer than the idle time ends the call: the provider (noticed when a frame is asked
//! for), or the reader of a large answer (noticed by a task that looks after it).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, SizeHint};
use parking_lot::Mutex;
use tenon_contract::egress::{BodyError, Error, Forward, ForwardBody, ForwardRequest, StreamBody};
use tokio::time::{Instant, Sleep};
use tracing::Instrument as _;

use crate::client::{Checked, HttpEgress, mark_empty, millis};
use crate::metrics;
use crate::outgoing::{Outgoing, OutgoingBody, Progress, Streaming};
use crate::transport::Arriving;

/// An answer that is larger has its reader looked after.
const WATCHED_FROM_BYTES: u64 = 256 << 10;

#[async_trait]
impl Forward for HttpEgress {
    async fn forward(&self, request: ForwardRequest) -> Result<Response<StreamBody>, Error> {
        let (started, span) = (Instant::now(), metrics::span(&request.method, &request.url));
        let outcome = self.forward_checked(request).instrument(span.clone()).await;
        let status = outcome.as_ref().map(Response::status);
        metrics::called(status, started.elapsed(), &span);
        outcome
    }
}

impl HttpEgress {
    async fn forward_checked(
        &self,
        request: ForwardRequest,
    ) -> Result<Response<StreamBody>, Error> {
        let ForwardRequest { method, url, headers, body, identity, head_timeout, idle_timeout } =
            request;
        let Checked { origin, target } = self.check(&method, &url, identity.as_ref())?;
        let host = url.host_str().unwrap_or_default();
        let mut headers = self.headers(host, headers)?;
        let (body, upload) = match body {
            ForwardBody::Whole(body) => {
                mark_empty(&method, &body, &mut headers);
                (OutgoingBody::Whole(body), None)
            }
            ForwardBody::Stream { body, length } => {
                let (body, progress) = Streaming::new(body, length);
                (OutgoingBody::Stream(Box::new(body)), Some(progress))
            }
        };
        let answer = self.answer(host, &origin, Outgoing { method, target, headers, body });
        let response = match &upload {
            None => tokio::time::timeout(head_timeout, answer)
                .await
                .map_err(|_| timed_out(host, head_timeout))?,
            Some(upload) => tokio::select! {
                biased;
                answer = answer => answer,
                error = overdue(upload, host, head_timeout, idle_timeout) => Err(error),
            },
        }?;
        Ok(response.map(|mut body| {
            // What is there already needs nobody to look after it.
            if let Some(whole) = body.take_whole() {
                return StreamBody::new(Full::new(whole).map_err(BodyError::from));
            }
            StreamBody::new(Passing::new(body, upload, idle_timeout))
        }))
    }
}

fn timed_out(host: &str, after: Duration) -> Error {
    Error::Timeout { host: host.to_owned(), after_ms: millis(after) }
}

/// Returns when an upload stands still, or when its answer is late after it has ended.
async fn overdue(upload: &Progress, host: &str, head: Duration, idle: Duration) -> Error {
    loop {
        let limit = if upload.is_done() { head } else { idle };
        let due = upload.moved_at() + limit;
        tokio::time::sleep_until(due).await;
        let limit_now = if upload.is_done() { head } else { idle };
        if upload.moved_at() + limit_now <= Instant::now() {
            return timed_out(host, limit_now);
        }
    }
}

/// Nothing moved for too long.
#[derive(Debug, thiserror::Error)]
#[error("nothing moved for {after_ms} ms")]
struct Idle {
    after_ms: u64,
}

/// The body of an answer on its way to whoever asked.
struct Passing {
    source: Source,
    upload: Option<Arc<Progress>>,
    idle_timeout: Duration,
    idle: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
    passed_bytes: u64,
}

enum Source {
    Own(Box<Arriving>),
    Watched(Arc<Watched>),
    Ended,
}

/// A body that is taken away from a reader who stalls.
struct Watched(Mutex<(Option<Box<Arriving>>, Instant)>);

impl Passing {
    fn new(body: Arriving, upload: Option<Arc<Progress>>, idle_timeout: Duration) -> Self {
        Self {
            source: Source::Own(Box::new(body)),
            upload,
            idle_timeout,
            idle: None,
            is_waiting: false,
            passed_bytes: 0,
        }
    }

    /// From now on a task ends the call when its reader does not come back in time.
    fn watch(&mut self) {
        let Source::Own(body) = std::mem::replace(&mut self.source, Source::Ended) else { return };
        let watched = Arc::new(Watched(Mutex::new((Some(body), Instant::now()))));
        self.source = Source::Watched(watched.clone());
        let (watched, idle_timeout) = (Arc::downgrade(&watched), self.idle_timeout);
        tokio::spawn(async move {
            let mut due = Instant::now() + idle_timeout;
            loop {
                tokio::time::sleep_until(due).await;
                // It is gone when the reader is.
                let Some(watched) = watched.upgrade() else { return };
                let mut held = watched.0.lock();
                due = held.1 + idle_timeout;
                if due <= Instant::now() {
                    held.0 = None;
                    return;
                }
            }
        });
    }

    fn idle_error(&self) -> BodyError {
        Idle { after_ms: millis(self.idle_timeout) }.into()
    }

    /// Ready once nothing has moved for too long, in either direction.
    fn poll_idle(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let idle_timeout = self.idle_timeout;
        let idle = self.idle.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle_timeout)));
        if !self.is_waiting {
            self.is_waiting = true;
            idle.as_mut().reset(Instant::now() + idle_timeout);
        }
        loop {
            ready!(idle.as_mut().poll(context));
            match self.upload.as_ref().map(|upload| upload.moved_at() + idle_timeout) {
                Some(due) if due > Instant::now() => idle.as_mut().reset(due),
                _ => return Poll::Ready(()),
            }
        }
    }
}

impl Body for Passing {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let polled = match &mut this.source {
            Source::Own(body) => Pin::new(body.as_mut()).poll_frame(context),
            Source::Watched(watched) => {
                let mut held = watched.0.lock();
                held.1 = Instant::now();
                match &mut held.0 {
                    Some(body) => Pin::new(body.as_mut()).poll_frame(context),
                    None => {
                        drop(held);
                        let error = this.idle_error();
                        this.source = Source::Ended;
                        return Poll::Ready(Some(Err(error)));
                    }
                }
            }
            Source::Ended => return Poll::Ready(None),
        };
        let Poll::Ready(frame) = polled else {
            ready!(this.poll_idle(context));
            this.source = Source::Ended;
            return Poll::Ready(Some(Err(this.idle_error())));
        };
        this.is_waiting = false;
        if let Some(Ok(frame)) = &frame {
            this.passed_bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
            let is_large = this.passed_bytes >= WATCHED_FROM_BYTES;
            if is_large && matches!(this.source, Source::Own(_)) {
                this.watch();
            }
        } else {
            this.source = Source::Ended;
        }
        Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Own(body) => body.is_end_stream(),
            Source::Watched(watched) => {
                watched.0.lock().0.as_ref().is_some_and(|body| body.is_end_stream())
            }
            Source::Ended => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Own(body) => body.size_hint(),
            Source::Watched(watched) => {
                watched.0.lock().0.as_ref().map_or_else(SizeHint::default, |body| body.size_hint())
            }
            Source::Ended => SizeHint::with_exact(0),
        }
    }
}
