//! One HTTP call and its answer, as plain data: what pure code builds and reads.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

/// A request that is ready to go.
#[derive(Clone)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// Absolute.
    pub url: Url,
    /// Headers; values that are secret are marked so.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// An answer, read whole.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// The body, decompressed.
    pub body: Bytes,
}
