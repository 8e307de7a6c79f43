//! One HTTP/1.1 connection for requests that are in memory: the head and the body go out, the
//! answer comes in, over the socket itself.
//!
//! It costs a third of what a general client costs and takes no memory while it waits. Bodies that
//! stream out, and HTTP/2, are hyper's. Whatever is odd about an answer ends the connection: it is
//! used again only when the answer's end was certain and nothing came after it.
//!
//! What it does not do: pipelining, upgrades, trailers (they are read and dropped).

mod chunked;
mod framing;
mod head;
mod outbound;

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use http::{Method, Response, StatusCode};
use tokio::runtime::{self, Handle};

use crate::outgoing::Outgoing;

use self::framing::Framing;
pub(super) use self::head::HeadLimits;
use self::head::HeadReader;
use self::outbound::Outbound;
use super::io::Io;
use super::pool::Origin;

/// What is read at once, at least and at most. Between them, what the last answer had.
const READ_BYTES_MIN: usize = 4 << 10;
const READ_BYTES_MAX: usize = 64 << 10;
/// Interim answers (1xx) before the final one.
const INTERIM_MAX: usize = 16;

/// Why an exchange failed, or an answer's body ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    #[error("the connection was closed before an answer came")]
    Closed,
    #[error("the connection was closed in the middle of the answer")]
    Truncated,
    #[error("{0}")]
    Invalid(&'static str),
    #[error("the connection broke")]
    Io(#[from] io::Error),
}

/// A connection. Dropping it closes it.
pub(super) struct Wire {
    io: Io,
    runtime: runtime::Id,
    limits: HeadLimits,
    outbound: Outbound,
    read: BytesMut,
    /// What the answers are read in, in bytes.
    read_bytes: usize,
    answer_bytes: usize,
    framing: Framing,
    /// Whether the connection stays open behind this answer.
    is_kept: bool,
}

impl Wire {
    /// Speaks on a socket of the current runtime's.
    pub(super) fn new(io: Io, limits: HeadLimits) -> Self {
        Self {
            io,
            runtime: Handle::current().id(),
            limits,
            outbound: Outbound::default(),
            read: BytesMut::new(),
            read_bytes: READ_BYTES_MIN,
            answer_bytes: 0,
            framing: Framing::Over,
            is_kept: true,
        }
    }

    /// The runtime that waits for its socket.
    pub(super) fn runtime(&self) -> runtime::Id {
        self.runtime
    }

    /// The socket, for somebody else to speak on; nothing was read beyond the last answer.
    pub(super) fn into_io(self) -> Io {
        self.io
    }

    /// Whether another request can be sent, as far as is known. Notices a connection that the
    /// other side closed, and one that said something without being asked.
    pub(super) fn is_open(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        let read = self.io.poll_fill(&mut context, &mut self.read, 1);
        self.is_free() && read.is_pending()
    }

    /// Whether the exchange is over and the connection may take the next one.
    pub(super) fn is_free(&self) -> bool {
        self.is_kept && self.is_over() && self.read.is_empty() && self.outbound.is_over()
    }

    /// Whether the answer was read to its end.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.framing, Framing::Over)
    }

    /// How long the rest of the answer is, where that is known.
    pub(super) fn left(&self) -> Option<u64> {
        self.framing.left()
    }

    /// Whether anything of the last request went out.
    pub(super) fn has_sent(&self) -> bool {
        self.outbound.has_begun()
    }

    /// Takes a request in; [`Self::answer`] sends it.
    pub(super) fn take(&mut self, outgoing: &Outgoing, origin: &Origin) {
        self.outbound = Outbound::of(outgoing, origin);
        // Until an answer says otherwise.
        self.is_kept = false;
        self.answer_bytes = 0;
    }

    /// Sends the request and waits for the head of its answer.
    pub(super) async fn answer(&mut self, method: Method) -> Result<Response<()>, WireError> {
        let mut reader = HeadReader::default();
        for _ in 0..=INTERIM_MAX {
            let response = poll_fn(|context| self.poll_head(context, &mut reader)).await?;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                return Err(WireError::Invalid("it switches protocols unasked"));
            }
            if !response.status().is_informational() {
                return self.begin(&method, response);
            }
        }
        Err(WireError::Invalid("it has too many interim answers"))
    }

    fn begin(
        &mut self,
        method: &Method,
        mut response: Response<()>,
    ) -> Result<Response<()>, WireError> {
        let (framing, is_kept) = framing::of(method, &mut response)?;
        (self.framing, self.is_kept) = (framing, is_kept);
        self.settle()?;
        Ok(response)
    }

    fn poll_head(
        &mut self,
        context: &mut Context<'_>,
        reader: &mut HeadReader,
    ) -> Poll<Result<Response<()>, WireError>> {
        let written = self.outbound.poll(&mut self.io, context);
        loop {
            if let Some(response) = reader.read(&mut self.read, self.limits)? {
                return Poll::Ready(Ok(response));
            }
            let filled = self.io.poll_fill(context, &mut self.read, self.read_bytes);
            match (filled, &written) {
                (Poll::Ready(Ok(0)), _) => return Poll::Ready(Err(WireError::Closed)),
                (Poll::Ready(Ok(_)), _) => {}
                (Poll::Ready(Err(error)), _) => return Poll::Ready(Err(error.into())),
                // An answer may be there although the request could not be written to its end.
                (Poll::Pending, Poll::Ready(Err(kind))) => {
                    return Poll::Ready(Err(io::Error::from(*kind).into()));
                }
                (Poll::Pending, _) => return Poll::Pending,
            }
        }
    }

    /// The next bytes of the answer's body.
    pub(super) fn poll_data(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, WireError>>> {
        if !self.outbound.is_over() {
            // The answer counts, even of a request that was not taken to its end.
            let _ = self.outbound.poll(&mut self.io, context);
        }
        loop {
            if let Some(data) = self.framing.take(&mut self.read)? {
                self.answer_bytes += data.len();
                self.settle()?;
                return Poll::Ready(Some(Ok(data)));
            }
            self.settle()?;
            if self.is_over() {
                return Poll::Ready(None);
            }
            let bytes_max = self.framing.read_hint(self.read_bytes).min(READ_BYTES_MAX);
            match ready!(self.io.poll_fill(context, &mut self.read, bytes_max)) {
                Ok(0) if matches!(self.framing, Framing::UntilClose) => {
                    self.framing = Framing::Over;
                }
                Ok(0) => return Poll::Ready(Some(Err(WireError::Truncated))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
    }

    /// The rest of the answer, where all of it was read already.
    pub(super) fn take_whole(&mut self) -> Option<Bytes> {
        let left = usize::try_from(self.left()?).ok().filter(|left| *left <= self.read.len())?;
        self.framing = Framing::Over;
        self.answer_bytes += left;
        Some(self.read.split_to(left).freeze())
    }

    /// Looks whether the answer ends with what was read already, so that the connection is free at
    /// the moment at which its last byte is passed on.
    fn settle(&mut self) -> Result<(), WireError> {
        self.framing.settle(&mut self.read)?;
        if self.is_over() {
            self.read_bytes = self.answer_bytes.clamp(READ_BYTES_MIN, READ_BYTES_MAX);
        }
        Ok(())
    }

    /// Lets go of what is not needed while nothing is sent.
    pub(super) fn rest(&mut self) {
        self.outbound = Outbound::default();
        self.read = BytesMut::new();
    }
}
