//! Auth methods: from the security schemes, alone or together as operations require them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use tenon_domain::document::escape_pointer;
use url::Url;

use super::servers::Server;
use super::spec::{Spec, Version};
use super::{Report, brief, snake, unique};
use crate::load::access::is_settable;

/// The auth methods of the connector.
pub(super) struct Auth {
    pub methods: Vec<Value>,
    /// Names of schemes that are in some method.
    mapped: BTreeSet<String>,
    /// Names of schemes whose scopes are asked for.
    oauth: BTreeSet<String>,
}

impl Auth {
    /// Scopes that an operation needs.
    pub fn scopes(&self, requirements: &Value) -> Vec<String> {
        let mut scopes = Vec::new();
        for (name, wanted) in
            requirements.as_array().into_iter().flatten().filter_map(Value::as_object).flatten()
        {
            if self.oauth.contains(name) {
                let wanted = wanted.as_array().into_iter().flatten().filter_map(Value::as_str);
                for scope in wanted.filter(|scope| !scope.is_empty()) {
                    if !scopes.iter().any(|known| known == scope) {
                        scopes.push(scope.to_owned());
                    }
                }
            }
            if !scopes.is_empty() {
                break;
            }
        }
        scopes
    }

    /// Whether some way to call it is there: an operation may allow several.
    pub fn can_call(&self, requirements: &Value) -> bool {
        let Some(requirements) = requirements.as_array().filter(|list| !list.is_empty()) else {
            return true;
        };
        requirements
            .iter()
            .filter_map(Value::as_object)
            .any(|requirement| requirement.keys().all(|name| self.mapped.contains(name)))
    }
}

pub(super) fn of(spec: &Spec, server: &Server, report: &mut Report) -> Auth {
    let (place, schemes) = match spec.version {
        Version::V2 => ("/securityDefinitions", &spec.root["securityDefinitions"]),
        Version::V3 => ("/components/securitySchemes", &spec.root["components"]["securitySchemes"]),
    };
    let mut auth = Auth { methods: Vec::new(), mapped: BTreeSet::new(), oauth: BTreeSet::new() };
    let mut ids = BTreeSet::new();
    let mut known: BTreeMap<&str, &Value> = BTreeMap::new();
    let together = together(spec);
    for (name, scheme) in schemes.as_object().into_iter().flatten() {
        let scheme = spec.resolve(scheme).unwrap_or(scheme);
        known.insert(name, scheme);
        let pointer = format!("{place}/{}", escape_pointer(name));
        if together.iter().any(|names| names.contains(name.as_str())) {
            continue;
        }
        let methods = single(scheme, server, &pointer, report);
        for mut method in methods {
            auth.mapped.insert(name.clone());
            if matches!(method["type"].as_str(), Some("oauth2" | "client_credentials")) {
                auth.oauth.insert(name.clone());
            }
            method["id"] = json!(unique(snake(name), &mut ids));
            auth.methods.push(method);
        }
    }
    for names in together {
        let pointer = format!("{place}/{}", escape_pointer(names.iter().next().unwrap_or(&"")));
        match combined(&names, &known) {
            Some(mut method) => {
                auth.mapped.extend(names.iter().map(|name| (*name).to_owned()));
                let id = names.iter().map(|name| snake(name)).collect::<Vec<_>>().join("_");
                method["id"] = json!(unique(snake(&id), &mut ids));
                auth.methods.push(method);
            }
            None => {
                let names: Vec<&str> = names.into_iter().collect();
                let reason =
                    format!("needs {} together, of which not all are keys", names.join(" and "));
                report.say(&pointer, &reason);
            }
        }
    }
    if auth.methods.is_empty() {
        auth.methods.push(json!({ "id": "none", "type": "none" }));
        if !known.is_empty() {
            report.say(place, "no scheme could be mapped: calls carry no credential");
        }
    }
    in_order(&mut auth.methods);
    auth
}

/// The ways that most people want come first.
fn in_order(methods: &mut [Value]) {
    methods.sort_by_key(|method| match method["type"].as_str() {
        Some("oauth2") => 0,
        Some("none") => 2,
        _ => 1,
    });
}

/// Schemes that are only ever required together.
fn together(spec: &Spec) -> Vec<BTreeSet<&str>> {
    let global = spec.root["security"].as_array().into_iter().flatten();
    let own = spec.operations();
    let own =
        own.iter().filter_map(|operation| operation.operation["security"].as_array()).flatten();
    let requirements: Vec<BTreeSet<&str>> = global
        .chain(own)
        .filter_map(Value::as_object)
        .map(|requirement| requirement.keys().map(String::as_str).collect())
        .collect();
    let alone: BTreeSet<&str> =
        requirements.iter().filter(|names| names.len() == 1).flatten().copied().collect();
    let mut found: Vec<BTreeSet<&str>> = Vec::new();
    for names in requirements {
        if names.len() > 1 && names.is_disjoint(&alone) && !found.contains(&names) {
            found.push(names);
        }
    }
    found
}

fn single(scheme: &Value, server: &Server, pointer: &str, report: &mut Report) -> Vec<Value> {
    match scheme["type"].as_str().unwrap_or_default() {
        "apiKey" | "basic" | "http" => match key(scheme, "api_key") {
            Ok(part) => vec![part.into_method()],
            Err(reason) => {
                report.say(pointer, &reason);
                Vec::new()
            }
        },
        "oauth2" => oauth(scheme, server, pointer, report),
        "openIdConnect" => {
            let reason =
                "OpenID Connect needs its discovery document: write the OAuth 2 URLs by hand";
            report.say(pointer, reason);
            Vec::new()
        }
        "mutualTLS" => {
            let reason = "write an auth method with inject.client_certificate by hand";
            report.say(pointer, reason);
            Vec::new()
        }
        other => {
            report.say(pointer, &format!("security schemes of type \"{other}\" are not known"));
            Vec::new()
        }
    }
}

/// What one scheme of keys asks for, and where it goes.
struct Part {
    kind: &'static str,
    fields: Vec<Value>,
    headers: Map<String, Value>,
    query: Map<String, Value>,
}

impl Part {
    fn into_method(self) -> Value {
        let mut method = json!({ "id": "", "type": self.kind });
        if !self.fields.is_empty() {
            method["fields"] = Value::Array(self.fields);
        }
        let mut inject = Map::new();
        for (key, values) in [("headers", self.headers), ("query", self.query)] {
            if !values.is_empty() {
                inject.insert(key.to_owned(), Value::Object(values));
            }
        }
        if !inject.is_empty() {
            method["inject"] = Value::Object(inject);
        }
        method
    }
}

fn key(scheme: &Value, field: &str) -> Result<Part, String> {
    let mut part =
        Part { kind: "api_key", fields: Vec::new(), headers: Map::new(), query: Map::new() };
    let mut secret = json!({ "name": field, "title": "API key", "type": "password" });
    if let Some(text) = scheme["description"].as_str().filter(|text| !text.trim().is_empty()) {
        secret["description"] = json!(brief(text, 300));
    }
    let value = format!("{{{{fields.{field}}}}}");
    let kind = match (scheme["type"].as_str(), scheme["scheme"].as_str()) {
        (Some("http"), Some(kind)) => kind.to_ascii_lowercase(),
        (Some("basic"), _) => "basic".to_owned(),
        (kind, _) => kind.unwrap_or_default().to_owned(),
    };
    match kind.as_str() {
        "basic" => part.kind = "basic",
        "bearer" => {
            secret["title"] = json!("Token");
            part.headers.insert("authorization".to_owned(), json!(format!("Bearer {value}")));
            part.fields.push(secret);
        }
        "apiKey" => {
            let name = scheme["name"].as_str().filter(|name| !name.is_empty());
            let name = name.ok_or("the key has no name")?;
            match scheme["in"].as_str() {
                Some("header") if !is_settable(name) => {
                    return Err("the key's header cannot be set".to_owned());
                }
                Some("header") => drop(part.headers.insert(name.to_owned(), json!(value))),
                Some("query") => drop(part.query.insert(name.to_owned(), json!(value))),
                Some("cookie") if name.contains(['{', '}', ';', '=']) => {
                    return Err("this is not a cookie's name".to_owned());
                }
                Some("cookie") => {
                    part.headers.insert("cookie".to_owned(), json!(format!("{name}={value}")));
                }
                _ => return Err("the key is in none of header, query and cookie".to_owned()),
            }
            part.fields.push(secret);
        }
        other => return Err(format!("HTTP authentication \"{other}\" is not known here")),
    }
    Ok(part)
}

/// Several keys that go into each call together.
fn combined(names: &BTreeSet<&str>, known: &BTreeMap<&str, &Value>) -> Option<Value> {
    let mut whole =
        Part { kind: "fields", fields: Vec::new(), headers: Map::new(), query: Map::new() };
    for name in names {
        let mut part = key(known.get(name)?, &snake(name)).ok()?;
        if part.kind == "basic" {
            return None;
        }
        for field in &mut part.fields {
            field["title"] = json!(brief(name, 80));
        }
        whole.fields.append(&mut part.fields);
        whole.headers.append(&mut part.headers);
        whole.query.append(&mut part.query);
    }
    Some(whole.into_method())
}

fn oauth(scheme: &Value, server: &Server, pointer: &str, report: &mut Report) -> Vec<Value> {
    // 2.0 has one flow, in the scheme itself.
    let flows: Vec<(String, String, &Value)> = match scheme["flow"].as_str() {
        Some(flow) => vec![(flow.to_owned(), pointer.to_owned(), scheme)],
        None => scheme["flows"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, flow)| (name.clone(), format!("{pointer}/flows/{name}"), flow))
            .collect(),
    };
    let mut found = Vec::new();
    for (name, pointer, flow) in flows {
        let url = |key: &str| absolute(flow[key].as_str(), server);
        let method = match name.as_str() {
            "authorizationCode" | "accessCode" => url("authorizationUrl")
                .zip(url("tokenUrl"))
                .map(|(authorize, token)| code_flow(flow, &authorize, &token, url("refreshUrl"))),
            "clientCredentials" | "application" => {
                url("tokenUrl").map(|token| client_flow(flow, &token))
            }
            "implicit" => {
                report.say(&pointer, "the implicit flow gives no refresh tokens and is not used");
                continue;
            }
            "password" => {
                let reason = "passwords of people are not asked for; use another flow";
                report.say(&pointer, reason);
                continue;
            }
            other => {
                report.say(&pointer, &format!("the flow \"{other}\" is not known"));
                continue;
            }
        };
        match method {
            Some(method) => found.push(method),
            None => report.say(&pointer, "a URL of the flow is missing or not https"),
        }
    }
    found
}

/// A URL of the flow: relative ones are meant from the server.
fn absolute(url: Option<&str>, server: &Server) -> Option<String> {
    let url = url?.trim();
    let parsed = match Url::parse(url) {
        Ok(parsed) => parsed,
        Err(_) => Url::parse(&server.url).ok()?.join(url).ok()?,
    };
    let is_usable = parsed.scheme() == "https"
        && parsed.host_str().is_some()
        && parsed.username().is_empty()
        && !parsed.as_str().contains(['{', '}'])
        && !parsed.as_str().contains("%7B");
    let mut parsed = parsed;
    parsed.set_fragment(None);
    is_usable.then(|| parsed.to_string())
}

fn scopes(flow: &Value) -> Option<Value> {
    let available: Map<String, Value> = flow["scopes"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(scope, _)| !scope.is_empty() && !scope.starts_with("x-"))
        .map(|(scope, text)| (scope.clone(), json!(brief(text.as_str().unwrap_or(scope), 200))))
        .collect();
    (!available.is_empty()).then(|| json!({ "available": available }))
}

fn code_flow(flow: &Value, authorize: &str, token: &str, refresh: Option<String>) -> Value {
    let mut method = json!({
        "id": "",
        "type": "oauth2",
        "authorize_url": authorize,
        "token_url": token,
    });
    if let Some(refresh) = refresh.filter(|refresh| refresh != token) {
        method["refresh"] = json!({ "url": refresh });
    }
    if let Some(scopes) = scopes(flow) {
        method["scopes"] = scopes;
    }
    method
}

fn client_flow(flow: &Value, token: &str) -> Value {
    let mut method = json!({
        "id": "",
        "type": "client_credentials",
        "fields": [
            { "name": "client_id", "title": "Client id" },
            { "name": "client_secret", "title": "Client secret", "type": "password" },
        ],
        "token_url": token,
        "client_id": "{{fields.client_id}}",
        "client_secret": "{{fields.client_secret}}",
    });
    if let Some(scopes) = scopes(flow) {
        method["scopes"] = scopes;
    }
    method
}
