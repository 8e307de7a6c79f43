//! The id that names a request in the answer, in the logs and in problems.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that carries it, both ways.
pub const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id of a caller that is taken over, in bytes.
const ID_BYTES_MAX: usize = 128;

/// A request's id; handlers find it in the request's extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The caller's id where it sent a usable one, else a fresh one.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        match headers.get(REQUEST_ID_HEADER) {
            Some(value) if is_usable(value) => Self(value.clone()),
            _ => Self::fresh(),
        }
    }

    fn fresh() -> Self {
        let mut buffer = Uuid::encode_buffer();
        let text = Uuid::new_v4().simple().encode_lower(&mut buffer);
        Self(HeaderValue::from_str(text).expect("hexadecimal digits are a valid header value"))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().expect("an id is checked to be visible ASCII")
    }

    pub(super) fn header_value(&self) -> HeaderValue {
        self.0.clone()
    }
}

fn is_usable(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    !bytes.is_empty() && bytes.len() <= ID_BYTES_MAX && bytes.iter().all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(value: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID_HEADER, HeaderValue::from_str(value).expect("a header value"));
        RequestId::of(&headers).as_str().to_owned()
    }

    #[test]
    fn a_usable_id_is_taken_over() {
        assert_eq!(id_for("req-1/a:b"), "req-1/a:b");
    }

    #[test]
    fn an_id_that_could_forge_a_log_line_is_replaced() {
        for value in ["", "a b", "a\"b", &"x".repeat(129)] {
            let id = id_for(value);
            assert_eq!(id.len(), 32, "{value:?}");
        }
    }
}
