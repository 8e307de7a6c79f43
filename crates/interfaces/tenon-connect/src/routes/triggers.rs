//! `GET triggers`: what providers' events could start. Connectors describe none yet, so that every
//! integration has an empty list.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tenon_contract::permissions::{About, Operation};
use tenon_http_kit::WireProblem;
use tenon_http_kit::wire::cross_origin;

use crate::caller::Caller;
use crate::problem::WireQuery;
use crate::state::Connect;
use crate::view::short;

/// Integrations asked for at once; the others are passed over.
const INTEGRATIONS_MAX: usize = 100;

pub(super) fn routes() -> Router<Connect> {
    Router::new().route("/projects/{project}/triggers", cross_origin(get(list)))
}

#[derive(Deserialize)]
struct TriggersQuery {
    #[serde(default)]
    integrations: Option<String>,
}

async fn list(
    State(connect): State<Connect>,
    caller: Caller,
    WireQuery(query): WireQuery<TriggersQuery>,
) -> Result<Json<Value>, WireProblem> {
    let view = connect.view(&caller).await?;
    let (mut triggers, mut errors) = (Map::new(), Vec::new());
    let asked = query.integrations.unwrap_or_default();
    let asked = asked.split(',').map(str::trim).filter(|name| !name.is_empty());
    for name in asked.take(INTEGRATIONS_MAX) {
        let Some(integration) = view.portal.integration_named(name) else {
            let message = "the project has no such integration";
            errors.push(json!({ "type": short(name), "message": message }));
            continue;
        };
        let about = About { integration: Some(&integration.connector), ..About::default() };
        caller.check(Operation::ActionKit, &about)?;
        triggers.insert(integration.connector.clone(), json!([]));
    }
    Ok(Json(json!({ "triggers": triggers, "errors": errors })))
}
