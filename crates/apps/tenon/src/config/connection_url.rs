//! The address of a database or queue, which may hold a password and so is shown without it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

/// A checked URL, or several, whose passwords are never shown, logged or serialized.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionUrl {
    text: String,
    /// One for each host that the text names.
    parsed: Vec<Url>,
}

impl ConnectionUrl {
    /// Checks the text of a URL.
    ///
    /// # Errors
    ///
    /// When it is no URL. The error does not repeat the text.
    pub fn parse(text: &str) -> Result<Self, url::ParseError> {
        let parsed: Result<Vec<Url>, _> = singles(text).iter().map(|url| Url::parse(url)).collect();
        Ok(Self { text: text.to_owned(), parsed: parsed? })
    }

    /// The whole text, password included: hand it to the client library and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// `postgres`, `redis`, `rediss` and so on.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.parsed.first().map(Url::scheme).unwrap_or_default()
    }
}

/// The URL of each host: nodes of a cluster are several URLs with commas between, Sentinels several
/// hosts in one URL.
fn singles(text: &str) -> Vec<String> {
    let Some((scheme, rest)) = text.split_once("+sentinel://") else {
        let is_list = text.starts_with("redis") && text.contains(',');
        let urls = if is_list { text.split(',').collect() } else { vec![text] };
        return urls.into_iter().map(|url| url.trim().to_owned()).collect();
    };
    let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, hosts) = match place.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), place),
    };
    hosts.split(',').map(|host| format!("{scheme}+sentinel://{user}{host}/{path}")).collect()
}

/// A URL without what is secret in it.
fn masked(url: &Url) -> Url {
    let mut shown = url.clone();
    if shown.password().is_some() {
        // Fails only for URLs that cannot have a password.
        let _ = shown.set_password(Some("***"));
    }
    let has_secret_parameter =
        shown.query_pairs().any(|(name, _)| name.eq_ignore_ascii_case("password"));
    if has_secret_parameter {
        shown.set_query(Some("***"));
    }
    shown
}

impl fmt::Display for ConnectionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<String> = self.parsed.iter().map(|url| masked(url).into()).collect();
        f.write_str(&shown.join(","))
    }
}

impl fmt::Debug for ConnectionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ConnectionUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ConnectionUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|error| serde::de::Error::custom(format!("not a URL: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_way_of_showing_it_shows_the_password() {
        for text in [
            "postgres://u:s3cret@db/x",
            "postgres://u@db/x?password=s3cret&sslmode=require",
            "redis://:s3cret@a:1,redis://:s3cret@b:2",
            "redis+sentinel://:s3cret@a:1,b:2,c/orders",
        ] {
            let url = ConnectionUrl::parse(text).expect("a URL");
            let json = serde_json::to_string(&url).expect("it serializes");
            for shown in [url.to_string(), format!("{url:?}"), json] {
                assert!(!shown.contains("s3cret"), "{shown}");
                assert!(shown.contains("***"), "{shown}");
            }
            assert_eq!(url.expose(), text);
        }
    }

    #[test]
    fn an_error_does_not_repeat_what_was_written() {
        let error = serde_json::from_str::<ConnectionUrl>("\"s3cret\"").expect_err("no URL");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}
