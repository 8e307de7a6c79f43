//! Providers send events: signed as Slack and as GitHub do it, to the product as it is shipped.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::product::{PATIENCE, Product, answer, fresh_name, text_of};

const SIGNING: &str = "app-signing-canary-1";

/// A project with a connector of its own, and workflows that listen to it.
struct Stage {
    product: Product,
    connector: String,
    /// Ids of the workflow that hears the app's events, and of the one that hears those of one account.
    workflows: [String; 2],
    users: [String; 2],
    accounts: [String; 2],
    teams: [String; 2],
}

/// `team` is signed as Slack does it and goes to all accounts of a team; `repo` is signed as GitHub
/// does it, with a secret that Tenon makes, and has a URL for each account.
fn manifest(name: &str) -> Value {
    let at = r#"{{webhook.headers["x-sent-at"]}}"#;
    json!({
        "format": 1, "name": name, "version": "1.0.0", "title": "Chat",
        "description": "A provider that only calls.", "categories": ["testing"],
        "docs": "https://chat.example/docs",
        "app_fields": [{"name": "signing_secret", "title": "Signing secret", "type": "password"}],
        "fields": [{"name": "team_id", "title": "Team"}],
        "auth": [{
            "id": "key", "type": "api_key",
            "inject": {"headers": {"authorization": "Bearer {{fields.api_key}}"}},
        }],
        "proxy": {"base_url": [{"url": "https://chat.example"}]},
        "webhooks": [
            {
                "id": "team", "title": "Events of teams",
                "registration": {"type": "app", "instructions": "Enter this URL at Chat."},
                "secret": {"app": "signing_secret"},
                "verification": {
                    "type": "hmac", "algorithm": "sha256",
                    "message": format!("v0:{at}:{{{{webhook.raw}}}}"),
                    "signature": {"header": "x-chat-signature", "prefix": "v0="},
                    "timestamp": {"value": at},
                },
                "handshake": {
                    "when": {"operator": "$stringExactlyMatches", "argument": "hello",
                             "variable": "{{webhook.body.type}}"},
                    "verified": true,
                    "answer": {"body": {"challenge": "{{webhook.body.challenge}}"}},
                },
                "event": "{{webhook.body.type}}", "dedupe": "{{webhook.body.id}}",
                "route": {"type": "field", "value": "{{webhook.body.team}}", "field": "team_id"},
                "events": {"message": "A message", "left": "Somebody left"},
            },
            {
                "id": "repo", "title": "Events of a repository",
                "registration": {"type": "manual", "instructions": "Enter both under Webhooks."},
                "secret": "generated",
                "verification": {
                    "type": "hmac", "algorithm": "sha256",
                    "signature": {"header": "x-hub-signature-256", "prefix": "sha256="},
                },
                "event": r#"{{webhook.headers["x-event"]}}"#,
                "dedupe": r#"{{webhook.headers["x-delivery"]}}"#,
                "route": {"type": "url"},
            },
        ],
    })
}

impl Stage {
    async fn of(product: Product) -> Self {
        let slug = fresh_name();
        let connector = format!("custom.{slug}");
        let path = format!("/connectors/{connector}");
        let (status, answered) = product.put(&path, &manifest(&slug)).await;
        assert_eq!(status, StatusCode::OK, "the connector is refused: {answered:#}");
        let (status, answered) =
            product.post("/integrations", &json!({ "connector": connector })).await;
        assert_eq!(status, StatusCode::CREATED, "{answered:#}");
        let path = format!("/integrations/{connector}/apps/key");
        let values = json!({ "values": { "signing_secret": SIGNING } });
        let (status, answered) = product.put(&path, &values).await;
        assert_eq!(status, StatusCode::OK, "{answered:#}");
        let mut workflows = Vec::new();
        for (webhook, events) in [("team", json!(["message"])), ("repo", json!([]))] {
            let name = fresh_name();
            let trigger = json!({ "type": "webhook", "webhook": webhook, "events": events });
            workflows.push(product.apply(&workflow(&name, &connector, trigger)).await);
        }
        let users = [fresh_name(), fresh_name()];
        let teams = [fresh_name(), fresh_name()];
        let mut accounts = Vec::new();
        for (user, team) in users.iter().zip(&teams) {
            let fields = json!({ "api_key": "canary", "team_id": team });
            let body = json!({ "integration": connector, "auth_method": "key", "fields": fields });
            let (status, linked) = product.post(&format!("/users/{user}/credentials"), &body).await;
            assert_eq!(status, StatusCode::CREATED, "{linked:#}");
            accounts.push(text_of(&linked["id"]));
        }
        Self {
            product,
            connector,
            workflows: workflows.try_into().expect("two of them"),
            users,
            accounts: accounts.try_into().expect("two of them"),
            teams,
        }
    }

    /// The URL to enter at the provider.
    async fn team_url(&self) -> String {
        let path = format!("/integrations/{}/webhooks", self.connector);
        let (status, listed) = self.product.get(&path).await;
        assert_eq!(status, StatusCode::OK, "{listed:#}");
        let found = &listed["webhooks"][0];
        assert_eq!((&found["webhook"], &found["scope"]), (&json!("team"), &json!("app")));
        assert_eq!((&found["ready"], &found["supported"]), (&json!(true), &json!(true)));
        assert_eq!(found["instructions"], "Enter this URL at Chat.");
        text_of(&found["url"])
    }

    async fn send(&self, url: &str, secret: &str, body: &Value) -> (StatusCode, Value) {
        answer(self.signed(url, secret, body)).await
    }

    fn signed(&self, url: &str, secret: &str, body: &Value) -> reqwest::RequestBuilder {
        let text = body.to_string();
        let at = jiff::Timestamp::now().as_second();
        let signature = sign(secret, &format!("v0:{at}:{text}"));
        let call = self.product.http.post(url).header("content-type", "application/json");
        call.header("x-sent-at", at)
            .header("x-chat-signature", format!("v0={signature}"))
            .body(text)
    }

    /// The URL and the secret of an account.
    async fn repo(&self, account: usize) -> (String, String) {
        let path = format!("/credentials/{}/webhooks/repo", self.accounts[account]);
        let (status, made) = self.product.post(&path, &json!(null)).await;
        assert_eq!(status, StatusCode::OK, "{made:#}");
        (text_of(&made["url"]), text_of(&made["secret"]))
    }

    async fn push(&self, url: &str, secret: &str, delivery: &str) -> StatusCode {
        let text = json!({ "ref": "main" }).to_string();
        let call = self.product.http.post(url).header("content-type", "application/json");
        let call = call.header("x-event", "push").header("x-delivery", delivery);
        let signature = format!("sha256={}", sign(secret, &text));
        answer(call.header("x-hub-signature-256", signature).body(text)).await.0
    }

    /// The runs of a workflow.
    async fn runs(&self, workflow: usize) -> Vec<Value> {
        let path = format!("/runs?workflow={}&limit=200", self.workflows[workflow]);
        let (status, page) = self.product.get(&path).await;
        assert_eq!(status, StatusCode::OK, "{page:#}");
        page["runs"].as_array().expect("a list of runs").clone()
    }

    /// What the step of a run saw.
    async fn seen(&self, run: &Value) -> Value {
        let id = text_of(&run["id"]);
        assert_eq!(self.product.ended(&id).await["status"], "succeeded");
        self.product.value(&id, "show", "output").await["result"].clone()
    }
}

fn workflow(name: &str, connector: &str, trigger: Value) -> Value {
    json!({
        "version": 1, "name": name, "integration": connector, "triggers": [trigger],
        "steps": [{
            "id": "show", "type": "function",
            "parameters": {"webhook": "{{trigger.webhook}}", "user": "{{user.id}}"},
            "code": "function run(parameters) { return parameters; }",
        }],
        "settings": { "retry": { "retries": 0 } },
    })
}

fn sign(secret: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut hex = String::new();
    for byte in hmac::sign(&key, text.as_bytes()).as_ref() {
        write!(hex, "{byte:02x}").expect("text can be written to");
    }
    hex
}

#[tokio::test]
async fn an_apps_event_runs_for_the_user_of_that_team_and_once() {
    let stage = Stage::of(Product::shared()).await;
    let url = stage.team_url().await;
    let challenge = json!({ "type": "hello", "challenge": "c-1" });
    let answered = stage.send(&url, SIGNING, &challenge).await;
    assert_eq!(answered, (StatusCode::OK, json!({ "challenge": "c-1" })));
    let message = json!({ "type": "message", "id": "m-1", "team": stage.teams[1], "text": "hi" });
    for secret in ["another-secret", "canary", ""] {
        let (status, _) = stage.send(&url, secret, &message).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    assert!(stage.runs(0).await.is_empty());
    for _ in 0..3 {
        assert_eq!(stage.send(&url, SIGNING, &message).await.0, StatusCode::OK);
    }
    let [run] = &stage.runs(0).await[..] else { panic!("one run") };
    assert_eq!((&run["trigger"], &run["user"]), (&json!("webhook"), &json!(stage.users[1])));
    let seen = stage.seen(run).await;
    assert_eq!(seen["user"], json!(stage.users[1]));
    assert_eq!(seen["webhook"]["event"], "message");
    assert_eq!(seen["webhook"]["body"], message);
    assert!(seen["webhook"]["headers"].get("x-chat-signature").is_none());
    // Another type of event, and a team that nobody has.
    let left = json!({ "type": "left", "id": "m-2", "team": stage.teams[1] });
    let nobody = json!({ "type": "message", "id": "m-3", "team": "nobody" });
    for body in [left, nobody] {
        assert_eq!(stage.send(&url, SIGNING, &body).await.0, StatusCode::OK);
    }
    assert_eq!(stage.runs(0).await.len(), 1);
    let other = json!({ "type": "message", "id": "m-4", "team": stage.teams[0] });
    assert_eq!(stage.send(&url, SIGNING, &other).await.0, StatusCode::OK);
    assert_eq!(stage.runs(0).await.len(), 2);
}

#[tokio::test]
async fn a_new_signing_secret_counts_at_once_and_the_old_one_no_more() {
    let stage = Stage::of(Product::shared()).await;
    let url = stage.team_url().await;
    let message = |id: &str| json!({ "type": "message", "id": id, "team": stage.teams[0] });
    assert_eq!(stage.send(&url, SIGNING, &message("1")).await.0, StatusCode::OK);
    let path = format!("/integrations/{}/apps/key", stage.connector);
    let values = json!({ "values": { "signing_secret": "the-next-canary" } });
    assert_eq!(stage.product.put(&path, &values).await.0, StatusCode::OK);
    let give_up = Instant::now() + Duration::from_secs(5);
    while stage.send(&url, "the-next-canary", &message("2")).await.0 != StatusCode::OK {
        assert!(Instant::now() < give_up, "the new secret does not count");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (status, _) = stage.send(&url, SIGNING, &message("3")).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(stage.runs(0).await.len(), 2);
}

#[tokio::test]
async fn an_accounts_url_runs_for_that_account_until_it_is_disconnected() {
    let stage = Stage::of(Product::shared()).await;
    let (url, secret) = stage.repo(0).await;
    assert_eq!(stage.repo(0).await, (url.clone(), secret.clone()), "it stays the same");
    let (other_url, other_secret) = stage.repo(1).await;
    assert!(url != other_url && secret != other_secret && secret.len() >= 40);
    // The secret of another account, and an account that is not there.
    assert_eq!(stage.push(&url, &other_secret, "d-1").await, StatusCode::UNAUTHORIZED);
    let nowhere = url.replace(&stage.accounts[0], &uuid::Uuid::new_v4().to_string());
    assert_eq!(stage.push(&nowhere, &secret, "d-1").await, StatusCode::NOT_FOUND);
    assert!(stage.runs(1).await.is_empty());
    for delivery in ["d-1", "d-1", "d-2"] {
        assert_eq!(stage.push(&url, &secret, delivery).await, StatusCode::OK);
    }
    let runs = stage.runs(1).await;
    assert_eq!(runs.len(), 2);
    assert!(runs.iter().all(|run| run["user"] == json!(stage.users[0])));
    assert_eq!(stage.seen(&runs[0]).await["webhook"]["body"], json!({ "ref": "main" }));
    let path = format!("/credentials/{}", stage.accounts[0]);
    let (status, _) = answer(stage.product.call(reqwest::Method::DELETE, &path)).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let give_up = Instant::now() + Duration::from_secs(5);
    while stage.push(&url, &secret, "d-3").await != StatusCode::NOT_FOUND {
        assert!(Instant::now() < give_up, "the URL is still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(stage.runs(1).await.len(), 2);
    assert_eq!(stage.push(&other_url, &other_secret, "d-1").await, StatusCode::OK);
    assert_eq!(stage.runs(1).await.len(), 3);
}

#[tokio::test]
async fn a_workflow_that_names_what_is_not_there_is_refused_with_what_there_is() {
    let stage = Stage::of(Product::shared()).await;
    let refused = async |connector: &str, trigger: Value| {
        let text = workflow(&fresh_name(), connector, trigger).to_string();
        let body = json!({ "documents": [{ "file": "a.json", "text": text }] });
        let (status, problem) = stage.product.post("/workflows/apply", &body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem:#}");
        problem["errors"][0].clone()
    };
    let error = refused(&stage.connector, json!({"type": "webhook", "webhook": "teams"})).await;
    assert_eq!((&error["code"], &error["file"]), (&json!("unknown_webhook"), &json!("a.json")));
    assert!(text_of(&error["help"]).contains("team"), "{error:#}");
    let trigger = json!({"type": "webhook", "webhook": "team", "events": ["qqqqqq"]});
    let error = refused(&stage.connector, trigger).await;
    assert_eq!(error["code"], "unknown_webhook_event");
    assert!(text_of(&error["help"]).contains("left, message"), "{error:#}");
    let error = refused("outlook", json!({"type": "webhook", "webhook": "messages"})).await;
    assert_eq!(error["code"], "webhook_not_supported");
}

#[tokio::test]
async fn the_terminal_shows_what_to_enter() {
    let stage = Stage::of(Product::shared()).await;
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenon"));
        command.args(arguments).env("TENON_SERVER", &stage.product.base);
        command.env("TENON_PROJECT", &stage.product.project);
        let output = command.env("TENON_API_KEY", &stage.product.key).output();
        let output = output.expect("the terminal can be used");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("it prints text")
    };
    let list = run(&["webhooks", "list", &stage.connector]);
    let url = stage.team_url().await;
    assert!(list.contains(&url) && list.contains("Enter this URL at Chat."), "{list}");
    assert!(list.contains("tenon webhooks url ID repo"), "{list}");
    let shown = run(&["webhooks", "url", &stage.accounts[0], "repo"]);
    let (url, secret) = stage.repo(0).await;
    assert!(shown.contains(&url) && shown.contains(&secret), "{shown}");
}

/// What was answered with 2xx is there after a crash, and what the provider sends again is no
/// second run.
#[tokio::test]
async fn a_kill_between_loses_nothing_and_doubles_nothing() {
    let mut stage = Stage::of(Product::own(&[])).await;
    let url = stage.team_url().await;
    let message =
        |id: usize| json!({ "type": "message", "id": format!("m-{id}"), "team": stage.teams[0] });
    let bodies: Vec<Value> = (0..120).map(message).collect();
    let calls = bodies.iter().map(|body| stage.signed(&url, SIGNING, body).send());
    let all = join_all(calls);
    let pid = stage.product.pid;
    let killing = async move {
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert!(crate::product::signal(pid, "KILL"), "it runs");
    };
    let (answers, ()) = tokio::join!(all, killing);
    let answered: Vec<usize> = answers
        .iter()
        .enumerate()
        .filter(|(_, answer)| answer.as_ref().is_ok_and(|it| it.status() == StatusCode::OK))
        .map(|(id, _)| id)
        .collect();
    stage.product.kill().await;
    stage.product.start_again().await;
    let counts = async |stage: &Stage| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for run in stage.runs(0).await {
            let id = text_of(&stage.seen(&run).await["webhook"]["body"]["id"]);
            *counts.entry(id).or_default() += 1;
        }
        counts
    };
    let after = counts(&stage).await;
    for id in &answered {
        assert_eq!(after.get(&format!("m-{id}")), Some(&1), "m-{id} was answered with 2xx");
    }
    // The provider sends everything again, as it does with what was not answered.
    let url = stage.team_url().await;
    for body in &bodies {
        let give_up = Instant::now() + PATIENCE;
        while stage.send(&url, SIGNING, body).await.0 != StatusCode::OK {
            assert!(Instant::now() < give_up, "it is not taken");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let after = counts(&stage).await;
    assert_eq!(after.len(), bodies.len());
    assert!(after.values().all(|count| *count == 1), "{after:?}");
    println!("{} of {} were answered before the kill", answered.len(), bodies.len());
}
