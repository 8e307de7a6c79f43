//! Google: one sign-in for Gmail, Calendar and Drive; PKCE, renewal and revocation.

use serde_json::{Value, json};
use tenon_connector::manifest::proxy::ErrorKind;
use tenon_credentials::access::AccessError;
use tenon_credentials::linking::LinkError;

use super::detour::{Detour, Route};
use super::rig::{Connected, Integration, REDIRECT_URI, Rig, link_error};
use super::server::{self, Server};

const USER: &str = "ada@example.com";

fn seed() -> Value {
    json!({"google": {
        "users": [{"email": USER, "name": "Ada"}],
        "oauth_clients": [{
            "client_id": "google-client",
            "client_secret": "google-secret",
            "redirect_uris": [REDIRECT_URI]
        }],
        "calendars": [{"id": "primary", "user_email": USER, "summary": USER, "primary": true}],
        "labels": [{"id": "Label_ops", "user_email": USER, "name": "Ops"}]
    }})
}

/// Google's hosts differ by API; emulate has all of them at one address.
fn detour(google: &Server) -> Detour {
    let route = |from, path| Route::new(from, &google.base, path);
    Detour::new(vec![
        route("https://accounts.google.com/", "/"),
        route("https://oauth2.googleapis.com/", "/oauth2/"),
        route("https://openidconnect.googleapis.com/v1/userinfo", "/oauth2/v2/userinfo"),
        route("https://gmail.googleapis.com/", "/"),
        route("https://www.googleapis.com/", "/"),
    ])
}

async fn app(rig: &Rig, connector: &str, client_secret: &str) -> Integration {
    let app = json!({"client_id": "google-client"});
    rig.switch_on(connector, "oauth", app, json!({"client_secret": client_secret})).await
}

async fn connect<'i>(rig: &Rig, app: &'i Integration) -> Connected<'i> {
    let (account, name) = rig.connect_as(app, USER).await;
    assert_eq!(name, USER);
    account
}

#[tokio::test(flavor = "multi_thread")]
async fn gmail_sends_finds_reads_and_labels() {
    let Some(google) = server::emulate("google", &seed()).await else { return };
    let rig = Rig::new(detour(&google));
    let app = app(&rig, "gmail", "google-secret").await;
    let account = connect(&rig, &app).await;

    let mail = json!({
        "to": "ben@example.com",
        "subject": "Grüße aus Zürich",
        "text": "Erste Zeile\nZweite Zeile: 100 %"
    });
    let sent = rig.output(&account, "send_email", mail).await;
    let id = sent["id"].as_str().expect("an id").to_owned();
    let input = json!({"message_id": id, "format": "full"});
    let read = rig.output(&account, "get_message", input).await;
    let headers = read["payload"]["headers"].as_array().expect("headers").clone();
    let header = |name: &str| {
        let found = headers.iter().find(|header| header["name"] == name);
        found.map(|header| header["value"].clone()).unwrap_or_default()
    };
    assert_eq!(header("To"), "ben@example.com");
    // Whether a server decodes the words of RFC 2047 in headers is its own affair.
    let subject = header("Subject");
    let encoded = "=?UTF-8?B?R3LDvMOfZSBhdXMgWsO8cmljaA==?=";
    assert!(subject == "Grüße aus Zürich" || subject == encoded, "{subject}");
    assert!(read["snippet"].as_str().is_some_and(|text| text.contains("Zweite Zeile: 100 %")));

    let listed = rig.output(&account, "list_messages", json!({"label_ids": ["SENT"]})).await;
    let ids: Vec<&Value> =
        listed.as_array().expect("a list").iter().map(|message| &message["id"]).collect();
    assert_eq!(ids, [&json!(id)]);
    let none = rig.output(&account, "list_messages", json!({"query": "subject:nothing"})).await;
    assert_eq!(none, json!([]), "an answer without messages is an empty list");

    let labels = json!({"message_id": id, "add": ["Label_ops"]});
    rig.output(&account, "change_labels", labels).await;
    let path = format!("gmail/v1/users/me/messages/{id}");
    let labelled = rig.get(&account, &path).await;
    let labels = labelled["labelIds"].as_array().expect("labels");
    assert!(labels.contains(&json!("Label_ops")), "{labels:?}");

    let input = json!({"message_id": "no-such-message"});
    let (kind, message) = rig.refusal(&account, "get_message", input).await;
    assert_eq!(kind, ErrorKind::NotFound);
    assert!(message.starts_with("Google says: "), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_gets_an_event_and_loses_it() {
    let Some(google) = server::emulate("google", &seed()).await else { return };
    let rig = Rig::new(detour(&google));
    let app = app(&rig, "googlecalendar", "google-secret").await;
    let account = connect(&rig, &app).await;

    let event = json!({
        "summary": "Planning",
        "location": "Room 4",
        "start": {"dateTime": "2026-12-01T09:00:00Z"},
        "end": {"dateTime": "2026-12-01T10:00:00Z"},
        "attendees": [{"email": "ben@example.com"}]
    });
    let created = rig.output(&account, "create_event", event).await;
    let window = json!({"from": "2026-12-01T00:00:00Z", "to": "2026-12-02T00:00:00Z"});
    let listed = rig.output(&account, "list_events", window.clone()).await;
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed:#}");
    assert_eq!((&listed[0]["id"], &listed[0]["location"]), (&created["id"], &json!("Room 4")));
    assert_eq!(listed[0]["attendees"][0]["email"], "ben@example.com");
    let later = json!({"from": "2027-01-01T00:00:00Z"});
    assert_eq!(rig.output(&account, "list_events", later).await, json!([]));

    let input = json!({"event_id": created["id"]});
    let deleted = rig.output(&account, "delete_event", input.clone()).await;
    assert_eq!(deleted["event_id"], created["id"]);
    assert_eq!(rig.output(&account, "list_events", window).await, json!([]));
    let (kind, _) = rig.refusal(&account, "delete_event", input).await;
    assert_eq!(kind, ErrorKind::NotFound);
    let bad = json!({"start": {}, "end": {}});
    let (kind, message) = rig.refusal(&account, "create_event", bad).await;
    assert_eq!(kind, ErrorKind::Invalid);
    assert_eq!(message, "Google says: Event start and end are required.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drive_gets_folders_and_lists_them() {
    let Some(google) = server::emulate("google", &seed()).await else { return };
    let rig = Rig::new(detour(&google));
    let app = app(&rig, "googledrive", "google-secret").await;
    let account = connect(&rig, &app).await;

    let outer = rig.output(&account, "create_folder", json!({"name": "Reports"})).await;
    let input = json!({"name": "O'Brien's", "parent_id": outer["id"]});
    let inner = rig.output(&account, "create_folder", input).await;
    let input = json!({"file_id": inner["id"]});
    let found = rig.output(&account, "get_file", input).await;
    assert_eq!((&found["name"], &found["parents"]), (&json!("O'Brien's"), &json!([outer["id"]])));
    assert_eq!(found["mimeType"], "application/vnd.google-apps.folder");
    let query = format!("'{}' in parents", outer["id"].as_str().expect("an id"));
    let listed = rig.output(&account, "list_files", json!({"query": query})).await;
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed:#}");
    assert_eq!(listed[0]["id"], inner["id"]);
    let (kind, _) = rig.refusal(&account, "get_file", json!({"file_id": "none"})).await;
    assert_eq!(kind, ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_renewed_until_the_account_is_taken_back() {
    let Some(google) = server::emulate("google", &seed()).await else { return };
    let rig = Rig::new(detour(&google));
    let wrong = app(&rig, "gmail", "another-secret").await;
    let callback = rig.consent(&wrong, USER).await;
    let error = link_error(rig.finish(&wrong, &callback).await);
    assert!(matches!(error, LinkError::WrongClient { .. }), "{error:?}");

    let app = app(&rig, "gmail", "google-secret").await;
    let account = connect(&rig, &app).await;
    let first = rig.ready(&account).await;
    assert!(first.can_renew(), "consent was asked for offline access");
    let second = rig.renew(&account, &first).await.expect("Google gives another token");
    assert_eq!(second.version(), first.version() + 1);
    // Google sends no refresh token along: the first one is kept.
    assert!(second.can_renew());
    rig.output(&account, "list_messages", json!({})).await;

    rig.revoke(&account).await;
    let error = rig.renew(&account, &second).await.expect_err("Google has forgotten it");
    assert!(matches!(&error, AccessError::Dead { code, .. } if code == "revoked"), "{error:?}");
}
