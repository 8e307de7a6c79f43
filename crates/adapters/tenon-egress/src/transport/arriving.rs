//! The body of an answer, with the connection that it comes from.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::line::Line;
use super::pool::Origin;

/// How long a connection's own task may take to see that the exchange is over.
const TASK_GRACE: Duration = Duration::from_millis(100);

/// A body that gives its connection back when it was read to its end, and closes it otherwise.
pub(crate) struct Arriving {
    body: Incoming,
    /// Of HTTP/1; an HTTP/2 connection is shared and stays where it is.
    line: Option<Line>,
    origin: Arc<Origin>,
}

impl Arriving {
    pub(super) fn new(body: Incoming, line: Option<Line>, origin: Arc<Origin>) -> Self {
        let mut arriving = Self { body, line, origin };
        if arriving.body.is_end_stream() {
            arriving.give_back();
        }
        arriving
    }

    fn give_back(&mut self) {
        let Some(mut line) = self.line.take() else { return };
        if line.is_free() || !line.is_in_task() {
            return self.origin.put(line);
        }
        // The connection's own task may be a moment behind; an upload that is not over when the
        // answer is will not be waited for.
        let origin = self.origin.clone();
        tokio::spawn(async move {
            if let Ok(true) = tokio::time::timeout(TASK_GRACE, line.is_usable()).await {
                origin.put(line);
            }
        });
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let frame = ready!(match &mut this.line {
            Some(line) => line.poll_frame(&mut this.body, context),
            None => Pin::new(&mut this.body).poll_frame(context),
        });
        match &frame {
            Some(Err(_)) => this.line = None,
            None => this.give_back(),
            Some(Ok(_)) if this.body.is_end_stream() => this.give_back(),
            Some(Ok(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
