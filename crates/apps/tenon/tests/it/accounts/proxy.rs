//! Calls through the proxy, by both of its routes.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::stage::Stage;
use crate::product::{answer, text_of};

/// A token is not renewed because of a 401 while it is younger than this.
const PAUSE: Duration = Duration::from_millis(5_300);

/// A token of a user, signed as the builder's backend does.
pub fn user_token(key: &Value, user: &str) -> String {
    let pem = text_of(&key["private_key"]);
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(body).expect("PEM holds base64");
    let pair = RsaKeyPair::from_pkcs8(&der).expect("PKCS#8");
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = json!({ "alg": "RS256", "typ": "JWT", "kid": key["id"] });
    let now = jiff::Timestamp::now().as_second();
    let claims = json!({ "sub": user, "iat": now, "exp": now + 300 });
    let text = format!("{}.{}", encode(&head), encode(&claims));
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .expect("it can sign");
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test]
async fn the_own_route_calls_with_the_credential_and_not_with_the_callers_key() {
    let stage = Stage::shared().await;
    stage.connect(&stage.user).await;
    let token = stage.provider.last_token("/me");
    let call = stage
        .proxy_call(Method::POST, "/orders/a%20b?limit=10&x=%2F")
        .header("x-tenon-user", &stage.user)
        .header("cookie", "session=own")
        .header("x-request", "kept")
        .json(&json!({ "item": 1 }));
    let response = call.send().await.expect("the product answers");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["x-tenon-source"], "provider");

    let calls = stage.provider.api.calls();
    let seen = calls.last().expect("it was called");
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/orders/a%20b"));
    assert_eq!((seen.query.as_str(), &seen.body), ("limit=10&x=%2F", &json!({ "item": 1 })));
    assert_eq!(seen.header("authorization"), format!("Bearer {token}"));
    assert_eq!((seen.header("cookie"), seen.header("x-request")), ("", "kept"));
    let heads = format!("{:?}", seen.headers);
    assert!(!heads.contains(&stage.product.key), "the caller's key went to the provider");
    assert_eq!(seen.header("x-tenon-user"), "");
}

#[tokio::test]
async fn each_call_is_in_the_log_without_its_query() {
    let stage = Stage::shared().await;
    stage.connect(&stage.user).await;
    let call = stage
        .proxy_call(Method::POST, "/orders/17?token=not-to-be-kept")
        .header("x-tenon-user", &stage.user)
        .json(&json!({ "item": 1 }));
    assert_eq!(call.send().await.expect("the product answers").status(), StatusCode::OK);
    let path = format!("/proxy-calls?user={}", stage.user);
    let give_up = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let page = loop {
        let (status, page) = stage.product.get(&path).await;
        assert_eq!(status, StatusCode::OK, "{page:#}");
        if page["calls"].as_array().is_some_and(|calls| !calls.is_empty()) {
            break page;
        }
        assert!(std::time::Instant::now() < give_up, "the call is not in the log");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    let logged = &page["calls"][0];
    assert_eq!((&logged["method"], &logged["status"]), (&json!("POST"), &json!(200)), "{page:#}");
    assert_eq!((&logged["path"], &logged["attempts"]), (&json!("/orders/17"), &json!(1)));
    assert_eq!((&logged["complete"], &logged["problem"]), (&json!(true), &json!(null)));
    assert!(!page.to_string().contains("not-to-be-kept"), "{page:#}");
}

#[tokio::test]
async fn the_sdk_route_takes_a_users_signed_token() {
    let stage = Stage::shared().await;
    stage.connect(&stage.user).await;
    let (status, key) = stage.product.post("/signing-keys", &json!({})).await;
    assert_eq!(status, StatusCode::CREATED, "{key:#}");
    let call = async |bearer: &str, path: &str| {
        let Stage { product, connector, .. } = &stage;
        let url =
            format!("{}/projects/{}/sdk/proxy/{connector}/{path}", product.base, product.project);
        answer(product.http.get(url).bearer_auth(bearer)).await
    };
    let jwt = user_token(&key, &stage.user);
    let (status, wrapped) = call(&jwt, "things/7?a=1").await;
    assert_eq!(status, StatusCode::OK, "{wrapped:#}");
    assert_eq!(wrapped, json!({ "output": { "path": "/things/7", "query": "a=1" } }));
    let (status, failed) = call(&jwt, "broken").await;
    assert_eq!(
        (status, &failed["code"]),
        (StatusCode::INTERNAL_SERVER_ERROR, &"provider_error".into())
    );
    assert_eq!(failed["meta"]["isIntegrationError"], true);

    let seen = stage.provider.api.calls();
    assert!(seen.iter().all(|call| !format!("{:?}", call.headers).contains(&jwt)));
    let (status, _) = call(&user_token(&key, "somebody-else"), "things/7").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "another user has no account");
    let forged = format!("{}x", &jwt[..jwt.len() - 1]);
    assert_eq!(call(&forged, "things/7").await.0, StatusCode::UNAUTHORIZED);

    let path = format!("/signing-keys/{}", text_of(&key["id"]));
    let (status, _) = answer(stage.product.call(Method::DELETE, &path)).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(call(&jwt, "things/7").await.0, StatusCode::UNAUTHORIZED, "the key is revoked");
    assert_eq!(stage.provider.api.calls().len(), seen.len(), "nothing more went out");
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_however_many_call() {
    let stage = Stage::shared().await;
    stage.connect(&stage.user).await;
    let first = stage.provider.last_token("/me");
    tokio::time::sleep(PAUSE).await;
    stage.provider.refuse(&first);
    let answers = join_all((0..16).map(|_| stage.proxied(&stage.user, "/things/7"))).await;
    for (status, answered) in answers {
        assert_eq!(status, StatusCode::OK, "{answered:#}");
        assert_eq!(answered["path"], "/things/7");
    }
    let counters = stage.provider.counters();
    assert_eq!((counters.refreshes, counters.family_revocations), (1, 0));
    assert_ne!(stage.provider.last_token("/things/7"), first);
}

#[tokio::test]
async fn a_disconnected_account_is_gone_from_the_provider_and_from_the_proxy() {
    let stage = Stage::shared().await;
    let credential = stage.connect(&stage.user).await;
    let token = stage.provider.last_token("/me");
    assert_eq!(stage.proxied(&stage.user, "/things/7").await.0, StatusCode::OK);
    let path = format!("/credentials/{credential}");
    let (status, _) = answer(stage.product.call(Method::DELETE, &path)).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let grant = stage.provider.oauth.grant_of(&token).expect("the provider issued it");
    assert!(grant.is_revoked, "the grant lives on at the provider");
    let (status, refused) = stage.proxied(&stage.user, "/things/7").await;
    assert_eq!((status, &refused["code"]), (StatusCode::NOT_FOUND, &"no_account".into()));
    let kinds = stage.event_kinds(&credential).await;
    assert_eq!(kinds, ["credential.connected", "credential.disconnected"]);
}
