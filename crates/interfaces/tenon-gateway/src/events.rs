//! `POST /api/v1/projects/{project}/events`: an app event runs every workflow that listens.
//!
//! A workflow of an integration runs once for each of the user's installations of it, or for those
//! that the caller names.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::future::join_all;
use http::{HeaderMap, Request, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tenon_contract::permissions::Operation;
use tenon_contract::plan::{DeployedWorkflow, UserPlan};
use tenon_domain::workflow::Trigger;
use tenon_domain::{ConfigurationId, CredentialId, ProjectId, RunId, WorkflowId};
use tenon_exec::installations::{Named, check_named, of_event};
use tenon_exec::order::Facts;
use tenon_exec::ports::history::{Payload, TriggerKind};
use tenon_exec::ports::store::{Accept, Accepted, Installation, Job, JobOrder, RunMode};
use tenon_http_kit::extract::require_json;
use tenon_http_kit::json::from_value;
use tenon_http_kit::{PathParams, Problem, parse_strict, read_body};

use crate::caller::{self, Caller};
use crate::codes;
use crate::state::{GatewayState, checked_name, checked_user, once_key, refusal, unusable_key};

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
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<CredentialId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    configuration: Option<ConfigurationId>,
}

/// Accepts the event: 202 when every run is committed.
pub async fn accept(
    State(state): State<Arc<GatewayState>>,
    PathParams(project): PathParams<ProjectId>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let mut caller = Caller::of_key(&state, project, &parts.headers).await?;
    require_json(&parts.headers)?;
    let bytes = read_body(&parts.headers, body, &state.body_limits).await?;
    let event: Event = from_value(parse_strict(&bytes, &state.json_limits)?)?;
    caller.user = checked_user(event.user)?;
    let sent = Sent { headers: &parts.headers, body: &bytes };
    fire(&state, &caller, event.name, event.payload, sent).await
}

/// The request as it came, for the caller's idempotency key.
#[derive(Clone, Copy)]
pub(crate) struct Sent<'a> {
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a Bytes,
}

/// Runs every workflow that listens to an event.
pub(crate) async fn fire(
    state: &GatewayState,
    caller: &Caller,
    name: String,
    payload: Value,
    sent: Sent<'_>,
) -> Result<Response, Problem> {
    let name = checked_name("name", name)?;
    if caller.is_disabled() {
        return Err(Problem::new(&codes::USER_DISABLED));
    }
    let named = caller::named(sent.headers)?;
    let listening: Vec<&DeployedWorkflow> =
        caller.plan.workflows.iter().filter(|workflow| listens(workflow, &name)).collect();
    let user_plan = match needs_accounts(&listening, &named) {
        true => caller.user_plan(state).await?,
        false => None,
    };
    if named != Named::default() {
        let user_plan = user_plan.as_deref().ok_or_else(caller::nobody)?;
        check_named(user_plan, &named).map_err(|missing| caller::missing(&missing))?;
    }
    let targets = targets(caller, &listening, user_plan.as_deref(), &named)?;
    let input = Arc::new(json!({ "event": payload }));
    let text = Bytes::from(input.to_string());
    // All of them, before anything is accepted.
    let orders = targets.iter().map(|target| target.order(state, caller, &input));
    let orders = orders.collect::<Result<Vec<_>, _>>()?;
    state.admit(caller.plan.project, targets.len()).await?;
    let accepts = targets.into_iter().zip(orders).map(|(target, order)| {
        let incoming = Incoming { sent, text: &text, input: &input };
        accept_one(state, caller, target, order, incoming)
    });
    let runs = join_all(accepts).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok((StatusCode::ACCEPTED, Json(AcceptedRuns { runs })).into_response())
}

fn needs_accounts(listening: &[&DeployedWorkflow], named: &Named<'_>) -> bool {
    *named != Named::default() || listening.iter().any(|workflow| workflow.integration.is_some())
}

/// One run to accept.
struct Target<'a> {
    workflow: &'a DeployedWorkflow,
    installation: Option<Installation>,
}

impl Target<'_> {
    fn order(
        &self,
        state: &GatewayState,
        caller: &Caller,
        input: &Value,
    ) -> Result<JobOrder, Problem> {
        let user = caller.user.as_ref();
        let facts = Facts { trigger: input, user, installation: self.installation.as_ref() };
        state.intake.order_of(self.workflow, facts).map_err(|error| unusable_key(&error))
    }
}

/// What an event runs. What the token does not allow is left out; where it allows nothing of what
/// would run, the event is refused.
fn targets<'a>(
    caller: &Caller,
    listening: &[&'a DeployedWorkflow],
    user_plan: Option<&UserPlan>,
    named: &Named<'_>,
) -> Result<Vec<Target<'a>>, Problem> {
    let (mut targets, mut is_curbed) = (Vec::new(), false);
    for &workflow in listening {
        if workflow.integration.is_none() {
            if caller.plan.is_enabled(workflow, caller.user.as_ref()) {
                match caller.may(Operation::Event, None) {
                    true => targets.push(Target { workflow, installation: None }),
                    false => is_curbed = true,
                }
            }
            continue;
        }
        let Some(user_plan) = user_plan else { continue };
        for chosen in of_event(user_plan, workflow, named) {
            if caller.may(Operation::Event, Some(&chosen)) {
                let installation = Some(chosen.freeze(workflow));
                targets.push(Target { workflow, installation });
            } else {
                is_curbed = true;
            }
        }
    }
    if targets.is_empty() && is_curbed {
        return Err(caller::not_permitted(Operation::Event));
    }
    Ok(targets)
}

struct Incoming<'a> {
    sent: Sent<'a>,
    text: &'a Bytes,
    input: &'a Arc<Value>,
}

async fn accept_one(
    state: &GatewayState,
    caller: &Caller,
    target: Target<'_>,
    order: JobOrder,
    incoming: Incoming<'_>,
) -> Result<AcceptedRun, Problem> {
    let Target { workflow, installation } = target;
    let credential = installation.as_ref().map(|it| it.credential);
    let configuration = installation.as_ref().map(|it| it.configuration);
    // A run for each installation, so a key for each.
    let about = match configuration {
        Some(configuration) => format!("event:{}:{configuration}", workflow.id),
        None => format!("event:{}", workflow.id),
    };
    let once = once_key(incoming.sent.headers, &about, incoming.sent.body)?;
    let job = Job {
        run: RunId::accepted_now(&*state.clock),
        project: caller.plan.project,
        workflow: workflow.id,
        version: workflow.version,
        user: caller.user.clone(),
        installation,
        trigger: TriggerKind::AppEvent,
        mode: RunMode::Live,
        input: Payload::Inline(incoming.text.clone()),
        reply_to: None,
        replay_of: None,
        has_progress: false,
        grant: None,
        crashes: 0,
        accepted_at: state.clock.now(),
        trace: None,
        order,
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
    let name = workflow.name.clone();
    Ok(AcceptedRun { id, workflow: workflow.id, name, credential, configuration })
}

fn listens(workflow: &DeployedWorkflow, name: &str) -> bool {
    workflow
        .triggers
        .iter()
        .any(|trigger| matches!(trigger, Trigger::AppEvent { event } if event == name))
}
