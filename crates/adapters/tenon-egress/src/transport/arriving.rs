//! The body of an answer, with the connection that it comes from.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::line::Line;
use super::pool::{Idle, Origin};
use super::wire::{Wire, WireError};

/// How long a connection's own task may take to see that the exchange is over.
const TASK_GRACE: Duration = Duration::from_millis(100);

/// A body that gives its connection back when it was read to its end, and closes it otherwise.
pub(crate) struct Arriving {
    source: Source,
    origin: Arc<Origin>,
}

enum Source {
    /// The socket's own bytes.
    Wire(Box<Wire>),
    /// What hyper reads. `line` is of HTTP/1; an HTTP/2 connection is shared and stays where it is.
    Hyper { body: Incoming, line: Option<Line> },
    /// All of it was passed on.
    Over,
}

/// An answer's body broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArrivingError {
    #[error("the exchange over the socket failed")]
    Wire(#[from] WireError),
    #[error("the exchange failed")]
    Hyper(#[from] hyper::Error),
}

impl Arriving {
    pub(super) fn of_wire(wire: Box<Wire>, origin: Arc<Origin>) -> Self {
        let mut arriving = Self { source: Source::Wire(wire), origin };
        arriving.give_back_if_over();
        arriving
    }

    pub(super) fn of_hyper(body: Incoming, line: Option<Line>, origin: Arc<Origin>) -> Self {
        let mut arriving = Self { source: Source::Hyper { body, line }, origin };
        arriving.give_back_if_over();
        arriving
    }

    /// All of the body, where it is there already; the connection is given back.
    pub(crate) fn take_whole(&mut self) -> Option<Bytes> {
        let whole = match &mut self.source {
            Source::Wire(wire) => wire.take_whole()?,
            Source::Hyper { body, .. } if !body.is_end_stream() => return None,
            Source::Hyper { .. } | Source::Over => Bytes::new(),
        };
        self.give_back();
        Some(whole)
    }

    fn give_back_if_over(&mut self) {
        let is_over = match &self.source {
            Source::Wire(wire) => wire.is_over(),
            Source::Hyper { body, .. } => body.is_end_stream(),
            Source::Over => false,
        };
        if is_over {
            self.give_back();
        }
    }

    /// The body is over: somebody else may have the connection.
    fn give_back(&mut self) {
        let mut line = match std::mem::replace(&mut self.source, Source::Over) {
            Source::Wire(wire) => return self.origin.put(Idle::Wire(wire)),
            Source::Hyper { line: Some(line), .. } => line,
            Source::Hyper { line: None, .. } | Source::Over => return,
        };
        if line.is_free() {
            return self.origin.put(Idle::Line(line));
        }
        // The connection's own task may be a moment behind; an upload that is not over when the
        // answer is will not be waited for.
        let origin = self.origin.clone();
        tokio::spawn(async move {
            if let Ok(true) = tokio::time::timeout(TASK_GRACE, line.is_usable()).await {
                origin.put(Idle::Line(line));
            }
        });
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = ArrivingError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ArrivingError>>> {
        let this = self.get_mut();
        let frame = match &mut this.source {
            Source::Wire(wire) => ready!(wire.poll_data(context))
                .map(|data| data.map(Frame::data).map_err(ArrivingError::from)),
            Source::Hyper { body, .. } => ready!(Pin::new(body).poll_frame(context))
                .map(|frame| frame.map_err(ArrivingError::from)),
            Source::Over => None,
        };
        match &frame {
            Some(Ok(_)) => this.give_back_if_over(),
            Some(Err(_)) => this.source = Source::Over,
            None => this.give_back(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Wire(wire) => wire.is_over(),
            Source::Hyper { body, .. } => body.is_end_stream(),
            Source::Over => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Wire(wire) => wire.left().map_or_else(SizeHint::default, SizeHint::with_exact),
            Source::Hyper { body, .. } => body.size_hint(),
            Source::Over => SizeHint::with_exact(0),
        }
    }
}
