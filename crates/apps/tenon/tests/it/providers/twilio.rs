//! Twilio: basic credentials, forms, and pages by number.

use serde_json::{Value, json};
use tenon_connector::manifest::proxy::ErrorKind;
use tenon_credentials::linking::LinkError;

use super::detour::{Detour, Route};
use super::rig::{Rig, link_error};
use super::server::{self, Server};

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
const KEY: &str = "SK0123456789abcdef0123456789abcdef";
const FROM: &str = "+15005550006";

fn seed() -> Value {
    json!({"twilio": {
        "account": {"sid": ACCOUNT, "auth_token": "twilio-token", "friendly_name": "Acme"},
        "api_keys": [{"sid": KEY, "secret": "twilio-key-secret", "friendly_name": "Tenon"}],
        "phone_numbers": [{"phone_number": FROM}]
    }})
}

fn detour(twilio: &Server) -> Detour {
    Detour::new(vec![Route::new("https://api.twilio.com/", &twilio.base, "/")])
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_sent_read_and_listed_over_pages() {
    let Some(twilio) = server::emulate("twilio", &seed()).await else { return };
    let rig = Rig::new(detour(&twilio));
    let app = rig.switch_on("twilio", "auth_token", json!({}), json!({})).await;
    let (public, secret) = (json!({"username": ACCOUNT}), json!({"password": "twilio-token"}));
    let linked = rig.fill_in(&app, public, secret).await;
    let linked = linked.unwrap_or_else(|error| panic!("not linked: {error:?}"));
    let identity = linked.identity.clone().expect("Twilio says whose it is");
    assert_eq!((identity.id.as_str(), identity.name.as_str()), (ACCOUNT, "Acme"));
    let account = rig.keep(&app, linked).await;

    let body = "50 % off & more: \u{1F389}";
    let input = json!({"from": FROM, "to": "+4915112345678", "body": body});
    let sent = rig.output(&account, "send_message", input).await;
    let read = rig.output(&account, "get_message", json!({"sid": sent["sid"]})).await;
    assert_eq!((&read["body"], &read["to"]), (&json!(body), &json!("+4915112345678")));
    for number in 0..500 {
        let input = json!({"from": FROM, "to": "+4915187654321", "body": number.to_string()});
        rig.output(&account, "send_message", input).await;
    }
    let all = rig.output(&account, "list_messages", json!({})).await;
    let mut sids: Vec<&str> =
        all.as_array().expect("a list").iter().filter_map(|it| it["sid"].as_str()).collect();
    sids.sort_unstable();
    sids.dedup();
    assert_eq!(sids.len(), 501, "a page holds 500, and none comes twice");
    let one = rig.output(&account, "list_messages", json!({"to": "+4915112345678"})).await;
    assert_eq!(one.as_array().map(Vec::len), Some(1));

    let input = json!({"from": "+15005550001", "to": "+4915112345678", "body": "Hi"});
    let (kind, message) = rig.refusal(&account, "send_message", input).await;
    assert_eq!(kind, ErrorKind::Invalid);
    assert_eq!(message, "From phone number is not owned by this account (code 21606)");
    let (kind, _) = rig.refusal(&account, "get_message", json!({"sid": "SMnone"})).await;
    assert_eq!(kind, ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_works_and_a_wrong_secret_is_refused() {
    let Some(twilio) = server::emulate("twilio", &seed()).await else { return };
    let rig = Rig::new(detour(&twilio));
    let app = rig.switch_on("twilio", "api_key", json!({}), json!({})).await;
    let public = json!({"username": ACCOUNT, "key": KEY});
    let secret = json!({"key_secret": "twilio-key-secret"});
    let linked = rig.fill_in(&app, public.clone(), secret).await;
    let linked = linked.unwrap_or_else(|error| panic!("not linked: {error:?}"));
    let account = rig.keep(&app, linked).await;
    assert_eq!(rig.output(&account, "list_messages", json!({})).await, json!([]));

    let outcome = rig.fill_in(&app, public, json!({"key_secret": "canary-secret"})).await;
    let error = link_error(outcome);
    assert!(matches!(error, LinkError::Rejected { .. }), "{error:?}");
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
}
