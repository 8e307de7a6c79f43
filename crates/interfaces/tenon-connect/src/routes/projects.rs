//! `/sdk/projects/{project}`: the project, as clients of version 1 ask for it.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tenon_http_kit::WireProblem;
use tenon_http_kit::wire::cross_origin;

use crate::caller::Caller;
use crate::state::Connect;
use crate::wire::user::WireProject;

pub(super) fn routes() -> Router<Connect> {
    Router::new().route("/sdk/projects/{project}", cross_origin(get(show)))
}

async fn show(State(connect): State<Connect>, caller: Caller) -> Result<Json<Value>, WireProblem> {
    let view = connect.view(&caller).await?;
    let mut project = json!(WireProject::new(&view.portal, &connect.settings));
    project["title"] = json!(view.portal.name);
    project["isConnectProject"] = json!(true);
    project["isHidden"] = json!(false);
    project["customIntegrations"] = json!([]);
    Ok(Json(project))
}
