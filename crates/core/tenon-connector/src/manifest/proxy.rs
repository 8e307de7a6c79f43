//! How calls are made: where to, with what, how often, and what the answers mean.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_domain::workflow::steps::request::Method;
use tenon_expr::{Condition, Source};

/// Rules of every call: of the proxy, of actions and of integration requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxyRules {
    /// The first whose condition holds. https, without a trailing slash.
    pub base_url: Vec<BaseUrl>,
    /// Hosts that calls may go to beside those of the base URLs: names, `*.name` for any
    /// subdomain; may hold templates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_hosts: Vec<Source>,
    /// Headers of every call, unless the caller sets them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Source>,
    /// Query parameters of every call, unless the caller sets them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, Source>,
    /// Whether redirects to the same origin are followed (GET and HEAD, three at most).
    #[serde(default)]
    pub follow_redirects: bool,
    /// Statuses after which a call that may be repeated is repeated.
    #[serde(default = "retry_statuses")]
    pub retry_statuses: Vec<u16>,
    /// How the provider says that there were too many calls.
    #[serde(default)]
    pub rate_limit: RateLimit,
    /// Limits that are known beforehand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotas: Vec<Quota>,
    /// What answers mean; the first that fits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorRule>,
    /// How the provider recognises a repeated call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Idempotency>,
    /// The answer's header that names the call for the provider's support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id_header: Option<String>,
    /// Plain http is allowed where the account's base URL says so (self-hosted services).
    #[serde(default)]
    pub allow_http: bool,
}

fn retry_statuses() -> Vec<u16> {
    vec![502, 503, 504]
}

/// A base URL and when it is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaseUrl {
    /// Always when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// The URL.
    pub url: Source,
}

/// How the provider says that there were too many calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimit {
    /// Statuses that mean it.
    pub statuses: Vec<u16>,
    /// Answers of other statuses that mean it. Wins over error rules that have no condition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// When to come again; the latest of those that are there wins. `Retry-After` always counts.
    pub reset: Vec<ResetSign>,
    /// The header with the calls that are left: at 0 the next one waits for `reset`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining_header: Option<String>,
    /// The wait where the answer says nothing, in seconds.
    pub default_wait_seconds: u32,
    /// What a block holds for.
    pub scope: QuotaScope,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self {
            statuses: vec![429],
            when: None,
            reset: Vec::new(),
            remaining_header: None,
            default_wait_seconds: 30,
            scope: QuotaScope::Credential,
        }
    }
}

/// Where an answer says when to come again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetSign {
    /// A value of the answer, such as `{{response.headers["x-ratelimit-reset"]}}`.
    pub value: Source,
    /// How it is written.
    #[serde(default)]
    pub unit: ResetUnit,
}

/// How a wait is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResetUnit {
    /// A number above 1,000,000,000 is a moment, a smaller one seconds; text is a date.
    #[default]
    Auto,
    /// Seconds from now.
    Seconds,
    /// Milliseconds from now.
    Milliseconds,
    /// Seconds since 1970.
    Epoch,
    /// Milliseconds since 1970.
    EpochMilliseconds,
}

/// A limit that is known beforehand, shared by all who call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Calls.
    pub limit: u32,
    /// In so many seconds.
    pub window_seconds: u32,
    /// Whose calls count.
    #[serde(default)]
    pub scope: QuotaScope,
    /// Only calls whose path begins so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_prefix: Option<String>,
    /// Only calls with these methods.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<Method>,
}

/// Whose calls count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuotaScope {
    /// Each account has its own.
    #[default]
    Credential,
    /// All accounts of the builder's app share one.
    App,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorRule {
    /// Statuses; any when empty. 200 is possible: some providers answer errors so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<u16>,
    /// Sees `response`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// What it means.
    pub kind: ErrorKind,
    /// For people: what the provider said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Source>,
}

/// What an error answer means for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The token is refused: renewed once and tried again.
    TokenExpired,
    /// The account has to be connected again.
    AuthDead,
    /// The account may not do this; more scopes may help.
    Permission,
    /// There is no such thing.
    NotFound,
    /// The input is wrong.
    Invalid,
    /// It exists already, or changed meanwhile.
    Conflict,
    /// Too many calls.
    RateLimited,
    /// May go away.
    Retryable,
    /// Anything else.
    Failed,
    /// No error after all.
    Ok,
}

/// How the provider recognises a repeated call: one of the two.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Idempotency {
    /// A header takes the key.
    Header(String),
    /// A member of the body takes the key.
    Body(String),
}
