//! The way through the provider, as the SDK goes it.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};
use tenon_config::{Callback, ConnectOutcome, SessionLink};
use tenon_domain::ConnectSessionId;
use url::Url;

use crate::stage::{ACME, Answer, ORIGIN, SETUP, Stage};

fn query(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

async fn build(stage: &Stage, user: &str, pairs: &[(&str, &str)]) -> Answer {
    let path =
        format!("root:/v2/projects/{}/sdk/actions/build-oauth?{}", stage.project, query(pairs));
    stage.call(user, Method::GET, &path, None).await
}

/// Asks for the address, as the SDK does.
async fn begin(stage: &Stage, user: &str, key: &str) -> Url {
    let token = stage.token(user);
    let id = stage.id_of(ACME);
    let pairs = [
        ("action", "custom"),
        ("endUserSuppliedValues", "{}"),
        ("parameters", "{}"),
        ("userToken", token.as_str()),
        ("integrationId", id.as_str()),
        ("originForPostMessage", ORIGIN),
        ("isPreviewMode", "false"),
        ("installOptions", r#"{"allowMultipleCredentials":false}"#),
        ("oauthMetaKeyId", key),
    ];
    let answer = build(stage, user, &pairs).await.ok();
    let url = answer["redirectUrl"].as_str().expect("an address");
    url.parse().expect("it is a URL")
}

fn link_of(url: &Url) -> SessionLink {
    let last = url.path_segments().and_then(|mut parts| parts.next_back()).expect("it has a path");
    SessionLink::parse(last).expect("it is a link")
}

/// What the browser brings back from the provider.
async fn back(stage: &Stage, url: &Url, code: &str) -> (ConnectSessionId, Callback) {
    let started = stage.config.start_connect(&link_of(url)).await.expect("it can begin");
    let state = started.url.query_pairs().find(|(name, _)| name == "state").expect("a state").1;
    let params = BTreeMap::from([
        ("state".to_owned(), state.into_owned()),
        ("code".to_owned(), code.to_owned()),
    ]);
    let id = started.session.id;
    (id, Callback { params, nonces: BTreeMap::from([(id, started.nonce.to_string())]) })
}

/// Connects an account of a user through the provider; answers the session.
pub async fn finish(stage: &Stage, user: &str, key: &str, code: &str) -> ConnectSessionId {
    let url = begin(stage, user, key).await;
    let (id, callback) = back(stage, &url, code).await;
    stage.config.finish_connect(callback).await.expect("it is taken");
    id
}

#[tokio::test]
async fn the_account_is_found_under_the_clients_key_when_it_is_there() {
    let stage = Stage::new().await;
    let url = begin(&stage, "ann", "k3f9x0q1").await;
    assert!(url.as_str().starts_with("https://tenon.example/oauth/start/"), "{url}");
    assert!(!url.as_str().contains("proxy"));
    let path = "/sdk/actions/session-id/k3f9x0q1";
    assert_eq!(stage.get("ann", path).await, json!({"connectCredentialId": null}));
    let (session, callback) = back(&stage, &url, "ann").await;
    stage.config.finish_connect(callback).await.expect("it is taken");
    let id = stage.get("ann", path).await["connectCredentialId"].clone();
    let credential =
        stage.get("ann", &format!("/sdk/credentials/{}", id.as_str().expect("an id"))).await;
    assert_eq!((&credential["id"], &credential["status"]), (&id, &json!("VALID")));

    // The page told the opener, too, who asks for the same account: any number of times.
    let body = json!({
        "integrationId": stage.id_of(ACME), "config": {},
        "payload": {"tenonSession": session}, "installOptions": {},
    });
    for _ in 0..2 {
        let same = stage.call("ann", Method::POST, "/sdk/credentials", Some(body.clone())).await;
        assert_eq!(same.ok(), credential);
    }
    assert_eq!((stage.accounts_of("ann").await, *stage.provider.asked.lock()), (1, 1));
    stage.call("ann", Method::DELETE, path, None).await.ok();
}

#[tokio::test]
async fn asking_again_under_a_key_gives_the_same_session_until_it_is_used() {
    let stage = Stage::new().await;
    let first = begin(&stage, "ann", "k3f9x0q1").await;
    assert_eq!(begin(&stage, "ann", "k3f9x0q1").await, first);
    assert_ne!(begin(&stage, "ann", "k3f9x0q2").await, first);
    assert_ne!(begin(&stage, "bob", "k3f9x0q1").await, first);
    let (_, callback) = back(&stage, &first, "ann").await;
    stage.config.finish_connect(callback).await.expect("it is taken");
    let id = stage.id_of(ACME);
    let pairs = [("integrationId", id.as_str()), ("oauthMetaKeyId", "k3f9x0q1")];
    build(&stage, "ann", &pairs).await.refused(409, "conflict");
}

#[tokio::test]
async fn tricks_with_state_and_cookie_connect_nothing() {
    let stage = Stage::new().await;
    let anns = begin(&stage, "ann", "annskey1").await;
    let eves = begin(&stage, "eve", "eveskey1").await;
    let (anns_id, anns_back) = back(&stage, &anns, "ann").await;
    let (eves_id, eves_back) = back(&stage, &eves, "eve").await;
    let with = |params: &Callback, nonces: BTreeMap<ConnectSessionId, String>| Callback {
        params: params.params.clone(),
        nonces,
    };
    let eves_nonce = eves_back.nonces[&eves_id].clone();
    for callback in [
        with(&anns_back, BTreeMap::new()),
        with(&anns_back, eves_back.nonces.clone()),
        with(&anns_back, BTreeMap::from([(anns_id, eves_nonce)])),
        with(&eves_back, anns_back.nonces.clone()),
    ] {
        assert!(stage.config.finish_connect(callback).await.is_err());
    }
    assert_eq!((stage.accounts_of("ann").await, stage.accounts_of("eve").await), (0, 0));
    let again = with(&anns_back, anns_back.nonces.clone());
    stage.config.finish_connect(anns_back).await.expect("the right browser is taken");
    assert!(stage.config.finish_connect(again).await.is_err(), "once");
    assert_eq!(stage.accounts_of("ann").await, 1);
}

#[tokio::test]
async fn a_denial_is_told_under_the_key() {
    let stage = Stage::new().await;
    let url = begin(&stage, "ann", "k3f9x0q1").await;
    let (session, mut callback) = back(&stage, &url, "ann").await;
    callback.params.insert("error".to_owned(), "access_denied".to_owned());
    let end = stage.config.finish_connect(callback).await.expect("it is taken");
    assert!(matches!(end.outcome, ConnectOutcome::Failed { .. }));
    let told = stage.get("ann", "/sdk/actions/session-id/k3f9x0q1").await;
    assert_eq!(told["connectCredentialId"], json!(null));
    assert_eq!(told["error"]["code"], "connect_denied");
    let body = json!({"integrationId": stage.id_of(ACME), "payload": {"tenonSession": session}});
    let answer = stage.call("ann", Method::POST, "/sdk/credentials", Some(body)).await;
    let body = answer.refused(424, "connect_failed");
    assert_eq!(body["meta"]["isIntegrationError"], true, "the user stays signed in");
}

#[tokio::test]
async fn the_window_tells_its_opener_that_it_is_there_and_nobody_else() {
    let stage = Stage::new().await;
    let token = stage.token("ann");
    let id = stage.id_of(ACME);
    let open = async |token: &str, origin: &str| {
        let pairs = [
            ("action", ACME),
            ("integrationId", id.as_str()),
            ("originForPostMessage", origin),
            ("userToken", token),
        ];
        let path = format!("/sdk/actions/oauth-nonce?{}", query(&pairs));
        stage.send(Method::GET, &path, &[], None).await
    };
    let page = open(&token, ORIGIN).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.text.contains(r#""origin":"https://app.example""#), "{}", page.text);
    assert!(page.text.contains(r#""type":"oauth-nonce-loaded""#), "{}", page.text);
    assert!(page.text.contains("postMessage(said.message, said.origin)"), "{}", page.text);
    assert!(!page.text.contains(&token), "the token is not repeated");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("cross-origin-opener-policy"), "", "the opener must stay");
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'nonce-"), "{policy}");

    for (token, origin, status) in [
        ("nonsense", ORIGIN, 401),
        (token.as_str(), "https://app.example/path", 422),
        (token.as_str(), "*", 422),
        (token.as_str(), "javascript:alert(1)", 422),
    ] {
        let page = open(token, origin).await;
        assert_eq!(page.status, status, "{}", page.text);
        assert!(!page.text.contains("oauth-nonce-loaded"), "{}", page.text);
        let is_told = page.text.contains(r#""origin":"https://app.example","#);
        assert_eq!(is_told, origin == ORIGIN, "{}", page.text);
    }
}

#[tokio::test]
async fn old_clients_open_the_window_on_the_way_itself() {
    let stage = Stage::new().await;
    let token = stage.token("ann");
    let id = stage.id_of(ACME);
    let go = async |pairs: &[(&str, &str)]| {
        let path = format!("/sdk/actions/build-oauth?{}", query(pairs));
        stage.send(Method::GET, &path, &[], None).await
    };
    let pairs = [
        ("integrationId", id.as_str()),
        ("userToken", token.as_str()),
        ("originForPostMessage", ORIGIN),
        ("sessionId", "k3f9x0q1"),
    ];
    let answer = go(&pairs).await;
    assert_eq!(answer.status, 302, "{}", answer.text);
    let location: Url = answer.header("location").parse().expect("an address");
    assert!(!location.as_str().contains(&token));
    let (_, callback) = back(&stage, &location, "ann").await;
    stage.config.finish_connect(callback).await.expect("it is taken");
    assert!(
        stage.get("ann", "/sdk/actions/session-id/k3f9x0q1").await["connectCredentialId"]
            .is_string()
    );
    assert_eq!(go(&pairs[..2]).await.status, 302, "version 1.0 has no session of its own");

    let answer = go(&[("integrationId", id.as_str()), ("userToken", "x"), pairs[2]]).await;
    assert_eq!(answer.status, 401);
    assert!(answer.text.contains("oauth_error_callback"), "{}", answer.text);
    assert!(answer.text.contains(r#""origin":"https://app.example""#), "{}", answer.text);
}

#[tokio::test]
async fn what_cannot_begin_is_said_at_once() {
    let stage = Stage::new().await;
    let (id, setup) = (stage.id_of(ACME), stage.id_of(SETUP));
    let key = ("oauthMetaKeyId", "k3f9x0q1");
    for (pairs, status, code) in [
        (vec![("integrationId", setup.as_str()), key], 422, "invalid_field"),
        (vec![("integrationId", "nothing"), key], 404, "not_found"),
        (vec![key], 404, "not_found"),
        (vec![("integrationId", id.as_str()), ("oauthMetaKeyId", "x")], 422, "invalid_field"),
        (
            vec![("integrationId", id.as_str()), key, ("installOptions", "{nonsense")],
            422,
            "invalid_field",
        ),
        (
            vec![("integrationId", id.as_str()), key, ("endUserSuppliedValues", "[]")],
            422,
            "invalid_field",
        ),
        (
            vec![("integrationId", id.as_str()), key, ("endUserSuppliedValues", r#"{"x":"y"}"#)],
            422,
            "invalid_field",
        ),
        (
            vec![("integrationId", id.as_str()), key, ("originForPostMessage", "*")],
            422,
            "invalid_field",
        ),
        (
            vec![("integrationId", id.as_str()), key, ("redirectUrl", "http://evil.example/x")],
            422,
            "invalid_field",
        ),
        (
            vec![("integrationId", id.as_str()), ("integrationId", id.as_str())],
            400,
            "invalid_query",
        ),
    ] {
        let shown = format!("{pairs:?}");
        let answer = build(&stage, "ann", &pairs).await;
        assert_eq!(answer.status, status, "{shown}: {}", answer.text);
        answer.refused(status, code);
    }
}

#[tokio::test]
async fn the_builders_own_page_may_take_the_provider_s_answer() {
    let stage = Stage::new().await;
    let id = stage.id_of(ACME);
    let pairs = [
        ("integrationId", id.as_str()),
        ("oauthMetaKeyId", "k3f9x0q1"),
        ("redirectUrl", "https://app.example/oauth/done"),
    ];
    let answer: Value = build(&stage, "ann", &pairs).await.ok();
    let url: Url = answer["redirectUrl"].as_str().expect("an address").parse().expect("a URL");
    let started = stage.config.start_connect(&link_of(&url)).await.expect("it can begin");
    let told = started.url.query_pairs().find(|(name, _)| name == "redirect_uri");
    assert_eq!(told.expect("it is told").1, "https://app.example/oauth/done");
}
