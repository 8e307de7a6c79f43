//! Who is calling: the project in the path, if the bearer token is one of its API keys.
//!
//! A key of another project, a key of nobody and a project that does not exist get the same
//! answer, so that nobody learns which projects there are.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use serde::Deserialize;
use tenon_contract::plan::ProjectPlan;
use tenon_domain::{ApiKeyId, IntegrationId, ProjectId, WorkflowId};
use tenon_http_kit::Problem;
use tenon_http_kit::bearer::bearer_token;

use crate::problem;
use crate::state::Api;

/// A caller that may speak for a project.
pub(crate) struct Caller {
    /// Everything the handler does is scoped by it.
    pub(crate) project: ProjectId,
    /// The key it came with.
    pub(crate) api_key: ApiKeyId,
    plan: Arc<ProjectPlan>,
}

impl Caller {
    /// The name of a workflow, while it is deployed.
    pub(crate) fn workflow_name(&self, id: WorkflowId) -> Option<&str> {
        let workflow = self.plan.workflows.iter().find(|workflow| workflow.id == id)?;
        Some(&workflow.name)
    }

    /// Runs that the project may have at a time; `None` is without limit.
    pub(crate) fn running_max(&self) -> Option<u32> {
        self.plan.queue.running_max
    }

    /// The integration of a connector, where the project has it.
    pub(crate) fn integration(&self, connector: &str) -> Option<IntegrationId> {
        self.plan.integration(connector).map(|integration| integration.id)
    }
}

/// Who runs the installation: the bearer token is the installation's key.
pub(crate) struct Operator;

impl FromRequestParts<Api> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let key = bearer_token(&parts.headers).ok_or_else(Problem::unauthorized)?;
        match &api.settings.installation_key {
            Some(expected) if expected.is(key) => Ok(Self),
            _ => Err(Problem::unauthorized()),
        }
    }
}

#[derive(Deserialize)]
struct ProjectPath {
    project: String,
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Path(path) = Path::<ProjectPath>::from_request_parts(parts, api)
            .await
            .map_err(|_| Problem::not_found())?;
        let key = bearer_token(&parts.headers).ok_or_else(Problem::unauthorized)?;
        let project: ProjectId = path.project.parse().map_err(|_| Problem::unauthorized())?;
        let plan = api.plans.project(project).await.map_err(|error| problem::of_plans(&error))?;
        let plan = plan.ok_or_else(Problem::unauthorized)?;
        let api_key = plan.authenticate(key).ok_or_else(Problem::unauthorized)?;
        Ok(Self { project, api_key, plan })
    }
}
