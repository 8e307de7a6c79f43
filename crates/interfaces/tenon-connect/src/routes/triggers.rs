//! `GET triggers`: what providers' events could start, by the webhooks of the connectors.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tenon_connector::connector::Connector;
use tenon_connector::manifest::webhooks::Registration;
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
        let manifest = integration.manifest.as_ref();
        let project = view.portal.project;
        let connector = connect.catalog.find(project, &integration.connector, manifest);
        let listed = connector.map(|it| events_of(&integration.connector, &it)).unwrap_or_default();
        triggers.insert(integration.connector.clone(), json!(listed));
    }
    Ok(Json(json!({ "triggers": triggers, "errors": errors })))
}

/// The events of a connector's webhooks that workflows can listen to.
fn events_of(name: &str, connector: &Connector) -> Vec<Value> {
    let webhooks = connector.manifest().webhooks.iter();
    let supported = webhooks.filter(|it| !matches!(it.registration, Registration::Requests { .. }));
    let events = supported.flat_map(|webhook| &webhook.events);
    let listed = events.map(|(event, description)| {
        json!({
            "type": format!("{}_TRIGGER_{}", upper_snake(name), upper_snake(event)),
            "triggerModel": "WEBHOOK",
            "title": title_of(event),
            "description": description,
            "parameters": [],
        })
    });
    listed.collect()
}

/// `invoice.paid` as `INVOICE_PAID`.
fn upper_snake(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_").to_ascii_uppercase()
}

/// `invoice.paid` as `Invoice paid`.
fn title_of(event: &str) -> String {
    let words = event.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let text = words.collect::<Vec<_>>().join(" ");
    let mut letters = text.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use tenon_connector::catalog::Catalog;

    use super::*;

    #[test]
    fn events_are_listed_in_the_shape_of_the_published_interface() {
        let catalog = Catalog::default();
        let slack = catalog.get("slack").expect("it comes with Tenon");
        let mention = json!({
            "type": "SLACK_TRIGGER_APP_MENTION", "triggerModel": "WEBHOOK", "title": "App mention",
            "description": "The app was mentioned", "parameters": [],
        });
        assert!(events_of("slack", &slack).contains(&mention));
        let stripe = catalog.get("stripe").expect("it comes with Tenon");
        let paid = "STRIPE_TRIGGER_INVOICE_PAID";
        assert!(events_of("stripe", &stripe).iter().any(|it| it["type"] == paid));
        let outlook = catalog.get("outlook").expect("it comes with Tenon");
        assert!(events_of("outlook", &outlook).is_empty(), "nobody could listen to them yet");
    }
}
