//! What the templates of a connector see. It is made anew for each call and borrows the account's
//! values, so making one costs next to nothing.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::fmt::strtime;
use serde_json::{Map, Value};
use tenon_expr::{EvalError, Reference, Scope, Segment, resolve_path};

use crate::encoding;
use crate::token::Token;

/// An account, as templates see it.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    /// The builder's app: `client_id`, `client_secret` and the app fields.
    pub app: &'a Map<String, Value>,
    /// The account's fields, the secret ones too.
    pub fields: &'a Map<String, Value>,
    /// Its token, once there is one.
    pub token: Option<&'a Token>,
}

/// What `random` is derived from. One seed is for one connect, refresh, run or call; each request
/// of it gets other values.
#[derive(Clone, Copy)]
pub struct Seed([u8; 16]);

impl Seed {
    /// From 128 random bits.
    #[must_use]
    pub const fn new(bits: [u8; 16]) -> Self {
        Self(bits)
    }
}

/// The roots that are set beside those of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// Values of an OAuth exchange.
    Oauth,
    /// Parameters of the OAuth callback.
    Callback,
    /// What earlier requests saved.
    Steps,
    /// The signed assertion.
    Assertion,
    /// An action's input.
    Input,
    /// What was chosen in the lists that a data source depends on.
    Chosen,
    /// What was typed to find an option.
    Search,
    /// An answer.
    Response,
    /// The request that is signed or injected into.
    Request,
    /// The result of a signer.
    Signature,
    /// What a provider sent.
    Webhook,
    /// The signing secret of a webhook.
    Secret,
    /// Where a pagination is.
    Page,
    /// The items of all pages.
    Items,
    /// One event, or one item of a list.
    Item,
    /// A choice of a form's field.
    Option,
}

impl Root {
    /// As it is written in a template.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Oauth => "oauth",
            Self::Callback => "callback",
            Self::Steps => "steps",
            Self::Assertion => "assertion",
            Self::Input => "input",
            Self::Chosen => "chosen",
            Self::Search => "search",
            Self::Response => "response",
            Self::Request => "request",
            Self::Signature => "signature",
            Self::Webhook => "webhook",
            Self::Secret => "secret",
            Self::Page => "page",
            Self::Items => "items",
            Self::Item => "item",
            Self::Option => "option",
        }
    }

    /// Every one of them.
    pub const ALL: [Self; 16] = [
        Self::Oauth,
        Self::Callback,
        Self::Steps,
        Self::Assertion,
        Self::Input,
        Self::Chosen,
        Self::Search,
        Self::Response,
        Self::Request,
        Self::Signature,
        Self::Webhook,
        Self::Secret,
        Self::Page,
        Self::Items,
        Self::Item,
        Self::Option,
    ];
}

/// Roots that every context has.
pub const EVERYWHERE: [&str; 5] = ["app", "fields", "token", "now", "random"];

/// What templates see.
#[derive(Clone)]
pub struct Context<'a> {
    account: Account<'a>,
    now: Timestamp,
    seed: Seed,
    /// Which request of the seed's it is.
    request: u32,
    roots: Vec<(Root, Cow<'a, Value>)>,
}

impl<'a> Context<'a> {
    /// A context of an account.
    #[must_use]
    pub fn new(account: Account<'a>, now: Timestamp, seed: Seed) -> Self {
        Self { account, now, seed, request: 0, roots: Vec::new() }
    }

    /// The account.
    #[must_use]
    pub fn account(&self) -> Account<'a> {
        self.account
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// With one root more; it replaces an earlier value of the root.
    #[must_use]
    pub fn with(mut self, root: Root, value: Cow<'a, Value>) -> Self {
        self.roots.retain(|(known, _)| *known != root);
        self.roots.push((root, value));
        self
    }

    /// The same for the next request: `random` gives other values.
    pub(crate) fn advance(&mut self) {
        self.request = self.request.wrapping_add(1);
    }

    /// 128 bits that are new for each request.
    pub(crate) fn random_bits(&self) -> [u8; 16] {
        let mut message = [0; 20];
        message[..16].copy_from_slice(&self.seed.0);
        message[16..].copy_from_slice(&self.request.to_be_bytes());
        let digest = encoding::sha256(&message);
        let mut bits = [0; 16];
        bits.copy_from_slice(&digest.as_ref()[..16]);
        bits
    }

    fn now_value(&self, name: &str) -> Option<Value> {
        let now = self.now;
        let written = |format: &str| strtime::format(format, now).ok().map(Value::from);
        match name {
            "unix" => Some(now.as_second().into()),
            "unix_ms" => Some(now.as_millisecond().into()),
            // Whole seconds: signers and providers take them all, not all take fractions.
            "rfc3339" => written("%Y-%m-%dT%H:%M:%SZ"),
            "http_date" => written("%a, %d %b %Y %H:%M:%S GMT"),
            "date" => written("%Y-%m-%d"),
            _ => None,
        }
    }

    fn random_value(&self, name: &str) -> Option<Value> {
        let bits = self.random_bits();
        match name {
            "uuid" => Some(uuid::Builder::from_random_bytes(bits).into_uuid().to_string().into()),
            "hex" => Some(encoding::hex(&bits).into()),
            _ => None,
        }
    }
}

impl Scope for Context<'_> {
    fn get(&self, reference: &Reference) -> Result<Option<Cow<'_, Value>>, EvalError> {
        let path = reference.path.as_slice();
        match reference.root.as_str() {
            "app" => Ok(member(self.account.app, path)),
            "fields" => Ok(member(self.account.fields, path)),
            "token" => Ok(self.account.token.and_then(|token| token_member(token, path))),
            "now" => Ok(computed(&NOW, path, |name| self.now_value(name))),
            "random" => Ok(computed(&RANDOM, path, |name| self.random_value(name))),
            root => {
                let set = self.roots.iter().find(|(known, _)| known.name() == root);
                if let Some((_, value)) = set {
                    return Ok(resolve_path(value, path).map(Cow::Borrowed));
                }
                if Root::ALL.iter().any(|known| known.name() == root) {
                    return Ok(None);
                }
                Err(EvalError::new(format!("`{root}` is not known in a connector")))
            }
        }
    }
}

const NOW: [&str; 5] = ["unix", "unix_ms", "rfc3339", "http_date", "date"];
const RANDOM: [&str; 2] = ["uuid", "hex"];

fn member<'a>(members: &'a Map<String, Value>, path: &[Segment]) -> Option<Cow<'a, Value>> {
    match path {
        [] => Some(Cow::Owned(Value::Object(members.clone()))),
        [Segment::Key(key), rest @ ..] => {
            resolve_path(members.get(key.as_str())?, rest).map(Cow::Borrowed)
        }
        [Segment::Index(_), ..] => None,
    }
}

fn token_member<'a>(token: &'a Token, path: &[Segment]) -> Option<Cow<'a, Value>> {
    let text = |text: &str| Some(Cow::Owned(Value::from(text)));
    match path {
        [Segment::Key(key)] => match key.as_str() {
            "access_token" => text(&token.access_token),
            "refresh_token" => token.refresh_token.as_deref().and_then(text),
            "scope" => token.scope.as_deref().and_then(text),
            "expires_at" => text(&token.expires_at?.to_string()),
            "issued_at" => text(&token.issued_at.to_string()),
            key => token.extra.get(key).map(Cow::Borrowed),
        },
        [Segment::Key(key), rest @ ..] => {
            resolve_path(token.extra.get(key.as_str())?, rest).map(Cow::Borrowed)
        }
        _ => None,
    }
}

fn computed<'a>(
    names: &[&str],
    path: &[Segment],
    value: impl Fn(&str) -> Option<Value>,
) -> Option<Cow<'a, Value>> {
    match path {
        [] => {
            let member = |name: &&str| Some(((*name).to_owned(), value(name)?));
            Some(Cow::Owned(Value::Object(names.iter().filter_map(member).collect())))
        }
        [Segment::Key(key)] => value(key).map(Cow::Owned),
        _ => None,
    }
}

/// A scope with more roots in front, all borrowed.
pub(crate) struct Layers<'s> {
    outer: &'s (dyn Scope + Sync),
    roots: Vec<(Root, &'s Value)>,
}

impl<'s> Layers<'s> {
    pub(crate) fn new(outer: &'s (dyn Scope + Sync)) -> Self {
        Self { outer, roots: Vec::new() }
    }

    #[must_use]
    pub(crate) fn with(mut self, root: Root, value: &'s Value) -> Self {
        self.roots.push((root, value));
        self
    }
}

impl Scope for Layers<'_> {
    fn get(&self, reference: &Reference) -> Result<Option<Cow<'_, Value>>, EvalError> {
        match self.roots.iter().rev().find(|(root, _)| root.name() == reference.root) {
            Some((_, value)) => Ok(resolve_path(value, &reference.path).map(Cow::Borrowed)),
            None => self.outer.get(reference),
        }
    }
}

#[cfg(test)]
mod tests;
