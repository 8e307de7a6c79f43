//! `/graphql`: `contact(id)` and `contacts(first)`, enough of GraphQL to call it like any other.
//!
//! It knows queries with variables, arguments, aliases and nested fields. It knows no fragments,
//! directives, mutations or introspection, and says so.

mod read;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Shared;
use super::contacts::Contacts;
use super::refusal::Refusal;
use read::{Argument, Field};

const FIRST_MAX: u64 = 100;
/// Fields at the root of one query: each may read a hundred contacts.
const ROOT_FIELDS_MAX: usize = 20;

/// A GraphQL call.
#[derive(Debug, Deserialize)]
pub(super) struct Call {
    query: String,
    variables: Option<Map<String, Value>>,
    #[serde(rename = "operationName")]
    operation_name: Option<String>,
}

/// `POST /graphql`: `{"data"}`, or `{"errors": [{"message"}]}`, both with 200.
pub(super) async fn answer(
    State(demo): State<Shared>,
    call: Result<Json<Call>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    let Json(call) = call?;
    Ok(Json(match data(&demo.contacts, &call) {
        Ok(data) => json!({ "data": data }),
        Err(message) => json!({ "errors": [{ "message": message }] }),
    }))
}

fn data(contacts: &Contacts, call: &Call) -> Result<Value, String> {
    let query = read::query(&call.query)?;
    if call.operation_name.is_some() && call.operation_name != query.name {
        return Err("there is no operation of that name".to_owned());
    }
    if query.fields.len() > ROOT_FIELDS_MAX {
        return Err(format!("a query has at most {ROOT_FIELDS_MAX} fields at its root"));
    }
    let mut data = Map::new();
    for field in &query.fields {
        let arguments = Arguments { field, variables: call.variables.as_ref() };
        let value = match field.name.as_str() {
            "contact" => {
                let found = arguments.text("id")?.and_then(|id| contacts.find(&id));
                found.map_or(Ok(Value::Null), |contact| selected(&contact, field))?
            }
            "contacts" => {
                let first = arguments.number("first")?.unwrap_or(10).min(FIRST_MAX);
                let (page, _) = contacts.page(0, first as usize);
                page.iter().map(|contact| selected(contact, field)).collect::<Result<_, _>>()?
            }
            other => {
                return Err(format!("there is no field `{other}`; ask for contact or contacts"));
            }
        };
        data.insert(field.key().to_owned(), value);
    }
    Ok(Value::Object(data))
}

/// The members of a contact that are asked for; what it does not have is null.
fn selected(contact: &Value, field: &Field) -> Result<Value, String> {
    if field.fields.is_empty() {
        return Err(format!("`{}` needs a selection, such as {{ id name }}", field.name));
    }
    let member = |wanted: &Field| {
        if !wanted.fields.is_empty() {
            return Err(format!("`{}` is a plain value", wanted.name));
        }
        let value = contact.get(&wanted.name).cloned().unwrap_or_default();
        Ok((wanted.key().to_owned(), value))
    };
    field.fields.iter().map(member).collect::<Result<Map<_, _>, _>>().map(Value::Object)
}

/// A field's arguments, with the variables put in.
struct Arguments<'a> {
    field: &'a Field,
    variables: Option<&'a Map<String, Value>>,
}

impl Arguments<'_> {
    fn value(&self, name: &str) -> Option<Value> {
        let (_, argument) = self.field.arguments.iter().find(|(given, _)| given == name)?;
        match argument {
            Argument::Variable(variable) => self.variables?.get(variable).cloned(),
            Argument::Value(value) => Some(value.clone()),
        }
    }

    fn text(&self, name: &str) -> Result<Option<String>, String> {
        match self.value(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("`{name}` is text")),
        }
    }

    fn number(&self, name: &str) -> Result<Option<u64>, String> {
        match self.value(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                value.as_u64().map(Some).ok_or_else(|| format!("`{name}` is a whole number"))
            }
        }
    }
}
