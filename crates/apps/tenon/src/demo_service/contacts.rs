//! `/contacts`: create, read, update, delete, and a list with a cursor.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::bounded::BoundedMap;
use super::refusal::Refusal;
use super::replay::{Created, idempotency_key};
use super::{Shared, seeds};

/// The most contacts that are held.
const CONTACTS_MAX: usize = 10_000;
/// The most idempotency keys that are remembered.
const KEYS_MAX: usize = 10_000;
/// The largest contact, in bytes of JSON.
const CONTACT_BYTES_MAX: usize = 4 << 10;
const LIMIT_MAX: usize = 100;

/// What the list is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    limit: Option<usize>,
    cursor: Option<String>,
}

/// The contacts by number, so in the order they were made.
#[derive(Debug)]
pub(super) struct Contacts {
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    contacts: BTreeMap<usize, Value>,
    next: usize,
    /// The contact that the first call with a key made.
    made: BoundedMap<String, Value>,
}

impl Contacts {
    /// Those of every start.
    pub(super) fn seeded() -> Self {
        let contacts: BTreeMap<usize, Value> =
            (1..=seeds::CONTACTS).map(|number| (number, seeds::contact(number))).collect();
        let held = Held { contacts, next: seeds::CONTACTS + 1, made: BoundedMap::new(KEYS_MAX) };
        Self { held: Mutex::new(held) }
    }

    /// A contact, if there is one of that id.
    pub(super) fn find(&self, id: &str) -> Option<Value> {
        self.held.lock().contacts.get(&number_of(id)?).cloned()
    }

    /// The first `count` contacts after contact `after`, and whether there are more.
    pub(super) fn page(&self, after: usize, count: usize) -> (Vec<Value>, Option<usize>) {
        let held = self.held.lock();
        let mut rest = held.contacts.range(after.saturating_add(1)..);
        let page: Vec<(usize, Value)> =
            rest.by_ref().take(count).map(|(number, contact)| (*number, contact.clone())).collect();
        let last = page.last().map(|(number, _)| *number);
        let next = last.filter(|_| rest.next().is_some());
        (page.into_iter().map(|(_, contact)| contact).collect(), next)
    }
}

/// `GET /contacts?limit=&cursor=`
pub(super) async fn list(
    State(demo): State<Shared>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Query(ListQuery { limit, cursor }) = query?;
    let limit = limit.unwrap_or(50).clamp(1, LIMIT_MAX);
    let after = match cursor.as_deref() {
        None | Some("") => 0,
        Some(cursor) => cursor
            .strip_prefix("after-")
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| Refusal::invalid("the cursor is not one that this list gave"))?,
    };
    let (contacts, next) = demo.contacts.page(after, limit);
    let next_cursor = next.map(|number| format!("after-{number}"));
    Ok(Json(json!({ "contacts": contacts, "next_cursor": next_cursor })))
}

/// `POST /contacts`
pub(super) async fn create(
    State(demo): State<Shared>,
    headers: HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Created, Refusal> {
    let Json(mut contact) = body?;
    let key = idempotency_key(&headers)?;
    let mut held = demo.contacts.held.lock();
    if let Some(made) = key.as_deref().and_then(|key| held.made.get(key)) {
        return Ok(Created::Before(made.clone()));
    }
    if held.contacts.len() >= CONTACTS_MAX {
        return Err(Refusal::full("contacts"));
    }
    let number = held.next;
    contact.insert("id".to_owned(), format!("c-{number}").into());
    contact.insert("created_at".to_owned(), jiff::Timestamp::now().to_string().into());
    let contact = checked(contact)?;
    held.next += 1;
    held.contacts.insert(number, contact.clone());
    if let Some(key) = key {
        held.made.get_or_insert_with(key, || contact.clone());
    }
    Ok(Created::Now(contact))
}

/// `GET /contacts/{id}`
pub(super) async fn read(
    State(demo): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    demo.contacts.find(&id).map(Json).ok_or_else(no_contact)
}

/// `PATCH /contacts/{id}`: the members given replace those there; null removes one.
pub(super) async fn update(
    State(demo): State<Shared>,
    Path(id): Path<String>,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    let Json(changes) = body?;
    let mut held = demo.contacts.held.lock();
    let contact =
        number_of(&id).and_then(|number| held.contacts.get_mut(&number)).ok_or_else(no_contact)?;
    let mut changed = contact.as_object().cloned().unwrap_or_default();
    for (name, value) in changes {
        match value {
            _ if name == "id" || name == "created_at" => {}
            Value::Null => drop(changed.remove(&name)),
            value => drop(changed.insert(name, value)),
        }
    }
    *contact = checked(changed)?;
    Ok(Json(contact.clone()))
}

/// `DELETE /contacts/{id}`
pub(super) async fn delete(
    State(demo): State<Shared>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    let number = number_of(&id).ok_or_else(no_contact)?;
    let removed = demo.contacts.held.lock().contacts.remove(&number);
    removed.map(|_| StatusCode::NO_CONTENT).ok_or_else(no_contact)
}

fn checked(contact: Map<String, Value>) -> Result<Value, Refusal> {
    if !contact.get("email").and_then(Value::as_str).is_some_and(|email| email.contains('@')) {
        return Err(Refusal::invalid("a contact has an `email`, with an @"));
    }
    let contact = Value::Object(contact);
    if contact.to_string().len() > CONTACT_BYTES_MAX {
        return Err(Refusal::invalid(format!("a contact has at most {CONTACT_BYTES_MAX} bytes")));
    }
    Ok(contact)
}

fn number_of(id: &str) -> Option<usize> {
    id.strip_prefix("c-")?.parse().ok()
}

fn no_contact() -> Refusal {
    Refusal::not_found("there is no such contact")
}
