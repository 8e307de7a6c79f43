//! The request step over the real way out.

use std::borrow::Cow;

use serde_json::{Value, json};
use tenon_exec::steps::request::{RequestCall, RequestLimits, TokenCache, run};
use tenon_exec::steps::{Failure, FailureClass, Outcome};
use tenon_expr::{EvalError, Reference, Scope, resolve_path};

use crate::server::{Connection, Server, egress, ok};

struct Values(Value);

impl Scope for Values {
    fn get(&self, reference: &Reference) -> Result<Option<Cow<'_, Value>>, EvalError> {
        let root = self.0.get(&reference.root);
        Ok(root.and_then(|value| resolve_path(value, &reference.path)).map(Cow::Borrowed))
    }
}

async fn run_step(step: Value, scope: Value) -> Result<Outcome, Failure> {
    let (egress, tokens, limits) = (egress(), TokenCache::new(), RequestLimits::default());
    let call = RequestCall {
        egress: &egress,
        tokens: &tokens,
        project: "0190b5e8-0000-7000-8000-000000000000".parse().expect("an id"),
        idempotency_key: "run:step",
        limits: &limits,
        is_test: false,
    };
    let step = serde_json::from_value(step).expect("a request step");
    run(&step, &Values(scope), &call).await
}

#[tokio::test]
async fn a_call_goes_out_and_its_answer_comes_back() {
    let server = Server::start(|_, mut connection: Connection| async move {
        let request = connection.request().await.expect("a request");
        connection.write(&ok(&request)).await;
    })
    .await;
    let step = json!({
        "method": "POST", "url": "{{trigger.base}}/users/{{trigger.id}}",
        "headers": {"X-One": "1"}, "body": {"json": {"a": "{{trigger.id}}"}}, "response": "text",
    });
    let scope = json!({"trigger": {"base": server.url(""), "id": "../x y"}});
    let outcome = run_step(step, scope).await.expect("answered");
    let seen = outcome.output["response"]["body"].as_str().expect("text");
    assert!(seen.starts_with("POST /users/..%2Fx%20y HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains("\r\nidempotency-key: run:step\r\n"), "{seen}");
    assert!(seen.ends_with("\r\n\r\n{\"a\":\"../x y\"}"), "{seen}");
}

#[tokio::test]
async fn pages_and_a_rate_limit_come_through_the_wire() {
    let server = Server::start(|_, mut connection: Connection| async move {
        while let Some(request) = connection.request().await {
            let answer = if request.starts_with("GET /?cursor=2 ") {
                b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n"
                    .to_vec()
            } else {
                let body = r#"{"items": [1], "next": 2}"#;
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
                format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
            };
            connection.write(&answer).await;
        }
    })
    .await;
    let step = json!({
        "url": server.url("/"), "query": {"cursor": "{{self.pageToken}}"},
        "pagination": {"page_token": "{{self.response.body.next}}", "items": "{{self.response.body.items}}"},
    });
    let failure = run_step(step, json!({})).await.expect_err("429");
    let retry_after = Some(std::time::Duration::from_secs(3));
    assert_eq!(failure.class, FailureClass::Status { status: 429, retry_after });
    assert_eq!(failure.output.expect("kept")["response"]["body"], json!([1]));
}

#[tokio::test]
async fn a_private_address_is_refused_for_good() {
    let step = json!({"url": "http://10.0.0.1/"});
    let failure = run_step(step, json!({})).await.expect_err("refused");
    assert_eq!((failure.code, failure.class), ("request_refused", FailureClass::Permanent));
}
