//! `/integrations/{integration}/webhooks` and `/credentials/{credential}/webhooks/{webhook}`: the URLs
//! to enter at providers.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tenon_config::{AccountWebhook, WebhookEndpoint, WebhookScope};
use tenon_domain::CredentialId;
use tenon_http_kit::{PathParams, Problem};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::problem;
use crate::state::Api;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(of_account))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct IntegrationPath {
    /// The integration's id, or its connector's name.
    integration: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct WebhookPath {
    /// The account's id.
    #[param(value_type = String, format = Uuid)]
    credential: CredentialId,
    /// The webhook's id in the connector's manifest.
    webhook: String,
}

/// Whose URL a webhook has.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum WebhookScopeView {
    /// One for all accounts, which you enter at the provider.
    App,
    /// Each account has its own.
    Account,
}

/// A webhook of an integration.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
struct WebhookView {
    /// A stable UUID, for URLs in the form of the published SDK.
    #[schema(value_type = String, format = Uuid)]
    id: String,
    /// Its id in the connector's manifest, which workflows name it by.
    webhook: String,
    title: String,
    scope: WebhookScopeView,
    /// The URL to enter; null where each account has its own.
    url: Option<String>,
    /// How to enter it.
    instructions: Option<String>,
    /// Whether workflows can listen to it.
    supported: bool,
    /// Whether there is what its calls are proven with; null where each account has its own.
    ready: Option<bool>,
    /// The value of your app that its calls are signed with.
    app_field: Option<String>,
    /// The types of its events, with a line for people; empty where the connector does not know.
    events: BTreeMap<String, String>,
}

impl From<WebhookEndpoint> for WebhookView {
    fn from(endpoint: WebhookEndpoint) -> Self {
        Self {
            id: endpoint.id.to_string(),
            webhook: endpoint.webhook,
            title: endpoint.title,
            scope: match endpoint.scope {
                WebhookScope::App => WebhookScopeView::App,
                WebhookScope::Account => WebhookScopeView::Account,
            },
            url: endpoint.url,
            instructions: endpoint.instructions,
            supported: endpoint.is_supported,
            ready: endpoint.is_ready,
            app_field: endpoint.app_field,
            events: endpoint.events,
        }
    }
}

/// Webhooks.
#[derive(Debug, Serialize, ToSchema)]
struct WebhookList {
    /// In the order of the connector's manifest.
    webhooks: Vec<WebhookView>,
}

/// A webhook of one account.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountWebhook)]
struct AccountWebhookView {
    /// Its id in the connector's manifest.
    webhook: String,
    /// The URL to enter at the provider. Keep it secret: it may hold what proves its calls.
    url: String,
    /// The secret to enter beside it, where there is one that Tenon made.
    secret: Option<String>,
    /// How to enter them.
    instructions: Option<String>,
}

impl From<AccountWebhook> for AccountWebhookView {
    fn from(webhook: AccountWebhook) -> Self {
        let text = |secret: tenon_contract::secret::SecretBytes| {
            String::from_utf8_lossy(secret.expose()).into_owned()
        };
        Self {
            webhook: webhook.webhook,
            url: webhook.url,
            secret: webhook.secret.map(text),
            instructions: webhook.instructions,
        }
    }
}

/// List the webhooks of an integration
///
/// With the URLs to enter at the provider, and how.
#[utoipa::path(
    get,
    path = "/integrations/{integration}/webhooks",
    operation_id = "list_webhooks",
    tag = "integrations",
    params(("project" = String, Path, format = Uuid), IntegrationPath),
    responses((status = 200, description = "The webhooks", body = WebhookList))
)]
async fn list(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<IntegrationPath>,
) -> Result<Json<WebhookList>, Problem> {
    let found = api.config.webhooks(caller.project, &path.integration).await;
    let found = found.map_err(problem::of_config)?;
    Ok(Json(WebhookList { webhooks: found.into_iter().map(Into::into).collect() }))
}

/// Ask for an account's own webhook URL
///
/// For webhooks whose scope is `account`. The first time, the secret that its calls are proven with is
/// made; it is the same from then on.
#[utoipa::path(
    post,
    path = "/credentials/{credential}/webhooks/{webhook}",
    operation_id = "get_account_webhook",
    tag = "credentials",
    params(("project" = String, Path, format = Uuid), WebhookPath),
    responses((status = 200, description = "What to enter", body = AccountWebhookView))
)]
async fn of_account(
    State(api): State<Api>,
    caller: Caller,
    PathParams(path): PathParams<WebhookPath>,
) -> Result<Json<AccountWebhookView>, Problem> {
    let (project, credential) = (caller.project, path.credential);
    let found = api.config.account_webhook(project, credential, &path.webhook).await;
    Ok(Json(found.map_err(problem::of_config)?.into()))
}
