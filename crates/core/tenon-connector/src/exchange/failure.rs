//! Why there is no token, by what the caller can do; and how answers and callbacks say so.
//!
//! Reasons are for people. They may hold the provider's own words, one bounded line with known
//! secrets masked, and never a body.

use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use tenon_expr::Source;

use super::{Place, Purpose};
use crate::answer::{Reading, retry_after, tidy};
use crate::call::Answer;
use crate::context::{Layers, Root};
use crate::inject::InjectError;
use crate::manifest::auth::{AuthKind, TokenResponse};
use crate::request::BuildError;
use crate::request::template::{eval, text_of};

/// The longest wait that an answer may ask for.
const WAIT_MAX: Duration = Duration::from_secs(3_600);

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// What the account has is worth nothing any more: a person has to connect again.
    #[error("{reason}")]
    Dead {
        /// The provider's code, such as `invalid_grant`, or ours.
        code: String,
        /// For people.
        reason: String,
    },
    /// The builder's app is refused or set up wrongly: the builder has to correct it.
    #[error("{reason}")]
    WrongClient {
        /// For people.
        reason: String,
    },
    /// The user said no.
    #[error("{reason}")]
    Denied {
        /// For people.
        reason: String,
    },
    /// It may work later.
    #[error("{reason}")]
    Temporary {
        /// For people.
        reason: String,
        /// How long the provider wants to be left alone.
        wait: Option<Duration>,
    },
    /// The provider's answer is not what it should be.
    #[error("{reason}")]
    Garbage {
        /// For people.
        reason: String,
    },
    /// What was given does not work: wrong fields, an old code.
    #[error("{reason}")]
    BadInput {
        /// For people.
        reason: String,
    },
}

impl From<BuildError> for ExchangeError {
    fn from(error: BuildError) -> Self {
        Self::BadInput { reason: error.message }
    }
}

impl From<InjectError> for ExchangeError {
    fn from(error: InjectError) -> Self {
        Self::BadInput { reason: error.to_string() }
    }
}

/// What an error answer says of itself.
struct Said {
    /// The code of RFC 6749, 5.2, or the provider's own.
    code: Option<String>,
    /// For people, cleaned.
    text: Option<String>,
}

impl Said {
    fn of(at: &Place<'_>, response: &TokenResponse, answer: &Reading) -> Self {
        let body = answer.body();
        const CODES: [&str; 7] = [
            "/error",
            "/error/code",
            "/error/type",
            "/errorCode",
            "/error_code",
            "/code",
            "/errors/0/code",
        ];
        const TEXTS: [&str; 9] = [
            "/error_description",
            "/error/message",
            "/error/description",
            "/error_message",
            "/message",
            "/errorMessage",
            "/detail",
            "/errors/0/message",
            "/errors/0/detail",
        ];
        let text_at = |place: &&str| body.pointer(place).and_then(Value::as_str);
        let secrets = at.secrets();
        let own = response.error.as_ref().map(|source| seen(at, source, answer));
        let own = own.filter(|text| !text.is_empty());
        let text = own.or_else(|| TEXTS.iter().find_map(text_at).map(str::to_owned));
        let code = CODES.iter().find_map(text_at).and_then(|code| secrets.clean(code));
        Self {
            code: code.filter(|code| code.len() <= 100),
            text: text.and_then(|text| secrets.clean(&text)),
        }
    }

    fn is(&self, codes: &[&str]) -> bool {
        self.code
            .as_deref()
            .is_some_and(|code| codes.iter().any(|it| code.eq_ignore_ascii_case(it)))
    }

    /// The code and text behind a sentence of ours.
    fn after(&self, sentence: &str) -> String {
        match self.words() {
            words if words.is_empty() => sentence.to_owned(),
            words => format!("{sentence}: {words}"),
        }
    }

    /// What was said, in the provider's words; empty where nothing was.
    fn words(&self) -> String {
        match (&self.code, &self.text) {
            (Some(code), Some(text)) => format!("{text} ({code})"),
            (None, Some(text)) => text.clone(),
            (Some(code), None) => code.clone(),
            (None, None) => String::new(),
        }
    }
}

/// Passes an answer that may hold a token; the others give what they mean.
pub(super) fn check(
    at: &Place<'_>,
    response: &TokenResponse,
    answer: &Reading,
) -> Result<(), ExchangeError> {
    let status = answer.status();
    // Some providers answer errors with 200.
    if status.is_success() && (!has_error(at, response, answer) || has_token(at, response, answer))
    {
        return Ok(());
    }
    let said = Said::of(at, response, answer);
    Err(classified(at, status, answer, &said))
}

fn has_error(at: &Place<'_>, response: &TokenResponse, answer: &Reading) -> bool {
    let error = answer.body().get("error");
    error.is_some_and(|error| error.as_str().is_some_and(|it| !it.is_empty()) || error.is_object())
        || response.error.as_ref().is_some_and(|source| !seen(at, source, answer).is_empty())
}

fn has_token(at: &Place<'_>, response: &TokenResponse, answer: &Reading) -> bool {
    match &response.access_token {
        Some(source) => !seen(at, source, answer).is_empty(),
        None => answer.body().get("access_token").is_some_and(|token| !token.is_null()),
    }
}

/// What a source sees in an answer, as text; nothing where it does not fit.
fn seen(at: &Place<'_>, source: &Source, answer: &Reading) -> String {
    let scope = at.scope();
    let scope = Layers::new(&scope).with(Root::Response, answer.value());
    eval(source, &scope, "the answer").map(text_of).unwrap_or_default()
}

fn classified(at: &Place<'_>, status: StatusCode, answer: &Reading, said: &Said) -> ExchangeError {
    let number = status.as_u16();
    let wait = retry_after(answer.headers(), at.ctx.now(), WAIT_MAX);
    let is_temporary = said.is(&["temporarily_unavailable", "server_error", "slow_down"]);
    if matches!(number, 408 | 425 | 429 | 500..) || is_temporary {
        let sentence = format!("the provider cannot answer now (status {number})");
        return ExchangeError::Temporary { reason: said.after(&sentence), wait };
    }
    if status.is_redirection() {
        let reason = "the provider answered with a redirect instead of a token".to_owned();
        return ExchangeError::Garbage { reason };
    }
    if said.is(&["access_denied"]) {
        return ExchangeError::Denied { reason: said.after("the provider denied access") };
    }
    if is_dead(at, said) {
        return dead(at, said);
    }
    if said.is(&WRONG_CLIENT) {
        return wrong_client(at, said);
    }
    if said.is(&[
        "redirect_uri_mismatch",
        "unsupported_grant_type",
        "invalid_scope",
        "invalid_request",
    ]) {
        return match is_users_client(at) {
            true => refused(at, said, number),
            false => ExchangeError::WrongClient {
                reason: said.after("the provider refused the request of this integration's app"),
            },
        };
    }
    let is_told = said.code.is_some() || said.text.is_some();
    if number == 401 || is_told {
        return refused(at, said, number);
    }
    ExchangeError::Garbage { reason: not_understood(answer) }
}

/// How providers say that they do not know the client.
const WRONG_CLIENT: [&str; 6] = [
    "invalid_client",
    "unauthorized_client",
    "bad_client_secret",
    "incorrect_client_credentials",
    "invalid_client_id",
    "invalid_client_secret",
];

/// Whether the provider says that the refresh token is worth nothing any more.
fn is_dead(at: &Place<'_>, said: &Said) -> bool {
    if said.is(&["invalid_grant", "bad_refresh_token", "invalid_refresh_token", "token_revoked"]) {
        return true;
    }
    let AuthKind::Oauth2(oauth2) = &at.method.kind else { return false };
    oauth2.refresh.dead_errors.iter().any(|known| {
        let is_code = said.code.as_deref().is_some_and(|code| code.eq_ignore_ascii_case(known));
        is_code || said.text.as_deref().is_some_and(|text| text.contains(known.as_str()))
    })
}

fn dead(at: &Place<'_>, said: &Said) -> ExchangeError {
    match at.purpose {
        Purpose::Refresh => ExchangeError::Dead {
            code: said.code.clone().unwrap_or_else(|| "invalid_grant".to_owned()),
            reason: said.after("the provider does not renew this account's access any more"),
        },
        Purpose::Connect => ExchangeError::BadInput {
            reason: said.after("the provider did not accept what it was given"),
        },
    }
}

fn wrong_client(at: &Place<'_>, said: &Said) -> ExchangeError {
    if is_users_client(at) || is_own_client(at) {
        return refused(at, said, 401);
    }
    ExchangeError::WrongClient {
        reason: said.after("the provider does not know this integration's client id or secret"),
    }
}

/// Whether the client is the user's own, not the builder's app.
fn is_users_client(at: &Place<'_>) -> bool {
    match &at.method.kind {
        AuthKind::ClientCredentials(client) => client.client_id.is_some(),
        AuthKind::TokenExchange(_) => true,
        _ => false,
    }
}

/// Whether the client was registered for this account: connecting again registers another one.
fn is_own_client(at: &Place<'_>) -> bool {
    matches!(at.method.kind, AuthKind::McpOauth(_))
        && !at.ctx.account().app.contains_key("client_id")
}

/// The provider refused what the account has.
fn refused(at: &Place<'_>, said: &Said, status: u16) -> ExchangeError {
    let sentence = format!("the provider refused these credentials (status {status})");
    match at.purpose {
        // A code that nobody knows does not kill an account, a plain no does.
        Purpose::Refresh if matches!(status, 401 | 403) || is_users_client(at) => {
            ExchangeError::Dead {
                code: said.code.clone().unwrap_or_else(|| "refused".to_owned()),
                reason: said.after(&sentence),
            }
        }
        Purpose::Connect | Purpose::Refresh => {
            ExchangeError::BadInput { reason: said.after(&sentence) }
        }
    }
}

/// What is wrong with an answer, in words.
pub(super) fn not_understood(answer: &Reading) -> String {
    let status = answer.status().as_u16();
    let what = match answer.body() {
        Value::Null => "nothing that can be read",
        Value::String(text) if text.trim_start().starts_with('<') => "a web page",
        Value::String(_) => "text that is no JSON",
        _ => "JSON without a token",
    };
    format!("the provider answered {what} (status {status}) instead of a token")
}

/// An answer that is too large to be one.
pub(super) fn too_large(answer: &Answer) -> ExchangeError {
    let (bytes, status) = (answer.body.len(), answer.status);
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        let number = status.as_u16();
        let reason = format!("the provider cannot answer now (status {number})");
        return ExchangeError::Temporary { reason, wait: None };
    }
    let reason = format!("the provider answered {bytes} bytes instead of a token");
    ExchangeError::Garbage { reason }
}

/// What the callback says went wrong (RFC 6749, 4.1.2.1).
pub(super) fn check_callback(params: &BTreeMap<String, String>) -> Result<(), ExchangeError> {
    if params.contains_key("denied") {
        // OAuth 1.0a names no error.
        let reason = "the user denied access".to_owned();
        return Err(ExchangeError::Denied { reason });
    }
    let Some(code) = params.get("error").filter(|code| !code.is_empty()) else { return Ok(()) };
    let code: String = code.chars().filter(|c| !c.is_control()).take(100).collect();
    let text = params.get("error_description").or_else(|| params.get("error_message"));
    let text = text.and_then(|text| tidy(&text.chars().take(300).collect::<String>()));
    let said = Said { code: Some(code), text };
    if said.is(&["access_denied", "user_denied", "consent_required", "login_required"]) {
        // Whoever tells it says that access was not granted.
        return Err(ExchangeError::Denied { reason: said.words() });
    }
    if said.is(&["temporarily_unavailable", "server_error"]) {
        let reason = said.after("the provider cannot answer now");
        return Err(ExchangeError::Temporary { reason, wait: None });
    }
    let is_client = [
        "invalid_client",
        "unauthorized_client",
        "invalid_scope",
        "redirect_uri_mismatch",
        "invalid_request",
        "unsupported_response_type",
    ];
    if said.is(&is_client) {
        let reason = said.after("the provider refused the request of this integration's app");
        return Err(ExchangeError::WrongClient { reason });
    }
    Err(ExchangeError::BadInput { reason: said.after("the provider sent back an error") })
}
