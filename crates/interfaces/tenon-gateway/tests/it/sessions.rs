//! Tokens of connected users on the routes of the SDK: those that hold, and all the others.

use aws_lc_rs::hmac;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, Request};
use serde_json::{Value, json};
use tenon_contract::plan::{ApiKeyDigest, PlanCache, SigningKeyPlan};
use tenon_domain::{ApiKeyId, ProjectId};

use crate::rig::{KEY, Rig, SIGNERS, unsigned};

/// Tokens that must not hold, with what is wrong with each.
fn bad_tokens(rig: &Rig) -> Vec<(&'static str, String)> {
    let rs256 = json!({ "alg": "RS256", "typ": "JWT" });
    let good = rig.claims(&json!({}));
    let own = &SIGNERS.0;
    let valid = own.sign(&rs256, &good);
    let (head, signature) = valid.rsplit_once('.').expect("three parts");
    let other_claims = rig.claims(&json!({ "sub": "bob" }));
    let forged = format!("{}.{signature}", unsigned(&rs256, &other_claims));
    // The public key as the secret of an HMAC: who takes the algorithm from the token believes it.
    let confused = unsigned(&json!({ "alg": "HS256", "typ": "JWT" }), &good);
    let key = hmac::Key::new(hmac::HMAC_SHA256, own.pem.as_bytes());
    let tag = hmac::sign(&key, confused.as_bytes());
    let past = json!({ "exp": 1_000 });
    vec![
        ("forged claims", forged),
        ("another project's key", SIGNERS.1.sign(&rs256, &good)),
        ("expired", own.sign(&rs256, &rig.claims(&past))),
        ("no exp", own.sign(&rs256, &json!({ "sub": "ada" }))),
        ("no subject", own.sign(&rs256, &rig.claims(&json!({ "sub": null })))),
        ("alg none", format!("{}.", unsigned(&json!({ "alg": "none" }), &good))),
        ("alg none with a signature", own.sign(&json!({ "alg": "none" }), &good)),
        ("HS256 with the public key", format!("{confused}.{}", URL_SAFE_NO_PAD.encode(tag))),
        ("unknown kid", own.sign(&json!({ "alg": "RS256", "kid": "b" }), &good)),
        ("cut", head.to_owned()),
        ("an API key", KEY.to_owned()),
        (
            "permissions that cannot be read",
            own.sign(
                &rs256,
                &rig.claims(&json!({ "urn:useparagon:connect:permissions": { "all": true } })),
            ),
        ),
    ]
}

#[tokio::test]
async fn tokens_that_do_not_hold_are_refused_on_every_route() {
    let rig = Rig::new().await;
    for (what, token) in bad_tokens(&rig) {
        for answer in [rig.event(&token, &[]).await, rig.request(&token, "plain", &[]).await] {
            assert_eq!(answer.status, 401, "{what}");
            assert_eq!(answer.body["code"], "unauthorized", "{what}");
            assert_eq!(answer.headers["access-control-allow-origin"], "*", "{what}");
        }
    }
    assert!(rig.running().await.is_empty());
}

#[tokio::test]
async fn a_token_is_for_the_project_whose_key_signed_it() {
    let rig = Rig::new().await;
    // A project of somebody else, with a user of the same name.
    let mut other = rig.project.clone();
    other.project = ProjectId::new();
    other.api_keys = vec![ApiKeyDigest::of(ApiKeyId::new(), "tenon_other")];
    let public_pem = SIGNERS.1.pem.clone();
    other.signing_keys = vec![SigningKeyPlan { id: "a".to_owned(), public_pem }];
    rig.plans.put_project(&other).await.expect("in memory");
    let token = rig.token(Value::Null);
    assert_eq!(rig.event(&token, &[]).await.status, 202);
    let before = rig.running().await.len();
    for project in [other.project.to_string(), ProjectId::new().to_string(), "nonsense".to_owned()]
    {
        for path in [
            format!("/v2/projects/{project}/sdk/events/trigger"),
            format!("/projects/{project}/sdk/events/trigger"),
            format!("/projects/{project}/sdk/triggers/plain"),
        ] {
            let answer = rig.post(&path, &token, &[], &json!({ "name": "created" })).await;
            assert_eq!(answer.status, 401, "{path}: {}", answer.body);
        }
    }
    assert_eq!(rig.running().await.len(), before);
}

#[tokio::test]
async fn a_key_that_was_taken_away_ends_the_sessions_that_it_signed() {
    let mut rig = Rig::new().await;
    let token = rig.token(Value::Null);
    assert_eq!(rig.event(&token, &[]).await.status, 202);
    rig.change(|plan| plan.signing_keys.clear()).await;
    assert_eq!(rig.event(&token, &[]).await.status, 401);
}

#[tokio::test]
async fn a_users_token_is_no_api_key() {
    let rig = Rig::new().await;
    let token = rig.token(Value::Null);
    for path in ["events", "triggers/plain"] {
        let path = format!("/api/v1/projects/{}/{path}", rig.id());
        let answer = rig.post(&path, &token, &[], &json!({ "name": "created" })).await;
        assert_eq!(answer.status, 401, "{path}");
    }
    assert!(rig.running().await.is_empty());
}

#[tokio::test]
async fn pages_of_any_origin_may_ask_and_send() {
    let rig = Rig::new().await;
    for path in ["sdk/events/trigger", "sdk/triggers/plain"] {
        let request = Request::builder()
            .method(Method::OPTIONS)
            .uri(format!("/projects/{}/{path}", rig.id()))
            .header("origin", "https://app.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,x-paragon-sdk-version,x-own")
            .body(Body::empty())
            .expect("a request");
        let answer = rig.send(request).await;
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.headers["access-control-allow-origin"], "*");
        let allowed = &answer.headers["access-control-allow-headers"];
        assert_eq!(allowed, "authorization,x-paragon-sdk-version,x-own");
    }
    assert!(rig.running().await.is_empty(), "asking runs nothing");
}
