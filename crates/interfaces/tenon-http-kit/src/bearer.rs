//! Reads the token of `Authorization: Bearer <token>`. Does not check it.

use http::HeaderMap;
use http::header::AUTHORIZATION;

/// The longest token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 8 << 10;

/// The bearer token of a request; `None` when there is none, more than one header, another
/// scheme, or a token with characters that RFC 6750 does not allow.
#[must_use]
pub fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let token = token.trim_start_matches(' ').trim_end_matches(' ');
    let is_valid = !token.is_empty() && token.len() <= TOKEN_BYTES_MAX && token.bytes().all(is_b64);
    is_valid.then_some(token)
}

/// `b64token` of RFC 6750.
const fn is_b64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn token_of(values: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        bearer_token(&headers).map(str::to_owned)
    }

    #[test]
    fn reads_a_token_whatever_the_case_of_the_scheme() {
        assert_eq!(token_of(&["Bearer tnn_ab_c-d"]).as_deref(), Some("tnn_ab_c-d"));
        assert_eq!(token_of(&["bearer  x "]).as_deref(), Some("x"));
    }

    #[test]
    fn refuses_what_is_not_one_bearer_token() {
        for values in [
            &[][..],
            &["Basic eDp5"],
            &["Bearer"],
            &["Bearer "],
            &["Bearer a b"],
            &["Bearer a\"b"],
            &["Bearer a", "Bearer a"],
        ] {
            assert_eq!(token_of(values), None, "{values:?}");
        }
    }
}
