//! From consent, or from fields, to a token, and from an old token to a new one: a state machine
//! that builds requests and reads answers, and does neither I/O nor waiting. Whoever drives it
//! sends each [`Step::Send`] and hands the answer to [`Exchange::receive`].
//!
//! It does not decide when to refresh, and never repeats a request by itself: some providers take
//! a refresh token once only.

mod failure;
mod mcp;
mod oauth1;
mod place;
mod secrets;
mod steps;
mod token_answer;
mod token_request;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use url::Url;

use crate::answer::Reading;
use crate::authorize::{Start, join_scopes};
use crate::call::{Answer, Call};
use crate::connector::Connector;
use crate::context::Context;
use crate::manifest::auth::{AuthKind, AuthMethod, TokenResponse};
use crate::token::Token;

pub use failure::ExchangeError;
use place::Place;

/// The largest answer that is looked at, in bytes.
pub const ANSWER_BYTES_MAX: usize = 256 << 10;

/// What an exchange starts from.
pub enum ConnectInput<'s> {
    /// The account's fields, which are in the context.
    Fields {
        /// Scopes that the builder chose; the connector's defaults when empty.
        scopes: &'s [String],
    },
    /// The provider sent the user back.
    Callback(Callback<'s>),
}

/// The provider sent the user back. The state has been checked.
pub struct Callback<'s> {
    /// The parameters of the callback.
    pub params: &'s BTreeMap<String, String>,
    /// As it was when the user was sent away.
    pub redirect_uri: &'s str,
    /// The PKCE verifier whose challenge went along.
    pub code_verifier: Option<&'s str>,
    /// Scopes that were asked for; the connector's defaults when empty.
    pub scopes: &'s [String],
    /// What [`Redirect::kept`] gave.
    pub kept: &'s Map<String, Value>,
}

/// What comes next.
pub enum Step {
    /// This goes out; its answer comes to [`Exchange::receive`].
    Send(Call),
    /// The user goes there.
    Redirect(Redirect),
    /// It is done.
    Done(Outcome),
}

/// Where the user goes after requests were made.
#[derive(Clone)]
pub struct Redirect {
    /// The consent page.
    pub url: Url,
    /// Has to come back with the callback. Secret: keep it as the PKCE verifier is kept.
    pub kept: Map<String, Value>,
}

/// What an exchange gives.
#[derive(Clone, Default)]
pub struct Outcome {
    /// The token; none for methods that use the fields as they are.
    pub token: Option<Token>,
    /// Fields to keep with the account: no secrets.
    pub fields: Map<String, Value>,
}

/// Why the exchange is made: the same answer means different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Connect,
    Refresh,
}

/// What is being done.
enum Work<'a> {
    /// One request to a token endpoint.
    Token { call: Call, response: &'a TokenResponse },
    /// Requests of the manifest's.
    Steps(steps::Steps<'a>),
    /// Temporary or token credentials of OAuth 1.0a.
    Oauth1(oauth1::Stage<'a>),
    /// Discovery and registration of an MCP server's client, or its token.
    Mcp(Box<mcp::Stage<'a>>),
    /// The user goes there.
    Redirect(Redirect),
    /// Nothing more.
    Done(Box<Outcome>),
    /// The outcome was handed out, or it failed.
    Spent,
}

/// An exchange.
pub struct Exchange<'a> {
    at: Place<'a>,
    work: Work<'a>,
}

impl<'a> Exchange<'a> {
    /// Gets the first token.
    ///
    /// # Errors
    /// When the callback holds an error, the input does not fit the method, or a request cannot
    /// be built.
    pub fn connect(
        connector: &'a Connector,
        method: &'a AuthMethod,
        input: ConnectInput<'_>,
        ctx: &Context<'a>,
    ) -> Result<Self, ExchangeError> {
        let mut at = Place::new(connector, method, ctx, Purpose::Connect);
        let kept = Map::new();
        let (scopes, kept) = match &input {
            ConnectInput::Fields { scopes } => (*scopes, &kept),
            ConnectInput::Callback(callback) => {
                at.take_callback(callback)?;
                (callback.scopes, callback.kept)
            }
        };
        let is_callback = matches!(input, ConnectInput::Callback(_));
        let work = match &method.kind {
            AuthKind::Oauth2(oauth2) if is_callback => {
                at.find(&oauth2.callback)?;
                at.set_oauth("scope", join_scopes(&oauth2.scopes, scopes));
                let call = token_request::code(&mut at, oauth2)?;
                Work::Token { call, response: &oauth2.response }
            }
            AuthKind::AppInstallation(app) if is_callback => {
                at.find(&app.callback)?;
                Work::Steps(steps::Steps::installation(&mut at, app)?)
            }
            AuthKind::Oauth1(oauth1) if is_callback => {
                Work::Oauth1(oauth1::Stage::access(&at, oauth1, kept)?)
            }
            AuthKind::McpOauth(_) if is_callback => Work::Mcp(Box::new(mcp::code(&at, kept)?)),
            AuthKind::Oauth1(oauth1) if oauth1.request_token_url.is_none() => Work::done(),
            AuthKind::Oauth2(_)
            | AuthKind::AppInstallation(_)
            | AuthKind::Oauth1(_)
            | AuthKind::McpOauth(_) => {
                return Err(at.bad_input("needs the user's consent"));
            }
            AuthKind::None | AuthKind::ApiKey | AuthKind::Basic | AuthKind::Fields => Work::done(),
            AuthKind::ClientCredentials(_)
            | AuthKind::TokenExchange(_)
            | AuthKind::Assertion(_) => at.by_fields(scopes)?,
        };
        Ok(Self { at, work })
    }

    /// Renews the token that is in the context.
    ///
    /// # Errors
    /// [`ExchangeError::Dead`] when there is nothing to renew it with, or a request cannot be
    /// built.
    pub fn refresh(
        connector: &'a Connector,
        method: &'a AuthMethod,
        ctx: &Context<'a>,
    ) -> Result<Self, ExchangeError> {
        let mut at = Place::new(connector, method, ctx, Purpose::Refresh);
        if !can_refresh(method, ctx.account().token) {
            return Err(ExchangeError::Dead {
                code: "no_refresh_token".to_owned(),
                reason: "the provider gave nothing to renew this account's access with".to_owned(),
            });
        }
        let scopes = granted(ctx.account().token);
        let work = match &method.kind {
            AuthKind::Oauth2(oauth2) => {
                at.set_oauth("scope", scopes.first().cloned());
                let call = token_request::refresh(&mut at, oauth2)?;
                Work::Token { call, response: &oauth2.response }
            }
            AuthKind::AppInstallation(app) => {
                Work::Steps(steps::Steps::installation(&mut at, app)?)
            }
            AuthKind::McpOauth(_) => Work::Mcp(Box::new(mcp::refresh(&at)?)),
            AuthKind::TokenExchange(exchange) if !exchange.refresh_steps.is_empty() => {
                Work::Steps(steps::Steps::new(&exchange.refresh_steps, &exchange.response))
            }
            _ => at.by_fields(&scopes)?,
        };
        Ok(Self { at, work })
    }

    /// Makes the requests that lead to the consent page.
    pub(crate) fn authorize(
        connector: &'a Connector,
        method: &'a AuthMethod,
        ctx: &Context<'a>,
        start: Start<'_>,
    ) -> Result<Self, ExchangeError> {
        let mut at = Place::new(connector, method, ctx, Purpose::Connect);
        at.oauth = json!({
            "redirect_uri": start.redirect_uri,
            "state": start.state,
            "code_challenge": start.code_challenge,
        });
        let work = match &method.kind {
            AuthKind::Oauth1(oauth1) => Work::Oauth1(oauth1::Stage::temporary(&at, oauth1)?),
            AuthKind::McpOauth(mcp) => {
                let scopes = join_scopes(&mcp.scopes, start.scopes);
                Work::Mcp(Box::new(mcp::discover(&at, mcp, scopes)?))
            }
            _ => return Err(at.bad_input("makes no requests before the consent")),
        };
        Ok(Self { at, work })
    }

    /// What comes next. Asked again before an answer came, it gives the same request.
    ///
    /// # Errors
    /// When a request cannot be built, or the exchange has ended.
    #[expect(clippy::should_implement_trait, reason = "it can fail and is no sequence of items")]
    pub fn next(&mut self) -> Result<Step, ExchangeError> {
        match &mut self.work {
            Work::Token { call, .. } => Ok(Step::Send(call.clone())),
            Work::Steps(steps) => match steps.next(&mut self.at)? {
                Some(call) => Ok(Step::Send(call)),
                None => {
                    let outcome = steps.finish(&self.at)?;
                    self.work = Work::Spent;
                    Ok(Step::Done(outcome))
                }
            },
            Work::Oauth1(stage) => Ok(Step::Send(stage.call())),
            Work::Mcp(stage) => Ok(Step::Send(stage.call())),
            Work::Redirect(redirect) => Ok(Step::Redirect(redirect.clone())),
            Work::Done(_) => match std::mem::replace(&mut self.work, Work::Spent) {
                Work::Done(outcome) => Ok(Step::Done(*outcome)),
                _ => Err(ended()),
            },
            Work::Spent => Err(ended()),
        }
    }

    /// Takes the answer of the request that was sent last.
    ///
    /// # Errors
    /// What the answer means where it gives no token. The exchange has then ended.
    pub fn receive(&mut self, answer: &Answer) -> Result<(), ExchangeError> {
        match self.take(answer) {
            Ok(work) => {
                self.work = work;
                Ok(())
            }
            Err(error) => {
                self.work = Work::Spent;
                Err(error)
            }
        }
    }

    fn take(&mut self, answer: &Answer) -> Result<Work<'a>, ExchangeError> {
        let at = &mut self.at;
        if answer.body.len() > ANSWER_BYTES_MAX {
            return Err(failure::too_large(answer));
        }
        let reading = Reading::of(answer);
        // The next request has other random values.
        at.ctx.advance();
        match std::mem::replace(&mut self.work, Work::Spent) {
            Work::Token { response, .. } => {
                failure::check(at, response, &reading)?;
                let outcome = token_answer::read(at, response, &reading)?;
                Ok(Work::Done(Box::new(outcome)))
            }
            Work::Steps(mut steps) => {
                steps.take(at, reading)?;
                Ok(Work::Steps(steps))
            }
            Work::Oauth1(stage) => stage.take(at, &reading),
            Work::Mcp(stage) => stage.take(at, &reading),
            Work::Redirect(_) | Work::Done(_) | Work::Spent => Err(ended()),
        }
    }
}

impl Work<'_> {
    fn done() -> Self {
        Self::Done(Box::default())
    }
}

fn ended() -> ExchangeError {
    ExchangeError::BadInput { reason: "the exchange has ended".to_owned() }
}

/// Whether a token can be renewed without the user.
#[must_use]
pub fn can_refresh(method: &AuthMethod, token: Option<&Token>) -> bool {
    let has_refresh_token = token.is_some_and(|token| token.refresh_token.is_some());
    match &method.kind {
        AuthKind::Oauth2(oauth2) => !oauth2.refresh.never && has_refresh_token,
        AuthKind::McpOauth(_) => has_refresh_token,
        AuthKind::ClientCredentials(_)
        | AuthKind::TokenExchange(_)
        | AuthKind::Assertion(_)
        | AuthKind::AppInstallation(_) => true,
        AuthKind::None
        | AuthKind::ApiKey
        | AuthKind::Basic
        | AuthKind::Fields
        | AuthKind::Oauth1(_) => false,
    }
}

/// Scopes that the old token was granted, as they were written.
fn granted(token: Option<&Token>) -> Vec<String> {
    token.and_then(|token| token.scope.clone()).into_iter().collect()
}

#[cfg(test)]
mod tests;
