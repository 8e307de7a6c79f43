//! Tokens that do not hold, and what those that hold allow.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::{Value, json};
use tenon_domain::Clock as _;

use crate::stage::{ACME, Stage, public_pem, signed};

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[tokio::test]
async fn a_token_that_does_not_hold_opens_nothing() {
    let stage = Stage::new().await;
    let now = stage.clock.now().as_second();
    let header = json!({"alg": "RS256", "kid": "k"});
    let good = json!({"sub": "ann", "exp": now + 60});
    let none = format!("{}.{}.", encoded(&json!({"alg": "none"})), encoded(&good));
    let text = format!("{}.{}", encoded(&json!({"alg": "HS256", "kid": "k"})), encoded(&good));
    let key = hmac::Key::new(hmac::HMAC_SHA256, public_pem().as_bytes());
    let hs256 = format!("{text}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes())));
    let whole = signed(&header, &good);
    let (rest, signature) = whole.rsplit_once('.').expect("it has three parts");
    let (head, _) = rest.split_once('.').expect("it has three parts");
    let forged = format!("{head}.{}.{signature}", encoded(&json!({"sub": "bob", "exp": now + 60})));
    for (token, why) in [
        (none, "alg none"),
        (hs256, "the public key as a secret"),
        (forged, "claims of somebody else"),
        (signed(&header, &json!({"sub": "ann", "exp": now - 120})), "expired"),
        (signed(&header, &json!({"sub": "ann"})), "no end"),
        (signed(&header, &json!({"exp": now + 60})), "nobody"),
        (signed(&json!({"alg": "RS256", "kid": "other"}), &good), "another key"),
        ("tnn_not_a_token".to_owned(), "an API key's form"),
        ("a.b.c".to_owned(), "nonsense"),
    ] {
        let answer = stage.call_with(&token, Method::GET, "/sdk/me", &[], None).await;
        assert_eq!(answer.status, 401, "{why}: {}", answer.text);
        answer.refused(401, "unauthorized");
    }
    stage.send(Method::GET, "/sdk/me", &[], None).await.refused(401, "unauthorized");
    stage.call_with(&whole, Method::GET, "/sdk/me", &[], None).await.ok();
    stage.pass(180);
    stage.call_with(&whole, Method::GET, "/sdk/me", &[], None).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn a_project_that_does_not_exist_looks_like_one_whose_token_it_is_not() {
    let stage = Stage::new().await;
    for project in [tenon_domain::ProjectId::new().to_string(), "nonsense".to_owned()] {
        let path = format!("root:/projects/{project}/sdk/me");
        let answer = stage.call("ann", Method::GET, &path, None).await;
        let body = answer.refused(401, "unauthorized");
        assert_eq!(body["message"], "the token is not valid here");
    }
}

#[tokio::test]
async fn a_token_allows_what_its_claim_says_and_the_user_stays_signed_in() {
    let stage = Stage::new().await;
    let credential = stage.connect("ann").await;
    let id = credential["id"].as_str().expect("an id");
    let path = format!("/sdk/credentials/{id}");
    let settings = json!({"config": {"sharedSettings": {"team": "a"}}});
    let change = async |permissions: Value| {
        let token = stage.limited("ann", permissions);
        stage.call_with(&token, Method::PATCH, &path, &[], Some(settings.clone())).await
    };
    for refused in [
        json!({}),
        json!({"integration:*": false}),
        json!({"integration:*": true, "integration:custom.acme": false}),
        json!({"integration:custom.acme": ["proxy"]}),
        json!({"integration:*": true, format!("credential:{id}"): false}),
    ] {
        let shown = refused.to_string();
        let answer = change(refused).await;
        assert_eq!(answer.status, 403, "{shown}: {}", answer.text);
        answer.refused(403, "7210");
    }
    for allowed in [
        json!({"integration:custom.acme": ["credential:write"]}),
        json!({"integration:*": false, format!("credential:{id}"): true}),
    ] {
        change(allowed).await.ok();
    }
}

#[tokio::test]
async fn every_write_asks_what_the_token_allows() {
    let stage = Stage::new().await;
    let credential = stage.connect("ann").await;
    let credential_id = credential["id"].as_str().expect("an id");
    let configuration = credential["configurations"][0]["id"].as_str().expect("an id");
    let integration = stage.id_of(ACME);
    let token = stage.limited("ann", json!({"integration:custom.acme": ["event"]}));
    let headers = [("x-paragon-configuration-id", configuration)];
    let account = format!("/sdk/credentials/{credential_id}");
    let payload =
        json!({"integrationId": integration, "payload": {"api_key": "k", "subdomain": "a"}});
    let setup = json!({"integrationId": integration, "payload": {}});
    let source = json!({"action": ACME, "sourceKey": "channels"});
    for (method, path, body) in [
        (Method::POST, "/sdk/credentials".to_owned(), Some(payload)),
        (Method::POST, format!("{account}/complete-setup"), Some(setup)),
        (
            Method::PATCH,
            account.clone(),
            Some(json!({"config": {"sharedSettings": {"team": "x"}}})),
        ),
        (Method::POST, format!("{account}/configurations"), Some(json!({}))),
        (Method::PATCH, format!("{account}/configurations"), Some(json!({"meta": {"a": 1}}))),
        (Method::DELETE, format!("{account}/configurations"), None),
        (Method::DELETE, format!("/sdk/integrations/{integration}"), None),
        (Method::POST, format!("/sdk/workflows/{}", stage.sync), None),
        (Method::DELETE, format!("/sdk/workflows/{}", stage.sync), None),
        (Method::POST, "/sdk/actions".to_owned(), Some(source)),
        (Method::GET, format!("/triggers?integrations={ACME}"), None),
        (Method::GET, format!("/sdk/credentials?integration={ACME}&includeAccountAuth=true"), None),
        (
            Method::GET,
            format!(
                "root:/v2/projects/{}/sdk/actions/build-oauth?integrationId={integration}",
                stage.project
            ),
            None,
        ),
    ] {
        let answer = stage.call_with(&token, method.clone(), &path, &headers, body).await;
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text);
        answer.refused(403, "7210");
    }
    let after = stage.get("ann", &account).await;
    assert_eq!(after, credential, "nothing was done");
}
