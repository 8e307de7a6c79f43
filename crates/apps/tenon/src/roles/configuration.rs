//! The role `api`: the configuration plane, and what keeps its plans published.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use async_trait::async_trait;
use tenon_config::linking::{LinkSettings, LinkingParts, ThroughCredentials};
use tenon_config::ports::Announcer;
use tenon_config::{Configuration, PlanPublisher};
use tenon_contract::vault::SharedValues;
use tenon_credentials::linking::Linking;
use tenon_exec::plans::Plans;
use tenon_exec::ports::coordination::Coordination;
use tenon_vault::policy::Caller;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::shared::Shared;
use super::triggering::ToExecution;
use super::{Parts, Store, plan_requests};

/// How often unpublished plans are looked for.
const PUBLISH_INTERVAL: Duration = Duration::from_secs(1);
/// How often the vault is asked for changes.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(1);
/// How often ended connect sessions are removed.
const SWEEP_INTERVAL: Duration = Duration::from_secs(300);
/// How often what installations ask of execution is handed over, where that did not work at once.
const RELAY_INTERVAL: Duration = Duration::from_secs(1);

/// Tells this process at once, the others through the coordination service: a caller whose change
/// was answered finds it when it comes back to this process.
struct AnnounceThrough {
    plans: Arc<Plans>,
    coordination: Arc<dyn Coordination>,
    shared_values: Option<Arc<dyn SharedValues>>,
}

#[async_trait]
impl Announcer for AnnounceThrough {
    async fn announce(&self, topic: &str) {
        self.plans.hear(topic);
        let secret = topic.strip_prefix("secret:").and_then(|id| id.parse().ok());
        if let (Some(secret), Some(values)) = (secret, &self.shared_values) {
            values.remove(secret).await;
        }
        if let Err(error) = self.coordination.announce(topic).await {
            tracing::debug!(error = %error, "a change was not announced");
        }
    }
}

/// The configuration plane, where this process may open its database.
///
/// # Errors
/// When the database cannot be reached or migrated.
pub(super) async fn open(
    parts: &Parts,
    shared: &Shared,
    public_url: Url,
    tasks: &TaskTracker,
    stopping: &CancellationToken,
) -> anyhow::Result<Option<Configuration>> {
    if !parts.roles.may_open(Store::ConfigDatabase) {
        return Ok(None);
    }
    let url = parts
        .config_url
        .as_deref()
        .context("the api role needs the configuration database: set postgres.config_url")?;
    let settings = parts.settings.config_store(url.to_owned());
    let store = tenon_pg_config::PgConfigStore::new(&settings)?;
    store.migrate().await.context("cannot bring the configuration database up to date")?;
    shared.pools.add("config", store.pool());
    let store: Arc<dyn tenon_config::ports::Store> = Arc::new(store);
    let announcer = Arc::new(AnnounceThrough {
        plans: shared.plans.clone(),
        coordination: shared.coordination.clone(),
        shared_values: shared.shared_values.clone(),
    });
    let publisher = PlanPublisher::new(store.clone(), shared.plan_cache.clone(), announcer)
        .with_catalog(shared.accounts.catalog.clone());
    if let Err(error) = publisher.publish_all().await {
        tracing::warn!(error = %error, "plans are published later");
    }
    tasks.spawn(keep_published(publisher.clone(), stopping.clone()));
    for asked in [shared.coordination.announcements(), shared.plan_requests.own()] {
        tasks.spawn(plan_requests::answer(publisher.clone(), asked, stopping.clone()));
    }
    let limits = parts.settings.configuring();
    let configuration = Configuration::new(store, publisher, shared.clock.clone(), limits)
        .with_triggering(Arc::new(ToExecution::of(shared)?));
    tasks.spawn(relay_signals(configuration.clone(), stopping.clone()));
    let settings = parts.settings.linking(public_url);
    let Some(linking) = linking(shared, settings) else { return Ok(Some(configuration)) };
    let configuration = configuration.with_linking(linking);
    tasks.spawn(follow_vault(configuration.clone(), stopping.clone()));
    Ok(Some(configuration))
}

/// What linking accounts needs, where there is a vault.
fn linking(shared: &Shared, settings: LinkSettings) -> Option<LinkingParts> {
    let accounts = &shared.accounts;
    let access = accounts.access(Caller::Api)?;
    Some(LinkingParts {
        vault: accounts.vault(Caller::Api)?,
        linker: Arc::new(ThroughCredentials::new(Linking::new(access))),
        catalog: accounts.catalog.clone(),
        settings,
    })
}

/// Takes over what happens to credentials in the vault, and removes connect sessions that ended.
async fn follow_vault(configuration: Configuration, stop: CancellationToken) {
    let mut swept_at = Instant::now();
    loop {
        if let Err(error) = configuration.follow_vault().await {
            tracing::debug!(error = %error, "the vault's changes are taken over later");
        }
        if swept_at.elapsed() >= SWEEP_INTERVAL {
            swept_at = Instant::now();
            if let Err(error) = configuration.sweep().await {
                tracing::debug!(error = %error, "connect sessions are swept later");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(FOLLOW_INTERVAL) => {}
        }
    }
}

/// Hands over to execution what installations ask of it.
async fn relay_signals(configuration: Configuration, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(RELAY_INTERVAL) => {}
        }
        if let Err(error) = configuration.relay_signals().await {
            tracing::debug!(error = %error, "signals of installations are handed over later");
        }
    }
}

async fn keep_published(publisher: PlanPublisher, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PUBLISH_INTERVAL) => {}
        }
        if let Err(error) = publisher.repair().await {
            tracing::debug!(error = %error, "plans are published later");
        }
    }
}
