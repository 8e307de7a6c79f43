//! Secrets in steps: the step has them, and nothing that is recorded does.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use tenon_contract::egress::OutboundRequest;
use tenon_contract::vault::{Purpose, Subject};
use tenon_domain::portal::secret_setting;
use tenon_domain::{RunId, SecretId};
use tenon_exec::engine::End;
use tenon_exec::ports::history::{Payload, RunStatus, StepError};
use tenon_exec::ports::script::{FunctionError, FunctionErrorKind};
use tenon_exec::ports::store::Installation;
use tenon_exec::program::Program;

use super::world::{API_KEY, CONNECTOR, WORD, World, answer, answer_with};
use super::{json_of, rows};
use crate::bench::{Bench, program, program_with};
use crate::engine::{SUCCEEDED, function};

/// A request step to a service that the project has a key for.
fn call(id: &str, more: Value) -> Value {
    let mut step = json!({
        "id": id, "type": "request", "method": "POST", "url": "https://api.service.example/v1",
        "retry": { "retries": 0 },
    });
    let more = more.as_object().expect("an object").clone();
    step.as_object_mut().expect("an object").extend(more);
    step
}

/// Everything that a service was sent, in one text.
fn sent(request: &OutboundRequest) -> String {
    let body = String::from_utf8_lossy(&request.body);
    format!("{} {:?} {body}", request.url, request.headers)
}

/// A service that repeats all it was sent, in its body and in a header.
fn echo(
    request: &OutboundRequest,
) -> Result<tenon_contract::egress::OutboundResponse, tenon_contract::egress::Error> {
    let auth = super::authorization(request);
    let sent = sent(request);
    let encoded = STANDARD.encode(format!("user:{sent}"));
    let body = json!({ "sent": sent, "auth": auth, "encoded": encoded, auth.as_str(): 1 });
    match request.url.path() {
        "/v1/fails" => answer(400, body),
        _ => answer_with(200, &[("x-auth", &auth)], body),
    }
}

fn assert_nothing_shows(world: &World, run: RunId) {
    let rows = rows(world, run);
    assert!(!rows.is_empty());
    for row in rows {
        let shown = format!("{row:?}");
        assert!(!shown.contains("canary"), "{shown}");
        for encoded in ["canary", "xcanary", "xxcanary"].map(|text| STANDARD.encode(text)) {
            // Its first and last digits depend on what is around.
            assert!(!shown.contains(&encoded[4..8]), "{shown}");
        }
    }
}

/// Accepts a run of the user for the first account, with the password as it was then.
fn accept_with_word(world: &World, word: SecretId) -> RunId {
    let values = json!({
        "settings": { "word": secret_setting(word), "channel": "general" },
        "shared": { "word": secret_setting(word) },
    });
    let mut job = world.bench.stores.job(&json!({ "event": {} }));
    job.user = Some(world.user.clone());
    job.grant = Some(tenon_contract::grant::Grant::from_text("r2.of.this-run"));
    job.installation = Some(Installation {
        credential: world.accounts[0].id,
        configuration: world.accounts[0].configurations[0].id,
        values: Payload::Inline(Bytes::from(values.to_string())),
    });
    let run = job.run;
    world.bench.stores.store.put(job);
    run
}

/// A workflow of the integration whose users give a word and a channel.
fn with_word(steps: Value) -> Arc<Program> {
    program_with(json!({
        "integration": CONNECTOR, "steps": steps,
        "inputs": [
            { "id": "word", "title": "Word", "type": "password" },
            { "id": "channel", "title": "Channel", "type": "text" },
        ],
    }))
}

async fn failure(world: &World, run: RunId, program: &Arc<Program>) -> StepError {
    let End::Finished { status: RunStatus::Failed, error: Some(error) } =
        world.bench.take_up(run, program).await
    else {
        panic!("it should fail for good");
    };
    error
}

#[tokio::test(start_paused = true)]
async fn a_request_carries_the_secret_and_history_and_later_steps_do_not() {
    let functions = |_: &str, parameters: &Value| Ok(parameters.clone());
    let world = World::on(Bench::new(functions), |_| {}, echo);
    let steps = json!([
        call(
            "one",
            json!({
                "auth": { "type": "bearer", "token": "{{secrets.API_KEY}}" },
                "query": { "k": "{{secrets.API_KEY}}" },
                "headers": { "x-custom": "key {{secrets.API_KEY}}" },
                "body": { "json": { "nested": [{ "key": "{{secrets.API_KEY}}" }] } },
                "next": "two",
            })
        ),
        call(
            "two",
            json!({
                "url": "https://api.service.example/{{secrets.API_KEY}}",
                "auth": { "type": "basic", "username": "user", "password": "{{secrets.API_KEY}}" },
                "body": { "form": { "signed": "{{hmac(\"sha256\", secrets.API_KEY, \"x\")}}" } },
                "next": "three",
            })
        ),
        function("three", json!({ "parameters": { "heard": "{{one.response}}" } })),
    ]);
    let run = world.accept(&json!({}));
    assert_eq!(world.bench.take_up(run, &program(steps)).await, SUCCEEDED);
    let requests = world.egress.seen();
    assert_eq!(super::authorization(&requests[0]), format!("Bearer {API_KEY}"));
    for request in &requests[..1] {
        let whole = sent(request);
        assert!(whole.matches(API_KEY).count() == 2, "header and body: {whole}");
    }
    assert_nothing_shows(&world, run);
    let heard = world.bench.runner.calls()[0].1.to_string();
    assert!(!heard.contains("canary"), "what a service repeats goes no further: {heard}");
    let openings = world.vault.openings(world.api_key);
    let access = &openings[0];
    assert_eq!((access.purpose, access.run), (Purpose::Step, Some(run)));
    assert_eq!(access.step.as_ref().map(|step| step.as_str()), Some("one"));
    assert!(access.grant.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_failure_shows_no_secret_either() {
    let world = World::new(echo);
    for url in [
        "https://api.service.example/v1/fails?k={{secrets.API_KEY}}",
        "{{trigger.event.none}}no url but {{secrets.API_KEY}}",
    ] {
        let steps = json!([call("one", json!({ "url": url }))]);
        let run = world.accept(&json!({}));
        let error = failure(&world, run, &program(steps)).await;
        assert!(!error.message.contains("canary"), "{}", error.message);
        assert_nothing_shows(&world, run);
    }
}

#[tokio::test(start_paused = true)]
async fn a_function_gets_it_as_a_parameter_and_gives_it_to_nobody() {
    let bench = Bench::new(|code, parameters| match code {
        "throws" => Err(FunctionError {
            kind: FunctionErrorKind::Thrown,
            message: format!("cannot use {}", parameters["key"]),
            console: Vec::new(),
        }),
        _ => Ok(json!({ "given": parameters, "length": API_KEY.len() })),
    });
    let world = World::on(bench, |_| {}, echo);
    let key = json!({ "parameters": { "key": "{{secrets.API_KEY}}" } });
    let run = world.accept(&json!({}));
    let returned = program(json!([function("returns", key.clone())]));
    assert_eq!(world.bench.take_up(run, &returned).await, SUCCEEDED);
    assert_eq!(world.bench.runner.calls()[0].1, json!({ "key": API_KEY }));
    assert_nothing_shows(&world, run);
    let output = json_of(rows(&world, run)[0].output.as_ref());
    assert_eq!(output["result"], json!({ "given": { "key": "***" }, "length": API_KEY.len() }));

    let mut throws = function("throws", key);
    throws["retry"] = json!({ "retries": 0 });
    let run = world.accept(&json!({}));
    let error = failure(&world, run, &program(json!([throws]))).await;
    assert_eq!(error.message, "cannot use \"***\"");
    assert_nothing_shows(&world, run);
}

#[tokio::test(start_paused = true)]
async fn actions_and_calls_with_an_account_take_secrets_too() {
    let world = World::new(echo);
    let steps = json!([
        { "id": "one", "type": "action", "connector": CONNECTOR, "action": "create_contact",
          "input": { "email": "a@example.com", "name": "{{secrets.API_KEY}}" }, "next": "two" },
        { "id": "two", "type": "integration_request", "connector": CONNECTOR, "path": "/x",
          "headers": { "x-key": "{{secrets.API_KEY}}" } },
    ]);
    let run = world.accept(&json!({}));
    assert_eq!(world.bench.take_up(run, &program(steps)).await, SUCCEEDED);
    for request in world.egress.seen() {
        assert!(sent(&request).contains(API_KEY), "{}", sent(&request));
    }
    assert_nothing_shows(&world, run);
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_gone_fails_the_step_at_once() {
    let world = World::new(echo);
    let uses = |key: &str| {
        program(json!([{ "id": "one", "type": "request", "url": "https://api.service.example/",
                         "headers": { "x-key": format!("{{{{{key}}}}}") } }]))
    };
    let run = world.accept(&json!({}));
    let error = failure(&world, run, &uses("secrets.OTHER_KEY")).await;
    assert_eq!(error.code, "secret_missing");
    assert_eq!(error.message, "there is no `secrets.OTHER_KEY` any more");
    assert_eq!(rows(&world, run).len(), 1, "it is not tried again");
    let run = world.accept(&json!({}));
    assert_eq!(world.bench.take_up(run, &uses("secrets?.OTHER_KEY ?? \"none\"")).await, SUCCEEDED);
    assert_eq!(world.egress.seen()[0].headers["x-key"], "none");
    // The plan still names it, and the vault has shredded it.
    world.vault.forget(world.api_key);
    let run = world.accept(&json!({}));
    assert_eq!(failure(&world, run, &uses("secrets.API_KEY")).await.code, "secret_missing");
    assert_eq!(world.called().len(), 1, "nothing was sent without it");
}

#[tokio::test(start_paused = true)]
async fn a_password_setting_is_opened_for_the_step_that_names_it() {
    let functions = |_: &str, parameters: &Value| Ok(parameters.clone());
    let world = World::on(Bench::new(functions), |_| {}, echo);
    let steps = json!([
        call(
            "one",
            json!({
                "headers": { "x-word": "{{settings.word}}", "x-channel": "{{settings.channel}}" },
                "body": { "json": { "shared": "{{shared.word}}" } }, "next": "two",
            })
        ),
        function("two", json!({ "parameters": { "all": "{{settings}}", "shared": "{{shared}}" } })),
    ]);
    let run = accept_with_word(&world, world.word);
    assert_eq!(world.bench.take_up(run, &with_word(steps)).await, SUCCEEDED);
    let request = &world.egress.seen()[0];
    assert_eq!(request.headers["x-word"], WORD);
    assert_eq!(request.headers["x-channel"], "general");
    assert_eq!(&request.body[..], json!({ "shared": WORD }).to_string().as_bytes());
    let whole =
        json!({ "all": { "word": null, "channel": "general" }, "shared": { "word": null } });
    assert_eq!(world.bench.runner.calls()[0].1, whole, "as a whole they hold no passwords");
    assert_nothing_shows(&world, run);
    let channel = json_of(rows(&world, run)[0].input.as_ref());
    assert_eq!(channel["headers"]["x-channel"], "general");
}

#[tokio::test(start_paused = true)]
async fn a_password_that_was_changed_meanwhile_is_the_new_one() {
    let world = World::new(echo);
    let steps = |root: &str| {
        with_word(json!([call(
            "one",
            json!({ "headers": { "x-word": format!("{{{{{root}.word}}}}") } })
        )]))
    };
    // The run was accepted with a value that the vault has shredded since.
    let run = accept_with_word(&world, SecretId::new());
    assert_eq!(world.bench.take_up(run, &steps("shared")).await, SUCCEEDED);
    assert_eq!(world.egress.seen()[0].headers["x-word"], WORD);
    // The workflow has no setting of that name now.
    let run = accept_with_word(&world, SecretId::new());
    assert_eq!(failure(&world, run, &steps("settings")).await.code, "secret_missing");
}

#[tokio::test(start_paused = true)]
async fn a_setting_cannot_name_the_secret_of_something_else() {
    let world = World::new(echo);
    let steps = with_word(json!([call("one", json!({ "headers": { "x": "{{settings.word}}" } }))]));
    let other = &world.accounts[1];
    for foreign in [
        world.api_key,
        other.secret,
        world.vault.keep_text(world.bench.stores.project, Subject::App, "canary-of-an-app"),
    ] {
        let run = accept_with_word(&world, foreign);
        let error = failure(&world, run, &steps).await;
        assert_eq!(error.code, "secret_refused", "{}", error.message);
    }
    assert!(world.called().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_became_a_password_later_does_not_run_where_it_would_show() {
    let world = World::new(echo);
    let steps = [
        json!([{ "id": "one", "type": "conditional", "then": "two",
                 "if": { "operator": "$exists", "variable": "{{shared.word}}" } },
               { "id": "two", "type": "function", "code": "x" }]),
        json!([{ "id": "one", "type": "fan_out", "over": ["{{shared.word}}"], "each": "two" },
               { "id": "two", "type": "function", "code": "x" }]),
        json!([{ "id": "one", "type": "delay", "seconds": "{{shared.word}}" }]),
    ];
    for steps in steps {
        let run = accept_with_word(&world, world.word);
        let error = failure(&world, run, &with_word(steps)).await;
        assert_eq!(error.code, "secret_not_allowed", "{}", error.message);
        assert_eq!(rows(&world, run).len(), 1);
    }
    assert!(world.vault.openings(world.word).is_empty());
}
