//! Takes the chunks off a body (RFC 9112, 7.1), piece by piece.

use bytes::{Buf as _, Bytes, BytesMut};

use super::WireError;

/// The longest line around chunks: a size with its extensions, a trailer.
const LINE_BYTES_MAX: usize = 4 << 10;
/// All trailers.
const TRAILER_BYTES_MAX: usize = 32 << 10;

/// Where in the chunks the next byte is.
#[derive(Debug, Default)]
pub(super) struct Chunked {
    place: Place,
    trailer_bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    /// Before the line with a size.
    #[default]
    Size,
    /// In a chunk; so many bytes are left.
    Data(u64),
    /// At the line break behind a chunk.
    Break,
    /// Behind the last chunk.
    Trailers,
    /// Behind the last byte.
    End,
}

impl Chunked {
    /// The next bytes of the body; `None`: more has to be read, or there are none.
    pub(super) fn take(&mut self, read: &mut BytesMut) -> Result<Option<Bytes>, WireError> {
        self.advance(read)?;
        let Place::Data(left) = self.place else { return Ok(None) };
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(read.len());
        if length == 0 {
            return Ok(None);
        }
        let left = left - length as u64;
        self.place = if left == 0 { Place::Break } else { Place::Data(left) };
        Ok(Some(read.split_to(length).freeze()))
    }

    /// Goes to the next byte of the body, as far as it is there; whether the end is reached.
    pub(super) fn advance(&mut self, read: &mut BytesMut) -> Result<bool, WireError> {
        loop {
            match self.place {
                Place::Size => {
                    let Some(line) = take_line(read)? else { return Ok(false) };
                    self.place = match size(&line)? {
                        0 => Place::Trailers,
                        size => Place::Data(size),
                    };
                }
                Place::Data(_) => return Ok(false),
                Place::Break => match &read[..] {
                    [b'\r', b'\n', ..] => {
                        read.advance(2);
                        self.place = Place::Size;
                    }
                    [] | [b'\r'] => return Ok(false),
                    _ => return Err(WireError::Invalid("a chunk does not end where it says")),
                },
                Place::Trailers => {
                    let Some(line) = take_line(read)? else { return Ok(false) };
                    self.trailer_bytes += line.len();
                    if self.trailer_bytes > TRAILER_BYTES_MAX {
                        return Err(WireError::Invalid("its trailers are too long"));
                    }
                    if line.is_empty() {
                        self.place = Place::End;
                    }
                }
                Place::End => return Ok(true),
            }
        }
    }
}

/// The next line without its end, once all of it is there.
fn take_line(read: &mut BytesMut) -> Result<Option<BytesMut>, WireError> {
    let window = &read[..read.len().min(LINE_BYTES_MAX)];
    let Some(at) = memchr::memchr(b'\n', window) else {
        return match window.len() < LINE_BYTES_MAX {
            true => Ok(None),
            false => Err(WireError::Invalid("a line around its chunks is too long")),
        };
    };
    let mut line = read.split_to(at + 1);
    if !line.ends_with(b"\r\n") {
        return Err(WireError::Invalid("a line around its chunks does not end as lines do"));
    }
    line.truncate(at - 1);
    Ok(Some(line))
}

/// The size of a chunk; extensions are passed over.
fn size(line: &[u8]) -> Result<u64, WireError> {
    let end = line.iter().position(|byte| matches!(byte, b';' | b' ' | b'\t'));
    let (digits, rest) = line.split_at(end.unwrap_or(line.len()));
    let is_rest_fine = matches!(rest.trim_ascii_start().first(), None | Some(b';'))
        && !rest.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t');
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let number = std::str::from_utf8(digits).ok().filter(|_| is_number && is_rest_fine);
    let number = number.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    number.ok_or(WireError::Invalid("the size of a chunk is no size"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds pieces; the body, what is behind its end, and whether there was one.
    fn decoded(pieces: &[&[u8]]) -> Result<(Vec<u8>, Vec<u8>, bool), WireError> {
        let (mut chunked, mut read, mut body) = (Chunked::default(), BytesMut::new(), Vec::new());
        for piece in pieces {
            read.extend_from_slice(piece);
            while let Some(data) = chunked.take(&mut read)? {
                body.extend_from_slice(&data);
            }
        }
        let is_over = chunked.advance(&mut read)?;
        Ok((body, read.to_vec(), is_over))
    }

    const WHOLE: &[u8] =
        b"5\r\nhello\r\n0006;name=\"v\"\r\n world\r\nA \r\n0123456789\r\n0\r\nX-T: 1\r\n\r\nnext";

    #[test]
    fn chunks_are_taken_off_however_the_bytes_are_cut() {
        let expected = (b"hello world0123456789".to_vec(), b"next".to_vec(), true);
        for size in 1..=WHOLE.len() {
            let pieces: Vec<_> = WHOLE.chunks(size).collect();
            assert_eq!(decoded(&pieces).expect("valid"), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn nothing_is_over_before_its_last_byte() {
        let end = WHOLE.len() - b"next".len();
        for cut in 0..end {
            let (_, _, is_over) = decoded(&[&WHOLE[..cut]]).expect("valid so far");
            assert!(!is_over, "after {cut} bytes");
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for bytes in [
            &b"\r\n"[..],
            b"x\r\n",
            b"-1\r\n",
            b"+1\r\n",
            b"0x1\r\n",
            b" 1\r\n",
            b"1 2\r\n",
            b"1\n",
            b"1;a\x00\r\n",
            b"1;a\rb\r\n",
            b"10000000000000000\r\n",
            b"1\r\nab",
            b"1\r\na\n",
            b"1\r\na\rb",
            b"0\r\n\n",
            b"0\r\nX: 1\n",
        ] {
            let outcome = decoded(&[bytes]);
            assert!(matches!(outcome, Err(WireError::Invalid(_))), "{:?}", outcome);
        }
        let long = [b"1;".as_slice(), &vec![b'x'; LINE_BYTES_MAX]].concat();
        assert!(matches!(decoded(&[&long]), Err(WireError::Invalid(_))));
        let trailers = b"X-Trailer: 0123456789\r\n".repeat(2_000);
        let long = [b"0\r\n".as_slice(), &trailers].concat();
        assert!(matches!(decoded(&[&long]), Err(WireError::Invalid(_))));
    }
}
