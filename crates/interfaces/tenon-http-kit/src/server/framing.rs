//! Notices request heads that carry both `Content-Length` and `Transfer-Encoding`.
//!
//! Such a request is how one server is made to see two requests where another sees one. hyper
//! drops the length and closes the connection after it, which RFC 9112 allows, but then nobody
//! can refuse it. So the bytes are watched on their way in. Only lines are looked at: a body with
//! such lines can raise the mark too, so the mark counts only for requests that really have a
//! `Transfer-Encoding`.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Shared by the connection's bytes and its requests.
#[derive(Debug, Default)]
pub(super) struct FramingWatch {
    is_ambiguous: AtomicBool,
}

impl FramingWatch {
    pub(super) fn is_ambiguous(&self) -> bool {
        self.is_ambiguous.load(Ordering::Relaxed)
    }
}

/// A connection whose incoming lines are watched.
#[derive(Debug)]
pub(super) struct FramedIo<T> {
    inner: T,
    watch: Arc<FramingWatch>,
    lines: Lines,
}

impl<T> FramedIo<T> {
    pub(super) fn new(inner: T, watch: Arc<FramingWatch>) -> Self {
        Self { inner, watch, lines: Lines::default() }
    }
}

/// The longest of the two names with its colon.
const NAME_BYTES_MAX: usize = 18;
const CONTENT_LENGTH: &[u8] = b"content-length:";
const TRANSFER_ENCODING: &[u8] = b"transfer-encoding:";

/// Reads lines piece by piece; keeps only the start of the current one.
#[derive(Debug, Default)]
struct Lines {
    start: [u8; NAME_BYTES_MAX],
    start_len: usize,
    has_length: bool,
    has_encoding: bool,
}

impl Lines {
    /// Takes in bytes; true once a block of lines had both headers.
    fn feed(&mut self, mut bytes: &[u8]) -> bool {
        let mut is_ambiguous = false;
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.extend(&bytes[..end]);
            is_ambiguous |= self.end_line();
            bytes = &bytes[end + 1..];
        }
        self.extend(bytes);
        is_ambiguous
    }

    fn extend(&mut self, bytes: &[u8]) {
        let taken = bytes.len().min(NAME_BYTES_MAX - self.start_len);
        self.start[self.start_len..self.start_len + taken].copy_from_slice(&bytes[..taken]);
        self.start_len += taken;
    }

    fn end_line(&mut self) -> bool {
        let line = &self.start[..self.start_len];
        match line.first() {
            None | Some(b'\r') => {
                self.has_length = false;
                self.has_encoding = false;
            }
            Some(b'c' | b'C') => self.has_length |= starts_with(line, CONTENT_LENGTH),
            Some(b't' | b'T') => self.has_encoding |= starts_with(line, TRANSFER_ENCODING),
            Some(_) => {}
        }
        self.start_len = 0;
        self.has_length && self.has_encoding
    }
}

fn starts_with(line: &[u8], name: &[u8]) -> bool {
    line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
}

impl<T: AsyncRead + Unpin> AsyncRead for FramedIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.inner).poll_read(context, buffer);
        if matches!(outcome, Poll::Ready(Ok(()))) && self.lines.feed(&buffer.filled()[before..]) {
            self.watch.is_ambiguous.store(true, Ordering::Relaxed);
        }
        outcome
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for FramedIo<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &[u8] =
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nx: y\r\nTRANSFER-encoding: chunked\r\n\r\n";

    #[test]
    fn both_headers_in_one_head_are_noticed_however_the_bytes_are_cut() {
        for size in 1..BOTH.len() {
            let mut lines = Lines::default();
            let seen = BOTH.chunks(size).fold(false, |seen, part| lines.feed(part) | seen);
            assert!(seen, "in pieces of {size}");
        }
    }

    #[test]
    fn one_header_each_in_two_heads_is_fine() {
        let mut lines = Lines::default();
        assert!(!lines.feed(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"));
        assert!(!lines.feed(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"));
    }
}
