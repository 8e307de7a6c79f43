//! Where the body of an answer ends (RFC 9112, 6.3).

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Response, StatusCode, Version};

use super::WireError;
use super::chunked::Chunked;

/// What is left of an answer's body.
pub(super) enum Framing {
    /// Nothing.
    Over,
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked(Chunked),
    /// Everything until the other side closes.
    UntilClose,
}

impl Framing {
    /// Takes what of the body is in `read`; `None`: more has to be read, or it is over.
    pub(super) fn take(&mut self, read: &mut BytesMut) -> Result<Option<Bytes>, WireError> {
        match self {
            Self::Over => Ok(None),
            Self::Length(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(read.len());
                *left -= length as u64;
                Ok((length > 0).then(|| read.split_to(length).freeze()))
            }
            Self::Chunked(chunked) => chunked.take(read),
            Self::UntilClose => Ok((!read.is_empty()).then(|| read.split().freeze())),
        }
    }

    /// Notices the end where it is in `read` already.
    pub(super) fn settle(&mut self, read: &mut BytesMut) -> Result<(), WireError> {
        let is_over = match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunked) => chunked.advance(read)?,
            Self::Over | Self::UntilClose => false,
        };
        if is_over {
            *self = Self::Over;
        }
        Ok(())
    }

    pub(super) fn left(&self) -> Option<u64> {
        match self {
            Self::Over => Some(0),
            Self::Length(left) => Some(*left),
            Self::Chunked(_) | Self::UntilClose => None,
        }
    }

    /// How much to read next: all that is left, where that is known.
    pub(super) fn read_hint(&self, usual: usize) -> usize {
        match self {
            Self::Length(left) => usize::try_from(*left).unwrap_or(usize::MAX),
            Self::Over | Self::Chunked(_) | Self::UntilClose => usual.saturating_mul(4),
        }
    }
}

/// How the body of an answer is framed, and whether the connection can be used again behind it.
/// A length beside a transfer encoding goes: it is not true.
pub(super) fn of(
    method: &Method,
    response: &mut Response<()>,
) -> Result<(Framing, bool), WireError> {
    let (status, version) = (response.status(), response.version());
    let headers = response.headers_mut();
    let is_kept = match version {
        Version::HTTP_10 => has_word(headers, CONNECTION, "keep-alive"),
        _ => !has_word(headers, CONNECTION, "close"),
    };
    let is_empty = *method == Method::HEAD
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if is_empty {
        return Ok((Framing::Over, is_kept));
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        if version == Version::HTTP_10 {
            return Err(WireError::Invalid("HTTP/1.0 has no `Transfer-Encoding`"));
        }
        let has_length = headers.remove(CONTENT_LENGTH).is_some();
        return Ok(match is_chunked(headers) {
            true => (Framing::Chunked(Chunked::default()), is_kept && !has_length),
            false => (Framing::UntilClose, false),
        });
    }
    Ok(match length(headers)? {
        Some(0) => (Framing::Over, is_kept),
        Some(length) => (Framing::Length(length), is_kept),
        None => (Framing::UntilClose, false),
    })
}

/// The length that all of the `Content-Length` headers give.
fn length(headers: &HeaderMap) -> Result<Option<u64>, WireError> {
    let mut length = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        let digits = value.to_str().unwrap_or_default();
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_number.then(|| digits.parse::<u64>().ok()).flatten();
        match (number, length) {
            (Some(number), None) => length = Some(number),
            (Some(number), Some(before)) if number == before => {}
            _ => return Err(WireError::Invalid("its length is ambiguous")),
        }
    }
    Ok(length)
}

/// Whether the last coding is `chunked`.
fn is_chunked(headers: &HeaderMap) -> bool {
    let last = headers.get_all(TRANSFER_ENCODING).iter().next_back();
    let last = last.and_then(|value| value.to_str().ok()).unwrap_or_default();
    last.rsplit(',').next().is_some_and(|coding| coding.trim().eq_ignore_ascii_case("chunked"))
}

fn has_word(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|it| it.trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn framing(
        method: &Method,
        status: u16,
        version: Version,
        lines: &[(&'static str, &'static str)],
    ) -> Result<(&'static str, bool), WireError> {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
        *response.version_mut() = version;
        for (name, value) in lines {
            response.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        let (framing, is_kept) = of(method, &mut response)?;
        let name = match framing {
            Framing::Over => "over",
            Framing::Length(_) => "length",
            Framing::Chunked(_) => "chunked",
            Framing::UntilClose => "until close",
        };
        let is_both =
            framing_is_chunked(&framing) && response.headers().contains_key(CONTENT_LENGTH);
        assert!(!is_both, "a length beside chunks is not passed on");
        Ok((name, is_kept))
    }

    fn framing_is_chunked(framing: &Framing) -> bool {
        matches!(framing, Framing::Chunked(_))
    }

    fn get(lines: &[(&'static str, &'static str)]) -> Result<(&'static str, bool), WireError> {
        framing(&Method::GET, 200, Version::HTTP_11, lines)
    }

    #[test]
    fn the_end_of_an_answer_is_known_by_its_head() {
        let chunked = ("transfer-encoding", "chunked");
        for (lines, expected) in [
            (&[("content-length", "3")][..], ("length", true)),
            (&[("content-length", "3"), ("connection", "x, Close")], ("length", false)),
            (&[("content-length", "3"), ("content-length", "3")], ("length", true)),
            (&[("content-length", "0")], ("over", true)),
            (&[chunked], ("chunked", true)),
            (&[("transfer-encoding", "gzip, Chunked")], ("chunked", true)),
            (&[("transfer-encoding", "gzip"), chunked], ("chunked", true)),
            (&[chunked, ("content-length", "3")], ("chunked", false)),
            (&[("transfer-encoding", "chunked, gzip")], ("until close", false)),
            (&[("transfer-encoding", "xchunked")], ("until close", false)),
            (&[], ("until close", false)),
        ] {
            assert_eq!(get(lines).expect("clear"), expected, "{lines:?}");
        }
        let old = Version::HTTP_10;
        let length = ("content-length", "3");
        assert_eq!(framing(&Method::GET, 200, old, &[length]).expect("clear"), ("length", false));
        let kept = [length, ("connection", "Keep-Alive")];
        assert_eq!(framing(&Method::GET, 200, old, &kept).expect("clear"), ("length", true));
        let new = Version::HTTP_11;
        for (method, status) in [(Method::HEAD, 200), (Method::GET, 204), (Method::GET, 304)] {
            for lines in [&[length][..], &[chunked], &[]] {
                let outcome = framing(&method, status, new, lines).expect("clear");
                assert_eq!(outcome, ("over", true), "{method} {status} {lines:?}");
            }
        }
    }

    #[test]
    fn an_answer_whose_end_is_not_clear_is_refused() {
        for value in ["-1", "+1", "1, 1", "1 1", "0x1", "", "1;", "18446744073709551616"] {
            let lines = [("content-length", value)];
            assert!(matches!(get(&lines), Err(WireError::Invalid(_))), "{value}");
        }
        let two = [("content-length", "1"), ("content-length", "2")];
        assert!(matches!(get(&two), Err(WireError::Invalid(_))));
        let old = framing(&Method::GET, 200, Version::HTTP_10, &[("transfer-encoding", "chunked")]);
        assert!(matches!(old, Err(WireError::Invalid(_))));
    }
}
