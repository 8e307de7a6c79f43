//! `sdk/workflows/{workflow}`: switching a workflow on and off for the user.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use serde::Deserialize;
use tenon_config::{AccountName, InstallationName, SettingsName};
use tenon_contract::permissions::{About, Operation};
use tenon_domain::WorkflowId;
use tenon_http_kit::WireProblem;
use tenon_http_kit::wire::cross_origin;

use super::done;
use crate::caller::Caller;
use crate::problem::{WirePath, not_found, of_config};
use crate::state::Connect;

pub(super) fn routes() -> Router<Connect> {
    Router::new().route(
        "/projects/{project}/sdk/workflows/{workflow}",
        cross_origin(post(switch_on).delete(switch_off)),
    )
}

#[derive(Deserialize)]
struct WorkflowPath {
    workflow: String,
}

async fn switch_on(
    State(connect): State<Connect>,
    caller: Caller,
    WirePath(path): WirePath<WorkflowPath>,
) -> Result<Response, WireProblem> {
    let (workflow, name) = meant(&connect, &caller, &path).await?;
    let (project, user) = (caller.project, &caller.user);
    let switched = connect.config.enable_workflow(project, user, workflow, &name).await;
    switched.map_err(|error| of_config(&connect, error))?;
    Ok(done())
}

async fn switch_off(
    State(connect): State<Connect>,
    caller: Caller,
    WirePath(path): WirePath<WorkflowPath>,
) -> Result<Response, WireProblem> {
    let (workflow, name) = meant(&connect, &caller, &path).await?;
    let (project, user) = (caller.project, &caller.user);
    let switched = connect.config.disable_workflow(project, user, workflow, &name).await;
    switched.map_err(|error| of_config(&connect, error))?;
    Ok(done())
}

/// The workflow, and the configuration that it is switched for. One that belongs to no integration
/// is switched for the user as a whole.
async fn meant(
    connect: &Connect,
    caller: &Caller,
    path: &WorkflowPath,
) -> Result<(WorkflowId, InstallationName), WireProblem> {
    let workflow: WorkflowId =
        path.workflow.parse().map_err(|_| not_found("there is no such workflow"))?;
    let view = connect.view(caller).await?;
    let Some((integration, _)) = view.portal.workflow(workflow) else {
        caller.check(Operation::CredentialWrite, &About::default())?;
        return Ok((workflow, InstallationName::default()));
    };
    if view.accounts_of(integration).next().is_none() {
        let about = About { integration: Some(&integration.connector), ..About::default() };
        caller.check(Operation::CredentialWrite, &about)?;
        // The use case says what stands in the way.
        return Ok((workflow, InstallationName::default()));
    }
    let (account, configuration) = view.meant(caller, integration)?;
    view.check_write(caller, account, Some(configuration))?;
    let name = InstallationName {
        credential: Some(AccountName::Id(account.credential.id)),
        configuration: Some(SettingsName::Id(configuration.id)),
    };
    Ok((workflow, name))
}
