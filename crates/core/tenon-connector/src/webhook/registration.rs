//! Subscriptions: the requests that tell a provider where to send an account's events. Calls come
//! without a credential; the driver puts it in, and keeps what [`saved`] gives with the account.

use serde_json::{Map, Value, json};

use crate::answer::Reading;
use crate::call::{Answer, Call};
use crate::connector::Connector;
use crate::context::{Context, Layers, Root};
use crate::manifest::request::RequestSpec;
use crate::manifest::webhooks::{Registration, Webhook};
use crate::proxy;
use crate::request::template::eval;
use crate::request::{self, BuildError, BuildLimits};

/// What is done to a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Made.
    Subscribe,
    /// Kept alive.
    Renew,
    /// Ended.
    Unsubscribe,
}

/// A subscription, as its requests see it.
#[derive(Clone, Copy)]
pub struct Subscription<'s> {
    /// Where the provider sends to: `{{webhook.url}}`.
    pub url: &'s str,
    /// The signing secret, where Tenon makes it: `{{secret}}`.
    pub secret: Option<&'s str>,
    /// What [`saved`] gave: `{{steps.subscribe.<name>}}`; empty before.
    pub saved: &'s Map<String, Value>,
}

/// The call that makes a change; `None` where the connector has no request for it.
///
/// # Errors
/// When it cannot be built.
pub fn call(
    connector: &Connector,
    webhook: &Webhook,
    change: Change,
    subscription: Subscription<'_>,
    ctx: &Context<'_>,
) -> Result<Option<Call>, BuildError> {
    let Some(spec) = spec(webhook, change) else { return Ok(None) };
    let (root, secret, steps) = roots(subscription);
    let scope = Layers::new(ctx)
        .with(Root::Webhook, &root)
        .with(Root::Secret, &secret)
        .with(Root::Steps, &steps);
    let base = proxy::base_url(connector, ctx)?;
    let call = request::build(spec, Some(&base), &scope, &BuildLimits::default())?;
    proxy::check_host(connector, ctx, &base, &call.url)?;
    Ok(Some(call))
}

fn spec(webhook: &Webhook, change: Change) -> Option<&RequestSpec> {
    let Registration::Requests { subscribe, unsubscribe, renew, .. } = &webhook.registration else {
        return None;
    };
    match change {
        Change::Subscribe => Some(subscribe),
        Change::Renew => renew.as_deref(),
        Change::Unsubscribe => unsubscribe.as_deref(),
    }
}

/// What is kept of the answer that made a subscription, or renewed it.
///
/// # Errors
/// When the answer does not hold it.
pub fn saved(
    webhook: &Webhook,
    answer: &Answer,
    subscription: Subscription<'_>,
    ctx: &Context<'_>,
) -> Result<Map<String, Value>, BuildError> {
    let mut kept = Map::new();
    let Registration::Requests { save, .. } = &webhook.registration else { return Ok(kept) };
    let reading = Reading::of(answer);
    let (root, secret, steps) = roots(subscription);
    let scope = Layers::new(ctx)
        .with(Root::Webhook, &root)
        .with(Root::Secret, &secret)
        .with(Root::Steps, &steps)
        .with(Root::Response, reading.value());
    for (name, source) in save {
        let value = eval(source, &scope, &format!("the value `{name}` of the answer"))?;
        kept.insert(name.clone(), value);
    }
    Ok(kept)
}

/// `webhook`, `secret` and `steps`.
fn roots(subscription: Subscription<'_>) -> (Value, Value, Value) {
    let Subscription { url, secret, saved } = subscription;
    (json!({ "url": url }), json!(secret), json!({ "subscribe": saved }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{Person, answer, connector};

    #[test]
    fn a_subscription_is_made_kept_and_ended() {
        let sample = connector(json!({"webhooks": [{
            "id": "events", "title": "Events", "event": "{{item.type}}", "route": {"type": "url"},
            "secret": "generated", "verification": {"type": "shared_secret",
                "value": "{{webhook.headers[\"x-token\"]}}"},
            "registration": {
                "type": "requests",
                "subscribe": {"method": "POST", "url": "/hooks",
                    "body": {"json": {"target": "{{webhook.url}}", "token": "{{secret}}"}}},
                "save": {"id": "{{response.body.id}}"},
                "unsubscribe": {"method": "DELETE", "url": "/hooks/{{steps.subscribe.id}}"},
            },
        }]}));
        let webhook = sample.webhook("events").expect("it is there");
        let person = Person::new(json!({}), json!({}), Value::Null);
        let nothing = Map::new();
        let new =
            Subscription { url: "https://in.example.com/h", secret: Some("s-1"), saved: &nothing };
        let one = call(&sample, webhook, Change::Subscribe, new, &person.ctx()).expect("built");
        let one = one.expect("there is one");
        assert_eq!(one.body, r#"{"target":"https://in.example.com/h","token":"s-1"}"#);
        let kept =
            saved(webhook, &answer(201, json!({"id": "h/1"})), new, &person.ctx()).expect("kept");
        let old = Subscription { saved: &kept, ..new };
        let end = call(&sample, webhook, Change::Unsubscribe, old, &person.ctx()).expect("built");
        assert_eq!(end.expect("there is one").url.path(), "/v1/hooks/h%2F1");
        let renew = call(&sample, webhook, Change::Renew, old, &person.ctx()).expect("built");
        assert!(renew.is_none());
    }
}
