//! `POST /test-runs`: runs a draft once, without deploying it.

use axum::extract::State;
use axum::{Extension, Json};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use tenon_config::Draft;
use tenon_exec::installations::of_test;
use tenon_exec::ports::control::TestRun;
use tenon_http_kit::{BodyLimits, ErrorItem, Problem, StrictJson, codes};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::users::checked_user;
use super::workflows::load;
use crate::auth::Caller;
use crate::documents::DocumentText;
use crate::problem;
use crate::settings::ApiSettings;
use crate::state::Api;
use crate::view::run::AcceptedRun;

pub(super) fn routes(settings: &ApiSettings) -> OpenApiRouter<Api> {
    let limits =
        BodyLimits { body_bytes_max: settings.apply_body_bytes_max, ..BodyLimits::default() };
    OpenApiRouter::new().routes(routes!(start)).layer(Extension(limits))
}

/// A draft to run once.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TestRunRequest {
    document: DocumentText,
    /// The connected user it runs for.
    #[serde(default)]
    user: Option<String>,
    /// What the trigger gives, such as `{"event": {...}}` or `{"request": {"body": {...}}}`.
    #[serde(default)]
    #[schema(value_type = Object)]
    input: Map<String, Value>,
}

/// Test a draft
///
/// Runs a document once without deploying it. Delays are skipped, failures are not retried, a
/// fan-out runs its first ten items and a paginated request reads one page. Requests are sent for
/// real.
#[utoipa::path(
    post,
    path = "/test-runs",
    operation_id = "test_workflow",
    tag = "runs",
    params(("project" = String, Path, format = Uuid)),
    request_body = TestRunRequest,
    responses((status = 202, description = "The run is accepted", body = AcceptedRun))
)]
async fn start(
    State(api): State<Api>,
    caller: Caller,
    StrictJson(request): StrictJson<TestRunRequest>,
) -> Result<(StatusCode, Json<AcceptedRun>), Problem> {
    let user = request.user.map(|user| checked_user("/user", user)).transpose()?;
    let mut batch = load(&api, &caller, vec![request.document]).await?;
    let draft = batch.workflows.pop().ok_or_else(no_workflow)?;
    let integration = draft.integration.as_deref().and_then(|name| caller.integration(name));
    let stored = api.config.store_draft(caller.project, &draft).await;
    let Draft { workflow, version } = stored.map_err(problem::of_config)?;
    let input = Bytes::from(Value::Object(request.input).to_string());
    let installation = match (&user, integration) {
        (Some(user), Some(integration)) => {
            let plan = api.plans.user(caller.project, user).await;
            let plan = plan.map_err(|error| problem::of_plans(&error))?;
            plan.and_then(|plan| of_test(&plan, integration, workflow, &draft.inputs))
        }
        _ => None,
    };
    let test = TestRun { project: caller.project, workflow, version, user, installation, input };
    let run_id = api.control.test(test).await.map_err(|error| problem::of_control(&error))?;
    Ok((StatusCode::ACCEPTED, Json(AcceptedRun { run_id })))
}

fn no_workflow() -> Problem {
    let message = "a test run needs the document of a workflow";
    Problem::new(&codes::INVALID_FIELD).detail(message).with(ErrorItem {
        message: message.to_owned(),
        pointer: Some("/document".to_owned()),
        ..ErrorItem::default()
    })
}
