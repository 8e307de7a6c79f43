//! The problem codes of this crate. Each has a page, `docs/errors/<name>.md`; a test holds the
//! two together. Other crates declare their own [`Code`]s the same way.

/// One kind of problem: stable, documented, matched on by clients.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// Its name, `snake_case`; also the name of its page.
    pub name: &'static str,
    /// The HTTP status it is answered with.
    pub status: u16,
    /// One line for people, the same for every problem of this kind.
    pub title: &'static str,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $constant:ident = $status:literal $name:literal $title:literal;)*) => {
        $($(#[$doc])* pub static $constant: Code =
            Code { name: $name, status: $status, title: $title };)*

        /// Every code of this crate.
        pub static ALL: &[&Code] = &[$(&$constant),*];
    };
}

codes! {
    /// A path parameter is not what the route takes.
    INVALID_PATH = 400 "invalid_path" "a part of the path is not valid";
    /// A query parameter is unknown or not what the route takes.
    INVALID_QUERY = 400 "invalid_query" "a query parameter is not valid";
    /// Both `Content-Length` and `Transfer-Encoding`.
    AMBIGUOUS_LENGTH = 400 "ambiguous_length" "the length of the body is given in two ways";
    /// A route that takes a body got none.
    BODY_MISSING = 400 "body_missing" "the request has no body";
    /// The connection broke before the body was complete.
    BODY_INCOMPLETE = 400 "body_incomplete" "the body is not complete";
    /// Not UTF-8.
    JSON_INVALID_UTF8 = 400 "json_invalid_utf8" "the body is not valid UTF-8";
    /// Not JSON.
    JSON_SYNTAX = 400 "json_syntax" "the body is not valid JSON";
    /// A name occurs twice in one object.
    JSON_DUPLICATE_KEY = 400 "json_duplicate_key" "a name occurs twice in one object";
    /// Nested too deeply.
    JSON_TOO_DEEP = 400 "json_too_deep" "the body is nested too deeply";
    /// `NaN`, `Infinity`, or too large for a double.
    JSON_INVALID_NUMBER = 400 "json_invalid_number" "a number cannot be represented";
    /// Something follows the value.
    JSON_TRAILING_DATA = 400 "json_trailing_data" "something follows the JSON value";
    /// No credentials, or none that are known.
    UNAUTHORIZED = 401 "unauthorized" "the request carries no valid credentials";
    /// Known credentials that may not do this.
    FORBIDDEN = 403 "forbidden" "the credentials do not allow this";
    /// No such route, or nothing there that the caller may see.
    NOT_FOUND = 404 "not_found" "there is nothing here";
    /// The route exists, but not for this method.
    METHOD_NOT_ALLOWED = 405 "method_not_allowed" "the route does not take this method";
    /// The body came too slowly.
    BODY_TIMEOUT = 408 "body_timeout" "the body took too long to arrive";
    /// The state of the thing does not allow this.
    CONFLICT = 409 "conflict" "the current state does not allow this";
    /// More bytes than the route takes.
    BODY_TOO_LARGE = 413 "body_too_large" "the body is too large";
    /// A content type the route does not take.
    UNSUPPORTED_MEDIA_TYPE = 415 "unsupported_media_type" "the content type is not supported";
    /// A field that the route does not know.
    UNKNOWN_FIELD = 422 "unknown_field" "the body has a field that is not known";
    /// A field that is missing or not of the expected form.
    INVALID_FIELD = 422 "invalid_field" "a field of the body is not valid";
    /// Too many requests of this caller.
    RATE_LIMITED = 429 "rate_limited" "too many requests";
    /// A defect of ours, or one of what we depend on.
    INTERNAL = 500 "internal" "something went wrong on our side";
    /// More work than may be in flight.
    OVERLOADED = 503 "overloaded" "too much work is in flight";
    /// Something we depend on is away; nothing was accepted.
    UNAVAILABLE = 503 "unavailable" "a service this depends on cannot be reached";
    /// The handler did not answer in time.
    REQUEST_TIMEOUT = 504 "request_timeout" "the request took too long to answer";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_code_has_a_page_and_a_line_in_the_index() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/errors");
        let index = std::fs::read_to_string(folder.join("README.md")).expect("the index exists");
        for code in ALL {
            let page = std::fs::read_to_string(folder.join(format!("{}.md", code.name)))
                .unwrap_or_else(|error| panic!("{}: {error}", code.name));
            assert!(page.contains(&code.status.to_string()), "{}: wrong status", code.name);
            assert!(index.contains(&format!("({}.md)", code.name)), "{} not in index", code.name);
        }
    }

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<_> = ALL.iter().map(|code| code.name).collect();
        assert_eq!(names.len(), ALL.len());
    }
}
