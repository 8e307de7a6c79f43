//! Reads the body of an answer whole, within its bounds, and undoes gzip.
//!
//! What counts is the size after decompression, and it is counted while the bytes come in: a
//! body that is too large is dropped at the byte that is too many, with its connection.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use hyper::body::Body;

use crate::transport::{Arriving, ArrivingError};

/// How large a body may become.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Bytes after decompression.
    pub(crate) bytes_max: usize,
    /// Bytes after decompression for each byte that came in.
    pub(crate) ratio_max: usize,
    /// Bytes that are not held to the ratio.
    pub(crate) free_bytes: usize,
}

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the connection broke while the answer was read")]
    Broken(#[source] ArrivingError),
    #[error("the body is not valid gzip")]
    Gzip(#[source] io::Error),
}

/// Reads a body. Of a decompressed one, the headers that described the bytes on the wire go.
pub(crate) async fn read(
    body: Arriving,
    headers: &mut HeaderMap,
    bounds: Bounds,
) -> Result<Bytes, BodyError> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    if !is_gzip(headers) {
        return read_plain(body, bounds.bytes_max).await;
    }
    let plain = read_gzip(body, bounds).await?;
    headers.remove(header::CONTENT_ENCODING);
    headers.remove(header::CONTENT_LENGTH);
    Ok(plain)
}

fn is_gzip(headers: &HeaderMap) -> bool {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    let (Some(encoding), None) = (encodings.next(), encodings.next()) else {
        return false;
    };
    let encoding = encoding.as_bytes().trim_ascii();
    encoding.eq_ignore_ascii_case(b"gzip") || encoding.eq_ignore_ascii_case(b"x-gzip")
}

async fn read_plain(mut body: Arriving, limit: usize) -> Result<Bytes, BodyError> {
    let announced = body.size_hint().exact();
    if announced.is_some_and(|size| size > limit as u64) {
        return Err(BodyError::TooLarge { limit });
    }
    // What is announced is not trusted with more than this before it arrives.
    const RESERVE_MAX: usize = 256 << 10;
    let reserve = announced.map_or(0, |size| usize::try_from(size).unwrap_or(RESERVE_MAX));
    let mut read = Vec::with_capacity(reserve.min(RESERVE_MAX));
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(BodyError::Broken)?.into_data() else {
            continue;
        };
        if data.len() > limit - read.len() {
            return Err(BodyError::TooLarge { limit });
        }
        read.extend_from_slice(&data);
    }
    Ok(Bytes::from(read))
}

async fn read_gzip(mut body: Arriving, bounds: Bounds) -> Result<Bytes, BodyError> {
    let mut decoder =
        MultiGzDecoder::new(BoundedSink { plain: Vec::new(), packed_bytes: 0, bounds });
    let mut has_begun = false;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(BodyError::Broken)?.into_data() else {
            continue;
        };
        has_begun |= !data.is_empty();
        decoder.get_mut().packed_bytes += data.len();
        decoder.write_all(&data).map_err(gzip_error)?;
    }
    if !has_begun {
        return Ok(Bytes::new());
    }
    decoder.try_finish().map_err(gzip_error)?;
    Ok(Bytes::from(std::mem::take(&mut decoder.get_mut().plain)))
}

fn gzip_error(error: io::Error) -> BodyError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<OverBound>()) {
        Some(over) => BodyError::TooLarge { limit: over.limit },
        None => BodyError::Gzip(error),
    }
}

/// Takes decompressed bytes up to its bounds.
struct BoundedSink {
    plain: Vec<u8>,
    packed_bytes: usize,
    bounds: Bounds,
}

#[derive(Debug, thiserror::Error)]
#[error("more than {limit} bytes")]
struct OverBound {
    limit: usize,
}

impl Write for BoundedSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let by_ratio = self.packed_bytes.saturating_mul(self.bounds.ratio_max);
        let limit = by_ratio.max(self.bounds.free_bytes).min(self.bounds.bytes_max);
        if bytes.len() > limit.saturating_sub(self.plain.len()) {
            return Err(io::Error::other(OverBound { limit }));
        }
        self.plain.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
