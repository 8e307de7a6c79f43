//! The routes that the published Connect SDK calls with a user's token: events and requests.
//!
//! `POST /v2/projects/{project}/sdk/events/trigger`, the same without `/v2`, and
//! `/projects/{project}/sdk/triggers/{workflow}`. They do what the routes of `/api/v1` do, for the
//! user of the token and as far as it allows, and answer in the SDK's shape. Pages of any origin
//! may call them. A 401 or 403 is about the session only, since the SDK ends it then.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::post;
use http::Request;
use serde::Deserialize;
use serde_json::Value;
use tenon_exec::answer::Answer;
use tenon_http_kit::json::from_value;
use tenon_http_kit::wire::{WireProblem, cross_origin, readable_anywhere};
use tenon_http_kit::{Problem, codes as kit, parse_strict, read_body};

use crate::caller::Caller;
use crate::events::{Sent, fire};
use crate::state::GatewayState;
use crate::triggers::{
    Outcome, accepted_response, answered_response, late, late_response, request_run,
};

/// The routes of this module.
pub(crate) fn routes() -> Router<Arc<GatewayState>> {
    let requests = post(request).get(request).put(request).patch(request).delete(request);
    let router = Router::new()
        .route("/v2/projects/{project}/sdk/events/trigger", cross_origin(post(event)))
        .route("/projects/{project}/sdk/events/trigger", cross_origin(post(event)))
        .route("/projects/{project}/sdk/triggers/{workflow}", cross_origin(requests));
    readable_anywhere(router)
}

/// What the SDK sends; older ones send more.
#[derive(Debug, Deserialize)]
struct Event {
    name: String,
    #[serde(default)]
    payload: Value,
}

async fn event(
    State(state): State<Arc<GatewayState>>,
    Path(project): Path<String>,
    request: Request<Body>,
) -> Result<Response, WireProblem> {
    let (parts, body) = request.into_parts();
    let caller = Caller::of_token(&state, &project, &parts.headers).await?;
    let bytes = read_body(&parts.headers, body, &state.body_limits).await?;
    let event: Event = from_value(parse_strict(&bytes, &state.json_limits)?)?;
    let sent = Sent { headers: &parts.headers, body: &bytes };
    fire(&state, &caller, event.name, event.payload, sent).await.map_err(of_work)
}

async fn request(
    State(state): State<Arc<GatewayState>>,
    Path((project, workflow)): Path<(String, String)>,
    request: Request<Body>,
) -> Result<Response, WireProblem> {
    let (parts, body) = request.into_parts();
    let caller = Caller::of_token(&state, &project, &parts.headers).await?;
    let outcome = request_run(&state, &caller, &workflow, &parts, body).await.map_err(of_work)?;
    Ok(match outcome {
        Outcome::Accepted(run) => accepted_response(run),
        Outcome::Answered(run, answer) => answered_response(run, in_shape(answer)),
        Outcome::Late(run) => late_response(run, WireProblem::from(late())),
    })
}

/// What went wrong once the caller was known: a 403 is about what the token allows then.
fn of_work(problem: Problem) -> WireProblem {
    if problem.code != kit::FORBIDDEN.name {
        return problem.into();
    }
    let detail = problem.detail.clone();
    WireProblem::not_permitted(detail.unwrap_or(kit::FORBIDDEN.title.into()))
}

/// What a run says that ended without a Response step; the answer of such a step stays as it is.
fn in_shape(mut answer: Answer) -> Answer {
    if answer.is_from_step {
        return answer;
    }
    let Ok(problem) = serde_json::from_slice::<Value>(&answer.body) else { return answer };
    let body = serde_json::json!({
        "message": problem["title"], "code": problem["code"], "status": answer.status,
        "meta": { "run": problem["run"], "step": problem["step"], "detail": problem["detail"] },
    });
    answer.body = body.to_string().into();
    answer.headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    answer
}
