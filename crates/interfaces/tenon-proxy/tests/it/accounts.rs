//! Tokens that the provider refuses, and accounts that are not ready.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::join_all;
use http::Method;
use tenon_proxy::ports::NotReady;

use crate::stage::{Provider, Seen, Stage, json};

/// Takes tokens from `token-<first>` on.
async fn taking_from(first: u32) -> Provider {
    Provider::new(move |seen: &Seen| {
        let token = seen.header("authorization").and_then(|value| value.rsplit('-').next());
        let version: u32 = token.and_then(|version| version.parse().ok()).unwrap_or(0);
        if version >= first { json(200, "{}") } else { json(401, "{\"error\":\"expired\"}") }
    })
    .await
}

#[tokio::test]
async fn a_refused_token_is_renewed_and_the_call_made_again() {
    let provider = taking_from(2).await;
    let stage = Stage::new(&provider).await;
    let answer = stage.client().call(Method::POST, &stage.own("a"), &[], "content").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("x-tenon-credential"), None);
    let seen = provider.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|seen| seen.body == "content"), "the body went out twice");
    assert_eq!(stage.calls.only().await.attempts, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_with_a_refused_token_renew_it_once() {
    let provider = taking_from(2).await;
    let stage = Stage::new(&provider).await;
    let client = stage.client();
    let path = stage.own("a");
    let answers = join_all((0..64).map(|_| client.get(&path))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(stage.accounts.renewals.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_token_that_is_refused_twice_is_reported_and_the_401_passed_on() {
    let provider = taking_from(9).await;
    let stage = Stage::new(&provider).await;
    let answer = stage.client().get(&stage.own("a")).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.json()["error"], "expired");
    assert_eq!(answer.header("x-tenon-source"), Some("provider"));
    assert_eq!(answer.header("x-tenon-credential"), Some("refused"));
    assert_eq!(stage.accounts.reported_dead.load(Ordering::SeqCst), 1);
    assert_eq!(provider.seen().len(), 2);
}

#[tokio::test]
async fn a_body_that_streams_is_not_sent_twice_but_the_token_is_renewed() {
    let provider = taking_from(2).await;
    let stage = Stage::new(&provider).await;
    let body = vec![b'x'; 100 << 10];
    let client = stage.client();
    let answer = client.call(Method::POST, &stage.own("a"), &[], body.clone()).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("x-tenon-credential"), Some("renewed"));
    let answer = client.call(Method::POST, &stage.own("a"), &[], body).await;
    assert_eq!(answer.status, 200);
    assert_eq!(provider.seen().len(), 2);
}

#[tokio::test]
async fn an_account_that_is_not_ready_costs_no_request() {
    let provider = taking_from(1).await;
    let stage = Stage::new(&provider).await;
    let source = || std::io::Error::other("secret cause").into();
    let cases = [
        (NotReady::Dead { reason: "the user revoked it".to_owned() }, 409, "credential_invalid"),
        (
            NotReady::Misconfigured { reason: "no client".to_owned() },
            409,
            "integration_misconfigured",
        ),
        (NotReady::Inactive, 409, "integration_inactive"),
        (
            NotReady::Temporary { retry_after: Duration::from_secs(7) },
            503,
            "credential_not_renewed",
        ),
        (NotReady::Gone, 404, "no_account"),
        (NotReady::Away(source()), 503, "unavailable"),
        (NotReady::Broken(source()), 500, "internal"),
    ];
    for (error, status, code) in cases {
        let says = error.to_string();
        *stage.accounts.not_ready.lock() = Some(error);
        let answer = stage.client().get(&stage.own("a")).await;
        assert_eq!(answer.status, status, "{says}");
        assert_eq!(answer.json()["code"], code, "{says}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("secret cause"));
    }
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn the_sdk_sees_a_dead_account_as_an_integration_error() {
    let provider = taking_from(1).await;
    let stage = Stage::new(&provider).await;
    *stage.accounts.not_ready.lock() = Some(NotReady::Dead { reason: "it was revoked".to_owned() });
    let answer = stage.client().get(&stage.sdk("a")).await;
    let body = answer.json();
    assert_eq!((answer.status.as_u16(), body["status"].as_u64()), (409, Some(409)));
    assert_eq!(body["meta"]["isIntegrationError"], true);
    assert_eq!(body["code"], "credential_invalid");
    assert_eq!(body["meta"]["message"], body["message"], "the SDK shows no other text");
    assert!(body["message"].as_str().is_some_and(|text| text.contains("it was revoked")));
}

#[tokio::test]
async fn a_token_that_turns_out_dead_while_renewing_says_so() {
    let provider = taking_from(9).await;
    let stage = Stage::new(&provider).await;
    *stage.accounts.not_renewed.lock() =
        Some(NotReady::Dead { reason: "invalid_grant".to_owned() });
    let answer = stage.client().get(&stage.own("a")).await;
    assert_eq!(answer.status, 409);
    assert_eq!(answer.json()["code"], "credential_invalid");
    *stage.accounts.not_renewed.lock() =
        Some(NotReady::Temporary { retry_after: Duration::from_secs(1) });
    let answer = stage.client().get(&stage.own("a")).await;
    assert_eq!(answer.status, 401, "the provider's own answer is passed on");
    assert_eq!(answer.header("x-tenon-credential"), Some("refused"));
}
