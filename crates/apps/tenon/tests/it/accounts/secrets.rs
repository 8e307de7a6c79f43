//! Environment secrets and password settings from outside: kept, used by steps, gone from whatever
//! is recorded, and not to be taken away while they are used.

use std::io::Write as _;
use std::process::{Command, Stdio};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::provider::{KEY_PREFIX, LARGE_TEXT};
use super::stage::Stage;
use crate::product::{answer, document, fresh_name, text_of};

/// A key that no other test has.
fn fresh_key() -> String {
    fresh_name().to_uppercase().replace('-', "_")
}

/// A value that the provider takes for one of its keys, with characters that are escaped.
fn fresh_value() -> String {
    format!("{KEY_PREFIX}of-{}-/+=&\"%", fresh_name())
}

/// A workflow whose steps use a secret of the project and two passwords of its user, each in places
/// that repeat them.
pub struct SecretUse {
    pub workflow: String,
    pub event: String,
    value: String,
}

impl SecretUse {
    /// Keeps a secret, applies the integration's and the workflow's documents.
    pub async fn deploy(stage: &Stage) -> Self {
        let (key, value, event) = (fresh_key(), fresh_value(), fresh_name());
        let (status, kept) =
            stage.product.post("/secrets", &json!({ "key": key, "value": value })).await;
        assert_eq!(status, StatusCode::CREATED, "{kept:#}");
        assert!(!kept.to_string().contains(KEY_PREFIX), "{kept:#}");
        let integration = json!({
            "kind": "integration", "version": 1, "connector": stage.connector,
            "inputs": [{ "id": "token", "title": "Token", "type": "password" }],
        });
        let triggers = json!([{ "type": "app_event", "event": event }]);
        let mut workflow = document(&event, triggers, Self::steps(stage, &key));
        workflow["integration"] = stage.connector.clone().into();
        workflow["inputs"] = json!([{ "id": "word", "title": "Word", "type": "password" }]);
        let texts = [("integration.json", integration), ("workflow.json", workflow)];
        let documents: Vec<Value> = texts
            .iter()
            .map(|(file, document)| json!({ "file": file, "text": document.to_string() }))
            .collect();
        let (status, applied) =
            stage.product.post("/workflows/apply", &json!({ "documents": documents })).await;
        assert_eq!(status, StatusCode::OK, "{applied:#}");
        let workflow = text_of(&applied["applied"][0]["workflow_id"]);
        Self { workflow, event, value }
    }

    fn steps(stage: &Stage, key: &str) -> Value {
        let api = &stage.provider.api.url;
        let secret = format!("{{{{secrets.{key}}}}}");
        let call = |id: &str, path: &str, token: &str, next: &str| {
            json!({
                "id": id, "type": "request", "method": "POST", "url": format!("{api}{path}"),
                "auth": { "type": "bearer", "token": token }, "query": { "k": token },
                "body": { "json": { "key": token } }, "ignore_failure": true, "next": next,
            })
        };
        let code = "export function run(p) { console.log(p.secret, p.encoded); \
                    return { said: [p.secret, p.word], url: encodeURIComponent(p.secret), \
                             length: p.word.length } }";
        json!([
            call("large", "/large", &secret, "broken"),
            call("broken", "/broken", "{{settings.word}}", "garbage"),
            call("garbage", "/garbage", "{{shared.token}}", "unknown"),
            call("unknown", "/unknown", &format!("not {secret}"), "nowhere"),
            { "id": "nowhere", "type": "request", "url": format!("{secret} is no URL"),
              "ignore_failure": true, "next": "code" },
            { "id": "code", "type": "function", "code": code, "next": "throws",
              "parameters": { "secret": secret, "word": "{{settings.word}}",
                              "encoded": "{{base64_encode(settings.word)}}" } },
            { "id": "throws", "type": "function", "ignore_failure": true, "next": "look",
              "code": "export function run(p) { throw new Error('cannot use ' + p.secret) }",
              "parameters": { "secret": secret } },
            { "id": "look", "type": "integration_request", "connector": stage.connector,
              "path": "/things/7", "query": { "of": secret, "word": "{{shared.token}}" },
              "next": "whole" },
            { "id": "whole", "type": "function",
              "code": "export function run(p) { return p }",
              "parameters": { "all": "{{settings}}", "shared": "{{shared}}",
                              "heard": "{{large.response.body.token}}" } },
        ])
    }

    /// Gives the account its passwords and switches the workflow on.
    pub async fn switch_on(&self, stage: &Stage, credential: &str) -> [String; 2] {
        let path = format!("/credentials/{credential}/configurations");
        let (_, listed) = stage.product.get(&path).await;
        let path = format!("{path}/{}", text_of(&listed["configurations"][0]["id"]));
        let (word, token) = (fresh_value(), fresh_value());
        let change = json!({
            "shared_settings": { "token": token },
            "workflow_settings": {
                self.workflow.as_str(): { "enabled": true, "settings": { "word": word } },
            },
        });
        let changed = stage.product.call(Method::PATCH, &path).json(&change);
        let (status, changed) = answer(changed).await;
        assert_eq!(status, StatusCode::OK, "{changed:#}");
        assert!(!changed.to_string().contains(KEY_PREFIX), "{changed:#}");
        [word, token]
    }

    /// One run for a user; what the provider was sent is what was kept, and nothing that Tenon shows
    /// holds it.
    pub async fn run(&self, stage: &Stage, user: &str, [word, token]: &[String; 2]) {
        let run = stage.run_for(user, &self.event).await;
        assert_eq!(run["status"], "succeeded", "{run:#}");
        for (path, value) in [("/large", &self.value), ("/broken", word), ("/garbage", token)] {
            let calls = stage.provider.api.calls_of(path);
            let is_sent = calls.iter().any(|call| {
                call.header("authorization") == format!("Bearer {value}")
                    && call.body["key"] == value.as_str()
            });
            assert!(is_sent, "the secret did not arrive at {path}");
        }
        let run = text_of(&run["id"]);
        let shown = stage.product.steps(&run).await;
        assert_eq!(shown.len(), 9, "{shown:#?}");
        assert!(!json!(shown).to_string().contains(KEY_PREFIX), "{shown:#?}");
        let large = stage.product.value(&run, "large", "output").await;
        assert_eq!(large["response"]["body"]["token"], "***");
        assert!(large["response"]["body"]["padding"].as_str().expect("text").contains(LARGE_TEXT));
        let code = stage.product.value(&run, "code", "output").await;
        assert_eq!(code["result"]["said"], json!(["***", "***"]));
        assert_eq!(code["result"]["url"], "***");
        assert_eq!(code["result"]["length"], word.len());
        let whole = stage.product.value(&run, "whole", "output").await;
        let nothing =
            json!({ "all": { "word": null }, "shared": { "token": null }, "heard": "***" });
        assert_eq!(whole["result"], nothing);
    }
}

#[tokio::test]
async fn steps_use_secrets_and_passwords_and_show_neither() {
    let stage = Stage::shared().await;
    let used = SecretUse::deploy(&stage).await;
    let credential = stage.connect_by_key(&stage.user, &fresh_value()).await;
    let first = used.switch_on(&stage, &credential).await;
    used.run(&stage, &stage.user, &first).await;
    // The next run has the passwords that were given meanwhile.
    let second = used.switch_on(&stage, &credential).await;
    assert_ne!(first, second);
    used.run(&stage, &stage.user, &second).await;
}

#[tokio::test]
async fn a_workflow_of_no_user_uses_secrets_too_and_the_next_run_has_the_new_value() {
    let stage = Stage::shared().await;
    let (key, old, new) = (fresh_key(), fresh_value(), fresh_value());
    stage.product.post("/secrets", &json!({ "key": key, "value": old })).await;
    let api = &stage.provider.api.url;
    let steps = json!([{ "id": "call", "type": "request", "url": format!("{api}/things/1"),
                         "auth": { "type": "bearer", "token": format!("{{{{secrets.{key}}}}}") } }]);
    let event = stage.product.deploy(steps).await;
    for value in [&old, &new] {
        stage.product.put(&format!("/secrets/{key}"), &json!({ "value": value })).await;
        let runs = stage.product.fire(&event, json!({})).await;
        let run = stage.product.ended(&runs[0]).await;
        assert_eq!(run["status"], "succeeded", "{run:#}");
        assert_eq!(stage.provider.last_token("/things/1"), *value);
    }
}

#[tokio::test]
async fn a_secret_that_is_deleted_later_fails_its_step_at_once() {
    let stage = Stage::shared().await;
    let (key, product) = (fresh_key(), &stage.product);
    product.post("/secrets", &json!({ "key": key, "value": fresh_value() })).await;
    let steps = json!([
        { "id": "wait", "type": "delay", "seconds": 2, "next": "call" },
        { "id": "call", "type": "request", "url": stage.provider.api.url,
          "headers": { "x-key": format!("{{{{secrets.{key}}}}}") } },
    ]);
    let name = fresh_name();
    let triggers = json!([{ "type": "app_event", "event": name }]);
    let workflow = product.apply(&document(&name, triggers, steps)).await;
    let path = format!("/secrets/{key}");
    let (status, refused) = answer(product.call(Method::DELETE, &path)).await;
    assert_eq!((status, &refused["code"]), (StatusCode::CONFLICT, &json!("conflict")));
    assert!(refused["detail"].as_str().expect("text").contains(&name), "{refused:#}");

    let runs = product.fire(&name, json!({})).await;
    let undeployed = product.call(Method::DELETE, &format!("/workflows/{workflow}"));
    assert_eq!(answer(undeployed).await.0, StatusCode::NO_CONTENT);
    assert_eq!(answer(product.call(Method::DELETE, &path)).await.0, StatusCode::NO_CONTENT);
    let run = product.ended(&runs[0]).await;
    assert_eq!(run["error"]["code"], "secret_missing", "{run:#}");
    assert!(stage.provider.api.calls_of("/").is_empty(), "nothing was sent");
}

#[tokio::test]
async fn secrets_are_kept_listed_and_deleted_in_the_terminal() {
    let stage = Stage::shared().await;
    let (key, value) = (fresh_key(), fresh_value());
    let command = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenon"));
        command
            .args(arguments)
            .env("TENON_SERVER", &stage.product.base)
            .env("TENON_PROJECT", &stage.product.project)
            .env("TENON_API_KEY", &stage.product.key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    };
    let ran = |arguments: &[&str], input: &str| {
        let mut child = command(arguments).spawn().expect("the binary can be run");
        let mut stdin = child.stdin.take().expect("it was asked for");
        // It may end before it reads.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!format!("{text}{errors}").contains(KEY_PREFIX), "{text}{errors}");
        (output.status.code(), text, errors)
    };
    let (code, text, errors) = ran(&["secrets", "set", &key], &format!("{value}\n"));
    assert_eq!((code, text.trim()), (Some(0), &*format!("{key} is kept")), "{errors}");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("value").display().to_string();
    std::fs::write(&file, &value).expect("it is writable");
    let (code, text, errors) = ran(&["secrets", "set", &key, "--from-file", &file, "--json"], "");
    assert_eq!(code, Some(0), "{errors}");
    let set: Value = serde_json::from_str(&text).expect("it prints JSON");
    assert_eq!(set["key"], key.as_str());
    let (_, text, _) = ran(&["secrets", "list"], "");
    assert!(text.contains(&key), "{text}");
    let (code, _, errors) = ran(&["secrets", "set", &key], "short");
    assert_eq!(code, Some(2), "{errors}");
    assert!(errors.contains("8 bytes"), "{errors}");
    let (code, _, errors) = ran(&["secrets", "set", &value], "");
    assert_eq!(code, Some(2), "a value in place of the key: {errors}");
    let (code, text, errors) = ran(&["secrets", "delete", &key], "");
    assert_eq!((code, text.trim()), (Some(0), &*format!("{key} is deleted")), "{errors}");
    assert_eq!(ran(&["secrets", "delete", &key], "").0, Some(2));
}
