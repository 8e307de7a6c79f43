//! Operations become actions.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use url::Url;

use super::auth::Auth;
use super::input::{Impossible, Input, parameters, take};
use super::schemas::Converter;
use super::spec::{Operation, Spec, Version};
use super::{Options, Report, body, brief, snake, unique};
use crate::load::ManifestLimits;

/// Parts of a schema that are written at most, before the size is even looked at.
const SCHEMA_PARTS_MAX: usize = 4_000;

/// The actions, and what they need of the proxy.
#[derive(Default)]
pub(super) struct Actions {
    pub found: Vec<Value>,
    /// Hosts of operations that have servers of their own.
    pub hosts: BTreeSet<String>,
}

pub(super) fn of(spec: &Spec, options: &Options, auth: &Auth, report: &mut Report) -> Actions {
    let actions_max = ManifestLimits::default().actions_max;
    let mut actions = Actions::default();
    let mut ids = BTreeSet::new();
    for operation in spec.operations() {
        let requirements = match operation.operation.get("security") {
            Some(own) => own,
            None => &spec.root["security"],
        };
        if !auth.can_call(requirements) {
            report.say(&operation.pointer, "left out: no auth method that was mapped may call it");
            continue;
        }
        if actions.found.len() == actions_max {
            let reason = format!("left out: a connector has at most {actions_max} actions");
            report.say(&operation.pointer, &reason);
            continue;
        }
        match action(spec, options, &operation, &mut actions.hosts, report) {
            Ok(mut action) => {
                let id = match operation.operation["operationId"].as_str() {
                    Some(id) if !snake(id).is_empty() => snake(id),
                    _ => snake(&format!("{} {}", operation.method, operation.path)),
                };
                action["id"] = json!(unique(id, &mut ids));
                let scopes = auth.scopes(requirements);
                if !scopes.is_empty() {
                    action["scopes"] = json!(scopes);
                }
                actions.found.push(action);
            }
            Err(Impossible(reason)) => {
                report.say(&operation.pointer, &format!("left out: {reason}"));
            }
        }
        if operation.operation["callbacks"].as_object().is_some_and(|list| !list.is_empty()) {
            let pointer = format!("{}/callbacks", operation.pointer);
            report.say(&pointer, "calls of the provider: write a webhook by hand");
        }
    }
    actions
}

fn action(
    spec: &Spec,
    options: &Options,
    operation: &Operation<'_>,
    hosts: &mut BTreeSet<String>,
    report: &mut Report,
) -> Result<Value, Impossible> {
    // Written out less deeply until it fits: a schema that nobody can read helps nobody.
    let mut depth = options.depth_max.max(1);
    let (mut action, notes) = loop {
        let (action, notes) = action_at_depth(spec, depth, operation)?;
        let bytes = action["input"].to_string().len() + action["output"].to_string().len();
        if bytes <= options.schema_bytes_max || depth == 1 {
            break (action, notes);
        }
        depth /= 2;
    };
    for note in notes {
        report.say(&operation.pointer, &note);
    }
    if let Some(url) = own_server(operation, hosts, report) {
        let path = action["request"]["url"].as_str().unwrap_or_default();
        action["request"]["url"] = json!(format!("{url}{path}"));
    }
    Ok(action)
}

fn action_at_depth<'s>(
    spec: &'s Spec,
    depth: usize,
    operation: &Operation<'s>,
) -> Result<(Value, BTreeSet<String>), Impossible> {
    let mut converter = Converter::new(spec, depth, SCHEMA_PARTS_MAX);
    let mut input = Input::default();
    let parameters = parameters(spec, operation, &mut input.notes);
    for parameter in &parameters {
        if !matches!(parameter["in"].as_str(), Some("body" | "formData")) {
            take(spec, parameter, &mut converter, &mut input)?;
        }
    }
    let url = path(operation.path, &mut input)?;
    let of = operation.operation;
    let mut content = body::take(spec, of, &parameters, &mut converter, &mut input)?;
    if content.is_some() && matches!(operation.method, "get" | "head") {
        return Err(Impossible("requests of this method have no body".to_owned()));
    }
    let input_defs = converter.defs();
    let mut schema = json!({ "type": "object" });
    for (key, value) in [
        ("required", json!(input.required)),
        ("properties", Value::Object(input.properties)),
        ("$defs", Value::Object(input_defs)),
    ] {
        if !is_empty(&value) {
            schema[key] = value;
        }
    }
    schema["additionalProperties"] = json!(false);
    let mut answers = Converter::new(spec, depth, SCHEMA_PARTS_MAX);
    let output = output(spec, of, &mut answers);

    let mut request = Map::new();
    request.insert("method".to_owned(), json!(operation.method.to_ascii_uppercase()));
    request.insert("url".to_owned(), json!(url));
    for (key, map) in [("query", input.query), ("headers", input.headers)] {
        if !map.is_empty() {
            request.insert(key.to_owned(), Value::Object(map));
        }
    }
    if let Some(content) = content.take() {
        request.insert("body".to_owned(), content);
    }
    let mut notes = input.notes;
    if converter.is_cut || answers.is_cut {
        notes.insert(format!("schemas were cut at {depth} references inside each other"));
    }
    notes.extend(converter.problems);
    notes.extend(answers.problems);
    Ok((described(operation, schema, output, request), notes))
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty)
}

fn described(
    operation: &Operation<'_>,
    input: Value,
    output: Value,
    request: Map<String, Value>,
) -> Value {
    let of = operation.operation;
    let summary = of["summary"].as_str().filter(|text| !text.trim().is_empty());
    let id = of["operationId"].as_str().map(|id| snake(id).replace('_', " "));
    let method = operation.method.to_ascii_uppercase();
    let title = match (summary, id) {
        (Some(summary), _) => brief(summary, 100),
        (None, Some(id)) if !id.is_empty() => brief(&id, 100),
        _ => brief(&format!("{method} {}", operation.path), 100),
    };
    let (effect, is_idempotent) = match operation.method {
        "get" | "head" => ("read", false),
        "put" => ("update", true),
        "patch" => ("update", false),
        "delete" => ("delete", true),
        _ => ("create", false),
    };
    let mut action = json!({ "id": "", "title": title });
    if let Some(text) = of["description"].as_str().filter(|text| !text.trim().is_empty()) {
        action["description"] = json!(brief(text, 300));
    }
    action["effect"] = json!(effect);
    if is_idempotent {
        action["idempotent"] = json!(true);
    }
    if of["deprecated"] == true {
        action["hints"] = json!({ "deprecated": true });
    }
    action["input"] = input;
    action["output"] = output;
    action["request"] = Value::Object(request);
    action
}

/// The path with its parameters as templates.
fn path(path: &str, input: &mut Input) -> Result<String, Impossible> {
    if path.contains(['#', '\\']) || path.contains("{{") {
        return Err(Impossible("the path holds characters that a path cannot have".to_owned()));
    }
    let mut built = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, tail)) = after.split_once('}') else {
            return Err(Impossible("the path has a brace that is not closed".to_owned()));
        };
        built.push_str(before);
        let read = match input.path.get(name).and_then(Value::as_str) {
            Some(read) => read.to_owned(),
            None => {
                input.notes.insert(format!("path parameter \"{name}\" is not described"));
                let read = input.property(name, json!({ "type": "string", "minLength": 1 }), true);
                input.path.insert(name.to_owned(), json!(read));
                read
            }
        };
        built.push_str(&read);
        rest = tail;
    }
    built.push_str(rest);
    if !built.starts_with('/') {
        built.insert(0, '/');
    }
    Ok(built)
}

/// The schema of the first good answer.
fn output<'s>(spec: &'s Spec, operation: &'s Value, converter: &mut Converter<'s>) -> Value {
    let responses = operation["responses"].as_object();
    let mut good: Vec<(&String, &Value)> =
        responses.into_iter().flatten().filter(|(status, _)| status.starts_with('2')).collect();
    good.sort_by_key(|(status, _)| status.to_ascii_lowercase());
    let Some((_, response)) = good.first() else { return json!({}) };
    let response = spec.resolve(response).unwrap_or(response);
    let schema = match spec.version {
        Version::V2 => response.get("schema"),
        Version::V3 => response["content"]
            .as_object()
            .into_iter()
            .flatten()
            .find(|(kind, _)| kind.contains("json") || kind.starts_with("*/*"))
            .and_then(|(_, media)| media.get("schema")),
    };
    let Some(schema) = schema else { return json!({}) };
    let mut output = converter.schema(schema);
    let defs = converter.defs();
    if !defs.is_empty() && output.is_object() {
        output["$defs"] = Value::Object(defs);
    }
    output
}

/// The server of the operation itself, where it has one.
fn own_server(
    operation: &Operation<'_>,
    hosts: &mut BTreeSet<String>,
    report: &mut Report,
) -> Option<String> {
    let servers = [&operation.operation["servers"], &operation.item["servers"]];
    let server = servers.into_iter().find_map(|servers| servers.as_array()?.first())?;
    let url = server["url"].as_str().unwrap_or_default();
    let parsed = Url::parse(url).ok().filter(|parsed| {
        parsed.scheme() == "https"
            && parsed.query().is_none()
            && parsed.port().is_none()
            && !url.contains('{')
            && parsed.host_str().is_some_and(crate::field_values::is_host)
    });
    match parsed {
        Some(parsed) => {
            hosts.insert(parsed.host_str().unwrap_or_default().to_owned());
            Some(parsed.as_str().trim_end_matches('/').to_owned())
        }
        None => {
            let pointer = format!("{}/servers", operation.pointer);
            report.say(&pointer, "this server of its own is not used; calls go to the base URL");
            None
        }
    }
}
