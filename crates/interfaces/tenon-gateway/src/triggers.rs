//! `ANY /api/v1/projects/{project}/triggers/{workflow}`: a request runs one workflow.
//!
//! Without a Response step the answer is 202 at once. With one the caller waits for it, up to the
//! workflow's limit; the run goes on either way. A workflow of an integration runs for one of the
//! user's installations: the one that is named, else the default one.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use serde_json::{Map, Value, json};
use tenon_contract::permissions::Operation;
use tenon_contract::plan::{DeployedWorkflow, ProjectPlan};
use tenon_domain::workflow::Trigger;
use tenon_domain::{ProjectId, RunId};
use tenon_exec::answer::Answer;
use tenon_exec::installations::{Missing, of_request};
use tenon_exec::order::Facts;
use tenon_exec::ports::history::{Payload, TriggerKind};
use tenon_exec::ports::store::{Accept, Accepted, Installation, Job, RunMode};
use tenon_http_kit::{PathParams, Problem, read_body};
use tokio::sync::oneshot;

use crate::body::request_body;
use crate::caller::{self, Caller};
use crate::codes;
use crate::state::{GatewayState, checked_user, once_key, refusal, unusable_key};

/// The header that names the connected user.
const USER_HEADER: &str = "x-tenon-user";
/// The header of an answer that names its run.
const RUN_HEADER: HeaderName = HeaderName::from_static("tenon-run");
/// Headers that workflows do not see: credentials, and what belongs to the connection.
const HIDDEN_HEADERS: [&str; 8] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "connection",
    "keep-alive",
    "transfer-encoding",
    "te",
    "upgrade",
];

/// Accepts the request and, where the workflow answers, waits.
pub async fn accept(
    State(state): State<Arc<GatewayState>>,
    PathParams((project, workflow)): PathParams<(ProjectId, String)>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let mut caller = Caller::of_key(&state, project, &parts.headers).await?;
    // UTF-8; what is not becomes empty and is refused as such.
    let user =
        parts.headers.get(USER_HEADER).map(|user| String::from_utf8(user.as_bytes().to_vec()));
    let user = user.map(Result::unwrap_or_default);
    caller.user = checked_user(user)?;
    Ok(match request_run(&state, &caller, &workflow, &parts, body).await? {
        Outcome::Accepted(run) => accepted_response(run),
        Outcome::Answered(run, answer) => answered_response(run, answer),
        Outcome::Late(run) => late_response(run, late()),
    })
}

/// What became of a request.
pub(crate) enum Outcome {
    /// It runs, and nobody waits for it.
    Accepted(RunId),
    /// It answered.
    Answered(RunId, Answer),
    /// It did not answer in time, and goes on.
    Late(RunId),
}

/// Runs a workflow for a request.
pub(crate) async fn request_run(
    state: &GatewayState,
    caller: &Caller,
    workflow: &str,
    parts: &Parts,
    body: Body,
) -> Result<Outcome, Problem> {
    let workflow = find(&caller.plan, workflow)?;
    let installation = installation(state, caller, workflow, &parts.headers).await?;
    let bytes = read_body(&parts.headers, body, &state.body_limits).await?;
    let body = request_body(&parts.headers, &bytes, &state.json_limits).await?;
    let input = Arc::new(json!({ "request": {
        "method": parts.method.as_str(),
        "params": query_params(parts.uri.query().unwrap_or_default()),
        "headers": visible_headers(&parts.headers),
        "body": body,
    }}));
    let about = match &installation {
        Some(installation) => format!("request:{}:{}", workflow.id, installation.configuration),
        None => format!("request:{}", workflow.id),
    };
    let once = once_key(&parts.headers, &about, &bytes)?;
    let facts =
        Facts { trigger: &input, user: caller.user.as_ref(), installation: installation.as_ref() };
    let order = state.intake.order_of(workflow, facts).map_err(|error| unusable_key(&error))?;
    state.admit(caller.plan.project, 1).await?;
    let run = RunId::accepted_now(&*state.clock);
    let waits = workflow.has_response;
    let job = Job {
        run,
        project: caller.plan.project,
        workflow: workflow.id,
        version: workflow.version,
        user: caller.user.clone(),
        installation,
        trigger: TriggerKind::Request,
        mode: RunMode::Live,
        input: Payload::Inline(Bytes::from(input.to_string())),
        reply_to: waits.then(|| state.coordination.address()),
        replay_of: None,
        has_progress: false,
        grant: None,
        crashes: 0,
        accepted_at: state.clock.now(),
        trace: None,
        order,
    };
    let answer = waits.then(|| state.coordination.expect_reply(run));
    let outcome = state.intake.accept(Accept { job, once }, Some(input)).await;
    match (outcome, answer) {
        (Ok(Accepted::New), Some(answer)) => wait(state, workflow, run, answer).await,
        (Ok(Accepted::New), None) => Ok(Outcome::Accepted(run)),
        (Ok(Accepted::Repeat(former)), _) => {
            state.coordination.forget(run);
            Ok(Outcome::Accepted(former))
        }
        (Ok(Accepted::Conflict), _) => {
            state.coordination.forget(run);
            Err(Problem::new(&codes::IDEMPOTENCY_CONFLICT))
        }
        (Err(refused), _) => {
            state.coordination.forget(run);
            Err(refusal(refused))
        }
    }
}

/// What a workflow of an integration runs for; `None` for one of no integration.
async fn installation(
    state: &GatewayState,
    caller: &Caller,
    workflow: &DeployedWorkflow,
    headers: &HeaderMap,
) -> Result<Option<Installation>, Problem> {
    if caller.is_disabled() {
        return Err(Problem::new(&codes::USER_DISABLED));
    }
    if workflow.integration.is_none() {
        if !caller.plan.is_enabled(workflow, caller.user.as_ref()) {
            return Err(Problem::new(&codes::WORKFLOW_DISABLED));
        }
        return match caller.may(Operation::Workflow, None) {
            true => Ok(None),
            false => Err(caller::not_permitted(Operation::Workflow)),
        };
    }
    let Some(user) = caller.user.as_ref() else {
        let detail = "the workflow runs for accounts of connected users; name the user";
        return Err(Problem::new(&codes::INSTALLATION_MISSING).detail(detail));
    };
    let named = caller::named(headers)?;
    let plan = caller.user_plan(state).await?;
    let no_account = || caller::missing(&Missing::Account { user: user.clone() });
    let plan = plan.ok_or_else(no_account)?;
    let chosen = of_request(&plan, workflow, &named).map_err(|error| caller::missing(&error))?;
    match caller.may(Operation::Workflow, Some(&chosen)) {
        true => Ok(Some(chosen.freeze(workflow))),
        false => Err(caller::not_permitted(Operation::Workflow)),
    }
}

/// The workflow that a path names, by id or by name.
fn find<'a>(plan: &'a ProjectPlan, name: &str) -> Result<&'a DeployedWorkflow, Problem> {
    let workflow = plan
        .workflows
        .iter()
        .find(|workflow| workflow.name == name || workflow.id.to_string() == name)
        .ok_or_else(Problem::not_found)?;
    let has_trigger =
        workflow.triggers.iter().any(|trigger| matches!(trigger, Trigger::Request { .. }));
    if has_trigger { Ok(workflow) } else { Err(Problem::new(&codes::NO_REQUEST_TRIGGER)) }
}

async fn wait(
    state: &GatewayState,
    workflow: &DeployedWorkflow,
    run: RunId,
    answer: oneshot::Receiver<Bytes>,
) -> Result<Outcome, Problem> {
    let limit = Duration::from_secs(workflow.response_timeout_seconds.into());
    let Ok(Ok(bytes)) = tokio::time::timeout(limit, answer).await else {
        state.coordination.forget(run);
        return Ok(Outcome::Late(run));
    };
    let answer = Answer::from_bytes(&bytes)
        .map_err(|error| Problem::internal("read the answer of a run", &error))?;
    Ok(Outcome::Answered(run, answer))
}

/// The answer of a run, as HTTP.
pub(crate) fn answered_response(run: RunId, answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    name_run(&mut response, run);
    response
}

/// What a caller hears that waited for too long.
pub(crate) fn late() -> Problem {
    Problem::new(&codes::RESPONSE_TIMEOUT)
        .detail("the run goes on; the `tenon-run` header names it")
}

pub(crate) fn late_response(run: RunId, problem: impl IntoResponse) -> Response {
    let mut response = problem.into_response();
    name_run(&mut response, run);
    response
}

pub(crate) fn accepted_response(run: RunId) -> Response {
    let mut response = (StatusCode::ACCEPTED, Json(json!({ "run": run }))).into_response();
    name_run(&mut response, run);
    response
}

fn name_run(response: &mut Response, run: RunId) {
    if let Ok(value) = HeaderValue::try_from(run.to_string()) {
        response.headers_mut().insert(RUN_HEADER, value);
    }
}

/// Query parameters; a name that comes more than once becomes an array.
fn query_params(query: &str) -> Value {
    let mut params: Map<String, Value> = Map::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let value = Value::from(value.into_owned());
        match params.get_mut(&*name) {
            None => {
                params.insert(name.into_owned(), value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    Value::Object(params)
}

/// Headers by lower-case name; a name that comes more than once is joined with a comma.
pub(crate) fn visible_headers(headers: &HeaderMap) -> Value {
    let mut visible: Map<String, Value> = Map::new();
    for name in headers.keys() {
        if HIDDEN_HEADERS.contains(&name.as_str()) {
            continue;
        }
        let values: Vec<&str> =
            headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        visible.insert(name.as_str().to_owned(), Value::from(values.join(", ")));
    }
    Value::Object(visible)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_parameter_becomes_an_array() {
        assert_eq!(query_params("a=1&b=2&a=3&a="), json!({ "a": ["1", "3", ""], "b": "2" }));
        assert_eq!(query_params("q=%C3%A9+x"), json!({ "q": "é x" }));
    }

    #[test]
    fn credentials_are_not_shown_to_workflows() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_static("Bearer secret"));
        headers.insert("cookie", HeaderValue::from_static("a=b"));
        headers.insert("x-order", HeaderValue::from_static("7"));
        assert_eq!(visible_headers(&headers), json!({ "x-order": "7" }));
    }
}
