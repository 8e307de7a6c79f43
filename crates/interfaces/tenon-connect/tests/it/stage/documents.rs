//! What the builder applied.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tenon_config::{AppChange, Batch, Configuration, Slug};
use tenon_domain::limits::DocumentLimits;
use tenon_domain::portal::IntegrationDocument;
use tenon_domain::workflow::{Workflow, load_value};
use tenon_domain::{ProjectId, WorkflowId};

/// With documents, workflows and two ways to connect.
pub const ACME: &str = "custom.acme";
/// Asks for more after connecting.
pub const SETUP: &str = "custom.setup";

fn acme() -> Value {
    json!({
        "format": 1, "name": "acme", "version": "1.0.0", "title": "Acme", "color": "#123456",
        "description": "A service that tests use.", "categories": ["testing"],
        "docs": "https://acme.example/docs",
        "auth": [
            {
                "id": "oauth", "type": "oauth2", "title": "Acme account",
                "authorize_url": "https://acme.example/authorize",
                "token_url": "https://acme.example/token",
            },
            {
                "id": "key", "type": "api_key", "title": "API key",
                "fields": [
                    {"name": "api_key", "title": "API key", "type": "password",
                     "description": "Under your profile.", "help_url": "https://acme.example/keys"},
                    {"name": "subdomain", "title": "Shop", "type": "subdomain",
                     "strip_suffix": [".acme.example"], "example": "my-shop"},
                    {"name": "region", "title": "Region", "type": "select", "default": "eu",
                     "options": [{"value": "eu", "label": "Europe"}, {"value": "us", "label": "US"}]},
                ],
                "inject": {"headers": {"x-api-key": "{{fields.api_key}}"}},
            },
        ],
        "proxy": {"base_url": [{"url": "https://acme.example"}]},
        "data_sources": data_sources(),
    })
}

/// One of each kind. `channels`, which an input names, is not among them.
fn data_sources() -> Value {
    let list = |url: &str, depends_on: &[&str]| {
        json!({
            "kind": "select", "title": format!("List of {url}"), "depends_on": depends_on,
            "request": {"url": url}, "items": "{{response.body}}",
            "label": "{{item.name}}", "value": "{{item.id}}",
        })
    };
    let mut fields = list("/fields", &["bases", "sheets"]);
    fields["form"] = json!({"type": "{{item.type}}"});
    json!({
        "bases": list("/bases", &[]),
        "sheets": list("/sheets", &["bases"]),
        "sheet_fields": fields,
        "objects": {"kind": "static", "title": "Objects", "options": [
            {"label": "Contacts", "value": "contacts"},
        ]},
        "properties": list("/properties", &["objects"]),
        "tables": {"kind": "combo", "title": "Tables", "main": "bases", "dependent": "sheets"},
        "contacts": {
            "kind": "field_mapper", "title": "Contacts", "records": "objects",
            "fields": "properties",
        },
        "form": {
            "kind": "dynamic_combo", "title": "Form", "main": "bases", "dependent": "sheets",
            "fields": "sheet_fields",
        },
    })
}

fn setup() -> Value {
    json!({
        "format": 1, "name": "setup", "version": "1.0.0", "title": "Set up",
        "description": "A service that wants to know more.", "categories": ["testing"],
        "docs": "https://acme.example/docs",
        "auth": [{
            "id": "key", "type": "api_key",
            "fields": [
                {"name": "api_key", "title": "API key", "type": "password"},
                {"name": "site", "title": "Site", "automated": true},
            ],
            "inject": {"headers": {"x-api-key": "{{fields.api_key}}"}},
        }],
        "proxy": {"base_url": [{"url": "https://acme.example"}]},
    })
}

fn integration() -> IntegrationDocument {
    let document = json!({
        "kind": "integration", "version": 1, "connector": ACME,
        "portal": {
            "description": "Shops and orders.", "overview": "Keeps **orders** in step.",
            "accent_color": "#ff8800",
        },
        "inputs": [
            {"id": "team", "title": "Team", "type": "text", "required": false},
            {"id": "word", "title": "Secret word", "type": "password", "required": false},
            {"id": "color", "title": "Color", "type": "select", "required": false,
             "options": [{"label": "Red", "value": "red"}, {"label": "Blue", "value": "blue"}]},
            {"id": "channel", "title": "Channel", "type": "dynamic_select", "source": "channels",
             "required": false},
            {"id": "table", "title": "Table", "type": "combo", "source": "tables",
             "required": false},
            {"id": "fields", "title": "Fields", "type": "field_mapper", "source": "contacts",
             "object": "Contact", "fields": ["name", "email"], "required": false},
            {"id": "priority", "title": "Priority", "type": "custom_dropdown", "key": "priorities",
             "required": false},
        ],
    });
    tenon_domain::portal::load_value(document, &DocumentLimits::default())
        .unwrap_or_else(|faults| panic!("{faults:#?}"))
}

fn workflow(name: &str, more: &Value) -> Workflow {
    let mut document = json!({
        "version": 1, "name": name, "integration": ACME,
        "triggers": [{"type": "app_event", "event": "order.created"}],
        "steps": [{"id": "wait", "type": "delay", "seconds": 1}],
        "settings": {"enabled_by_default": false},
    });
    let more = more.as_object().expect("an object").clone();
    document.as_object_mut().expect("an object").extend(more);
    load_value(document, &DocumentLimits::default()).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

/// Applies everything; the names of what has ids, and the two workflows.
pub async fn apply(
    config: &Configuration,
    project: ProjectId,
) -> (BTreeMap<String, String>, [WorkflowId; 2]) {
    for (slug, manifest) in [("acme", acme()), ("setup", setup())] {
        let slug = Slug::parse(slug).expect("a slug");
        config.put_connector(project, &slug, manifest).await.expect("it is valid");
    }
    for connector in [SETUP, "slack"] {
        config.add_integration(project, connector).await.expect("it is known");
    }
    let pro = json!({
        "operator": "$stringExactlyMatches", "variable": "{{user.meta.plan}}", "argument": "pro",
    });
    let batch = Batch {
        integrations: vec![integration()],
        workflows: vec![
            workflow(
                "sync",
                &json!({
                    "description": "For the builder's people.",
                    "portal": {"title": "Sync orders", "info": "Every new order.", "order": 1},
                    "inputs": [{"id": "limit", "title": "Limit", "type": "number",
                                "tooltip": "Orders a day."}],
                }),
            ),
            workflow("notify", &json!({"portal": {"order": 2, "permissions": pro}})),
        ],
    };
    let applied = config.apply_batch(project, &batch).await.expect("it can be applied");
    let mut names = BTreeMap::new();
    for integration in config.integrations(project).await.expect("they can be read") {
        if integration.connector != SETUP {
            let values = [("client_id", "client-1"), ("client_secret", "client-canary")];
            let values = values.map(|(name, value)| (name.to_owned(), json!(value)));
            let change = AppChange { values: values.into_iter().collect(), scopes: None };
            config.set_app(project, integration.id, None, change).await.expect("it is taken");
        }
        names.insert(integration.id.to_string(), integration.connector);
    }
    for workflow in &applied.workflows {
        names.insert(workflow.workflow.to_string(), workflow.name.clone());
    }
    let id = |index: usize| applied.workflows[index].workflow;
    (names, [id(0), id(1)])
}
