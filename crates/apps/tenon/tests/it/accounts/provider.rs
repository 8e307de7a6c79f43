//! The provider: an authorization server, and an API that takes its tokens and a few API keys.
//!
//! A refusal repeats the secret that it refuses, as careless providers do.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tenon_testkit::fakes::oauth_provider::{Counters, Fault, Manners, OauthProvider};
use url::Url;

use crate::service::{Call, Reply, Service};

/// What the API keys that it takes begin with.
pub const KEY_PREFIX: &str = "canary-key-";
/// The one account that everybody has.
pub const ACCOUNT_ID: &str = "acct-7";
/// Its name.
pub const ACCOUNT_NAME: &str = "Ada's shop";

/// What a large answer is full of.
pub const LARGE_TEXT: &str = "large-text ";

/// How long `/slow` takes.
const SLOW: Duration = Duration::from_millis(700);

/// A running provider.
pub struct Provider {
    pub oauth: Arc<OauthProvider>,
    pub api: Service,
    refused: Arc<Mutex<HashSet<String>>>,
}

impl Provider {
    pub async fn start() -> Self {
        Self::with(Manners::default()).await
    }

    pub async fn with(manners: Manners) -> Self {
        let oauth = Arc::new(OauthProvider::start(manners).await.expect("a port is free"));
        let refused = Arc::new(Mutex::new(HashSet::new()));
        let (known, dead) = (oauth.clone(), refused.clone());
        let api = Service::start(move |call| answer(call, &known, &dead)).await;
        Self { oauth, api, refused }
    }

    /// The API takes this token or key no more. The authorization server does not know.
    pub fn refuse(&self, secret: &str) {
        self.refused.lock().expect("no test panics in it").insert(secret.to_owned());
    }

    /// Ends the grant of a token, as its user does in the provider's settings.
    pub fn revoke_family(&self, token: &str) {
        let grant = self.oauth.grant_of(token).expect("the provider issued it");
        self.oauth.revoke(grant.id);
    }

    /// The next answers of the token endpoint.
    pub fn spoil(&self, faults: impl IntoIterator<Item = Fault>) {
        self.oauth.spoil(faults);
    }

    pub fn counters(&self) -> Counters {
        self.oauth.counters()
    }

    /// The browser of a user who agrees: the address that it comes back to.
    pub fn consent(&self, location: &str) -> String {
        let url = Url::parse(location).expect("a URL");
        self.oauth.consent(&url).expect("the provider takes it").to_string()
    }

    /// The same of a user who does not.
    pub fn deny(&self, location: &str) -> String {
        let url = Url::parse(location).expect("a URL");
        self.oauth.deny(&url).expect("the provider takes it").to_string()
    }

    /// The tokens that calls of a path came with.
    pub fn tokens_of(&self, path: &str) -> Vec<String> {
        self.api.calls_of(path).iter().map(token_of).collect()
    }

    /// The token of the last call of a path.
    pub fn last_token(&self, path: &str) -> String {
        self.tokens_of(path).pop().unwrap_or_else(|| panic!("nobody called {path}"))
    }
}

/// What stands behind `Bearer`.
pub fn token_of(call: &Call) -> String {
    call.header("authorization").strip_prefix("Bearer ").unwrap_or_default().to_owned()
}

fn answer(call: &Call, oauth: &OauthProvider, refused: &Mutex<HashSet<String>>) -> Reply {
    if call.path == "/revoke" {
        let form = call.body.as_str().unwrap_or_default().to_owned();
        let mut pairs = url::form_urlencoded::parse(form.as_bytes());
        let token = pairs.find(|(name, _)| name == "token").map(|(_, token)| token.into_owned());
        if let Some(grant) = token.and_then(|token| oauth.grant_of(&token)) {
            oauth.revoke(grant.id);
        }
        return Reply::json(200, &json!({}));
    }
    let token = token_of(call);
    let is_issued = oauth.grant_of(&token).is_some_and(|grant| !grant.is_revoked);
    let is_refused = refused.lock().expect("no test panics in it").contains(&token);
    if is_refused || !(is_issued || token.starts_with(KEY_PREFIX)) {
        let text = format!("{token} is not a token that works");
        return Reply::json(401, &json!({ "error": text })).header("x-token", &token);
    }
    if let Some(reply) = super::sources::answer(call, &token) {
        return reply;
    }
    match call.path.as_str() {
        "/me" => Reply::json(200, &json!({ "id": ACCOUNT_ID, "name": ACCOUNT_NAME })),
        "/refused" => {
            let text = format!("{token} has no more rights");
            Reply::json(401, &json!({ "error": text })).header("x-token", &token)
        }
        "/large" => {
            let padding = LARGE_TEXT.repeat(10_000);
            Reply::json(200, &json!({ "token": token, "padding": padding, "again": token }))
        }
        "/broken" => Reply::json(500, &json!({ "error": format!("failed for {token}") })),
        "/busy" if call.before == 0 => {
            Reply::json(429, &json!({ "error": "slow down" })).header("retry-after", "5")
        }
        "/slow" => Reply::json(200, &json!({})).after(SLOW),
        "/garbage" => Reply::bytes("text/html", format!("<h1>{token}</h1>").into_bytes()),
        _ => Reply::json(200, &json!({ "path": call.path, "query": call.query })),
    }
}

/// A connector of the provider. `proxy` are further members of its rules.
pub fn manifest(name: &str, proxy: &Value) -> Value {
    let mut manifest = json!({
        "format": 1, "name": name, "version": "1.0.0", "title": "Shop",
        "description": "A provider on loopback.", "categories": ["testing"],
        "docs": "https://shop.example/docs",
        "app_fields": [
            {"name": "issuer", "title": "Authorization server", "type": "url"},
            {"name": "api", "title": "API", "type": "url"},
        ],
        "auth": [
            {
                "id": "oauth", "type": "oauth2",
                "authorize_url": "{{app.issuer}}/authorize", "token_url": "{{app.issuer}}/token",
                "scopes": {"default": ["notes"]},
            },
            {
                "id": "key", "type": "api_key",
                "inject": {"headers": {"authorization": "Bearer {{fields.api_key}}"}},
            },
        ],
        "proxy": {"base_url": [{"url": "{{app.api}}"}], "allow_http": true},
        "lifecycle": {
            "identity": {
                "steps": [{
                    "id": "me", "request": {"url": "/me"},
                    "save": {"id": "{{response.body.id}}", "name": "{{response.body.name}}"},
                }],
                "id": "{{steps.me.id}}", "name": "{{steps.me.name}}",
            },
            "revoke": [{
                "method": "POST", "url": "/revoke",
                "body": {"form": {"token": "{{token.refresh_token}}"}},
            }],
        },
        "actions": [{
            "id": "create_note", "title": "Create a note", "effect": "create",
            "input": {
                "type": "object", "required": ["text"], "additionalProperties": false,
                "properties": {"text": {"type": "string"}},
            },
            "output": {"type": "object"},
            "request": {
                "method": "POST", "url": "/notes", "body": {"json": {"text": "{{input.text}}"}},
            },
        }],
        "data_sources": super::sources::data_sources(),
    });
    if let (Some(rules), Some(more)) = (manifest["proxy"].as_object_mut(), proxy.as_object()) {
        rules.extend(more.clone());
    }
    manifest
}
