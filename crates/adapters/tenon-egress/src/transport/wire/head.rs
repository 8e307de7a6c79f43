//! The head of an answer (RFC 9112, 4 and 5), parsed by `httparse` once all of it is there.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version};
use httparse::{Header, ParserConfig, Status};

use super::WireError;

/// Header lines whose parsing needs no memory of its own.
const FEW: usize = 100;

/// Headers that whoever passes an answer on may add without making the map grow.
const ROOM_FOR_MORE: usize = 8;

/// How large a head may be.
#[derive(Debug, Clone, Copy)]
pub(in crate::transport) struct HeadLimits {
    pub(in crate::transport) bytes_max: usize,
    pub(in crate::transport) headers_max: usize,
}

/// Looks for the end of a head, each byte once.
#[derive(Default)]
pub(super) struct HeadReader {
    scanned: usize,
}

impl HeadReader {
    /// The head, once it is there; what follows it stays in `read`.
    pub(super) fn read(
        &mut self,
        read: &mut BytesMut,
        limits: HeadLimits,
    ) -> Result<Option<Response<()>>, WireError> {
        let end = end_of_head(read, self.scanned);
        if end.unwrap_or(read.len()) > limits.bytes_max {
            return Err(WireError::Invalid("its head is too large"));
        }
        let Some(end) = end else {
            self.scanned = read.len();
            return Ok(None);
        };
        self.scanned = 0;
        parse(&read.split_to(end).freeze(), limits.headers_max).map(Some)
    }
}

/// Where the first empty line ends. `from`: no line break before it is the last one.
fn end_of_head(read: &[u8], from: usize) -> Option<usize> {
    let mut at = from.saturating_sub(2);
    while let Some(found) = memchr::memchr(b'\n', &read[at..]) {
        at += found + 1;
        match &read[at..] {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
    None
}

fn parse(bytes: &Bytes, headers_max: usize) -> Result<Response<()>, WireError> {
    if headers_max <= FEW {
        let mut lines = [const { MaybeUninit::uninit() }; FEW];
        return parse_with(bytes, &mut lines[..headers_max]);
    }
    let mut lines: Vec<_> = (0..headers_max).map(|_| MaybeUninit::uninit()).collect();
    parse_with(bytes, &mut lines)
}

fn parse_with<'b>(
    bytes: &'b Bytes,
    lines: &mut [MaybeUninit<Header<'b>>],
) -> Result<Response<()>, WireError> {
    let mut parsed = httparse::Response::new(&mut []);
    let outcome =
        ParserConfig::default().parse_response_with_uninit_headers(&mut parsed, bytes, lines);
    match outcome {
        Ok(Status::Complete(length)) if length == bytes.len() => {}
        Ok(_) => return Err(WireError::Invalid("its head is not whole")),
        Err(error) => return Err(WireError::Invalid(reason(error))),
    }
    let mut response = Response::new(());
    let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok());
    *response.status_mut() = status.ok_or(WireError::Invalid("its status is no status"))?;
    *response.version_mut() =
        if parsed.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    let mut headers = HeaderMap::with_capacity(parsed.headers.len() + ROOM_FOR_MORE);
    for line in parsed.headers.iter() {
        let name = HeaderName::from_bytes(line.name.as_bytes());
        let value = HeaderValue::from_maybe_shared(bytes.slice_ref(line.value));
        match (name, value) {
            (Ok(name), Ok(value)) => headers.append(name, value),
            _ => return Err(WireError::Invalid("a header is not valid")),
        };
    }
    *response.headers_mut() = headers;
    Ok(response)
}

fn reason(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::HeaderName => "the name of a header is not valid",
        httparse::Error::HeaderValue => "the value of a header is not valid",
        httparse::Error::NewLine => "a line does not end as lines do",
        httparse::Error::Status => "its status is no status",
        httparse::Error::TooManyHeaders => "it has too many headers",
        httparse::Error::Version => "its version is not of HTTP/1",
        httparse::Error::Token => "its first line is not valid",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { bytes_max: 1_000, headers_max: 3 };

    fn read(bytes: &[u8]) -> Result<Option<Response<()>>, WireError> {
        HeadReader::default().read(&mut BytesMut::from(bytes), LIMITS)
    }

    #[test]
    fn a_head_is_read_however_its_bytes_are_cut_and_what_follows_stays() {
        let whole = b"HTTP/1.1 201 Fine\r\nX-A:  1 \r\nx-a: 2\r\nEmpty:\r\n\r\nbody";
        for first in 0..whole.len() {
            let (mut reader, mut read) = (HeadReader::default(), BytesMut::from(&whole[..first]));
            let mut head = reader.read(&mut read, LIMITS).expect("valid");
            if head.is_none() {
                read.extend_from_slice(&whole[first..]);
                head = reader.read(&mut read, LIMITS).expect("valid");
            } else {
                read.extend_from_slice(&whole[first..]);
            }
            let head = head.expect("whole");
            assert_eq!((head.status().as_u16(), head.version()), (201, Version::HTTP_11));
            let values: Vec<_> = head.headers().get_all("x-a").iter().collect();
            assert_eq!(values, ["1", "2"]);
            assert_eq!(head.headers()["empty"], "");
            assert_eq!(&read[..], b"body");
        }
    }

    #[test]
    fn what_is_no_head_is_refused() {
        for bytes in [
            &b"HTTP/2.0 200 OK\r\n\r\n"[..],
            b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 099 OK\r\n\r\n",
            b"ICY 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nspace : 1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n folded: 1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\na: 1\r\n folded\r\n\r\n",
            b"HTTP/1.1 200 OK\r\na: \x00\r\n\r\n",
            b"HTTP/1.1 200 OK\r\na: 1\rb: 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\na: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\n\r\n",
            b"\r\n\r\n",
        ] {
            let outcome = read(bytes);
            assert!(matches!(outcome, Err(WireError::Invalid(_))), "{:?}", outcome);
        }
    }

    #[test]
    fn a_head_may_not_grow_without_end() {
        let mut long = b"HTTP/1.1 200 OK\r\na: ".to_vec();
        long.resize(1_001, b'x');
        assert!(matches!(read(&long), Err(WireError::Invalid(_))));
        long.extend_from_slice(b"\r\n\r\n");
        assert!(matches!(read(&long), Err(WireError::Invalid(_))));
        assert!(matches!(read(&long[..900]), Ok(None)));
    }
}
