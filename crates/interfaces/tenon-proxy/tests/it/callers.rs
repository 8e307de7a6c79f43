//! Who may call, and with which account.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Method;
use serde_json::{Value, json};
use tenon_contract::plan::SigningKeyPlan;
use tenon_domain::IntegrationId;

use crate::stage::{Provider, Stage, json as answer_json};

async fn provider() -> Provider {
    Provider::new(|_| answer_json(200, "{}")).await
}

fn signed(key: &KeyPair, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", encode(&json!({ "alg": "RS256", "kid": "k" })), encode(claims));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .expect("signed");
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

#[tokio::test]
async fn a_users_token_speaks_for_that_user_alone() {
    let provider = provider().await;
    let stage = Stage::new(&provider).await;
    let key = KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let der = key.public_key().as_der().expect("it has one");
    let pem = STANDARD.encode(der.as_ref());
    stage.plans.project.lock().signing_keys = vec![SigningKeyPlan {
        id: "k".to_owned(),
        public_pem: format!("-----BEGIN PUBLIC KEY-----\n{pem}\n-----END PUBLIC KEY-----"),
    }];
    let call = async |claims: Value, user: &str| {
        let bearer = format!("Bearer {}", signed(&key, &claims));
        let headers = [("authorization", bearer.as_str()), ("x-tenon-user", user)];
        stage.client().call(Method::GET, &stage.own("a"), &headers, "").await.status
    };
    let good = json!({ "sub": "user-1", "exp": now() + 60 });
    assert_eq!(call(good.clone(), "").await, 200);
    assert_eq!(call(good, "somebody-else").await, 200, "the header is not heard");
    let stranger = json!({ "sub": "user-2", "exp": now() + 60 });
    assert_eq!(call(stranger, "user-1").await, 404, "user-2 has no account");
    assert_eq!(call(json!({ "sub": "user-1", "exp": now() - 120 }), "").await, 401);
    assert_eq!(call(json!({ "sub": "user-1" }), "").await, 401);
    assert_eq!(call(json!({ "sub": "disabled", "exp": now() + 60 }), "").await, 403);
    assert_eq!(provider.seen().len(), 2);
}

#[tokio::test]
async fn a_token_that_does_not_hold_calls_nobody() {
    let provider = provider().await;
    let stage = Stage::new(&provider).await;
    let [key, other] = [0, 1].map(|_| KeyPair::generate(KeySize::Rsa2048).expect("a key"));
    let der = key.public_key().as_der().expect("it has one");
    let pem = STANDARD.encode(der.as_ref());
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{pem}\n-----END PUBLIC KEY-----");
    stage.plans.project.lock().signing_keys =
        vec![SigningKeyPlan { id: "k".to_owned(), public_pem: pem.clone() }];
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({ "sub": "user-1", "exp": now() + 60 });
    let good = signed(&key, &claims);
    let (_, signature) = good.rsplit_once('.').expect("three parts");
    let head = encode(&json!({ "alg": "RS256", "kid": "k" }));
    let stranger = encode(&json!({ "sub": "user-2", "exp": now() + 60 }));
    let confused =
        format!("{}.{}", encode(&json!({ "alg": "HS256", "kid": "k" })), encode(&claims));
    let secret = hmac::Key::new(hmac::HMAC_SHA256, pem.as_bytes());
    let tag = URL_SAFE_NO_PAD.encode(hmac::sign(&secret, confused.as_bytes()));
    let custom = format!("/projects/{}/sdk/proxy/custom/{}/a", stage.project, stage.integration);
    for (what, token) in [
        ("another key", signed(&other, &claims)),
        ("claims of somebody else", format!("{head}.{stranger}.{signature}")),
        ("alg none", format!("{}.{}.", encode(&json!({ "alg": "none" })), encode(&claims))),
        ("the public key as a secret", format!("{confused}.{tag}")),
        ("nobody", signed(&key, &json!({ "exp": now() + 60 }))),
    ] {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("x-tenon-user", "user-1")];
        for path in [stage.own("a"), stage.sdk("a"), custom.clone()] {
            for method in [Method::GET, Method::POST, Method::DELETE] {
                let answer = stage.client().call(method.clone(), &path, &headers, "").await;
                assert_eq!(answer.status, 401, "{what}: {method} {path}");
            }
        }
    }
    assert!(provider.seen().is_empty());
    let bearer = format!("Bearer {good}");
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(stage.client().call(Method::GET, &stage.sdk("a"), &headers, "").await.status, 200);
    {
        let mut plan = stage.plans.project.lock();
        plan.signing_keys.clear();
        plan.revision += 1;
    }
    let revoked = stage.client().call(Method::GET, &stage.sdk("a"), &headers, "").await;
    assert_eq!(revoked.status, 401, "its key was revoked");
}

#[tokio::test]
async fn a_token_allows_what_its_permissions_say() {
    let provider = provider().await;
    let stage = Stage::new(&provider).await;
    let key = KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let der = key.public_key().as_der().expect("it has one");
    let pem = STANDARD.encode(der.as_ref());
    let connector = {
        let mut plan = stage.plans.project.lock();
        plan.signing_keys = vec![SigningKeyPlan {
            id: "k".to_owned(),
            public_pem: format!("-----BEGIN PUBLIC KEY-----\n{pem}\n-----END PUBLIC KEY-----"),
        }];
        plan.integrations[0].connector.clone()
    };
    let call = async |permissions: Value| {
        let claims = json!({
            "sub": "user-1", "exp": now() + 60, "urn:useparagon:connect:permissions": permissions,
        });
        let bearer = format!("Bearer {}", signed(&key, &claims));
        let headers = [("authorization", bearer.as_str())];
        stage.client().call(Method::GET, &stage.sdk("a"), &headers, "").await
    };
    let named = format!("integration:{connector}");
    assert_eq!(call(json!({ "integration:*": true })).await.status, 200);
    assert_eq!(call(json!({ "integration:*": false, named.clone(): ["proxy"] })).await.status, 200);
    for refused in [
        json!({}),
        json!({ "integration:*": true, named: false }),
        json!({ "integration:*": ["event"] }),
        json!({ "integration:*": true, "credential:*": false }),
    ] {
        let answer = call(refused.clone()).await;
        assert_eq!(answer.status, 403, "{refused}");
        let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(body["code"], "7210", "the SDK keeps its user signed in");
    }
    assert_eq!(provider.seen().len(), 2, "what is refused costs no request");
}

#[tokio::test]
async fn a_caller_without_a_good_key_is_turned_away() {
    let provider = provider().await;
    let stage = Stage::new(&provider).await;
    for (authorization, user, status) in [
        ("", "user-1", 401),
        ("Bearer wrong", "user-1", 401),
        ("Basic dG5uOng=", "user-1", 401),
        ("Bearer a.b.c", "user-1", 401),
        ("Bearer tnn_test_key", "", 400),
        ("Bearer tnn_test_key", "disabled", 403),
        ("Bearer tnn_test_key", "unknown", 404),
    ] {
        let headers = [("authorization", authorization), ("x-tenon-user", user)];
        for path in [stage.own("a"), stage.sdk("a")] {
            let answer = stage.client().call(Method::GET, &path, &headers, "").await;
            assert_eq!(answer.status, status, "{authorization} {user} {path}");
        }
    }
    let elsewhere = stage.own("a").replace(&stage.project.to_string(), &uuid());
    assert_eq!(stage.client().get(&elsewhere).await.status, 401, "as if the key were wrong");
    assert!(provider.seen().is_empty());
}

fn uuid() -> String {
    IntegrationId::new().to_string()
}

#[tokio::test]
async fn the_oldest_account_is_used_unless_another_is_named() {
    let provider = provider().await;
    let stage = Stage::new(&provider).await;
    let second = stage.credentials[1].to_string();
    for (name, wanted, status) in [
        ("x-paragon-credential", second.as_str(), 200),
        ("x-tenon-credential", "account-1", 200),
        ("x-paragon-credential", "ext:account-1", 200),
        ("x-tenon-credential", "ext:unknown", 404),
        ("x-tenon-credential", &uuid(), 404),
    ] {
        let answer = stage.client().call(Method::GET, &stage.own("a"), &[(name, wanted)], "").await;
        assert_eq!(answer.status, status, "{wanted}");
    }
    assert_eq!(provider.seen().len(), 3);
}

#[tokio::test]
async fn integrations_are_found_by_name_and_custom_ones_by_id_too() {
    let provider = provider().await;
    let stage = Stage::new(&provider).await;
    let prefix = format!("/projects/{}/sdk/proxy", stage.project);
    let status = async |path: &str| stage.client().get(&format!("{prefix}/{path}")).await.status;
    assert_eq!(status("unknown/a").await, 404);
    assert_eq!(status("other/a").await, 409, "it is switched off");
    assert_eq!(status(&format!("custom/{}/a", stage.integration)).await, 404, "it is not custom");
    stage.plans.project.lock().integrations[0].connector = "custom.crm".to_owned();
    assert_eq!(status(&format!("custom/{}/a", stage.integration)).await, 200);
    assert_eq!(status("custom.crm/a").await, 200);
    assert_eq!(provider.seen().len(), 2);
}

#[tokio::test]
async fn browsers_may_call_from_anywhere() {
    let provider = provider().await;
    let stage = Stage::new(&provider).await;
    let headers = [
        ("authorization", ""),
        ("origin", "https://app.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,x-paragon-credential"),
    ];
    let answer = stage.client().call(Method::OPTIONS, &stage.sdk("a"), &headers, "").await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(
        answer.header("access-control-allow-headers"),
        Some("authorization,x-paragon-credential")
    );
    assert!(provider.seen().is_empty());
    let headers = [("origin", "https://app.example")];
    let answer = stage.client().call(Method::GET, &stage.sdk("a"), &headers, "").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(provider.only().header("origin"), None);
}
