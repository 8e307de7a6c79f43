//! What a provider sends: proven, then taken apart into events. Nothing is trusted before the
//! signature holds, but for a handshake that the connector says needs none.
//!
//! It keeps no record of what came before: repeats are the caller's to drop, by
//! [`Event::dedupe`].

pub mod registration;
mod signature;
mod verify;

use http::{HeaderMap, Method};
use serde_json::{Map, Value, json};
use tenon_expr::Scope;
use url::{Url, form_urlencoded};

use crate::answer::{body_value, header_values};
use crate::context::{Context, Layers, Root};
use crate::manifest::webhooks::{Route, Webhook, WebhookAnswer};
use crate::request::BuildError;
use crate::request::template::{eval, eval_text, failed, text_of};

/// The most events of one call.
const EVENTS_MAX: usize = 1_000;
/// The longest name of an event's type, dedupe key and so on, in bytes.
const KEY_BYTES_MAX: usize = 1_024;

/// A call of a provider's.
#[derive(Clone, Copy)]
pub struct Incoming<'i> {
    /// The method.
    pub method: &'i Method,
    /// The whole URL as the provider knows it: some schemes sign it.
    pub url: &'i Url,
    /// Headers.
    pub headers: &'i HeaderMap,
    /// The body, byte by byte.
    pub body: &'i [u8],
}

/// What the provider gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body: text as it is, else JSON; null for none.
    pub body: Value,
}

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its type.
    pub event: String,
    /// Its id at the provider, for dropping repeats.
    pub dedupe: Option<String>,
    /// Events with the same key keep their order.
    pub order: Option<String>,
    /// The value that the account's field has to equal; none where the URL is of one account.
    pub route: Option<String>,
    /// What is in it.
    pub body: Value,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    /// Whether it is proven who sent it. Without that there are no events.
    pub is_verified: bool,
    /// Why it is not, for the log; holds no value of the call.
    pub reason: Option<&'static str>,
    /// The signature that holds, where it covers when it was made: whatever comes with it again is
    /// the same call. For events without an id of their own.
    pub signature: Option<Vec<u8>>,
    /// What the provider gets.
    pub reply: Reply,
    /// The events.
    pub events: Vec<Event>,
}

/// The call cannot be taken although it is proven: the connector's templates do not fit it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// A template has no value.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Too many events in one call.
    #[error("one call brought more than {events_max} events")]
    TooMany {
        /// The limit.
        events_max: usize,
    },
}

/// Takes a call: proves it with one of the secrets, answers a handshake, finds the events.
///
/// # Errors
/// When a proven call does not fit the connector's templates.
pub fn take(
    webhook: &Webhook,
    incoming: &Incoming<'_>,
    secrets: &[&str],
    ctx: &Context<'_>,
) -> Result<Taken, WebhookError> {
    let mut root = root_value(incoming);
    let proof = verify::verify(webhook, incoming, secrets, &root, ctx);
    if let Some(handshake) = &webhook.handshake {
        let secret = secrets.first().map_or(Value::Null, |secret| Value::from(*secret));
        let scope = Layers::new(ctx).with(Root::Webhook, &root).with(Root::Secret, &secret);
        let is_one = handshake
            .when
            .eval(&scope)
            .map_err(|error| failed(&error, "the handshake's condition"));
        // What does not even fit the condition is no handshake.
        if is_one.unwrap_or(false) && (proof.is_ok() || !handshake.verified) {
            return Ok(Taken {
                is_verified: proof.is_ok(),
                reason: proof.err(),
                signature: None,
                reply: reply(&handshake.answer, &scope)?,
                events: Vec::new(),
            });
        }
    }
    let signature = match proof {
        Ok(signature) => signature,
        Err(reason) => {
            let status = webhook.answer.unverified_status;
            let reply = Reply { status, headers: Vec::new(), body: Value::Null };
            let (signature, events) = (None, Vec::new());
            return Ok(Taken {
                is_verified: false,
                reason: Some(reason),
                signature,
                reply,
                events,
            });
        }
    };
    if let Some(source) = &webhook.body {
        let body = {
            let scope = Layers::new(ctx).with(Root::Webhook, &root);
            eval(source, &scope, "the webhook's body")?
        };
        root["body"] = body;
    }
    let scope = Layers::new(ctx).with(Root::Webhook, &root);
    let reply = reply(&webhook.answer, &scope)?;
    let events = events(webhook, &root, ctx)?;
    Ok(Taken { is_verified: true, reason: None, signature, reply, events })
}

/// What templates see as `webhook`.
fn root_value(incoming: &Incoming<'_>) -> Value {
    let mut query = Map::new();
    for (name, value) in incoming.url.query_pairs() {
        query.entry(name.into_owned()).or_insert_with(|| value.into_owned().into());
    }
    let mut form = Map::new();
    let body = body_value(incoming.headers, incoming.body);
    let content_type = incoming.headers.get(http::header::CONTENT_TYPE);
    let is_form = content_type
        .and_then(|value| value.to_str().ok())
        .is_some_and(|it| it.trim_start().starts_with("application/x-www-form-urlencoded"));
    if is_form {
        for (name, value) in form_urlencoded::parse(incoming.body) {
            form.entry(name.into_owned()).or_insert_with(|| value.into_owned().into());
        }
    }
    json!({
        "method": incoming.method.as_str(),
        "url": incoming.url.as_str(),
        "path": incoming.url.path(),
        "headers": header_values(incoming.headers),
        "query": query,
        "form": form,
        "body": body,
        "raw": String::from_utf8_lossy(incoming.body),
    })
}

fn events(webhook: &Webhook, root: &Value, ctx: &Context<'_>) -> Result<Vec<Event>, WebhookError> {
    let scope = Layers::new(ctx).with(Root::Webhook, root);
    let items = match &webhook.split {
        None => vec![root["body"].clone()],
        Some(source) => match eval(source, &scope, "`split`")? {
            Value::Array(items) => items,
            Value::Null => Vec::new(),
            one => vec![one],
        },
    };
    if items.len() > EVENTS_MAX {
        return Err(WebhookError::TooMany { events_max: EVENTS_MAX });
    }
    let mut events = Vec::with_capacity(items.len());
    for item in items {
        let event = {
            let scope = Layers::new(ctx).with(Root::Webhook, root).with(Root::Item, &item);
            let key = |source: &tenon_expr::Source, what: &str| {
                let text = text_of(eval(source, &scope, what)?);
                let is_fine = !text.is_empty() && text.len() <= KEY_BYTES_MAX;
                Ok::<_, BuildError>(is_fine.then_some(text))
            };
            let optional = |source: &Option<tenon_expr::Source>, what: &str| match source {
                Some(source) => key(source, what),
                None => Ok(None),
            };
            let Some(name) = key(&webhook.event, "the event's type")? else { continue };
            let route = match &webhook.route {
                Route::Url {} => None,
                Route::Field { value, .. } => key(value, "the event's route")?,
            };
            Event {
                event: name,
                dedupe: optional(&webhook.dedupe, "the event's id")?,
                order: optional(&webhook.order, "the event's order")?,
                route,
                body: Value::Null,
            }
        };
        events.push(Event { body: item, ..event });
    }
    Ok(events)
}

fn reply(answer: &WebhookAnswer, scope: &(dyn Scope + Sync)) -> Result<Reply, BuildError> {
    let mut headers = Vec::with_capacity(answer.headers.len());
    for (name, source) in &answer.headers {
        headers.push((name.clone(), eval_text(source, scope, &format!("the header `{name}`"))?));
    }
    let body = match &answer.body {
        Some(source) => eval(source, scope, "the answer's body")?,
        None => Value::Null,
    };
    Ok(Reply { status: answer.status, headers, body })
}

#[cfg(test)]
mod tests;
