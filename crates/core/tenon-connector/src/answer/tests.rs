use http::HeaderMap;
use http::header::{self, HeaderName};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::call::Answer;
use crate::samples::{Person, answer, connector, with_header};

fn verdict(proxy: Value, action: Value, answer: &Answer) -> Verdict {
    let mut rules = json!({"base_url": [{"url": "https://api.example.com"}]});
    for (name, value) in proxy.as_object().expect("members") {
        rules[name.as_str()] = value.clone();
    }
    let sample = connector(json!({"proxy": rules}));
    let person = Person::new(json!({}), json!({}), Value::Null);
    let errors: Vec<ErrorRule> = serde_json::from_value(action).expect("rules");
    classify(&sample, &errors, &Reading::of(answer), &person.ctx())
}

fn plain(answer: &Answer) -> Verdict {
    verdict(json!({}), json!([]), answer)
}

#[test]
fn without_rules_the_status_decides() {
    for (status, kind) in [
        (200, ErrorKind::Ok),
        (204, ErrorKind::Ok),
        (302, ErrorKind::Ok),
        (400, ErrorKind::Invalid),
        (401, ErrorKind::TokenExpired),
        (403, ErrorKind::Permission),
        (404, ErrorKind::NotFound),
        (409, ErrorKind::Conflict),
        (422, ErrorKind::Invalid),
        (429, ErrorKind::RateLimited),
        (500, ErrorKind::Retryable),
        (503, ErrorKind::Retryable),
    ] {
        assert_eq!(plain(&answer(status, json!({}))).kind, kind, "{status}");
    }
}

#[test]
fn the_actions_rules_come_before_the_connectors() {
    let proxy = json!({"errors": [
        {"statuses": [400], "kind": "conflict"},
        {"statuses": [200], "kind": "auth_dead",
         "when": {"operator": "$stringExactlyMatches",
                  "variable": "{{response.body.error}}", "argument": "token_revoked"},
         "message": "slack: {{response.body.error}}"},
        {"kind": "failed"},
    ]});
    let action = json!([{"statuses": [400], "kind": "not_found", "message": "{{response.gone}}"}]);
    let body = json!({"error": {"message": "no\n such   thing"}});
    let got = verdict(proxy.clone(), action, &answer(400, body));
    assert_eq!(got.kind, ErrorKind::NotFound);
    assert_eq!(got.message.as_deref(), Some("no such thing"));
    let got = verdict(proxy.clone(), json!([]), &answer(400, json!({})));
    assert_eq!(got.kind, ErrorKind::Conflict);
    let got = verdict(proxy.clone(), json!([]), &answer(200, json!({"error": "token_revoked"})));
    assert_eq!(
        (got.kind, got.message.as_deref()),
        (ErrorKind::AuthDead, Some("slack: token_revoked"))
    );
    // A rule without statuses and condition is for errors only.
    assert_eq!(verdict(proxy.clone(), json!([]), &answer(200, json!({}))).kind, ErrorKind::Ok);
    assert_eq!(verdict(proxy, json!([]), &answer(418, json!({}))).kind, ErrorKind::Failed);
}

#[test]
fn an_answer_can_be_fine_whatever_its_status() {
    let action = json!([{"statuses": [404], "kind": "ok"}]);
    let got = verdict(json!({}), action, &answer(404, json!({"message": "gone"})));
    assert_eq!(got, Verdict { kind: ErrorKind::Ok, message: None, wait: None });
}

#[test]
fn the_latest_sign_says_when_to_come_again() {
    let proxy = json!({"rate_limit": {
        "statuses": [429, 403],
        "reset": [
            {"value": "{{response.headers[\"x-reset\"]}}"},
            {"value": "{{response.body.wait_ms}}", "unit": "milliseconds"},
        ],
        "remaining_header": "x-remaining",
        "default_wait_seconds": 7,
    }});
    let wait = |answer: &Answer| verdict(proxy.clone(), json!([]), answer).wait;
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(wait(&answer(403, json!({}))), seconds(7));
    assert_eq!(wait(&answer(429, json!({"wait_ms": 1_500}))), Some(Duration::from_millis(1_500)));
    let with = |value: &str| with_header(answer(429, json!({"wait_ms": 2_000})), "x-reset", value);
    // 2026-01-02T03:04:05Z is 1767323045.
    for (value, expected) in [
        ("60", 60),
        ("1767323105", 60),
        ("1767323105000", 60),
        ("2026-01-02T03:05:05Z", 60),
        ("Fri, 02 Jan 2026 03:05:05 GMT", 60),
        ("1", 2),
        ("1767320000", 2),
        ("words", 2),
        ("nan", 2),
        ("1e300", 2),
        ("99999999", 86_400),
    ] {
        assert_eq!(wait(&with(value)), seconds(expected), "{value}");
    }
    assert_eq!(wait(&with_header(with("1"), "retry-after", "90")), seconds(90));
    // The last call of the window is fine and says when the next one may come.
    let last = with_header(answer(200, json!({})), "x-remaining", "0");
    assert_eq!(wait(&with_header(last, "x-reset", "30")), seconds(30));
    let more = with_header(answer(200, json!({})), "x-remaining", "3");
    assert_eq!(wait(&with_header(more, "x-reset", "30")), None);
}

#[test]
fn a_limit_that_the_provider_names_wins_over_a_bare_status() {
    let proxy = json!({
        "rate_limit": {"when": {"operator": "$stringExactlyMatches",
            "variable": "{{response.headers[\"x-left\"]}}", "argument": "0"}},
        "errors": [{"statuses": [403], "kind": "permission"}, {"statuses": [429], "kind": "failed"}],
    });
    let left = |count: &str| with_header(answer(403, json!({})), "x-left", count);
    assert_eq!(verdict(proxy.clone(), json!([]), &left("0")).kind, ErrorKind::RateLimited);
    assert_eq!(verdict(proxy.clone(), json!([]), &left("9")).kind, ErrorKind::Permission);
    // A rule for 429 stands: some providers say so when nothing will help.
    assert_eq!(verdict(proxy, json!([]), &answer(429, json!({}))).kind, ErrorKind::Failed);
}

#[test]
fn a_page_for_browsers_gives_no_message() {
    let page = json!("<html><body>Bad gateway</body></html>");
    assert_eq!(plain(&answer(502, page)).message, None);
    let long = plain(&answer(400, json!({"message": "x".repeat(9_000)}))).message;
    assert!(long.is_some_and(|it| it.len() < 600));
}

#[test]
fn bodies_are_read_by_their_type_and_content() {
    let body = |kind: &str, bytes: &[u8]| {
        let mut headers = HeaderMap::new();
        if !kind.is_empty() {
            headers.insert(header::CONTENT_TYPE, kind.parse().expect("a value"));
        }
        body_value(&headers, bytes)
    };
    assert_eq!(body("application/json", b"\xef\xbb\xbf {\"a\":1}"), json!({"a": 1}));
    assert_eq!(body("text/plain", b" [1]"), json!([1]));
    assert_eq!(body("application/problem+json", b"7"), json!(7));
    assert_eq!(body("text/plain", b"7"), json!("7"));
    assert_eq!(
        body("application/x-www-form-urlencoded", b"a=1&b=x+y&a=2"),
        json!({"a": ["1", "2"], "b": "x y"})
    );
    assert_eq!(body("application/json", b"<html>"), json!("<html>"));
    assert_eq!(body("", b""), Value::Null);
    assert_eq!(body("image/png", b"\x89PNG\x00\xff"), Value::Null);
}

const LONGEST: Duration = Duration::from_secs(86_400);

fn wait(pairs: &[(HeaderName, &str)]) -> Option<Duration> {
    let headers = pairs
        .iter()
        .map(|(name, value)| (name.clone(), value.parse().expect("a header value")))
        .collect();
    let now = "2026-03-01T12:00:00Z".parse().expect("a time");
    retry_after(&headers, now, LONGEST)
}

#[test]
fn seconds_are_taken_as_they_are() {
    assert_eq!(wait(&[(header::RETRY_AFTER, " 120 ")]), Some(Duration::from_secs(120)));
    assert_eq!(wait(&[(header::RETRY_AFTER, "0")]), Some(Duration::ZERO));
}

#[test]
fn a_date_is_measured_from_the_answers_date_or_from_now() {
    let pairs = [
        (header::RETRY_AFTER, "Sun, 06 Nov 1994 08:50:37 GMT"),
        (header::DATE, "Sun, 06 Nov 1994 08:49:37 GMT"),
    ];
    assert_eq!(wait(&pairs), Some(Duration::from_secs(60)));
    let alone = [(header::RETRY_AFTER, "Sun, 01 Mar 2026 12:00:30 GMT")];
    assert_eq!(wait(&alone), Some(Duration::from_secs(30)));
    let past = [(header::RETRY_AFTER, "Sun, 06 Nov 1994 08:49:37 GMT")];
    assert_eq!(wait(&past), Some(Duration::ZERO));
}

#[test]
fn a_wait_is_bounded_and_nonsense_is_not_heeded() {
    for long in ["999999999", "99999999999999999999999999", "Sun, 01 Mar 2099 12:00:30 GMT"] {
        assert_eq!(wait(&[(header::RETRY_AFTER, long)]), Some(LONGEST), "{long}");
    }
    for nonsense in ["", "soon", "-5", "1.5"] {
        assert_eq!(wait(&[(header::RETRY_AFTER, nonsense)]), None, "{nonsense}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_can_be_read_and_classified(
        status in 100_u16..600,
        kind in prop::sample::select(vec!["application/json", "text/html", "application/x-www-form-urlencoded", "x"]),
        retry in "[ -~]{0,30}",
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut answer = answer(status, Value::Null);
        answer.headers.insert("content-type", kind.parse().expect("a value"));
        answer.headers.insert("retry-after", retry.parse().expect("a value"));
        answer.body = bytes.into();
        let verdict = plain(&answer);
        prop_assert!(verdict.wait.is_none_or(|wait| wait <= WAIT_MAX));
    }
}
