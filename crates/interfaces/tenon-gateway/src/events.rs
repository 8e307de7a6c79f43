//! `POST /api/v1/projects/{project}/events`: an app event runs every workflow that listens.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::future::join_all;
use http::request::Parts;
use http::{Request, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tenon_contract::plan::DeployedWorkflow;
use tenon_domain::workflow::Trigger;
use tenon_domain::{EndUserId, ProjectId, RunId, WorkflowId};
use tenon_exec::ports::history::{Payload, TriggerKind};
use tenon_exec::ports::store::{Accept, Accepted, Job, RunMode};
use tenon_http_kit::extract::require_json;
use tenon_http_kit::json::from_value;
use tenon_http_kit::{PathParams, Problem, parse_strict, read_body};

use crate::codes;
use crate::state::{GatewayState, checked_name, checked_user, once_key, refusal};

/// What the caller sends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    name: String,
    #[serde(default)]
    payload: Value,
    #[serde(default)]
    user: Option<String>,
}

/// What the caller gets: the runs that were accepted, none when nothing listens.
#[derive(Debug, Serialize)]
struct AcceptedRuns {
    runs: Vec<AcceptedRun>,
}

#[derive(Debug, Serialize)]
struct AcceptedRun {
    id: RunId,
    workflow: WorkflowId,
    name: String,
}

/// Accepts the event: 202 when every run is committed.
pub async fn accept(
    State(state): State<Arc<GatewayState>>,
    PathParams(project): PathParams<ProjectId>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let plan = state.authenticate(project, &parts.headers).await?;
    require_json(&parts.headers)?;
    let bytes = read_body(&parts.headers, body, &state.body_limits).await?;
    let event: Event = from_value(parse_strict(&bytes, &state.json_limits)?)?;
    let name = checked_name("name", event.name)?;
    let user = checked_user(event.user)?;
    let listening: Vec<&DeployedWorkflow> = plan
        .workflows
        .iter()
        .filter(|workflow| listens(workflow, &name) && plan.is_enabled(workflow, user.as_ref()))
        .collect();
    let input = Arc::new(json!({ "event": event.payload }));
    let text = Bytes::from(input.to_string());
    let accepts = listening.into_iter().map(|workflow| {
        let incoming = Incoming { parts: &parts, body: &bytes, text: &text, input: &input };
        accept_one(&state, project, workflow, user.clone(), incoming)
    });
    let runs = join_all(accepts).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok((StatusCode::ACCEPTED, Json(AcceptedRuns { runs })).into_response())
}

struct Incoming<'a> {
    parts: &'a Parts,
    body: &'a Bytes,
    text: &'a Bytes,
    input: &'a Arc<Value>,
}

async fn accept_one(
    state: &GatewayState,
    project: ProjectId,
    workflow: &DeployedWorkflow,
    user: Option<EndUserId>,
    incoming: Incoming<'_>,
) -> Result<AcceptedRun, Problem> {
    let about = format!("event:{}", workflow.id);
    let once = once_key(&incoming.parts.headers, &about, incoming.body)?;
    let job = Job {
        run: RunId::new(),
        project,
        workflow: workflow.id,
        version: workflow.version,
        user,
        trigger: TriggerKind::AppEvent,
        mode: RunMode::Live,
        input: Payload::Inline(incoming.text.clone()),
        reply_to: None,
        replay_of: None,
        has_progress: false,
        grant: None,
        crashes: 0,
        accepted_at: state.clock.now(),
    };
    let run = job.run;
    let accepted = state
        .intake
        .accept(Accept { job, once }, Some(incoming.input.clone()))
        .await
        .map_err(refusal)?;
    let id = match accepted {
        Accepted::New => run,
        Accepted::Repeat(former) => former,
        Accepted::Conflict => return Err(Problem::new(&codes::IDEMPOTENCY_CONFLICT)),
    };
    Ok(AcceptedRun { id, workflow: workflow.id, name: workflow.name.clone() })
}

fn listens(workflow: &DeployedWorkflow, name: &str) -> bool {
    workflow
        .triggers
        .iter()
        .any(|trigger| matches!(trigger, Trigger::AppEvent { event } if event == name))
}
