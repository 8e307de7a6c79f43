//! Linking an account in a browser, and everything that goes wrong on that way.

use reqwest::StatusCode;
use serde_json::{Value, json};
use tenon_testkit::fakes::oauth_provider::Fault;

use super::provider::{ACCOUNT_ID, ACCOUNT_NAME};
use super::stage::{Browser, Page, Stage};
use crate::product::{fresh_name, text_of};

/// A page that says no: what it shows, and that nothing of a secret is on it.
fn assert_refused(page: &Page, status: StatusCode, code: &str) {
    assert_eq!(page.status, status, "{}", page.text);
    assert!(page.text.contains("Not connected"), "{}", page.text);
    assert!(page.text.contains(&format!("<code>{code}</code>")), "{}", page.text);
    assert!(!page.text.contains("canary-"), "a secret is on the page: {}", page.text);
}

/// Nothing is half-done: no account, and no event.
async fn assert_nothing_linked(stage: &Stage, user: &str) {
    let (_, found) = stage.product.get(&format!("/users/{user}/credentials")).await;
    let found = found["credentials"].as_array().cloned().unwrap_or_default();
    assert!(found.is_empty(), "{found:#?}");
}

/// A browser that has begun, and where it was sent.
async fn begun(session: &Value) -> (Browser, String) {
    let mut browser = Browser::new();
    let sent = browser.open(&text_of(&session["authorize_url"])).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    (browser, sent.location.expect("the browser is sent to the provider"))
}

#[tokio::test]
async fn a_user_links_an_account_in_a_browser() {
    let stage = Stage::shared().await;
    let more = json!({ "return_origin": "https://app.example.com" });
    let session = stage.session(&stage.user, &more).await;
    assert_eq!(session["status"], "open");

    let (mut browser, location) = begun(&session).await;
    let query = location.split_once('?').expect("parameters").1.to_owned();
    for part in ["response_type=code", "code_challenge_method=S256", "scope=notes", "state="] {
        assert!(query.contains(part), "{part} is not in {query}");
    }
    let page = browser.open(&stage.provider.consent(&location)).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(page.text.contains("Ada&#39;s shop is connected"), "{}", page.text);
    assert!(page.text.contains(r#""origin":"https://app.example.com""#), "{}", page.text);

    let outcome = stage.outcome(&session).await;
    assert_eq!(
        (&outcome["status"], &outcome["account"]),
        (&"connected".into(), &ACCOUNT_NAME.into())
    );
    let id = text_of(&outcome["credential_id"]);
    let shown = stage.credential(&id).await;
    assert_eq!(shown["status"], "valid", "{shown:#}");
    assert_eq!(
        (&shown["provider_id"], &shown["user"]),
        (&ACCOUNT_ID.into(), &stage.user.as_str().into())
    );
    assert!(!shown.to_string().contains("canary-"), "{shown:#}");
    assert_eq!(stage.event_kinds(&id).await, ["credential.connected"]);
}

#[tokio::test]
async fn a_user_who_says_no_is_told_and_may_begin_again() {
    let stage = Stage::shared().await;
    let session = stage.session(&stage.user, &json!({})).await;
    let (mut browser, location) = begun(&session).await;
    let page = browser.open(&stage.provider.deny(&location)).await;
    assert_refused(&page, StatusCode::FORBIDDEN, "connect_denied");
    assert!(page.text.contains("the user said no"), "{}", page.text);
    let outcome = stage.outcome(&session).await;
    assert_eq!(
        (&outcome["status"], &outcome["code"]),
        (&"failed".into(), &"connect_denied".into())
    );
    assert_nothing_linked(&stage, &stage.user).await;

    let credential = stage.connect(&stage.user).await;
    assert_eq!(stage.credential(&credential).await["status"], "valid");
}

#[tokio::test]
async fn a_callback_in_another_browser_is_refused_and_the_first_one_may_go_on() {
    let stage = Stage::shared().await;
    let session = stage.session(&stage.user, &json!({})).await;
    let (mut browser, location) = begun(&session).await;
    let callback = stage.provider.consent(&location);

    let page = Browser::new().open(&callback).await;
    assert_refused(&page, StatusCode::BAD_REQUEST, "connect_state");
    let eve_id = fresh_name();
    let other = stage.session(&eve_id, &json!({})).await;
    let (mut eve, _) = begun(&other).await;
    let page = eve.open(&callback).await;
    assert_refused(&page, StatusCode::BAD_REQUEST, "connect_state");
    assert_nothing_linked(&stage, &stage.user).await;
    assert_nothing_linked(&stage, &eve_id).await;
    assert_eq!(stage.provider.counters().codes, 0, "nobody asked the provider");

    let page = browser.open(&callback).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
}

#[tokio::test]
async fn a_callback_is_taken_once() {
    let stage = Stage::shared().await;
    let session = stage.session(&stage.user, &json!({})).await;
    let (mut browser, location) = begun(&session).await;
    let callback = stage.provider.consent(&location);
    assert_eq!(browser.open(&callback).await.status, StatusCode::OK);
    for again in [&callback, &stage.provider.consent(&location)] {
        let page = browser.open(again).await;
        assert_refused(&page, StatusCode::BAD_REQUEST, "connect_state");
    }
    let (_, found) = stage.product.get(&format!("/users/{}/credentials", stage.user)).await;
    let ours = text_of(&stage.outcome(&session).await["credential_id"]);
    let all = found["credentials"].as_array().expect("a list");
    let ours: Vec<_> = all.iter().filter(|it| it["id"] == ours.as_str()).collect();
    assert_eq!(ours.len(), 1);
    assert_eq!(stage.provider.counters().codes, 1);
}

#[tokio::test]
async fn a_state_or_link_that_is_not_ours_is_refused() {
    let stage = Stage::shared().await;
    let session = stage.session(&stage.user, &json!({})).await;
    let (mut browser, location) = begun(&session).await;
    let callback = stage.provider.consent(&location);
    let (base, _) = callback.split_once('?').expect("a query");
    let page = browser.open(&format!("{base}?state=made-up&code=x")).await;
    assert_refused(&page, StatusCode::BAD_REQUEST, "connect_state");
    let page =
        browser.open(&text_of(&session["authorize_url"]).replace("/start/", "/start/x")).await;
    assert_refused(&page, StatusCode::BAD_REQUEST, "connect_state");
    assert_nothing_linked(&stage, &stage.user).await;
}

#[tokio::test]
async fn what_the_provider_answers_wrongly_leaves_nothing_and_says_what_to_do() {
    let stage = Stage::shared().await;
    for fault in [
        Fault::WrongClient,
        Fault::Html,
        Fault::Huge,
        Fault::MissingFields,
        Fault::Torn,
        Fault::ServerError,
    ] {
        let session = stage.session(&stage.user, &json!({})).await;
        let (mut browser, location) = begun(&session).await;
        stage.provider.spoil([fault]);
        let page = browser.open(&stage.provider.consent(&location)).await;
        assert_refused(&page, StatusCode::FAILED_DEPENDENCY, "connect_failed");
        let outcome = stage.outcome(&session).await;
        assert_eq!(outcome["status"], "failed", "{fault:?}: {outcome:#}");
        assert!(!outcome.to_string().contains("canary-"), "{fault:?}: {outcome:#}");
        let message = text_of(&outcome["message"]);
        assert!(message.len() > 20, "{fault:?}: it does not say much: {message}");
    }
    assert_nothing_linked(&stage, &stage.user).await;
}
