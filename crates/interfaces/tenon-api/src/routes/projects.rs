//! `/projects`: the projects of the installation. Who makes them has the installation's key, which
//! opens nothing else; without one in the settings nobody may.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use tenon_config::DisplayName;
use tenon_domain::ProjectId;
use tenon_http_kit::{ErrorItem, Problem, QueryParams, StrictJson};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Operator;
use crate::page::{self, Limit};
use crate::problem;
use crate::state::Api;
use crate::view::configuration::{CreatedProjectView, ProjectList, ProjectView};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, create))
}

/// A project to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProjectRequest {
    /// What people call it, 1 to 100 characters; no other project has it.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ProjectQuery {
    /// `next` of the page before.
    cursor: Option<String>,
    /// Projects in one page.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200, default = 50)]
    limit: Limit,
}

/// List projects
///
/// Needs the installation's key (`api.installation_key_file`) in place of a project's.
#[utoipa::path(
    get,
    path = "",
    operation_id = "list_projects",
    tag = "projects",
    params(ProjectQuery),
    security(("installation_key" = [])),
    responses((status = 200, description = "The projects", body = ProjectList))
)]
async fn list(
    State(api): State<Api>,
    _operator: Operator,
    QueryParams(query): QueryParams<ProjectQuery>,
) -> Result<Json<ProjectList>, Problem> {
    let after = page::decode::<ProjectId>(query.cursor.as_deref())?;
    let limit = query.limit.0;
    let projects = api.config.list_projects(after, limit).await.map_err(problem::of_config)?;
    let last = projects.last().filter(|_| projects.len() >= limit);
    let next = last.map(|project| page::encode(&project.id));
    Ok(Json(ProjectList { projects: projects.into_iter().map(ProjectView::from).collect(), next }))
}

/// Make a project
///
/// The answer holds its first API key; it is shown this once. Needs the installation's key
/// (`api.installation_key_file`) in place of a project's.
#[utoipa::path(
    post,
    path = "",
    operation_id = "create_project",
    tag = "projects",
    request_body = ProjectRequest,
    security(("installation_key" = [])),
    responses((status = 201, description = "The project", body = CreatedProjectView))
)]
async fn create(
    State(api): State<Api>,
    _operator: Operator,
    StrictJson(request): StrictJson<ProjectRequest>,
) -> Result<(StatusCode, Json<CreatedProjectView>), Problem> {
    let name = DisplayName::parse(&request.name).map_err(|error| {
        let message = error.to_string();
        let item = ErrorItem { pointer: Some("/name".to_owned()), message, ..Default::default() };
        problem::of_config(error).with(item)
    })?;
    let made = api.config.create_project(&name).await.map_err(problem::of_config)?;
    Ok((StatusCode::CREATED, Json(made.into())))
}
