//! HubSpot, Jira, Notion and Slack, to read: searches, lists over pages, and refusals. `backlot`
//! serves a corpus that the tests bring, and refuses tokens that it does not know.

use std::fs;
use std::process::Command;

use http::Method;
use serde_json::{Map, Value, json};
use tenon_connector::manifest::proxy::ErrorKind;
use tenon_connector::token::{AccountSecrets, Token};
use tenon_credentials::linking::LinkError;

use super::detour::{Detour, Route};
use super::rig::{Rig, link_error, secret_fields};
use super::server::{self, Launch, Server};

/// The token that may read everything.
const TOKEN: &str = "admin-service-token";
/// Documents of each kind: more than a page of any of the connectors holds.
const DOCUMENTS: usize = 205;

/// Starts it with a corpus; `None`, with the reason printed, where it cannot be had.
async fn start() -> Option<Server> {
    let programs = server::installed("backlot")?;
    let folder = server::new_folder();
    let (corpus, data) = (folder.path().join("corpus.jsonl"), folder.path().join("data"));
    fs::write(&corpus, self::corpus()).expect("the corpus can be written");
    let program = programs.join("backlot");
    let imported = Command::new(&program)
        .arg("import")
        .arg(corpus)
        .arg("--data-dir")
        .arg(&data)
        .output()
        .expect("backlot can be run");
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    let port = server::free_ports::<1>()[0];
    let text = port.to_string();
    let arguments = ["serve", "--host", "127.0.0.1", "--port", &text, "--disable-telemetry"];
    let mut arguments: Vec<_> = arguments.map(Into::into).into();
    arguments.extend(["--data-dir".into(), data.into()]);
    let directory = folder.path().to_owned();
    let (path, statuses) = ("/health", &[200][..]);
    Some(
        Server::start(Launch { program, arguments, directory, port, path, statuses }, folder).await,
    )
}

fn corpus() -> String {
    let shared = json!({
        "group": "sales",
        "visibility": "public",
        "author_email": "ada@acme.com",
        "author_name": "Ada",
        "author_groups": ["sales"],
        "created": "2026-01-14T09:00:00Z",
        "content": "Text"
    });
    let document = |source: &str, number: usize, more: Value| {
        let mut document = shared.clone();
        document["source_type"] = source.into();
        document["doc_id"] = format!("{source}-{number}").into();
        if source != "slack" {
            document["title"] = format!("Title {number}").into();
        }
        for (name, value) in super::rig::object(more) {
            document[name] = value;
        }
        format!("{document}\n")
    };
    let of = |number: usize| {
        let email = format!("person{number}@example.com");
        let contact = json!({
            "object_type": "contacts",
            "properties": {"email": email, "firstname": format!("Person {number}")}
        });
        let issue = json!({
            "project": "platform",
            "issuetype": "Task",
            "status": "Open",
            "priority": "High",
            "reporter": "ada@acme.com"
        });
        let page = json!({
            "teamspace": "engineering",
            "subtype": "page",
            "updated": "2026-01-15T09:00:00Z"
        });
        let message = json!({"channel": format!("channel-{number}")});
        [
            document("hubspot", number, contact),
            document("jira", number, issue),
            document("notion", number, page),
            document("slack", number, message),
        ]
        .concat()
    };
    (0..DOCUMENTS).map(of).collect()
}

/// An account with a token of this text.
fn bearer(token: &str) -> AccountSecrets {
    let token = Token {
        access_token: token.to_owned(),
        refresh_token: None,
        expires_at: None,
        scope: None,
        issued_at: jiff::Timestamp::now(),
        extra: Map::new(),
    };
    AccountSecrets { fields: Map::new(), token: Some(token) }
}

/// How many different values the member `name` has in a list.
fn different(list: &Value, name: &str) -> usize {
    let items = list.as_array().expect("a list");
    let mut values: Vec<&str> = items.iter().filter_map(|item| item[name].as_str()).collect();
    values.sort_unstable();
    values.dedup();
    values.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn hubspot_contacts_are_listed_over_pages_and_found() {
    let Some(backlot) = start().await else { return };
    let route = Route::new("https://api.hubapi.com/", &backlot.base, "/hubspot/");
    let rig = Rig::new(Detour::new(vec![route]));
    let app = rig.switch_on("hubspot", "token", json!({}), json!({})).await;
    // backlot does not say whose account it is.
    let account = rig.put(&app, json!({}), secret_fields(json!({"api_key": TOKEN}))).await;
    let all = rig.output(&account, "list_contacts", json!({"properties": "email"})).await;
    assert_eq!(different(&all, "id"), DOCUMENTS);
    assert!(all[0]["properties"].get("firstname").is_none(), "only what was asked for");

    let input = json!({"property": "email", "value": "person42@example.com"});
    let found = rig.output(&account, "search_contacts", input).await;
    assert_eq!(found.as_array().map(Vec::len), Some(1));
    assert_eq!(found[0]["properties"]["firstname"], "Person 42");
    let path = format!("crm/v3/objects/contacts/{}", found[0]["id"].as_str().expect("an id"));
    assert_eq!(rig.get(&account, &path).await["id"], found[0]["id"]);

    let filter = json!({"propertyName": "email", "operator": "NOPE", "value": "x"});
    let body = Some(json!({"filterGroups": [{"filters": [filter]}]}));
    let path = "crm/v3/objects/contacts/search";
    let (verdict, _) = rig.call(&account, Method::POST, path, body).await;
    assert_eq!(verdict.kind, ErrorKind::Invalid);
    assert!(verdict.message.is_some_and(|text| text.contains("Enum type must be one of")));

    let stranger = rig.put(&app, json!({}), secret_fields(json!({"api_key": "nonsense"}))).await;
    let (kind, message) = rig.refusal(&stranger, "list_contacts", json!({})).await;
    assert_eq!(kind, ErrorKind::TokenExpired);
    assert_eq!(message, "Authentication credentials not found.");
}

#[tokio::test(flavor = "multi_thread")]
async fn jira_issues_are_found_with_either_kind_of_credential() {
    let Some(backlot) = start().await else { return };
    let rig = Rig::new(Detour::new(vec![
        Route::new("https://api.atlassian.com/ex/jira/cloud-1/", &backlot.base, "/atlassian/"),
        Route::new("https://acme.atlassian.net/", &backlot.base, "/atlassian/"),
    ]));
    let app = json!({"client_id": "jira-client"});
    let oauth = rig.switch_on("jira", "oauth", app, json!({"client_secret": "unused"})).await;
    // backlot says nothing of sites and people: what a link would have found is put in.
    let by_oauth = rig.put(&oauth, json!({"cloud_id": "cloud-1"}), bearer(TOKEN)).await;
    let basic = rig.switch_on("jira", "token", json!({}), json!({})).await;
    let public = json!({"site": "acme", "email": "ada@acme.com"});
    let secrets = secret_fields(json!({"api_token": TOKEN}));
    let by_token = rig.put(&basic, public.clone(), secrets).await;

    for account in [&by_oauth, &by_token] {
        let input = json!({"jql": "project = platform"});
        let all = rig.output(account, "search_issues", input).await;
        assert_eq!(different(&all, "key"), DOCUMENTS);
        let issue = rig.output(account, "get_issue", json!({"issue": all[7]["key"]})).await;
        assert_eq!(issue["fields"]["summary"], all[7]["fields"]["summary"]);
        let (kind, message) = rig.refusal(account, "get_issue", json!({"issue": "NONE-1"})).await;
        assert_eq!(kind, ErrorKind::NotFound);
        assert!(message.starts_with("Issue does not exist"), "{message}");
    }
    let stranger = rig.put(&oauth, json!({"cloud_id": "cloud-1"}), bearer("nonsense")).await;
    let input = json!({"jql": "project = platform"});
    let (kind, _) = rig.refusal(&stranger, "search_issues", input).await;
    assert_eq!(kind, ErrorKind::Permission);
}

#[tokio::test(flavor = "multi_thread")]
async fn notion_pages_are_found_over_pages_by_a_linked_account() {
    let Some(backlot) = start().await else { return };
    let route = Route::new("https://api.notion.com/", &backlot.base, "/notion/");
    let rig = Rig::new(Detour::new(vec![route]));
    let app = rig.switch_on("notion", "token", json!({}), json!({})).await;
    let linked = rig.fill_in(&app, json!({}), json!({"api_key": TOKEN})).await;
    let linked = linked.unwrap_or_else(|error| panic!("not linked: {error:?}"));
    assert!(linked.identity.as_ref().is_some_and(|identity| !identity.name.is_empty()));
    let account = rig.keep(&app, linked).await;

    let all = rig.output(&account, "search", json!({})).await;
    let pages = all.as_array().expect("a list").iter().filter(|found| found["object"] == "page");
    assert!(pages.count() >= DOCUMENTS, "a page of answers holds 100");
    assert_eq!(different(&all, "id"), all.as_array().map_or(0, Vec::len), "none comes twice");
    let found = rig.output(&account, "search", json!({"query": "Title 42"})).await;
    let id = found[0]["id"].clone();
    assert_eq!(rig.output(&account, "get_page", json!({"page": id})).await["id"], id);

    let input = json!({"page": "0".repeat(32)});
    let (kind, message) = rig.refusal(&account, "get_page", input).await;
    assert_eq!(kind, ErrorKind::NotFound);
    assert!(message.starts_with("Could not find page with ID"), "{message}");
    let error = link_error(rig.fill_in(&app, json!({}), json!({"api_key": "canary"})).await);
    assert!(matches!(error, LinkError::Rejected { .. }), "{error:?}");
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_channels_are_listed_over_pages() {
    let Some(backlot) = start().await else { return };
    let route = Route::new("https://slack.com/", &backlot.base, "/slack/");
    let rig = Rig::new(Detour::new(vec![route]));
    let app = json!({"client_id": "slack-client"});
    let app = rig.switch_on("slack", "oauth", app, json!({"client_secret": "unused"})).await;
    let account = rig.put(&app, json!({}), bearer(TOKEN)).await;
    let all = rig.output(&account, "list_channels", json!({})).await;
    assert!(different(&all, "id") >= DOCUMENTS, "a page holds 200");
    let stranger = rig.put(&app, json!({}), bearer("nonsense")).await;
    let (kind, message) = rig.refusal(&stranger, "list_channels", json!({})).await;
    assert_eq!((kind, message.as_str()), (ErrorKind::AuthDead, "Slack says: invalid_auth"));
}
