//! References: where a value comes from. What is behind a root is the scope's business.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use crate::error::EvalError;

/// `step.path[0].name`: where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The first word: a step id, `trigger`, `self`, `user`, `run`, `settings`.
    pub root: String,
    /// Written with `?` after the root: the step may not have run, then the value is null.
    pub is_optional: bool,
    /// The way from the root's value to the part that is meant; empty for the whole.
    pub path: Vec<Segment>,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// `.key` or `["any key"]`: a member of an object.
    Key(String),
    /// `[0]`: an element of an array.
    Index(usize),
}

/// What the references of an expression see.
pub trait Scope {
    /// The value at a reference; `Ok(None)` when there is nothing there (it then counts as
    /// null). Borrow where the value is at hand: then a plain reference copies nothing else.
    ///
    /// # Errors
    /// When the root is not known, or is known not to have a value and the reference is not
    /// optional; the error ends the evaluation.
    fn get(&self, reference: &Reference) -> Result<Option<Cow<'_, Value>>, EvalError>;
}

/// Follows a path into a value; `None` when there is nothing there. A key finds nothing in an
/// array and an index finds nothing in an object.
#[must_use]
pub fn resolve_path<'a>(value: &'a Value, path: &[Segment]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, segment| match (segment, value) {
        (Segment::Key(key), Value::Object(members)) => members.get(key.as_str()),
        (Segment::Index(index), Value::Array(items)) => items.get(*index),
        _ => None,
    })
}

/// As [`resolve_path`], and keeps a borrowed value borrowed.
pub(crate) fn resolve_cow<'a>(value: Cow<'a, Value>, path: &[Segment]) -> Option<Cow<'a, Value>> {
    match value {
        Cow::Borrowed(value) => resolve_path(value, path).map(Cow::Borrowed),
        Cow::Owned(value) => resolve_path(&value, path).cloned().map(Cow::Owned),
    }
}

/// Whether a text may be written as a root or after a dot.
pub(crate) fn is_word(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(is_word_start) && bytes.all(is_word_part)
}

pub(crate) fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$')
}

pub(crate) fn is_word_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'-')
}

impl fmt::Display for Reference {
    /// As it is written in a template.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.root)?;
        if self.is_optional {
            f.write_str("?")?;
        }
        self.path.iter().try_for_each(|segment| segment.fmt(f))
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "[{index}]"),
            Self::Key(key) if is_word(key) => write!(f, ".{key}"),
            // A JSON string is a string literal of the language too.
            Self::Key(key) => write!(f, "[{}]", Value::from(key.as_str())),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(key: &str) -> Segment {
        Segment::Key(key.to_owned())
    }

    #[test]
    fn a_path_walks_objects_and_arrays() {
        let value = json!({"a": [{"b c": 1}]});
        let path = [key("a"), Segment::Index(0), key("b c")];
        assert_eq!(resolve_path(&value, &path), Some(&json!(1)));
    }

    #[test]
    fn a_key_of_an_array_of_objects_is_nothing() {
        assert_eq!(resolve_path(&json!([{"a": 1}]), &[key("a")]), None);
    }

    #[test]
    fn an_index_of_an_object_or_text_is_nothing() {
        assert_eq!(resolve_path(&json!({"0": 1}), &[Segment::Index(0)]), None);
        assert_eq!(resolve_path(&json!("abc"), &[Segment::Index(0)]), None);
    }

    #[test]
    fn it_is_shown_as_it_is_written() {
        let reference = Reference {
            root: "orders".to_owned(),
            is_optional: true,
            path: vec![key("items"), Segment::Index(2), key("unit \"price\"")],
        };
        assert_eq!(reference.to_string(), r#"orders?.items[2]["unit \"price\""]"#);
    }
}
