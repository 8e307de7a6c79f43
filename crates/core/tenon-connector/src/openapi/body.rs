//! The body of a request: JSON, forms, parts, or a document as it is.

use serde_json::{Map, Value, json};

use super::input::{Impossible, Input};
use super::schemas::Converter;
use super::spec::{Spec, Version};

/// Bodies with more members are one property of the input.
const MEMBERS_MAX: usize = 100;

/// Takes the body of an operation; gives the request's `body`.
pub(super) fn take<'s>(
    spec: &'s Spec,
    operation: &'s Value,
    parameters: &[&'s Value],
    converter: &mut Converter<'s>,
    input: &mut Input,
) -> Result<Option<Value>, Impossible> {
    match spec.version {
        Version::V2 => of_parameters(spec, operation, parameters, converter, input),
        Version::V3 => {
            let Some(body) = operation.get("requestBody") else { return Ok(None) };
            let body = spec
                .resolve(body)
                .map_err(|reason| Impossible(format!("the request's body: {reason}")))?;
            of_content(spec, body, converter, input)
        }
    }
}

fn of_parameters<'s>(
    spec: &'s Spec,
    operation: &'s Value,
    parameters: &[&'s Value],
    converter: &mut Converter<'s>,
    input: &mut Input,
) -> Result<Option<Value>, Impossible> {
    if let Some(body) = parameters.iter().find(|parameter| parameter["in"] == "body") {
        let is_required = body["required"] == true;
        let kinds = media_types(spec, operation, "consumes");
        let is_json = kinds.is_empty() || kinds.iter().any(|kind| is_json(kind));
        return Ok(Some(match is_json {
            true => json_body(spec, &body["schema"], is_required, converter, input),
            false => document(kinds[0], is_required, input),
        }));
    }
    let fields: Vec<&Value> =
        parameters.iter().copied().filter(|parameter| parameter["in"] == "formData").collect();
    if fields.is_empty() {
        return Ok(None);
    }
    let has_file = fields.iter().any(|field| field["type"] == "file");
    let is_multipart =
        has_file || media_types(spec, operation, "consumes") == ["multipart/form-data"];
    let mut members = Vec::new();
    for field in fields {
        let name = field["name"].as_str().unwrap_or_default();
        members.push(Member {
            name,
            schema: field,
            is_required: field["required"] == true,
            is_file: field["type"] == "file",
        });
    }
    Ok(Some(form(spec, &members, is_multipart, converter, input)?))
}

fn of_content<'s>(
    spec: &'s Spec,
    body: &'s Value,
    converter: &mut Converter<'s>,
    input: &mut Input,
) -> Result<Option<Value>, Impossible> {
    let is_required = body["required"] == true;
    let Some(content) = body["content"].as_object().filter(|content| !content.is_empty()) else {
        return Ok(None);
    };
    let find = |fits: &dyn Fn(&str) -> bool| content.iter().find(|(kind, _)| fits(kind));
    if let Some((_, media)) = find(&is_json) {
        return Ok(Some(json_body(spec, &media["schema"], is_required, converter, input)));
    }
    let is_form = |kind: &str| kind.starts_with("application/x-www-form-urlencoded");
    let is_multipart = |kind: &str| kind.starts_with("multipart/form-data");
    for (fits, is_multipart) in [(&is_form as &dyn Fn(&str) -> bool, false), (&is_multipart, true)]
    {
        let Some((_, media)) = find(fits) else { continue };
        let schema = spec.resolve(&media["schema"]).unwrap_or(&media["schema"]);
        if let Some(properties) = schema["properties"].as_object() {
            let required = schema["required"].as_array();
            let members: Vec<Member<'_>> = properties
                .iter()
                .map(|(name, schema)| Member {
                    name,
                    schema,
                    is_required: required.is_some_and(|names| names.iter().any(|it| it == name)),
                    is_file: is_file(spec, schema),
                })
                .collect();
            return Ok(Some(form(spec, &members, is_multipart, converter, input)?));
        }
        input.notes.insert("the form's fields are not described; it is sent as text".to_owned());
    }
    let kind = content.keys().next().map_or("application/octet-stream", String::as_str);
    Ok(Some(document(kind, is_required, input)))
}

fn media_types<'s>(spec: &'s Spec, operation: &'s Value, key: &str) -> Vec<&'s str> {
    let own = operation[key].as_array().or_else(|| spec.root[key].as_array());
    own.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json") || kind == "text/json" || kind == "*/*"
}

fn is_file(spec: &Spec, schema: &Value) -> bool {
    let schema = spec.resolve(schema).unwrap_or(schema);
    schema["type"] == "string"
        && (matches!(schema["format"].as_str(), Some("binary" | "byte"))
            || schema.get("contentMediaType").is_some())
}

/// A JSON body: its members beside the parameters where they are all known and free, else one
/// property.
fn json_body<'s>(
    spec: &'s Spec,
    schema: &'s Value,
    is_required: bool,
    converter: &mut Converter<'s>,
    input: &mut Input,
) -> Value {
    let target = spec.resolve(schema).unwrap_or(schema);
    let members = target["properties"].as_object().filter(|members| {
        let is_open = target.get("additionalProperties").is_some_and(|others| others != false);
        let is_choice =
            ["allOf", "anyOf", "oneOf", "not"].iter().any(|key| target.get(*key).is_some());
        let are_free = members.keys().all(|name| !input.properties.contains_key(name));
        !members.is_empty() && members.len() <= MEMBERS_MAX && !is_open && !is_choice && are_free
    });
    let converted = converter.schema(schema);
    let Some(members) = members.filter(|_| converted["properties"].is_object()) else {
        // An optional one cannot be told from null, so it is asked for.
        if !is_required {
            input.notes.insert("the optional body is asked for".to_owned());
        }
        return json!({ "json": input.property("body", converted, true) });
    };
    let required = target["required"].as_array();
    let mut body = Map::new();
    for name in members.keys() {
        let is_needed = required.is_some_and(|names| names.iter().any(|it| it == name));
        let of = converted["properties"][name].clone();
        body.insert(name.clone(), json!(input.property(name, of, is_needed)));
    }
    json!({ "json": body })
}

/// One field of a form.
struct Member<'s> {
    name: &'s str,
    schema: &'s Value,
    is_required: bool,
    is_file: bool,
}

fn form<'s>(
    spec: &'s Spec,
    members: &[Member<'s>],
    is_multipart: bool,
    converter: &mut Converter<'s>,
    input: &mut Input,
) -> Result<Value, Impossible> {
    let mut fields = Map::new();
    let mut parts = Vec::new();
    for member in members {
        let schema = spec.resolve(member.schema).unwrap_or(member.schema);
        let is_object = schema["type"] == "object" || schema["properties"].is_object();
        if is_object && !is_multipart {
            let text = format!("form field \"{}\": objects in forms are not written", member.name);
            if member.is_required {
                return Err(Impossible(text));
            }
            input.notes.insert(format!("{text}; it is left out"));
            continue;
        }
        let mut converted = converter.schema(member.schema);
        if member.is_file {
            // A file is a value of its own in workflows, not text.
            converted = json!({ "description": file_text(schema) });
        }
        let read = input.property(member.name, converted, member.is_required);
        if is_multipart {
            let key = if member.is_file { "file" } else { "value" };
            parts.push(json!({ "name": member.name, key: read }));
        } else {
            fields.insert(member.name.to_owned(), json!(read));
        }
    }
    Ok(if is_multipart { json!({ "multipart": parts }) } else { json!({ "form": fields }) })
}

fn file_text(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    super::brief(&format!("{text} A file."), 500)
}

/// Anything else goes as it is: a text or a file that the workflow made.
fn document(kind: &str, is_required: bool, input: &mut Input) -> Value {
    if !is_required {
        input.notes.insert("the optional body is asked for".to_owned());
    }
    let schema = json!({ "description": format!("The body, {kind}: text or a file.") });
    let read = input.property("body", schema, true);
    let content_type = if kind.contains('*') { "application/octet-stream" } else { kind };
    json!({ "raw": { "content": read, "content_type": content_type } })
}
