//! The commands for configurations, signing keys and the event log, as a person uses them.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use super::stage::Stage;
use crate::product::text_of;

fn command(stage: &Stage, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenon"));
    command
        .args(arguments)
        .env("TENON_SERVER", &stage.product.base)
        .env("TENON_PROJECT", &stage.product.project)
        .env("TENON_API_KEY", &stage.product.key);
    command
}

fn ran(stage: &Stage, arguments: &[&str]) -> Output {
    command(stage, arguments).output().expect("the terminal can be used")
}

/// What a command prints that does its work.
fn printed(stage: &Stage, arguments: &[&str]) -> String {
    let output = ran(stage, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("it prints text")
}

fn json_of(stage: &Stage, arguments: &[&str]) -> Value {
    let text = printed(stage, &[arguments, &["--json"]].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
}

#[tokio::test]
async fn configurations_are_made_changed_and_removed_in_the_terminal() {
    let stage = Stage::shared().await;
    let id = stage.connect_by_key(&stage.user, "canary-key-of-commands").await;
    let made = json_of(&stage, &["configurations", "create", &id, "--external-id", "team a"]);
    assert_eq!((&made["external_id"], &made["default"]), (&json!("team a"), &json!(false)));
    let update = ["configurations", "update", &id, "ext:team a", "--meta"];
    let changed = json_of(&stage, &[&update[..], &[r#"{"list": "x", "old": 1}"#]].concat());
    assert_eq!(changed["meta"], json!({"list": "x", "old": 1}));
    let changed = json_of(&stage, &[&update[..], &[r#"{"old": null}"#]].concat());
    assert_eq!(changed["meta"], json!({"list": "x"}));
    let table = printed(&stage, &["configurations", "list", &id]);
    assert!(table.contains("team a"), "{table}");

    printed(&stage, &["configurations", "delete", &id, "ext:team a"]);
    let left = json_of(&stage, &["configurations", "list", &id]);
    assert_eq!(left.as_array().map(Vec::len), Some(1), "{left:#}");
    let refused = ran(&stage, &["configurations", "delete", &id, &text_of(&left[0]["id"])]);
    assert_eq!(refused.status.code(), Some(2), "the default one stays");
    let nothing = ran(&stage, &["configurations", "update", &id, "ext:team a"]);
    let errors = String::from_utf8_lossy(&nothing.stderr).into_owned();
    assert!(errors.contains("--shared"), "{errors}");
    let update = ["configurations", "update", &id, &text_of(&left[0]["id"]), "--shared"];
    let refused = ran(&stage, &[&update[..], &[r#"{"nobody_asks": 1}"#]].concat());
    assert_eq!(refused.status.code(), Some(2), "no input has this name");
}

#[tokio::test]
async fn the_private_half_of_a_signing_key_goes_to_a_file_of_its_owner() {
    let stage = Stage::shared().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let create = || {
        let mut create = command(&stage, &["signing-keys", "create", "--json"]);
        create.current_dir(folder.path()).output().expect("the terminal can be used")
    };
    let first = create();
    let made: Value = serde_json::from_slice(&first.stdout).expect("it prints JSON");
    assert!(made.get("private_key").is_none(), "{made:#}");
    let path = folder.path().join(text_of(&made["private_key_file"]));
    let private = std::fs::read_to_string(&path).expect("it is there");
    assert!(private.starts_with("-----BEGIN PRIVATE KEY-----"), "it is a key");
    let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!String::from_utf8_lossy(&first.stdout).contains("PRIVATE KEY-----"));

    let again = create();
    assert!(!again.status.success(), "the file is not overwritten");
    assert_eq!(std::fs::read_to_string(&path).expect("it is there"), private);
    let id = text_of(&made["id"]);
    let keys = json_of(&stage, &["signing-keys", "list"]);
    let valid = |keys: &Value| {
        let keys = keys.as_array().expect("a list").clone();
        keys.into_iter().filter(|key| key["revoked_at"].is_null()).count()
    };
    let before = valid(&keys);
    assert!(keys.to_string().contains(&id), "{keys:#}");
    printed(&stage, &["signing-keys", "revoke", &id]);
    assert_eq!(valid(&json_of(&stage, &["signing-keys", "list"])), before - 1);

    let shown = printed(&stage, &["signing-keys", "create", "--print"]);
    assert!(shown.starts_with("-----BEGIN PRIVATE KEY-----"), "alone, for a pipe");
    let keys = json_of(&stage, &["signing-keys", "list"]);
    let last = keys.as_array().and_then(|keys| keys.last()).expect("there is one");
    printed(&stage, &["signing-keys", "revoke", &text_of(&last["id"])]);
}

#[tokio::test]
async fn events_are_listed_and_followed() {
    let stage = Stage::shared().await;
    let id = stage.connect_by_key(&stage.user, "canary-key-of-commands").await;
    let mine = |page: &Value| {
        let events = page["events"].as_array().expect("a list").clone();
        events.into_iter().find(|event| event["credential_id"] == id.as_str())
    };
    let (mut after, mut found) = (json!(0), None);
    while found.is_none() {
        let number = after.to_string();
        let page = json_of(&stage, &["events", "list", "--limit", "200", "--after", &number]);
        assert_ne!(page["next"], after, "its event is not there");
        (after, found) = (page["next"].clone(), mine(&page));
    }
    let event = found.expect("it was found");
    assert_eq!(event["type"], "credential.connected");

    let behind = (event["sequence"].as_i64().expect("a number") - 1).to_string();
    let mut follower = command(&stage, &["events", "follow", "--after", &behind, "--json"]);
    let mut follower = follower.stdout(Stdio::piped()).spawn().expect("it can be started");
    let lines = BufReader::new(follower.stdout.take().expect("it is piped")).lines();
    let reader = tokio::task::spawn_blocking({
        let id = id.clone();
        move || {
            let events = lines.map(|line| line.expect("it is text"));
            let events = events.map(|line| serde_json::from_str(&line).expect("it is JSON"));
            let ours = events.filter(|event: &Value| event["credential_id"] == id.as_str());
            ours.take(2).collect::<Vec<Value>>()
        }
    });
    printed(&stage, &["credentials", "disconnect", &id]);
    let limit = std::time::Duration::from_secs(30);
    let seen = tokio::time::timeout(limit, reader).await;
    follower.kill().expect("it is ours");
    follower.wait().expect("it ends");
    let seen = seen.expect("both came").expect("nothing panicked");
    let kinds: Vec<&Value> = seen.iter().map(|event| &event["type"]).collect();
    assert_eq!(kinds, ["credential.connected", "credential.disconnected"]);
}
