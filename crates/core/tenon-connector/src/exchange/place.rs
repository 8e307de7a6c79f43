//! What every stage of an exchange needs: whose it is, and what was found on the way.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tenon_expr::{EvalError, Reference, Scope, Source, resolve_path};

use super::secrets::Secrets;
use super::{
    Callback, ExchangeError, Outcome, Purpose, Work, failure, steps, token_answer, token_request,
};
use crate::assertion;
use crate::authorize::join_scopes;
use crate::connector::Connector;
use crate::context::{Context, Layers, Root};
use crate::manifest::auth::{AuthKind, AuthMethod};
use crate::request::template::eval;

/// What every stage needs.
pub(super) struct Place<'a> {
    pub(super) connector: &'a Connector,
    pub(super) method: &'a AuthMethod,
    pub(super) ctx: Context<'a>,
    pub(super) purpose: Purpose,
    /// Values of `oauth`.
    pub(super) oauth: Value,
    /// Values of `callback`.
    pub(super) callback: Value,
    /// The assertion, where one is made.
    pub(super) assertion: Value,
    /// What earlier requests saved.
    pub(super) saved: Value,
    /// Fields that this exchange found.
    pub(super) found: Map<String, Value>,
}

impl<'a> Place<'a> {
    pub(super) fn new(
        connector: &'a Connector,
        method: &'a AuthMethod,
        ctx: &Context<'a>,
        purpose: Purpose,
    ) -> Self {
        Self {
            connector,
            method,
            ctx: ctx.clone(),
            purpose,
            oauth: json!({}),
            callback: json!({}),
            assertion: Value::Null,
            saved: json!({}),
            found: Map::new(),
        }
    }

    pub(super) fn bad_input(&self, what: &str) -> ExchangeError {
        ExchangeError::BadInput { reason: format!("the auth method `{}` {what}", self.method.id) }
    }

    pub(super) fn set_oauth(&mut self, name: &str, value: Option<String>) {
        self.oauth[name] = value.map_or(Value::Null, Value::from);
    }

    /// A token for fields.
    pub(super) fn by_fields(&mut self, scopes: &[String]) -> Result<Work<'a>, ExchangeError> {
        let method = self.method;
        match &method.kind {
            AuthKind::ClientCredentials(client) => {
                // The scopes of a token that is renewed are joined already.
                let scope = match self.purpose {
                    Purpose::Refresh if !scopes.is_empty() => scopes.first().cloned(),
                    _ => join_scopes(&client.scopes, scopes),
                };
                self.set_oauth("scope", scope);
                let call = token_request::client_credentials(self, client)?;
                Ok(Work::Token { call, response: &client.response })
            }
            AuthKind::TokenExchange(exchange) => {
                Ok(Work::Steps(steps::Steps::new(&exchange.steps, &exchange.response)))
            }
            AuthKind::Assertion(exchange) => {
                let signed = assertion::sign(&exchange.assertion, &self.ctx)?;
                if exchange.steps.is_empty() {
                    let token = token_answer::of_assertion(self, exchange, &signed);
                    let outcome = Outcome { token: Some(token), fields: Map::new() };
                    return Ok(Work::Done(Box::new(outcome)));
                }
                self.assertion = signed.into();
                Ok(Work::Steps(steps::Steps::new(&exchange.steps, &exchange.response)))
            }
            _ => Err(self.bad_input("cannot be renewed")),
        }
    }

    /// Takes the callback's parameters, or the error in them.
    pub(super) fn take_callback(&mut self, callback: &Callback<'_>) -> Result<(), ExchangeError> {
        failure::check_callback(callback.params)?;
        self.callback = json!(callback.params);
        self.oauth = json!({
            "redirect_uri": callback.redirect_uri,
            "code_verifier": callback.code_verifier,
            "state": callback.params.get("state"),
        });
        Ok(())
    }

    /// Evaluates what becomes fields; null gives none.
    pub(super) fn find(&mut self, sources: &BTreeMap<String, Source>) -> Result<(), ExchangeError> {
        let mut found = Map::new();
        for (name, source) in sources {
            let value = eval(source, &self.scope(), &format!("the field `{name}`"))?;
            if value.is_null() {
                let reason = format!("the provider's answer does not hold `{name}`");
                return Err(ExchangeError::Garbage { reason });
            }
            found.insert(name.clone(), value);
        }
        self.found.append(&mut found);
        Ok(())
    }

    /// What the templates of this exchange see.
    pub(super) fn scope(&self) -> ExchangeScope<'_> {
        ExchangeScope {
            found: &self.found,
            layers: Layers::new(&self.ctx)
                .with(Root::Oauth, &self.oauth)
                .with(Root::Callback, &self.callback)
                .with(Root::Assertion, &self.assertion)
                .with(Root::Steps, &self.saved),
        }
    }

    /// What must not be in a message.
    pub(super) fn secrets(&self) -> Secrets {
        Secrets::of(self)
    }
}

/// The context with the fields that were found on the way in front of the account's.
pub(super) struct ExchangeScope<'s> {
    found: &'s Map<String, Value>,
    layers: Layers<'s>,
}

impl Scope for ExchangeScope<'_> {
    fn get(&self, reference: &Reference) -> Result<Option<Cow<'_, Value>>, EvalError> {
        if reference.root == "fields"
            && let [tenon_expr::Segment::Key(name), rest @ ..] = reference.path.as_slice()
            && let Some(value) = self.found.get(name.as_str())
        {
            return Ok(resolve_path(value, rest).map(Cow::Borrowed));
        }
        self.layers.get(reference)
    }
}
