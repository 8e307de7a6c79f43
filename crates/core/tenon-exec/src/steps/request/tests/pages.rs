//! All pages of a list.

use serde_json::{Value, json};

use super::super::super::FailureClass;
use super::{Bench, OutboundResponse, answer, json_answer};

fn step() -> Value {
    json!({
        "url": "https://h.example/items",
        "query": {"cursor": "{{self.pageToken}}"},
        "pagination": {
            "page_token": "{{self.response.body.next}}",
            "items": "{{self.response.body.items}}",
        },
    })
}

fn page(items: Value, next: Value) -> OutboundResponse {
    json_answer(200, &json!({"items": items, "next": next}))
}

#[tokio::test]
async fn all_pages_are_read_and_their_items_joined() {
    let bench = Bench::answering([
        page(json!([1, 2]), json!("b")),
        page(json!([3]), json!("c")),
        page(json!([]), json!(null)),
    ]);
    let outcome = bench.run(step(), json!({})).await.expect("ok");
    assert_eq!(outcome.output["response"]["body"], json!([1, 2, 3]));
    assert_eq!(outcome.output["response"]["statusCode"], 200);
    assert_eq!((&outcome.output["pages"], &outcome.output["hasMore"]), (&json!(3), &json!(false)));
    let seen = bench.seen();
    let urls: Vec<_> = seen.iter().map(|call| call.url.query()).collect();
    assert_eq!(urls, [None, Some("cursor=b"), Some("cursor=c")]);
    let keys: Vec<_> = seen.iter().map(|call| call.headers["idempotency-key"].clone()).collect();
    assert_eq!(keys, ["run:step:p1", "run:step:p2", "run:step:p3"]);
    assert_eq!(outcome.input.expect("recorded")["url"], "https://h.example/items");
}

#[tokio::test]
async fn an_empty_token_or_a_missing_list_ends_quietly() {
    let bench = Bench::answering([page(json!([1]), json!("b")), page(json!(null), json!(""))]);
    let outcome = bench.run(step(), json!({})).await.expect("ok");
    assert_eq!(outcome.output["response"]["body"], json!([1]));
}

#[tokio::test]
async fn pages_end_at_the_stop_condition() {
    let mut step = step();
    step["pagination"]["page_token"] = json!("{{self.page}}");
    step["pagination"]["stop_when"] =
        json!({"operator": "$numberEquals", "variable": "{{self.page}}", "argument": 2});
    let bench = Bench::answering([page(json!([1]), json!(0)), page(json!([2]), json!(0))]);
    let outcome = bench.run(step, json!({})).await.expect("ok");
    assert_eq!(outcome.output["response"]["body"], json!([1, 2]));
    assert_eq!(outcome.output["hasMore"], false);
    assert_eq!(bench.seen()[1].url.query(), Some("cursor=1"));
}

#[tokio::test]
async fn pages_end_at_the_limit_and_say_that_there_are_more() {
    let mut of_step = step();
    of_step["pagination"]["pages_max"] = json!(2);
    let bench = Bench::answering([page(json!([1]), json!("b")), page(json!([2]), json!("c"))]);
    let outcome = bench.run(of_step, json!({})).await.expect("ok");
    assert_eq!((&outcome.output["pages"], &outcome.output["hasMore"]), (&json!(2), &json!(true)));

    let mut bench = Bench::answering([page(json!([1]), json!("b"))]);
    bench.limits.pages_max = 1;
    let outcome = bench.run(step(), json!({})).await.expect("ok");
    assert_eq!(outcome.output["pages"], 1);
}

#[tokio::test]
async fn a_test_run_reads_one_page() {
    let mut bench = Bench::answering([page(json!([1]), json!("b"))]);
    bench.is_test = true;
    let outcome = bench.run(step(), json!({})).await.expect("ok");
    assert_eq!((&outcome.output["pages"], &outcome.output["hasMore"]), (&json!(1), &json!(true)));
}

#[tokio::test]
async fn a_failed_page_keeps_what_was_read() {
    let bench = Bench::answering([
        page(json!([1, 2]), json!("b")),
        answer(429, &[("retry-after", "9"), ("content-type", "application/json")], r#"{"e":1}"#),
    ]);
    let failure = bench.run(step(), json!({})).await.expect_err("429");
    assert!(matches!(failure.class, FailureClass::Status { status: 429, retry_after: Some(_) }));
    assert_eq!(failure.message, "page 2: h.example answered 429");
    let output = failure.output.expect("kept");
    assert_eq!(output["response"]["body"], json!([1, 2]));
    assert_eq!(output["pages"], 1);
    assert_eq!(output["failedPage"]["page"], 2);
    assert_eq!(output["failedPage"]["response"]["body"], json!({"e": 1}));
    assert_eq!(failure.input.expect("recorded")["url"], "https://h.example/items?cursor=b");
}

#[tokio::test]
async fn a_token_that_does_not_change_is_an_error_and_not_an_endless_loop() {
    let bench = Bench::answering([page(json!([1]), json!("b")), page(json!([2]), json!("b"))]);
    let failure = bench.run(step(), json!({})).await.expect_err("a loop");
    assert_eq!((failure.code, failure.class), ("request_pagination", FailureClass::Permanent));
    assert_eq!(failure.output.expect("kept")["response"]["body"], json!([1, 2]));
}

#[tokio::test]
async fn items_that_are_no_array_are_an_error() {
    let bench = Bench::answering([page(json!({"a": 1}), json!("b"))]);
    let failure = bench.run(step(), json!({})).await.expect_err("no array");
    assert!(failure.message.contains("are an object, not an array"), "{}", failure.message);
}

#[tokio::test]
async fn all_pages_together_are_bounded() {
    let mut bench =
        Bench::answering([page(json!(["x"]), json!("b")), page(json!(["y"]), json!("c"))]);
    bench.limits.pages_bytes_max = 40;
    let failure = bench.run(step(), json!({})).await.expect_err("too large");
    assert_eq!((failure.code, failure.class), ("request_too_large", FailureClass::Permanent));
    assert_eq!(failure.output.expect("kept")["response"]["body"], json!(["x"]));
}
