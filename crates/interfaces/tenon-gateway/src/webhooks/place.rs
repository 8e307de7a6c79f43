//! Which webhook a URL names, and where its secrets are.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::request::Parts;
use tenon_connector::connector::Connector;
use tenon_connector::manifest::webhooks::{
    Registration, Route, Verification, Webhook, WebhookSecret,
};
use tenon_contract::plan::{AppPlan, IntegrationPlan, ProjectPlan};
use tenon_contract::webhook::{WebhookOwner, id_of, secret_of};
use tenon_domain::{CredentialId, IntegrationId, SecretId};
use tenon_exec::webhooks::Place;
use tenon_http_kit::Problem;
use url::form_urlencoded;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::Webhooks;
use crate::state::GatewayState;

/// What a URL says, unread.
pub(super) struct Address {
    pub(super) project: String,
    /// The connector's name, or the integration's id.
    pub(super) integration: String,
    /// Its id in the manifest, or its id on the wire.
    pub(super) webhook: String,
    pub(super) account: Option<String>,
}

/// What a URL means.
pub(super) struct Found {
    pub(super) plan: Arc<ProjectPlan>,
    integration: usize,
    connector: Arc<Connector>,
    webhook: usize,
    account: Option<CredentialId>,
}

impl Found {
    pub(super) fn place(&self) -> Place<'_> {
        Place {
            plan: &self.plan,
            integration: self.integration(),
            webhook: self.webhook(),
            account: self.account,
        }
    }

    pub(super) fn webhook(&self) -> &Webhook {
        &self.connector.manifest().webhooks[self.webhook]
    }

    fn integration(&self) -> &IntegrationPlan {
        &self.plan.integrations[self.integration]
    }

    /// The builder's app: of the first auth method that has one.
    pub(super) fn app(&self) -> Option<&AppPlan> {
        let methods = self.connector.manifest().auth.iter();
        methods.filter_map(|method| self.integration().apps.get(&method.id)).next()
    }
}

/// The webhook of a URL; `None` where any part of it is not there.
pub(super) async fn find(
    state: &GatewayState,
    webhooks: &Webhooks,
    address: &Address,
) -> Result<Option<Found>, Problem> {
    let Ok(project) = address.project.parse() else { return Ok(None) };
    let account = match address.account.as_deref().map(str::parse::<CredentialId>).transpose() {
        Ok(account) => account,
        Err(_) => return Ok(None),
    };
    let Some(plan) = state.project(project).await? else { return Ok(None) };
    let id = address.integration.parse::<IntegrationId>().ok();
    let is_meant =
        |one: &IntegrationPlan| one.connector == address.integration || Some(one.id) == id;
    let Some(integration) = plan.integrations.iter().position(is_meant) else { return Ok(None) };
    let found = &plan.integrations[integration];
    let manifest = found.manifest.as_ref();
    let Some(connector) = webhooks.catalog.find(project, &found.connector, manifest) else {
        return Ok(None);
    };
    let wire_id = address.webhook.parse::<Uuid>().ok();
    let is_named = |one: &Webhook| {
        one.id == address.webhook || wire_id.is_some_and(|id| id == id_of(found.id, &one.id))
    };
    let Some(webhook) = connector.manifest().webhooks.iter().position(is_named) else {
        return Ok(None);
    };
    let named = &connector.manifest().webhooks[webhook];
    let is_of_account = matches!(named.route, Route::Url {});
    let is_supported = !matches!(named.registration, Registration::Requests { .. });
    if !is_supported || (is_of_account && account.is_none()) {
        return Ok(None);
    }
    Ok(Some(Found { plan, integration, connector, webhook, account }))
}

/// Where the secrets are that a call may be signed with, and whether there is no such URL without
/// one of them.
pub(super) fn secret_ids(found: &Found) -> (Vec<SecretId>, bool) {
    let webhook = found.webhook();
    let of_account = || {
        let account = found.account.map(WebhookOwner::Account);
        account.map(|owner| secret_of(owner, &webhook.id)).into_iter().collect()
    };
    if let Verification::SecretUrl {} = webhook.verification {
        return (of_account(), true);
    }
    match &webhook.secret {
        WebhookSecret::None => (Vec::new(), false),
        WebhookSecret::Field(_) | WebhookSecret::Generated => (of_account(), true),
        WebhookSecret::App(_) => {
            let integration = found.integration();
            let methods = found.connector.manifest().auth.iter().map(|method| method.id.as_str());
            let with_app = methods.filter(|method| integration.apps.contains_key(*method));
            let owner =
                |auth_method| WebhookOwner::App { integration: integration.id, auth_method };
            (with_app.map(|method| secret_of(owner(method), &webhook.id)).collect(), false)
        }
    }
}

/// Whether the URL holds its random part, where that is all that proves a call.
pub(super) fn has_key(found: &Found, parts: &Parts, secrets: &[Zeroizing<String>]) -> bool {
    if !matches!(found.webhook().verification, Verification::SecretUrl {}) {
        return true;
    }
    let query = parts.uri.query().unwrap_or_default();
    let given = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "key");
    let given = given.map(|(_, value)| value.into_owned()).unwrap_or_default();
    let is_it = |secret: &Zeroizing<String>| {
        verify_slices_are_equal(given.as_bytes(), secret.as_bytes()).is_ok()
    };
    secrets.iter().any(is_it)
}
