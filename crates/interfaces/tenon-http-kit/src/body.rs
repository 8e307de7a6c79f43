//! Reads a request's body within limits: how many bytes, how long.
//!
//! A body that announces too many bytes is refused before it is read; one that lies about it is
//! refused at the byte that is too much.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt;

use crate::codes;
use crate::problem::Problem;

/// Limits of one body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyLimits {
    /// The most bytes.
    pub body_bytes_max: usize,
    /// How long the whole body may take to arrive.
    pub body_timeout: Duration,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self { body_bytes_max: 1 << 20, body_timeout: Duration::from_secs(20) }
    }
}

/// What is set aside before the first byte came, at most: an announced length is a promise only.
const RESERVE_BYTES_MAX: usize = 64 << 10;

/// Reads a whole body.
///
/// # Errors
///
/// [`codes::BODY_TOO_LARGE`], [`codes::BODY_TIMEOUT`], [`codes::BODY_INCOMPLETE`].
pub async fn read_body(
    headers: &HeaderMap,
    body: Body,
    limits: &BodyLimits,
) -> Result<Bytes, Problem> {
    let announced = announced_length(headers);
    if announced.is_some_and(|length| length > limits.body_bytes_max as u64) {
        return Err(too_large(limits));
    }
    match tokio::time::timeout(limits.body_timeout, collect(body, announced, limits)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Problem::new(&codes::BODY_TIMEOUT).detail(format!(
            "the whole body must arrive within {} ms",
            limits.body_timeout.as_millis()
        ))),
    }
}

fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn collect(
    mut body: Body,
    announced: Option<u64>,
    limits: &BodyLimits,
) -> Result<Bytes, Problem> {
    let Some(first) = next_data(&mut body).await? else { return Ok(Bytes::new()) };
    if first.len() > limits.body_bytes_max {
        return Err(too_large(limits));
    }
    // The usual small body is one frame: it is handed on without a copy.
    if announced == Some(first.len() as u64) {
        return Ok(first);
    }
    let Some(second) = next_data(&mut body).await? else { return Ok(first) };
    let expected = announced.map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
    let mut whole = BytesMut::with_capacity(expected.min(RESERVE_BYTES_MAX));
    whole.extend_from_slice(&first);
    let mut next = Some(second);
    while let Some(data) = next {
        if whole.len() + data.len() > limits.body_bytes_max {
            return Err(too_large(limits));
        }
        whole.extend_from_slice(&data);
        next = next_data(&mut body).await?;
    }
    Ok(whole.freeze())
}

/// The next bytes; trailers are passed over.
async fn next_data(body: &mut Body) -> Result<Option<Bytes>, Problem> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            Problem::new(&codes::BODY_INCOMPLETE)
                .detail("the connection ended before the whole body had arrived")
        })?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

fn too_large(limits: &BodyLimits) -> Problem {
    Problem::new(&codes::BODY_TOO_LARGE)
        .detail(format!("a body may have at most {} bytes", limits.body_bytes_max))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::stream;

    use super::*;

    fn limits() -> BodyLimits {
        BodyLimits { body_bytes_max: 8, body_timeout: Duration::from_millis(50) }
    }

    fn chunks(parts: &'static [&'static str]) -> Body {
        Body::from_stream(stream::iter(parts.iter().map(|part| Ok::<_, Infallible>(*part))))
    }

    async fn code_of(headers: HeaderMap, body: Body) -> &'static str {
        read_body(&headers, body, &limits()).await.expect_err("the body is refused").code
    }

    #[tokio::test]
    async fn a_body_up_to_the_limit_is_read() {
        let body = read_body(&HeaderMap::new(), chunks(&["1234", "56", "78"]), &limits()).await;
        assert_eq!(body.expect("it fits"), "12345678");
    }

    #[tokio::test]
    async fn an_announced_length_over_the_limit_is_refused_unread() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, http::HeaderValue::from_static("9"));
        let body = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        assert_eq!(code_of(headers, body).await, "body_too_large");
    }

    #[tokio::test]
    async fn a_stream_over_the_limit_is_refused_at_the_byte_too_much() {
        assert_eq!(code_of(HeaderMap::new(), chunks(&["12345678", "9"])).await, "body_too_large");
        assert_eq!(code_of(HeaderMap::new(), chunks(&["123456789"])).await, "body_too_large");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_given_up() {
        let body = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        assert_eq!(code_of(HeaderMap::new(), body).await, "body_timeout");
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_incomplete() {
        let broken = stream::iter([Ok("12"), Err(std::io::Error::other("reset"))]);
        assert_eq!(code_of(HeaderMap::new(), Body::from_stream(broken)).await, "body_incomplete");
    }
}
