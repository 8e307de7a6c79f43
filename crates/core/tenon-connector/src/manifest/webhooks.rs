//! What a provider sends: how it is verified, split, named and routed to accounts.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_expr::{Condition, Source};

use super::auth::{Encoding, HashAlgorithm};
use super::request::RequestSpec;

/// One endpoint that a provider calls. Sources see `webhook`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// `[a-z][a-z0-9_]{0,62}`.
    pub id: String,
    /// For people.
    pub title: String,
    /// How the URL gets to the provider.
    pub registration: Registration,
    /// Proves that the provider sent it.
    pub verification: Verification,
    /// Where the signing secret comes from.
    #[serde(default)]
    pub secret: WebhookSecret,
    /// Answers a challenge in place of everything below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handshake: Option<Handshake>,
    /// The body, where it is not the request's JSON: `{{parse_json(webhook.form.payload)}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Source>,
    /// An array of events in one call; the rest sees each as `item`. The body itself when left
    /// out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Source>,
    /// The event's type, such as `{{item.type}}`.
    pub event: Source,
    /// The event's id, for dropping repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedupe: Option<Source>,
    /// Events with the same key keep their order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Source>,
    /// Which accounts it is for.
    pub route: Route,
    /// What the provider gets.
    #[serde(default)]
    pub answer: WebhookAnswer,
    /// Types that it sends, with a line for people.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub events: BTreeMap<String, String>,
}

/// How the URL gets to the provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Registration {
    /// The builder enters one URL in the app's settings at the provider.
    App {
        /// How, for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instructions: Option<String>,
    },
    /// A person enters the account's own URL at the provider.
    Manual {
        /// How, for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instructions: Option<String>,
    },
    /// Requests do it for each account. They see `oauth.webhook_url` as `{{webhook.url}}` and the
    /// secret as `{{secret}}`.
    Requests {
        /// Subscribes.
        subscribe: Box<RequestSpec>,
        /// What is kept of the answer: `{{steps.subscribe.<name>}}`.
        #[serde(default)]
        save: BTreeMap<String, Source>,
        /// Unsubscribes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unsubscribe: Option<Box<RequestSpec>>,
        /// Renews; before `renew_seconds` have passed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        renew: Option<Box<RequestSpec>>,
        /// The life of a subscription.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        renew_seconds: Option<u32>,
    },
}

/// Where the signing secret comes from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WebhookSecret {
    /// None is needed.
    #[default]
    None,
    /// A value of the builder's app: the name of an app field, or `client_secret`.
    App(String),
    /// A field of the account.
    Field(String),
    /// Made by Tenon for each subscription.
    Generated,
}

/// Proves who sent it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Verification {
    /// An HMAC of a text that a template builds.
    Hmac {
        /// The hash.
        algorithm: HashAlgorithm,
        /// The signed text; `{{webhook.raw}}` when left out. The raw body is put in byte by byte.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<Source>,
        /// Where the signature is.
        signature: SignaturePlace,
        /// How it is written.
        #[serde(default)]
        encoding: Encoding,
        /// How the secret is written.
        #[serde(default = "text")]
        secret_encoding: Encoding,
        /// Taken off the secret before it is decoded, such as `whsec_`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secret_prefix: Option<String>,
        /// When it was signed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timestamp: Option<TimestampRule>,
    },
    /// A signature by the provider's key.
    Asymmetric {
        /// The scheme.
        algorithm: AsymmetricAlgorithm,
        /// The public key: PEM, or base64 of the raw key for ed25519.
        key: Source,
        /// The signed text; the raw body when left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<Source>,
        /// Where the signature is.
        signature: SignaturePlace,
        /// How it is written.
        #[serde(default)]
        encoding: Encoding,
        /// When it was signed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timestamp: Option<TimestampRule>,
    },
    /// The secret itself, compared in constant time.
    SharedSecret {
        /// Where it is, such as `{{webhook.headers["x-token"]}}`.
        value: Source,
    },
    /// HTTP Basic.
    Basic {
        /// User name.
        username: Source,
        /// Password; the secret when left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password: Option<Source>,
    },
    /// Only who knows the URL, which holds a random part.
    SecretUrl {},
    /// Nothing proves it: whatever it says is to be looked up.
    None {},
}

fn text() -> Encoding {
    Encoding::Text
}

/// Where a signature is: a header of one value, of several, or of `name=value` pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignaturePlace {
    /// The header.
    pub header: String,
    /// Between several signatures; any may fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// Taken off the front of each, such as `sha256=` or `v1=`; others are passed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

/// When it was signed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimestampRule {
    /// Seconds or milliseconds since 1970, such as `{{webhook.headers["x-timestamp"]}}`.
    pub value: Source,
    /// How far it may be away.
    #[serde(default = "five_minutes")]
    pub tolerance_seconds: u32,
}

fn five_minutes() -> u32 {
    300
}

/// Signature schemes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AsymmetricAlgorithm {
    /// Ed25519.
    Ed25519,
    /// ECDSA P-256, SHA-256, ASN.1.
    EcdsaP256,
    /// RSA PKCS#1 v1.5, SHA-256.
    RsaSha256,
}

/// Answers a challenge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Handshake {
    /// When it is one.
    pub when: Condition,
    /// Whether the signature has to hold for it.
    #[serde(default)]
    pub verified: bool,
    /// What the provider gets.
    pub answer: WebhookAnswer,
}

/// What the provider gets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookAnswer {
    /// The status.
    pub status: u16,
    /// Headers.
    pub headers: BTreeMap<String, Source>,
    /// The body: text as it is, else JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Source>,
    /// The status when the signature does not hold.
    pub unverified_status: u16,
}

impl Default for WebhookAnswer {
    fn default() -> Self {
        Self { status: 200, headers: BTreeMap::new(), body: None, unverified_status: 401 }
    }
}

/// Which accounts an event is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Route {
    /// The URL is of one account.
    Url {},
    /// A value of the event equals a field of the accounts: all that match get it.
    Field {
        /// Of the event, such as `{{webhook.body.team_id}}`.
        value: Source,
        /// The account's field.
        field: String,
    },
}
