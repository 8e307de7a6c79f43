//! The requests around the life of an account, with its credential in them: does the provider
//! still take it, whose is it, take it back.

use http::header;
use jiff::Timestamp;
use tenon_connector::answer::{self, Reading, Verdict};
use tenon_connector::call::Call;
use tenon_connector::context::Context;
use tenon_connector::inject;
use tenon_connector::lifecycle::{self, IdentityError};
use tenon_connector::manifest::proxy::ErrorKind;
use tokio::time::Instant;
use tracing::warn;

use super::Inner;
use super::account::Method;
use super::error::AccessError;
use super::ready::Ready;
use crate::exchange::{self, Failure, Outbound};

/// What a provider makes of a credential.
pub(crate) enum Pulse {
    /// It takes it.
    Works,
    /// There is nothing to ask.
    Unknown,
    /// It takes it, and says something else.
    Answers(String),
    /// It refuses it; a newer token may help.
    Refused(String),
    /// It refuses it for good.
    Dead(String),
}

/// Sends the connector's probe.
pub(crate) async fn health(inner: &Inner, ready: &Ready) -> Result<Pulse, AccessError> {
    let now = inner.now();
    let context = ready.context(now);
    let call = lifecycle::health(ready.connector(), &context)
        .map_err(|error| AccessError::Misconfigured { reason: error.to_string() })?;
    let Some(call) = call else { return Ok(Pulse::Unknown) };
    let verdict = send(inner, ready, call, now).await.map_err(|failure| cleaned(ready, failure))?;
    let said = ready.scrubber().clean(&verdict.message.unwrap_or_default());
    let reason = |usual: &str| if said.is_empty() { usual.to_owned() } else { said.clone() };
    Ok(match verdict.kind {
        ErrorKind::Ok => Pulse::Works,
        ErrorKind::TokenExpired => Pulse::Refused(reason("the provider refuses the credential")),
        ErrorKind::AuthDead => Pulse::Dead(reason("the provider refuses the credential")),
        ErrorKind::Permission => Pulse::Answers(reason("the account may not do this")),
        ErrorKind::RateLimited => Pulse::Answers(reason("the provider wants fewer calls")),
        ErrorKind::NotFound
        | ErrorKind::Invalid
        | ErrorKind::Conflict
        | ErrorKind::Retryable
        | ErrorKind::Failed => Pulse::Answers(reason("the provider answers with an error")),
    })
}

/// Sends everything that takes the account back. Every request is made; the first failure is
/// told.
pub(crate) async fn revoke(inner: &Inner, ready: &Ready) -> Result<(), AccessError> {
    let now = inner.now();
    let calls = lifecycle::revoke(ready.connector(), &ready.context(now))
        .map_err(|error| AccessError::Misconfigured { reason: error.to_string() })?;
    let mut outcome = Ok(());
    for call in calls {
        // Revocation endpoints often want the app's client instead of the account's token.
        let brings_its_own = call.headers.contains_key(header::AUTHORIZATION);
        let sent = if brings_its_own {
            send_as_it_is(inner, ready, call.into(), now).await
        } else {
            send(inner, ready, call, now).await
        };
        let failure = match sent {
            // What the provider refuses is taken back already.
            Ok(verdict) => match verdict.kind {
                ErrorKind::Retryable | ErrorKind::RateLimited | ErrorKind::Failed => {
                    Failure::temporary(verdict.message.unwrap_or_default())
                }
                _ => continue,
            },
            Err(failure) => failure,
        };
        let error = cleaned(ready, failure);
        warn!(connector = ready.connector().name(), %error, "an account could not be taken back");
        outcome = outcome.and(Err(error));
    }
    outcome
}

/// A call with the credential in it.
pub(crate) fn injected(
    method: &Method,
    mut call: Call,
    context: &Context<'_>,
) -> Result<Outbound, Failure> {
    inject::apply(method.connector(), method.auth(), context, None, &mut call)
        .map(|injected| Outbound { call, identity: injected.client_certificate })
        .map_err(|error| Failure::BadInput { reason: error.to_string() })
}

/// Why it is not known whose account it is, while linking.
pub(crate) fn of_identity(error: IdentityError) -> Failure {
    match error {
        IdentityError::Build(error) => Failure::BadInput { reason: error.message },
        IdentityError::Missing { .. } => Failure::Garbage { reason: error.to_string() },
        IdentityError::Answer { status, verdict } => {
            let said = verdict.message.map_or_else(String::new, |message| format!(": {message}"));
            let reason = format!("it answered {status}{said}");
            match verdict.kind {
                ErrorKind::TokenExpired | ErrorKind::AuthDead | ErrorKind::Permission => {
                    Failure::Dead { code: "rejected".to_owned(), reason }
                }
                ErrorKind::Retryable | ErrorKind::RateLimited => {
                    Failure::Temporary { reason, wait: verdict.wait }
                }
                ErrorKind::NotFound
                | ErrorKind::Invalid
                | ErrorKind::Conflict
                | ErrorKind::Failed
                | ErrorKind::Ok => Failure::Garbage { reason },
            }
        }
    }
}

async fn send(
    inner: &Inner,
    ready: &Ready,
    call: Call,
    now: Timestamp,
) -> Result<Verdict, Failure> {
    let outbound = injected(ready.method(), call, &ready.context(now))?;
    send_as_it_is(inner, ready, outbound, now).await
}

async fn send_as_it_is(
    inner: &Inner,
    ready: &Ready,
    outbound: Outbound,
    now: Timestamp,
) -> Result<Verdict, Failure> {
    let limits = &inner.settings.exchange;
    let end = Instant::now() + limits.timeout;
    let answer = exchange::send(&*inner.egress, outbound, end, limits).await?;
    Ok(answer::classify(ready.connector(), &[], &Reading::of(&answer), &ready.context(now)))
}

fn cleaned(ready: &Ready, failure: Failure) -> AccessError {
    let failure = failure.map_reason(|reason| ready.scrubber().clean(reason));
    let retry_after = failure.wait().unwrap_or(std::time::Duration::from_secs(1));
    failure.into_access_error(retry_after)
}
