//! Linear: GraphQL, errors in answers with status 200, refresh tokens that rotate.

use serde_json::{Value, json};
use tenon_connector::manifest::proxy::ErrorKind;
use tenon_credentials::access::AccessError;
use tenon_credentials::linking::LinkError;

use super::detour::{Detour, Route};
use super::rig::{Integration, REDIRECT_URI, Rig, link_error};
use super::server::{self, Server};

const USER: &str = "ada@example.com";

fn seed() -> Value {
    json!({"linear": {
        "organization": {"name": "Acme", "url_key": "acme"},
        "users": [{"email": USER, "name": "Ada", "admin": true}],
        "teams": [{"id": "team-1", "key": "OPS", "name": "Operations"}],
        "oauth_apps": [{
            "client_id": "linear-client",
            "client_secret": "linear-secret",
            "name": "Tenon",
            "redirect_uris": [REDIRECT_URI],
            "scopes": ["read", "write"]
        }]
    }})
}

fn detour(linear: &Server) -> Detour {
    let bases = ["https://api.linear.app/", "https://linear.app/"];
    Detour::new(bases.map(|from| Route::new(from, &linear.base, "/")).into())
}

async fn app(rig: &Rig, client_secret: &str) -> Integration {
    let app = json!({"client_id": "linear-client"});
    rig.switch_on("linear", "oauth", app, json!({"client_secret": client_secret})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn issues_are_created_and_listed_over_pages() {
    let Some(linear) = server::emulate("linear", &seed()).await else { return };
    let rig = Rig::new(detour(&linear));
    let app = app(&rig, "linear-secret").await;
    let (account, organization) = rig.connect_as(&app, USER).await;
    assert_eq!(organization, "Acme");
    let known = rig.output(&account, "list_issues", json!({})).await;
    let known = known.as_array().expect("a list").len();

    let mut first = Value::Null;
    for number in 1..=101 {
        let title = format!("\"Quoted\" issue {number}");
        let input = json!({"teamId": "team-1", "title": title, "priority": 2});
        let created = rig.output(&account, "create_issue", input).await;
        assert!(created["identifier"].as_str().is_some_and(|text| text.starts_with("OPS-")));
        if number == 1 {
            first = created["id"].clone();
        }
    }
    let all = rig.output(&account, "list_issues", json!({})).await;
    let all = all.as_array().expect("a list");
    assert_eq!(all.len(), known + 101, "a page holds 100");
    let found: Vec<_> = all.iter().filter(|issue| issue["id"] == first).collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["title"], "\"Quoted\" issue 1");

    let query = "query($id: String!) { issue(id: $id) { title priority team { key } } }";
    let query = json!({"query": query, "variables": {"id": first}});
    let (_, answer) = rig.call(&account, http::Method::POST, "graphql", Some(query)).await;
    let expected = json!({
        "title": "\"Quoted\" issue 1",
        "priority": 2,
        "team": {"key": "OPS"}
    });
    assert_eq!(answer["data"]["issue"], expected, "{answer:#}");

    let input = json!({"teamId": "no-such-team", "title": "Lost"});
    let (kind, message) = rig.refusal(&account, "create_issue", input).await;
    assert_eq!(kind, ErrorKind::Invalid);
    assert!(!message.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotating_refresh_token_is_followed_until_it_is_revoked() {
    let Some(linear) = server::emulate("linear", &seed()).await else { return };
    let rig = Rig::new(detour(&linear));
    let wrong = app(&rig, "another-secret").await;
    let callback = rig.consent(&wrong, USER).await;
    let error = link_error(rig.finish(&wrong, &callback).await);
    assert!(matches!(error, LinkError::WrongClient { .. }), "{error:?}");

    let app = app(&rig, "linear-secret").await;
    let (account, _) = rig.connect_as(&app, USER).await;
    let mut ready = rig.ready(&account).await;
    for renewals in 1..=3 {
        let newer = rig.renew(&account, &ready).await.expect("the rotated token is used");
        assert_eq!(newer.version(), 1 + renewals);
        ready = newer;
    }
    rig.output(&account, "list_issues", json!({})).await;
    rig.revoke(&account).await;
    let (kind, _) = rig.refusal(&account, "list_issues", json!({})).await;
    assert_eq!(kind, ErrorKind::TokenExpired, "what was taken back is refused");
    let error = rig.renew(&account, &ready).await.expect_err("its refresh token is gone, too");
    assert!(matches!(error, AccessError::Dead { .. }), "{error:?}");
}
