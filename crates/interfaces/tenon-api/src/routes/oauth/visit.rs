//! Who opens the link of a connect session. A chat that shows a preview of the link, a scanner of
//! mails or a browser that fetches ahead opens it too, without the user. Each start takes the place
//! of the one before, so such a visit must not start anything: the user may be under way.

use http::{HeaderMap, Method};

/// The parameter of the link on the page that a visitor gets who is not known to be a person.
pub(super) const CONTINUE: &str = "continue";

/// Headers by which browsers and previews say that nobody looks yet.
const AHEAD_HEADERS: [&str; 4] = ["sec-purpose", "purpose", "x-purpose", "x-moz"];

/// Who opens the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visit {
    /// A person, in a browser's window: off to the provider.
    Person,
    /// Somebody who may be one: gets a page with a link to go on.
    Anybody,
    /// A program that fetches ahead: gets nothing that it could keep for the person.
    Ahead,
}

impl Visit {
    /// Tells who it is by what the browser says of the request. Browsers that are reached by https
    /// say `Sec-Fetch-Mode`, and no page can forge it; where it is not said, the page's own link
    /// has to be followed.
    pub(super) fn of(method: &Method, headers: &HeaderMap, query: Option<&str>) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let is_ahead = |value: &str| {
            let value = value.to_ascii_lowercase();
            ["prefetch", "prerender", "preview"].iter().any(|word| value.contains(word))
        };
        if AHEAD_HEADERS.iter().any(|name| text(name).is_some_and(is_ahead)) {
            return Self::Ahead;
        }
        if method != Method::GET {
            return Self::Anybody;
        }
        match (text("sec-fetch-mode"), text("sec-fetch-dest")) {
            (Some("navigate"), None | Some("document")) => Self::Person,
            (None, _) if goes_on(query) => Self::Person,
            _ => Self::Anybody,
        }
    }
}

fn goes_on(query: Option<&str>) -> bool {
    let mut pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.any(|(name, value)| name == CONTINUE && value == "1")
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn visit(method: &Method, headers: &[(&'static str, &'static str)], query: &str) -> Visit {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Visit::of(method, &headers.collect(), (!query.is_empty()).then_some(query))
    }

    #[test]
    fn only_a_window_that_goes_there_is_a_person() {
        let get = Method::GET;
        for (headers, query, who) in [
            (&[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")][..], "", "person"),
            (&[("sec-fetch-mode", "navigate")], "", "person"),
            (&[], "continue=1", "person"),
            (&[], "", "anybody"),
            (&[], "continue=2", "anybody"),
            (&[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")], "", "anybody"),
            (&[("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")], "", "anybody"),
            (&[("sec-fetch-mode", "cors")], "continue=1", "anybody"),
            (&[("sec-fetch-mode", "navigate"), ("sec-purpose", "prefetch")], "", "ahead"),
            (&[("sec-purpose", "prefetch;prerender")], "continue=1", "ahead"),
            (&[("sec-fetch-mode", "navigate"), ("purpose", "prefetch")], "", "ahead"),
            (&[("x-moz", "prefetch")], "", "ahead"),
            (&[("x-purpose", "preview")], "", "ahead"),
        ] {
            let found = format!("{:?}", visit(&get, headers, query)).to_lowercase();
            assert_eq!(found, who, "{headers:?} {query}");
        }
        let window = [("sec-fetch-mode", "navigate")];
        assert_eq!(visit(&Method::HEAD, &window, "continue=1"), Visit::Anybody);
    }
}
