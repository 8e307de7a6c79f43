//! GitHub: an OAuth app's accounts and a GitHub App's installations, issues and their pages.

use http::Method;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tenon_connector::catalog::Catalog;
use tenon_connector::context::{Account, Context, Seed};
use tenon_connector::exchange::{Callback, ConnectInput, Exchange, Outcome};
use tenon_connector::manifest::proxy::ErrorKind;
use tenon_connector::token::AccountSecrets;
use tenon_credentials::Settings;
use tenon_credentials::exchange::{Failure, drive};
use tenon_credentials::linking::LinkError;

use super::detour::{Detour, Route};
use super::rig::{Integration, REDIRECT_URI, Rig, link_error, object};
use super::server::{self, Server};

const CLIENT_ID: &str = "Iv1.tenon";
const CLIENT_SECRET: &str = "github-secret";

fn seed() -> Value {
    json!({"github": {
        "users": [{"login": "octocat", "name": "Octo", "email": "octocat@example.com"}],
        "repos": [{"owner": "octocat", "name": "hello-world", "auto_init": true}],
        "oauth_apps": [{
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "name": "Tenon",
            "redirect_uris": [REDIRECT_URI]
        }]
    }})
}

fn detour(github: &Server) -> Detour {
    let bases = ["https://api.github.com/", "https://github.com/"];
    Detour::new(bases.map(|from| Route::new(from, &github.base, "/")).into())
}

async fn app(rig: &Rig, client_secret: &str) -> Integration {
    let (values, secret) =
        (json!({"client_id": CLIENT_ID}), json!({"client_secret": client_secret}));
    rig.switch_on("github", "oauth", values, secret).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_linked_account_opens_issues_comments_and_reads_all_pages() {
    let Some(github) = server::emulate("github", &seed()).await else { return };
    let rig = Rig::new(detour(&github));
    let app = app(&rig, CLIENT_SECRET).await;
    let (account, name) = rig.connect_as(&app, "octocat").await;
    assert_eq!(name, "octocat");
    assert!(!rig.ready(&account).await.can_renew(), "tokens of OAuth apps do not end");

    let repo = json!({"owner": "octocat", "repo": "hello-world"});
    let with = |more: Value| {
        let mut input = object(repo.clone());
        input.extend(object(more));
        Value::Object(input)
    };
    let found = rig.output(&account, "get_repository", repo.clone()).await;
    assert_eq!(found["full_name"], "octocat/hello-world");

    for number in 1..=101 {
        let input = with(json!({"title": format!("Issue {number}"), "body": "From a test"}));
        let created = rig.output(&account, "create_issue", input).await;
        assert_eq!(created["number"], number);
    }
    let issues = rig.output(&account, "list_issues", with(json!({"state": "open"}))).await;
    let issues = issues.as_array().expect("a list");
    assert_eq!(issues.len(), 101, "a page holds 100: the Link header was followed");

    let comment = with(json!({"number": 7, "body": "Seen & noted"}));
    let comment = rig.output(&account, "add_comment", comment).await;
    let back = rig.get(&account, "repos/octocat/hello-world/issues/7/comments").await;
    assert_eq!((&back[0]["id"], &back[0]["body"]), (&comment["id"], &json!("Seen & noted")));
    assert_eq!(back[0]["user"]["login"], "octocat", "it is the account that was linked");

    let (kind, message) =
        rig.refusal(&account, "get_repository", json!({"owner": "octocat", "repo": "none"})).await;
    assert_eq!(kind, ErrorKind::NotFound);
    assert_eq!(message, "Not there, or the account may not see it");
    // A title that GitHub refuses, past the action's own schema.
    let (path, body) = ("repos/octocat/hello-world/issues", json!({"body": "No title"}));
    let (verdict, answer) = rig.call(&account, Method::POST, path, Some(body)).await;
    assert_eq!(verdict.kind, ErrorKind::Invalid, "{answer:#}");
    assert!(verdict.message.is_some_and(|text| text.starts_with("GitHub says: ")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_client_and_a_used_code_are_told_apart() {
    let Some(github) = server::emulate("github", &seed()).await else { return };
    let rig = Rig::new(detour(&github));
    let wrong = app(&rig, "another-secret").await;
    let callback = rig.consent(&wrong, "octocat").await;
    let error = link_error(rig.finish(&wrong, &callback).await);
    assert!(matches!(error, LinkError::WrongClient { .. }), "{error:?}");

    let right = app(&rig, CLIENT_SECRET).await;
    let linked = rig.finish(&right, &callback).await;
    assert!(linked.is_ok(), "the code was not used up by the wrong client");
    let error = link_error(rig.finish(&right, &callback).await);
    assert!(matches!(error, LinkError::Rejected { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_signs_for_its_installation_and_gets_tokens_anew() {
    let (key, other) = (rsa_key(), rsa_key());
    let mut seed = seed();
    seed["github"]["apps"] = json!([{
        "app_id": 4711,
        "slug": "tenon",
        "name": "Tenon",
        "private_key": key,
        "permissions": {"issues": "write"},
        "installations": [{"installation_id": 100, "account": "octocat"}]
    }]);
    let Some(github) = server::emulate("github", &seed).await else { return };
    let detour = detour(&github);

    let outcome = install(&detour, &key, "100").await;
    let token = outcome.unwrap_or_else(|failure| panic!("no token: {failure:?}"));
    let token = token.token.expect("an installation has a token");
    assert!(token.expires_at.is_some_and(|end| end > Timestamp::now()));
    let again = install(&detour, &key, "100").await.expect("a second one").token;
    assert_ne!(again.expect("a token").access_token, token.access_token);

    let rig = Rig::new(detour);
    let (app, secret) =
        (json!({"app_id": "4711", "app_slug": "tenon"}), json!({"private_key": key}));
    let app = rig.switch_on("github", "installation", app, secret).await;
    let secrets = AccountSecrets { fields: Map::new(), token: Some(token) };
    let account = rig.put(&app, json!({"installation_id": "100"}), secrets).await;
    let input = json!({"owner": "octocat", "repo": "hello-world", "title": "By the app"});
    let created = rig.output(&account, "create_issue", input).await;
    let path = format!("repos/octocat/hello-world/issues/{}", created["number"]);
    assert_eq!(rig.get(&account, &path).await["title"], "By the app");

    let old = rig.ready(&account).await;
    let renewed = rig.renew(&account, &old).await.expect("it signs for another one");
    assert_eq!(renewed.version(), old.version() + 1);

    let detour = self::detour(&github);
    let failure = install(&detour, &other, "100").await.err().expect("another key signs nothing");
    assert!(!matches!(failure, Failure::Temporary { .. }), "{failure:?}");
    let failure = install(&detour, &key, "101").await.err().expect("no such installation");
    assert!(!matches!(failure, Failure::Temporary { .. }), "{failure:?}");
}

/// The exchange that follows an installation. Linking would then ask whose it is, which emulate
/// cannot tell an app.
async fn install(detour: &Detour, key: &str, installation: &str) -> Result<Outcome, Failure> {
    let connector = Catalog::default().get("github").expect("it comes with Tenon");
    let method = connector.auth(Some("installation")).expect("it has installations");
    let app = json!({"app_id": "4711", "app_slug": "tenon", "private_key": key});
    let (app, fields) = (object(app), Map::new());
    let account = Account { app: &app, fields: &fields, token: None };
    let context = Context::new(account, Timestamp::now(), Seed::new([1; 16]));
    let params = [("installation_id", installation), ("setup_action", "install")];
    let params = params.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let input = ConnectInput::Callback(Callback {
        params: &params,
        redirect_uri: REDIRECT_URI,
        code_verifier: None,
        scopes: &[],
        kept: &fields,
    });
    let exchange = Exchange::connect(&connector, method, input, &context)?;
    drive(detour, exchange, &Settings::default().exchange).await
}

fn rsa_key() -> String {
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048);
    key.expect("a key can be made").serialize_pem()
}
