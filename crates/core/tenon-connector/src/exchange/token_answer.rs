//! Token answers: what a provider gave.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use tenon_expr::{Scope, Source};

use super::{ExchangeError, Outcome, Place, failure};
use crate::answer::Reading;
use crate::context::{Layers, Root};
use crate::manifest::auth::{Assertion, AssertionExchange, TimeUnit, TokenResponse};
use crate::request::template::{eval, failed, text_of};
use crate::token::Token;

/// The longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 64 << 10;
/// The longest life that is believed.
const LIFE_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);
/// Numbers from here on are moments in milliseconds.
const EPOCH_MS_MIN: f64 = 100_000_000_000.0;

/// Reads a token answer.
pub(super) fn read(
    at: &Place<'_>,
    response: &TokenResponse,
    answer: &Reading,
) -> Result<Outcome, ExchangeError> {
    let scope = at.scope();
    let scope = Layers::new(&scope).with(Root::Response, answer.value());
    let body = answer.body();
    let value = |source: &Option<Source>, usual: &str| match source {
        Some(source) => eval(source, &scope, &format!("the {usual} of the answer")).ok(),
        None => body.get(usual).cloned(),
    };
    let access_token = token_text(value(&response.access_token, "access_token"))
        .ok_or_else(|| ExchangeError::Garbage { reason: failure::not_understood(answer) })?;
    if access_token.len() > TOKEN_BYTES_MAX {
        let reason = "the provider's token is too long to be one".to_owned();
        return Err(ExchangeError::Garbage { reason });
    }
    let old = at.ctx.account().token;
    let refresh_token = token_text(value(&response.refresh_token, "refresh_token"))
        .filter(|token| token.len() <= TOKEN_BYTES_MAX)
        .or_else(|| old.and_then(|token| token.refresh_token.clone()));
    let scope_text = value(&response.scope, "scope").and_then(scopes);
    let expires_in = value(&response.expires_in, "expires_in");
    let expires_at = response
        .expires_at
        .as_ref()
        .and_then(|source| eval(source, &scope, "the end of the token").ok());
    let now = at.ctx.now();
    let token = Token {
        access_token,
        refresh_token,
        expires_at: end(response, expires_at, expires_in, now),
        scope: scope_text.or_else(|| old.and_then(|token| token.scope.clone())),
        issued_at: now,
        extra: extra(response, body, old, &scope)?,
    };
    let mut fields = at.found.clone();
    fields.append(&mut evaluated(&response.fields, &scope)?);
    Ok(Outcome { token: Some(token), fields })
}

/// The assertion itself as the token.
pub(super) fn of_assertion(at: &Place<'_>, exchange: &AssertionExchange, signed: &str) -> Token {
    let seconds = match &exchange.assertion {
        Assertion::Jwt(jwt) => jwt.lifetime_seconds,
        Assertion::Saml(saml) => saml.lifetime_seconds,
    };
    let now = at.ctx.now();
    Token {
        access_token: signed.to_owned(),
        refresh_token: None,
        expires_at: after(now, f64::from(seconds)),
        scope: None,
        issued_at: now,
        extra: Map::new(),
    }
}

fn token_text(value: Option<Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text).filter(|text| !text.trim().is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Scopes as text: some providers answer a list.
fn scopes(value: Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text,
        Value::Array(items) => {
            let names: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            names.join(" ")
        }
        _ => return None,
    };
    Some(text).filter(|text| !text.is_empty() && text.len() <= TOKEN_BYTES_MAX)
}

/// When the token ends. What cannot be true (the past, words) counts as not said.
fn end(
    response: &TokenResponse,
    at: Option<Value>,
    within: Option<Value>,
    now: Timestamp,
) -> Option<Timestamp> {
    let named = at.and_then(|value| moment(&value)).filter(|end| *end > now);
    let counted = || {
        let unit = match response.expires_unit {
            TimeUnit::Seconds => 1.0,
            TimeUnit::Milliseconds => 0.001,
            TimeUnit::Minutes => 60.0,
        };
        // A life too short to be told from none says nothing either.
        number(&within?).map(|life| life * unit).filter(|life| *life >= 0.001)
    };
    match named {
        Some(end) => after(now, LIFE_MAX.as_secs_f64()).map(|last| end.min(last)),
        None => {
            #[expect(clippy::cast_precision_loss, reason = "seconds of a life are few")]
            let usual = || response.lifetime_seconds.map(|seconds| seconds as f64);
            after(now, counted().or_else(usual)?)
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|it: &f64| it.is_finite())
}

fn moment(value: &Value) -> Option<Timestamp> {
    if let Some(number) = number(value) {
        let seconds = if number > EPOCH_MS_MIN { number / 1_000.0 } else { number };
        let since = SignedDuration::try_from_secs_f64(seconds).ok()?;
        return Timestamp::from_duration(since).ok();
    }
    value.as_str()?.trim().parse().ok()
}

fn after(now: Timestamp, seconds: f64) -> Option<Timestamp> {
    let seconds = seconds.min(LIFE_MAX.as_secs_f64());
    now.checked_add(SignedDuration::try_from_secs_f64(seconds).ok()?).ok()
}

/// What is kept beside the token: what earlier answers gave stays until it is given anew.
fn extra(
    response: &TokenResponse,
    body: &Value,
    old: Option<&Token>,
    scope: &(dyn Scope + Sync),
) -> Result<Map<String, Value>, ExchangeError> {
    let mut extra = old.map(|token| token.extra.clone()).unwrap_or_default();
    if let Some(kind) = body.get("token_type").and_then(Value::as_str).filter(|it| it.len() <= 64) {
        extra.insert("token_type".to_owned(), kind.into());
    }
    extra.append(&mut evaluated(&response.extra, scope)?);
    Ok(extra)
}

/// Values by name; null leaves one out.
pub(super) fn evaluated(
    sources: &BTreeMap<String, Source>,
    scope: &(dyn Scope + Sync),
) -> Result<Map<String, Value>, ExchangeError> {
    let mut found = Map::new();
    for (name, source) in sources {
        let value = source.eval(scope).map_err(|error| {
            // What does not fit is the answer, not the template.
            let error = failed(&error, &format!("the value `{name}` of the answer"));
            ExchangeError::Garbage { reason: text_of(error.message.into()) }
        })?;
        if !value.is_null() {
            found.insert(name.clone(), value);
        }
    }
    Ok(found)
}
