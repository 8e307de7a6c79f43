//! Manifests that tests begin with.

use serde_json::Value;
use tenon_connector::connector::Connector;
use tenon_connector::load::{self, Rules};
use tenon_domain::workflow::Diagnostic;

/// A connector that uses most of what there is. Tests spoil it.
pub const ACME: &str = r##"format: 1
name: acme
version: 1.2.3
title: Acme
description: Orders of Acme.
categories: [e-commerce]
docs: https://docs.acme.example
color: "#1a2b3c"
app_fields:
  - {name: signing_secret, title: Signing secret, type: password}
fields:
  - {name: shop, title: Shop, type: subdomain, strip_suffix: [.acme.example]}
auth:
  - id: oauth
    type: oauth2
    authorize_url: https://{{fields.shop}}.acme.example/oauth/authorize
    token_url: https://{{fields.shop}}.acme.example/oauth/token
    scopes:
      default: [orders.read]
      available: {orders.read: See orders, orders.write: Change orders}
    response:
      extra: {instance: "{{response.body.instance}}"}
      fields: {account_id: "{{response.body.account}}"}
  - id: key
    type: api_key
    inject: {headers: {x-api-key: "{{fields.api_key}}"}}
proxy:
  base_url:
    - url: https://{{fields.shop}}.acme.example/api/v2
  allowed_hosts: [files.acme.example]
  errors:
    - statuses: [402]
      kind: permission
      message: "{{response.body.message}}"
lifecycle:
  identity:
    steps:
      - id: me
        request: {url: /me}
        save: {id: "{{response.body.id}}", name: "{{response.body.name}}"}
    id: "{{steps.me.id}}"
    name: "{{steps.me.name}}"
    save: {region: "{{response.body.region}}"}
webhooks:
  - id: events
    title: Events
    registration: {type: app}
    secret: {app: signing_secret}
    verification:
      type: hmac
      algorithm: sha256
      signature: {header: x-acme-signature}
    event: "{{item.type}}"
    route: {type: field, value: "{{webhook.body.account}}", field: account_id}
actions:
  - id: list_orders
    title: List orders
    effect: read
    scopes: [orders.read]
    input:
      type: object
      properties: {status: {type: string}}
      additionalProperties: false
    output: {type: array, items: {type: object}}
    request:
      url: /orders
      query: {status: "{{input.status}}"}
    pagination:
      items: "{{response.body.orders}}"
      next: {type: cursor, cursor: "{{response.body.next}}", place: {query: after}}
      size: {place: {query: limit}, items: 50}
  - id: create_order
    title: Create an order
    effect: create
    scopes: [orders.write]
    input:
      type: object
      required: [item]
      properties: {item: {type: string}, note: {type: string}}
      additionalProperties: false
    output: {type: object}
    request:
      method: POST
      url: /orders
      body:
        json: {item: "{{input.item}}", note: "{{input.note}}"}
"##;

/// Loads a text.
pub fn loaded(text: &str) -> Result<Connector, Vec<Diagnostic>> {
    Connector::load("connector.yaml", text)
}

/// The connector of [`ACME`].
pub fn acme() -> Connector {
    loaded(ACME).unwrap_or_else(|diagnostics| panic!("{}", listed(&diagnostics)))
}

/// [`ACME`] as a value.
pub fn acme_value() -> Value {
    serde_json::to_value(acme().manifest()).expect("a manifest is JSON")
}

/// [`ACME`] with one text replaced by another.
pub fn spoiled(what: &str, by: &str) -> String {
    assert!(ACME.contains(what), "the manifest has no {what}");
    ACME.replacen(what, by, 1)
}

/// Loads a project's own manifest.
pub fn custom(value: &Value) -> Result<Connector, Vec<Diagnostic>> {
    Connector::from_value(value)
}

/// Loads with other limits than the usual ones.
pub fn within(limits: load::ManifestLimits) -> Result<Connector, Vec<Diagnostic>> {
    load::load("connector.yaml", ACME, &Rules { limits, ..Rules::built_in() })
}

/// Diagnostics, a line each.
pub fn listed(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Every place of a value.
pub fn pointers_of(value: &Value) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut add = |key: &str, inner: &Value| {
        let key = tenon_domain::document::escape_pointer(key);
        found.extend(pointers_of(inner).into_iter().map(|pointer| format!("/{key}{pointer}")));
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(key, inner)| add(key, inner)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, inner)| add(&index.to_string(), inner));
        }
        _ => {}
    }
    found
}
