//! Auth methods: how an account is linked, how its token is renewed, how it goes into calls.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_expr::Source;

use super::fields::Field;
use super::request::{RequestSpec, RequestStep};

/// One way to link an account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuthMethod {
    /// `[a-z][a-z0-9_]{0,62}`; unique in the connector and never changed.
    pub id: String,
    /// For people who choose between several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the user supplies for this method, beside the connector's `fields`. `api_key` and
    /// `basic` have `api_key`, or `username` and `password`, where none are given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// How it goes into calls. Where it is left out: `Authorization: Bearer` with the token, HTTP
    /// Basic for `basic`; the others must say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inject: Option<Injection>,
    /// Other ways for callers who ask for a type of token by name, such as Slack's `user`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub token_types: BTreeMap<String, Injection>,
    /// What it is.
    #[serde(flatten)]
    pub kind: AuthKind,
}

/// What an auth method is: `type` and its own members.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AuthKind {
    /// Nothing is needed.
    None,
    /// One secret.
    ApiKey,
    /// User name and password.
    Basic,
    /// The fields, used as they are (by `inject`).
    Fields,
    /// OAuth 2, authorization code (RFC 6749, 4.1).
    Oauth2(Box<Oauth2>),
    /// OAuth 2, client credentials (RFC 6749, 4.4), with the user's or the builder's client.
    ClientCredentials(Box<ClientCredentials>),
    /// One or more requests that give a token for the fields (two-step, session, password grant).
    TokenExchange(Box<TokenExchange>),
    /// A signed assertion that is exchanged for a token, or is one (RFC 7523, RFC 7522).
    Assertion(Box<AssertionExchange>),
    /// OAuth 1.0a (RFC 5849).
    Oauth1(Box<Oauth1>),
    /// An app's installation: a JWT of the app gives short tokens for one installation.
    AppInstallation(Box<AppInstallation>),
    /// OAuth of an MCP server: discovery (RFC 9728, RFC 8414) and registration (RFC 7591).
    McpOauth(Box<McpOauth>),
}

/// OAuth 2, authorization code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Oauth2 {
    /// Where the user is sent.
    pub authorize_url: Source,
    /// Further parameters, or other values of the standard ones; null leaves one out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub authorize_params: BTreeMap<String, Source>,
    /// The token endpoint.
    pub token_url: Source,
    /// How it is asked.
    #[serde(default)]
    pub token_request: TokenRequest,
    /// How the token is renewed; asked as `token_request` says, with `refresh_token`.
    #[serde(default)]
    pub refresh: Refresh,
    /// PKCE with S256 (RFC 7636). Off only for providers that refuse it.
    #[serde(default = "yes")]
    pub pkce: bool,
    /// Scopes.
    #[serde(default)]
    pub scopes: Scopes,
    /// Where the values are in the answer.
    #[serde(default)]
    pub response: TokenResponse,
    /// The callback's parameter with the code.
    #[serde(default = "code")]
    pub code_param: String,
    /// What the callback brings beside the code: becomes `fields`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub callback: BTreeMap<String, Source>,
}

fn yes() -> bool {
    true
}

fn code() -> String {
    "code".to_owned()
}

/// How a token endpoint is asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TokenRequest {
    /// POST a form, unless the provider wants otherwise.
    pub format: TokenFormat,
    /// Who asks.
    pub client_auth: ClientAuth,
    /// Further parameters, or other values of the standard ones; null leaves one out.
    pub params: BTreeMap<String, Source>,
    /// Further headers.
    pub headers: BTreeMap<String, Source>,
}

/// How the parameters are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenFormat {
    /// POST, form.
    #[default]
    Form,
    /// POST, JSON.
    Json,
    /// POST, in the URL.
    Query,
    /// GET, in the URL.
    Get,
}

/// How the client proves itself at the token endpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// `client_id` and `client_secret` among the parameters.
    #[default]
    Body,
    /// HTTP Basic.
    Basic,
    /// Only `client_id`: a public client.
    None,
    /// A signed JWT (RFC 7523, 2.2).
    PrivateKeyJwt(Box<JwtAssertion>),
}

/// How a token is renewed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Refresh {
    /// The provider issues no refresh tokens: its tokens do not end, or people connect again.
    pub never: bool,
    /// Another URL than `token_url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Source>,
    /// Further parameters; null leaves one out.
    pub params: BTreeMap<String, Source>,
    /// Further headers.
    pub headers: BTreeMap<String, Source>,
    /// What the provider's answer to a refresh token that is dead looks like, beside
    /// `error: invalid_grant`: values of `error` or of `error_description`.
    pub dead_errors: Vec<String>,
}

/// Scopes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Scopes {
    /// Asked for where the builder chose none.
    pub default: Vec<String>,
    /// Always asked for, such as `offline_access`.
    pub required: Vec<String>,
    /// Between two of them.
    pub separator: String,
    /// The parameter's name.
    pub param: String,
    /// What the builder can choose, with a line for people.
    pub available: BTreeMap<String, String>,
}

impl Default for Scopes {
    fn default() -> Self {
        Self {
            default: Vec::new(),
            required: Vec::new(),
            separator: " ".to_owned(),
            param: "scope".to_owned(),
            available: BTreeMap::new(),
        }
    }
}

/// Where the values are in a token answer. Sources see `response`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TokenResponse {
    /// `{{response.body.access_token}}` when left out.
    pub access_token: Option<Source>,
    /// `{{response.body.refresh_token}}` when left out; a missing one keeps the old one.
    pub refresh_token: Option<Source>,
    /// The life from now on; `{{response.body.expires_in}}` when left out.
    pub expires_in: Option<Source>,
    /// The unit of `expires_in`.
    pub expires_unit: TimeUnit,
    /// A moment: seconds or milliseconds since 1970, or RFC 3339. Wins over `expires_in`.
    pub expires_at: Option<Source>,
    /// The life in seconds of tokens that do not say; left out: until the provider refuses them.
    pub lifetime_seconds: Option<u64>,
    /// `{{response.body.scope}}` when left out.
    pub scope: Option<Source>,
    /// Kept beside the token: `{{token.<name>}}`.
    pub extra: BTreeMap<String, Source>,
    /// Kept as fields of the account: no secrets.
    pub fields: BTreeMap<String, Source>,
    /// The error's text for people, where the provider does not use `error_description`.
    pub error: Option<Source>,
}

/// A unit of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Seconds.
    #[default]
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Minutes.
    Minutes,
}

/// OAuth 2, client credentials. Renewed by asking again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCredentials {
    /// The token endpoint.
    pub token_url: Source,
    /// How it is asked.
    #[serde(default)]
    pub token_request: TokenRequest,
    /// Whose client: `{{fields.client_id}}` where the user brings one, `{{app.client_id}}` when
    /// left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<Source>,
    /// Its secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Source>,
    /// Scopes.
    #[serde(default)]
    pub scopes: Scopes,
    /// Where the values are in the answer.
    #[serde(default)]
    pub response: TokenResponse,
}

/// A token for the fields, by requests of any form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenExchange {
    /// The requests, in order. The last one's answer is read by `response`.
    pub steps: Vec<RequestStep>,
    /// Where the values are in the last answer.
    #[serde(default)]
    pub response: TokenResponse,
    /// How the token is renewed; `steps` again when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refresh_steps: Vec<RequestStep>,
}

/// A signed assertion for a token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssertionExchange {
    /// What is signed; read as `{{assertion}}`.
    pub assertion: Assertion,
    /// The requests that exchange it; none: the assertion is the token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<RequestStep>,
    /// Where the values are in the last answer.
    #[serde(default)]
    pub response: TokenResponse,
}

/// An assertion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "format", rename_all = "snake_case")]
pub enum Assertion {
    /// A JWT.
    Jwt(JwtAssertion),
    /// A SAML 2.0 bearer assertion (RFC 7522), signed with RSA-SHA256, base64url.
    Saml(SamlAssertion),
}

/// A JWT that is signed for each use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JwtAssertion {
    /// How it is signed.
    pub algorithm: JwtAlgorithm,
    /// The key: PEM for RS and ES, text for HS.
    pub key: Source,
    /// Whether an HS key is base64.
    #[serde(default)]
    pub is_key_base64: bool,
    /// Header members beside `alg` and `typ`, such as `kid`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub header: BTreeMap<String, Source>,
    /// Claims. `iat` and `exp` are set from `lifetime_seconds` unless they are given.
    pub claims: BTreeMap<String, Source>,
    /// From `iat` to `exp`.
    #[serde(default = "five_minutes")]
    pub lifetime_seconds: u32,
}

fn five_minutes() -> u32 {
    300
}

/// How a JWT is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum JwtAlgorithm {
    /// RSA PKCS#1 v1.5, SHA-256.
    Rs256,
    /// ECDSA P-256, SHA-256.
    Es256,
    /// HMAC, SHA-256.
    Hs256,
    /// HMAC, SHA-512.
    Hs512,
}

/// A SAML assertion that is signed for each use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SamlAssertion {
    /// The RSA key, PEM.
    pub key: Source,
    /// The certificate that goes along, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Source>,
    /// Issuer.
    pub issuer: Source,
    /// Subject (NameID).
    pub subject: Source,
    /// Format of the NameID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_format: Option<String>,
    /// Audience.
    pub audience: Source,
    /// Recipient: the token endpoint.
    pub recipient: Source,
    /// Attributes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Source>,
    /// How long it holds.
    #[serde(default = "five_minutes")]
    pub lifetime_seconds: u32,
}

/// OAuth 1.0a: three requests around the user's consent, or, without the URLs, tokens that the
/// user brings as fields (NetSuite TBA).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Oauth1 {
    /// Temporary credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_token_url: Option<Source>,
    /// Where the user is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorize_url: Option<Source>,
    /// Further parameters of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub authorize_params: BTreeMap<String, Source>,
    /// Token credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token_url: Option<Source>,
    /// Who signs; sees `token.access_token` and `token.token_secret` once they are there.
    pub signer: Oauth1Signer,
}

/// How OAuth 1.0a signs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Oauth1Signer {
    /// The method.
    pub method: Oauth1Method,
    /// Consumer key.
    pub consumer_key: Source,
    /// Consumer secret; the RSA key (PEM) for RSA.
    pub consumer_secret: Source,
    /// Token; `{{token.access_token}}` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Source>,
    /// Token secret; `{{token.token_secret}}` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_secret: Option<Source>,
    /// Realm of the header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realm: Option<Source>,
}

/// Signature methods of OAuth 1.0a.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Oauth1Method {
    /// HMAC-SHA1.
    HmacSha1,
    /// HMAC-SHA256.
    HmacSha256,
    /// RSA-SHA1.
    RsaSha1,
    /// The secrets themselves, over TLS.
    Plaintext,
}

/// An app's installation (GitHub Apps).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppInstallation {
    /// Where the user installs the app.
    pub install_url: Source,
    /// What the callback brings; `{{callback.installation_id}}` into a field, at least.
    pub callback: BTreeMap<String, Source>,
    /// The app's JWT; read as `{{assertion}}`.
    pub jwt: JwtAssertion,
    /// The request for an installation's token. Renewed by asking again.
    pub request: RequestSpec,
    /// Where the values are in the answer.
    #[serde(default)]
    pub response: TokenResponse,
}

/// OAuth of an MCP server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct McpOauth {
    /// The server, whose protected-resource metadata name the authorization server.
    pub server_url: Source,
    /// Scopes; those of the metadata when left out.
    #[serde(default)]
    pub scopes: Scopes,
    /// Registers a client of its own (RFC 7591) where the builder gave none.
    #[serde(default = "yes")]
    pub dynamic_registration: bool,
    /// The name to register under.
    #[serde(default = "tenon")]
    pub client_name: String,
}

fn tenon() -> String {
    "Tenon".to_owned()
}

/// What goes into a call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Injection {
    /// Headers. The caller cannot set these.
    pub headers: BTreeMap<String, Source>,
    /// Query parameters. The caller cannot set these.
    pub query: BTreeMap<String, Source>,
    /// Members of a JSON or form body.
    pub body: BTreeMap<String, Source>,
    /// Signs the whole request, last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign: Option<Signer>,
    /// A client certificate for TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificate>,
}

/// A client certificate, both parts PEM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificate {
    /// The chain.
    pub certificate: Source,
    /// The key, PKCS#8.
    pub key: Source,
}

/// Signs a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Signer {
    /// AWS Signature Version 4.
    Sigv4 {
        /// Such as `s3`.
        service: Source,
        /// Such as `eu-west-1`.
        region: Source,
        /// Access key id.
        access_key: Source,
        /// Secret access key.
        secret_key: Source,
        /// Session token.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session_token: Option<Source>,
    },
    /// OAuth 1.0a.
    Oauth1(Oauth1Signer),
    /// WSSE UsernameToken with a digest: `X-WSSE`.
    Wsse {
        /// User name.
        username: Source,
        /// Password.
        password: Source,
    },
    /// An HMAC over a text that a template builds from `request`, `now` and `random`.
    Hmac {
        /// The hash.
        algorithm: HashAlgorithm,
        /// The key.
        key: Source,
        /// How the key is written.
        #[serde(default)]
        key_encoding: Encoding,
        /// The text.
        message: Source,
        /// How the result is written.
        #[serde(default)]
        encoding: Encoding,
        /// Headers and parameters to set; they see it as `{{signature}}`.
        set: BTreeMap<String, Source>,
        /// Whether `set` names query parameters.
        #[serde(default)]
        in_query: bool,
    },
}

/// A hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HashAlgorithm {
    /// SHA-1, for providers that want it.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How bytes are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Hexadecimal, lower case (for keys: the text as it is).
    #[default]
    Hex,
    /// Base64.
    Base64,
    /// Base64url without padding.
    Base64url,
    /// The text's own bytes.
    Text,
}
