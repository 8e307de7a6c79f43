//! The portal's page for builders without the SDK: links, the sessions that they become, and what
//! those may do.

use std::time::Duration;

use http::Method;
use serde_json::{Map, Value, json};
use tenon_config::{DesignChange, Error, NewPortalLink};
use tenon_domain::{EndUserId, ProjectId};

use crate::stage::{ACME, Answer, SETUP, Stage};

const SESSION: &str = "root:/connect/hosted/session";

fn new_link(user: &str) -> NewPortalLink {
    NewPortalLink {
        user: EndUserId::new(user),
        integration: Some(ACME.to_owned()),
        redirect_url: None,
        meta: Map::new(),
        ttl: None,
    }
}

/// Makes a link and answers what is behind the `#`.
async fn link(stage: &Stage, new: NewPortalLink) -> String {
    let opened = stage.config.create_portal_link(stage.project, new).await.expect("it is made");
    let start = "https://tenon.example/ui/hosted#link=";
    opened.url.strip_prefix(start).expect("it is the page's address").to_owned()
}

async fn exchange(stage: &Stage, link: &str) -> Answer {
    stage.send(Method::POST, SESSION, &[], Some(json!({ "link": link }))).await
}

async fn resume(stage: &Stage, cookie: &str) -> Answer {
    stage.send(Method::POST, SESSION, &[("cookie", cookie)], Some(json!({}))).await
}

#[track_caller]
fn token_of(answer: Answer) -> String {
    answer.ok()["token"].as_str().expect("a token").to_owned()
}

/// A session of a user, through a link for the first integration.
async fn signed_in(stage: &Stage, user: &str) -> String {
    let link = link(stage, new_link(user)).await;
    token_of(exchange(stage, &link).await)
}

#[track_caller]
fn is_refused(answer: &Answer, words: &str) {
    assert_eq!(answer.status, 410, "{}", answer.text);
    let body = answer.json();
    assert_eq!(body["code"], "portal_link");
    assert!(body["message"].as_str().is_some_and(|text| text.contains(words)), "{body}");
    assert!(body.get("token").is_none() && answer.header("set-cookie").is_empty());
}

#[tokio::test]
async fn a_link_lets_its_user_in_once() {
    let stage = Stage::new().await;
    let link = link(&stage, new_link("ann")).await;
    let opened = exchange(&stage, &link).await;
    assert_eq!(opened.header("cache-control"), "no-store");
    assert_eq!(opened.header("access-control-allow-origin"), "", "no other site reads it");
    let session = opened.ok();
    assert_eq!(session["projectId"], json!(stage.project));
    assert_eq!(session["integration"], ACME);
    assert_eq!(session["apiUrl"], "https://tenon.example");
    let token = session["token"].as_str().expect("a token");
    let me = stage.call_with(token, Method::GET, "/sdk/me", &[], None).await.ok();
    assert_eq!(me["userId"], "ann");
    is_refused(&exchange(&stage, &link).await, "used already");
}

#[tokio::test]
async fn of_many_who_bring_a_link_at_once_one_gets_in() {
    let stage = Stage::new().await;
    let link = link(&stage, new_link("ann")).await;
    let one = || exchange(&stage, &link);
    let (a, b, c, d) = tokio::join!(one(), one(), one(), one());
    let mut set = [a.status, b.status, c.status, d.status];
    set.sort_unstable();
    assert_eq!(set, [200, 410, 410, 410]);
}

#[tokio::test]
async fn looking_at_the_address_uses_nothing_up() {
    let stage = Stage::new().await;
    let link = link(&stage, new_link("ann")).await;
    for path in ["root:/ui/hosted".to_owned(), format!("root:/ui/hosted?link={link}")] {
        stage.send(Method::GET, &path, &[], None).await;
        stage.send(Method::HEAD, &path, &[], None).await;
    }
    assert_eq!(stage.send(Method::GET, SESSION, &[], None).await.status, 405);
    let elsewhere = [("sec-fetch-site", "cross-site")];
    let body = Some(json!({ "link": link }));
    let answer = stage.send(Method::POST, SESSION, &elsewhere, body).await;
    assert_eq!((answer.status, answer.header("set-cookie")), (403, ""));
    exchange(&stage, &link).await.ok();
}

#[tokio::test]
async fn a_link_and_a_session_end() {
    let stage = Stage::new().await;
    let (short, usual) = (Some(Duration::from_secs(30)), None);
    let late = link(&stage, NewPortalLink { ttl: short, ..new_link("ann") }).await;
    let other = link(&stage, NewPortalLink { ttl: usual, ..new_link("ann") }).await;
    stage.pass(31);
    is_refused(&exchange(&stage, &late).await, "has ended");
    let opened = exchange(&stage, &other).await;
    let cookie = opened.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    let token = token_of(opened);
    stage.pass(3_599);
    stage.call_with(&token, Method::GET, "/sdk/me", &[], None).await.ok();
    stage.pass(2);
    let answer = stage.call_with(&token, Method::GET, "/sdk/me", &[], None).await;
    answer.refused(401, "unauthorized");
    is_refused(&resume(&stage, &cookie).await, "session has ended");
}

#[tokio::test]
async fn a_reload_gets_another_token_by_the_cookie() {
    let stage = Stage::new().await;
    let link = link(&stage, new_link("ann")).await;
    let opened = exchange(&stage, &link).await;
    let cookie = opened.header("set-cookie").to_owned();
    for part in ["; Path=/connect/hosted;", "; HttpOnly", "; SameSite=Strict", "; Secure"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let pair = cookie.split(';').next().expect("it has a value");
    let first = token_of(opened);
    assert!(!pair.contains(&first) && !pair.contains(&link), "the cookie opens nothing else");
    let second = token_of(resume(&stage, pair).await);
    assert_ne!(first, second);
    let me = stage.call_with(&second, Method::GET, "/sdk/me", &[], None).await.ok();
    assert_eq!(me["userId"], "ann");
    let old = stage.call_with(&first, Method::GET, "/sdk/me", &[], None).await;
    old.refused(401, "unauthorized");
    for nothing in ["", "tenon-portal=x", "__Secure-tenon-portal=x"] {
        is_refused(&resume(&stage, nothing).await, "session has ended");
    }
}

#[tokio::test]
async fn nothing_else_opens_it() {
    let stage = Stage::new().await;
    let link = link(&stage, new_link("ann")).await;
    let other = stage.config.ensure_dev_project("other", None).await.expect("a project").project;
    let of_other = stage
        .config
        .create_portal_link(other, NewPortalLink { integration: None, ..new_link("ann") });
    let of_other = of_other.await.expect("it is made").url.to_string();
    let of_other = of_other.rsplit('=').next().expect("a link");
    // One project's name and another's secret.
    let mixed = format!("{}{}", &of_other[..22], &link[22..]);
    let changed = format!("{}{}", &link[..64], if link.ends_with('A') { "B" } else { "A" });
    let long = "x".repeat(10_000);
    for bad in ["", "x", mixed.as_str(), changed.as_str(), &link[1..], &long, "%00", "é"] {
        is_refused(&exchange(&stage, bad).await, "not known");
    }
    for body in [json!({"link": 1}), json!([]), json!({"link": {"a": 1}})] {
        let answer = stage.send(Method::POST, SESSION, &[], Some(body)).await;
        assert!((400..=422).contains(&answer.status), "{}", answer.text);
    }
    let token = token_of(exchange(&stage, of_other).await);
    let answer = stage.call_with(&token, Method::GET, "/sdk/me", &[], None).await;
    answer.refused(401, "unauthorized");
    for made_up in ["tps_", "tps_x", &format!("tps_{}", "A".repeat(43))] {
        let answer = stage.call_with(made_up, Method::GET, "/sdk/me", &[], None).await;
        answer.refused(401, "unauthorized");
    }
}

#[tokio::test]
async fn a_session_connects_accounts_of_its_integration_and_does_nothing_else() {
    let stage = Stage::new().await;
    let token = signed_in(&stage, "ann").await;
    let creation = |name: &str| {
        json!({
            "integrationId": stage.id_of(name), "config": {}, "installOptions": {},
            "payload": {"api_key": "key-canary", "subdomain": "shop"},
        })
    };
    let post = |path: &'static str, body: Value| {
        stage.call_with(&token, Method::POST, path, &[], Some(body))
    };
    let account = post("/sdk/credentials", creation(ACME)).await.ok();
    assert_eq!(account["status"], "VALID");
    post("/sdk/credentials", creation(SETUP)).await.refused(403, "7210");
    let path = format!("/sdk/credentials?integration={ACME}&includeAccountAuth=true");
    let answer = stage.call_with(&token, Method::GET, &path, &[], None).await;
    answer.refused(403, "7210");
    // What is said of a user is the builder's to say.
    let meta = Some(json!({"meta": {"plan": "pro"}}));
    let answer = stage.call_with(&token, Method::PATCH, "/sdk/me", &[], meta).await;
    answer.refused(403, "7210");
    let header = [("x-paragon-user-metadata", r#"{"plan":"pro"}"#)];
    let answer = stage.call_with(&token, Method::GET, "/sdk/me", &header, None).await;
    answer.refused(403, "7210");
    assert_eq!(stage.get("ann", "/sdk/me").await["meta"], json!({}));

    let any = NewPortalLink { integration: None, ..new_link("bob") };
    let token = token_of(exchange(&stage, &link(&stage, any).await).await);
    let answer =
        stage.call_with(&token, Method::POST, "/sdk/credentials", &[], Some(creation(ACME))).await;
    answer.ok();
}

#[tokio::test]
async fn the_way_through_the_provider_is_in_no_address_of_the_page() {
    let stage = Stage::new().await;
    let token = signed_in(&stage, "ann").await;
    let body = |key: &str| {
        json!({
            "integrationId": stage.id_of(ACME), "accountType": "oauth",
            "endUserSuppliedValues": {}, "installOptions": {}, "oauthMetaKeyId": key,
            "originForPostMessage": "https://tenon.example",
        })
    };
    let path = "/sdk/hosted/oauth";
    let call = |body: Value| stage.call_with(&token, Method::POST, path, &[], Some(body));
    let answer = call(body("0123456789abcdef")).await.ok();
    let url = answer["url"].as_str().expect("an address");
    assert!(url.starts_with("https://tenon.example/oauth/start/"), "{url}");
    assert!(!url.contains(&token));
    let path = "/sdk/actions/session-id/0123456789abcdef";
    let found = stage.call_with(&token, Method::GET, path, &[], None).await.ok();
    assert_eq!(found, json!({"connectCredentialId": null}));
    call(body("x")).await.refused(422, "invalid_field");
    let other = json!({"integrationId": stage.id_of(SETUP), "oauthMetaKeyId": "0123456789"});
    call(other).await.refused(403, "7210");
}

#[tokio::test]
async fn a_disabled_user_is_not_let_in() {
    let stage = Stage::new().await;
    let token = signed_in(&stage, "ann").await;
    let ann = EndUserId::new("ann");
    stage.config.disable_user(stage.project, &ann).await.expect("it is disabled");
    let answer = stage.call_with(&token, Method::GET, "/sdk/me", &[], None).await;
    answer.refused(403, "forbidden");
    let made = stage.config.create_portal_link(stage.project, new_link("ann")).await;
    assert!(matches!(made, Err(Error::Conflict { .. })));
}

#[tokio::test]
async fn a_link_says_what_is_known_of_the_user_and_where_to_go_then() {
    let stage = Stage::new().await;
    let plan = json!({"plan": "pro"}).as_object().expect("an object").clone();
    let there = "https://app.example.com/done?x=1";
    let new = || NewPortalLink {
        meta: plan.clone(),
        redirect_url: Some(there.to_owned()),
        ..new_link("ann")
    };
    let refused = stage.config.create_portal_link(stage.project, new()).await;
    assert!(matches!(refused, Err(Error::Invalid { what: "`redirect_url`", .. })));
    let users = stage.config.user(stage.project, &EndUserId::new("ann")).await;
    assert!(users.is_err(), "nothing is half-done");
    let change = DesignChange {
        return_origins: Some(vec!["https://app.example.com".to_owned()]),
        ..DesignChange::default()
    };
    stage.config.change_portal_design(stage.project, change).await.expect("it is taken");
    let session = exchange(&stage, &link(&stage, new()).await).await.ok();
    assert_eq!(session["redirectUrl"], there);
    assert_eq!(stage.get("ann", "/sdk/me").await["meta"], json!({"plan": "pro"}));
}

#[tokio::test]
async fn links_are_asked_for_within_bounds() {
    let stage = Stage::new().await;
    let day = Duration::from_secs(24 * 3_600);
    for ttl in [Duration::ZERO, day + Duration::from_secs(1)] {
        let new = NewPortalLink { ttl: Some(ttl), ..new_link("ann") };
        let made = stage.config.create_portal_link(stage.project, new).await;
        assert!(matches!(made, Err(Error::Invalid { .. })), "{ttl:?}");
    }
    let new = NewPortalLink { integration: Some("nothing".to_owned()), ..new_link("ann") };
    let made = stage.config.create_portal_link(stage.project, new).await;
    assert!(matches!(made, Err(Error::NotFound { .. })));
    let made = stage.config.create_portal_link(ProjectId::new(), new_link("ann")).await;
    assert!(matches!(made, Err(Error::NoSuchProject(_))));
}

#[tokio::test]
async fn what_ended_long_ago_is_swept() {
    let stage = Stage::new().await;
    let used = link(&stage, new_link("ann")).await;
    let unused = link(&stage, new_link("ann")).await;
    exchange(&stage, &used).await.ok();
    stage.pass(24 * 3_600);
    stage.config.sweep().await.expect("it sweeps");
    is_refused(&exchange(&stage, &used).await, "used already");
    stage.pass(24 * 3_600);
    stage.config.sweep().await.expect("it sweeps");
    for link in [used, unused] {
        is_refused(&exchange(&stage, &link).await, "not known");
    }
}
