//! `POST /workflows/apply`: checks documents of workflows and integrations and applies them, all or
//! none.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use serde::Deserialize;
use tenon_config::{AppliedBatch, Batch};
use tenon_http_kit::{BodyLimits, ErrorItem, Problem, StrictJson, codes};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::config::ApplyMode;
use crate::documents::{
    DocumentText, Loaded, ProjectParts, check_connectors, check_functions, check_project, load_all,
};
use crate::problem;
use crate::settings::ApiSettings;
use crate::state::Api;
use crate::view::configuration::{AppliedIntegrationView, AppliedView, ApplyResult};

pub(super) fn routes(settings: &ApiSettings) -> OpenApiRouter<Api> {
    let limits =
        BodyLimits { body_bytes_max: settings.apply_body_bytes_max, ..BodyLimits::default() };
    OpenApiRouter::new().routes(routes!(apply)).layer(Extension(limits))
}

/// Documents to deploy.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ApplyRequest {
    /// 1 to 200 documents.
    documents: Vec<DocumentText>,
    /// Only check, and tell what would change.
    #[serde(default)]
    dry_run: bool,
}

/// Apply documents
///
/// Checks all documents and applies them, all or none: each workflow as an immutable version, and
/// integrations (documents with `kind: integration`), which come first. A document that did not
/// change makes no version, so it is safe to apply the same again.
#[utoipa::path(
    post,
    path = "/workflows/apply",
    operation_id = "apply_workflows",
    tag = "workflows",
    params(("project" = String, Path, format = Uuid)),
    request_body = ApplyRequest,
    responses(
        (status = 200, description = "What was done", body = ApplyResult),
        (status = 422, description = "A document is not valid: `errors` names file, line, column \
            and step of each fault", body = tenon_http_kit::ProblemBody,
            content_type = "application/problem+json")
    )
)]
async fn apply(
    State(api): State<Api>,
    caller: Caller,
    StrictJson(request): StrictJson<ApplyRequest>,
) -> Result<Json<ApplyResult>, Problem> {
    let documents_max = api.settings.apply_documents_max;
    if request.documents.is_empty() || request.documents.len() > documents_max {
        return Err(count(documents_max));
    }
    let batch = load(&api, &caller, request.documents).await?;
    let mode = if request.dry_run { ApplyMode::DryRun } else { ApplyMode::Commit };
    let applied = api.config.apply(caller.project, &batch, mode).await;
    let AppliedBatch { workflows, integrations } = applied.map_err(problem::of_config)?;
    let integration = |one| AppliedIntegrationView::new(one, mode);
    Ok(Json(ApplyResult {
        applied: workflows.into_iter().map(|one| AppliedView::new(one, mode)).collect(),
        integrations: integrations.into_iter().map(integration).collect(),
        dry_run: request.dry_run,
    }))
}

/// Checks documents off the threads that serve requests.
pub(crate) async fn load(
    api: &Api,
    caller: &Caller,
    documents: Vec<DocumentText>,
) -> Result<Batch, Problem> {
    let documents = Arc::new(documents);
    let (settings, texts) = (Arc::clone(&api.settings), Arc::clone(&documents));
    let loaded = checked(move || load_all(&texts, &settings.documents)).await?;
    let loaded = match loaded.asks_of_project() {
        false => loaded,
        true => {
            let secrets = api.config.secrets(caller.project).await.map_err(problem::of_config)?;
            let integrations = api.config.integrations(caller.project).await;
            let integrations = integrations.map_err(problem::of_config)?;
            let project = ProjectParts::new(secrets, integrations);
            let settings = Arc::clone(&api.settings);
            checked(move || check_project(loaded, &documents, &project, &settings.documents))
                .await?
        }
    };
    check_connectors(&loaded, caller.project, &*api.config).await?;
    let Loaded { batch, files, .. } = loaded;
    if let Some(runner) = &api.functions {
        check_functions(&files, &batch.workflows, &**runner).await?;
    }
    Ok(batch)
}

/// Runs a check where it may work the processor.
async fn checked<T: Send + 'static>(
    check: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let checking = tokio::task::spawn_blocking(check);
    checking.await.map_err(|error| Problem::internal("check the documents", &error))?
}

fn count(documents_max: usize) -> Problem {
    let message = format!("send 1 to {documents_max} documents");
    Problem::new(&codes::INVALID_FIELD).detail(message.clone()).with(ErrorItem {
        message,
        pointer: Some("/documents".to_owned()),
        ..ErrorItem::default()
    })
}
