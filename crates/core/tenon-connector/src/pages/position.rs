//! The place of a page as text, for callers that come back for the next page later.
//!
//! The text has passed through other hands when it comes back. So it is checked: it names a page
//! of the same request, never another address.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

/// Where a pagination is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The page, from 1.
    #[serde(rename = "n")]
    pub(super) number: u32,
    /// How many items came before it.
    #[serde(rename = "o", default, skip_serializing_if = "is_zero")]
    pub(super) offset: u64,
    /// The provider's token of it.
    #[serde(rename = "c", default, skip_serializing_if = "Value::is_null")]
    pub(super) cursor: Value,
    /// Its whole URL, where the provider gives it.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<Url>,
}

/// The text is none that a position gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one of an earlier answer")]
pub struct PositionError;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(offset: &u64) -> bool {
    *offset == 0
}

impl Position {
    /// As text, for [`Self::parse`].
    #[must_use]
    pub fn to_text(&self) -> String {
        let json = serde_json::to_vec(self).expect("it has only numbers and texts");
        URL_SAFE_NO_PAD.encode(json)
    }

    /// Reads what [`Self::to_text`] gave.
    ///
    /// # Errors
    /// For anything else.
    pub fn parse(text: &str) -> Result<Self, PositionError> {
        let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| PositionError)?;
        let position: Self = serde_json::from_slice(&json).map_err(|_| PositionError)?;
        let is_cursor =
            matches!(position.cursor, Value::Null | Value::String(_) | Value::Number(_));
        if is_cursor && position.number > 0 { Ok(position) } else { Err(PositionError) }
    }

    /// Takes these parameters out of the page's URL. Some providers repeat the credential there,
    /// which is put in anew for each call.
    pub fn forget(&mut self, parameters: &[String]) {
        let Some(url) = &mut self.url else { return };
        let is_kept = |name: &str| !parameters.iter().any(|it| it.eq_ignore_ascii_case(name));
        if url.query_pairs().all(|(name, _)| is_kept(&name)) {
            return;
        }
        let kept: Vec<(String, String)> =
            url.query_pairs().into_owned().filter(|(name, _)| is_kept(name)).collect();
        url.set_query(None);
        if !kept.is_empty() {
            url.query_pairs_mut().extend_pairs(kept);
        }
    }

    /// Whether any of its texts is one for which `is_secret` holds.
    #[must_use]
    pub fn holds(&self, is_secret: &dyn Fn(&str) -> bool) -> bool {
        let cursor = self.cursor.as_str().is_some_and(is_secret);
        let parts = self.url.iter().flat_map(|url| url.query_pairs());
        cursor
            || self.url.as_ref().is_some_and(|url| is_secret(url.as_str()))
            || parts.into_iter().any(|(_, value)| is_secret(&value))
    }

    /// Whether it is a page of the request to `first`: the same host, and the same path or one
    /// that goes on from it.
    ///
    /// # Errors
    /// When it leads elsewhere.
    pub(crate) fn check_below(&self, first: &Url) -> Result<(), PositionError> {
        let Some(url) = &self.url else { return Ok(()) };
        let is_bare = url.username().is_empty() && url.password().is_none();
        let path = first.path().trim_end_matches('/');
        let rest = url.path().strip_prefix(path);
        let goes_on = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '-']));
        let is_below = is_bare && url.origin() == first.origin() && goes_on;
        if is_below { Ok(()) } else { Err(PositionError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(url: Option<&str>) -> Position {
        let url = url.map(|url| url.parse().expect("a URL"));
        Position { number: 3, offset: 40, cursor: "a/b".into(), url }
    }

    #[test]
    fn a_position_comes_back_as_it_was() {
        for position in [position(None), position(Some("https://api.example.com/x?page=2"))] {
            assert_eq!(Position::parse(&position.to_text()), Ok(position));
        }
    }

    #[test]
    fn what_no_position_gave_is_refused() {
        let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for text in [
            "",
            "2",
            "{}",
            &encoded("{}"),
            &encoded(r#"{"n":0}"#),
            &encoded(r#"{"n":1,"c":{"$gt":""}}"#),
            &encoded(r#"{"n":1,"x":1}"#),
            &encoded(r#"{"n":-1}"#),
        ] {
            assert_eq!(Position::parse(text), Err(PositionError), "{text}");
        }
    }

    #[test]
    fn a_credential_in_the_next_pages_address_is_forgotten() {
        let names = ["access_token".to_owned()];
        let is_secret = |text: &str| text.contains("s3cret/1");
        let url = "https://api.example.com/x?Access_Token=s3cret%2F1&page=2&q=a%26b";
        let mut with = position(Some(url));
        assert!(with.holds(&is_secret), "the value is found however it is written");
        with.forget(&names);
        assert!(!with.holds(&is_secret));
        let kept = "https://api.example.com/x?page=2&q=a%26b";
        assert_eq!(with, position(Some(kept)));
        let mut only = position(Some("https://api.example.com/x?access_token=s3cret%2F1"));
        only.forget(&names);
        assert_eq!(only, position(Some("https://api.example.com/x")));
        let mut other = position(None);
        other.forget(&names);
        assert!(!other.holds(&is_secret) && other.holds(&|text| text == "a/b"));
    }

    #[test]
    fn a_page_of_another_address_is_refused() {
        let first: Url = "https://api.example.com/v1/things?size=2".parse().expect("a URL");
        for url in ["/v1/things?page=2", "/v1/things/?page=2", "/v1/things/01g-2000"] {
            let position = position(Some(&format!("https://api.example.com{url}")));
            assert_eq!(position.check_below(&first), Ok(()), "{url}");
        }
        for url in [
            "https://evil.example.com/v1/things?page=2",
            "http://api.example.com/v1/things",
            "https://api.example.com:8443/v1/things",
            "https://me@api.example.com/v1/things",
            "https://api.example.com/v1/secrets",
            "https://api.example.com/v1/thingsandmore",
            "https://api.example.com/v1/things/../secrets",
            "https://api.example.com/v1/things/%2e%2e/secrets",
        ] {
            assert_eq!(position(Some(url)).check_below(&first), Err(PositionError), "{url}");
        }
    }
}
