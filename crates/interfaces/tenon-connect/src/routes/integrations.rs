//! `sdk/integrations` and `sdk/metadata`: what the project offers; and taking it away again.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::delete;
use serde::Deserialize;
use tenon_config::AccountName;
use tenon_http_kit::WireProblem;
use tenon_http_kit::wire::cross_origin;

use super::{done, json_response};
use crate::caller::Caller;
use crate::problem::{WirePath, of_config};
use crate::state::Connect;

pub(super) fn routes() -> Router<Connect> {
    Router::new().route(
        "/projects/{project}/sdk/integrations/{integration}",
        cross_origin(delete(uninstall)),
    )
}

#[derive(Deserialize)]
struct IntegrationPath {
    integration: String,
}

/// `GET sdk/integrations`.
pub(super) async fn list(
    State(connect): State<Connect>,
    caller: Caller,
) -> Result<Response, WireProblem> {
    let revisions = connect.revisions(&caller).await?;
    let project = connect.rendered_project(caller.project, revisions.project).await?;
    if !project.asks_for_the_user() {
        return Ok(json_response(project.integrations(&[])));
    }
    let user = connect.rendered_user(&caller).await?;
    Ok(json_response(project.integrations(&user.forbidden)))
}

/// `GET sdk/metadata`: names, colours and icons of what users can connect.
pub(super) async fn metadata(
    State(connect): State<Connect>,
    caller: Caller,
) -> Result<Response, WireProblem> {
    let revisions = connect.revisions(&caller).await?;
    let project = connect.rendered_project(caller.project, revisions.project).await?;
    Ok(json_response(project.metadata.clone()))
}

/// `DELETE sdk/integrations/{integration}`: unlinks the account that is named, or all of the
/// integration, with everything that is on for it.
async fn uninstall(
    State(connect): State<Connect>,
    caller: Caller,
    WirePath(path): WirePath<IntegrationPath>,
) -> Result<Response, WireProblem> {
    let view = connect.view(&caller).await?;
    let integration = view.integration(&path.integration)?;
    let ended = match &caller.account {
        Some(_) => vec![view.meant(&caller, integration)?.0],
        None => view.accounts_of(integration).collect(),
    };
    for account in &ended {
        view.check_write(&caller, account, None)?;
    }
    // Those that were looked at, and no other one that came meanwhile.
    for account in ended {
        let name = AccountName::Id(account.credential.id);
        let (project, user) = (caller.project, &caller.user);
        let id = integration.id.to_string();
        let removed = connect.config.uninstall_integration(project, user, &id, Some(&name)).await;
        removed.map_err(|error| of_config(&connect, error))?;
    }
    Ok(done())
}
