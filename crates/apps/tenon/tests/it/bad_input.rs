//! Input that is broken, hostile or strange: a clear problem with a code that has a page,
//! nothing half-done, and other callers unaffected.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::product::{Product, answer, fresh_name, text_of};

/// The largest body that is read of those that are too large, in bytes: the limit of 10 MB, and
/// what lies in the buffers of both sides.
const READ_BYTES_MAX: usize = 40 << 20;

/// Sends a body as JSON; answers status and problem.
async fn send(product: &Product, body: impl Into<reqwest::Body>) -> (StatusCode, Value) {
    let call = product.call(Method::POST, "/events");
    answer(call.header("content-type", "application/json").body(body)).await
}

fn check(status: StatusCode, problem: &Value, expected: u16, code: &str) {
    assert_eq!((status.as_u16(), problem["code"].as_str()), (expected, Some(code)), "{problem:#}");
    assert_eq!(problem["status"], expected);
    assert!(problem["title"].is_string(), "{problem:#}");
    has_page(code);
}

fn has_page(code: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/errors");
    assert!(folder.join(format!("{code}.md")).is_file(), "`{code}` has no page in docs/errors");
}

async fn refused(body: impl Into<reqwest::Body>, expected: u16, code: &str) {
    let product = Product::shared();
    let (status, problem) = send(&product, body).await;
    check(status, &problem, expected, code);
}

#[tokio::test]
async fn malformed_json_is_refused() {
    refused("{\"name\": \"x\",", 400, "json_syntax").await;
}

#[tokio::test]
async fn something_after_the_json_is_refused() {
    refused("{\"name\": \"x\"} {}", 400, "json_trailing_data").await;
}

#[tokio::test]
async fn an_unknown_field_is_refused() {
    refused("{\"name\": \"x\", \"paylod\": 1}", 422, "unknown_field").await;
}

#[tokio::test]
async fn a_field_of_another_type_is_refused() {
    refused("{\"name\": 7}", 422, "invalid_field").await;
}

#[tokio::test]
async fn a_missing_body_is_refused() {
    refused("", 400, "body_missing").await;
}

#[tokio::test]
async fn a_name_that_occurs_twice_is_refused() {
    refused("{\"name\": \"x\", \"payload\": {\"a\": 1, \"a\": 2}}", 400, "json_duplicate_key")
        .await;
}

#[tokio::test]
async fn nan_is_refused() {
    refused("{\"name\": \"x\", \"payload\": NaN}", 400, "json_invalid_number").await;
}

#[tokio::test]
async fn a_number_that_no_double_holds_is_refused() {
    refused("{\"name\": \"x\", \"payload\": 1e999}", 400, "json_invalid_number").await;
}

#[tokio::test]
async fn bad_utf8_is_refused() {
    let body = b"{\"name\": \"x\", \"payload\": \"\xff\xfe\"}".to_vec();
    refused(body, 400, "json_invalid_utf8").await;
}

#[tokio::test]
async fn a_depth_bomb_is_refused() {
    let body = format!("{{\"name\": \"x\", \"payload\": {}}}", "[".repeat(1 << 20));
    refused(body, 400, "json_too_deep").await;
}

#[tokio::test]
async fn a_depth_bomb_is_refused_by_a_request_trigger() {
    let product = Product::shared();
    let name = fresh_name();
    let steps = json!([{ "id": "only", "type": "delay", "seconds": 0 }]);
    let triggers = json!([{ "type": "request" }]);
    product.apply(&crate::product::document(&name, triggers, steps)).await;
    let call = product.call(Method::POST, &format!("/triggers/{name}"));
    let call = call.header("content-type", "application/json").body("{\"a\":".repeat(100_000));
    let (status, problem) = answer(call).await;
    check(status, &problem, 400, "json_too_deep");
}

#[tokio::test]
async fn a_depth_bomb_in_a_workflow_document_is_refused() {
    let product = Product::shared();
    for text in ["[".repeat(200_000), "a: ".to_owned() + &"{a: ".repeat(50_000)] {
        let body = json!({ "documents": [{ "file": "bomb.yaml", "text": text }] });
        let (status, problem) = product.post("/workflows/apply", &body).await;
        check(status, &problem, 422, "invalid_document");
    }
}

#[tokio::test]
async fn another_content_type_is_refused() {
    let product = Product::shared();
    let call = product.call(Method::POST, "/events");
    let call = call.header("content-type", "text/plain").body("{\"name\": \"x\"}");
    let (status, problem) = answer(call).await;
    check(status, &problem, 415, "unsupported_media_type");
}

#[tokio::test]
async fn another_method_is_refused() {
    let product = Product::shared();
    let (status, problem) = answer(product.call(Method::PATCH, "/events")).await;
    check(status, &problem, 405, "method_not_allowed");
}

#[tokio::test]
async fn a_path_without_a_route_is_not_there() {
    let product = Product::shared();
    let (status, problem) = product.get("/nothing-here").await;
    check(status, &problem, 404, "not_found");
}

#[tokio::test]
async fn a_query_that_is_not_known_is_refused() {
    let product = Product::shared();
    let (status, problem) = product.get("/runs?limitt=3").await;
    check(status, &problem, 400, "invalid_query");
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let mut product = Product::shared();
    product.key.push('x');
    let (status, problem) = product.post("/events", &json!({ "name": "x" })).await;
    check(status, &problem, 401, "unauthorized");
}

#[tokio::test]
async fn control_characters_in_names_are_refused() {
    let product = Product::shared();
    let (status, problem) = product.post("/events", &json!({ "name": "a\u{0}b" })).await;
    check(status, &problem, 422, "invalid_field");
    let body = json!({ "name": "x", "user": "a\u{0}b" });
    let (status, problem) = product.post("/events", &body).await;
    check(status, &problem, 422, "invalid_field");
}

/// Runs one step over a payload; answers what was stored of it and what the step saw.
async fn stored(payload: &Value) -> (Value, Value) {
    let product = Product::shared();
    let steps = json!([{
        "id": "same", "type": "function", "parameters": { "value": "{{trigger.event}}" },
        "code": "function run({ value }) { return value; }",
    }]);
    let run = product.run(steps, payload.clone()).await;
    assert_eq!(run["status"], "succeeded", "{run:#}");
    let run = text_of(&run["id"]);
    let (_, input) = product.get(&format!("/runs/{run}/input")).await;
    let output = product.value(&run, "same", "output").await;
    (input["event"].clone(), output["result"].clone())
}

#[tokio::test]
async fn nul_characters_are_stored_and_read_back() {
    let payload = json!({ "a\u{0}b": ["\u{0}", "x\u{0}\u{0}y"] });
    assert_eq!(stored(&payload).await, (payload.clone(), payload));
}

#[tokio::test]
async fn text_of_every_kind_is_stored_and_read_back() {
    let payload = json!({ "text": "\u{7f}\u{85}\u{2028}\u{feff}\u{fffd}😀\u{10ffff}\\u0000\"" });
    assert_eq!(stored(&payload).await, (payload.clone(), payload));
}

#[tokio::test]
async fn numbers_at_the_limits_of_doubles_are_stored_and_read_back() {
    let payload = json!([1.7976931348623157e308, 5e-324, -0.5, 9_007_199_254_740_991_i64]);
    assert_eq!(stored(&payload).await, (payload.clone(), payload));
}

/// A connection with the head of a POST of an event on it.
async fn open(product: &Product, headers: &str) -> TcpStream {
    let address = product.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let head = format!(
        "POST /api/v1/projects/{}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\n{headers}\r\n",
        product.project, product.key,
    );
    stream.write_all(head.as_bytes()).await.expect("the head is taken");
    stream
}

/// Reads an answer up to its end or the end of the connection.
async fn read_answer(reader: &mut (impl AsyncReadExt + Unpin)) -> (StatusCode, Value) {
    let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
    let problem = loop {
        let read = reader.read(&mut buffer).await.unwrap_or(0);
        text.extend_from_slice(&buffer[..read]);
        let shown = String::from_utf8_lossy(&text).into_owned();
        let body = shown.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
        if let Some(problem) = body.and_then(|body| serde_json::from_str(&body).ok()) {
            break problem;
        }
        assert!(read > 0, "the connection ended without an answer: {shown:?}");
    };
    let status = String::from_utf8_lossy(&text).split(' ').nth(1).map(str::to_owned);
    let status = status.and_then(|status| status.parse::<u16>().ok()).expect("a status line");
    (StatusCode::from_u16(status).expect("a status"), problem)
}

async fn neighbour_is_served(product: &Product) {
    let begun = Instant::now();
    let (status, _) = product.post("/events", &json!({ "name": "nobody-listens" })).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert!(begun.elapsed() < Duration::from_secs(3), "it took {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_body_that_announces_200_mb_is_refused_before_it_comes() {
    let product = Product::shared();
    let mut stream = open(&product, "Content-Length: 209715200\r\n").await;
    let (status, problem) = read_answer(&mut stream).await;
    check(status, &problem, 413, "body_too_large");
}

#[tokio::test]
async fn a_streamed_body_of_200_mb_is_refused_before_it_is_read_whole() {
    let product = Product::shared();
    let stream = open(&product, "Transfer-Encoding: chunked\r\n").await;
    let (mut reader, mut writer) = stream.into_split();
    let mut sent = 0;
    let sending = async {
        let chunk = format!("{:x}\r\n{}\r\n", 1 << 16, " ".repeat(1 << 16));
        while sent < 200 << 20 && writer.write_all(chunk.as_bytes()).await.is_ok() {
            sent += 1 << 16;
        }
        std::future::pending::<()>().await;
    };
    let (status, problem) = tokio::select! {
        () = sending => unreachable!("it never ends"),
        answered = read_answer(&mut reader) => answered,
    };
    check(status, &problem, 413, "body_too_large");
    assert!(sent < READ_BYTES_MAX, "{sent} bytes were taken");
}

#[tokio::test]
async fn neighbours_are_served_while_large_bodies_stream_in() {
    let product = Product::shared();
    let mut streams = Vec::new();
    for _ in 0..4 {
        let mut stream = open(&product, "Content-Length: 10000000\r\n").await;
        stream.write_all(" ".repeat(9_000_000).as_bytes()).await.expect("the body is taken");
        streams.push(stream);
    }
    neighbour_is_served(&product).await;
}

#[tokio::test]
async fn a_slow_body_is_given_up_and_neighbours_are_served() {
    let product = Product::own(&[("TENON_HTTP__BODY_TIMEOUT_MS", "600")]);
    let stream = open(&product, "Content-Length: 1000\r\n").await;
    let (mut reader, mut writer) = stream.into_split();
    let dripping = async {
        while writer.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        std::future::pending::<()>().await;
    };
    let answered = async {
        neighbour_is_served(&product).await;
        read_answer(&mut reader).await
    };
    let (status, problem) = tokio::select! {
        () = dripping => unreachable!("it never ends"),
        answered = answered => answered,
    };
    check(status, &problem, 408, "body_timeout");
}

#[tokio::test]
async fn a_body_that_breaks_off_starts_nothing() {
    let product = Product::shared();
    let steps = json!([{ "id": "only", "type": "delay", "days": 1 }]);
    let event = product.deploy(steps).await;
    let body = json!({ "name": event }).to_string();
    let mut stream = open(&product, &format!("Content-Length: {}\r\n", body.len() + 1)).await;
    stream.write_all(body.as_bytes()).await.expect("the body is taken");
    drop(stream);
    neighbour_is_served(&product).await;
    let witness = product.fire(&event, json!({})).await;
    let (_, witness) = product.get(&format!("/runs/{}", witness[0])).await;
    let workflow = text_of(&witness["workflow_id"]);
    let (_, page) = product.get(&format!("/runs?workflow={workflow}")).await;
    assert_eq!(page["runs"].as_array().map(Vec::len), Some(1), "{page:#}");
}
