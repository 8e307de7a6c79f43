//! Pages: the limit, and cursors that callers hand back without looking into them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::civil::Date;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use tenon_domain::{EndUserId, ProjectId, RunId};
use tenon_http_kit::{Problem, codes};

/// Entries of a page when nothing is asked for.
pub(crate) const LIMIT_DEFAULT: usize = 50;
/// The most entries of a page.
pub(crate) const LIMIT_MAX: usize = 200;

/// How many entries a page may have: 1 to 200, 50 when left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit(pub(crate) usize);

impl Default for Limit {
    fn default() -> Self {
        Self(LIMIT_DEFAULT)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let limit = usize::deserialize(deserializer)?;
        if (1..=LIMIT_MAX).contains(&limit) {
            Ok(Self(limit))
        } else {
            Err(D::Error::custom(format_args!("`limit` must be from 1 to {LIMIT_MAX}")))
        }
    }
}

/// A place to go on from. The kind in front keeps a cursor of one list from being used in another.
pub(crate) trait Cursor: Sized {
    const KIND: &'static str;
    fn text(&self) -> String;
    fn of_text(text: &str) -> Option<Self>;
}

impl Cursor for RunId {
    const KIND: &'static str = "r:";
    fn text(&self) -> String {
        self.to_string()
    }
    fn of_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Cursor for ProjectId {
    const KIND: &'static str = "p:";
    fn text(&self) -> String {
        self.to_string()
    }
    fn of_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Cursor for Date {
    const KIND: &'static str = "d:";
    fn text(&self) -> String {
        self.to_string()
    }
    fn of_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Cursor for EndUserId {
    const KIND: &'static str = "u:";
    fn text(&self) -> String {
        self.as_str().to_owned()
    }
    fn of_text(text: &str) -> Option<Self> {
        Some(Self::new(text))
    }
}

/// A place in the step records of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StepCursor(pub(crate) i64);

impl Cursor for StepCursor {
    const KIND: &'static str = "s:";
    fn text(&self) -> String {
        self.0.to_string()
    }
    fn of_text(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

/// The text a caller hands back.
pub(crate) fn encode<C: Cursor>(cursor: &C) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}{}", C::KIND, cursor.text()))
}

/// Reads a cursor that a caller handed back.
pub(crate) fn decode<C: Cursor>(text: Option<&str>) -> Result<Option<C>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let cursor = (URL_SAFE_NO_PAD.decode(text).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| C::of_text(text.strip_prefix(C::KIND)?));
    cursor.map(Some).ok_or_else(|| {
        Problem::new(&codes::INVALID_QUERY)
            .detail("`cursor` is not one of this list; take `next` of the page before")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let run = RunId::new();
        assert_eq!(decode::<RunId>(Some(&encode(&run))).expect("it is one"), Some(run));
        let user = EndUserId::new("ümlaut/1");
        assert_eq!(decode::<EndUserId>(Some(&encode(&user))).expect("it is one"), Some(user));
        let step = StepCursor(-3);
        assert_eq!(decode::<StepCursor>(Some(&encode(&step))).expect("it is one"), Some(step));
        assert_eq!(decode::<RunId>(None).expect("none is fine"), None);
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let run = encode(&RunId::new());
        for text in [run.as_str(), "", "x", "%%", "czo"] {
            let problem = decode::<StepCursor>(Some(text)).expect_err("it is not one");
            assert_eq!(problem.code, "invalid_query", "{text}");
        }
    }
}
