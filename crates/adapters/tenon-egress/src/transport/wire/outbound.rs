//! A request on its way out: its head as bytes, and its body behind it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use http::header::{CONTENT_LENGTH, HOST};
use tokio::io::AsyncWrite as _;

use crate::outgoing::{Outgoing, OutgoingBody};
use crate::transport::io::Io;
use crate::transport::pool::Origin;

/// Room for the head of most requests, in bytes.
const HEAD_BYTES: usize = 512;

/// What is still to be written.
#[derive(Default)]
pub(super) struct Outbound {
    head: Bytes,
    body: Bytes,
    has_begun: bool,
    /// Everything was handed over, but may not have left yet (TLS).
    needs_flush: bool,
    failed: Option<io::ErrorKind>,
}

impl Outbound {
    pub(super) fn of(outgoing: &Outgoing, origin: &Origin) -> Self {
        let body = match &outgoing.body {
            OutgoingBody::Whole(body) => body.clone(),
            // The transport gives these to hyper.
            OutgoingBody::Stream(_) => Bytes::new(),
        };
        Self {
            head: head(outgoing, origin, body.len()).into(),
            body,
            has_begun: false,
            needs_flush: true,
            failed: None,
        }
    }

    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Whether everything is out.
    pub(super) fn is_over(&self) -> bool {
        !self.needs_flush
    }

    /// Writes what can be written. A failure is told again and again.
    pub(super) fn poll(
        &mut self,
        io: &mut Io,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), io::ErrorKind>> {
        if let Some(kind) = self.failed {
            return Poll::Ready(Err(kind));
        }
        let outcome = ready!(self.poll_write(io, context));
        Poll::Ready(outcome.map_err(|error| *self.failed.insert(error.kind())))
    }

    fn poll_write(&mut self, io: &mut Io, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.head.is_empty() || !self.body.is_empty() {
            let slices = [IoSlice::new(&self.head), IoSlice::new(&self.body)];
            let written = match (self.head.is_empty(), self.body.is_empty()) {
                (false, false) if io.is_write_vectored() => {
                    ready!(Pin::new(&mut *io).poll_write_vectored(context, &slices))?
                }
                (false, _) => ready!(Pin::new(&mut *io).poll_write(context, &self.head))?,
                (true, _) => ready!(Pin::new(&mut *io).poll_write(context, &self.body))?,
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.has_begun = true;
            let of_head = written.min(self.head.len());
            self.head.advance(of_head);
            self.body.advance(written - of_head);
        }
        if self.needs_flush {
            ready!(Pin::new(io).poll_flush(context))?;
            self.needs_flush = false;
        }
        Poll::Ready(Ok(()))
    }
}

/// The head (RFC 9112, 3). No part of it can hold a line break: the types of `http` do not.
fn head(outgoing: &Outgoing, origin: &Origin, body_bytes: usize) -> Vec<u8> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    for part in [outgoing.method.as_str(), " ", outgoing.target.as_str(), " HTTP/1.1\r\n"] {
        head.extend_from_slice(part.as_bytes());
    }
    let mut line = |name: &str, value: &[u8]| {
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            head.extend_from_slice(part);
        }
    };
    line(HOST.as_str(), origin.host.as_bytes());
    for (name, value) in &outgoing.headers {
        line(name.as_str(), value.as_bytes());
    }
    if body_bytes > 0 {
        line(CONTENT_LENGTH.as_str(), body_bytes.to_string().as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    head
}
