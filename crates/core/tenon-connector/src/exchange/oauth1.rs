//! OAuth 1.0a: temporary credentials before the consent, token credentials after it (RFC 5849,
//! section 2).

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::{Map, Value, json};
use url::Url;

use super::{ExchangeError, Outcome, Place, Redirect, Work, failure};
use crate::answer::Reading;
use crate::authorize::{Params, check_secure};
use crate::call::Call;
use crate::context::{Layers, Root};
use crate::inject::{BodyForSigning, Head, Injected};
use crate::manifest::auth::{Oauth1, TokenResponse};
use crate::request::template::{eval, texts_of};
use crate::request::url as request_url;
use crate::sign::oauth1::{Keys, sign};
use crate::token::Token;
use tenon_expr::Source;

const URL_BYTES_MAX: usize = 16 << 10;
/// Members of the last answer that are kept beside the token.
const EXTRA_MAX: usize = 32;

/// Which of the two requests it is.
pub(super) struct Stage<'a> {
    oauth1: &'a Oauth1,
    call: Call,
    is_last: bool,
}

impl<'a> Stage<'a> {
    /// Asks for temporary credentials.
    pub(super) fn temporary(at: &Place<'a>, oauth1: &'a Oauth1) -> Result<Self, ExchangeError> {
        let Some(source) = &oauth1.request_token_url else {
            return Err(at.bad_input("asks for no consent"));
        };
        let redirect_uri = at.oauth["redirect_uri"].as_str().unwrap_or_default();
        // There is no `state` in OAuth 1.0a: it travels in the callback's own URL.
        let mut callback = Url::parse(redirect_uri)
            .map_err(|_| at.bad_input("got a redirect URI that is no URL"))?;
        if let Some(state) = at.oauth["state"].as_str() {
            callback.query_pairs_mut().append_pair("state", state);
        }
        let keys =
            Keys { token: None, token_secret: String::new(), ..Keys::of(&oauth1.signer, &at.ctx)? };
        let extra = [("oauth_callback", callback.as_str())];
        let call = signed(at, source, &keys, &extra)?;
        Ok(Self { oauth1, call, is_last: false })
    }

    /// Asks for token credentials.
    pub(super) fn access(
        at: &Place<'a>,
        oauth1: &'a Oauth1,
        kept: &Map<String, Value>,
    ) -> Result<Self, ExchangeError> {
        let Some(source) = &oauth1.access_token_url else {
            return Err(at.bad_input("has no URL for tokens"));
        };
        let text = |name: &str| kept.get(name).and_then(Value::as_str);
        let given = |name: &str| at.callback.get(name).and_then(Value::as_str);
        let (Some(token), Some(secret)) = (text("oauth_token"), text("oauth_token_secret")) else {
            return Err(at.bad_input("was not started here"));
        };
        if given("oauth_token").is_some_and(|given| given != token) {
            return Err(at.bad_input("got the callback of another start"));
        }
        let Some(verifier) = given("oauth_verifier") else {
            let reason = "the provider sent the user back without a verifier".to_owned();
            return Err(ExchangeError::BadInput { reason });
        };
        let keys = Keys {
            token: Some(token.to_owned()),
            token_secret: secret.to_owned(),
            ..Keys::of(&oauth1.signer, &at.ctx)?
        };
        let call = signed(at, source, &keys, &[("oauth_verifier", verifier)])?;
        Ok(Self { oauth1, call, is_last: true })
    }

    pub(super) fn call(&self) -> Call {
        self.call.clone()
    }

    pub(super) fn take(
        self,
        at: &mut Place<'a>,
        answer: &Reading,
    ) -> Result<Work<'a>, ExchangeError> {
        failure::check(at, &TokenResponse::default(), answer)?;
        // Providers write forms under any content type.
        let mut members = match answer.body() {
            Value::Object(members) => members.clone(),
            Value::String(text) => match crate::answer::form_value(text.as_bytes()) {
                Value::Object(members) => members,
                _ => Map::new(),
            },
            _ => Map::new(),
        };
        let mut text = |name: &str| match members.shift_remove(name) {
            Some(Value::String(text)) if !text.is_empty() => Some(text),
            _ => None,
        };
        let (Some(token), Some(secret)) = (text("oauth_token"), text("oauth_token_secret")) else {
            return Err(ExchangeError::Garbage { reason: failure::not_understood(answer) });
        };
        if !self.is_last {
            return self.redirect(at, &token, &secret).map(Work::Redirect);
        }
        let mut extra: Map<String, Value> = members
            .into_iter()
            .filter(|(name, value)| value.is_string() && name != "oauth_callback_confirmed")
            .take(EXTRA_MAX)
            .collect();
        extra.insert("token_secret".to_owned(), secret.into());
        let token = Token {
            access_token: token,
            refresh_token: None,
            expires_at: None,
            scope: None,
            issued_at: at.ctx.now(),
            extra,
        };
        Ok(Work::Done(Box::new(Outcome { token: Some(token), fields: at.found.clone() })))
    }

    fn redirect(
        &self,
        at: &Place<'a>,
        token: &str,
        secret: &str,
    ) -> Result<Redirect, ExchangeError> {
        let Some(source) = &self.oauth1.authorize_url else {
            return Err(at.bad_input("has no consent URL"));
        };
        let oauth = json!({ "token": token });
        let scope = at.scope();
        let scope = Layers::new(&scope).with(Root::Oauth, &oauth);
        let mut url = request_url::build(source, None, &scope, "the consent URL", URL_BYTES_MAX)?;
        check_secure(at.connector, &url)?;
        let mut params = Params::default();
        params.set("oauth_token", Some(token));
        for (name, source) in &self.oauth1.authorize_params {
            let value = eval(source, &scope, &format!("the consent parameter `{name}`"))?;
            params.replace(name, texts_of(value));
        }
        request_url::append(&mut url, &params.pairs, URL_BYTES_MAX)?;
        let kept = json!({ "oauth_token": token, "oauth_token_secret": secret });
        let Value::Object(kept) = kept else { return Err(super::ended()) };
        Ok(Redirect { url, kept })
    }
}

fn signed(
    at: &Place<'_>,
    source: &Source,
    keys: &Keys,
    extra: &[(&str, &str)],
) -> Result<Call, ExchangeError> {
    let mut url = request_url::build(source, None, &at.scope(), "the token URL", URL_BYTES_MAX)?;
    check_secure(at.connector, &url)?;
    let mut headers = HeaderMap::new();
    let head = Head {
        method: &Method::POST,
        url: &mut url,
        headers: &mut headers,
        body: BodyForSigning::Whole(&[]),
    };
    sign(keys, extra, &at.ctx, head, &mut Injected::default())?;
    Ok(Call { method: Method::POST, url, headers, body: Bytes::new() })
}
