//! `/proxy-calls`.

use std::time::Duration;

use serde_json::Value;
use tenon_domain::EndUserId;
use tenon_exec::ports::calls::ProxyCall;

use super::fakes::{at, call};
use super::{Bench, problem};

fn numbers(body: &Value) -> Vec<u64> {
    let calls = body["calls"].as_array().expect("there are calls");
    calls.iter().map(|call| call["attempts"].as_u64().expect("a number")).collect()
}

#[tokio::test]
async fn a_call_is_shown_in_full() {
    let bench = Bench::new();
    bench.world.add_call(ProxyCall {
        status: 502,
        problem: Some("provider_unreachable".to_owned()),
        duration: Duration::from_micros(12_345),
        is_complete: false,
        ..call(1)
    });
    insta::assert_json_snapshot!(bench.get("/proxy-calls").await.1, @r#"
    {
      "calls": [
        {
          "id": "09000000-0000-4000-8000-000000000001",
          "user": "user-17",
          "integration_id": "07000000-0000-4000-8000-000000000001",
          "credential_id": "08000000-0000-4000-8000-000000000001",
          "method": "POST",
          "host": "api.example.com",
          "path": "/v1/things",
          "status": 502,
          "problem": "provider_unreachable",
          "started_at": "2026-03-01T08:00:01Z",
          "duration_ms": 12.345,
          "request_bytes": 11,
          "response_bytes": 22,
          "complete": false,
          "attempts": 1
        }
      ],
      "next": null
    }
    "#);
}

#[tokio::test]
async fn the_client_reads_what_is_shown() {
    let bench = Bench::new();
    bench.world.add_call(call(3));
    let (_, body) = bench.get("/proxy-calls").await;
    let list: tenon_client::ProxyCallList = serde_json::from_value(body).expect("it fits");
    assert_eq!((list.calls[0].attempts, list.calls[0].status), (3, 200));
    assert_eq!(list.next, None);
}

#[tokio::test]
async fn pages_hold_every_call_once_newest_first() {
    let bench = Bench::new();
    (1..=5).for_each(|number| bench.world.add_call(call(number)));
    let (_, first) = bench.get("/proxy-calls?limit=2").await;
    assert_eq!(numbers(&first), [5, 4]);
    let next = first["next"].as_str().expect("there is more");
    let (_, second) = bench.get(&format!("/proxy-calls?limit=3&cursor={next}")).await;
    assert_eq!(numbers(&second), [3, 2, 1]);
    assert_eq!(second["next"], Value::Null);
}

#[tokio::test]
async fn filters_are_handed_on() {
    let bench = Bench::new();
    let others = [
        ProxyCall { user: Some(EndUserId::new("user-2")), ..call(1) },
        ProxyCall { integration: None, ..call(2) },
        ProxyCall { status: 404, ..call(3) },
        call(4),
    ];
    others.into_iter().for_each(|call| bench.world.add_call(call));
    let integration = call(4).integration.expect("it has one");
    let all = async |query: &str| numbers(&bench.get(&format!("/proxy-calls?{query}")).await.1);
    assert_eq!(all("user=user-2").await, [1]);
    assert_eq!(all(&format!("integration={integration}")).await, [4, 3, 1]);
    assert_eq!(all("status=4xx").await, [3]);
    assert_eq!(all(&format!("since={}", at(3))).await, [4, 3]);
    assert_eq!(all(&format!("status=2xx&user=user-17&integration={integration}")).await, [4]);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let bench = Bench::new();
    for query in ["status=200", "status=1xx", "since=yesterday", "cursor=x", "limit=0", "x=1"] {
        let answer = bench.get(&format!("/proxy-calls?{query}")).await;
        problem(answer, 400, "invalid_query");
    }
}
