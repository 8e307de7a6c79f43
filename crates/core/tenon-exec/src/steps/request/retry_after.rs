//! How long an answer asks to wait.

use std::time::Duration;

use http::{HeaderMap, HeaderName, header};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// What `Retry-After` asks for: seconds, or a date. A date is measured from the answer's own
/// `Date`, so that a clock that is off on one side does not matter; from `now` when it has none.
pub(super) fn of(headers: &HeaderMap, now: Timestamp, longest: Duration) -> Option<Duration> {
    let asked = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !asked.is_empty() && asked.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits that do not fit ask for longer than anyone waits.
        return Some(asked.parse().map_or(longest, Duration::from_secs).min(longest));
    }
    let until = date(asked)?;
    let from = text(headers, header::DATE).and_then(date).unwrap_or(now);
    let wait = Duration::try_from(until.duration_since(from)).unwrap_or(Duration::ZERO);
    Some(wait.min(longest))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(86_400);

    fn wait(pairs: &[(HeaderName, &str)]) -> Option<Duration> {
        let headers = pairs
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().expect("a header value")))
            .collect();
        let now = "2026-03-01T12:00:00Z".parse().expect("a time");
        of(&headers, now, LONGEST)
    }

    #[test]
    fn seconds_are_taken_as_they_are() {
        assert_eq!(wait(&[(header::RETRY_AFTER, " 120 ")]), Some(Duration::from_secs(120)));
        assert_eq!(wait(&[(header::RETRY_AFTER, "0")]), Some(Duration::ZERO));
    }

    #[test]
    fn a_date_is_measured_from_the_answers_date() {
        let pairs = [
            (header::RETRY_AFTER, "Sun, 06 Nov 1994 08:50:37 GMT"),
            (header::DATE, "Sun, 06 Nov 1994 08:49:37 GMT"),
        ];
        assert_eq!(wait(&pairs), Some(Duration::from_secs(60)));
    }

    #[test]
    fn a_date_without_a_date_header_is_measured_from_now() {
        let pairs = [(header::RETRY_AFTER, "Sun, 01 Mar 2026 12:00:30 GMT")];
        assert_eq!(wait(&pairs), Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_date_in_the_past_asks_for_nothing() {
        let pairs = [(header::RETRY_AFTER, "Sun, 06 Nov 1994 08:49:37 GMT")];
        assert_eq!(wait(&pairs), Some(Duration::ZERO));
    }

    #[test]
    fn it_is_bounded_and_nonsense_is_not_heeded() {
        for long in ["999999999", "99999999999999999999999999", "Sun, 01 Mar 2099 12:00:30 GMT"] {
            assert_eq!(wait(&[(header::RETRY_AFTER, long)]), Some(LONGEST), "{long}");
        }
        for nonsense in ["", "soon", "-5", "1.5"] {
            assert_eq!(wait(&[(header::RETRY_AFTER, nonsense)]), None, "{nonsense}");
        }
    }
}
