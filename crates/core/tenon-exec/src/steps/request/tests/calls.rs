//! What goes out and what comes back.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::super::FailureClass;
use super::{Bench, answer, json_answer, refused, sent};
use tenon_contract::egress::Error;

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

#[tokio::test]
async fn a_call_is_built_from_its_templates() {
    let step = json!({
        "method": "POST",
        "url": "https://{{trigger.host}}/v1/users/{{trigger.id}}?q={{trigger.q}}",
        "query": {"tag": "{{trigger.tags}}", "none": null, "n": 5, "o": {"a": "{{trigger.q}}"}},
        "headers": {"X-One": "a {{trigger.id}}", "X-None": null, "X-Two": ["1", "2"]},
        "body": {"json": {"id": "{{trigger.id}}", "tags": "{{trigger.tags}}"}},
        "timeout_ms": 1500,
    });
    let scope =
        json!({"trigger": {"host": "api.example", "id": "a/b", "q": "x&y", "tags": ["p", "q r"]}});
    let call = sent(step, scope).await;
    assert_eq!(call.method, "POST");
    assert_eq!(
        call.url.as_str(),
        "https://api.example/v1/users/a%2Fb?q=x%26y&n=5&o=%7B%22a%22%3A%22x%26y%22%7D&tag=p&tag=q+r"
    );
    assert_eq!(call.headers["x-one"], "a a/b");
    assert!(!call.headers.contains_key("x-none"));
    assert_eq!(call.headers.get_all("x-two").iter().count(), 2);
    assert_eq!(call.headers["content-type"], "application/json");
    assert_eq!(call.headers["idempotency-key"], "run:step");
    assert_eq!(call.timeout, Duration::from_millis(1_500));
    let body: Value = serde_json::from_slice(&call.body).expect("JSON");
    assert_eq!(body, json!({"id": "a/b", "tags": ["p", "q r"]}));
}

#[tokio::test]
async fn what_the_step_sets_wins_over_what_is_usual() {
    let headers = json!({"Idempotency-Key": "mine", "Content-Type": "application/vnd.x+json", "Accept": "a/b"});
    let call = sent(
        json!({"method": "PUT", "url": "https://h.example/", "headers": headers, "body": {"json": 1}}),
        json!({}),
    )
    .await;
    assert_eq!(call.headers["idempotency-key"], "mine");
    assert_eq!(call.headers["content-type"], "application/vnd.x+json");
    assert_eq!(call.headers["accept"], "a/b");
}

#[tokio::test]
async fn a_step_cannot_wait_longer_than_the_installation_allows() {
    let call = sent(json!({"url": "https://h.example/", "timeout_ms": 999_999}), json!({})).await;
    assert_eq!(call.timeout, Duration::from_secs(30));
}

#[tokio::test]
async fn a_header_value_cannot_start_a_new_line() {
    for value in ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b"] {
        let step = json!({"url": "https://h.example/", "headers": {"X": "{{v}}"}});
        let failure = refused(step, json!({"v": value})).await;
        assert_eq!((failure.code, failure.class), ("request_header", FailureClass::Permanent));
        assert!(!failure.message.contains("Evil"), "{}", failure.message);
    }
}

#[tokio::test]
async fn headers_that_frame_the_message_cannot_be_given() {
    for name in ["Host", "Content-Length", "Transfer-Encoding", "Connection", "TE", "Bad Name", ""]
    {
        let step = json!({"url": "https://h.example/", "headers": {name: "x"}});
        assert_eq!(refused(step, json!({})).await.code, "request_header", "{name}");
        let auth = json!({"type": "header", "headers": {name: "x"}});
        let step = json!({"url": "https://h.example/", "auth": auth});
        assert_eq!(refused(step, json!({})).await.code, "request_header", "{name}");
    }
}

#[tokio::test]
async fn a_form_repeats_arrays_and_leaves_null_out() {
    let form = json!({"a": ["1", "x y&"], "b": null, "c": true, "d": "{{v}}"});
    let step = json!({"method": "POST", "url": "https://h.example/", "body": {"form": form}});
    let call = sent(step, json!({"v": "é="})).await;
    assert_eq!(text(&call.body), "a=1&a=x+y%26&c=true&d=%C3%A9%3D");
    assert_eq!(call.headers["content-type"], "application/x-www-form-urlencoded");
}

#[tokio::test]
async fn a_multipart_body_is_the_same_for_every_attempt() {
    let file = json!({"dataType": "FILE", "data": "AAH/", "encoding": "base64", "mimeType": "image/png", "name": "a\"b.png"});
    let step = json!({"method": "POST", "url": "https://h.example/", "body": {"multipart": [
        {"name": "note", "value": "hi {{v}}"},
        {"name": "data", "value": {"a": [1]}},
        {"name": "gone", "value": "{{missing}}"},
        {"name": "pic", "file": "{{f}}"},
        {"name": "doc", "file": "{{f}}", "filename": "{{v}}.txt", "content_type": "text/plain"},
    ]}});
    let scope = json!({"v": "there", "f": file});
    let first = sent(step.clone(), scope.clone()).await;
    let second = sent(step, scope).await;
    assert_eq!(first.body, second.body);
    let content_type = first.headers["content-type"].to_str().expect("text").to_owned();
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").expect("multipart");
    let expected = [
        "--B\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhi there\r\n",
        "--B\r\nContent-Disposition: form-data; name=\"data\"\r\nContent-Type: application/json\r\n\r\n{\"a\":[1]}\r\n",
        "--B\r\nContent-Disposition: form-data; name=\"pic\"; filename=\"a%22b.png\"\r\nContent-Type: image/png\r\n\r\n",
    ]
    .concat()
    .replace("--B", &format!("--{boundary}"));
    assert!(
        first.body.starts_with(expected.as_bytes()),
        "{}",
        String::from_utf8_lossy(&first.body)
    );
    let rest = &first.body[expected.len()..];
    assert!(rest.starts_with(b"\x00\x01\xff\r\n"));
    let end = "filename=\"there.txt\"\r\nContent-Type: text/plain\r\n\r\n\0\u{1}";
    assert!(String::from_utf8_lossy(rest).contains(end));
    assert!(rest.ends_with(format!("\r\n--{boundary}--\r\n").as_bytes()));
}

#[tokio::test]
async fn a_multipart_file_must_be_a_file() {
    let parts = json!([{"name": "pic", "file": "text"}]);
    let step = json!({"method": "POST", "url": "https://h.example/", "body": {"multipart": parts}});
    assert!(refused(step, json!({})).await.message.contains("is not a file value"));
}

#[tokio::test]
async fn graphql_values_travel_as_variables() {
    let graphql = json!({"query": "query Q($a: Int) { x(a: $a) }", "variables": {"a": "{{v}}"}, "operation_name": "Q"});
    let step = json!({"method": "POST", "url": "https://h.example/", "body": {"graphql": graphql}});
    let call = sent(step, json!({"v": 7})).await;
    assert_eq!(
        text(&call.body),
        r#"{"query":"query Q($a: Int) { x(a: $a) }","variables":{"a":7},"operationName":"Q"}"#
    );
}

#[tokio::test]
async fn xml_values_are_escaped_and_a_whole_document_is_not() {
    let step =
        |xml: &str| json!({"method": "POST", "url": "https://h.example/", "body": {"xml": xml}});
    let scope = json!({"v": "</a>&\"", "doc": "<a>1</a>", "empty": ""});
    let call = sent(step("<a b=\"{{v}}\">{{v}}</a>"), scope.clone()).await;
    assert_eq!(text(&call.body), "<a b=\"&lt;/a&gt;&amp;&quot;\">&lt;/a&gt;&amp;&quot;</a>");
    assert_eq!(call.headers["content-type"], "application/xml");
    let call = sent(step("{{doc}}"), scope.clone()).await;
    assert_eq!(text(&call.body), "<a>1</a>");
    let call = sent(step("{{doc}}{{empty}}"), scope).await;
    assert_eq!(text(&call.body), "&lt;a&gt;1&lt;/a&gt;");
}

#[tokio::test]
async fn a_raw_body_is_text_or_a_file_as_it_is() {
    let step =
        |raw: Value| json!({"method": "POST", "url": "https://h.example/", "body": {"raw": raw}});
    let call = sent(step(json!({"content": "a,{{v}}\n"})), json!({"v": "<b>"})).await;
    assert_eq!(
        (text(&call.body), text(call.headers["content-type"].as_bytes())),
        ("a,<b>\n", "text/plain; charset=utf-8")
    );
    let file = json!({"dataType": "FILE", "data": "AAH/", "mimeType": "image/png"});
    let call = sent(step(json!({"content": "{{f}}"})), json!({"f": file})).await;
    assert_eq!(call.body.as_ref(), b"\x00\x01\xff");
    assert_eq!(call.headers["content-type"], "image/png");
    let call = sent(step(json!({"content": "x", "content_type": "text/csv"})), json!({})).await;
    assert_eq!(call.headers["content-type"], "text/csv");
}

#[tokio::test]
async fn a_body_that_is_too_large_does_not_go_out() {
    let mut bench = Bench::answering([]);
    bench.limits.request_bytes_max = 100;
    let long = "x".repeat(100);
    let file = json!({"dataType": "FILE", "encoding": "utf8", "data": "x".repeat(101)});
    for body in [
        json!({"json": long}),
        json!({"raw": {"content": "{{f}}"}}),
        json!({"multipart": [{"name": "a", "file": "{{f}}"}]}),
    ] {
        let step = json!({"method": "POST", "url": "https://h.example/", "body": body});
        let failure = bench.run(step, json!({"f": file})).await.expect_err("too large");
        assert_eq!(failure.code, "request_too_large");
    }
    assert_eq!(bench.seen().len(), 0);
}

#[tokio::test]
async fn an_answer_becomes_the_output() {
    let headers = [
        ("content-type", "application/json; charset=utf-8"),
        ("x-many", "1"),
        ("x-many", "2"),
        ("set-cookie", "a=1"),
    ];
    let bench = Bench::answering([answer(201, &headers, "{\"id\": 7}")]);
    let outcome = bench.run(json!({"url": "https://h.example/"}), json!({})).await.expect("ok");
    assert_eq!(
        outcome.output,
        json!({"response": {
            "statusCode": 201,
            "headers": {
                "content-type": "application/json; charset=utf-8",
                "x-many": "1, 2",
                "set-cookie": ["a=1"],
            },
            "body": {"id": 7},
        }})
    );
}

#[tokio::test]
async fn a_status_of_400_or_more_fails_with_its_answer() {
    for (status, fails) in [(200, false), (304, false), (399, false), (400, true), (503, true)] {
        let bench = Bench::answering([answer(status, &[("retry-after", "7")], "{}")]);
        let outcome = bench.run(json!({"url": "https://h.example/"}), json!({})).await;
        assert_eq!(outcome.is_err(), fails, "{status}");
        let Err(failure) = outcome else { continue };
        let retry_after = Some(Duration::from_secs(7));
        assert_eq!(failure.class, FailureClass::Status { status, retry_after });
        assert_eq!(failure.code, "request_status");
        assert_eq!(failure.message, format!("h.example answered {status}"));
        assert_eq!(failure.output.expect("kept")["response"]["statusCode"], status);
        assert_eq!(failure.input.expect("kept")["url"], "https://h.example/");
    }
}

#[tokio::test]
async fn json_that_is_asked_for_and_not_given_fails_with_what_came() {
    let bench = Bench::answering([answer(200, &[("content-type", "text/html")], "<html>")]);
    let step = json!({"url": "https://h.example/", "response": "json"});
    let failure = bench.run(step, json!({})).await.expect_err("not JSON");
    assert_eq!((failure.code, failure.class), ("request_response", FailureClass::Permanent));
    assert_eq!(failure.output.expect("kept")["response"]["body"], "<html>");
    assert!(failure.input.is_some());
}

#[tokio::test]
async fn a_large_answer_is_decoded_too() {
    let body = json!({"items": vec!["some text of some length"; 20_000]});
    let bench = Bench::answering([json_answer(200, &body)]);
    let outcome = bench.run(json!({"url": "https://h.example/"}), json!({})).await.expect("ok");
    assert_eq!(outcome.output["response"]["body"], body);
}

#[tokio::test]
async fn a_call_without_an_answer_says_what_may_be_done() {
    let host = || "h.example".to_owned();
    let reason = || "why".to_owned();
    let cases = [
        (
            Error::Refused { host: host(), reason: reason() },
            "request_refused",
            FailureClass::Permanent,
        ),
        (
            Error::Unreachable { host: host(), reason: reason(), was_sent: true },
            "request_unreachable",
            FailureClass::Transient,
        ),
        (
            Error::Timeout { host: host(), after_ms: 5 },
            "request_no_answer",
            FailureClass::Transient,
        ),
        (Error::TooLarge { host: host(), limit: 5 }, "request_too_large", FailureClass::Permanent),
    ];
    for (error, code, class) in cases {
        let bench = Bench::answering([]);
        bench.then(Err(error));
        let outcome = bench.run(json!({"url": "https://h.example/"}), json!({})).await;
        let failure = outcome.expect_err("no answer");
        assert_eq!((failure.code, failure.class), (code, class));
        assert!(failure.input.is_some());
    }
}

#[tokio::test]
async fn an_expression_that_fails_names_its_place() {
    let step = json!({"url": "https://h.example/", "query": {"since": "{{upper(v)}}"}});
    let failure = refused(step, json!({"v": [1]})).await;
    assert_eq!((failure.code, failure.class), ("request_template", FailureClass::Permanent));
    assert!(failure.message.starts_with("the query parameter `since`: "), "{}", failure.message);
}
