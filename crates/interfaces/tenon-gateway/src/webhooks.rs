//! Webhooks of providers: proven, taken apart, and accepted as work.
//!
//! - `ANY /api/v1/projects/{project}/webhooks/{connector}/{webhook}`: the URL of the builder's app;
//!   events find their accounts by a field of these;
//! - the same with `/{account}`: the URL of one account;
//! - `ANY /triggers/connect/{project}/{integration}/custom-triggers/{webhook}?id={account}`: the
//!   same on the wire of the published SDK.
//!
//! The provider hears 2xx only once every run is committed; what it sends again runs nothing. Calls
//! come from anybody: nothing of them is looked at before their signature holds, but what the
//! connector needs for that. A URL that is not known is 404, whatever is wrong about it.

mod input;
mod place;
mod secrets;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Request, StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value};
use tenon_connector::catalog::Catalog;
use tenon_connector::context::{Account, Context, Seed};
use tenon_connector::webhook::{self, Incoming, Reply, Taken, WebhookError};
use tenon_domain::SecretId;
use tenon_exec::intake::Refused;
use tenon_exec::ports::store::Accept;
use tenon_exec::webhooks::{Directory, Sameness, TriggerInput, targets};
use tenon_http_kit::{Problem, read_body};
use url::Url;
use zeroize::Zeroizing;

use self::place::{Address, Found};
pub use self::secrets::WebhookSecrets;
use crate::codes;
use crate::state::{AWAY_RETRY_AFTER, GatewayState, refusal};

/// Bodies up to this many bytes are proven at once; larger ones where blocking is fine.
const INLINE_BYTES_MAX: usize = 256 << 10;

/// Bounds of webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookSettings {
    /// The most runs that one call starts. Default 1,000.
    pub runs_max: usize,
    /// Of one call, runs that are accepted at the same time. Default 100.
    pub together_max: usize,
    /// How long an opened secret is used before its head is looked at again. Default five minutes.
    pub secret_ttl: Duration,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self { runs_max: 1_000, together_max: 100, secret_ttl: Duration::from_mins(5) }
    }
}

/// What webhooks need beside the rest of the gateway.
pub struct Webhooks {
    /// The connectors.
    pub catalog: Arc<Catalog>,
    /// Whom events are for.
    pub directory: Arc<Directory>,
    /// What calls are signed with.
    pub secrets: Arc<WebhookSecrets>,
    /// Where providers reach this installation: some sign the URL.
    pub public_url: Url,
    /// Limits.
    pub settings: WebhookSettings,
}

pub(crate) fn routes() -> Router<Arc<GatewayState>> {
    Router::new()
        .route("/api/v1/projects/{project}/webhooks/{connector}/{webhook}", any(of_app))
        .route(
            "/api/v1/projects/{project}/webhooks/{connector}/{webhook}/{account}",
            any(of_account),
        )
        .route(
            "/triggers/connect/{project}/{integration}/custom-triggers/{webhook}",
            any(on_the_wire),
        )
}

type Answer = Result<Response, Problem>;

async fn of_app(
    State(state): State<Arc<GatewayState>>,
    Path((project, integration, webhook)): Path<(String, String, String)>,
    request: Request<Body>,
) -> Answer {
    take(&state, Address { project, integration, webhook, account: None }, request).await
}

async fn of_account(
    State(state): State<Arc<GatewayState>>,
    Path((project, integration, webhook, account)): Path<(String, String, String, String)>,
    request: Request<Body>,
) -> Answer {
    let account = Some(account);
    take(&state, Address { project, integration, webhook, account }, request).await
}

#[derive(Deserialize)]
struct WireQuery {
    #[serde(default)]
    id: Option<String>,
}

async fn on_the_wire(
    State(state): State<Arc<GatewayState>>,
    Path((project, integration, webhook)): Path<(String, String, String)>,
    Query(query): Query<WireQuery>,
    request: Request<Body>,
) -> Answer {
    let account = query.id.filter(|id| !id.is_empty());
    take(&state, Address { project, integration, webhook, account }, request).await
}

async fn take(state: &GatewayState, address: Address, request: Request<Body>) -> Answer {
    let webhooks = state.webhooks.as_ref().ok_or_else(Problem::not_found)?;
    let found = place::find(state, webhooks, &address).await?.ok_or_else(Problem::not_found)?;
    let (parts, body) = request.into_parts();
    let secrets = open(webhooks, &found).await?.ok_or_else(Problem::not_found)?;
    if !place::has_key(&found, &parts, &secrets) {
        return Err(Problem::not_found());
    }
    let body = read_body(&parts.headers, body, &state.body_limits).await?;
    let call = Arc::new(Call { found, parts, body, secrets, url: webhooks.public_url.clone() });
    let taken = prove(state, &call).await?;
    if let Some(reason) = taken.reason.filter(|_| !taken.is_verified) {
        let place = call.found.place();
        tracing::info!(project.id = %place.plan.project, connector = place.integration.connector,
            webhook = place.webhook.id, reason, "a webhook call is not proven");
    }
    accept(state, webhooks, &call, &taken).await?;
    Ok(response(&taken.reply))
}

/// The secrets that may fit; `None`: there is no such URL.
async fn open(
    webhooks: &Webhooks,
    found: &Found,
) -> Result<Option<Vec<Zeroizing<String>>>, Problem> {
    let mut secrets = Vec::new();
    let (ids, is_needed) = place::secret_ids(found);
    let project = found.plan.project;
    for id in ids {
        let opened =
            webhooks.secrets.open(project, id, &found.webhook().id).await.map_err(|error| {
                Problem::unavailable("open the secret of a webhook", AWAY_RETRY_AFTER, &error)
            })?;
        secrets.extend(opened);
    }
    Ok(if secrets.is_empty() && is_needed { None } else { Some(secrets) })
}

/// A call, whole.
struct Call {
    found: Found,
    parts: Parts,
    body: Bytes,
    secrets: Vec<Zeroizing<String>>,
    url: Url,
}

async fn prove(state: &GatewayState, call: &Arc<Call>) -> Result<Taken, Problem> {
    let now = state.clock.now();
    let proven = if call.body.len() <= INLINE_BYTES_MAX {
        call.prove(now)
    } else {
        let call = Arc::clone(call);
        let proven = tokio::task::spawn_blocking(move || call.prove(now)).await;
        proven.map_err(|error| Problem::internal("prove a webhook call", &error))?
    };
    proven.map_err(|error| unusable(error.to_string()))
}

impl Call {
    fn prove(&self, now: jiff::Timestamp) -> Result<Taken, WebhookError> {
        let nothing = Map::new();
        let app = self.found.app().map_or(&nothing, |app| &app.values);
        let account = Account { app, fields: &nothing, token: None };
        // An id of version 4 is 122 random bits.
        let seed = Seed::new(*SecretId::new().uuid().as_bytes());
        let url = self.url();
        let incoming = Incoming {
            method: &self.parts.method,
            url: &url,
            headers: &self.parts.headers,
            body: &self.body,
        };
        let secrets: Vec<&str> = self.secrets.iter().map(|secret| secret.as_str()).collect();
        webhook::take(self.found.webhook(), &incoming, &secrets, &Context::new(account, now, seed))
    }

    /// The URL as the provider knows it.
    fn url(&self) -> Url {
        let mut url = self.url.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}{}", self.parts.uri.path()));
        url.set_query(self.parts.uri.query());
        url
    }
}

/// Accepts everything that the events of a call start; or says what to tell the provider, which then
/// sends it again.
async fn accept(
    state: &GatewayState,
    webhooks: &Webhooks,
    call: &Call,
    taken: &Taken,
) -> Result<(), Problem> {
    let place = call.found.place();
    let headers = match taken.events.is_empty() {
        true => Value::Null,
        false => input::headers(place.webhook, &call.parts.headers, &call.secrets),
    };
    let mut work: Vec<(Accept, Arc<Value>)> = Vec::new();
    for (index, event) in taken.events.iter().enumerate() {
        let targets = targets(&place, event, &webhooks.directory, &*state.plans).await;
        let targets = targets.map_err(|error| {
            Problem::unavailable("read whom an event is for", AWAY_RETRY_AFTER, &error)
        })?;
        if targets.is_empty() {
            continue;
        }
        if work.len() + targets.len() > webhooks.settings.runs_max {
            return Err(unusable(format!(
                "one call would start more than {} runs",
                webhooks.settings.runs_max
            )));
        }
        let sameness = Sameness::of(event, taken.signature.as_deref(), index);
        let value = Arc::new(input::of_event(event, &headers, &call.secrets));
        let text = Bytes::from(value.to_string());
        let ordering_key_bytes_max = state.intake.ordering_key_bytes_max();
        let input = TriggerInput { value: &value, text: &text, ordering_key_bytes_max };
        for target in targets {
            let accept = target.accept(&place, &sameness, &input, &*state.clock);
            work.push((accept.map_err(|error| unusable(error.to_string()))?, value.clone()));
        }
    }
    state.admit(place.plan.project, work.len()).await?;
    let accepts = work.into_iter().map(|(accept, input)| {
        let intake = &state.intake;
        async move { intake.accept(accept, Some(input)).await.map(drop) }
    });
    let together = webhooks.settings.together_max.max(1);
    let outcomes: Vec<Result<(), Refused>> =
        stream::iter(accepts).buffer_unordered(together).collect().await;
    outcomes.into_iter().collect::<Result<(), Refused>>().map_err(refusal)
}

fn unusable(detail: String) -> Problem {
    tracing::warn!(detail, "a proven webhook call cannot be used");
    Problem::new(&codes::WEBHOOK_UNUSABLE).detail(detail)
}

/// What the connector says that the provider gets.
fn response(reply: &Reply) -> Response {
    let (body, kind) = match &reply.body {
        Value::Null => (String::new(), None),
        Value::String(text) => (text.clone(), Some("text/plain; charset=utf-8")),
        other => (other.to_string(), Some("application/json")),
    };
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let mut response = (status, Body::from(body)).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    for (name, value) in &reply.headers {
        let pair = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str()));
        if let (Ok(name), Ok(value)) = pair {
            headers.insert(name, value);
        }
    }
    if let Some(kind) = kind.filter(|_| !headers.contains_key(header::CONTENT_TYPE)) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    response
}
