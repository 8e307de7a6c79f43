//! Slack: an app that is installed in a workspace, with the scopes that it was given.

use http::Method;
use serde_json::{Value, json};
use tenon_connector::manifest::proxy::ErrorKind;
use tenon_credentials::linking::LinkError;

use super::detour::{Detour, Route};
use super::rig::{Integration, REDIRECT_URI, Rig, link_error};
use super::server::{self, Server};

/// The person who installs the app.
const USER: &str = "dev@example.com";

fn seed() -> Value {
    json!({"slack": {
        "team": {"name": "Workspace", "domain": "workspace"},
        "users": [{"name": "dev", "email": USER}],
        "channels": [{"name": "general"}],
        // Calls need the scopes that were granted.
        "strict_scopes": true,
        "oauth_apps": [{
            "client_id": "1.2",
            "client_secret": "slack-secret",
            "app_id": "A1",
            "name": "Tenon",
            "redirect_uris": [REDIRECT_URI]
        }]
    }})
}

fn detour(slack: &Server) -> Detour {
    Detour::new(vec![Route::new("https://slack.com/", &slack.base, "/")])
}

async fn app(rig: &Rig, client_secret: &str, scopes: &[&str]) -> Integration {
    let (app, secret) = (json!({"client_id": "1.2"}), json!({"client_secret": client_secret}));
    rig.switch_on("slack", "oauth", app, secret).await.asking_for(scopes)
}

/// The id of the channel #general.
async fn general(rig: &Rig, account: &super::rig::Connected<'_>) -> Value {
    let (_, answer) = rig.call(account, Method::POST, "conversations.list", None).await;
    let channels = answer["channels"].as_array().expect("a list of channels");
    let found = channels.iter().find(|channel| channel["name"] == "general");
    found.expect("the channel is there")["id"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installed_app_posts_answers_and_reacts() {
    let Some(slack) = server::emulate("slack", &seed()).await else { return };
    let rig = Rig::new(detour(&slack));
    let scopes = ["chat:write", "channels:read", "channels:history", "reactions:write"];
    let app = app(&rig, "slack-secret", &scopes).await;
    let (account, workspace) = rig.connect_as(&app, USER).await;
    assert_eq!(workspace, "Workspace");
    assert!(!rig.ready(&account).await.can_renew(), "the app does not rotate its tokens");

    let channel = general(&rig, &account).await;
    let input = json!({"channel": channel, "text": "Deployed <b>1.2</b> & done"});
    let sent = rig.output(&account, "send_message", input).await;
    let reply = json!({"channel": channel, "text": "Again", "thread_ts": sent["ts"]});
    rig.output(&account, "send_message", reply).await;
    let reaction = json!({"channel": channel, "timestamp": sent["ts"], "name": "tada"});
    rig.output(&account, "add_reaction", reaction.clone()).await;
    // `already_reacted` is an error to Slack; to a step that is tried again it is none.
    rig.output(&account, "add_reaction", reaction).await;

    let query = Some(json!({"channel": channel}));
    let (_, history) = rig.call(&account, Method::POST, "conversations.history", query).await;
    let first = history["messages"].as_array().expect("messages").iter();
    let first = first.filter(|message| message["ts"] == sent["ts"]).collect::<Vec<_>>();
    assert_eq!(first.len(), 1, "{history:#}");
    assert_eq!(
        (&first[0]["text"], &first[0]["reply_count"]),
        (&sent["message"]["text"], &json!(1))
    );
    assert_eq!(first[0]["reactions"][0]["name"], "tada");

    let input = json!({"channel": "C0NONE", "text": "Unheard"});
    let (kind, message) = rig.refusal(&account, "send_message", input).await;
    assert_eq!((kind, message.as_str()), (ErrorKind::NotFound, "Slack says: channel_not_found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_was_not_granted_is_named() {
    let Some(slack) = server::emulate("slack", &seed()).await else { return };
    let rig = Rig::new(detour(&slack));
    let app = app(&rig, "slack-secret", &["chat:write", "channels:read"]).await;
    let (account, _) = rig.connect_as(&app, USER).await;
    let channel = general(&rig, &account).await;
    let input = json!({"channel": channel, "text": "Hello"});
    let sent = rig.output(&account, "send_message", input).await;
    let reaction = json!({"channel": channel, "timestamp": sent["ts"], "name": "tada"});
    let (kind, message) = rig.refusal(&account, "add_reaction", reaction).await;
    assert_eq!(kind, ErrorKind::Permission);
    assert_eq!(message, "Slack says: missing_scope; needed: reactions:write");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_that_come_with_status_200_are_told_apart_while_linking() {
    let Some(slack) = server::emulate("slack", &seed()).await else { return };
    let rig = Rig::new(detour(&slack));
    let scopes = ["chat:write"];
    let wrong = app(&rig, "another-secret", &scopes).await;
    let callback = rig.consent(&wrong, USER).await;
    let error = link_error(rig.finish(&wrong, &callback).await);
    assert!(matches!(error, LinkError::WrongClient { .. }), "{error:?}");
    let right = app(&rig, "slack-secret", &scopes).await;
    assert!(rig.finish(&right, &callback).await.is_ok());
    let error = link_error(rig.finish(&right, &callback).await);
    assert!(matches!(error, LinkError::Rejected { .. }), "the code is used up: {error:?}");
}
