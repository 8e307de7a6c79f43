//! The base URL: from servers, or from host and base path. Variables become fields.

use serde_json::{Map, Value, json};
use url::Url;

use super::spec::{Spec, Version};
use super::{Report, brief, snake};

/// Where calls go.
pub(super) struct Server {
    /// The base URL, a template where it has variables.
    pub url: String,
    /// Fields for the variables.
    pub fields: Vec<Value>,
    /// Whether the provider takes plain http only.
    pub is_http: bool,
}

pub(super) fn of(spec: &Spec, report: &mut Report) -> Server {
    match spec.version {
        Version::V2 => of_host(spec, report),
        Version::V3 => of_servers(spec, report),
    }
}

fn of_host(spec: &Spec, report: &mut Report) -> Server {
    let root = &spec.root;
    let Some(host) = root["host"].as_str().filter(|host| !host.is_empty()) else {
        report.say("/host", "there is no host: the user gives the base URL");
        return asked_for(root["basePath"].as_str().unwrap_or_default());
    };
    let schemes: Vec<&str> =
        root["schemes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let is_http = schemes == ["http"];
    if is_http {
        report.say("/schemes", "plain http only; see whether the provider takes https");
    }
    let scheme = if is_http { "http" } else { "https" };
    let path = root["basePath"].as_str().unwrap_or_default().trim_matches('/');
    let url = format!("{scheme}://{host}/{path}");
    // Braces would be templates.
    let parsed = Url::parse(&url).ok().filter(|_| !url.contains(['{', '}']));
    match parsed {
        Some(url) => Server {
            url: url.as_str().trim_end_matches('/').to_owned(),
            fields: Vec::new(),
            is_http,
        },
        None => {
            report.say("/host", "this is not a host: the user gives the base URL");
            asked_for("")
        }
    }
}

fn of_servers(spec: &Spec, report: &mut Report) -> Server {
    let servers = spec.root["servers"].as_array().map_or(&[][..], Vec::as_slice);
    for index in 1..servers.len() {
        report.say(&format!("/servers/{index}"), "only the first server is used");
    }
    let Some(server) = servers.first() else {
        report.say("/servers", "there is no server: the user gives the base URL");
        return asked_for("");
    };
    let url = server["url"].as_str().unwrap_or_default();
    let is_absolute = url.starts_with("https://") || url.starts_with("http://");
    if !is_absolute && !url.starts_with('{') {
        report.say("/servers/0/url", "it is relative: the user gives the base URL");
        return asked_for(url);
    }
    with_variables(url, &server["variables"], report)
}

/// The user gives the base URL; `path` stays behind it.
fn asked_for(path: &str) -> Server {
    let path = path.trim_matches('/');
    let is_path = !path.contains(['{', '}', ':', '\\', '?', '#', ' ']);
    let tail = if is_path && !path.is_empty() { format!("/{path}") } else { String::new() };
    let field = json!({
        "name": "base_url",
        "title": "Base URL",
        "type": "url",
        "description": "Where the API is, such as https://api.example.com",
    });
    Server { url: format!("{{{{fields.base_url}}}}{tail}"), fields: vec![field], is_http: false }
}

fn with_variables(url: &str, variables: &Value, report: &mut Report) -> Server {
    let is_http = url.starts_with("http://");
    if is_http {
        report.say("/servers/0/url", "plain http; see whether the provider takes https");
    }
    let mut built = String::new();
    let mut fields = Vec::new();
    let mut rest = url.trim_end_matches('/');
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, tail)) = after.split_once('}') else { break };
        built.push_str(before);
        let place = place_of(&built, tail);
        let field = field_of(name, &variables[name], place);
        built.push_str(&format!("{{{{fields.{}}}}}", field["name"].as_str().unwrap_or_default()));
        if !fields.contains(&field) {
            fields.push(field);
        }
        rest = tail;
    }
    built.push_str(rest);
    if built.contains(['?', '#']) {
        report.say("/servers/0/url", "a query or fragment in it was taken off");
        let end = built.find(['?', '#']).unwrap_or(built.len());
        built.truncate(end);
    }
    Server { url: built.trim_end_matches('/').to_owned(), fields, is_http }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum VariablePlace {
    WholeUrl,
    WholeHost,
    PartOfHost,
    Port,
    Path,
}

/// Where a variable stands, from what is before and behind it.
fn place_of(before: &str, after: &str) -> VariablePlace {
    let Some((_, authority)) = before.split_once("://") else { return VariablePlace::WholeUrl };
    if authority.contains('/') {
        return VariablePlace::Path;
    }
    let ends = after.is_empty() || after.starts_with(['/', ':']);
    match (authority.is_empty(), ends) {
        _ if authority.ends_with(':') => VariablePlace::Port,
        (true, true) => VariablePlace::WholeHost,
        _ => VariablePlace::PartOfHost,
    }
}

fn field_of(name: &str, variable: &Value, place: VariablePlace) -> Value {
    let mut field = Map::new();
    field.insert("name".to_owned(), json!(snake(name)));
    field.insert("title".to_owned(), json!(brief(&name.replace(['_', '-'], " "), 80)));
    let choices: Vec<&str> =
        variable["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let default = variable["default"].as_str().unwrap_or_default();
    let choices: std::collections::BTreeSet<&str> = choices.into_iter().collect();
    if choices.is_empty() {
        let (kind, pattern) = match place {
            VariablePlace::WholeUrl => ("url", None),
            VariablePlace::WholeHost => ("host", None),
            // It may stand for several labels.
            VariablePlace::PartOfHost => {
                ("text", Some("[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"))
            }
            VariablePlace::Port => ("number", None),
            VariablePlace::Path => ("text", Some("[A-Za-z0-9._~/-]*")),
        };
        field.insert("type".to_owned(), json!(kind));
        if let Some(pattern) = pattern {
            field.insert("pattern".to_owned(), json!(pattern));
        }
    } else {
        let option = |value: &&str| json!({ "value": value, "label": value });
        field.insert("type".to_owned(), json!("select"));
        field.insert("options".to_owned(), choices.iter().map(option).collect());
    }
    if let Some(text) = variable["description"].as_str().filter(|text| !text.trim().is_empty()) {
        field.insert("description".to_owned(), json!(brief(text, 300)));
    }
    let fits = match choices.is_empty() {
        true => crate::field_values::check_one(&typed(&field), &json!(default)).is_ok(),
        false => choices.contains(default),
    };
    if !default.is_empty() && fits {
        let default = match place {
            VariablePlace::Port if choices.is_empty() => {
                default.parse::<i64>().map_or(json!(default), |port| json!(port))
            }
            _ => json!(default),
        };
        field.insert("default".to_owned(), default);
    }
    Value::Object(field)
}

fn typed(field: &Map<String, Value>) -> crate::manifest::fields::Field {
    serde_json::from_value(Value::Object(field.clone())).expect("it was built as a field")
}

/// What the description has beside operations and cannot be mapped.
pub(super) fn describe_leftovers(spec: &Spec, report: &mut Report) {
    for name in spec.root["webhooks"].as_object().into_iter().flat_map(Map::keys) {
        let pointer = format!("/webhooks/{}", tenon_domain::document::escape_pointer(name));
        let reason = "how it is verified and routed is not in the description; write it by hand";
        report.say(&pointer, reason);
    }
    for (path, item) in spec.root["paths"].as_object().into_iter().flatten() {
        let item = spec.resolve(item).unwrap_or(item);
        let pointer = format!("/paths/{}", tenon_domain::document::escape_pointer(path));
        for method in ["options", "trace"] {
            if item[method].is_object() {
                let reason = "actions do not use this method";
                report.say(&format!("{pointer}/{method}"), reason);
            }
        }
    }
}
