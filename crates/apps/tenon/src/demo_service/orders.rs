//! `/orders`: create, read, and a list by page or by offset.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::bounded::BoundedMap;
use super::refusal::Refusal;
use super::replay::{Created, idempotency_key};
use super::{Shared, seeds};

/// The most orders that are held.
const ORDERS_MAX: usize = 10_000;
/// The most idempotency keys that are remembered.
const KEYS_MAX: usize = 10_000;
/// The largest order, in bytes of JSON.
const ORDER_BYTES_MAX: usize = 8 << 10;
const PER_PAGE_MAX: usize = 100;

/// What the list is asked for: `page` and `per_page`, or `offset` and `limit`.
#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    page: Option<usize>,
    per_page: Option<usize>,
    offset: Option<usize>,
    limit: Option<usize>,
    status: Option<String>,
}

/// The orders, oldest first; order `o-n` is at `n - 1`.
#[derive(Debug)]
pub(super) struct Orders {
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    orders: Vec<Value>,
    /// The position of the order that the first call with a key made.
    made: BoundedMap<String, usize>,
}

impl Orders {
    /// Those of every start.
    pub(super) fn seeded() -> Self {
        let orders = (1..=seeds::ORDERS).map(seeds::order).collect();
        Self { held: Mutex::new(Held { orders, made: BoundedMap::new(KEYS_MAX) }) }
    }

    /// A part of the orders of a status, and how many there are of it.
    fn part(&self, status: Option<&str>, offset: usize, count: usize) -> (Vec<Value>, usize) {
        let held = self.held.lock();
        let is_wanted = |order: &&Value| {
            status.is_none() || order.get("status").and_then(Value::as_str) == status
        };
        let total = held.orders.iter().filter(is_wanted).count();
        let part = held.orders.iter().filter(is_wanted).skip(offset).take(count);
        (part.cloned().collect(), total)
    }
}

/// `GET /orders?page=&per_page=` or `?offset=&limit=`, and `status=`.
pub(super) async fn list(
    State(demo): State<Shared>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Query(ListQuery { page, per_page, offset, limit, status }) = query?;
    let status = status.as_deref();
    if offset.is_some() || limit.is_some() {
        if page.is_some() || per_page.is_some() {
            return Err(Refusal::invalid("ask by page or by offset, not by both"));
        }
        let offset = offset.unwrap_or(0);
        let limit = limit.unwrap_or(25).clamp(1, PER_PAGE_MAX);
        let (orders, total) = demo.orders.part(status, offset, limit);
        let next_offset = Some(offset.saturating_add(limit)).filter(|next| *next < total);
        let list = json!({
            "orders": orders, "offset": offset, "limit": limit, "total": total,
            "next_offset": next_offset,
        });
        return Ok(Json(list));
    }
    let page = page.unwrap_or(1).max(1);
    let per_page = per_page.unwrap_or(25).clamp(1, PER_PAGE_MAX);
    let (orders, total) = demo.orders.part(status, (page - 1).saturating_mul(per_page), per_page);
    let next_page = Some(page.saturating_add(1)).filter(|_| page.saturating_mul(per_page) < total);
    Ok(Json(json!({
        "orders": orders, "page": page, "per_page": per_page, "total": total,
        "next_page": next_page,
    })))
}

/// `POST /orders`
pub(super) async fn create(
    State(demo): State<Shared>,
    headers: HeaderMap,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Created, Refusal> {
    let Json(mut order) = body?;
    let key = idempotency_key(&headers)?;
    let mut held = demo.orders.held.lock();
    if let Some(position) = key.as_deref().and_then(|key| held.made.get(key)) {
        return Ok(Created::Before(held.orders[*position].clone()));
    }
    let position = held.orders.len();
    if position >= ORDERS_MAX {
        return Err(Refusal::full("orders"));
    }
    let contact = order.get("contact_id").and_then(Value::as_str);
    if contact.is_none_or(|id| demo.contacts.find(id).is_none()) {
        return Err(Refusal::invalid("an order has the `contact_id` of a contact"));
    }
    order.insert("id".to_owned(), format!("o-{}", position + 1).into());
    order.insert("created_at".to_owned(), jiff::Timestamp::now().to_string().into());
    order.entry("status").or_insert_with(|| "open".into());
    let order = Value::Object(order);
    if order.to_string().len() > ORDER_BYTES_MAX {
        return Err(Refusal::invalid(format!("an order has at most {ORDER_BYTES_MAX} bytes")));
    }
    held.orders.push(order.clone());
    if let Some(key) = key {
        held.made.get_or_insert_with(key, || position);
    }
    Ok(Created::Now(order))
}

/// `GET /orders/{id}`
pub(super) async fn read(
    State(demo): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let number: Option<usize> = id.strip_prefix("o-").and_then(|number| number.parse().ok());
    let position = number.and_then(|number| number.checked_sub(1));
    let held = demo.orders.held.lock();
    let order = position.and_then(|position| held.orders.get(position)).cloned();
    order.map(Json).ok_or_else(|| Refusal::not_found("there is no such order"))
}
