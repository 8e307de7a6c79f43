//! Answers: read into what templates see, and what they mean for the caller.

mod reading;
mod wait;

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use crate::connector::Connector;
use crate::context::{Context, Layers, Root};
use crate::manifest::proxy::{ErrorKind, ErrorRule, RateLimit};
use crate::request::template::{eval, text_of};

pub use reading::Reading;
pub(crate) use reading::{body_value, form_value, header_values};
pub use wait::retry_after;

/// The longest wait that an answer may ask for.
const WAIT_MAX: Duration = Duration::from_secs(24 * 3_600);

/// The longest message that is taken out of an answer, in characters.
const MESSAGE_CHARS_MAX: usize = 500;

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What it is; [`ErrorKind::Ok`] for none.
    pub kind: ErrorKind,
    /// What the provider said, for people.
    pub message: Option<String>,
    /// How long to wait before the next call. With [`ErrorKind::Ok`]: the answer is fine, and it
    /// was the last that the provider gives in this window.
    pub wait: Option<Duration>,
}

/// Finds what an answer means: by the action's rules, the connector's, its rate limit, and the
/// status where none of them fits.
///
/// A rule whose templates have no value for this answer does not fit it.
#[must_use]
pub fn classify(
    connector: &Connector,
    errors: &[ErrorRule],
    answer: &Reading,
    ctx: &Context<'_>,
) -> Verdict {
    let rules = &connector.manifest().proxy;
    let scope = Layers::new(ctx).with(Root::Response, answer.value());
    let fits = |rule: &&ErrorRule| {
        let has_status =
            rule.statuses.is_empty() || rule.statuses.contains(&answer.status().as_u16());
        // A rule without both is for errors that no other rule fits, not for every answer.
        let is_bound =
            !rule.statuses.is_empty() || rule.when.is_some() || answer.status().as_u16() >= 400;
        has_status
            && is_bound
            && rule.when.as_ref().is_none_or(|when| when.eval(&scope).unwrap_or(false))
    };
    let rule = errors.iter().chain(&rules.errors).find(fits);
    let kind = match rule {
        // What the provider says of its limit is closer to the matter than a status.
        Some(rule) if rule.when.is_none() && says_limited(&rules.rate_limit, &scope) => {
            ErrorKind::RateLimited
        }
        Some(rule) => rule.kind,
        None if is_limited(&rules.rate_limit, answer, &scope) => ErrorKind::RateLimited,
        None => by_status(answer.status()),
    };
    let message = match (kind, rule.and_then(|rule| rule.message.as_ref())) {
        (ErrorKind::Ok, _) => None,
        (_, Some(source)) => {
            let text = eval(source, &scope, "the message").ok().map(text_of);
            text.and_then(|text| tidy(&text)).or_else(|| usual_message(answer.value()))
        }
        (_, None) => usual_message(answer.value()),
    };
    let wait = match kind {
        ErrorKind::RateLimited => Some(
            wait_of(&rules.rate_limit, answer, &scope, ctx)
                .unwrap_or(Duration::from_secs(rules.rate_limit.default_wait_seconds.into())),
        ),
        ErrorKind::Retryable => retry_after(answer.headers(), ctx.now(), WAIT_MAX),
        ErrorKind::Ok if is_spent(&rules.rate_limit, answer) => {
            wait::reset(&rules.rate_limit.reset, answer, &scope, ctx.now(), WAIT_MAX)
        }
        _ => None,
    };
    Verdict { kind, message, wait }
}

fn by_status(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        ..=399 => ErrorKind::Ok,
        401 => ErrorKind::TokenExpired,
        403 => ErrorKind::Permission,
        404 | 410 => ErrorKind::NotFound,
        409 | 412 => ErrorKind::Conflict,
        429 => ErrorKind::RateLimited,
        408 | 425 | 500.. => ErrorKind::Retryable,
        _ => ErrorKind::Invalid,
    }
}

fn is_limited(rule: &RateLimit, answer: &Reading, scope: &Layers<'_>) -> bool {
    rule.statuses.contains(&answer.status().as_u16()) || says_limited(rule, scope)
}

fn says_limited(rule: &RateLimit, scope: &Layers<'_>) -> bool {
    rule.when.as_ref().is_some_and(|when| when.eval(scope).unwrap_or(false))
}

/// Whether the calls of this window are used up.
fn is_spent(rule: &RateLimit, answer: &Reading) -> bool {
    let Some(name) = &rule.remaining_header else { return false };
    let left = answer.headers().get(name.as_str()).and_then(|value| value.to_str().ok());
    left.and_then(|text| text.trim().parse::<f64>().ok()).is_some_and(|left| left < 1.0)
}

/// The longest of the waits that the answer names.
fn wait_of(
    rule: &RateLimit,
    answer: &Reading,
    scope: &Layers<'_>,
    ctx: &Context<'_>,
) -> Option<Duration> {
    let named = wait::reset(&rule.reset, answer, scope, ctx.now(), WAIT_MAX);
    named.max(retry_after(answer.headers(), ctx.now(), WAIT_MAX))
}

/// What an error's text usually is called.
fn usual_message(response: &Value) -> Option<String> {
    let body = response.get("body")?;
    if let Value::String(text) = body {
        // A page for browsers says nothing to people here.
        return if text.trim_start().starts_with('<') { None } else { tidy(text) };
    }
    const PLACES: [&str; 12] = [
        "/error/message",
        "/error_description",
        "/error/description",
        "/errors/0/message",
        "/errors/0/detail",
        "/message",
        "/detail",
        "/title",
        "/errors/0",
        "/0/message",
        "/error",
        "/errorMessages/0",
    ];
    PLACES.iter().find_map(|place| tidy(body.pointer(place)?.as_str()?))
}

/// One line of bounded length; `None` for nothing.
pub(crate) fn tidy(text: &str) -> Option<String> {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if line.chars().count() > MESSAGE_CHARS_MAX {
        line = line.chars().take(MESSAGE_CHARS_MAX).collect();
        line.push_str("...");
    }
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests;
