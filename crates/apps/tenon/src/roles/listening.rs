//! What a process answers over HTTP, by its roles.

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use tenon_api::{ApiState, Readiness};
use tenon_config::{Configuration, InstallationKey};
use tenon_connect::sources::{DataSources, NoDataSources};
use tenon_connect::{AccountAuth, ConnectState, Embedded};
use tenon_contract::user_token::UserTokens;
use tenon_exec::admission::Admission;
use tenon_exec::archive;
use tenon_exec::ports::script::FunctionRunner;
use tenon_gateway::GatewayState;
use tenon_gateway::webhooks::Webhooks;
use tenon_http_kit::with_layers;

use tenon_proxy::{CallLog, Credentials, Proxy, ProxyParts};
use tenon_sources::{Sources, SourcesParts};
use tenon_vault::policy::Caller;
use tokio_util::sync::CancellationToken;
use url::Url;
use zeroize::Zeroizing;

use super::readiness::Dependencies;
use super::shared::Shared;
use super::{Parts, Role, Store};

/// The files of the Connect Portal, by their paths; none where it was not built.
const PORTAL_FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/portal_files.rs"));

/// The routes of this process.
///
/// # Errors
/// When a role lacks something that it needs.
pub(super) fn routes(
    parts: &Parts,
    shared: &Shared,
    configuration: Option<&Configuration>,
    calls: Arc<dyn CallLog>,
    public_url: &Url,
    listening: &CancellationToken,
) -> anyhow::Result<Router> {
    let mut router = Router::new();
    if let Some(configuration) = configuration {
        let state = api(parts, shared, configuration, listening)?;
        router = router.merge(tenon_api::router(state));
        let connect = connect(parts, shared, configuration, public_url)?;
        router = router.merge(tenon_connect::router(connect));
    }
    if parts.roles.has(Role::Gateway) {
        router = router.merge(tenon_gateway::router(GatewayState {
            plans: shared.plans.clone(),
            intake: shared.execution()?.intake.clone(),
            admission: Arc::new(Admission::new(shared.queue.clone(), parts.settings.admission())),
            coordination: shared.coordination.clone(),
            user_tokens: Arc::new(UserTokens::new(parts.settings.gateway.user_tokens_max)),
            webhooks: webhooks(parts, shared, public_url),
            clock: shared.clock.clone(),
            body_limits: parts.settings.bodies(),
            json_limits: parts.settings.json(),
        }));
    }
    let health = tenon_api::health_router(readiness(parts, shared));
    let layers = parts.settings.layers();
    let routes = with_layers(router.merge(health), &layers);
    Ok(match proxy(parts, shared, calls)? {
        Some(proxy) => proxy.in_front_of(routes, &layers),
        None => routes,
    })
}

/// Whether this process may be sent work.
pub(super) fn readiness(parts: &Parts, shared: &Shared) -> Arc<dyn Readiness> {
    let vault = shared.accounts.vault_service.as_ref();
    Arc::new(Dependencies {
        store: shared.execution.as_ref().map(|execution| execution.store.clone()),
        queue: parts.roles.may_open(Store::Coordination).then(|| shared.queue.clone()),
        vault: vault.map(|vault| vault.keys().clone()),
    })
}

/// What webhooks of providers need.
fn webhooks(parts: &Parts, shared: &Shared, public_url: &Url) -> Option<Arc<Webhooks>> {
    let secrets = shared.accounts.webhook_secrets()?;
    Some(Arc::new(Webhooks {
        catalog: shared.accounts.catalog.clone(),
        directory: shared.plans.directory(),
        secrets: secrets.clone(),
        public_url: public_url.clone(),
        settings: parts.settings.webhook_settings(),
    }))
}

/// The proxy, where this process has the role.
fn proxy(
    parts: &Parts,
    shared: &Shared,
    calls: Arc<dyn CallLog>,
) -> anyhow::Result<Option<Proxy<Credentials>>> {
    let access = shared.accounts.access(Caller::Proxy).filter(|_| parts.roles.has(Role::Proxy));
    let Some(access) = access else { return Ok(None) };
    let grants = shared.accounts.grants.clone().context(
        "the role `proxy` signs grants: set vault.grant_key_file (`tenon vault new-grant-key`)",
    )?;
    Ok(Some(Proxy::new(ProxyParts {
        plans: shared.plans.clone(),
        accounts: Credentials::new(access.clone(), grants, shared.clock.clone()),
        egress: shared.accounts.egress()?,
        quotas: Some(shared.quotas.clone()),
        log: calls,
        clock: shared.clock.clone(),
        settings: parts.settings.proxying(),
    })))
}

fn connect(
    parts: &Parts,
    shared: &Shared,
    configuration: &Configuration,
    public_url: &Url,
) -> anyhow::Result<ConnectState> {
    let access = shared.accounts.access(Caller::Api).cloned();
    let sources: Arc<dyn DataSources> = match &access {
        Some(access) => Arc::new(Sources::new(SourcesParts {
            access: access.clone(),
            egress: shared.accounts.egress()?,
            quotas: shared.quotas.clone(),
            catalog: shared.accounts.catalog.clone(),
            clock: shared.clock.clone(),
            settings: parts.settings.data_sources(),
        })),
        None => Arc::new(NoDataSources),
    };
    Ok(ConnectState {
        plans: shared.plans.clone(),
        config: configuration.clone(),
        catalog: shared.accounts.catalog.clone(),
        sources,
        account_auth: access.map(|access| Arc::new(access) as Arc<dyn AccountAuth>),
        assets: Arc::new(Embedded::new(PORTAL_FILES)),
        clock: shared.clock.clone(),
        settings: Arc::new(parts.settings.connecting(public_url.clone())),
    })
}

fn api(
    parts: &Parts,
    shared: &Shared,
    configuration: &Configuration,
    listening: &CancellationToken,
) -> anyhow::Result<ApiState> {
    let execution = shared.execution()?;
    let control = shared.control()?;
    let mut settings = parts.settings.management();
    settings.installation_key = installation_key(parts)?;
    Ok(ApiState {
        plans: shared.plans.clone(),
        config: Arc::new(configuration.clone()),
        history: Arc::new(execution.reader.clone()),
        calls: Arc::new(execution.reader.clone()),
        control: Arc::new(control),
        operations: Arc::new(super::cluster::operations(shared)?),
        blobs: execution.blobs.clone(),
        archive: archive::Reader::new(execution.archive.clone()),
        functions: shared.functions.clone().map(|pool| pool as Arc<dyn FunctionRunner>),
        settings: Arc::new(settings),
        shutdown: listening.clone(),
    })
}

/// The key that makes projects, where there is a file of it.
fn installation_key(parts: &Parts) -> anyhow::Result<Option<InstallationKey>> {
    let Some(path) = &parts.settings.api.installation_key_file else { return Ok(None) };
    let text = std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .with_context(|| format!("api.installation_key_file: cannot read {}", path.display()))?;
    let key = InstallationKey::of(text.trim());
    key.map(Some).with_context(|| format!("api.installation_key_file: {}", path.display()))
}
