//! Nobody sees or touches what is somebody else's: over every route, with every name that could be
//! guessed or known.

use http::Method;
use serde_json::{Value, json};

use crate::stage::{ACME, Stage};

/// Every route that takes the name of something that belongs to a user.
fn attempts(stage: &Stage, credential: &str) -> Vec<(Method, String, Option<Value>)> {
    let account = format!("/sdk/credentials/{credential}");
    let settings = json!({"config": {"sharedSettings": {"team": "mine"}}});
    let reconnect = json!({
        "integrationId": stage.id_of(ACME), "payload": {"api_key": "k", "subdomain": "evil"},
        "installOptions": {"selectedCredentialId": credential},
    });
    let options = format!(r#"{{"selectedCredentialId":"{credential}"}}"#);
    let options: String = url::form_urlencoded::byte_serialize(options.as_bytes()).collect();
    let build = format!(
        "root:/v2/projects/{}/sdk/actions/build-oauth?integrationId={}&installOptions={options}",
        stage.project,
        stage.id_of(ACME),
    );
    vec![
        (Method::GET, account.clone(), None),
        (Method::PATCH, account.clone(), Some(settings)),
        (Method::POST, format!("{account}/complete-setup"), Some(json!({"payload": {}}))),
        (Method::POST, format!("{account}/configurations"), Some(json!({}))),
        (Method::PATCH, format!("{account}/configurations"), Some(json!({"meta": {"a": 1}}))),
        (Method::DELETE, format!("{account}/configurations"), None),
        (Method::POST, "/sdk/credentials".to_owned(), Some(reconnect)),
        (Method::GET, build, None),
        (Method::GET, format!("/sdk/credentials?integration={ACME}&includeAccountAuth=true"), None),
        (Method::DELETE, format!("/sdk/integrations/{}", stage.id_of(ACME)), None),
        (Method::POST, format!("/sdk/workflows/{}", stage.sync), None),
        (Method::DELETE, format!("/sdk/workflows/{}", stage.sync), None),
        (
            Method::POST,
            "/sdk/actions".to_owned(),
            Some(json!({"action": ACME, "sourceKey": "channels"})),
        ),
    ]
}

#[tokio::test]
async fn another_user_of_the_project_finds_nothing() {
    let stage = Stage::new().await;
    let ann = stage.connect_as("ann", &json!({"externalId": "anns-shop"})).await;
    stage.connect("eve").await;
    let before = stage.get("ann", "/sdk/me").await;
    let eves = stage.get("eve", "/sdk/me").await;
    let (id, configuration) = (&ann["id"], &ann["configurations"][0]["id"]);
    let id = id.as_str().expect("an id");
    let configuration = configuration.as_str().expect("an id");
    let eve = stage.token("eve");
    for name in [id, "anns-shop", "ext:anns-shop"] {
        let headers =
            [("x-paragon-credential", name), ("x-paragon-configuration-id", configuration)];
        for (method, path, body) in attempts(&stage, name) {
            let answer = stage.call_with(&eve, method.clone(), &path, &headers, body).await;
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
            for secret in ["ann", "picker token"] {
                let text = answer.text.replace("anns-shop", "");
                assert!(!text.contains(secret), "{method} {path}: {}", answer.text);
            }
            answer.refused(404, "not_found");
        }
    }
    assert_eq!(stage.get("ann", "/sdk/me").await, before);
    assert_eq!(stage.get("eve", "/sdk/me").await, eves);
}

#[tokio::test]
async fn only_the_configuration_of_somebody_else_is_no_name_either() {
    let stage = Stage::new().await;
    let ann = stage.connect("ann").await;
    let eves = stage.connect("eve").await;
    let configuration = ann["configurations"][0]["id"].as_str().expect("an id");
    let headers = [("x-paragon-configuration-id", configuration)];
    let eve = stage.token("eve");
    let account = format!("/sdk/credentials/{}", eves["id"].as_str().expect("an id"));
    for (method, path, body) in [
        (
            Method::PATCH,
            account.clone(),
            Some(json!({"config": {"sharedSettings": {"team": "x"}}})),
        ),
        (Method::PATCH, format!("{account}/configurations"), Some(json!({"meta": {}}))),
        (Method::DELETE, format!("{account}/configurations"), None),
        (Method::POST, format!("/sdk/workflows/{}", stage.sync), None),
        (
            Method::POST,
            "/sdk/actions".to_owned(),
            Some(json!({"action": ACME, "sourceKey": "channels"})),
        ),
    ] {
        let answer = stage.call_with(&eve, method.clone(), &path, &headers, body).await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_connect_session_is_its_users_alone() {
    let stage = Stage::new().await;
    let session = crate::oauth::finish(&stage, "ann", "annskey1", "ann").await;
    let path = "/sdk/actions/session-id/annskey1";
    let eves = stage.get("eve", path).await;
    assert_eq!(eves, json!({"connectCredentialId": null}));
    assert!(stage.get("ann", path).await["connectCredentialId"].is_string());
    let body = json!({"integrationId": stage.id_of(ACME), "payload": {"tenonSession": session}});
    let answer = stage.call("eve", Method::POST, "/sdk/credentials", Some(body)).await;
    answer.refused(404, "not_found");
    assert_eq!(stage.accounts_of("eve").await, 0);
}

#[tokio::test]
async fn another_project_is_another_world() {
    let stage = Stage::new().await;
    let ann = stage.connect("ann").await;
    let id = ann["id"].as_str().expect("an id");
    let other = stage.config.ensure_dev_project("other", None).await.expect("a project").project;
    // The tests' key signs for both projects, so the token itself is good there.
    let path = |rest: &str| format!("root:/projects/{other}{rest}");
    let me = stage.call("ann", Method::GET, &path("/sdk/me"), None).await.ok();
    assert_eq!((&me["integrations"], &me["meta"]), (&json!({}), &json!({})));
    assert_eq!(
        stage.call("ann", Method::GET, &path("/sdk/integrations"), None).await.ok(),
        json!([])
    );
    for (method, rest, body) in attempts(&stage, id) {
        let rest = match rest.strip_prefix("root:") {
            Some(rest) => {
                format!("root:{}", rest.replace(&stage.project.to_string(), &other.to_string()))
            }
            None => path(&rest),
        };
        let answer = stage.call("ann", method.clone(), &rest, body).await;
        assert_eq!(answer.status, 404, "{method} {rest}: {}", answer.text);
    }
    assert_eq!(stage.accounts_of("ann").await, 1);
}
