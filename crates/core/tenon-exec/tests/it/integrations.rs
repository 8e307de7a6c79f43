//! Steps that use connected accounts: which account, what goes out, and what its end is.

mod check;
mod pauses;
mod secrets;
pub mod vault;
pub mod world;

use std::sync::Arc;

use serde_json::{Value, json};
use tenon_contract::vault::{Purpose, SecretState};
use tenon_domain::{Clock, ConfigurationId, CredentialId, RunId};
use tenon_exec::engine::End;
use tenon_exec::ports::history::{Payload, RunStatus, StepError, StepStatus};
use tenon_exec::ports::store::{Installation, StepRow};
use tenon_exec::program::Program;

use crate::bench::{Bench, program};
use crate::engine::SUCCEEDED;
use world::{CONNECTOR, TOKEN, World, answer, answer_with, authorization};

/// An action step.
fn action(id: &str, name: &str, more: Value) -> Value {
    let mut step = json!({ "id": id, "type": "action", "connector": CONNECTOR, "action": name });
    let more = more.as_object().expect("an object").clone();
    step.as_object_mut().expect("an object").extend(more);
    step
}

/// An integration request.
fn request(id: &str, path: &str, more: Value) -> Value {
    let mut step =
        json!({ "id": id, "type": "integration_request", "connector": CONNECTOR, "path": path });
    let more = more.as_object().expect("an object").clone();
    step.as_object_mut().expect("an object").extend(more);
    step
}

fn rows(world: &World, run: RunId) -> Vec<StepRow> {
    world.bench.stores.store.rows_of(run)
}

fn json_of(payload: Option<&Payload>) -> Value {
    let Some(Payload::Inline(bytes)) = payload else { panic!("not inline: {payload:?}") };
    serde_json::from_slice(bytes).expect("JSON")
}

async fn failure(world: &World, step: Value) -> StepError {
    let program = program(json!([step]));
    let run = world.accept(&json!({}));
    let End::Finished { status: RunStatus::Failed, error: Some(error) } =
        world.bench.take_up(run, &program).await
    else {
        panic!("it should fail for good");
    };
    error
}

#[tokio::test(start_paused = true)]
async fn an_action_is_done_with_the_oldest_account_and_shows_no_secret() {
    let world = World::new(|request| {
        assert_eq!(authorization(request), format!("Bearer {TOKEN}"));
        assert_eq!(request.headers["x-version"], "7");
        answer(201, json!({ "id": "c-1" }))
    });
    let program = program(json!([action(
        "make",
        "create_contact",
        json!({ "input": { "email": "{{trigger.event.email}}" } })
    )]));
    let run = world.accept(&json!({ "email": "ada@example.com" }));
    assert_eq!(world.bench.take_up(run, &program).await, SUCCEEDED);
    let seen = world.egress.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].method, "POST");
    assert_eq!(seen[0].url.as_str(), "https://api.acme.example/v1/contacts");
    assert_eq!(seen[0].body, r#"{"email":"ada@example.com"}"#, "what is null is left out");
    assert_eq!(seen[0].headers["idempotency-key"], format!("{run}:make").as_str());
    let row = &rows(&world, run)[0];
    assert_eq!(json_of(row.output.as_ref()), json!({ "result": { "id": "c-1" } }));
    let expected = json!({
        "connector": CONNECTOR, "action": "create_contact",
        "account": world.accounts[0].id, "input": { "email": "ada@example.com" },
    });
    assert_eq!(json_of(row.input.as_ref()), expected);
    assert!(!format!("{:?}", rows(&world, run)).contains("canary"));
}

#[tokio::test(start_paused = true)]
async fn a_run_of_no_integration_can_ask_what_is_said_of_its_user() {
    let world = World::new(|_| unreachable!("nothing is called"));
    let parameters = json!({ "plan": "{{user.meta.plan}}", "user": "{{user.id}}" });
    let looks = crate::engine::function("looks", json!({ "parameters": parameters }));
    let run = world.accept(&json!({}));
    assert_eq!(world.bench.take_up(run, &program(json!([looks]))).await, SUCCEEDED);
    assert_eq!(world.bench.runner.calls()[0].1, json!({ "plan": "pro", "user": "ada" }));
}

/// Two steps of the workflow's own integration, one of which names an account.
fn own_program() -> Arc<Program> {
    crate::bench::program_with(json!({ "integration": CONNECTOR, "steps": [
        request("one", "/mine", json!({ "next": "two", "retry": { "retries": 0 } })),
        request("two", "/named", json!({ "account": "{{trigger.event.account}}" })),
    ]}))
}

/// Accepts a run of the user for an account.
fn accept_for(world: &World, credential: CredentialId) -> RunId {
    let oldest = world.accounts[0].id;
    let mut job = world.bench.stores.job(&json!({ "event": { "account": oldest } }));
    job.user = Some(world.user.clone());
    job.grant = Some(tenon_contract::grant::Grant::from_text("r1.of-this-run"));
    job.installation = Some(Installation {
        credential,
        configuration: ConfigurationId::new(),
        values: Payload::Inline("{}".into()),
    });
    let run = job.run;
    world.bench.stores.store.put(job);
    run
}

#[tokio::test(start_paused = true)]
async fn a_step_of_the_own_integration_uses_the_account_of_the_run_unless_it_names_one() {
    let world = World::new(|_| answer(200, json!({})));
    let run = accept_for(&world, world.accounts[1].id);
    assert_eq!(world.bench.take_up(run, &own_program()).await, SUCCEEDED);
    let used: Vec<String> = world.egress.seen().iter().map(authorization).collect();
    assert_eq!(used, ["Bearer another-token".to_owned(), format!("Bearer {TOKEN}")]);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_gone_is_not_replaced_by_another() {
    let world = World::new(|_| answer(200, json!({})));
    let run = accept_for(&world, CredentialId::new());
    let end = world.bench.take_up(run, &own_program()).await;
    let End::Finished { status: RunStatus::Failed, error: Some(error) } = end else {
        panic!("there is nothing to call with: {end:?}")
    };
    assert_eq!(error.code, "no_account");
    assert_eq!(world.called(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_repeats_the_credential_does_not_spread_it() {
    let world = World::new(|request| {
        let echo = json!({ "headers": { "authorization": authorization(request) } });
        match request.url.path() {
            "/v1/limited/ping" => answer(200, echo),
            "/v1/fails" => answer(400, json!({ "message": format!("bad token {TOKEN}") })),
            _ => answer_with(200, &[("x-token", TOKEN)], echo),
        }
    });
    let program = program(json!([
        action("one", "ping", json!({ "next": "two" })),
        request("two", "/echo", json!({ "next": "three" })),
        request("three", "/fails", json!({ "ignore_failure": true })),
    ]));
    let run = world.accept(&json!({}));
    assert_eq!(world.bench.take_up(run, &program).await, SUCCEEDED);
    let rows = rows(&world, run);
    assert_eq!(rows.len(), 3);
    for row in &rows {
        assert!(!format!("{row:?}").contains("canary"), "{row:?}");
    }
    assert_eq!(rows[2].error, None, "rows come by name: one, three, two");
    let error = rows[1].error.as_ref().expect("it failed");
    assert_eq!(error.message, "custom.acme answered 400: bad token ***");
}

#[tokio::test(start_paused = true)]
async fn redirects_are_followed_where_the_connector_says_so_and_only_at_home() {
    let provider = |request: &tenon_contract::egress::OutboundRequest| {
        assert_eq!(request.url.host_str(), Some("api.acme.example"));
        match request.url.path() {
            "/v1/old" => answer_with(302, &[("location", "/v1/new")], json!({})),
            "/v1/away" => answer_with(302, &[("location", "https://evil.example/")], json!({})),
            "/v1/round" => answer_with(302, &[("location", "/v1/round")], json!({})),
            _ => answer(200, json!({ "new": authorization(request).starts_with("Bearer ") })),
        }
    };
    let follows = |integration: &mut tenon_contract::plan::IntegrationPlan| {
        let mut manifest = world::manifest();
        manifest["proxy"]["follow_redirects"] = json!(true);
        integration.manifest = Some(std::sync::Arc::new(manifest));
    };
    for (does, path, status, calls) in [
        (true, "/old", 200, 2),
        (false, "/old", 302, 1),
        (true, "/away", 302, 1),
        (true, "/round", 302, 4),
    ] {
        let bench = Bench::new(|_, _| Ok(Value::Null));
        let world = World::on(
            bench,
            |it| {
                if does {
                    follows(it)
                }
            },
            provider,
        );
        let program = program(json!([request("ask", path, json!({}))]));
        let run = world.accept(&json!({}));
        assert_eq!(world.bench.take_up(run, &program).await, SUCCEEDED);
        let output = json_of(rows(&world, run)[0].output.as_ref());
        assert_eq!(output["response"]["statusCode"], status, "{path}");
        assert_eq!(world.called().len(), calls, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_vault_is_told_for_which_run_and_step() {
    let world = World::new(|_| answer(200, json!({})));
    let program = program(json!([action("ask", "ping", json!({}))]));
    let run = world.accept(&json!({}));
    assert_eq!(world.bench.take_up(run, &program).await, SUCCEEDED);
    let openings = world.vault.openings(world.accounts[0].secret);
    assert_eq!(openings.len(), 1);
    let access = &openings[0];
    assert_eq!((access.purpose, access.run), (Purpose::Step, Some(run)));
    assert_eq!(access.step.as_ref().map(|step| step.as_str()), Some("ask"));
    assert_eq!(access.grant.as_ref().map(|grant| grant.as_str()), Some("r1.of-this-run"));
}

#[tokio::test(start_paused = true)]
async fn a_step_may_name_the_account() {
    let world = World::new(|request| {
        assert_eq!(authorization(request), "Bearer another-token");
        answer(200, json!({}))
    });
    let id = world.accounts[1].id.to_string();
    for account in ["second", "ext:second", id.as_str()] {
        let program = program(json!([request(
            "ask",
            "/me",
            json!({ "account": "{{trigger.event.account}}" })
        )]));
        let run = world.accept(&json!({ "account": account }));
        assert_eq!(world.bench.take_up(run, &program).await, SUCCEEDED, "{account}");
    }
    let third = json!({ "account": "third" });
    assert_eq!(failure(&world, request("ask", "/me", third)).await.code, "no_account");
}

#[tokio::test(start_paused = true)]
async fn a_dead_credential_fails_at_once_without_a_call() {
    let world = World::new(|_| unreachable!("no call is made"));
    world.vault.end(world.accounts[0].secret, "the user withdrew access");
    let error = failure(&world, action("ask", "ping", json!({}))).await;
    assert_eq!(error.code, "credential_invalid");
    assert!(error.message.contains("the user withdrew access"), "{}", error.message);
    assert_eq!(world.called(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_renewed_once_and_the_call_made_again() {
    let world = World::new(|request| match request.url.host_str() {
        Some("auth.acme.example") => {
            let new = json!({ "access_token": "a-new-token", "token_type": "bearer" });
            answer(200, new)
        }
        _ if authorization(request) == "Bearer a-new-token" => answer(200, json!({ "ok": true })),
        _ => answer(401, json!({ "error": { "message": "expired" } })),
    });
    let program = program(json!([request("ask", "/me", json!({}))]));
    let run = world.accept(&json!({}));
    assert_eq!(world.bench.take_up(run, &program).await, SUCCEEDED);
    let expected = [
        "https://api.acme.example/v1/me",
        "https://auth.acme.example/token",
        "https://api.acme.example/v1/me",
    ];
    assert_eq!(world.called(), expected);
    assert_eq!(rows(&world, run).len(), 1, "one attempt");
    let output = json_of(rows(&world, run)[0].output.as_ref());
    assert_eq!(output["response"]["body"], json!({ "ok": true }));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_refused_anew_ends_the_account_for_everybody() {
    let world = World::new(|request| match request.url.host_str() {
        Some("auth.acme.example") => answer(200, json!({ "access_token": "a-new-token" })),
        _ => answer(401, json!({ "error": { "message": "access was withdrawn" } })),
    });
    let error = failure(&world, request("ask", "/me", json!({}))).await;
    assert_eq!(error.code, "credential_invalid");
    assert!(error.message.contains("access was withdrawn"), "{}", error.message);
    let state = world.vault.state(world.accounts[0].secret);
    assert!(matches!(state, SecretState::Invalid { .. }), "{state:?}");
    let before = world.called().len();
    assert_eq!(failure(&world, action("ask", "ping", json!({}))).await.code, "credential_invalid");
    assert_eq!(world.called().len(), before, "the next one makes no call");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_means_a_dead_account_ends_it_without_a_renewal() {
    let world = World::new(|_| answer(423, json!({ "why": "the workspace was deleted" })));
    let error = failure(&world, request("ask", "/me", json!({}))).await;
    assert_eq!(error.code, "credential_invalid");
    assert!(error.message.contains("the workspace was deleted"), "{}", error.message);
    assert_eq!(world.called().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_provider_refuses_is_told_and_not_tried_again() {
    let world = World::new(|request| match request.url.path() {
        "/v1/gone" => answer(404, json!({ "message": "no such contact" })),
        _ => answer(200, json!({ "problem": "the address is taken" })),
    });
    let error = failure(&world, request("ask", "/gone", json!({}))).await;
    assert_eq!(error.code, "provider_error");
    assert_eq!(error.message, "custom.acme answered 404: no such contact");
    let make = json!({ "input": { "email": "a@example.com" } });
    let error = failure(&world, action("make", "create_contact", make)).await;
    assert_eq!(error.message, "custom.acme answered 200: the address is taken");
    assert_eq!(world.called().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_ignored_failure_holds_the_answer_and_its_kind() {
    let world = World::new(|_| answer(404, json!({ "message": "no such contact" })));
    let program = program(json!([
        action("ask", "ping", json!({ "ignore_failure": true, "next": "see" })),
        { "id": "see", "type": "function", "code": "see", "parameters": {
            "kind": "{{ask.kind}}", "status": "{{ask.response.statusCode}}",
            "code": "{{ask.error.code}}" } },
    ]));
    let run = world.accept(&json!({}));
    assert_eq!(world.bench.take_up(run, &program).await, SUCCEEDED);
    let seen = &world.bench.runner.calls()[0].1;
    assert_eq!(seen, &json!({ "kind": "not_found", "status": 404, "code": "provider_error" }));
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_is_tried_again_by_the_policy() {
    let world = World::new(|_| answer_with(503, &[("retry-after", "40")], json!({})));
    let retry =
        json!({ "retry": { "retries": 1, "jitter": "none", "backoff": { "schedule": [5] } } });
    let program = program(json!([action("ask", "ping", retry)]));
    let run = world.accept(&json!({}));
    let End::Suspended(due) = world.bench.take_up(run, &program).await else {
        panic!("a retry is left");
    };
    let now = world.bench.stores.clock.now().as_millisecond();
    assert_eq!(due.0 - now, 40_000, "as long as the answer asks");
    assert_eq!(rows(&world, run)[0].status, StepStatus::Retrying);
}

#[tokio::test(start_paused = true)]
async fn all_pages_are_read_and_a_test_reads_one() {
    let pages = |request: &tenon_contract::egress::OutboundRequest| {
        let cursor = request.url.query_pairs().find(|(name, _)| name == "cursor");
        match cursor.as_ref().map(|(_, value)| value.as_ref()) {
            None | Some("") => answer(200, json!({ "items": [1, 2], "next": "b" })),
            Some("b") => answer(200, json!({ "items": [3], "next": null })),
            Some(other) => panic!("an unknown cursor {other}"),
        }
    };
    let world = World::new(pages);
    let pagination = json!({
        "query": { "cursor": "{{self.pageToken}}" },
        "pagination": { "page_token": "{{self.response.body.next}}",
                        "items": "{{self.response.body.items}}" },
    });
    let program = program(json!([
        action("contacts", "list_contacts", json!({ "next": "again" })),
        request("again", "/contacts", pagination),
    ]));
    let run = world.accept(&json!({}));
    assert_eq!(world.bench.take_up(run, &program).await, SUCCEEDED);
    let rows = rows(&world, run);
    let output = |step: &str| {
        let row = rows.iter().find(|row| row.step.as_str() == step).expect("it ran");
        json_of(row.output.as_ref())
    };
    let expected = json!({ "result": [1, 2, 3], "pages": 2, "hasMore": false });
    assert_eq!(output("contacts"), expected);
    assert_eq!(output("again")["response"]["body"], json!([1, 2, 3]));
    assert_eq!(output("again")["pages"], 2);
    assert_eq!(world.called().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_path_stays_with_the_provider() {
    let world = World::new(|_| unreachable!("no call is made"));
    for path in ["{{trigger.event.path}}", "/contacts/{{trigger.event.id}}"] {
        let event = json!({ "path": "https://evil.example/x", "id": ".." });
        let program = program(json!([request("ask", path, json!({}))]));
        let run = world.accept(&event);
        let End::Finished { error: Some(error), .. } = world.bench.take_up(run, &program).await
        else {
            panic!("it should fail");
        };
        assert_eq!(error.code, "request_url", "{path}");
    }
    assert_eq!(world.called(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_step_cannot_take_the_credentials_place() {
    let world = World::new(|request| {
        assert_eq!(authorization(request), format!("Bearer {TOKEN}"));
        assert_eq!(request.headers["x-version"], "8", "what the connector only suggests, it can");
        answer(200, json!({}))
    });
    let headers = json!({ "headers": { "Authorization": "Bearer mine", "X-Version": "8" } });
    let program = program(json!([request("ask", "/me", headers)]));
    let run = world.accept(&json!({}));
    assert_eq!(world.bench.take_up(run, &program).await, SUCCEEDED);
    let input = json_of(rows(&world, run)[0].input.as_ref());
    assert_eq!(input["headers"]["authorization"], "***");
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_before_the_call_has_a_code_of_its_own() {
    let world = World::new(|_| unreachable!("no call is made"));
    for (step, code) in [
        (action("a", "no_such_action", json!({})), "unknown_action"),
        (action("a", "create_contact", json!({})), "action_input"),
        (action("a", "create_contact", json!({ "input": { "email": 5 } })), "action_input"),
        (action("a", "ping", json!({ "input": "{{parse_json(run.id)}}" })), "template"),
    ] {
        let error = failure(&world, step.clone()).await;
        assert_eq!(error.code, code, "{step}: {}", error.message);
    }
    let other = json!({ "id": "a", "type": "action", "connector": "slack", "action": "b" });
    assert_eq!(failure(&world, other).await.code, "unknown_connector");
    let run = world.bench.accept(&json!({}));
    let program = program(json!([action("a", "ping", json!({}))]));
    let End::Finished { error: Some(error), .. } = world.bench.take_up(run, &program).await else {
        panic!("nobody's run has no account");
    };
    assert_eq!(error.code, "no_account");
}

#[tokio::test(start_paused = true)]
async fn an_integration_that_is_off_and_a_process_without_accounts_fail() {
    let bench = Bench::new(|_, _| Ok(Value::Null));
    let mut world = World::on(bench, |it| it.is_active = false, |_| unreachable!("no call"));
    let ping = action("a", "ping", json!({}));
    assert_eq!(failure(&world, ping.clone()).await.code, "integration_inactive");
    world.bench.engine.integrations = None;
    assert_eq!(failure(&world, ping).await.code, "integration_unavailable");
}
